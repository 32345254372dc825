// The files of a folder store: where objects, records and temporary files lie, and the steps by
// which objects appear and disappear. The order of those steps, and why no crash and no race loses
// or mixes anything: docs/internals/objects.md, "Writing" and "Records".
// Threads: every method may be called from any thread.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "objects/internal/record.h"
#include "objects/object_store.h"

namespace tarn::objects {

// The hidden folder beside the buckets; no bucket name begins with a dot.
inline constexpr std::string_view kAreaName = ".tarn";

// An object's file, opened for reading.
struct FoundFile {
  UniqueFd fd;
  struct stat status {};
};

// A file that is being written in the hidden area; removed unless it is published.
class TemporaryFile {
 public:
  TemporaryFile(int folder_fd, std::string name, UniqueFd fd)
      : folder_fd_(folder_fd), name_(std::move(name)), fd_(std::move(fd)) {}
  ~TemporaryFile();
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  int fd() const { return fd_.get(); }
  int folder_fd() const { return folder_fd_; }
  const std::string& name() const { return name_; }
  void Published() { name_.clear(); }  // It has another name now.

 private:
  int folder_fd_;
  std::string name_;
  UniqueFd fd_;
};

struct PublishRequest {
  std::string etag;
  ObjectMetadata metadata;
  PutCondition condition = PutCondition::kNone;
};

class Folder {
 public:
  static Result<std::unique_ptr<Folder>> Open(const std::string& path, const Clock& clock,
                                              RandomSource& random);

  Result<UniqueFd> OpenBucket(std::string_view bucket) const;
  Status CreateBucket(std::string_view bucket);
  Status DeleteBucket(std::string_view bucket);
  Result<std::vector<BucketInfo>> ListBuckets() const;

  // Errors: kNotFound, kForbidden (a symbolic link, permissions), kUnavailable.
  Result<FoundFile> Find(std::string_view bucket, std::string_view key) const;
  // As Find, with what is known of the object, both of one moment.
  Result<ObjectInfo> Describe(std::string_view bucket, std::string_view key,
                              FoundFile* found) const;
  // For listings: a damaged record does not hide its object there.
  ObjectInfo DescribeForListing(std::string_view bucket, std::string_view key,
                                const struct stat& status) const;

  Result<TemporaryFile> NewTemporary();
  // Syncs the file and gives it the key's place.
  Result<ObjectInfo> Publish(std::string_view bucket, std::string_view key, TemporaryFile* file,
                             const PublishRequest& request);
  Status Remove(std::string_view bucket, std::string_view key);

  // Writes a small file of the hidden area in one step; `path` is relative to the area.
  Status WriteAreaFile(const std::string& path, std::string_view bytes);
  int area_fd() const { return area_fd_.get(); }
  const Clock& clock() const { return clock_; }
  RandomSource& random() const { return random_; }
  // Moves a folder of the hidden area away in one step and then removes it.
  Status RemoveAreaFolder(const std::string& path);

 private:
  enum class Placed : uint8_t { kDone, kRetry };

  Folder(std::string path, FileLock lock, const Clock& clock, RandomSource& random)
      : path_(std::move(path)), lock_(std::move(lock)), clock_(clock), random_(random) {}
  Mutex& KeyMutex(std::string_view bucket, std::string_view key) const;
  Result<std::vector<ObjectRecord>> ReadRecords(std::string_view bucket,
                                                std::string_view key) const;
  Status MakeParents(std::string_view bucket, int bucket_fd, std::string_view path);
  Status MoveFileAside(std::string_view bucket, int bucket_fd, const std::string& path);
  Result<Placed> Place(std::string_view bucket, std::string_view key, TemporaryFile* file,
                       const ObjectRecord& record, PutCondition condition);

  const std::string path_;
  FileLock lock_;
  const Clock& clock_;
  RandomSource& random_;
  UniqueFd root_fd_;
  UniqueFd area_fd_;
  UniqueFd temporary_fd_;
  Mutex buckets_mutex_;  // Making and deleting of buckets, one at a time.
  mutable std::array<Mutex, 64> key_mutexes_;
};

// "<kind> <subject>: what", and the kind that the errno means.
Error FileError(std::string_view what, int error_number);
int64_t ModifiedNs(const struct stat& status);

}  // namespace tarn::objects
