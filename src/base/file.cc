#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace tarn {
namespace {

constexpr int kTemporaryTriesMax = 1000;

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A name that no other writer of this process or of another one uses at the same time.
std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  return path + std::string(kTemporarySuffix) + std::to_string(getpid()) + "-" +
         std::to_string(counter++);
}

}  // namespace

void UniqueFd::Reset() {
  // close(2) on Linux frees the descriptor whatever it returns; writers sync before.
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Result<std::string> ReadFile(const std::string& path, uint64_t bytes_max) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(path, errno);
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return ErrnoError(path, errno);
  if (static_cast<uint64_t>(status.st_size) > bytes_max) {
    return Error{ErrorKind::kTooLarge,
                 path + ": more than " + std::to_string(bytes_max) + " bytes"};
  }
  std::string bytes;
  char buffer[65536];
  for (;;) {
    const ssize_t count = read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(path, errno);
    if (count == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(count));
    if (bytes.size() > bytes_max) {
      return Error{ErrorKind::kTooLarge,
                   path + ": more than " + std::to_string(bytes_max) + " bytes"};
    }
  }
}

Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError("write", errno);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return Ok();
}

Status WriteFileAtomic(const std::string& path, std::string_view bytes, unsigned mode) {
  std::string temporary;
  UniqueFd fd;
  // A process of the same id may have left a file of this name when it was killed: in a container
  // every server is process 1.
  for (int tries = 0; tries < kTemporaryTriesMax && !fd.valid(); ++tries) {
    temporary = TemporaryName(path);
    fd = UniqueFd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!fd.valid() && errno != EEXIST) return ErrnoError(temporary, errno);
  }
  if (!fd.valid()) return ErrnoError(temporary, EEXIST);
  Status status = WriteAll(fd.get(), bytes);
  if (status.ok() && fdatasync(fd.get()) != 0) status = ErrnoError("sync " + temporary, errno);
  fd.Reset();
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoError("rename to " + path, errno);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(FolderOf(path));
}

Status SyncFolder(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(path, errno);
  if (fsync(fd.get()) != 0) return ErrnoError("sync " + path, errno);
  return Ok();
}

Status MakeFolders(const std::string& path) {
  if (path.empty() || path == "/" || path == ".") return Ok();
  struct stat status;
  if (stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return Ok();
    return Error{ErrorKind::kConflict, path + ": exists and is not a folder"};
  }
  TRY(MakeFolders(FolderOf(path)));
  if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) return ErrnoError(path, errno);
  return SyncFolder(FolderOf(path));
}

Status MakePrivateFolder(const std::string& path) {
  TRY(MakeFolders(FolderOf(path)));
  if (mkdir(path.c_str(), 0700) == 0) return SyncFolder(FolderOf(path));
  if (errno != EEXIST) return ErrnoError(path, errno);
  // Through a descriptor, so that what was looked at is what is changed.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(path, errno);
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return ErrnoError(path, errno);
  if ((status.st_mode & 0077) != 0 && fchmod(fd.get(), 0700) != 0) return ErrnoError(path, errno);
  return Ok();
}

Status RemoveFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return ErrnoError("remove " + path, error.value());
  return Ok();
}

Result<FileLock> FileLock::Acquire(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(path, errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return Error{ErrorKind::kConflict, path + ": another process holds this lock"};
    }
    return ErrnoError(path, errno);
  }
  return FileLock(std::move(fd));
}

}  // namespace tarn
