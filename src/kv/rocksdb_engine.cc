// Layout of the engine's folder:
//
//   LOCK               held by the process that has the engine open
//   <store>/           see kv/internal/rocksdb_store.h
//   .dropped-<n>       a dropped store that is being removed; removed at the next start otherwise
#include "kv/rocksdb_engine.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/mutex.h"
#include "kv/internal/batch_rules.h"
#include "kv/internal/rocksdb_engine_on.h"
#include "kv/internal/rocksdb_options.h"
#include "kv/internal/rocksdb_start.h"
#include "kv/internal/rocksdb_store.h"

namespace tarn::kv {
namespace {

constexpr std::string_view kDroppedPrefix = ".dropped-";

// The names of open stores; outlives the engine as long as a store is open.
class OpenStores {
 public:
  void Enter(const std::string& name) {
    MutexLock lock(mutex_);
    CHECK(names_.insert(name).second);
  }
  void Leave(const std::string& name) {
    MutexLock lock(mutex_);
    names_.erase(name);
  }
  bool Contains(const std::string& name) {
    MutexLock lock(mutex_);
    return names_.contains(name);
  }

 private:
  Mutex mutex_;
  std::set<std::string> names_ GUARDED_BY(mutex_);
};

class RocksDbEngine final : public Engine {
 public:
  RocksDbEngine(std::string folder, FileLock lock, std::shared_ptr<RocksDbShared> shared)
      : folder_(std::move(folder)), lock_(std::move(lock)), shared_(std::move(shared)) {}

  Result<std::unique_ptr<Store>> Open(const std::string& name, const Schema& schema) override {
    TRY(CheckStoreName(name));
    TRY(CheckSchema(schema));
    open_->Enter(name);
    auto store = RocksDbStore::Open(shared_, folder_ + "/" + name, schema,
                                    [open = open_, name] { open->Leave(name); });
    if (!store.ok()) {
      open_->Leave(name);
      return std::move(store).error();
    }
    return std::unique_ptr<Store>(std::move(store).value());
  }

  Status Drop(const std::string& name) override {
    TRY(CheckStoreName(name));
    CHECK(!open_->Contains(name));
    const std::string path = folder_ + "/" + name;
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
      return error ? Status(ErrnoError(path, error.value())) : Ok();
    }
    // One rename makes the store vanish as a whole; its files may take their time.
    const std::string dropped = folder_ + "/" + std::string(kDroppedPrefix) + name;
    TRY(RemoveFolder(dropped));
    if (std::rename(path.c_str(), dropped.c_str()) != 0) return ErrnoError("drop " + path, errno);
    TRY(SyncFolder(folder_));
    return RemoveFolder(dropped);
  }

  Result<std::vector<std::string>> List() const override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end;
         at.increment(error)) {
      const std::string name = at->path().filename().string();
      // Without CURRENT the store was never completed.
      std::error_code unreadable;
      if (CheckStoreName(name).ok() &&
          std::filesystem::exists(at->path() / "db" / "CURRENT", unreadable)) {
        names.push_back(name);
      }
      if (unreadable) return ErrnoError(at->path().string(), unreadable.value());
    }
    if (error) return ErrnoError("list " + folder_, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  const std::string folder_;
  const FileLock lock_;
  const std::shared_ptr<RocksDbShared> shared_;
  const std::shared_ptr<OpenStores> open_ = std::make_shared<OpenStores>();
};

Status RemoveDropped(const std::string& folder) {
  std::vector<std::string> dropped;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().filename().string().starts_with(kDroppedPrefix)) {
      dropped.push_back(at->path().string());
    }
  }
  if (error) return ErrnoError("list " + folder, error.value());
  for (const std::string& path : dropped) TRY(RemoveFolder(path));
  return Ok();
}

}  // namespace

Result<std::unique_ptr<Engine>> OpenRocksDbEngineOn(
    const std::shared_ptr<rocksdb::FileSystem>& file_system, const std::string& folder,
    const RocksDbOptions& options) {
  StartRocksDb();
  TRY(MakeFolders(folder));
  TRY(FileLock lock, FileLock::Acquire(folder + "/LOCK"));
  TRY(RemoveDropped(folder));
  return std::unique_ptr<Engine>(std::make_unique<RocksDbEngine>(
      folder, std::move(lock), NewRocksDbShared(options, file_system)));
}

Result<std::unique_ptr<Engine>> OpenRocksDbEngine(const std::string& folder,
                                                  const RocksDbOptions& options) {
  StartRocksDb();
  return OpenRocksDbEngineOn(rocksdb::FileSystem::Default(), folder, options);
}

}  // namespace tarn::kv
