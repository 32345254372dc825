#include "objects/internal/uploads.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "objects/internal/beneath.h"

namespace tarn::objects {
namespace {

constexpr size_t kCopyBytes = 1 << 20;
constexpr size_t kUploadsListedMax = 100'000;  // kTooLarge

// An opened part: its bytes are the file's first `bytes`.
struct Part {
  UniqueFd fd;
  uint64_t bytes = 0;
  int64_t modified_unix_ms = 0;
  PartRecord record;
};

std::string PartName(uint32_t number) {
  char name[16];
  std::snprintf(name, sizeof name, "p%05u", number);
  return name;
}

// 0 when the name is not a part's.
uint32_t PartNumber(std::string_view name) {
  uint32_t number = 0;
  if (name.size() != 6 || name[0] != 'p') return 0;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : 0;
}

bool IsUploadId(std::string_view id) {
  return id.size() == 32 && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string UploadsFolder(std::string_view bucket) { return "uploads/" + std::string(bucket); }

Result<std::string> ReadTail(int fd, uint64_t size, size_t bytes) {
  std::string tail(static_cast<size_t>(std::min<uint64_t>(size, bytes)), '\0');
  size_t filled = 0;
  while (filled < tail.size()) {
    const ssize_t count = pread(fd, tail.data() + filled, tail.size() - filled,
                                static_cast<off_t>(size - tail.size() + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return FileError("part", count < 0 ? errno : EIO);
    filled += static_cast<size_t>(count);
  }
  return tail;
}

Result<Part> OpenPart(int folder_fd, uint32_t number) {
  Part part;
  const int error = OpenBeneath(folder_fd, PartName(number), O_RDONLY, &part.fd);
  if (error == ENOENT) return Invalid("part " + std::to_string(number) + " was not uploaded");
  if (error != 0) return FileError(PartName(number), error);
  struct stat status;
  if (fstat(part.fd.get(), &status) != 0) return FileError(PartName(number), errno);
  const uint64_t size = static_cast<uint64_t>(status.st_size);
  TRY(const std::string end, ReadTail(part.fd.get(), size, kPartTrailerBytes));
  TRY(const size_t record_bytes, PartRecordBytes(end));
  TRY(const std::string record, ReadTail(part.fd.get(), size, record_bytes));
  TRY(part.record, DecodePartRecord(record));
  part.bytes = size - record_bytes;
  part.modified_unix_ms = ModifiedNs(status) / 1'000'000;
  return part;
}

// Appends the part's bytes to `to`, in the kernel where the file systems can.
Status CopyPart(const Part& part, int to, std::string* buffer) {
  off_t offset = 0;
  uint64_t left = part.bytes;
  bool in_kernel = true;
  while (left > 0) {
    const size_t want = static_cast<size_t>(std::min<uint64_t>(left, 1u << 30));
    ssize_t count = in_kernel ? copy_file_range(part.fd.get(), &offset, to, nullptr, want, 0) : -1;
    if (in_kernel && count < 0 &&
        (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ||
         errno == EIO)) {
      in_kernel = false;
    }
    if (!in_kernel) {
      buffer->resize(kCopyBytes);
      count = pread(part.fd.get(), buffer->data(), std::min(want, kCopyBytes), offset);
      if (count > 0) {
        TRY(WriteAll(to, std::string_view(*buffer).substr(0, static_cast<size_t>(count))));
        offset += count;
      }
    }
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError("copy of a part", errno);
    if (count == 0) return Error{ErrorKind::kCorrupt, "a part ended early"};
    left -= static_cast<uint64_t>(count);
  }
  return Ok();
}

class PartWriter final : public ObjectWriter {
 public:
  PartWriter(Folder& folder, TemporaryFile file, std::string path)
      : folder_(folder),
        file_(std::move(file)),
        path_(std::move(path)),
        md5_(crypto::DigestKind::kMd5) {}

  Status Write(std::string_view bytes) override {
    written_ += bytes.size();
    if (written_ > kObjectBytesMax) {
      return Error{ErrorKind::kTooLarge, "a part of more than 5 TiB"};
    }
    md5_.Update(bytes);
    return WriteAll(file_.fd(), bytes);
  }

  void SetChecksums(std::vector<std::pair<std::string, std::string>> checksums) override {
    record_.checksums = std::move(checksums);
  }

  Result<ObjectInfo> Finish() override {
    record_.etag = HexEncode(md5_.Finish());
    TRY(WriteAll(file_.fd(), EncodePartRecord(record_)));
    const int64_t now_ms = folder_.clock().UnixMs();
    timespec times[2];
    times[0] = {.tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1'000'000};
    times[1] = times[0];
    if (futimens(file_.fd(), times) != 0 || fsync(file_.fd()) != 0) {
      return FileError("sync of a part", errno);
    }
    UniqueFd parent;
    std::string name;
    const int error = OpenParent(folder_.area_fd(), path_, &parent, &name);
    if (error == ENOENT) return NotFound("upload");
    if (error != 0) return FileError("upload", error);
    if (renameat(file_.folder_fd(), file_.name().c_str(), parent.get(), name.c_str()) != 0) {
      if (errno == ENOENT) return NotFound("upload");
      return FileError("part", errno);
    }
    file_.Published();
    if (fsync(parent.get()) != 0) return FileError("sync of an upload", errno);
    ObjectInfo info;
    info.bytes = written_;
    info.etag = record_.etag;
    info.modified_unix_ms = now_ms;
    info.metadata.checksums = record_.checksums;
    return info;
  }

 private:
  Folder& folder_;
  TemporaryFile file_;
  const std::string path_;  // Below the hidden area.
  crypto::Digest md5_;
  PartRecord record_;
  uint64_t written_ = 0;
};

}  // namespace

Result<UploadRecord> Uploads::ReadRecord(const std::string& path) const {
  UniqueFd fd;
  const int error = OpenBeneath(folder_.area_fd(), path + "/upload", O_RDONLY, &fd);
  if (error == ENOENT || error == ENOTDIR) return NotFound("upload");
  if (error != 0) return FileError("upload", error);
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return FileError("upload", errno);
  TRY(const std::string bytes,
      ReadTail(fd.get(), static_cast<uint64_t>(status.st_size), kRecordBytesMax));
  return DecodeUploadRecord(bytes);
}

Result<std::string> Uploads::Find(const UploadKey& upload, UploadRecord* record) const {
  TRY(CheckKey(upload.key));
  TRY(const UniqueFd bucket, folder_.OpenBucket(upload.bucket));
  if (!IsUploadId(upload.upload_id)) return NotFound("upload");
  std::string path = UploadsFolder(upload.bucket) + "/" + std::string(upload.upload_id);
  TRY(*record, ReadRecord(path));
  if (record->key != upload.key) return NotFound("upload");
  return path;
}

Result<UploadInfo> Uploads::Create(std::string_view bucket, std::string_view key,
                                   const ObjectMetadata& metadata) {
  TRY(CheckKey(key));
  TRY(CheckMetadata(metadata));
  TRY(const UniqueFd fd, folder_.OpenBucket(bucket));
  UploadInfo info;
  info.upload_id = NewHexId(folder_.random());
  info.key = key;
  info.initiated_unix_ms = folder_.clock().UnixMs();
  UploadRecord record;
  record.key = key;
  record.initiated_unix_ms = info.initiated_unix_ms;
  record.metadata = metadata;
  TRY(folder_.WriteAreaFile(UploadsFolder(bucket) + "/" + info.upload_id + "/upload",
                            EncodeUploadRecord(record)));
  return info;
}

Result<std::unique_ptr<ObjectWriter>> Uploads::PutPart(const UploadKey& upload,
                                                       uint32_t part_number) {
  if (part_number < 1 || part_number > kPartNumberMax) {
    return Invalid("a part number is 1 to " + std::to_string(kPartNumberMax));
  }
  UploadRecord record;
  TRY(const std::string path, Find(upload, &record));
  TRY(TemporaryFile file, folder_.NewTemporary());
  return std::unique_ptr<ObjectWriter>(
      std::make_unique<PartWriter>(folder_, std::move(file), path + "/" + PartName(part_number)));
}

Result<std::vector<PartInfo>> Uploads::ListParts(const UploadKey& upload) const {
  UploadRecord record;
  TRY(const std::string path, Find(upload, &record));
  UniqueFd fd;
  const int error = OpenBeneath(folder_.area_fd(), path, O_RDONLY | O_DIRECTORY, &fd);
  if (error != 0) return NotFound("upload");
  FolderEntries entries(std::move(fd));
  FolderEntries::Entry entry;
  std::vector<PartInfo> parts;
  while (entries.Next(&entry)) {
    const uint32_t number = PartNumber(entry.name);
    if (number == 0) continue;
    Result<Part> part = OpenPart(entries.fd(), number);
    // Aborted or completed meanwhile.
    if (!part.ok() && part.error().kind == ErrorKind::kInvalid) continue;
    if (!part.ok()) return std::move(part).error();
    PartInfo info;
    info.number = number;
    info.bytes = part.value().bytes;
    info.modified_unix_ms = part.value().modified_unix_ms;
    info.etag = std::move(part.value().record.etag);
    info.checksums = std::move(part.value().record.checksums);
    parts.push_back(std::move(info));
  }
  if (entries.error() != 0) return FileError("upload", entries.error());
  std::sort(parts.begin(), parts.end(),
            [](const PartInfo& a, const PartInfo& b) { return a.number < b.number; });
  return parts;
}

Result<std::vector<UploadInfo>> Uploads::List(std::string_view bucket) const {
  TRY(const UniqueFd bucket_fd, folder_.OpenBucket(bucket));
  UniqueFd fd;
  std::vector<UploadInfo> uploads;
  const int error =
      OpenBeneath(folder_.area_fd(), UploadsFolder(bucket), O_RDONLY | O_DIRECTORY, &fd);
  if (error == ENOENT) return uploads;
  if (error != 0) return FileError("uploads", error);
  FolderEntries entries(std::move(fd));
  FolderEntries::Entry entry;
  while (entries.Next(&entry)) {
    if (!IsUploadId(entry.name)) continue;
    Result<UploadRecord> record = ReadRecord(UploadsFolder(bucket) + "/" + std::string(entry.name));
    if (!record.ok() && record.error().kind == ErrorKind::kNotFound) continue;
    if (!record.ok()) return std::move(record).error();
    if (uploads.size() == kUploadsListedMax) {
      return Error{ErrorKind::kTooLarge,
                   "more than " + std::to_string(kUploadsListedMax) + " uploads"};
    }
    UploadInfo info;
    info.upload_id = entry.name;
    info.key = std::move(record.value().key);
    info.initiated_unix_ms = record.value().initiated_unix_ms;
    uploads.push_back(std::move(info));
  }
  if (entries.error() != 0) return FileError("uploads", entries.error());
  std::sort(uploads.begin(), uploads.end(), [](const UploadInfo& a, const UploadInfo& b) {
    return a.key != b.key ? a.key < b.key : a.upload_id < b.upload_id;
  });
  return uploads;
}

Result<ObjectMetadata> Uploads::Metadata(const UploadKey& upload) const {
  UploadRecord record;
  TRY(const std::string path, Find(upload, &record));
  return record.metadata;
}

Result<ObjectInfo> Uploads::Complete(const UploadKey& upload, const CompleteRequest& request) {
  UploadRecord record;
  TRY(const std::string path, Find(upload, &record));
  if (request.parts.empty()) return Invalid("an upload is completed with at least one part");
  UniqueFd fd;
  if (OpenBeneath(folder_.area_fd(), path, O_RDONLY | O_DIRECTORY, &fd) != 0) {
    return NotFound("upload");
  }
  TRY(TemporaryFile file, folder_.NewTemporary());
  std::string digests;
  std::string buffer;
  uint32_t previous = 0;
  uint64_t total = 0;
  for (const auto& [number, etag] : request.parts) {
    if (number <= previous || number > kPartNumberMax) {
      return Invalid("the parts are not in ascending order");
    }
    previous = number;
    TRY(const Part part, OpenPart(fd.get(), number));
    if (part.record.etag != etag) {
      return Invalid("part " + std::to_string(number) + " has another ETag");
    }
    total += part.bytes;
    if (total > kObjectBytesMax) {
      return Error{ErrorKind::kTooLarge, "an object of more than 5 TiB"};
    }
    TRY(digests, [&]() -> Result<std::string> {
      TRY(const std::string digest, HexDecode(part.record.etag));
      return digests + digest;
    }());
    TRY(CopyPart(part, file.fd(), &buffer));
  }
  PublishRequest publish;
  // As S3 does it: the MD5 of the parts' MD5s, and their number.
  publish.etag = HexEncode(crypto::Md5(digests)) + "-" + std::to_string(request.parts.size());
  publish.metadata = std::move(record.metadata);
  publish.metadata.checksums = request.checksums;
  publish.condition = request.condition;
  TRY(CheckMetadata(publish.metadata));
  TRY(ObjectInfo info, folder_.Publish(upload.bucket, upload.key, &file, publish));
  // The object is there; what is left of the upload would only be offered again.
  TRY(folder_.RemoveAreaFolder(path));
  return info;
}

Status Uploads::Abort(const UploadKey& upload) {
  UploadRecord record;
  TRY(const std::string path, Find(upload, &record));
  return folder_.RemoveAreaFolder(path);
}

}  // namespace tarn::objects
