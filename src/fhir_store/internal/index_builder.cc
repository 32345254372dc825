#include "fhir_store/internal/index_builder.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/posting_writer.h"
#include "fhir_store/internal/resource_text.h"
#include "fhir_store/internal/stored_versions.h"

namespace tarn::fhir_store {
namespace {

constexpr size_t kResourcesOfABatch = 256;
constexpr int kPauseMs = 200;

}  // namespace

IndexBuilder::IndexBuilder(StoreState& state) : state_(state), thread_([this] { Run(); }) {}

IndexBuilder::~IndexBuilder() {
  stop_ = true;
  thread_.join();
}

void IndexBuilder::Run() {
  for (bool failed = false; !stop_;) {
    const Status built = Build();
    if (built.ok()) return;
    if (!failed) LogError("index_not_built", {{"reason", built.error().detail}});
    failed = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(kPauseMs));
  }
}

Status IndexBuilder::Build() {
  uint64_t all = 0;
  const auto snapshot = state_.kv.GetSnapshot();
  const auto live = snapshot->Scan(kLive, {});
  for (; live->Valid(); live->Next()) {
    TRY(const kv::Bits bits, kv::Bits::Decode(live->value()));
    all += bits.Count();
  }
  TRY(live->status());
  uint64_t done = 0;
  for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) {
    TRY(BuildType(type, &done, all));
    if (stop_) return Ok();
  }
  kv::Batch batch;
  SearchIndex::AddCompletion(&batch);
  TRY(state_.kv.Commit(batch));
  state_.index->SetComplete();
  return Ok();
}

// What is created while the pass runs is written with its postings, so one snapshot's ordinals are
// all that is to do.
Status IndexBuilder::BuildType(fhir::TypeId type, uint64_t* done, uint64_t all) {
  const auto snapshot = state_.kv.GetSnapshot();
  const auto live = snapshot->Scan(kLive, kv::PrefixRange(TypePrefix(type)));
  for (; live->Valid(); live->Next()) {
    TRY(const uint32_t chunk, ParseLiveKey(live->key()));
    TRY(const kv::Bits bits, kv::Bits::Decode(live->value()));
    const std::vector<uint16_t> members = bits.Values();
    for (size_t i = 0; i < members.size(); i += kResourcesOfABatch) {
      std::vector<Ordinal> ordinals;
      for (size_t j = i; j < std::min(members.size(), i + kResourcesOfABatch); ++j) {
        ordinals.push_back(chunk * kChunkOrdinals + members[j]);
      }
      Status added = AddSome(type, ordinals);
      while (!added.ok() && added.error().kind == ErrorKind::kConflict && !stop_) {
        added = AddSome(type, ordinals);
      }
      if (stop_) return Ok();
      TRY(std::move(added));
      *done += ordinals.size();
      state_.index->SetProgress(*done, all);
    }
  }
  return live->status();
}

Status IndexBuilder::AddSome(fhir::TypeId type, const std::vector<Ordinal>& ordinals) {
  const auto snapshot = state_.kv.GetSnapshot();
  fhir::IndexValues values;
  PostingWriter writer(*state_.search, state_.index->hash(), state_.own_path, values);
  ResourceReader reader;
  kv::Batch batch;
  for (const Ordinal ordinal : ordinals) {
    std::string packed;
    TRY(const bool known, snapshot->Get(kIdent, IdentKey(type, ordinal), &packed));
    if (!known) return Error{ErrorKind::kCorrupt, "an ordinal without an id"};
    const std::string current_key = TypePrefix(type) + packed;
    std::string value;
    TRY(const bool found, snapshot->Get(kCurrent, current_key, &value));
    if (!found) return Error{ErrorKind::kCorrupt, "an id without a resource"};
    TRY(const CurrentRecord current, DecodeCurrent(value));
    batch.ExpectRevision(kCurrent, current_key, current.version);
    if (current.deleted) continue;
    TRY(ReadStored(state_, *snapshot, type, ordinal, current.version, &reader));
    TRY(const int64_t created, CreationTime(state_, *snapshot, type, ordinal));
    PostingKeys keys;
    const Status indexed =
        writer.Append(reader.document(), type, {current.last_updated_unix_ms, created}, &keys);
    if (!indexed.ok()) {
      // It was taken in before the index asked anything of it: readable, found by nothing.
      LogWarning("resource_not_indexed", {{"type", fhir::TypeName(type)},
                                          {"ordinal", std::to_string(ordinal)},
                                          {"reason", indexed.error().detail}});
      continue;
    }
    AddPostingDifference({}, keys, ordinal, &batch);
  }
  TRY(state_.kv.Commit(batch));
  return Ok();
}

}  // namespace tarn::fhir_store
