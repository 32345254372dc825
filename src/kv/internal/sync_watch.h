// Notices when a sync of the write-ahead log fails. After that nobody knows what the disk holds:
// the kernel may have dropped the pages and would report the next sync as good. So the store that
// it happened to takes no more writes until it is opened again.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>

namespace tarn::kv {

class SyncWatch final : public rocksdb::FileSystemWrapper {
 public:
  explicit SyncWatch(const std::shared_ptr<rocksdb::FileSystem>& target)
      : rocksdb::FileSystemWrapper(target) {}

  const char* Name() const override { return "tarn.SyncWatch"; }
  bool LogSyncFailed() const { return failed_.load(std::memory_order_acquire); }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;

 private:
  std::atomic<bool> failed_{false};
};

}  // namespace tarn::kv
