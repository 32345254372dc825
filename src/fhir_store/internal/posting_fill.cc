#include "fhir_store/internal/posting_fill.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/log.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/posting_writer.h"
#include "fhir_store/internal/resource_text.h"
#include "fhir_store/internal/stored_versions.h"

namespace tarn::fhir_store {
namespace {

constexpr size_t kResourcesOfABatch = 256;

// Errors: kConflict (a resource was written meanwhile; nothing was added).
Status AddSome(StoreState& state, fhir::TypeId type, const std::vector<Ordinal>& ordinals,
               const PostingFill& fill) {
  const auto snapshot = state.kv.GetSnapshot();
  fhir::IndexValues values;
  PostingWriter writer(fill.definitions, state.index->hash(), state.own_path, values);
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
    TRY(ReadStored(state, *snapshot, type, ordinal, current.version, &reader));
    TRY(const int64_t created, CreationTime(state, *snapshot, type, ordinal));
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
    PostingKeys wanted;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (fill.wanted && !fill.wanted(keys[i])) continue;
      wanted.bytes()->append(keys[i]);
      wanted.Add();
    }
    AddPostingDifference({}, wanted, ordinal, &batch);
  }
  TRY(state.kv.Commit(batch));
  return Ok();
}

}  // namespace

// What is created while the pass runs is written with its postings, so one snapshot's ordinals are
// all that is to do.
Status FillPostings(StoreState& state, fhir::TypeId type, const PostingFill& fill) {
  const auto snapshot = state.kv.GetSnapshot();
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
      if (fill.stop()) return Ok();
      Status added = AddSome(state, type, ordinals, fill);
      while (!added.ok() && added.error().kind == ErrorKind::kConflict && !fill.stop()) {
        added = AddSome(state, type, ordinals, fill);
      }
      if (fill.stop()) return Ok();
      TRY(std::move(added));
      fill.filled(ordinals.size());
    }
  }
  return live->status();
}

Result<uint64_t> CountLiveOf(const kv::Snapshot& snapshot, fhir::TypeId type) {
  uint64_t count = 0;
  const auto live = snapshot.Scan(kLive, kv::PrefixRange(TypePrefix(type)));
  for (; live->Valid(); live->Next()) {
    TRY(const kv::Bits bits, kv::Bits::Decode(live->value()));
    count += bits.Count();
  }
  TRY(live->status());
  return count;
}

}  // namespace tarn::fhir_store
