#include "kv/internal/rocksdb_ingest.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "base/bytes.h"
#include "kv/bits_operand.h"
#include "kv/internal/batch_rules.h"

namespace tarn::kv {
namespace {

// Every ingestion adds a level-0 file to some families, and reads slow down with each. RocksDB
// compacts from 4 and slows writers from 20.
constexpr uint64_t kIngestLevel0FilesMax = 12;

// Files hold each key once: the last change of a plain key, all operands of a chunk in one.
struct PublishedKey {
  const Batch::Change* last = nullptr;
  std::vector<std::string_view> operands;
};

Status AddTo(FamilyFiles* files, const std::string& key, const PublishedKey& entry,
             uint64_t sequence) {
  if (!entry.operands.empty()) {
    TRY(const std::string operand, CombineBitsOperands(entry.operands));
    return files->Merge(key, operand);
  }
  if (entry.last->kind == Batch::ChangeKind::kDelete) return files->Delete(key);
  return files->Put(key, SequencedValue(*entry.last, sequence));
}

}  // namespace

RocksDbHandles TouchedFamilies(const RocksDbDatabase& database, const RocksDbRun& run,
                               const Batch& publish) {
  std::set<Family> touched;
  for (const Batch::Change& change : publish.changes()) touched.insert(change.family);
  for (size_t i = 0; i < database.families().size(); ++i) {
    if (run.Holds(static_cast<Family>(i))) touched.insert(static_cast<Family>(i));
  }
  RocksDbHandles handles{database.notes()};
  for (const Family family : touched) handles.push_back(database.family(family).handle);
  return handles;
}

void WaitForRoom(const RocksDbDatabase& database, const RocksDbHandles& handles) {
  database.compaction_watch().WaitUntil([&] {
    if (database.HasFailed()) return true;
    return std::all_of(handles.begin(), handles.end(), [&](auto* handle) {
      std::string files;
      return !database.db().GetProperty(
                 handle, rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &files) ||
             std::stoull(files) < kIngestLevel0FilesMax;
    });
  });
}

Status FlushFamilies(const RocksDbDatabase& database, const RocksDbHandles& handles) {
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;
  // All of them begin before the first is waited for: their time is that of the disk's syncs.
  for (const bool wait : {false, true}) {
    options.wait = wait;
    for (auto* const handle : handles) {
      const rocksdb::Status flushed = database.db().Flush(options, handle);
      // While writes are held back for full write buffers none begins that nobody waits for.
      if (!flushed.ok() && (wait || !flushed.IsTryAgain())) return RocksDbError(flushed);
    }
  }
  return Ok();
}

Result<std::vector<std::unique_ptr<FamilyFiles>>> WritePublishFiles(const RocksDbDatabase& database,
                                                                    const std::string& folder,
                                                                    const Batch& publish,
                                                                    uint64_t sequence) {
  std::map<Family, std::map<std::string, PublishedKey>> by_family;
  for (const Batch::Change& change : publish.changes()) {
    PublishedKey& entry = by_family[change.family][SequencedKey(change, sequence)];
    entry.last = &change;
    if (change.kind == Batch::ChangeKind::kMergeBits) entry.operands.push_back(change.value);
  }
  std::vector<std::unique_ptr<FamilyFiles>> all;
  for (const auto& [family, keys] : by_family) {
    auto files = std::make_unique<FamilyFiles>(database.db(), database.family(family).handle,
                                               folder + "/publish-" + std::to_string(family) + "-");
    for (const auto& [key, entry] : keys) TRY(AddTo(files.get(), key, entry, sequence));
    TRY(files->Finish());
    all.push_back(std::move(files));
  }
  std::string newest;
  AppendBe64(&newest, sequence);
  auto notes = std::make_unique<FamilyFiles>(database.db(), database.notes(), folder + "/notes-");
  TRY(notes->Put(RocksDbDatabase::kSequenceKey, newest));
  TRY(notes->Finish());
  all.push_back(std::move(notes));
  return all;
}

std::vector<rocksdb::IngestExternalFileArg> IngestArguments(
    const RocksDbRun& run, const std::vector<std::unique_ptr<FamilyFiles>>& published) {
  std::vector<rocksdb::IngestExternalFileArg> arguments;
  const auto add = [&arguments](const FamilyFiles& files) {
    rocksdb::IngestExternalFileArg argument;
    argument.column_family = files.handle();
    argument.external_files = files.paths();
    // Files are linked into the database, never copied or written again.
    argument.options.move_files = true;
    argument.options.failed_move_fall_back_to_copy = false;
    argument.options.write_global_seqno = false;
    arguments.push_back(std::move(argument));
  };
  for (const auto& files : run.files()) {
    if (files != nullptr) add(*files);
  }
  for (const auto& files : published) add(*files);
  return arguments;
}

}  // namespace tarn::kv
