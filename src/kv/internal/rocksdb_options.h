// Every RocksDB option that we set, with its reason; and what stores share.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>
#include <rocksdb/write_buffer_manager.h>

#include <atomic>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "kv/rocksdb_engine.h"

namespace tarn::kv {

class RocksDbDatabase;

// Shared by all stores of an engine, so that memory is bounded for the process and not per store.
struct RocksDbShared {
  RocksDbOptions options;
  std::shared_ptr<rocksdb::FileSystem> file_system;
  std::shared_ptr<rocksdb::Cache> cache;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
  std::atomic<uint64_t> writes{0};
  Mutex mutex;
  std::vector<RocksDbDatabase*> databases GUARDED_BY(mutex);  // All that are open.
};
std::shared_ptr<RocksDbShared> NewRocksDbShared(
    const RocksDbOptions& options, const std::shared_ptr<rocksdb::FileSystem>& file_system);

// `env` must outlive the database.
rocksdb::DBOptions DatabaseOptions(const RocksDbShared& shared, rocksdb::Env* env);
rocksdb::ColumnFamilyOptions FamilyOptions(const RocksDbShared& shared, const FamilySpec& spec);

// RocksDB's word for what went wrong, in ours. The detail holds paths and system errors, never
// keys: they may be patients'.
Error RocksDbError(const rocksdb::Status& status);

}  // namespace tarn::kv
