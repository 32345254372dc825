// The embedded engine: one RocksDB folder per store under `folder`, column families as families.
// How the contract maps to RocksDB 7.8, and what we keep away from: docs/internals/storage.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "kv/store.h"

namespace tarn::kv {

struct RocksDbOptions {
  uint64_t block_cache_bytes = 256u << 20;  // Shared by all stores; filled on demand.
  uint64_t memtable_bytes = 128u << 20;     // Shared by all stores: unflushed writes.
  uint32_t background_threads = 2;
  uint32_t open_files_max = 4096;  // Per store.
};

// Makes `folder` when it is missing. Errors: kUnavailable.
Result<std::unique_ptr<Engine>> OpenRocksDbEngine(const std::string& folder,
                                                  const RocksDbOptions& options = {});

}  // namespace tarn::kv
