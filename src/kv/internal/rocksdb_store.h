// One store: a RocksDB database of its own with our group commit and ingestion on top.
//
//   <store>/db     the database; families are column families, "default" holds the engine's notes:
//                  "format" -> format number u8, "sequence" -> newest sequence u64
//   <store>/runs   files of bulk loads that are not ingested yet; emptied when the store is opened
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/listener.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "kv/internal/commit_queue.h"
#include "kv/internal/rocksdb_options.h"
#include "kv/internal/rocksdb_read.h"
#include "kv/internal/rocksdb_run.h"
#include "kv/internal/sync_watch.h"
#include "kv/store.h"

namespace tarn::kv {

class RocksDbStore final : public Store {
 public:
  // Opens or makes the store in `folder`. `on_close` runs at the end of its destruction.
  static Result<std::unique_ptr<RocksDbStore>> Open(std::shared_ptr<RocksDbShared> shared,
                                                    const std::string& folder, const Schema& schema,
                                                    std::function<void()> on_close);
  ~RocksDbStore() override;

  std::unique_ptr<Snapshot> GetSnapshot() override;
  Result<uint64_t> Commit(const Batch& batch) override;
  Result<std::unique_ptr<Run>> NewRun() override;
  Result<uint64_t> Ingest(std::unique_ptr<Run> run, const Batch& publish) override;
  Status Resume() override;
  Status Settle() override;
  StoreStats Stats() const override;
  const Limits& limits() const override { return limits_; }

 private:
  class Overlay;
  class CompactionWatch;

  RocksDbStore(std::shared_ptr<RocksDbShared> shared, const std::string& folder,
               const Schema& schema);
  Status OpenDatabase();
  Status LoadNotes();
  Result<std::vector<std::string>> StoredFamilies() const;

  // The following run in the commit queue's turn.
  void WriteGroup(const CommitQueue::Group& group);
  Status CheckExpectations(const Batch& batch, const Overlay& overlay) const;
  Result<uint64_t> IngestAlone(RocksDbRun& run, const Batch& publish);
  Status ResumeAlone();
  void AppendChange(const Batch::Change& change, uint64_t sequence,
                    rocksdb::WriteBatch* writes) const;
  // `sequence` is the newest one in `writes`.
  Status WriteSynced(rocksdb::WriteBatch* writes, uint64_t sequence);
  Error StopWrites(const rocksdb::Status& cause);

  // A write is coming, is there, or failed: see view_mutex_.
  void Announce(uint64_t sequence, uint64_t visible_at);
  void Settled();
  void Withdraw();

  // Writes the publish batch and the sequence into files of the run's folder.
  Result<std::vector<std::unique_ptr<FamilyFiles>>> WritePublishFiles(const std::string& folder,
                                                                      const Batch& publish,
                                                                      uint64_t sequence);
  Status FlushFamilies(const std::vector<rocksdb::ColumnFamilyHandle*>& handles);
  std::vector<rocksdb::ColumnFamilyHandle*> HandlesOf(const RocksDbRun& run,
                                                      const Batch& publish) const;
  // Waits until the families have few enough level-0 files to take another ingestion.
  Status WaitForRoom(const std::vector<rocksdb::ColumnFamilyHandle*>& handles);

  const std::shared_ptr<RocksDbShared> shared_;
  const std::string folder_;
  const Schema schema_;
  const Limits limits_;
  std::function<void()> on_close_;

  // Destroyed last to first: handles, database, then what the database uses.
  std::shared_ptr<SyncWatch> sync_watch_;
  std::unique_ptr<rocksdb::Env> env_;
  std::shared_ptr<CompactionWatch> compaction_watch_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* notes_ = nullptr;  // Owned, as those in families_.
  std::vector<RocksDbFamily> families_;

  CommitQueue queue_;
  // Touched in the queue's turn only.
  uint64_t last_sequence_ = 0;
  std::optional<Error> stopped_;  // Why writes fail until Resume.

  // Which sequence a RocksDB snapshot stands for. A commit becomes visible at one moment inside
  // RocksDB, between our announcing it and our learning that it worked. So the writer announces the
  // RocksDB sequence number that makes it visible, and a snapshot compares its own with that.
  mutable Mutex view_mutex_;
  uint64_t visible_sequence_ GUARDED_BY(view_mutex_) = 0;
  uint64_t coming_sequence_ GUARDED_BY(view_mutex_) = 0;
  uint64_t coming_at_ GUARDED_BY(view_mutex_) = UINT64_MAX;  // RocksDB's; UINT64_MAX: nothing.

  std::atomic<uint64_t> runs_made_{0};
};

}  // namespace tarn::kv
