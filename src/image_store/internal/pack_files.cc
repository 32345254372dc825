#include "image_store/internal/pack_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "image_store/internal/keys.h"
#include "image_store/limits.h"

namespace tarn::image_store {
namespace {

constexpr std::string_view kSuffix = ".pack";
constexpr std::string_view kTemporary = ".tmp-";

// The pack of a file name, or empty.
std::string PackOfName(std::string_view name) {
  if (!name.ends_with(kSuffix) || name.size() != 2 * kPackIdBytes + kSuffix.size()) return {};
  auto pack = HexDecode(name.substr(0, 2 * kPackIdBytes));
  return pack.ok() ? std::move(pack).value() : std::string();
}

Result<std::vector<std::string>> NamesIn(const std::string& folder) {
  DIR* open = opendir(folder.c_str());
  if (open == nullptr) return ErrnoError("cannot list the folder of frames", errno);
  std::vector<std::string> names;
  errno = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): of threads that share a stream; this one is ours.
  while (const dirent* entry = readdir(open)) names.emplace_back(entry->d_name);
  const int error = errno;
  closedir(open);
  if (error != 0) return ErrnoError("cannot list the folder of frames", error);
  return names;
}

Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return ErrnoError("cannot remove a file of frames", errno);
  }
  return Ok();
}

}  // namespace

std::string PackWriter::TemporaryPath() const {
  return folder_ + "/" + std::string(kTemporary) + HexEncode(pack_);
}

PackWriter::~PackWriter() {
  if (!finished_) unlink(TemporaryPath().c_str());  // Else the next opening removes it.
}

Status PackWriter::Append(std::string_view bytes) {
  TRY(WriteAll(fd_.get(), bytes));
  bytes_ += bytes.size();
  return Ok();
}

Status PackWriter::Finish() {
  CHECK(!finished_);
  if (fdatasync(fd_.get()) != 0) return ErrnoError("cannot sync a file of frames", errno);
  const std::string path = folder_ + "/" + HexEncode(pack_) + std::string(kSuffix);
  if (rename(TemporaryPath().c_str(), path.c_str()) != 0) {
    return ErrnoError("cannot name a file of frames", errno);
  }
  finished_ = true;
  fd_.Reset();
  return SyncFolder(folder_);
}

Result<PackFolder> PackFolder::Open(const std::string& folder) {
  TRY(MakePrivateFolder(folder));
  return PackFolder(folder);
}

std::string PackFolder::PathOf(std::string_view pack) const {
  CHECK(pack.size() == kPackIdBytes);
  return folder_ + "/" + HexEncode(pack) + std::string(kSuffix);
}

Result<std::unique_ptr<PackWriter>> PackFolder::NewPack(std::string_view pack) const {
  const std::string path = folder_ + "/" + std::string(kTemporary) + HexEncode(pack);
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError("cannot make a file of frames", errno);
  std::unique_ptr<PackWriter> writer(new PackWriter(folder_, std::string(pack), std::move(fd)));
  TRY(writer->Append(kPackMagic));
  return writer;
}

Result<UniqueFd> PackFolder::OpenPack(std::string_view pack) const {
  UniqueFd fd(open(PathOf(pack).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError("cannot open a file of frames", errno);
  return fd;
}

Status PackFolder::Punch(std::string_view pack, uint64_t offset, uint64_t bytes) const {
  const UniqueFd fd(open(PathOf(pack).c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return errno == ENOENT ? Ok() : Status(ErrnoError("cannot open a file of frames", errno));
  }
  if (fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                static_cast<off_t>(bytes)) != 0 &&
      errno != EOPNOTSUPP) {
    return ErrnoError("cannot free a part of a file of frames", errno);
  }
  return Ok();
}

Status PackFolder::Remove(std::string_view pack) const { return RemoveFile(PathOf(pack)); }

Status PackFolder::RemoveOrphans(
    const std::function<Result<bool>(std::string_view pack)>& known) const {
  TRY(const std::vector<std::string> names, NamesIn(folder_));
  uint64_t removed = 0;
  for (const std::string& name : names) {
    const std::string pack = PackOfName(name);
    bool orphan = name.starts_with(kTemporary);
    if (!pack.empty()) {
      TRY(const bool is_known, known(pack));
      orphan = !is_known;
    }
    if (!orphan) continue;
    TRY(RemoveFile(folder_ + "/" + name));
    ++removed;
  }
  if (removed > 0) LogInfo("frame files without record removed", {{"files", removed}});
  return Ok();
}

std::shared_ptr<const UniqueFd> OpenPacks::Find(std::string_view pack) {
  MutexLock lock(mutex_);
  for (Entry& entry : entries_) {
    if (entry.pack != pack) continue;
    entry.used = ++uses_;
    return entry.fd;
  }
  return nullptr;
}

Result<std::shared_ptr<const UniqueFd>> OpenPacks::Open(std::string_view pack) {
  if (auto found = Find(pack)) return found;
  TRY(UniqueFd opened, folder_.OpenPack(pack));
  auto fd = std::make_shared<const UniqueFd>(std::move(opened));
  {
    MutexLock lock(mutex_);
    if (entries_.size() >= kOpenPacksMax) {
      const auto oldest =
          std::min_element(entries_.begin(), entries_.end(),
                           [](const Entry& a, const Entry& b) { return a.used < b.used; });
      entries_.erase(oldest);
    }
    entries_.push_back({std::string(pack), fd, ++uses_});
  }
  // Whoever removes the file forgets it afterwards. When that was before it was kept here, the file
  // has no name any more.
  struct stat status;
  if (fstat(fd->get(), &status) != 0 || status.st_nlink == 0) Forget(pack);
  return std::shared_ptr<const UniqueFd>(std::move(fd));
}

void OpenPacks::Forget(std::string_view pack) {
  std::vector<Entry> dropped;  // Closed without the lock.
  MutexLock lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (entry->pack != pack) {
      ++entry;
      continue;
    }
    dropped.push_back(std::move(*entry));
    entry = entries_.erase(entry);
  }
}

}  // namespace tarn::image_store
