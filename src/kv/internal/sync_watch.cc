#include "kv/internal/sync_watch.h"

#include <string_view>
#include <utility>

namespace tarn::kv {
namespace {

class WatchedLog final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WatchedLog(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::atomic<bool>* failed)
      : rocksdb::FSWritableFileOwnerWrapper(std::move(file)), failed_(failed) {}

  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return Noted(FSWritableFileOwnerWrapper::Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return Noted(FSWritableFileOwnerWrapper::Fsync(options, debug));
  }

 private:
  rocksdb::IOStatus Noted(rocksdb::IOStatus status) {
    if (!status.ok()) failed_->store(true, std::memory_order_release);
    return status;
  }

  std::atomic<bool>* const failed_;
};

}  // namespace

rocksdb::IOStatus SyncWatch::NewWritableFile(const std::string& path,
                                             const rocksdb::FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                                             rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = target()->NewWritableFile(path, options, file, debug);
  if (status.ok() && std::string_view(path).ends_with(".log")) {
    *file = std::make_unique<WatchedLog>(std::move(*file), &failed_);
  }
  return status;
}

}  // namespace tarn::kv
