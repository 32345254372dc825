// How a run reaches the store.
//
// Sorted files (kv::Run) may only hold keys that are new. All of a run's keys are, but for those
// of family `current` of resources that exist already. So when there are such, `current` goes with
// the publishing batch as a whole, and the rest as files: still one atomic step. Rejected: two
// commits, since a crash between them would repeat half of the lines on resumption, and a resource
// with two lines would get versions that nobody wrote.
#include "fhir_store/internal/import_run.h"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

// A run with changed resources holds their records in a batch, which takes more memory.
constexpr size_t kChangedRunResourcesMax = 100'000;
// A batch of more bytes than this would go through the log and the write buffer for no gain.
constexpr size_t kBatchBytesMax = 8u << 20;

// Nor one of more changed sets; each may have a key for several chunks.
constexpr size_t kBatchPostingsMax = 400'000;

// Whether the line makes a version.
bool HasBody(const ImportLine& line) {
  return line.outcome == LineOutcome::kNew || line.outcome == LineOutcome::kChanged;
}

}  // namespace

Status ImportRun::Add(ImportBlock* block) {
  if (generations_.empty() || generations_.back() != block->generation) {
    generations_.push_back(block->generation);
  }
  std::vector<uint64_t> hashes;
  hashes.reserve(block->lines.size());
  for (const ImportLine& line : block->lines) {
    if (line.outcome != LineOutcome::kFailed) hashes.push_back(line.key_hash);
  }
  const WriteGate::Staleness staleness = state_.gate.Hold(hashes, block->mark);
  if (staleness.all || !staleness.keys.empty()) {
    const std::unordered_set<uint64_t> stale(staleness.keys.begin(), staleness.keys.end());
    const auto snapshot = state_.kv.GetSnapshot();
    for (ImportLine& line : block->lines) {
      if (!staleness.all && !stale.contains(line.key_hash)) continue;
      TRY(worker_.WorkAgain(block, &line, *snapshot));
    }
  }
  for (ImportLine& line : block->lines) {
    if (line.outcome != LineOutcome::kFailed) TRY(SettleLine(block, &line));
  }
  body_bytes_ += block->bodies.size();
  block_bodies_.push_back(std::exchange(block->bodies, {}));
  return Ok();
}

Status ImportRun::SettleLine(ImportBlock* block, ImportLine* line) {
  const bool may_postpone = postponed_ != nullptr && postponed_->HasRoom(block->Key(*line));
  worker_.SetOldContent(may_postpone ? OldContent::kPostponed : OldContent::kWritten);
  if (line->outcome == LineOutcome::kPostponed && !may_postpone) {
    TRY(worker_.WorkAgain(block, line, *state_.kv.GetSnapshot()));
    if (line->outcome == LineOutcome::kFailed) return Ok();
  }
  TRY(AddLine(block, line));
  if (HasBody(*line)) AddPostings(*block, *line);
  if (postponed_ != nullptr) postponed_->Settle(*block, *line);
  return Ok();
}

Status ImportRun::WorkAfter(const Id& id, ImportBlock* block, ImportLine* line) {
  LineWorker::Before before{.version = id.version,
                            .ordinal = id.ordinal,
                            .last_updated_unix_ms = id.last_updated_unix_ms};
  // Bodies of earlier lines of this very block are still in the block, which may grow while this
  // line is compressed: copied.
  uint32_t at = id.newest_body;
  for (; at != kNone && before.bodies.size() <= kImportOldVersionsMax; at = bodies_[at].previous) {
    const Body& body = bodies_[at];
    before.bodies.emplace_back(
        body.block < block_bodies_.size()
            ? BodyBytes(body)
            : std::string_view(block->bodies).substr(body.offset, body.bytes));
  }
  before.stored = at == kNone && !id.created;
  return worker_.WorkAfter(block, line, before);
}

Status ImportRun::AddLine(ImportBlock* block, ImportLine* line) {
  const std::string_view key = block->Key(*line);
  const uint32_t found =
      index_.Find(line->key_hash, [&](uint32_t id) { return Key(ids_[id]) == key; });
  if (found == kNone) return AddFirst(*block, line);
  Id& id = ids_[found];
  if (id.newest_body != kNone) {
    TRY(WorkAfter(id, block, line));
    if (line->outcome == LineOutcome::kFailed) return Ok();
  }
  line->ordinal = id.ordinal;
  if (!HasBody(*line)) return Ok();
  // Without a body in the run the line was decided against the store, and so stands.
  if (id.newest_body == kNone) ++changed_;
  id.version = line->version;
  id.last_updated_unix_ms = line->last_updated_unix_ms;
  AddBody(*line, found);
  return Ok();
}

Status ImportRun::AddFirst(const ImportBlock& block, ImportLine* line) {
  Id id;
  id.created = line->outcome == LineOutcome::kNew;
  if (id.created) {
    TRY(line->ordinal, state_.ordinals->Take(line->type));
    ++created_;
  }
  id.type = line->type;
  id.ordinal = line->ordinal;
  id.version = line->version;
  id.last_updated_unix_ms = line->last_updated_unix_ms;
  id.goes_live = !line->was_live;
  id.key_offset = keys_.size();
  id.key_bytes = line->key_bytes;
  keys_.append(block.Key(*line));
  const auto number = static_cast<uint32_t>(ids_.size());
  ids_.push_back(id);
  index_.Insert(line->key_hash, number);
  if (!HasBody(*line)) return Ok();
  if (!id.created) ++changed_;
  AddBody(*line, number);
  return Ok();
}

void ImportRun::AddPostings(const ImportBlock& block, const ImportLine& line) {
  for (uint32_t i = line.postings_begin; i < line.postings_end; ++i) {
    const PostingChange& change = block.posting_changes[i];
    if (line.outcome == LineOutcome::kNew) {
      postings_.AddNew(block.postings[i], change.key_hash, line.ordinal);
    } else {
      postings_.Change(block.postings[i], line.ordinal, change.added);
    }
  }
}

void ImportRun::AddBody(const ImportLine& line, uint32_t id) {
  const uint32_t previous =
      std::exchange(ids_[id].newest_body, static_cast<uint32_t>(bodies_.size()));
  bodies_.push_back({.id = id,
                     .version = line.version,
                     .block = static_cast<uint32_t>(block_bodies_.size()),
                     .offset = line.body_offset,
                     .bytes = line.body_bytes,
                     .previous = previous});
}

bool ImportRun::IsFull() const {
  return body_bytes_ >= state_.options.import_run_bytes_max ||
         ids_.size() >= kImportRunResourcesMax || postings_.bytes() >= kImportRunPostingBytesMax ||
         (changed_ > 0 && ids_.size() >= kChangedRunResourcesMax);
}

CurrentRecord ImportRun::RecordOf(const Id& id) const {
  return {.version = id.version,
          .ordinal = id.ordinal,
          .deleted = false,
          .last_updated_unix_ms = id.last_updated_unix_ms};
}

std::vector<LogEntry> ImportRun::LogEntries() const {
  std::vector<LogEntry> entries;
  std::vector<const Id*> created;
  for (const Id& id : ids_) {
    if (id.created) created.push_back(&id);
  }
  std::sort(created.begin(), created.end(), [](const Id* a, const Id* b) {
    return std::pair(a->type, a->ordinal) < std::pair(b->type, b->ordinal);
  });
  for (const Id* id : created) {
    if (!entries.empty() && entries.back().type == id->type &&
        entries.back().ordinal + entries.back().count == id->ordinal) {
      ++entries.back().count;
    } else {
      entries.push_back({.op = LogOp::kCreated, .type = id->type, .ordinal = id->ordinal});
    }
  }
  for (const Body& body : bodies_) {
    const Id& id = ids_[body.id];
    if (id.created && body.version == 1) continue;
    entries.push_back(
        {.op = LogOp::kPut, .type = id.type, .ordinal = id.ordinal, .version = body.version});
  }
  return entries;
}

std::vector<std::pair<std::string, kv::Bits>> ImportRun::LiveChunks() const {
  std::vector<uint64_t> places;  // type, ordinal
  for (const Id& id : ids_) {
    if (id.goes_live) places.push_back(uint64_t{id.type} << 32 | id.ordinal);
  }
  std::sort(places.begin(), places.end());
  std::vector<std::pair<std::string, kv::Bits>> chunks;
  for (size_t i = 0; i < places.size();) {
    const uint64_t chunk = places[i] / kChunkOrdinals;
    std::vector<uint16_t> members;
    for (; i < places.size() && places[i] / kChunkOrdinals == chunk; ++i) {
      members.push_back(static_cast<uint16_t>(places[i] % kChunkOrdinals));
    }
    chunks.emplace_back(
        LiveKey(static_cast<fhir::TypeId>(chunk >> 16), static_cast<uint32_t>(chunk & 0xffff)),
        kv::Bits(members));
  }
  return chunks;
}

void ImportRun::PutCurrent(kv::Batch* batch) const {
  for (const Id& id : ids_) {
    if (id.newest_body != kNone) batch->Put(kCurrent, Key(id), EncodeCurrent(RecordOf(id)));
  }
}

Status ImportRun::FillBatch(kv::Batch* batch) const {
  PutCurrent(batch);
  for (const Id& id : ids_) {
    if (id.created) batch->Put(kIdent, IdentKey(id.type, id.ordinal), Key(id).substr(2));
  }
  for (const Body& body : bodies_) {
    const Id& id = ids_[body.id];
    batch->Put(kVersion, VersionKey(id.type, id.ordinal, body.version), BodyBytes(body));
  }
  for (const auto& [key, bits] : LiveChunks()) batch->MergeBits(kLive, key, bits, kv::Bits());
  return postings_.ForEachChunk([batch](std::string_view key, const kv::BitsDelta& delta) {
    batch->MergeBits(kPosting, key, delta);
    return Ok();
  });
}

Status ImportRun::FillRunCurrent(kv::Run* run) const {
  // The first 8 bytes of a key (type, tag, 5 bytes of the id) nearly always decide.
  std::vector<std::pair<uint64_t, uint32_t>> order;
  order.reserve(ids_.size());
  for (uint32_t i = 0; i < ids_.size(); ++i) {
    if (ids_[i].newest_body == kNone) continue;
    std::string head(Key(ids_[i]).substr(0, 8));
    head.resize(8);
    order.emplace_back(LoadBe64(head), i);
  }
  std::sort(order.begin(), order.end(), [this](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return Key(ids_[a.second]) < Key(ids_[b.second]);
  });
  for (const auto& [head, i] : order) {
    TRY(run->Put(kCurrent, Key(ids_[i]), EncodeCurrent(RecordOf(ids_[i]))));
  }
  return Ok();
}

Status ImportRun::FillRunIdents(kv::Run* run) const {
  std::vector<std::pair<uint64_t, uint32_t>> order;
  for (uint32_t i = 0; i < ids_.size(); ++i) {
    if (!ids_[i].created) continue;
    order.emplace_back(uint64_t{ids_[i].type} << 32 | ids_[i].ordinal, i);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [place, i] : order) {
    TRY(run->Put(kIdent, IdentKey(ids_[i].type, ids_[i].ordinal), Key(ids_[i]).substr(2)));
  }
  return Ok();
}

Status ImportRun::FillRunBodies(kv::Run* run) const {
  struct Place {
    uint64_t resource;  // type, ordinal
    uint32_t version;
    uint32_t body;
  };
  std::vector<Place> order;
  order.reserve(bodies_.size());
  for (uint32_t i = 0; i < bodies_.size(); ++i) {
    const Id& id = ids_[bodies_[i].id];
    order.push_back({uint64_t{id.type} << 32 | id.ordinal, bodies_[i].version, i});
  }
  std::sort(order.begin(), order.end(), [](const Place& a, const Place& b) {
    return a.resource != b.resource ? a.resource < b.resource : a.version > b.version;
  });
  for (const Place& place : order) {
    const Body& body = bodies_[place.body];
    const Id& id = ids_[body.id];
    TRY(run->Put(kVersion, VersionKey(id.type, id.ordinal, body.version), BodyBytes(body)));
  }
  return Ok();
}

Status ImportRun::FillRunLive(kv::Run* run) const {
  for (const auto& [key, bits] : LiveChunks()) TRY(run->MergeBits(kLive, key, bits, kv::Bits()));
  return Ok();
}

Status ImportRun::FillRunPostings(kv::Run* run) const {
  return postings_.ForEachChunk([run](std::string_view key, const kv::BitsDelta& delta) {
    return run->MergeBits(kPosting, key, delta);
  });
}

Status ImportRun::FillRun(kv::Run* run, bool with_current) const {
  if (with_current) TRY(FillRunCurrent(run));
  TRY(FillRunIdents(run));
  TRY(FillRunBodies(run));
  TRY(FillRunLive(run));
  return FillRunPostings(run);
}

Status ImportRun::Commit(const kv::Batch& publish) {
  kv::Batch batch = publish;
  const std::vector<LogEntry> entries = LogEntries();
  if (!entries.empty()) AddLog(entries, &batch);
  if (bodies_.size() < kImportIngestMin && body_bytes_ < kBatchBytesMax &&
      postings_.keys() < kBatchPostingsMax) {
    TRY(FillBatch(&batch));
    TRY(state_.kv.Commit(batch));
    return Ok();
  }
  const bool all_new = changed_ == 0;
  TRY(auto run, state_.kv.NewRun());
  TRY(FillRun(run.get(), all_new));
  if (!all_new) PutCurrent(&batch);
  TRY(state_.kv.Ingest(std::move(run), batch));
  return Ok();
}

void ImportRun::Clear() {
  state_.gate.ReleaseHeld();
  index_.Clear();
  ids_.clear();
  bodies_.clear();
  keys_.clear();
  block_bodies_.clear();
  postings_.Clear();
  generations_.clear();
  body_bytes_ = 0;
  created_ = 0;
  changed_ = 0;
}

}  // namespace tarn::fhir_store
