#include "kv/internal/rocksdb_store.h"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>

#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "base/log.h"
#include "kv/bits_operand.h"
#include "kv/internal/batch_rules.h"

namespace tarn::kv {
namespace {

constexpr uint8_t kFormat = 1;
constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kSequenceKey = "sequence";

// Every ingestion adds a level-0 file to the families of its publish batch at least, and reads slow
// down with each. RocksDB compacts from 4 and slows writers from 20.
constexpr uint64_t kIngestLevel0FilesMax = 12;
constexpr std::chrono::milliseconds kRecheckInterval{100};

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

std::string Be64(uint64_t value) {
  std::string bytes;
  AppendBe64(&bytes, value);
  return bytes;
}

}  // namespace

// What the group's earlier batches have done to a key: the first 8 bytes of its value, or nothing
// when it was deleted. Expectations need no more.
class RocksDbStore::Overlay {
 public:
  // The value's head; null: the group has not touched the key.
  const std::optional<std::string>* Find(Family family, const std::string& key) const {
    const auto found = heads_.find(Key(family, key));
    return found == heads_.end() ? nullptr : &found->second;
  }
  void Note(const Batch::Change& change, uint64_t sequence) {
    std::optional<std::string> head;
    if (change.kind == Batch::ChangeKind::kPut) {
      head = SequencedValue(change, sequence).substr(0, 8);
    }
    heads_[Key(change.family, SequencedKey(change, sequence))] = std::move(head);
  }

 private:
  static std::string Key(Family family, const std::string& key) {
    return static_cast<char>(family) + key;
  }
  std::unordered_map<std::string, std::optional<std::string>> heads_;
};

// Wakes who waits for compaction.
class RocksDbStore::CompactionWatch final : public rocksdb::EventListener {
 public:
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override { Wake(); }
  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override { Wake(); }

  // Asks `done` after each flush and compaction, and now and then: RocksDB reports a job before it
  // has counted it out.
  void WaitUntil(const std::function<bool()>& done) {
    while (!done()) {
      MutexLock lock(mutex_);
      changed_.WaitFor(mutex_, kRecheckInterval);
    }
  }

 private:
  void Wake() {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  }
  Mutex mutex_;
  CondVar changed_;
};

RocksDbStore::RocksDbStore(std::shared_ptr<RocksDbShared> shared, const std::string& folder,
                           const Schema& schema)
    : shared_(std::move(shared)),
      folder_(folder),
      schema_(schema),
      sync_watch_(std::make_shared<SyncWatch>(shared_->file_system)),
      env_(rocksdb::NewCompositeEnv(sync_watch_)),
      compaction_watch_(std::make_shared<CompactionWatch>()) {}

Result<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(std::shared_ptr<RocksDbShared> shared,
                                                         const std::string& folder,
                                                         const Schema& schema,
                                                         std::function<void()> on_close) {
  std::unique_ptr<RocksDbStore> store(new RocksDbStore(std::move(shared), folder, schema));
  TRY(MakeFolders(folder + "/db"));
  // Runs belong to a process that is gone.
  TRY(RemoveFolder(folder + "/runs"));
  TRY(MakeFolders(folder + "/runs"));
  TRY(store->OpenDatabase());
  TRY(store->LoadNotes());
  store->on_close_ = std::move(on_close);
  return store;
}

RocksDbStore::~RocksDbStore() {
  if (db_ != nullptr) {
    for (const RocksDbFamily& family : families_) db_->DestroyColumnFamilyHandle(family.handle);
    if (notes_ != nullptr) db_->DestroyColumnFamilyHandle(notes_);
    const rocksdb::Status closed = db_->Close();
    // All that was acknowledged is synced in the log, so nothing depends on this.
    if (!closed.ok()) LogWarning("kv close failed", {{"detail", RocksDbError(closed).detail}});
    db_.reset();
  }
  if (on_close_) on_close_();
}

Result<std::vector<std::string>> RocksDbStore::StoredFamilies() const {
  std::vector<std::string> names;
  // A database whose making was interrupted has no CURRENT yet, and is made again.
  if (!std::filesystem::exists(folder_ + "/db/CURRENT")) return names;
  const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(
      DatabaseOptions(*shared_, env_.get()), folder_ + "/db", &names);
  if (!listed.ok()) return RocksDbError(listed);
  return names;
}

Status RocksDbStore::OpenDatabase() {
  TRY(const std::vector<std::string> stored, StoredFamilies());
  std::set<std::string> known{rocksdb::kDefaultColumnFamilyName};
  for (const FamilySpec& family : schema_.families) known.insert(family.name);
  for (const std::string& name : stored) {
    if (!known.contains(name)) return Invalid("store has a family '" + name + "' that is unknown");
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName,
                           FamilyOptions(*shared_, {.name = "", .point_lookups = true}));
  for (const FamilySpec& family : schema_.families) {
    descriptors.emplace_back(family.name, FamilyOptions(*shared_, family));
  }
  rocksdb::DBOptions options = DatabaseOptions(*shared_, env_.get());
  options.listeners.push_back(compaction_watch_);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(options, folder_ + "/db", descriptors, &handles, &db);
  if (!opened.ok()) return RocksDbError(opened);
  db_.reset(db);
  notes_ = handles[0];
  for (size_t i = 0; i < schema_.families.size(); ++i) {
    families_.push_back({handles[i + 1], schema_.families[i].kind});
  }
  return Ok();
}

Status RocksDbStore::LoadNotes() {
  std::string format;
  rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), notes_, ToSlice(kFormatKey), &format);
  if (status.IsNotFound()) {
    rocksdb::WriteOptions synced;
    synced.sync = true;
    const char number = static_cast<char>(kFormat);
    status = db_->Put(synced, notes_, ToSlice(kFormatKey), rocksdb::Slice(&number, 1));
    if (!status.ok()) return RocksDbError(status);
    return Ok();
  }
  if (!status.ok()) return RocksDbError(status);
  if (format.size() != 1 || static_cast<uint8_t>(format[0]) != kFormat) {
    return Error{ErrorKind::kUnsupported, "store: unknown storage format"};
  }
  std::string sequence;
  status = db_->Get(rocksdb::ReadOptions(), notes_, ToSlice(kSequenceKey), &sequence);
  if (status.IsNotFound()) return Ok();
  if (!status.ok()) return RocksDbError(status);
  if (sequence.size() != 8) return Error{ErrorKind::kCorrupt, "store: malformed sequence"};
  last_sequence_ = LoadBe64(sequence);
  MutexLock lock(view_mutex_);
  visible_sequence_ = last_sequence_;
  return Ok();
}

std::unique_ptr<Snapshot> RocksDbStore::GetSnapshot() {
  MutexLock lock(view_mutex_);
  const rocksdb::Snapshot* const snapshot = db_->GetSnapshot();
  const uint64_t sequence =
      snapshot->GetSequenceNumber() >= coming_at_ ? coming_sequence_ : visible_sequence_;
  return std::make_unique<RocksDbSnapshot>(db_.get(), families_, snapshot, sequence);
}

Result<uint64_t> RocksDbStore::Commit(const Batch& batch) {
  TRY(CheckBatch(batch, schema_, limits_));
  CommitQueue::Member member(&batch);
  const CommitQueue::Group group = queue_.Join(&member);
  if (!group.empty()) {
    WriteGroup(group);
    queue_.Finish(group);
  }
  return std::move(member.outcome);
}

Status RocksDbStore::CheckExpectations(const Batch& batch, const Overlay& overlay) const {
  for (const Batch::Expectation& expected : batch.expectations()) {
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
          db_->Get(rocksdb::ReadOptions(), families_[expected.family].handle, ToSlice(expected.key),
                   &stored);
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

void RocksDbStore::WriteGroup(const CommitQueue::Group& group) {
  uint64_t bytes = 0;
  size_t expecting = 0;  // Members from here on have expectations.
  for (size_t i = 0; i < group.size(); ++i) {
    bytes += group[i]->batch->bytes() + 16 * group[i]->batch->changes().size();
    if (!group[i]->batch->expectations().empty()) expecting = i;
  }
  rocksdb::WriteBatch writes(bytes + 64);
  Overlay overlay;
  std::vector<CommitQueue::Member*> accepted;
  uint64_t sequence = last_sequence_;
  for (size_t i = 0; i < group.size(); ++i) {
    CommitQueue::Member* const member = group[i];
    if (stopped_.has_value()) {
      member->outcome = *stopped_;
      continue;
    }
    if (Status holds = CheckExpectations(*member->batch, overlay); !holds.ok()) {
      member->outcome = std::move(holds).error();
      continue;
    }
    ++sequence;
    for (const Batch::Change& change : member->batch->changes()) {
      AppendChange(change, sequence, &writes);
      if (i < expecting) overlay.Note(change, sequence);
    }
    member->outcome = sequence;
    accepted.push_back(member);
  }
  if (accepted.empty()) return;
  writes.Put(notes_, ToSlice(kSequenceKey), Be64(sequence));
  const Status written = WriteSynced(&writes, sequence);
  for (CommitQueue::Member* const member : accepted) {
    if (!written.ok()) member->outcome = written.error();
  }
}

void RocksDbStore::AppendChange(const Batch::Change& change, uint64_t sequence,
                                rocksdb::WriteBatch* writes) const {
  rocksdb::ColumnFamilyHandle* const handle = families_[change.family].handle;
  switch (change.kind) {
    case Batch::ChangeKind::kDelete:
      writes->Delete(handle, change.key);
      break;
    case Batch::ChangeKind::kMergeBits:
      writes->Merge(handle, change.key, change.value);
      break;
    case Batch::ChangeKind::kPut:
      if (change.sequence_at.key_offset == Batch::kNoOffset &&
          change.sequence_at.value_offset == Batch::kNoOffset) {
        writes->Put(handle, change.key, change.value);
      } else {
        writes->Put(handle, SequencedKey(change, sequence), SequencedValue(change, sequence));
      }
      break;
  }
}

Status RocksDbStore::WriteSynced(rocksdb::WriteBatch* writes, uint64_t sequence) {
  // Each operation of a batch takes one of RocksDB's sequence numbers, and nobody else writes.
  const uint64_t visible_at = db_->GetLatestSequenceNumber() + writes->Count();
  Announce(sequence, visible_at);
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status status = db_->Write(options, writes);
  // A number is spent even when its write failed: after a failed sync it may be on disk all the
  // same, and must not stand for two commits.
  last_sequence_ = sequence;
  if (!status.ok()) {
    Withdraw();
    return StopWrites(status);
  }
  CHECK(db_->GetLatestSequenceNumber() == visible_at);
  Settled();
  return Ok();
}

void RocksDbStore::Announce(uint64_t sequence, uint64_t visible_at) {
  MutexLock lock(view_mutex_);
  coming_sequence_ = sequence;
  coming_at_ = visible_at;
}

void RocksDbStore::Settled() {
  MutexLock lock(view_mutex_);
  visible_sequence_ = coming_sequence_;
  coming_at_ = UINT64_MAX;
}

void RocksDbStore::Withdraw() {
  MutexLock lock(view_mutex_);
  coming_at_ = UINT64_MAX;
}

Error RocksDbStore::StopWrites(const rocksdb::Status& cause) {
  Error error = RocksDbError(cause);
  error.kind = ErrorKind::kUnavailable;
  LogError("kv writes stopped", {{"detail", error.detail}});
  stopped_ = error;
  return error;
}

Result<std::unique_ptr<Run>> RocksDbStore::NewRun() {
  const std::string folder = folder_ + "/runs/" + std::to_string(runs_made_.fetch_add(1));
  TRY(MakeFolders(folder));
  return std::unique_ptr<Run>(std::make_unique<RocksDbRun>(db_.get(), families_, limits_, folder));
}

Result<uint64_t> RocksDbStore::Ingest(std::unique_ptr<Run> run, const Batch& publish) {
  auto& files = static_cast<RocksDbRun&>(*run);
  TRY(CheckBatch(publish, schema_, limits_));
  for (const Batch::Change& change : publish.changes()) CHECK(!files.Holds(change.family));
  TRY(files.Finish());
  // Most of the waiting and flushing happens before writers are held up.
  const std::vector<rocksdb::ColumnFamilyHandle*> handles = HandlesOf(files, publish);
  TRY(WaitForRoom(handles));
  TRY(FlushFamilies(handles));
  CommitQueue::Member member(nullptr);
  const CommitQueue::Group group = queue_.Join(&member);
  Result<uint64_t> outcome = IngestAlone(files, publish);
  queue_.Finish(group);
  return outcome;
}

std::vector<rocksdb::ColumnFamilyHandle*> RocksDbStore::HandlesOf(const RocksDbRun& run,
                                                                  const Batch& publish) const {
  std::set<Family> touched;
  for (const Batch::Change& change : publish.changes()) touched.insert(change.family);
  for (size_t i = 0; i < families_.size(); ++i) {
    if (run.Holds(static_cast<Family>(i))) touched.insert(static_cast<Family>(i));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles{notes_};
  for (const Family family : touched) handles.push_back(families_[family].handle);
  return handles;
}

Status RocksDbStore::WaitForRoom(const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  compaction_watch_->WaitUntil([&] {
    uint64_t errors = 0;
    if (db_->GetIntProperty(rocksdb::DB::Properties::kBackgroundErrors, &errors) && errors > 0) {
      return true;  // Compaction may have stopped; the ingestion itself will tell.
    }
    return std::all_of(handles.begin(), handles.end(), [&](auto* handle) {
      std::string files;
      return !db_->GetProperty(handle, rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0",
                               &files) ||
             std::stoull(files) < kIngestLevel0FilesMax;
    });
  });
  return Ok();
}

Status RocksDbStore::FlushFamilies(const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;
  for (auto* const handle : handles) {
    const rocksdb::Status flushed = db_->Flush(options, handle);
    if (!flushed.ok()) return RocksDbError(flushed);
  }
  return Ok();
}

Result<std::vector<std::unique_ptr<FamilyFiles>>> RocksDbStore::WritePublishFiles(
    const std::string& folder, const Batch& publish, uint64_t sequence) {
  // Files want each key once: the last change of a plain key, all operands of a chunk in one.
  struct Entry {
    const Batch::Change* last = nullptr;
    std::vector<std::string_view> operands;
  };
  std::map<Family, std::map<std::string, Entry>> by_family;
  for (const Batch::Change& change : publish.changes()) {
    Entry& entry = by_family[change.family][SequencedKey(change, sequence)];
    entry.last = &change;
    if (change.kind == Batch::ChangeKind::kMergeBits) entry.operands.push_back(change.value);
  }
  std::vector<std::unique_ptr<FamilyFiles>> all;
  for (const auto& [family, entries] : by_family) {
    auto files = std::make_unique<FamilyFiles>(db_.get(), families_[family].handle,
                                               folder + "/p" + std::to_string(family) + "-");
    for (const auto& [key, entry] : entries) {
      if (!entry.operands.empty()) {
        TRY(const std::string operand, CombineBitsOperands(entry.operands));
        TRY(files->Merge(key, operand));
      } else if (entry.last->kind == Batch::ChangeKind::kDelete) {
        TRY(files->Delete(key));
      } else {
        TRY(files->Put(key, SequencedValue(*entry.last, sequence)));
      }
    }
    TRY(files->Finish());
    all.push_back(std::move(files));
  }
  auto notes = std::make_unique<FamilyFiles>(db_.get(), notes_, folder + "/notes-");
  TRY(notes->Put(kSequenceKey, Be64(sequence)));
  TRY(notes->Finish());
  all.push_back(std::move(notes));
  return all;
}

Result<uint64_t> RocksDbStore::IngestAlone(RocksDbRun& run, const Batch& publish) {
  if (stopped_.has_value()) return *stopped_;
  TRY(CheckExpectations(publish, Overlay()));
  const uint64_t sequence = last_sequence_ + 1;
  TRY(const auto published, WritePublishFiles(run.folder(), publish, sequence));
  // An ingested file must not be older than what a memtable holds of its family: RocksDB 7.8 may
  // order level 0 wrongly then. Writers are held up, so after this the memtables are empty.
  TRY(FlushFamilies(HandlesOf(run, publish)));
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.failed_move_fall_back_to_copy = false;
  options.write_global_seqno = false;
  std::vector<rocksdb::IngestExternalFileArg> arguments;
  const auto add = [&](const FamilyFiles& files) {
    rocksdb::IngestExternalFileArg argument;
    argument.column_family = files.handle();
    argument.external_files = files.paths();
    argument.options = options;
    arguments.push_back(std::move(argument));
  };
  for (const auto& files : run.files()) {
    if (files != nullptr) add(*files);
  }
  for (const auto& files : published) add(*files);
  rocksdb::Status status;
  {
    // RocksDB writes its manifest without its lock and shows the files one family after another: a
    // snapshot taken meanwhile could see half of them. So snapshots wait, although this is I/O.
    MutexLock lock(view_mutex_);
    status = db_->IngestExternalFiles(arguments);
    if (status.ok()) visible_sequence_ = sequence;
  }
  last_sequence_ = sequence;
  if (!status.ok()) return StopWrites(status);
  return sequence;
}

Status RocksDbStore::Resume() {
  CommitQueue::Member member(nullptr);
  const CommitQueue::Group group = queue_.Join(&member);
  Status resumed = ResumeAlone();
  queue_.Finish(group);
  return resumed;
}

Status RocksDbStore::ResumeAlone() {
  if (sync_watch_->LogSyncFailed()) {
    return Error{ErrorKind::kUnavailable,
                 "storage: a sync of the log failed, what the disk holds is unknown; open the "
                 "store again"};
  }
  const rocksdb::Status resumed = db_->Resume();
  if (!resumed.ok()) return RocksDbError(resumed);
  if (stopped_.has_value()) LogInfo("kv writes resumed");
  stopped_.reset();
  return Ok();
}

Status RocksDbStore::Settle() {
  std::vector<rocksdb::ColumnFamilyHandle*> handles{notes_};
  for (const RocksDbFamily& family : families_) handles.push_back(family.handle);
  TRY(FlushFamilies(handles));
  compaction_watch_->WaitUntil([&] {
    uint64_t busy = 0;
    for (const std::string& property :
         {rocksdb::DB::Properties::kNumRunningCompactions,
          rocksdb::DB::Properties::kNumRunningFlushes, rocksdb::DB::Properties::kCompactionPending,
          rocksdb::DB::Properties::kMemTableFlushPending}) {
      uint64_t value = 0;
      if (db_->GetAggregatedIntProperty(property, &value)) busy += value;
    }
    return busy == 0;
  });
  return Ok();
}

StoreStats RocksDbStore::Stats() const {
  StoreStats stats;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;  // Compaction removes files meanwhile.
    const uint64_t bytes = at->file_size(gone);
    if (!gone) stats.disk_bytes += bytes;
  }
  const auto sum = [this](const std::string& property) {
    uint64_t value = 0;
    return db_->GetAggregatedIntProperty(property, &value) ? value : 0;
  };
  stats.memory_bytes = sum(rocksdb::DB::Properties::kCurSizeAllMemTables) +
                       sum(rocksdb::DB::Properties::kEstimateTableReadersMem);
  stats.compaction_pending_bytes = sum(rocksdb::DB::Properties::kEstimatePendingCompactionBytes);
  return stats;
}

}  // namespace tarn::kv
