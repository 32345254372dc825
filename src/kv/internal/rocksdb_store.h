// One store: a RocksDB database of its own with our group commit and ingestion on top.
//
//   <store>/db     the database; families are column families, "default" holds the engine's notes:
//                  "format" -> format number u8, "sequence" -> newest sequence u64
//   <store>/runs   files of bulk loads that are not ingested yet; emptied when the store is opened
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "kv/internal/commit_queue.h"
#include "kv/internal/recent_keys.h"
#include "kv/internal/rocksdb_database.h"
#include "kv/internal/rocksdb_run.h"
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
  // A large batch in RocksDB's form, as far as it could be put so before its turn.
  struct Prepared {
    rocksdb::WriteBatch writes;
    size_t changes = 0;  // Of the batch, from its beginning.
    // At this sequence all that the batch expects held; nothing: that is not known.
    std::optional<uint64_t> checked_at;
  };

  // An ingestion's batch as files, under the sequence that they hold.
  struct PublishFiles {
    uint64_t sequence = 0;
    std::vector<std::unique_ptr<FamilyFiles>> files;
  };

  RocksDbStore(std::shared_ptr<RocksDbShared> shared, const std::string& folder,
               const Schema& schema);
  std::shared_ptr<RocksDbDatabase> Database() const;

  Prepared Prepare(const Batch& batch);
  // The sequence of a snapshot in which all that it expects holds.
  std::optional<uint64_t> CheckAhead(const Batch& batch);

  // The following run in the commit queue's turn. `prepared` is of the group's first batch.
  void WriteGroup(const CommitQueue::Group& group, Prepared* prepared);
  // `checked_at`: see Prepared.
  Status CheckExpectations(const RocksDbDatabase& database, const Batch& batch,
                           const Overlay& overlay, std::optional<uint64_t> checked_at) const;
  void NoteKey(const Batch::Change& change, uint64_t sequence);
  // `sequence` is the newest one in `writes`.
  Status WriteSynced(const RocksDbDatabase& database, rocksdb::WriteBatch* writes,
                     uint64_t sequence);
  Result<uint64_t> IngestInTurn(RocksDbRun& run, const Batch& publish, PublishFiles* published);
  rocksdb::Status IngestFiles(const RocksDbDatabase& database,
                              const std::vector<rocksdb::IngestExternalFileArg>& arguments,
                              uint64_t sequence);
  Status ResumeInTurn();
  // A write finds out whether the fault has passed: first a second after it, then ever more rarely,
  // so that a server whose disk was full serves again without anybody's help.
  void ResumeIfDue();
  Error StopWrites(const rocksdb::Status& cause);

  // See view_mutex_.
  void AnnounceWrite(uint64_t sequence, uint64_t visible_at);
  void AnnounceIngestion(uint64_t sequence, uint64_t visible_at);
  void ConfirmWrite();
  void WithdrawWrite();

  const std::shared_ptr<RocksDbShared> shared_;
  const std::string folder_;
  const Schema schema_;
  const Limits limits_;
  std::function<void()> on_close_;
  std::atomic<uint64_t> runs_made_{0};

  CommitQueue queue_;
  // Touched in the queue's turn only.
  uint64_t last_sequence_ = 0;
  RecentKeys recent_keys_;
  std::optional<Error> stopped_;  // Why writes fail until Resume.
  int64_t resume_pause_ns_ = 0;
  int64_t resume_at_ns_ = 0;  // When the next write may try.

  // What snapshots begin from. A commit becomes visible at one moment inside RocksDB, between our
  // announcing it and our learning that it worked. So the writer announces the RocksDB sequence
  // number that makes it visible, and a snapshot compares its own number with that one.
  mutable Mutex view_mutex_;
  CondVar settled_;  // Nothing is announced any more.
  std::shared_ptr<RocksDbDatabase> database_ GUARDED_BY(view_mutex_);
  uint64_t visible_sequence_ GUARDED_BY(view_mutex_) = 0;
  uint64_t coming_sequence_ GUARDED_BY(view_mutex_) = 0;
  uint64_t coming_at_ GUARDED_BY(view_mutex_) = UINT64_MAX;  // RocksDB's; UINT64_MAX: nothing.
  bool coming_is_ingestion_ GUARDED_BY(view_mutex_) = false;
};

}  // namespace tarn::kv
