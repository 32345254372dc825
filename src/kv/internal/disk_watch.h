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
// Ingestion. RocksDB opens each file that it has linked and syncs it, while writers wait, since it
// cannot know whether its maker has; ours was synced when it was complete. So table files are not
// opened a second time for writing, which RocksDB takes for a file system that needs no sync here.
// And it syncs the folder for each family: names of table files matter from when the manifest has
// them, so one sync before that is enough (LateFolderSyncs).
//
// Threads: every method may be called from any thread.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>

#include "base/mutex.h"

namespace tarn::kv {

class DiskWatch final : public rocksdb::FileSystemWrapper {
 public:
  using Options = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;

  explicit DiskWatch(const std::shared_ptr<rocksdb::FileSystem>& target)
      : rocksdb::FileSystemWrapper(target) {}

  const char* Name() const override { return "tarn.DiskWatch"; }

  // While it lives, what its thread wants of folders' syncs is done when the next record goes into
  // a manifest, whoever writes that. One at a time.
  class LateFolderSyncs {
   public:
    explicit LateFolderSyncs(DiskWatch& watch);
    ~LateFolderSyncs();
    LateFolderSyncs(const LateFolderSyncs&) = delete;
    LateFolderSyncs& operator=(const LateFolderSyncs&) = delete;

   private:
    DiskWatch& watch_;
  };

  // From now on writes fail and removals do nothing. Reads go on.
  void Retire() { retired_->store(true, std::memory_order_release); }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    Debug* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       Debug* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const Options& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* folder,
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

  // The folder whose sync is late.
  class LateFolder {
   public:
    void Add(rocksdb::FSDirectory* folder);
    void Drop();
    // Before a record goes into a manifest.
    rocksdb::IOStatus Sync();

   private:
    std::atomic<bool> any_{false};
    Mutex mutex_;
    rocksdb::FSDirectory* folder_ GUARDED_BY(mutex_) = nullptr;
  };

 private:
  rocksdb::IOStatus Watch(rocksdb::IOStatus opened, const std::string& path,
                          std::unique_ptr<rocksdb::FSWritableFile>* file) const;

  // Shared with the files, which may be closed after this object is gone.
  const std::shared_ptr<std::atomic<bool>> retired_ = std::make_shared<std::atomic<bool>>(false);
  const std::shared_ptr<LateFolder> late_ = std::make_shared<LateFolder>();
};

}  // namespace tarn::kv
