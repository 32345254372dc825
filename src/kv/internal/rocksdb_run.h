// Files of a bulk load: sorted table files, written beside the database and linked into it by one
// ingestion.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kv/internal/rocksdb_database.h"
#include "kv/store.h"

namespace tarn::kv {

// One family's files. Keys ascend strictly over all of them.
class FamilyFiles {
 public:
  // `path_prefix` gets a number and ".sst". `handle` is one of `db`, which outlives the object.
  FamilyFiles(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* handle, std::string path_prefix)
      : db_(db), handle_(handle), path_prefix_(std::move(path_prefix)) {}

  Status Put(std::string_view key, std::string_view value);
  Status Merge(std::string_view key, std::string_view operand);
  Status Delete(std::string_view key);
  // Completes and syncs what is open. Nothing may be added after it.
  Status Finish();

  const std::vector<std::string>& paths() const { return paths_; }
  rocksdb::ColumnFamilyHandle* handle() const { return handle_; }

 private:
  Status Before(std::string_view key);  // Opens a file when there is none, checks the order.
  Status After(const rocksdb::Status& written);

  rocksdb::DB& db_;
  rocksdb::ColumnFamilyHandle* const handle_;
  const std::string path_prefix_;
  std::vector<std::string> paths_;
  std::unique_ptr<rocksdb::SstFileWriter> writer_;
  std::optional<std::string> last_key_;
};

class RocksDbRun final : public Run {
 public:
  // Writes into `folder`, which exists, and removes it in the end.
  RocksDbRun(std::shared_ptr<const RocksDbDatabase> database, const Limits& limits,
             std::string folder);
  ~RocksDbRun() override;

  Status Put(Family family, std::string_view key, std::string_view value) override;
  Status MergeBits(Family family, std::string_view key, const BitsDelta& delta) override;
  uint64_t bytes() const override { return bytes_; }

  Status Finish();
  bool Holds(Family family) const { return files_[family] != nullptr; }
  // One per family; null where the run has nothing.
  const std::vector<std::unique_ptr<FamilyFiles>>& files() const { return files_; }
  const std::string& folder() const { return folder_; }
  const RocksDbDatabase* database() const { return database_.get(); }

 private:
  Result<FamilyFiles*> FilesOf(Family family, FamilyKind kind, std::string_view key,
                               std::string_view value);

  const std::shared_ptr<const RocksDbDatabase> database_;
  const Limits limits_;
  const std::string folder_;
  std::vector<std::unique_ptr<FamilyFiles>> files_;
  uint64_t bytes_ = 0;
};

}  // namespace tarn::kv
