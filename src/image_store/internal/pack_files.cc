#include "image_store/internal/pack_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "image_store/internal/keys.h"

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

}  // namespace tarn::image_store
