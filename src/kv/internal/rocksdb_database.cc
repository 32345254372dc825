#include "kv/internal/rocksdb_database.h"

#include <rocksdb/convenience.h>

#include <filesystem>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"

namespace tarn::kv {
namespace {

constexpr uint8_t kFormat = 1;
constexpr const char* kFormatKey = "format";
constexpr std::chrono::milliseconds kRecheckInterval{50};

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
  TRY(database->LoadNotes());
  return database;
}

RocksDbDatabase::~RocksDbDatabase() {
  if (db_ == nullptr) return;
  for (const RocksDbFamily& family : families_) db_->DestroyColumnFamilyHandle(family.handle);
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
  // A database whose making was interrupted has no CURRENT yet, and is made again.
  if (!std::filesystem::exists(folder_ + "/CURRENT")) return names;
  const rocksdb::Status listed =
      rocksdb::DB::ListColumnFamilies(DatabaseOptions(*shared_, env_.get()), folder_, &names);
  if (!listed.ok()) return RocksDbError(listed);
  return names;
}

Status RocksDbDatabase::OpenFamilies(const Schema& schema) {
  TRY(const std::vector<std::string> stored, StoredFamilies());
  std::set<std::string> known{rocksdb::kDefaultColumnFamilyName};
  for (const FamilySpec& family : schema.families) known.insert(family.name);
  for (const std::string& name : stored) {
    if (!known.contains(name)) return Invalid("store has a family '" + name + "' that is unknown");
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName,
                           FamilyOptions(*shared_, {.name = "", .point_lookups = true}));
  for (const FamilySpec& family : schema.families) {
    descriptors.emplace_back(family.name, FamilyOptions(*shared_, family));
  }
  rocksdb::DBOptions options = DatabaseOptions(*shared_, env_.get());
  options.listeners.push_back(compaction_watch_);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(options, folder_, descriptors, &handles, &db);
  if (!opened.ok()) return RocksDbError(opened);
  db_.reset(db);
  notes_ = handles[0];
  for (size_t i = 0; i < schema.families.size(); ++i) {
    families_.push_back({handles[i + 1], schema.families[i].kind});
  }
  return Ok();
}

Status RocksDbDatabase::LoadNotes() {
  std::string format;
  rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), notes_, kFormatKey, &format);
  if (status.IsNotFound()) {
    rocksdb::WriteOptions synced;
    synced.sync = true;
    const char number = static_cast<char>(kFormat);
    status = db_->Put(synced, notes_, kFormatKey, rocksdb::Slice(&number, 1));
    if (!status.ok()) return RocksDbError(status);
    return Ok();
  }
  if (!status.ok()) return RocksDbError(status);
  if (format.size() != 1 || static_cast<uint8_t>(format[0]) != kFormat) {
    return Error{ErrorKind::kUnsupported, "store: unknown storage format"};
  }
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

}  // namespace tarn::kv
