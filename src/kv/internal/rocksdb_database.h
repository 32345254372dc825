// One opening of a store's RocksDB database. A store opens it again, in the same process, to take
// up writing after a failed write: recovery from the log is the one way back that is tested by
// every crash, and RocksDB's own Resume() is not (7.8 tries to append the failed bytes once more,
// and as Debian builds it, with assertions, may abort). Readers that began before keep the old
// opening alive and unchanged; it touches no file any more.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/listener.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "kv/internal/disk_watch.h"
#include "kv/internal/rocksdb_options.h"
#include "kv/store.h"

namespace tarn::kv {

struct RocksDbFamily {
  rocksdb::ColumnFamilyHandle* handle = nullptr;  // Owned by the database.
  FamilyKind kind = FamilyKind::kValues;
};

// Wakes who waits for compaction.
class CompactionWatch final : public rocksdb::EventListener {
 public:
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override { Wake(); }
  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override { Wake(); }

  // Asks `done` after each flush and compaction, and now and then: RocksDB reports a job before it
  // has counted it out.
  void WaitUntil(const std::function<bool()>& done);

 private:
  void Wake();

  Mutex mutex_;
  CondVar changed_;
};

class RocksDbDatabase {
 public:
  // Opens or makes the database in `folder`; makes missing families. Errors: kInvalid (it has a
  // family that the schema lacks), kUnsupported (an unknown format), kCorrupt, kUnavailable.
  static Result<std::shared_ptr<RocksDbDatabase>> Open(std::shared_ptr<RocksDbShared> shared,
                                                       const std::string& folder,
                                                       const Schema& schema);
  ~RocksDbDatabase();
  RocksDbDatabase(const RocksDbDatabase&) = delete;
  RocksDbDatabase& operator=(const RocksDbDatabase&) = delete;

  rocksdb::DB& db() const { return *db_; }
  const RocksDbFamily& family(Family family) const;
  const std::vector<RocksDbFamily>& families() const { return families_; }
  // The family of the engine's own notes.
  rocksdb::ColumnFamilyHandle* notes() const { return notes_; }
  CompactionWatch& compaction_watch() const { return *compaction_watch_; }
  DiskWatch& disk_watch() const { return *disk_watch_; }

  // The newest committed sequence as of opening.
  uint64_t stored_sequence() const { return stored_sequence_; }
  static constexpr std::string_view kSequenceKey = "sequence";  // In notes(): u64, big-endian.

  // Whether a background job has failed in a way that stops writes.
  bool HasFailed() const;
  // Ends background work for good; reads go on.
  void Retire();

  // Called after each write. RocksDB bounds unflushed writes over all stores, but has the store
  // that is being written flush its own: beside idle stores that hold most of the memory it would
  // flush a few kilobytes at a time. So the store that holds most is told to flush.
  void RelieveOthers() const;

 private:
  RocksDbDatabase(std::shared_ptr<RocksDbShared> shared, std::string folder);
  Status OpenFamilies(const Schema& schema);
  Status MakeFamilies(const Schema& schema);
  Status LoadNotes();
  Status StoreFormat();
  uint64_t UnflushedBytes() const;
  void BeginFlush() const;
  Result<std::vector<std::string>> StoredFamilies() const;

  const std::shared_ptr<RocksDbShared> shared_;
  const std::string folder_;
  const std::shared_ptr<DiskWatch> disk_watch_;
  const std::unique_ptr<rocksdb::Env> env_;
  const std::shared_ptr<CompactionWatch> compaction_watch_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* notes_ = nullptr;
  std::vector<RocksDbFamily> families_;
  uint64_t stored_sequence_ = 0;
};

}  // namespace tarn::kv
