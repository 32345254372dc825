// Snapshots and cursors over RocksDB.
#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <vector>

#include "kv/internal/rocksdb_database.h"
#include "kv/store.h"

namespace tarn::kv {

class RocksDbSnapshot final : public Snapshot {
 public:
  // Takes over `snapshot`, which is of `database`.
  RocksDbSnapshot(std::shared_ptr<const RocksDbDatabase> database,
                  const rocksdb::Snapshot* snapshot, uint64_t sequence);
  ~RocksDbSnapshot() override;

  Result<bool> Get(Family family, std::string_view key, std::string* value) const override;
  Result<std::vector<std::optional<std::string>>> MultiGet(
      Family family, std::span<const std::string> keys) const override;
  std::unique_ptr<Cursor> Scan(Family family, KeyRange range, Direction direction) const override;
  uint64_t sequence() const override { return sequence_; }

 private:
  const std::shared_ptr<const RocksDbDatabase> database_;
  const rocksdb::Snapshot* const snapshot_;
  rocksdb::ReadOptions read_options_;
  const uint64_t sequence_;
};

}  // namespace tarn::kv
