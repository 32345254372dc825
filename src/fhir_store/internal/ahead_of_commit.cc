#include "fhir_store/internal/ahead_of_commit.h"

#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/posting_writer.h"
#include "fhir_store/internal/resource_text.h"
#include "fhir_store/internal/stored_versions.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

constexpr std::string_view kPrefix = "ahead/";
constexpr uint8_t kForm = 1;

bool IsFull(const kv::Batch& batch) {
  return batch.bytes() >= kAheadBytes || batch.changes().size() >= kAheadChanges;
}

// An ordinal is handed out once, so the first of a commit names it.
std::string DocumentKey(const std::vector<OrdinalRow>& ordinals) {
  std::string key(kPrefix);
  AppendBe16(&key, ordinals.front().type);
  AppendBe32(&key, ordinals.front().first);
  return key;
}

std::string Encode(const std::vector<OrdinalRow>& ordinals) {
  std::string value(1, static_cast<char>(kForm));
  for (const OrdinalRow& row : ordinals) {
    AppendBe16(&value, row.type);
    AppendBe32(&value, row.first);
    AppendBe32(&value, row.count);
  }
  return value;
}

Result<std::vector<OrdinalRow>> Decode(std::string_view value) {
  ByteReader reader(value);
  const uint8_t form = reader.U8();
  std::vector<OrdinalRow> ordinals;
  while (reader.ok() && !reader.AtEnd()) {
    OrdinalRow row;
    row.type = reader.Be16();
    row.first = reader.Be32();
    row.count = reader.Be32();
    ordinals.push_back(row);
  }
  if (!reader.ok() || form != kForm || ordinals.empty()) {
    return Error{ErrorKind::kCorrupt, "the document of a commit's ordinals does not decode"};
  }
  return ordinals;
}

// Takes out what is there of resources that never became current.
class Reclaimer {
 public:
  explicit Reclaimer(StoreState& state)
      : state_(state),
        generation_(state.generations.Get()),
        snapshot_(state.kv.GetSnapshot()),
        writer_(*generation_->writing, state.index->hash(), state.own_path, values_) {}

  Status TakeOut(const std::string& document, const std::vector<OrdinalRow>& ordinals) {
    for (const OrdinalRow& row : ordinals) {
      for (uint32_t i = 0; i < row.count; ++i) TRY(TakeOutOne(row.type, row.first + i));
    }
    batch_.Delete(kDocument, document);
    return CommitBatch();
  }

 private:
  // A resource goes with all its rows in one commit, so that a crash leaves what this can go on
  // with.
  Status TakeOutOne(fhir::TypeId type, Ordinal ordinal) {
    std::string packed;
    TRY(const bool stored, snapshot_->Get(kIdent, IdentKey(type, ordinal), &packed));
    if (!stored) return Ok();  // The pieces ended before it.
    std::string value;
    TRY(const bool known, snapshot_->Get(kCurrent, TypePrefix(type) + packed, &value));
    if (known) {
      TRY(const CurrentRecord current, DecodeCurrent(value));
      CHECK(current.ordinal != ordinal);  // The document would be gone.
    }
    TRY(ReadStored(state_, *snapshot_, type, ordinal, 1, &reader_));
    TRY(const int64_t created, CreationTime(state_, *snapshot_, type, ordinal));
    PostingKeys keys;
    TRY(writer_.Append(reader_.document(), type, {created, created}, &keys));
    reader_.Trim();
    AddPostingDifference(keys, {}, ordinal, &batch_);
    batch_.Delete(kVersion, VersionKey(type, ordinal, 1));
    batch_.Delete(kIdent, IdentKey(type, ordinal));
    return IsFull(batch_) ? CommitBatch() : Ok();
  }
  Status CommitBatch() {
    TRY(state_.kv.Commit(batch_));
    batch_ = kv::Batch();
    return Ok();
  }

  StoreState& state_;
  const std::shared_ptr<const SearchGeneration> generation_;
  const std::unique_ptr<kv::Snapshot> snapshot_;
  fhir::IndexValues values_;
  PostingWriter writer_;
  ResourceReader reader_;
  kv::Batch batch_;
};

void LogLeft(const Error& error) {
  LogWarning("rows_of_a_failed_commit_stay", {{"reason", error.detail}});
}

Status ReclaimAll(StoreState& state) {
  std::vector<std::pair<std::string, std::string>> documents;
  {
    const auto snapshot = state.kv.GetSnapshot();
    const auto cursor = snapshot->Scan(kDocument, kv::PrefixRange(kPrefix));
    for (; cursor->Valid(); cursor->Next()) documents.emplace_back(cursor->key(), cursor->value());
    TRY(cursor->status());
  }
  for (const auto& [key, value] : documents) {
    TRY(const auto ordinals, Decode(value));
    TRY(Reclaimer(state).TakeOut(key, ordinals));
  }
  return Ok();
}

}  // namespace

kv::Batch* AheadOfCommit::RowsOf(fhir::TypeId type, Ordinal ordinal) {
  if (!ordinals_.empty() && ordinals_.back().type == type &&
      ordinals_.back().first + ordinals_.back().count == ordinal) {
    ++ordinals_.back().count;
  } else {
    ordinals_.push_back({type, ordinal, 1});
  }
  if (rows_.empty() || IsFull(rows_.back())) rows_.emplace_back();
  return &rows_.back();
}

Status AheadOfCommit::Store(const IndexBatch& index) {
  if (rows_.empty()) return Ok();
  rows_.front().Put(kDocument, DocumentKey(ordinals_), Encode(ordinals_));
  for (const kv::Batch& rows : rows_) TRY(state_.kv.Commit(rows));
  kv::Batch postings;
  TRY(index.AppendCreated(&postings, [&]() -> Status {
    if (!IsFull(postings)) return Ok();
    TRY(state_.kv.Commit(postings));
    postings = kv::Batch();
    return Ok();
  }));
  if (postings.IsEmpty()) return Ok();
  TRY(state_.kv.Commit(postings));
  return Ok();
}

void AheadOfCommit::AddTo(kv::Batch* commit) const {
  if (!ordinals_.empty()) commit->Delete(kDocument, DocumentKey(ordinals_));
}

void AheadOfCommit::Withdraw() {
  if (ordinals_.empty()) return;
  const Status taken = Reclaimer(state_).TakeOut(DocumentKey(ordinals_), ordinals_);
  if (!taken.ok()) LogLeft(taken.error());
}

void ReclaimAhead(StoreState& state) {
  const Status reclaimed = ReclaimAll(state);
  if (!reclaimed.ok()) LogLeft(reclaimed.error());
}

}  // namespace tarn::fhir_store
