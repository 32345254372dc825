// Files and folders with the care that acknowledged data needs: everything that must survive is
// synced, and what replaces a file does so in one step.
// Threads: functions may be called from any thread; an object belongs to one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tarn {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { Reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = other.Release();
    }
    return *this;
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Reset();

 private:
  int fd_ = -1;
};

// Reads a whole file of at most `bytes_max` bytes. Errors: kNotFound, kTooLarge, kUnavailable.
Result<std::string> ReadFile(const std::string& path, uint64_t bytes_max);

// Writes all of `bytes`, whatever write(2) does. Errors: kUnavailable (disk full among them).
Status WriteAll(int fd, std::string_view bytes);

// Replaces `path` by a file with `bytes`: temporary file in the same folder, sync, rename, sync of
// the folder. After an error the old file is untouched. `mode` as open(2) takes it. A process that
// is killed meanwhile leaves the temporary file, `path` + kTemporarySuffix and digits.
inline constexpr std::string_view kTemporarySuffix = ".tmp-";
Status WriteFileAtomic(const std::string& path, std::string_view bytes, unsigned mode = 0644);

// Syncs a folder, so that names made or removed in it survive a power cut.
Status SyncFolder(const std::string& path);

// Makes a folder and its missing parents, and syncs what it made. Existing folders are fine.
Status MakeFolders(const std::string& path);

// The same with a folder that nobody but its owner may enter: made so, or, when it was there,
// closed to others (those above it stay as they are). Errors: kForbidden when it is somebody
// else's.
Status MakePrivateFolder(const std::string& path);

// Removes a folder with all that is in it, without following symbolic links. A missing one is fine.
Status RemoveFolder(const std::string& path);

// Holds an exclusive lock on a file for as long as the object lives; the lock ends with the
// process. Errors: kConflict when another process holds it.
class FileLock {
 public:
  static Result<FileLock> Acquire(const std::string& path);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace tarn
