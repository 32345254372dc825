#include "kv/internal/disk_watch.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace tarn::kv {
namespace {

using rocksdb::IOStatus;

constexpr size_t kLogPreallocationBytes = 256u << 10;

IOStatus Retryable(IOStatus status) {
  if (status.ok() || !(status.IsIOError() || status.IsNoSpace())) return status;
  // Not NoSpace any more: RocksDB would begin to poll.
  IOStatus error = IOStatus::IOError(status.ToString());
  error.SetRetryable(true);
  return error;
}

// NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks): it does not see IOStatus free its text.

IOStatus RetiredError() { return IOStatus::IOError("the database was opened anew"); }

class WatchedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using Base = rocksdb::FSWritableFileOwnerWrapper;
  using Options = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;

  WatchedFile(std::unique_ptr<rocksdb::FSWritableFile>&& file,
              std::shared_ptr<const std::atomic<bool>> retired, size_t preallocation_bytes_max)
      : Base(std::move(file)),
        retired_(std::move(retired)),
        preallocation_bytes_max_(preallocation_bytes_max) {}

  void SetPreallocationBlockSize(size_t size) override {
    Base::SetPreallocationBlockSize(std::min(size, preallocation_bytes_max_));
  }
  IOStatus Append(const rocksdb::Slice& data, const Options& options, Debug* debug) override {
    return retired() ? RetiredError() : Retryable(Base::Append(data, options, debug));
  }
  IOStatus Append(const rocksdb::Slice& data, const Options& options,
                  const rocksdb::DataVerificationInfo& info, Debug* debug) override {
    return retired() ? RetiredError() : Retryable(Base::Append(data, options, info, debug));
  }
  IOStatus Truncate(uint64_t size, const Options& options, Debug* debug) override {
    return retired() ? RetiredError() : Retryable(Base::Truncate(size, options, debug));
  }
  IOStatus Flush(const Options& options, Debug* debug) override {
    return Retryable(Base::Flush(options, debug));
  }
  IOStatus Close(const Options& options, Debug* debug) override {
    return Retryable(Base::Close(options, debug));
  }
  IOStatus RangeSync(uint64_t offset, uint64_t bytes, const Options& options,
                     Debug* debug) override {
    return Retryable(Base::RangeSync(offset, bytes, options, debug));
  }
  IOStatus Sync(const Options& options, Debug* debug) override {
    return retired() ? RetiredError() : Retryable(Base::Sync(options, debug));
  }
  IOStatus Fsync(const Options& options, Debug* debug) override {
    return retired() ? RetiredError() : Retryable(Base::Fsync(options, debug));
  }

 private:
  bool retired() const { return retired_->load(std::memory_order_acquire); }

  const std::shared_ptr<const std::atomic<bool>> retired_;
  const size_t preallocation_bytes_max_;
};

// NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

}  // namespace

IOStatus DiskWatch::Watch(IOStatus opened, const std::string& path,
                          std::unique_ptr<rocksdb::FSWritableFile>* file) const {
  const size_t preallocation = path.ends_with(".log") ? kLogPreallocationBytes : SIZE_MAX;
  if (opened.ok()) *file = std::make_unique<WatchedFile>(std::move(*file), retired_, preallocation);
  return Retryable(std::move(opened));
}

IOStatus DiskWatch::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file, Debug* debug) {
  if (*retired_) return RetiredError();
  return Watch(target()->NewWritableFile(path, options, file, debug), path, file);
}

IOStatus DiskWatch::ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       Debug* debug) {
  if (*retired_) return RetiredError();
  return Watch(target()->ReopenWritableFile(path, options, file, debug), path, file);
}

IOStatus DiskWatch::RenameFile(const std::string& from, const std::string& to,
                               const Options& options, Debug* debug) {
  if (*retired_) return RetiredError();
  return Retryable(target()->RenameFile(from, to, options, debug));
}

IOStatus DiskWatch::LinkFile(const std::string& from, const std::string& to, const Options& options,
                             Debug* debug) {
  if (*retired_) return RetiredError();
  return Retryable(target()->LinkFile(from, to, options, debug));
}

IOStatus DiskWatch::DeleteFile(const std::string& path, const Options& options, Debug* debug) {
  if (*retired_) return IOStatus::OK();
  return target()->DeleteFile(path, options, debug);
}

IOStatus DiskWatch::LockFile(const std::string&, const Options&, rocksdb::FileLock** lock, Debug*) {
  *lock = std::make_unique<rocksdb::FileLock>().release();  // RocksDB's ownership, see UnlockFile.
  return IOStatus::OK();
}

IOStatus DiskWatch::UnlockFile(rocksdb::FileLock* lock, const Options&, Debug*) {
  const std::unique_ptr<rocksdb::FileLock> owned(lock);
  return IOStatus::OK();
}

}  // namespace tarn::kv
