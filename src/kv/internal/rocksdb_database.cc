#include "kv/internal/rocksdb_database.h"

#include <rocksdb/convenience.h>

#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "kv/internal/manifest_tail.h"

namespace tarn::kv {
namespace {

// 1: bitmap chunks in Roaring's portable format. 2: small ones in shorter forms (kv/bits.cc); all
// of format 1 is read, so a store becomes one of format 2 when it is opened.
constexpr uint8_t kFormat = 2;
constexpr uint8_t kOldestFormat = 1;
constexpr const char* kFormatKey = "format";
constexpr std::chrono::milliseconds kRecheckInterval{50};
constexpr uint64_t kWritesPerRelief = 16;

Status CheckHoldsNoTables(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() == ".sst") {
      return Error{ErrorKind::kCorrupt, folder + ": the file CURRENT is missing"};
    }
  }
  if (error) return ErrnoError(folder, error.value());
  return Ok();
}

}  // namespace

void CompactionWatch::WaitUntil(const std::function<bool()>& done) {
  while (!done()) {
    MutexLock lock(mutex_);
    changed_.WaitFor(mutex_, kRecheckInterval);
  }
}

void CompactionWatch::Wake() {
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

RocksDbDatabase::RocksDbDatabase(std::shared_ptr<RocksDbShared> shared, std::string folder)
    : shared_(std::move(shared)),
      folder_(std::move(folder)),
      disk_watch_(std::make_shared<DiskWatch>(shared_->file_system)),
      env_(rocksdb::NewCompositeEnv(disk_watch_)),
      compaction_watch_(std::make_shared<CompactionWatch>()) {}

Result<std::shared_ptr<RocksDbDatabase>> RocksDbDatabase::Open(
    std::shared_ptr<RocksDbShared> shared, const std::string& folder, const Schema& schema) {
  std::shared_ptr<RocksDbDatabase> database(new RocksDbDatabase(std::move(shared), folder));
  TRY(database->OpenFamilies(schema));
  TRY(database->MakeFamilies(schema));
  TRY(database->LoadNotes());
  MutexLock lock(database->shared_->mutex);
  database->shared_->databases.push_back(database.get());
  return database;
}

RocksDbDatabase::~RocksDbDatabase() {
  {
    MutexLock lock(shared_->mutex);
    std::erase(shared_->databases, this);
  }
  if (db_ == nullptr) return;
  for (const RocksDbFamily& family : families_) {
    if (family.handle != nullptr) db_->DestroyColumnFamilyHandle(family.handle);
  }
  if (notes_ != nullptr) db_->DestroyColumnFamilyHandle(notes_);
  // All that was acknowledged is synced in the log, so nothing depends on the outcome.
  const rocksdb::Status closed = db_->Close();
  if (!closed.ok()) LogWarning("kv close failed", {{"detail", RocksDbError(closed).detail}});
}

const RocksDbFamily& RocksDbDatabase::family(Family family) const {
  CHECK(family < families_.size());
  return families_[family];
}

Result<std::vector<std::string>> RocksDbDatabase::StoredFamilies() const {
  std::vector<std::string> names;
  std::error_code error;
  if (!std::filesystem::exists(folder_ + "/CURRENT", error)) {
    if (error) return ErrnoError(folder_, error.value());
    // A database whose making was interrupted has no CURRENT yet, and is made again; which would
    // remove the tables of one that has lost it.
    TRY(CheckHoldsNoTables(folder_));
    return names;
  }
  TRY(CutTornManifest(folder_));
  const rocksdb::Status listed =
      rocksdb::DB::ListColumnFamilies(DatabaseOptions(*shared_, env_.get()), folder_, &names);
  if (!listed.ok()) return RocksDbError(listed);
  return names;
}

Status RocksDbDatabase::OpenFamilies(const Schema& schema) {
  TRY(const std::vector<std::string> stored, StoredFamilies());
  std::map<std::string, size_t> known;
  for (size_t i = 0; i < schema.families.size(); ++i) known[schema.families[i].name] = i;
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName,
                           FamilyOptions(*shared_, {.name = "", .point_lookups = true}));
  std::vector<size_t> opening;  // Which family of the schema each further descriptor is.
  for (const std::string& name : stored) {
    if (name == rocksdb::kDefaultColumnFamilyName) continue;
    const auto found = known.find(name);
    if (found == known.end()) return Invalid("store has a family '" + name + "' that is unknown");
    descriptors.emplace_back(name, FamilyOptions(*shared_, schema.families[found->second]));
    opening.push_back(found->second);
  }
  rocksdb::DBOptions options = DatabaseOptions(*shared_, env_.get());
  options.listeners.push_back(compaction_watch_);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(options, folder_, descriptors, &handles, &db);
  if (!opened.ok()) return RocksDbError(opened);
  db_.reset(db);
  notes_ = handles[0];
  for (const FamilySpec& family : schema.families) families_.push_back({nullptr, family.kind});
  for (size_t i = 0; i < opening.size(); ++i) families_[opening[i]].handle = handles[i + 1];
  return Ok();
}

// Not left to the opening: that would write an options file, with its syncs, for every family.
Status RocksDbDatabase::MakeFamilies(const Schema& schema) {
  std::vector<rocksdb::ColumnFamilyDescriptor> missing;
  std::vector<size_t> making;
  for (size_t i = 0; i < families_.size(); ++i) {
    if (families_[i].handle != nullptr) continue;
    missing.emplace_back(schema.families[i].name, FamilyOptions(*shared_, schema.families[i]));
    making.push_back(i);
  }
  if (missing.empty()) return Ok();
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status made = db_->CreateColumnFamilies(missing, &handles);
  for (size_t i = 0; i < handles.size(); ++i) families_[making[i]].handle = handles[i];
  if (!made.ok()) return RocksDbError(made);
  return Ok();
}

Status RocksDbDatabase::StoreFormat() {
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const char number = static_cast<char>(kFormat);
  const rocksdb::Status status = db_->Put(synced, notes_, kFormatKey, rocksdb::Slice(&number, 1));
  if (!status.ok()) return RocksDbError(status);
  return Ok();
}

Status RocksDbDatabase::LoadNotes() {
  std::string format;
  rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), notes_, kFormatKey, &format);
  if (status.IsNotFound()) return StoreFormat();
  if (!status.ok()) return RocksDbError(status);
  const uint8_t stored = format.size() == 1 ? static_cast<uint8_t>(format[0]) : 0;
  if (stored < kOldestFormat || stored > kFormat) {
    return Error{ErrorKind::kUnsupported, "store: unknown storage format"};
  }
  // Before anything else is written: a program that only knows the old format must not open it.
  if (stored != kFormat) TRY(StoreFormat());
  std::string sequence;
  status = db_->Get(rocksdb::ReadOptions(), notes_,
                    rocksdb::Slice(kSequenceKey.data(), kSequenceKey.size()), &sequence);
  if (status.IsNotFound()) return Ok();
  if (!status.ok()) return RocksDbError(status);
  if (sequence.size() != 8) return Error{ErrorKind::kCorrupt, "store: malformed sequence"};
  stored_sequence_ = LoadBe64(sequence);
  return Ok();
}

bool RocksDbDatabase::HasFailed() const {
  uint64_t errors = 0;
  return db_->GetIntProperty(rocksdb::DB::Properties::kBackgroundErrors, &errors) && errors > 0;
}

void RocksDbDatabase::Retire() {
  disk_watch_->Retire();
  rocksdb::CancelAllBackgroundWork(db_.get(), /*wait=*/true);
}

uint64_t RocksDbDatabase::UnflushedBytes() const {
  uint64_t bytes = 0;
  return db_->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &bytes)
             ? bytes
             : 0;
}

void RocksDbDatabase::BeginFlush() const {
  rocksdb::FlushOptions options;
  options.wait = false;
  options.allow_write_stall = true;
  for (const RocksDbFamily& family : families_) {
    const rocksdb::Status begun = db_->Flush(options, family.handle);
    if (!begun.ok()) return;  // Its own next write will tell.
  }
}

void RocksDbDatabase::RelieveOthers() const {
  const rocksdb::WriteBufferManager& buffers = *shared_->write_buffers;
  if (shared_->writes.fetch_add(1, std::memory_order_relaxed) % kWritesPerRelief != 0 ||
      buffers.memory_usage() < buffers.buffer_size() / 2) {
    return;
  }
  // The lock keeps the databases open. A flush that nobody waits for only begins here.
  MutexLock lock(shared_->mutex);
  const RocksDbDatabase* largest = nullptr;
  uint64_t most = buffers.buffer_size() / 16;
  for (const RocksDbDatabase* const database : shared_->databases) {
    const uint64_t bytes = database->UnflushedBytes();
    if (bytes <= most) continue;
    most = bytes;
    largest = database;
  }
  // What this one holds RocksDB has flushed when it is time.
  if (largest != nullptr && largest != this) largest->BeginFlush();
}

}  // namespace tarn::kv
