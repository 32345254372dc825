// The steps of an ingestion: room for it, memtables out of its way, the publish batch as files, and
// the one call that makes all files visible.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kv/internal/rocksdb_database.h"
#include "kv/internal/rocksdb_run.h"
#include "kv/store.h"

namespace tarn::kv {

using RocksDbHandles = std::vector<rocksdb::ColumnFamilyHandle*>;

// The families that an ingestion of `run` with `publish` touches, the notes among them.
RocksDbHandles TouchedFamilies(const RocksDbDatabase& database, const RocksDbRun& run,
                               const Batch& publish);

// Waits until each family has few enough level-0 files to take one more, or until background work
// has failed, in which case the ingestion itself will tell.
void WaitForRoom(const RocksDbDatabase& database, const RocksDbHandles& handles);

Status FlushFamilies(const RocksDbDatabase& database, const RocksDbHandles& handles);

// Writes the publish batch, with `sequence` at its marked places, and the new newest sequence into
// files in `folder`.
Result<std::vector<std::unique_ptr<FamilyFiles>>> WritePublishFiles(const RocksDbDatabase& database,
                                                                    const std::string& folder,
                                                                    const Batch& publish,
                                                                    uint64_t sequence);

// What IngestExternalFiles takes: all files of the run and of its publish batch.
std::vector<rocksdb::IngestExternalFileArg> IngestArguments(
    const RocksDbRun& run, const std::vector<std::unique_ptr<FamilyFiles>>& published);

}  // namespace tarn::kv
