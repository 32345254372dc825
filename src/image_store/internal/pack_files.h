// The files that hold frames. Layout and order of writing: docs/internals/image-storage.md, "Two
// places".
// Threads: a PackFolder from any thread; a PackWriter belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/mutex.h"
#include "base/result.h"

namespace tarn::image_store {

inline constexpr std::string_view kPackMagic = "TARNPAK1";

// Writes one pack. Destroyed before Finish, it leaves no file.
class PackWriter {
 public:
  ~PackWriter();
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;

  // Errors: kUnavailable. After an error the pack is lost.
  Status Append(std::string_view bytes);
  uint64_t bytes() const { return bytes_; }  // Of the file so far: where the next frame begins.
  const std::string& pack() const { return pack_; }
  // Syncs the file and gives it its name. Errors: kUnavailable.
  Status Finish();

 private:
  friend class PackFolder;
  PackWriter(std::string folder, std::string pack, UniqueFd fd)
      : folder_(std::move(folder)), pack_(std::move(pack)), fd_(std::move(fd)) {}
  std::string TemporaryPath() const;

  const std::string folder_;
  const std::string pack_;
  UniqueFd fd_;
  uint64_t bytes_ = 0;
  bool finished_ = false;
};

class PackFolder {
 public:
  // Makes the folder when it is missing, closed to others. Errors: kUnavailable, kForbidden.
  static Result<PackFolder> Open(const std::string& folder);

  // Errors: kUnavailable.
  Result<std::unique_ptr<PackWriter>> NewPack(std::string_view pack) const;
  // Errors: kNotFound, kUnavailable.
  Result<UniqueFd> OpenPack(std::string_view pack) const;
  // Gives the space of a range back, where the file system can. Errors: kUnavailable.
  Status Punch(std::string_view pack, uint64_t offset, uint64_t bytes) const;
  Status Remove(std::string_view pack) const;  // A missing one is fine.
  // Removes packs that are not known, and what interrupted writers left. Nobody writes meanwhile.
  Status RemoveOrphans(const std::function<Result<bool>(std::string_view pack)>& known) const;

 private:
  explicit PackFolder(std::string folder) : folder_(std::move(folder)) {}
  std::string PathOf(std::string_view pack) const;
  std::string folder_;
};

// The packs that were read last, open: a read then neither looks a file up nor waits.
// Threads: every method may be called from any thread.
class OpenPacks {
 public:
  // `folder` must outlive the object.
  explicit OpenPacks(const PackFolder& folder) : folder_(folder) {}

  // Null: it is not open.
  std::shared_ptr<const UniqueFd> Find(std::string_view pack) EXCLUDES(mutex_);
  // Errors: as PackFolder::OpenPack.
  Result<std::shared_ptr<const UniqueFd>> Open(std::string_view pack) EXCLUDES(mutex_);
  // After its file was removed: its space is free once its readers are done.
  void Forget(std::string_view pack) EXCLUDES(mutex_);

 private:
  struct Entry {
    std::string pack;
    std::shared_ptr<const UniqueFd> fd;
    uint64_t used = 0;  // Of `uses_`, when it was found last.
  };
  const PackFolder& folder_;
  Mutex mutex_;
  std::vector<Entry> entries_ GUARDED_BY(mutex_);
  uint64_t uses_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tarn::image_store
