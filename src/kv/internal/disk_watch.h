// The file system as one opened database sees it.
//
// Full and failing disks. Every failed write becomes one kind of error for RocksDB, "retryable": it
// stops writing, and since we allow it no retries of its own, it stays so. Left alone it would
// treat a full disk by polling for space on a thread of its own, and stop compaction for good after
// any other error.
//
// Retirement. To take up writing again the store opens its database a second time (see
// internal/rocksdb_database.h) while readers still use the first one. From then on the first may
// not touch a file: closing it, for one, would remove every file it does not know.
//
// Preallocation. RocksDB reserves 37 MB for each log, so as much for each store that is never
// written to; a log grows in smaller steps here.
//
// Threads: every method may be called from any thread.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>

namespace tarn::kv {

class DiskWatch final : public rocksdb::FileSystemWrapper {
 public:
  using Options = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;

  explicit DiskWatch(const std::shared_ptr<rocksdb::FileSystem>& target)
      : rocksdb::FileSystemWrapper(target) {}

  const char* Name() const override { return "tarn.DiskWatch"; }

  // From now on writes fail and removals do nothing. Reads go on.
  void Retire() { retired_->store(true, std::memory_order_release); }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    Debug* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       Debug* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const Options& options, Debug* debug) override;
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to, const Options& options,
                             Debug* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const Options& options,
                               Debug* debug) override;
  // The engine's own lock covers all its stores; RocksDB's would refuse the second opening.
  rocksdb::IOStatus LockFile(const std::string& path, const Options& options,
                             rocksdb::FileLock** lock, Debug* debug) override;
  rocksdb::IOStatus UnlockFile(rocksdb::FileLock* lock, const Options& options,
                               Debug* debug) override;

 private:
  rocksdb::IOStatus Watch(rocksdb::IOStatus opened, const std::string& path,
                          std::unique_ptr<rocksdb::FSWritableFile>* file) const;

  // Shared with the files, which may be closed after this object is gone.
  const std::shared_ptr<std::atomic<bool>> retired_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace tarn::kv
