#include "kv/internal/rocksdb_store.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "kv/internal/batch_rules.h"
#include "kv/internal/group_merges.h"
#include "kv/internal/rocksdb_ingest.h"
#include "kv/internal/rocksdb_read.h"

namespace tarn::kv {
namespace {

constexpr int64_t kResumePauseFirstNs = 1'000'000'000;
constexpr int64_t kResumePauseMaxNs = 30'000'000'000;
// How far ahead an ingestion takes its sequence: commits that come first have lower ones. More of
// them than this, while it flushes, and its files are written again.
constexpr uint64_t kIngestionAhead = 1u << 16;
constexpr int kIngestionAttemptsMax = 20;

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

std::string DatabaseFolder(const std::string& store) { return store + "/db"; }

bool IsSequenced(const Batch::Change& change) {
  return change.sequence_at.key_offset != Batch::kNoOffset ||
         change.sequence_at.value_offset != Batch::kNoOffset;
}

void AppendChange(const RocksDbDatabase& database, const Batch::Change& change, uint64_t sequence,
                  rocksdb::WriteBatch* writes) {
  rocksdb::ColumnFamilyHandle* const handle = database.family(change.family).handle;
  switch (change.kind) {
    case Batch::ChangeKind::kDelete:
      writes->Delete(handle, change.key);
      break;
    case Batch::ChangeKind::kMergeBits:
      writes->Merge(handle, change.key, change.value);
      break;
    case Batch::ChangeKind::kPut:
      if (!IsSequenced(change)) {
        writes->Put(handle, change.key, change.value);
      } else {
        writes->Put(handle, SequencedKey(change, sequence), SequencedValue(change, sequence));
      }
      break;
  }
}

}  // namespace

// What the group's earlier batches have done to the keys that a later one expects something of: the
// first 8 bytes of the value, or nothing when it was deleted. Expectations need no more.
class RocksDbStore::Overlay {
 public:
  // Before anything is noted.
  void Watch(const Batch& batch) {
    for (const Batch::Expectation& expected : batch.expectations()) {
      heads_.try_emplace(Key(expected.family, expected.key));
    }
  }
  // The value's head; null: the group has not touched the key.
  const std::optional<std::string>* Find(Family family, const std::string& key) const {
    const auto found = heads_.find(Key(family, key));
    return found == heads_.end() || !found->second.touched ? nullptr : &found->second.head;
  }
  void Note(const Batch::Change& change, uint64_t sequence) {
    if (heads_.empty() || change.kind == Batch::ChangeKind::kMergeBits) return;
    const auto found = heads_.find(Key(change.family, SequencedKey(change, sequence)));
    if (found == heads_.end()) return;
    found->second.touched = true;
    found->second.head.reset();
    if (change.kind == Batch::ChangeKind::kPut) {
      found->second.head = SequencedValue(change, sequence).substr(0, 8);
    }
  }

 private:
  struct State {
    bool touched = false;
    std::optional<std::string> head;
  };
  static std::string Key(Family family, const std::string& key) {
    return static_cast<char>(family) + key;
  }
  std::unordered_map<std::string, State> heads_;
};

RocksDbStore::RocksDbStore(std::shared_ptr<RocksDbShared> shared, const std::string& folder,
                           const Schema& schema)
    : shared_(std::move(shared)), folder_(folder), schema_(schema) {}

Result<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(std::shared_ptr<RocksDbShared> shared,
                                                         const std::string& folder,
                                                         const Schema& schema,
                                                         std::function<void()> on_close) {
  TRY(MakeFolders(DatabaseFolder(folder)));
  // Runs belong to a process that is gone.
  TRY(RemoveFolder(folder + "/runs"));
  TRY(MakeFolders(folder + "/runs"));
  std::unique_ptr<RocksDbStore> store(new RocksDbStore(std::move(shared), folder, schema));
  TRY(auto database, RocksDbDatabase::Open(store->shared_, DatabaseFolder(folder), schema));
  store->last_sequence_ = database->stored_sequence();
  {
    MutexLock lock(store->view_mutex_);
    store->visible_sequence_ = database->stored_sequence();
    store->database_ = std::move(database);
  }
  store->on_close_ = std::move(on_close);
  return store;
}

RocksDbStore::~RocksDbStore() {
  {
    MutexLock lock(view_mutex_);
    // Snapshots, cursors and runs share it, and end before their store does.
    CHECK(database_ == nullptr || database_.use_count() == 1);
    database_.reset();
  }
  if (on_close_) on_close_();
}

std::shared_ptr<RocksDbDatabase> RocksDbStore::Database() const {
  MutexLock lock(view_mutex_);
  return database_;
}

std::unique_ptr<Snapshot> RocksDbStore::GetSnapshot() {
  MutexLock lock(view_mutex_);
  const rocksdb::Snapshot* snapshot = database_->db().GetSnapshot();
  while (snapshot->GetSequenceNumber() >= coming_at_ && coming_is_ingestion_) {
    // It is visible, or has failed and taken its numbers all the same: that is about to be known.
    database_->db().ReleaseSnapshot(snapshot);
    settled_.Wait(view_mutex_);
    snapshot = database_->db().GetSnapshot();
  }
  const uint64_t sequence =
      snapshot->GetSequenceNumber() >= coming_at_ ? coming_sequence_ : visible_sequence_;
  return std::make_unique<RocksDbSnapshot>(database_, snapshot, sequence);
}

Result<uint64_t> RocksDbStore::Commit(const Batch& batch) {
  TRY(CheckBatch(batch, schema_, limits_));
  Prepared prepared;
  if (IsLarge(batch)) prepared = Prepare(batch);
  CommitQueue::Member member(&batch);
  const CommitQueue::Group group = queue_.Join(&member);
  if (!group.empty()) {
    WriteGroup(group, &prepared);
    queue_.Finish(group);
  }
  return std::move(member.outcome);
}

// What does not depend on the batch's sequence is put into RocksDB's form while others commit. That
// form names families by number, so it stays right when writes are resumed meanwhile.
RocksDbStore::Prepared RocksDbStore::Prepare(const Batch& batch) {
  const std::shared_ptr<RocksDbDatabase> database = Database();
  Prepared prepared;
  prepared.writes = rocksdb::WriteBatch(batch.bytes() + 16 * batch.changes().size());
  for (const Batch::Change& change : batch.changes()) {
    if (IsSequenced(change)) break;
    AppendChange(*database, change, 0, &prepared.writes);
    ++prepared.changes;
  }
  prepared.checked_at = CheckAhead(batch);
  return prepared;
}

std::optional<uint64_t> RocksDbStore::CheckAhead(const Batch& batch) {
  const std::unique_ptr<Snapshot> snapshot = GetSnapshot();
  std::string stored;
  for (const Batch::Expectation& expected : batch.expectations()) {
    const Result<bool> found = snapshot->Get(expected.family, expected.key, &stored);
    if (!found.ok()) return std::nullopt;
    const std::string_view value = stored;
    if (!ExpectationHolds(expected, found.value() ? &value : nullptr)) return std::nullopt;
  }
  return snapshot->sequence();
}

Status RocksDbStore::CheckExpectations(const RocksDbDatabase& database, const Batch& batch,
                                       const Overlay& overlay,
                                       std::optional<uint64_t> checked_at) const {
  const bool checked = checked_at.has_value() && recent_keys_.Knows(*checked_at);
  std::unordered_set<uint64_t> changed;
  if (checked) changed = recent_keys_.ChangedAfter(*checked_at);
  for (const Batch::Expectation& expected : batch.expectations()) {
    if (checked && !changed.contains(RecentKeys::HashOf(expected.family, expected.key))) continue;
    std::string_view head;
    const std::string_view* value = nullptr;
    rocksdb::PinnableSlice stored;
    if (const std::optional<std::string>* noted = overlay.Find(expected.family, expected.key)) {
      if (noted->has_value()) {
        head = **noted;
        value = &head;
      }
    } else {
      const rocksdb::Status status =
          database.db().Get(rocksdb::ReadOptions(), database.family(expected.family).handle,
                            ToSlice(expected.key), &stored);
      if (!status.ok() && !status.IsNotFound()) return RocksDbError(status);
      if (status.ok()) {
        head = {stored.data(), stored.size()};
        value = &head;
      }
    }
    if (!ExpectationHolds(expected, value)) return ExpectationBroken(schema_, expected);
  }
  return Ok();
}

void RocksDbStore::WriteGroup(const CommitQueue::Group& group, Prepared* prepared) {
  ResumeIfDue();
  uint64_t bytes = 64;
  Overlay overlay;
  for (size_t i = 0; i < group.size(); ++i) {
    if (i > 0) overlay.Watch(*group[i]->batch);
    if (i == 0 && prepared->changes > 0) continue;
    bytes += group[i]->batch->bytes() + 16 * group[i]->batch->changes().size();
  }
  const std::shared_ptr<RocksDbDatabase> database = Database();
  rocksdb::WriteBatch writes(bytes);
  GroupMerges merges;
  std::vector<CommitQueue::Member*> accepted;
  uint64_t sequence = last_sequence_;
  for (CommitQueue::Member* const member : group) {
    if (stopped_.has_value()) {
      member->outcome = *stopped_;
      continue;
    }
    Status holds = CheckExpectations(*database, *member->batch, overlay,
                                     member == group.front() ? prepared->checked_at : std::nullopt);
    if (!holds.ok()) {
      member->outcome = std::move(holds).error();
      continue;
    }
    ++sequence;
    size_t done = 0;  // Of the batch's changes.
    if (member == group.front() && prepared->changes > 0) {
      writes = std::move(prepared->writes);
      done = prepared->changes;
    }
    const std::vector<Batch::Change>& changes = member->batch->changes();
    for (size_t i = 0; i < changes.size(); ++i) {
      overlay.Note(changes[i], sequence);
      NoteKey(changes[i], sequence);
      if (i < done) continue;
      if (changes[i].kind == Batch::ChangeKind::kMergeBits && group.size() > 1) {
        merges.Add(changes[i]);
      } else {
        AppendChange(*database, changes[i], sequence, &writes);
      }
    }
    member->outcome = sequence;
    accepted.push_back(member);
  }
  if (accepted.empty()) return;
  merges.ForEach([&](Family family, std::string_view key, std::string_view operand) {
    writes.Merge(database->family(family).handle, ToSlice(key), ToSlice(operand));
  });
  const Status written = WriteSynced(*database, &writes, sequence);
  for (CommitQueue::Member* const member : accepted) {
    if (!written.ok()) member->outcome = written.error();
  }
}

void RocksDbStore::NoteKey(const Batch::Change& change, uint64_t sequence) {
  if (change.kind == Batch::ChangeKind::kMergeBits) return;  // Nothing is expected of sets.
  const uint64_t hash = IsSequenced(change)
                            ? RecentKeys::HashOf(change.family, SequencedKey(change, sequence))
                            : RecentKeys::HashOf(change.family, change.key);
  recent_keys_.Add(hash, sequence);
}

Status RocksDbStore::WriteSynced(const RocksDbDatabase& database, rocksdb::WriteBatch* writes,
                                 uint64_t sequence) {
  std::string newest;
  AppendBe64(&newest, sequence);
  writes->Put(database.notes(), ToSlice(RocksDbDatabase::kSequenceKey), newest);
  // Each operation of a batch takes one of RocksDB's sequence numbers, and nobody else writes.
  const uint64_t visible_at = database.db().GetLatestSequenceNumber() + writes->Count();
  AnnounceWrite(sequence, visible_at);
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status status = database.db().Write(options, writes);
  // A number is spent even when its write failed: it may be on disk all the same, and must not
  // stand for two commits.
  last_sequence_ = sequence;
  if (!status.ok()) {
    WithdrawWrite();
    return StopWrites(status);
  }
  CHECK(database.db().GetLatestSequenceNumber() == visible_at);
  ConfirmWrite();
  database.RelieveOthers();
  return Ok();
}

void RocksDbStore::AnnounceWrite(uint64_t sequence, uint64_t visible_at) {
  MutexLock lock(view_mutex_);
  coming_sequence_ = sequence;
  coming_at_ = visible_at;
  coming_is_ingestion_ = false;
}

void RocksDbStore::AnnounceIngestion(uint64_t sequence, uint64_t visible_at) {
  MutexLock lock(view_mutex_);
  coming_sequence_ = sequence;
  coming_at_ = visible_at;
  coming_is_ingestion_ = true;
}

void RocksDbStore::ConfirmWrite() {
  MutexLock lock(view_mutex_);
  visible_sequence_ = coming_sequence_;
  coming_at_ = UINT64_MAX;
  settled_.NotifyAll();
}

void RocksDbStore::WithdrawWrite() {
  MutexLock lock(view_mutex_);
  coming_at_ = UINT64_MAX;
  settled_.NotifyAll();
}

Error RocksDbStore::StopWrites(const rocksdb::Status& cause) {
  Error error = RocksDbError(cause);
  error.kind = ErrorKind::kUnavailable;
  LogError("kv writes stopped", {{"store", folder_}, {"detail", error.detail}});
  stopped_ = error;
  resume_pause_ns_ = kResumePauseFirstNs;
  resume_at_ns_ = SystemClock().MonotonicNs() + resume_pause_ns_;
  return error;
}

Result<std::unique_ptr<Run>> RocksDbStore::NewRun() {
  const std::string folder = folder_ + "/runs/" + std::to_string(runs_made_.fetch_add(1));
  TRY(MakeFolders(folder));
  return std::unique_ptr<Run>(std::make_unique<RocksDbRun>(Database(), limits_, folder));
}

Result<uint64_t> RocksDbStore::Ingest(std::unique_ptr<Run> run, const Batch& publish) {
  auto& files = static_cast<RocksDbRun&>(*run);
  TRY(CheckBatch(publish, schema_, limits_));
  for (const Batch::Change& change : publish.changes()) CHECK(!files.Holds(change.family));
  TRY(files.Finish());
  // All that can be done before writers are held up is.
  PublishFiles published;
  {
    const std::shared_ptr<RocksDbDatabase> database = Database();
    const RocksDbHandles handles = TouchedFamilies(*database, files, publish);
    WaitForRoom(*database, handles);
    {
      MutexLock lock(view_mutex_);
      published.sequence = visible_sequence_ + kIngestionAhead;
    }
    TRY(published.files, WritePublishFiles(*database, files.folder(), publish, published.sequence));
    TRY(FlushFamilies(*database, handles));
  }
  CommitQueue::Member member(nullptr);
  const CommitQueue::Group group = queue_.Join(&member);
  Result<uint64_t> outcome = IngestInTurn(files, publish, &published);
  queue_.Finish(group);
  return outcome;
}

Result<uint64_t> RocksDbStore::IngestInTurn(RocksDbRun& run, const Batch& publish,
                                            PublishFiles* published) {
  ResumeIfDue();
  if (stopped_.has_value()) return *stopped_;
  const std::shared_ptr<RocksDbDatabase> database = Database();
  if (run.database() != database.get()) {
    return Error{ErrorKind::kUnavailable, "storage: the run began before writes were resumed"};
  }
  TRY(CheckExpectations(*database, publish, Overlay(), std::nullopt));
  if (published->sequence <= last_sequence_) {
    published->sequence = last_sequence_ + 1;
    TRY(published->files, WritePublishFiles(*database, run.folder(), publish, published->sequence));
  }
  const uint64_t sequence = published->sequence;
  recent_keys_.Forget(sequence);
  rocksdb::Status status;
  for (int attempt = 1; attempt <= kIngestionAttemptsMax; ++attempt) {
    // A file must not be older than what a memtable of its family holds when it comes in: RocksDB
    // 7.8 may order level 0 wrongly then. Writers wait, so after this the memtables are empty.
    TRY(FlushFamilies(*database, TouchedFamilies(*database, run, publish)));
    status = IngestFiles(*database, IngestArguments(run, published->files), sequence);
    // A flush is reported done a moment before its memtable is gone from what the ingestion looks
    // at, when another job has written the manifest for both. Nothing has come in then.
    if (!status.IsTryAgain()) break;
    WithdrawWrite();
  }
  last_sequence_ = sequence;
  if (!status.ok()) {
    WithdrawWrite();
    return StopWrites(status);
  }
  ConfirmWrite();
  return sequence;
}

// RocksDB writes its manifest without its lock, so snapshots are taken meanwhile. They must not
// see the files when these appear. That holds if every file gets sequence numbers above that of any
// such snapshot; RocksDB gives some files number 0, which everybody sees, unless there is a
// snapshot when it begins. So one is held.
rocksdb::Status RocksDbStore::IngestFiles(
    const RocksDbDatabase& database, const std::vector<rocksdb::IngestExternalFileArg>& arguments,
    uint64_t sequence) {
  rocksdb::DB& db = database.db();
  const rocksdb::Snapshot* const held = db.GetSnapshot();
  // How many numbers the files take is known afterwards only; they become visible together.
  const uint64_t visible_at = held->GetSequenceNumber() + 1;
  AnnounceIngestion(sequence, visible_at);
  const rocksdb::Status status = [&] {
    const DiskWatch::LateFolderSyncs late(database.disk_watch());
    return db.IngestExternalFiles(arguments);
  }();
  db.ReleaseSnapshot(held);
  CHECK(!status.ok() || db.GetLatestSequenceNumber() >= visible_at);
  return status;
}

Status RocksDbStore::Resume() {
  CommitQueue::Member member(nullptr);
  const CommitQueue::Group group = queue_.Join(&member);
  Status resumed = ResumeInTurn();
  queue_.Finish(group);
  return resumed;
}

Status RocksDbStore::ResumeInTurn() {
  const std::shared_ptr<RocksDbDatabase> old = Database();
  if (!stopped_.has_value() && !old->HasFailed()) return Ok();
  if (!stopped_.has_value()) {
    stopped_ = Error{ErrorKind::kUnavailable, "storage: background work failed"};
  }
  old->Retire();
  TRY(auto database, RocksDbDatabase::Open(shared_, DatabaseFolder(folder_), schema_));
  last_sequence_ = std::max(last_sequence_, database->stored_sequence());
  stopped_.reset();
  recent_keys_.Forget(last_sequence_);
  LogInfo("kv writes resumed", {{"store", folder_}});
  MutexLock lock(view_mutex_);
  visible_sequence_ = database->stored_sequence();
  database_ = std::move(database);
  return Ok();
}

void RocksDbStore::ResumeIfDue() {
  if (!stopped_.has_value() || SystemClock().MonotonicNs() < resume_at_ns_) return;
  const Status resumed = ResumeInTurn();
  if (resumed.ok()) return;
  resume_pause_ns_ = std::min(2 * resume_pause_ns_, kResumePauseMaxNs);
  resume_at_ns_ = SystemClock().MonotonicNs() + resume_pause_ns_;
}

Status RocksDbStore::Settle() {
  const std::shared_ptr<RocksDbDatabase> database = Database();
  RocksDbHandles handles{database->notes()};
  for (const RocksDbFamily& family : database->families()) handles.push_back(family.handle);
  TRY(FlushFamilies(*database, handles));
  database->compaction_watch().WaitUntil([&] {
    uint64_t busy = 0;
    for (const std::string& property :
         {rocksdb::DB::Properties::kNumRunningCompactions,
          rocksdb::DB::Properties::kNumRunningFlushes, rocksdb::DB::Properties::kCompactionPending,
          rocksdb::DB::Properties::kMemTableFlushPending}) {
      uint64_t value = 0;
      if (database->db().GetAggregatedIntProperty(property, &value)) busy += value;
    }
    return busy == 0 || database->HasFailed();
  });
  return Ok();
}

StoreStats RocksDbStore::Stats() const {
  StoreStats stats;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;  // Folders have no size, and compaction removes files meanwhile.
    const uint64_t bytes = at->file_size(gone);
    if (!gone) stats.disk_bytes += bytes;
  }
  const std::shared_ptr<RocksDbDatabase> database = Database();
  const auto sum = [&](const std::string& property) {
    uint64_t value = 0;
    return database->db().GetAggregatedIntProperty(property, &value) ? value : 0;
  };
  stats.memory_bytes = sum(rocksdb::DB::Properties::kCurSizeAllMemTables) +
                       sum(rocksdb::DB::Properties::kEstimateTableReadersMem);
  stats.compaction_pending_bytes = sum(rocksdb::DB::Properties::kEstimatePendingCompactionBytes);
  return stats;
}

}  // namespace tarn::kv
