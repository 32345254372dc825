// The embedded engine on a file system of the caller's choice: tests put one below it that fails.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "kv/rocksdb_engine.h"

namespace tarn::kv {

Result<std::unique_ptr<Engine>> OpenRocksDbEngineOn(
    const std::shared_ptr<rocksdb::FileSystem>& file_system, const std::string& folder,
    const RocksDbOptions& options);

}  // namespace tarn::kv
