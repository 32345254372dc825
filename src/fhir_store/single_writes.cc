// Create, update and delete of single resources: read the current record, check, commit one batch
// that expects it unchanged. Writes of one resource pass the gate one after the other, so the
// expectation only fails when another process writes to the same store; then they try again.
//
// An update always makes a new version, also of the same content: the client asked for a write and
// sees a new ETag, as FHIR servers do. (Imports do not: internal/import_block.cc.)
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/check.h"
#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/ahead_of_commit.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/custom_parameters.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/guards.h"
#include "fhir_store/internal/index_batch.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/posting_writer.h"
#include "fhir_store/internal/resource_text.h"
#include "fhir_store/internal/state.h"
#include "fhir_store/internal/stored_versions.h"
#include "fhir_store/limits.h"
#include "kv/bits.h"

namespace tarn::fhir_store {
namespace {

// A parser's buffers are worth keeping, and must not be shared: one for each thread that writes.
ResourceReader& ThreadReader() {
  thread_local ResourceReader reader;
  return reader;
}

// For what is there already, beside the new text.
ResourceReader& OldTextReader() {
  thread_local ResourceReader reader;
  return reader;
}

// What extraction works in. Given up when a resource has made it large.
class ThreadIndexValues {
 public:
  ThreadIndexValues() {
    if (Held() == nullptr) Held() = std::make_unique<fhir::IndexValues>();
  }
  ~ThreadIndexValues() {
    if (key_bytes_ > kKeyBytesKept) Held().reset();
  }
  ThreadIndexValues(const ThreadIndexValues&) = delete;
  ThreadIndexValues& operator=(const ThreadIndexValues&) = delete;

  fhir::IndexValues& values() { return *Held(); }
  void Saw(const PostingKeys& keys) { key_bytes_ = std::max(key_bytes_, keys.byte_size()); }

 private:
  static constexpr size_t kKeyBytesKept = 256u << 10;
  static std::unique_ptr<fhir::IndexValues>& Held() {
    thread_local std::unique_ptr<fhir::IndexValues> held;
    return held;
  }
  size_t key_bytes_ = 0;
};

Error TooManyValues() {
  return {ErrorKind::kTooLarge, "resources written at once have too many values to be found by"};
}

// One call's arguments; it lives no longer than they do.
struct Write {
  fhir::TypeId type = fhir::kNoType;
  std::string_view id;
  const ResourceReader* text = nullptr;  // Null: a deletion.
  Precondition precondition;
  bool has_new_id = false;  // Made for it just now: there is nothing to look up.
};

Status CheckDecision(const std::optional<uint64_t>& decided_on,
                     const std::optional<CurrentRecord>& current) {
  const uint64_t live = current.has_value() && !current->deleted ? current->version : 0;
  if (!decided_on.has_value() || *decided_on == live) return Ok();
  return Error{ErrorKind::kConflict, "the resource was written meanwhile"};
}

Status Check(const Precondition& precondition, const std::optional<CurrentRecord>& current) {
  if (precondition.if_none_match_any && current.has_value()) {
    return Error{ErrorKind::kPreconditionFailed, "If-None-Match: the resource exists or existed"};
  }
  if (precondition.if_match.has_value()) {
    if (!current.has_value() || current->deleted) {
      return Error{ErrorKind::kPreconditionFailed, "If-Match: there is no current version"};
    }
    if (*precondition.if_match != current->version) {
      return Error{ErrorKind::kPreconditionFailed, "If-Match: the current version is another one"};
    }
  }
  return Ok();
}

// Where the new version goes and what the outcome says.
struct Place {
  CurrentRecord record;
  bool was_live = false;
};

Result<Place> PlaceOf(StoreState& state, const Write& write,
                      const std::optional<CurrentRecord>& current) {
  Place place;
  place.record.last_updated_unix_ms = state.clock.UnixMs();
  place.record.deleted = write.text == nullptr;
  if (!current.has_value()) {
    TRY(place.record.ordinal, state.ordinals->Take(write.type));
    place.record.version = 1;
    return place;
  }
  if (current->version >= kVersionsMax) {
    return Error{ErrorKind::kTooLarge, "the resource has 2^32 versions"};
  }
  place.record.ordinal = current->ordinal;
  place.record.version = current->version + 1;
  place.was_live = !current->deleted;
  // The clock may jump back; a resource's history does not.
  place.record.last_updated_unix_ms =
      std::max(place.record.last_updated_unix_ms, current->last_updated_unix_ms);
  return place;
}

// All of a write but its place in the log and in the index. `rows` receives what nobody looks for
// before the current record says so, if that is a batch of its own.
void AddVersion(const StoreState& state, const Write& write, const std::string& current_key,
                const Place& place, std::string* stamped, kv::Batch* batch, kv::Batch* rows) {
  const CurrentRecord& record = place.record;
  std::string body;
  if (write.text == nullptr) {
    AppendDeletion(record.last_updated_unix_ms, &body);
  } else {
    write.text->AppendStamped({.id = write.id,
                               .version_id = record.version,
                               .last_updated_unix_ms = record.last_updated_unix_ms},
                              stamped);
    AppendBody(*stamped, record.last_updated_unix_ms, state.dictionaries->Latest(write.type),
               &body);
  }
  if (record.version == 1) {
    batch->ExpectAbsent(kCurrent, current_key);
    std::string packed;
    AppendPackedId(&packed, write.id);
    rows->Put(kIdent, IdentKey(write.type, record.ordinal), packed);
  } else {
    batch->ExpectRevision(kCurrent, current_key, record.version - 1);
  }
  batch->Put(kCurrent, current_key, EncodeCurrent(record));
  rows->Put(kVersion, VersionKey(write.type, record.ordinal, record.version), body);
}

LogEntry LogOf(const Write& write, const CurrentRecord& record) {
  return {.op = record.deleted ? LogOp::kDelete : LogOp::kPut,
          .type = write.type,
          .ordinal = record.ordinal,
          .version = record.version};
}

Version VersionOf(const Write& write, const CurrentRecord& record, std::string body) {
  return {.type = write.type,
          .id = std::string(write.id),
          .version_id = record.version,
          .last_updated_unix_ms = record.last_updated_unix_ms,
          .deleted = record.deleted,
          .body = std::move(body)};
}

// The sets that the resource is in and those that it will be in.
struct PostingSides {
  PostingKeys before;
  PostingKeys after;
};

// `snapshot`: of the look-up that found `current`, or later. May be null when it found nothing.
Status FindPostings(const StoreState& state, const kv::Snapshot* snapshot, const Write& write,
                    const std::optional<CurrentRecord>& current, const Place& place,
                    PostingWriter* writer, PostingSides* change) {
  change->before.Clear();
  change->after.Clear();
  // The time of creation matters when the resource joins or leaves all its sets.
  std::optional<int64_t> created;
  const bool stays = place.was_live && write.text != nullptr;
  if (!stays) {
    created = place.record.last_updated_unix_ms;
    if (current.has_value()) {
      TRY(created, CreationTime(state, *snapshot, write.type, place.record.ordinal));
    }
  }
  if (write.text != nullptr) {
    TRY(writer->Append(write.text->document(), write.type,
                       {place.record.last_updated_unix_ms, created}, &change->after));
  }
  if (!place.was_live) return Ok();
  ResourceReader& old_text = OldTextReader();
  TRY(ReadStored(state, *snapshot, write.type, current->ordinal, current->version, &old_text));
  const Status indexed = writer->Append(old_text.document(), write.type,
                                        {current->last_updated_unix_ms, created}, &change->before);
  // What cannot be indexed was not when it was written (internal/index_builder.h).
  if (!indexed.ok()) change->before.Clear();
  old_text.Trim();
  return Ok();
}

// Adds what a single write changes in the bitmap families.
void AddIndexChange(const Write& write, const Place& place, const PostingSides& change,
                    kv::Batch* batch) {
  const Ordinal ordinal = place.record.ordinal;
  if (place.was_live == place.record.deleted) {
    const uint16_t low[] = {static_cast<uint16_t>(ordinal % kChunkOrdinals)};
    kv::BitsDelta delta;
    (place.record.deleted ? delta.remove : delta.add) = low;
    batch->MergeBits(kLive, LiveKey(write.type, ordinal / kChunkOrdinals), delta);
  }
  AddPostingDifference(change.before, change.after, ordinal, batch);
}

// The same, of one of several writes.
void AddIndexChange(const Write& write, const Place& place, const PostingSides& change,
                    IndexBatch* batch) {
  const Ordinal ordinal = place.record.ordinal;
  if (place.record.version == 1) return batch->Create(write.type, ordinal, change.after);
  if (place.was_live == place.record.deleted) {
    batch->SetLive(write.type, ordinal, !place.record.deleted);
  }
  batch->Change(ordinal, change.before, change.after);
}

// Resources that change what this store's resources are found by.
bool IsOwn(fhir::TypeId type) {
  static const fhir::TypeId own = fhir::FindType("SearchParameter");
  return type == own;
}

Status CheckOwn(const StoreState& state, const Write& write) {
  if (!IsOwn(write.type) || write.text == nullptr) return Ok();
  return state.custom_parameters->Check(write.text->document(), write.id);
}

// One try. Errors: kConflict when somebody else was faster.
Result<WriteOutcome> TryWrite(StoreState& state, const Write& write,
                              const std::string& current_key) {
  const auto generation = state.generations.Get();
  std::optional<CurrentRecord> current;
  std::unique_ptr<kv::Snapshot> snapshot;
  if (!write.has_new_id) {
    snapshot = state.kv.GetSnapshot();
    std::string value;
    TRY(const bool found, snapshot->Get(kCurrent, current_key, &value));
    if (found) {
      TRY(current, DecodeCurrent(value));
    }
  }
  TRY(Check(write.precondition, current));
  if (write.text == nullptr && !current.has_value()) {
    return NotFound("no resource of this type and id");
  }
  if (write.text == nullptr && current->deleted) {
    return WriteOutcome{.version = VersionOf(write, *current, ""), .unchanged = true};
  }
  TRY(CheckOwn(state, write));
  TRY(const Place place, PlaceOf(state, write, current));
  kv::Batch batch;
  std::string stamped;
  AddVersion(state, write, current_key, place, &stamped, &batch, &batch);
  ThreadIndexValues extraction;
  PostingWriter writer(*generation->writing, state.index->hash(), state.own_path,
                       extraction.values());
  PostingSides postings;
  TRY(FindPostings(state, snapshot.get(), write, current, place, &writer, &postings));
  extraction.Saw(postings.after);
  AddIndexChange(write, place, postings, &batch);
  snapshot.reset();
  AddLog({LogOf(write, place.record)}, &batch);
  TRY(state.kv.Commit(batch));
  if (IsOwn(write.type)) state.custom_parameters->Changed();
  if (write.text != nullptr) {
    state.dictionaries->Offer(write.type, stamped);
    state.dictionaries->TrainReady();
  }
  return WriteOutcome{.version = VersionOf(write, place.record, std::move(stamped)),
                      .created = write.text != nullptr && !place.was_live};
}

Result<WriteOutcome> WriteResource(StoreState& state, Write write) {
  const std::string current_key = CurrentKey(write.type, write.id);
  TRY(const WriteGate::Pass pass, state.gate.Enter(state.key_hash(current_key), kWriteWaitMs));
  for (int attempt = 1;; ++attempt) {
    auto outcome = TryWrite(state, write, current_key);
    if (outcome.ok() || outcome.error().kind != ErrorKind::kConflict ||
        attempt == kCommitAttemptsMax) {
      return outcome;
    }
    write.has_new_id = false;
  }
}

Status ReadTyped(ResourceReader* reader, fhir::TypeId type, std::string_view text) {
  TRY(reader->Read(text));
  if (reader->envelope().type != type) {
    return Invalid("resourceType: expected " + std::string(fhir::TypeName(type)));
  }
  return Ok();
}

// FHIR R4 "create" ignores the id of the text, also one that no resource may have.
Status ReadNew(ResourceReader* reader, fhir::TypeId type, std::string_view text) {
  Status read = ReadTyped(reader, type, text);
  if (read.ok() || read.error().kind != ErrorKind::kInvalid) return read;
  json::Parser parser(fhir::ResourceLimits());
  const auto document = parser.Parse(text);
  if (!document.ok()) return read;
  const uint32_t id = document.value().Find(json::kRoot, "id");
  if (id == json::kNoNode || document.value().kind(id) != json::Kind::kString ||
      fhir::IsValidId(document.value().String(id))) {
    return read;
  }
  const json::Node& node = document.value().at(id);
  std::string changed(text.substr(0, node.begin));
  changed.append("\"x\"").append(text.substr(node.end));
  return ReadTyped(reader, type, changed);
}

// The keys of `current`, in the order of `writes`. Errors: as WriteAll.
Result<std::vector<std::string>> KeysOf(std::span<const ResourceWrite> writes, size_t* failed) {
  std::vector<std::string> keys;
  std::set<std::string_view> seen;
  uint64_t bytes = 0;
  keys.reserve(writes.size());  // `seen` looks into them.
  for (size_t i = 0; i < writes.size(); ++i) {
    const ResourceWrite& write = writes[i];
    *failed = i;
    if (!fhir::IsValidId(write.id)) return Invalid("id: 1 to 64 of A-Z a-z 0-9 - .");
    keys.push_back(CurrentKey(write.type, write.id));
    if (!seen.insert(keys.back()).second) return Invalid("the resource is written twice");
    if (write.text.has_value()) bytes += write.text->size();
  }
  *failed = writes.size();
  if (bytes > kWritesBytesMax) {
    return Error{ErrorKind::kTooLarge, "resources written at once have at most " +
                                           std::to_string(kWritesBytesMax) + " bytes"};
  }
  return keys;
}

// What the commit of several writes depends on beside the resources.
struct WriteGuards {
  const CriteriaHold::State* hold = nullptr;
  std::string_view once;
};

// What several writes come to, before their commit.
struct Several {
  Several(StoreState& state, size_t writes)
      : index(state.key_hash), ahead(state), is_large(writes >= kAheadWritesMin) {}

  kv::Batch batch;
  IndexBatch index;
  AheadOfCommit ahead;
  const bool is_large;
  std::vector<LogEntry> log;
  std::vector<WriteOutcome> outcomes;
};

// Adds one of them. `snapshot`: of the look-up that found `current`. `postings`: working space.
Status AddOne(StoreState& state, const kv::Snapshot& snapshot, const Write& write,
              const std::string& current_key, const std::optional<CurrentRecord>& current,
              PostingWriter* writer, PostingSides* postings, Several* several) {
  if (write.text == nullptr && !current.has_value()) {
    return NotFound("no resource of this type and id");
  }
  if (write.text == nullptr && current->deleted) {
    several->outcomes.push_back({.version = VersionOf(write, *current, ""), .unchanged = true});
    return Ok();
  }
  TRY(const Place place, PlaceOf(state, write, current));
  std::string stamped;
  // Rows of a resource that is there would be seen: an export takes the newest version.
  const bool goes_ahead = several->is_large && place.record.version == 1;
  AddVersion(
      state, write, current_key, place, &stamped, &several->batch,
      goes_ahead ? several->ahead.RowsOf(write.type, place.record.ordinal) : &several->batch);
  TRY(FindPostings(state, &snapshot, write, current, place, writer, postings));
  AddIndexChange(write, place, *postings, &several->index);
  if (several->index.bytes() > kWritesPostingBytesMax) return TooManyValues();
  several->log.push_back(LogOf(write, place.record));
  several->outcomes.push_back({.version = VersionOf(write, place.record, std::move(stamped)),
                               .created = write.text != nullptr && !place.was_live});
  return Ok();
}

Status CommitSeveral(StoreState& state, const WriteGuards& guards, Several* several) {
  kv::Batch& batch = several->batch;
  if (several->is_large) {
    TRY(several->ahead.Store(several->index));
  } else {
    TRY(several->index.AppendCreated(&batch, [] { return Ok(); }));
  }
  TRY(several->index.AppendChanged(&batch));
  if (guards.hold != nullptr) AddCriteriaGuards(*guards.hold, &batch);
  if (!guards.once.empty()) {
    const Version& made = several->outcomes.front().version;
    batch.ExpectAbsent(kGuard, OnceKey(guards.once));
    batch.Put(kGuard, OnceKey(guards.once), EncodeOnce({made.type, made.id, made.version_id}));
  }
  AddLog(several->log, &batch);
  several->ahead.AddTo(&batch);
  const auto committed = state.kv.Commit(batch);
  if (committed.ok()) return Ok();
  // Else it may be on disk all the same, and the next opening will see.
  if (committed.error().kind == ErrorKind::kConflict) several->ahead.Withdraw();
  return committed.error();
}

// One try of all. Errors: kConflict when somebody else was faster.
Result<std::vector<WriteOutcome>> TryWriteAll(StoreState& state,
                                              std::span<const ResourceWrite> writes,
                                              std::span<const std::string> keys, size_t* failed,
                                              const WriteGuards& guards) {
  const auto generation = state.generations.Get();
  auto snapshot = state.kv.GetSnapshot();
  TRY(const auto values, snapshot->MultiGet(kCurrent, keys));
  ThreadIndexValues extraction;
  PostingWriter writer(*generation->writing, state.index->hash(), state.own_path,
                       extraction.values());
  PostingSides postings;
  Several several(state, writes.size());
  for (size_t i = 0; i < writes.size(); ++i) {
    *failed = i;
    Write write = {writes[i].type, writes[i].id, nullptr, writes[i].precondition, false};
    if (writes[i].text.has_value()) {
      TRY(ReadTyped(&ThreadReader(), write.type, *writes[i].text));
      write.text = &ThreadReader();
    }
    std::optional<CurrentRecord> current;
    if (values[i].has_value()) {
      TRY(current, DecodeCurrent(*values[i]));
    }
    TRY(CheckDecision(writes[i].decided_on, current));
    TRY(Check(write.precondition, current));
    TRY(CheckOwn(state, write));
    TRY(AddOne(state, *snapshot, write, keys[i], current, &writer, &postings, &several));
    extraction.Saw(postings.after);
  }
  *failed = writes.size();
  if (several.log.empty()) return std::move(several.outcomes);
  snapshot.reset();
  TRY(CommitSeveral(state, guards, &several));
  const bool own = std::any_of(writes.begin(), writes.end(),
                               [](const ResourceWrite& write) { return IsOwn(write.type); });
  if (own) state.custom_parameters->Changed();
  for (const WriteOutcome& outcome : several.outcomes) {
    if (outcome.version.deleted) continue;
    state.dictionaries->Offer(outcome.version.type, outcome.version.body);
  }
  state.dictionaries->TrainReady();
  return std::move(several.outcomes);
}

}  // namespace

std::string FhirStore::NewId() const { return NewUuid(state_->random); }

Result<std::vector<WriteOutcome>> FhirStore::WriteAll(std::span<const ResourceWrite> writes,
                                                      size_t* failed, const WriteOptions& options) {
  CHECK(options.once.empty() || writes.size() == 1);
  *failed = writes.size();
  if (writes.size() > kWritesMax) {
    return Error{ErrorKind::kTooLarge,
                 "at most " + std::to_string(kWritesMax) + " resources are written at once"};
  }
  TRY(const std::vector<std::string> keys, KeysOf(writes, failed));
  std::vector<uint64_t> hashes;
  hashes.reserve(keys.size());
  for (const std::string& key : keys) hashes.push_back(state_->key_hash(key));
  TRY(const WriteGate::Passes passes, state_->gate.EnterAll(std::move(hashes), kWriteWaitMs));
  const WriteGuards guards = {options.hold == nullptr ? nullptr : options.hold->state_.get(),
                              options.once};
  // Who decided by what has changed decides again.
  const bool decided = guards.hold != nullptr || !guards.once.empty() ||
                       std::any_of(writes.begin(), writes.end(), [](const ResourceWrite& write) {
                         return write.decided_on.has_value();
                       });
  for (int attempt = 1;; ++attempt) {
    auto outcomes = TryWriteAll(*state_, writes, keys, failed, guards);
    ThreadReader().Trim();
    // Only the commit itself conflicts: another process was faster.
    if (outcomes.ok() || outcomes.error().kind != ErrorKind::kConflict || decided ||
        attempt == kCommitAttemptsMax) {
      return outcomes;
    }
  }
}

Result<WriteOutcome> FhirStore::Create(fhir::TypeId type, std::string_view text) {
  ResourceReader& reader = ThreadReader();
  TRY(ReadNew(&reader, type, text));
  const std::string id = NewUuid(state_->random);
  auto outcome = WriteResource(*state_, {.type = type,
                                         .id = id,
                                         .text = &reader,
                                         .precondition = {.if_none_match_any = true},
                                         .has_new_id = true});
  reader.Trim();
  return outcome;
}

Result<WriteOutcome> FhirStore::Update(fhir::TypeId type, std::string_view id,
                                       std::string_view text, const Precondition& precondition) {
  if (!fhir::IsValidId(id)) return Invalid("id: 1 to 64 of A-Z a-z 0-9 - .");
  ResourceReader& reader = ThreadReader();
  TRY(ReadTyped(&reader, type, text));
  // FHIR R4 "update": the id must be there and be the one of the URL.
  if (reader.envelope().id.empty()) return Invalid("id: missing; it must be the one of the URL");
  if (reader.envelope().id != id) return Invalid("id: differs from the one of the URL");
  auto outcome = WriteResource(*state_, {type, id, &reader, precondition, false});
  reader.Trim();
  return outcome;
}

Result<WriteOutcome> FhirStore::Delete(fhir::TypeId type, std::string_view id,
                                       const Precondition& precondition) {
  if (!fhir::IsValidId(id)) return NotFound("no resource of this type and id");
  return WriteResource(*state_, {type, id, nullptr, precondition, false});
}

}  // namespace tarn::fhir_store
