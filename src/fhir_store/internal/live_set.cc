#include "fhir_store/internal/live_set.h"

#include <algorithm>

#include "fhir_store/internal/families.h"

namespace tarn::fhir_store {
namespace {

// Types of so few chunks are counted.
constexpr uint64_t kCountedChunks = 4;

}  // namespace

LiveSet::LiveSet(const kv::Snapshot& snapshot, SearchBudget& budget, fhir::TypeId type)
    : snapshot_(&snapshot), budget_(&budget), type_(type) {}

Result<LiveSet> LiveSet::Open(const kv::Snapshot& snapshot, SearchBudget& budget,
                              fhir::TypeId type) {
  LiveSet live(snapshot, budget, type);
  const auto last =
      snapshot.Scan(kLive, kv::PrefixRange(TypePrefix(type)), kv::Direction::kReverse);
  TRY(last->status());
  if (!last->Valid()) return live;
  TRY(budget.SpendKey());
  TRY(const uint32_t chunk, ParseLiveKey(last->key()));
  const uint64_t chunks = uint64_t{chunk} + 1;
  live.end_ = chunks * kChunkOrdinals;
  live.count_ = live.end_;
  live.known_chunks_.resize(chunks);
  if (chunks <= kCountedChunks) {
    TRY(live.Know(0, chunk));
    live.count_ = live.known_.Count();
  }
  return live;
}

Status LiveSet::Know(uint32_t first, uint32_t last) {
  for (uint32_t chunk = first; chunk <= last && chunk < known_chunks_.size(); ++chunk) {
    if (known_chunks_[chunk]) continue;
    if (cursor_ == nullptr) {
      cursor_ = snapshot_->Scan(kLive, kv::PrefixRange(TypePrefix(type_)));
    }
    const std::string key = LiveKey(type_, chunk);
    // The next one is mostly the one that is wanted.
    if (cursor_->Valid() && cursor_->key() < key) cursor_->Next();
    if (!cursor_->Valid() || cursor_->key() != key) cursor_->Seek(key);
    TRY(cursor_->status());
    TRY(budget_->SpendKey());
    if (cursor_->Valid() && cursor_->key() == key) {
      TRY(const kv::Bits bits, kv::Bits::Decode(cursor_->value()));
      known_.AddChunk(chunk, bits);
    }
    known_chunks_[chunk] = true;
  }
  return Ok();
}

Result<OrdinalSet> LiveSet::Between(uint64_t begin, uint64_t end) {
  end = std::min(end, end_);
  if (begin >= end) return OrdinalSet();
  TRY(Know(static_cast<uint32_t>(begin / kChunkOrdinals),
           static_cast<uint32_t>((end - 1) / kChunkOrdinals)));
  return known_.Between(begin, end);
}

Status LiveSet::Keep(OrdinalSet* set) {
  for (const auto& [chunk, bits] : set->chunks()) TRY(Know(chunk, chunk));
  set->IntersectWith(known_);
  return Ok();
}

}  // namespace tarn::fhir_store
