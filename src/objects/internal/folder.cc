#include "objects/internal/folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "objects/internal/beneath.h"
#include "objects/internal/key_path.h"

namespace tarn::objects {
namespace {

constexpr std::string_view kTemporaryName = "tmp";
// A put that meets folders vanishing under it, or an object that changes while its record is read,
// tries again; each try needs another writer to interfere anew.
constexpr int kTriesMax = 100;
constexpr size_t kEmptyFoldersMax = 100'000;  // kConflict; of a bucket that is deleted.

// Where the records of a key lie in the hidden area. The hash keeps names short and flat.
std::string RecordPath(std::string_view bucket, std::string_view key) {
  const std::string hash = HexEncode(crypto::Sha256(key).substr(0, 16));
  return "meta/" + std::string(bucket) + "/" + hash.substr(0, 2) + "/" + hash.substr(2);
}

// The ETag of a file that somebody put into the tree: its content is not read for it. The "-1"
// tells clients that it is not the MD5 of the content, as it does for multipart uploads.
std::string DerivedEtag(const struct stat& status) {
  std::string identity;
  AppendBe64(&identity, static_cast<uint64_t>(status.st_size));
  AppendBe64(&identity, static_cast<uint64_t>(ModifiedNs(status)));
  AppendBe64(&identity, static_cast<uint64_t>(status.st_ino));
  return HexEncode(crypto::Sha256(identity).substr(0, 16)) + "-1";
}

bool Describes(const ObjectRecord& record, const struct stat& status) {
  return record.modified_ns == ModifiedNs(status) &&
         record.bytes == static_cast<uint64_t>(status.st_size);
}

ObjectInfo InfoOf(std::string_view key, const struct stat& status, const ObjectRecord* record) {
  ObjectInfo info;
  info.key = key;
  info.bytes = static_cast<uint64_t>(status.st_size);
  info.modified_unix_ms = ModifiedNs(status) / 1'000'000;
  info.etag = record != nullptr ? record->etag : DerivedEtag(status);
  if (record != nullptr) info.metadata = record->metadata;
  return info;
}

Error NoSuchBucket(std::string_view bucket) {
  return NotFound("there is no bucket " + std::string(bucket));
}

// Removes the folders below, when nothing but folders is there. False when something else is.
Result<bool> RemoveEmptyFolders(int folder_fd) {
  std::vector<std::string> folders = {""};  // Each before those in it.
  for (size_t i = 0; i < folders.size(); ++i) {
    UniqueFd fd;
    const int error = OpenBeneath(folder_fd, folders[i], O_RDONLY | O_DIRECTORY, &fd);
    if (error == ENOENT) continue;
    if (error != 0) return FileError("bucket", error);
    const std::string prefix = folders[i].empty() ? "" : folders[i] + "/";
    FolderEntries entries(std::move(fd));
    FolderEntries::Entry entry;
    while (entries.Next(&entry)) {
      if (entry.type != FolderEntries::Type::kFolder) return false;
      if (folders.size() == kEmptyFoldersMax) {
        return Error{ErrorKind::kConflict,
                     "the bucket holds more than " + std::to_string(kEmptyFoldersMax) + " folders"};
      }
      folders.push_back(prefix + std::string(entry.name));
    }
    if (entries.error() != 0) return FileError("bucket", entries.error());
  }
  for (size_t i = folders.size(); i-- > 1;) {
    UniqueFd parent;
    std::string name;
    // What cannot be removed now holds something new, and so does the bucket.
    if (OpenParent(folder_fd, folders[i], &parent, &name) == 0) {
      unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR);
    }
  }
  return true;
}

// A crash between making an upload's folder and writing what it uploads leaves the folder.
void RemoveUploadsWithoutRecord(int area_fd) {
  UniqueFd uploads_fd;
  if (OpenBeneath(area_fd, "uploads", O_RDONLY | O_DIRECTORY, &uploads_fd) != 0) return;
  FolderEntries buckets(std::move(uploads_fd));
  FolderEntries::Entry bucket;
  while (buckets.Next(&bucket)) {
    UniqueFd bucket_fd;
    if (OpenBeneath(buckets.fd(), bucket.name, O_RDONLY | O_DIRECTORY, &bucket_fd) != 0) continue;
    FolderEntries uploads(std::move(bucket_fd));
    FolderEntries::Entry upload;
    while (uploads.Next(&upload)) {
      unlinkat(uploads.fd(), std::string(upload.name).c_str(), AT_REMOVEDIR);  // When empty.
    }
  }
}

}  // namespace

Error FileError(std::string_view what, int error_number) {
  if (error_number == ELOOP) {
    return {ErrorKind::kForbidden, std::string(what) + ": symbolic links are not followed"};
  }
  return ErrnoError(what, error_number);
}

int64_t ModifiedNs(const struct stat& status) {
  return static_cast<int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

TemporaryFile::~TemporaryFile() {
  if (!name_.empty()) unlinkat(folder_fd_, name_.c_str(), 0);
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : folder_fd_(other.folder_fd_), name_(std::move(other.name_)), fd_(std::move(other.fd_)) {
  other.name_.clear();
}

Result<std::unique_ptr<Folder>> Folder::Open(const std::string& path, const Clock& clock,
                                             RandomSource& random) {
  const std::string area = path + "/" + std::string(kAreaName);
  TRY(MakeFolders(area));
  TRY(FileLock lock, FileLock::Acquire(area + "/lock"));
  // Whatever is in the temporary folder was being written, or removed, when a process ended.
  const std::string temporary = area + "/" + std::string(kTemporaryName);
  TRY(RemoveFolder(temporary));
  for (const std::string& folder : {temporary, area + "/meta", area + "/uploads"}) {
    TRY(MakeFolders(folder));
  }
  std::unique_ptr<Folder> out(new Folder(path, std::move(lock), clock, random));
  out->root_fd_ = UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out->root_fd_.valid()) return ErrnoError(path, errno);
  const int error =
      OpenBeneath(out->root_fd_.get(), kAreaName, O_RDONLY | O_DIRECTORY, &out->area_fd_);
  if (error == ENOSYS || error == EPERM) {
    return Error{ErrorKind::kUnsupported, "objects need the system call openat2 (Linux 5.6)"};
  }
  if (error != 0) return FileError(area, error);
  const int temporary_error =
      OpenBeneath(out->area_fd_.get(), kTemporaryName, O_RDONLY | O_DIRECTORY, &out->temporary_fd_);
  if (temporary_error != 0) return FileError(temporary, temporary_error);
  RemoveUploadsWithoutRecord(out->area_fd_.get());
  return out;
}

Result<UniqueFd> Folder::OpenBucket(std::string_view bucket) const {
  TRY(CheckBucketName(bucket));
  UniqueFd fd;
  const int error = OpenBeneath(root_fd_.get(), bucket, O_RDONLY | O_DIRECTORY, &fd);
  if (error == ENOENT || error == ENOTDIR) return NoSuchBucket(bucket);
  if (error != 0) return FileError("bucket " + std::string(bucket), error);
  return fd;
}

Status Folder::CreateBucket(std::string_view bucket) {
  TRY(CheckBucketName(bucket));
  const std::string name(bucket);
  // The lock spans system calls: a bucket that is deleted and made again at one moment must not
  // lose records of the new one with those of the old one.
  MutexLock lock(buckets_mutex_);
  if (faccessat(root_fd_.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
    return Error{ErrorKind::kConflict, "bucket " + name + " exists"};
  }
  // What a bucket of this name left behind when somebody removed its folder by hand.
  for (const char* kind : {"meta/", "uploads/"}) TRY(RemoveAreaFolder(kind + name));
  if (mkdirat(root_fd_.get(), name.c_str(), 0700) != 0) {
    return ErrnoError("bucket " + name, errno);
  }
  if (fsync(root_fd_.get()) != 0) return ErrnoError("sync of bucket " + name, errno);
  return Ok();
}

Status Folder::DeleteBucket(std::string_view bucket) {
  const std::string name(bucket);
  MutexLock lock(buckets_mutex_);  // As in CreateBucket.
  TRY(UniqueFd fd, OpenBucket(bucket));
  TRY(const bool removed, RemoveEmptyFolders(fd.get()));
  if (!removed) return Error{ErrorKind::kConflict, "bucket " + name + " is not empty"};
  if (unlinkat(root_fd_.get(), name.c_str(), AT_REMOVEDIR) != 0) {
    if (errno == ENOTEMPTY || errno == EEXIST) {
      return Error{ErrorKind::kConflict, "bucket " + name + " is not empty"};
    }
    return ErrnoError("bucket " + name, errno);
  }
  if (fsync(root_fd_.get()) != 0) return ErrnoError("sync of bucket " + name, errno);
  for (const char* kind : {"meta/", "uploads/"}) TRY(RemoveAreaFolder(kind + name));
  return Ok();
}

Result<std::vector<BucketInfo>> Folder::ListBuckets() const {
  UniqueFd fd;
  const int error = OpenBeneath(root_fd_.get(), "", O_RDONLY | O_DIRECTORY, &fd);
  if (error != 0) return FileError("list of buckets", error);
  FolderEntries entries(std::move(fd));
  FolderEntries::Entry entry;
  std::vector<BucketInfo> buckets;
  while (entries.Next(&entry)) {
    if (entry.type != FolderEntries::Type::kFolder || !CheckBucketName(entry.name).ok()) continue;
    BucketInfo info;
    info.name = entry.name;
    struct statx status;
    if (statx(entries.fd(), info.name.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_CTIME,
              &status) != 0) {
      continue;  // Deleted since.
    }
    // Not every file system keeps the time of birth.
    const auto& time = (status.stx_mask & STATX_BTIME) != 0 ? status.stx_btime : status.stx_ctime;
    info.created_unix_ms = time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
    buckets.push_back(std::move(info));
  }
  if (entries.error() != 0) return FileError("list of buckets", entries.error());
  std::sort(buckets.begin(), buckets.end(),
            [](const BucketInfo& a, const BucketInfo& b) { return a.name < b.name; });
  return buckets;
}

Result<FoundFile> Folder::Find(std::string_view bucket, std::string_view key) const {
  TRY(CheckKey(key));
  TRY(UniqueFd bucket_fd, OpenBucket(bucket));
  const KeyPath path = PathOfKey(key);
  int worst = ENOENT;
  // The plain place twice: between the first two looks a put may move the object from the escaped
  // place back to the plain one.
  for (const std::string* place : {&path.plain, &path.escaped, &path.plain}) {
    if (place->empty()) continue;
    FoundFile found;
    // O_NONBLOCK: a pipe that somebody put there must not hold us up.
    const int error = OpenBeneath(bucket_fd.get(), *place, O_RDONLY | O_NONBLOCK, &found.fd);
    if (error == 0) {
      if (fstat(found.fd.get(), &found.status) != 0) return FileError("object", errno);
      if (S_ISREG(found.status.st_mode)) return found;
    } else if (error != ENOENT && error != ENOTDIR && error != ENAMETOOLONG && error != ENXIO) {
      worst = error;
    }
  }
  if (worst == ENOENT) return NotFound("object " + std::string(key));
  return FileError("object " + std::string(key), worst);
}

Result<std::vector<ObjectRecord>> Folder::ReadRecords(std::string_view bucket,
                                                      std::string_view key) const {
  const std::string path = RecordPath(bucket, key);
  UniqueFd fd;
  const int error = OpenBeneath(area_fd_.get(), path, O_RDONLY, &fd);
  if (error == ENOENT || error == ENOTDIR) return std::vector<ObjectRecord>();
  if (error != 0) return FileError(path, error);
  std::string bytes(kRecordBytesMax + 1, '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = read(fd.get(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError(path, errno);
    if (count == 0) break;
    filled += static_cast<size_t>(count);
  }
  bytes.resize(filled);
  Result<std::vector<ObjectRecord>> records = DecodeObjectRecords(bytes);
  if (!records.ok()) {
    return Error{records.error().kind,
                 std::string(kAreaName) + "/" + path + ": " + records.error().detail};
  }
  return records;
}

Result<ObjectInfo> Folder::Describe(std::string_view bucket, std::string_view key,
                                    FoundFile* found) const {
  for (int i = 0; i < kTriesMax; ++i) {
    TRY(*found, Find(bucket, key));
    TRY(const std::vector<ObjectRecord> records, ReadRecords(bucket, key));
    for (const ObjectRecord& record : records) {
      if (Describes(record, found->status)) return InfoOf(key, found->status, &record);
    }
    // Either nobody but a person wrote this file, or it was replaced, with its records, since it
    // was opened. The first is sure when the same file is still there.
    TRY(const FoundFile again, Find(bucket, key));
    if (again.status.st_ino == found->status.st_ino &&
        ModifiedNs(again.status) == ModifiedNs(found->status)) {
      return InfoOf(key, found->status, nullptr);
    }
  }
  return Error{ErrorKind::kBusy, "object changes all the time: " + std::string(key)};
}

ObjectInfo Folder::DescribeForListing(std::string_view bucket, std::string_view key,
                                      const struct stat& status) const {
  const Result<std::vector<ObjectRecord>> records = ReadRecords(bucket, key);
  if (!records.ok()) {
    LogWarning("object record unreadable", {{"error", records.error().detail}});
    return InfoOf(key, status, nullptr);
  }
  for (const ObjectRecord& record : records.value()) {
    if (!Describes(record, status)) continue;
    ObjectInfo info = InfoOf(key, status, &record);
    info.metadata = ObjectMetadata();
    return info;
  }
  return InfoOf(key, status, nullptr);
}

Result<TemporaryFile> Folder::NewTemporary() {
  std::string name = NewHexId(random_);
  UniqueFd fd(openat(temporary_fd_.get(), name.c_str(),
                     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return ErrnoError("temporary file", errno);
  return TemporaryFile(temporary_fd_.get(), std::move(name), std::move(fd));
}

Status Folder::WriteAreaFile(const std::string& path, std::string_view bytes) {
  TRY(TemporaryFile file, NewTemporary());
  TRY(WriteAll(file.fd(), bytes));
  if (fdatasync(file.fd()) != 0) return ErrnoError("sync of " + path, errno);
  std::string blocked;
  int error = MakeFoldersBeneath(area_fd_.get(), path.substr(0, path.rfind('/')), &blocked);
  if (error != 0) return FileError(path, error);
  UniqueFd parent;
  std::string name;
  error = OpenParent(area_fd_.get(), path, &parent, &name);
  if (error != 0) return FileError(path, error);
  if (renameat(file.folder_fd(), file.name().c_str(), parent.get(), name.c_str()) != 0) {
    return ErrnoError(path, errno);
  }
  file.Published();
  if (fsync(parent.get()) != 0) return ErrnoError("sync of " + path, errno);
  return Ok();
}

Status Folder::RemoveAreaFolder(const std::string& path) {
  const std::string name = NewHexId(random_);
  if (renameat(area_fd_.get(), path.c_str(), temporary_fd_.get(), name.c_str()) != 0) {
    return errno == ENOENT ? Ok() : Status(ErrnoError(path, errno));
  }
  return RemoveFolder(path_ + "/" + std::string(kAreaName) + "/" + std::string(kTemporaryName) +
                      "/" + name);
}

Mutex& Folder::KeyMutex(std::string_view bucket, std::string_view key) const {
  const uint32_t hash = crypto::Crc32c(crypto::Crc32c(0, bucket), key);
  return key_mutexes_[hash % key_mutexes_.size()];
}

// A file stands where a folder is needed: `a` is an object, and now `a/b` comes. The file keeps its
// key and gets the escaped place.
Status Folder::MoveFileAside(std::string_view bucket, int bucket_fd, const std::string& path) {
  const std::optional<std::string> key = KeyOfPath(path);
  if (!key.has_value()) return Error{ErrorKind::kConflict, "no folder can be made at " + path};
  const std::string target = PathOfKey(*key).escaped;
  if (target.find('/', path.rfind('/') + 1) != std::string::npos) {
    // A long name needs folders of its own for that, which nothing can block but a stray file.
    std::string blocked;
    const int error = MakeFoldersBeneath(bucket_fd, target.substr(0, target.rfind('/')), &blocked);
    if (error != 0) return FileError(target, error);
  }
  UniqueFd from;
  UniqueFd to;
  std::string from_name;
  std::string to_name;
  int error = OpenParent(bucket_fd, path, &from, &from_name);
  if (error == 0) error = OpenParent(bucket_fd, target, &to, &to_name);
  if (error != 0) return FileError(path, error);
  // The lock spans system calls so that a put or delete of this key sees it in one place.
  MutexLock lock(KeyMutex(bucket, *key));
  struct stat status;
  if (fstatat(from.get(), from_name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Ok() : Status(ErrnoError(path, errno));
  }
  if (S_ISDIR(status.st_mode)) return Ok();
  if (!S_ISREG(status.st_mode)) return FileError(path, ELOOP);
  if (renameat(from.get(), from_name.c_str(), to.get(), to_name.c_str()) != 0) {
    return errno == ENOENT ? Ok() : Status(ErrnoError(path, errno));
  }
  if (fsync(to.get()) != 0 || fsync(from.get()) != 0) return ErrnoError("sync of " + path, errno);
  return Ok();
}

Status Folder::MakeParents(std::string_view bucket, int bucket_fd, std::string_view path) {
  const size_t last = path.rfind('/');
  if (last == std::string_view::npos) return Ok();
  int error = 0;
  for (int i = 0; i < kTriesMax; ++i) {
    std::string blocked;
    error = MakeFoldersBeneath(bucket_fd, path.substr(0, last), &blocked);
    if (error == 0) return Ok();
    if (error == ENOTDIR) {
      TRY(MoveFileAside(bucket, bucket_fd, blocked));
    } else if (error != ENOENT) {  // ENOENT: a delete removed the folder again; once more.
      break;
    }
  }
  return FileError("folder of the object", error);
}

Result<Folder::Placed> Folder::Place(std::string_view bucket, std::string_view key,
                                     TemporaryFile* file, const ObjectRecord& record,
                                     PutCondition condition) {
  TRY(UniqueFd bucket_fd, OpenBucket(bucket));
  const KeyPath path = PathOfKey(key);
  UniqueFd parent;
  std::string name;
  bool plain = !path.plain.empty();
  for (;;) {
    const std::string& place = plain ? path.plain : path.escaped;
    TRY(MakeParents(bucket, bucket_fd.get(), place));
    const int error = OpenParent(bucket_fd.get(), place, &parent, &name);
    if (error == ENOENT || error == ENOTDIR) return Placed::kRetry;
    if (error != 0) return FileError("folder of the object", error);
    struct stat status;
    if (fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) break;
    // What is no object has the name: a put replaces it, and one that may replace nothing cannot.
    if (condition == PutCondition::kAbsent && !S_ISREG(status.st_mode) &&
        !S_ISDIR(status.st_mode)) {
      return FileError("object " + std::string(key), S_ISLNK(status.st_mode) ? ELOOP : EEXIST);
    }
    if (!plain || !S_ISDIR(status.st_mode)) break;
    plain = false;  // A folder has this name; the object gets the escaped place.
  }

  // The lock spans system calls: records and file of one key change together, or a second writer's
  // records would describe the first one's file.
  MutexLock lock(KeyMutex(bucket, key));
  std::vector<ObjectRecord> records = {record};
  const Result<FoundFile> present = Find(bucket, key);
  if (present.ok()) {
    if (condition == PutCondition::kAbsent) {
      return Error{ErrorKind::kPreconditionFailed, "object " + std::string(key) + " exists"};
    }
    Result<std::vector<ObjectRecord>> old = ReadRecords(bucket, key);
    // Damaged records go with the object that is replaced.
    if (!old.ok() && old.error().kind != ErrorKind::kCorrupt) return std::move(old).error();
    for (size_t i = 0; old.ok() && i < old.value().size(); ++i) {
      if (!Describes(old.value()[i], present.value().status)) continue;
      records.push_back(std::move(old.value()[i]));
      break;
    }
  }
  TRY(WriteAreaFile(RecordPath(bucket, key), EncodeObjectRecords(records)));
  const unsigned flags = condition == PutCondition::kAbsent ? RENAME_NOREPLACE : 0;
  if (renameat2(file->folder_fd(), file->name().c_str(), parent.get(), name.c_str(), flags) != 0) {
    // A folder went, or came, since the look above: once more. Under kAbsent the next try tells an
    // object from a folder.
    if (errno == ENOENT || errno == EISDIR || errno == ENOTDIR || errno == EEXIST) {
      return Placed::kRetry;
    }
    return FileError("object " + std::string(key), errno);
  }
  file->Published();
  if (fsync(parent.get()) != 0) return FileError("sync of the object's folder", errno);
  if (plain) {
    // An older state may lie in the escaped place; not before this one is sure to stay. Should a
    // power cut bring it back, the plain place wins.
    UniqueFd other;
    std::string other_name;
    if (OpenParent(bucket_fd.get(), path.escaped, &other, &other_name) == 0) {
      unlinkat(other.get(), other_name.c_str(), 0);
    }
  }
  return Placed::kDone;
}

Result<ObjectInfo> Folder::Publish(std::string_view bucket, std::string_view key,
                                   TemporaryFile* file, const PublishRequest& request) {
  // Milliseconds of the clock, and below them random digits: two states of an object never share
  // their time, however coarse the kernel's is, so the record of one never describes the other.
  std::array<char, 4> random;
  random_.Fill(random);
  const int64_t now_ms = clock_.UnixMs();
  const int64_t below_ms = LoadBe32(std::string_view(random.data(), random.size())) % 1'000'000;
  timespec times[2];
  times[0] = {.tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1'000'000 + below_ms};
  times[1] = times[0];
  // fsync and not fdatasync: the time must survive too.
  if (futimens(file->fd(), times) != 0 || fsync(file->fd()) != 0) {
    return FileError("sync of the object", errno);
  }
  struct stat status;
  if (fstat(file->fd(), &status) != 0) return FileError("object", errno);
  ObjectRecord record;
  record.modified_ns = ModifiedNs(status);  // As the file system has rounded it.
  record.bytes = static_cast<uint64_t>(status.st_size);
  record.etag = request.etag;
  record.metadata = request.metadata;
  for (int i = 0; i < kTriesMax; ++i) {
    TRY(const Placed placed, Place(bucket, key, file, record, request.condition));
    if (placed == Placed::kDone) return InfoOf(key, status, &record);
  }
  return Error{ErrorKind::kUnavailable, "object " + std::string(key) + " could not be placed"};
}

Status Folder::Remove(std::string_view bucket, std::string_view key) {
  TRY(CheckKey(key));
  TRY(UniqueFd bucket_fd, OpenBucket(bucket));
  const KeyPath path = PathOfKey(key);
  {
    MutexLock lock(KeyMutex(bucket, key));  // As in Place.
    bool removed = false;
    // The plain place last: it hides an older state in the escaped one, which must not come back
    // when a crash comes between the two.
    for (const std::string* place : {&path.escaped, &path.plain}) {
      if (place->empty()) continue;
      UniqueFd parent;
      std::string name;
      struct stat status;
      if (OpenParent(bucket_fd.get(), *place, &parent, &name) != 0 ||
          fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
          !S_ISREG(status.st_mode)) {
        continue;  // Nothing there that is an object.
      }
      if (unlinkat(parent.get(), name.c_str(), 0) != 0 && errno != ENOENT) {
        return FileError("object " + std::string(key), errno);
      }
      if (fsync(parent.get()) != 0) return FileError("sync of the object's folder", errno);
      removed = true;
    }
    if (removed) unlinkat(area_fd_.get(), RecordPath(bucket, key).c_str(), 0);
  }
  // Folders that hold nothing any more; rmdir never takes one that does.
  for (const std::string* place : {&path.plain, &path.escaped}) {
    for (size_t end = place->rfind('/'); end != std::string::npos && end != 0;
         end = place->rfind('/', end - 1)) {
      UniqueFd parent;
      std::string name;
      if (OpenParent(bucket_fd.get(), place->substr(0, end), &parent, &name) != 0) continue;
      if (unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) break;
    }
  }
  return Ok();
}

}  // namespace tarn::objects
