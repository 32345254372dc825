#include "kv/internal/disk_watch.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/check.h"

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

  // `late`: of a manifest; else null.
  WatchedFile(std::unique_ptr<rocksdb::FSWritableFile>&& file,
              std::shared_ptr<const std::atomic<bool>> retired, size_t preallocation_bytes_max,
              std::shared_ptr<DiskWatch::LateFolder> late)
      : Base(std::move(file)),
        retired_(std::move(retired)),
        preallocation_bytes_max_(preallocation_bytes_max),
        late_(std::move(late)) {}

  void SetPreallocationBlockSize(size_t size) override {
    Base::SetPreallocationBlockSize(std::min(size, preallocation_bytes_max_));
  }
  IOStatus Append(const rocksdb::Slice& data, const Options& options, Debug* debug) override {
    IOStatus ready = Ready();
    return ready.ok() ? Retryable(Base::Append(data, options, debug)) : ready;
  }
  IOStatus Append(const rocksdb::Slice& data, const Options& options,
                  const rocksdb::DataVerificationInfo& info, Debug* debug) override {
    IOStatus ready = Ready();
    return ready.ok() ? Retryable(Base::Append(data, options, info, debug)) : ready;
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
  // For an append.
  IOStatus Ready() const {
    if (retired()) return RetiredError();
    return late_ == nullptr ? IOStatus::OK() : Retryable(late_->Sync());
  }

  const std::shared_ptr<const std::atomic<bool>> retired_;
  const size_t preallocation_bytes_max_;
  const std::shared_ptr<DiskWatch::LateFolder> late_;
};

// Where this thread's syncs of folders go, if they are late.
thread_local DiskWatch::LateFolder* thread_late = nullptr;

class WatchedFolder final : public rocksdb::FSDirectoryWrapper {
 public:
  using Base = rocksdb::FSDirectoryWrapper;
  using Options = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;

  explicit WatchedFolder(std::unique_ptr<rocksdb::FSDirectory>&& folder)
      : Base(std::move(folder)) {}

  IOStatus FsyncWithDirOptions(const Options& options, Debug* debug,
                               const rocksdb::DirFsyncOptions& reason) override {
    if (thread_late == nullptr) return Base::FsyncWithDirOptions(options, debug, reason);
    thread_late->Add(this);
    return IOStatus::OK();
  }
  IOStatus SyncNow() {
    return Base::FsyncWithDirOptions(Options(), nullptr, rocksdb::DirFsyncOptions());
  }
};

// NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

}  // namespace

IOStatus DiskWatch::Watch(IOStatus opened, const std::string& path,
                          std::unique_ptr<rocksdb::FSWritableFile>* file) const {
  const size_t preallocation = path.ends_with(".log") ? kLogPreallocationBytes : SIZE_MAX;
  if (opened.ok()) {
    const bool is_manifest = path.find("/MANIFEST-") != std::string::npos;
    *file = std::make_unique<WatchedFile>(std::move(*file), retired_, preallocation,
                                          is_manifest ? late_ : nullptr);
  }
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
  // RocksDB takes this for a file that needs no sync.
  if (path.ends_with(".sst")) return IOStatus::NotSupported("table files are written once");
  return Watch(target()->ReopenWritableFile(path, options, file, debug), path, file);
}

IOStatus DiskWatch::NewDirectory(const std::string& path, const Options& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* folder, Debug* debug) {
  IOStatus opened = target()->NewDirectory(path, options, folder, debug);
  if (opened.ok()) *folder = std::make_unique<WatchedFolder>(std::move(*folder));
  return opened;
}

void DiskWatch::LateFolder::Add(rocksdb::FSDirectory* folder) {
  MutexLock lock(mutex_);
  folder_ = folder;
  any_.store(true, std::memory_order_release);
}

void DiskWatch::LateFolder::Drop() {
  MutexLock lock(mutex_);
  folder_ = nullptr;
  any_.store(false, std::memory_order_release);
}

IOStatus DiskWatch::LateFolder::Sync() {
  if (!any_.load(std::memory_order_acquire)) return IOStatus::OK();
  // Held across the sync: the folder must not go, and who writes the next record must wait for it.
  MutexLock lock(mutex_);
  if (folder_ == nullptr) return IOStatus::OK();
  IOStatus synced = static_cast<WatchedFolder*>(folder_)->SyncNow();
  if (!synced.ok()) return synced;
  folder_ = nullptr;
  any_.store(false, std::memory_order_release);
  return synced;
}

DiskWatch::LateFolderSyncs::LateFolderSyncs(DiskWatch& watch) : watch_(watch) {
  CHECK(thread_late == nullptr);
  thread_late = watch_.late_.get();
}

DiskWatch::LateFolderSyncs::~LateFolderSyncs() {
  thread_late = nullptr;
  watch_.late_->Drop();
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
