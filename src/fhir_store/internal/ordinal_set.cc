#include "fhir_store/internal/ordinal_set.h"

#include <algorithm>
#include <utility>

namespace tarn::fhir_store {
namespace {

constexpr uint64_t kChunkHeadBytes = 160;  // Of a map node and an empty bitmap.
constexpr uint64_t kChunkBytesMax = 8192;

uint16_t Low(Ordinal ordinal) { return static_cast<uint16_t>(ordinal % kChunkOrdinals); }

}  // namespace

void OrdinalSet::Add(Ordinal ordinal) { chunks_[ordinal / kChunkOrdinals].Add(Low(ordinal)); }

void OrdinalSet::AddChunk(uint32_t chunk, const kv::Bits& bits) {
  if (bits.IsEmpty()) return;
  const auto [place, added] = chunks_.try_emplace(chunk, bits);
  if (!added) place->second.UnionWith(bits);
}

void OrdinalSet::Remove(Ordinal ordinal) {
  const auto found = chunks_.find(ordinal / kChunkOrdinals);
  if (found == chunks_.end()) return;
  found->second.Remove(Low(ordinal));
  if (found->second.IsEmpty()) chunks_.erase(found);
}

bool OrdinalSet::Contains(Ordinal ordinal) const {
  const auto found = chunks_.find(ordinal / kChunkOrdinals);
  return found != chunks_.end() && found->second.Contains(Low(ordinal));
}

uint64_t OrdinalSet::Count() const {
  uint64_t count = 0;
  for (const auto& [chunk, bits] : chunks_) count += bits.Count();
  return count;
}

void OrdinalSet::UnionWith(const OrdinalSet& other) {
  for (const auto& [chunk, bits] : other.chunks_) AddChunk(chunk, bits);
}

void OrdinalSet::IntersectWith(const OrdinalSet& other) {
  for (auto mine = chunks_.begin(); mine != chunks_.end();) {
    const auto theirs = other.chunks_.find(mine->first);
    if (theirs != other.chunks_.end()) mine->second.IntersectWith(theirs->second);
    const bool gone = theirs == other.chunks_.end() || mine->second.IsEmpty();
    mine = gone ? chunks_.erase(mine) : std::next(mine);
  }
}

void OrdinalSet::Subtract(const OrdinalSet& other) {
  for (const auto& [chunk, bits] : other.chunks_) {
    const auto mine = chunks_.find(chunk);
    if (mine == chunks_.end()) continue;
    mine->second.Subtract(bits);
    if (mine->second.IsEmpty()) chunks_.erase(mine);
  }
}

bool OrdinalSet::Intersects(const OrdinalSet& other) const {
  return std::any_of(chunks_.begin(), chunks_.end(), [&](const auto& mine) {
    const auto theirs = other.chunks_.find(mine.first);
    return theirs != other.chunks_.end() && mine.second.IntersectionCount(theirs->second) > 0;
  });
}

uint64_t OrdinalSet::IntersectionCount(const OrdinalSet& other) const {
  uint64_t count = 0;
  for (const auto& [chunk, bits] : chunks_) {
    const auto theirs = other.chunks_.find(chunk);
    if (theirs != other.chunks_.end()) count += bits.IntersectionCount(theirs->second);
  }
  return count;
}

OrdinalSet OrdinalSet::Between(uint64_t begin, uint64_t end) const {
  OrdinalSet between;
  if (begin >= end) return between;
  const auto last =
      static_cast<uint32_t>(std::min<uint64_t>((end - 1) / kChunkOrdinals, UINT32_MAX));
  auto it = chunks_.lower_bound(static_cast<uint32_t>(begin / kChunkOrdinals));
  for (; it != chunks_.end() && it->first <= last; ++it) {
    const uint64_t start = uint64_t{it->first} * kChunkOrdinals;
    if (begin <= start && start + kChunkOrdinals <= end) {
      between.chunks_.emplace(it->first, it->second);
      continue;
    }
    kv::Bits range;
    range.AddRange(static_cast<uint32_t>(std::max(begin, start) - start),
                   static_cast<uint32_t>(std::min<uint64_t>(end - start, kChunkOrdinals)));
    range.IntersectWith(it->second);
    between.AddChunk(it->first, range);
  }
  return between;
}

uint64_t OrdinalSet::End() const {
  if (chunks_.empty()) return 0;
  const auto& [chunk, bits] = *chunks_.rbegin();
  return uint64_t{chunk} * kChunkOrdinals + bits.Values().back() + 1;
}

void OrdinalSet::Visit(Ordinal first, const std::function<bool(Ordinal)>& visit) const {
  for (auto it = chunks_.lower_bound(first / kChunkOrdinals); it != chunks_.end(); ++it) {
    for (const uint16_t low : it->second.Values()) {
      const Ordinal ordinal = it->first * kChunkOrdinals + low;
      if (ordinal >= first && !visit(ordinal)) return;
    }
  }
}

std::vector<Ordinal> OrdinalSet::Values() const {
  std::vector<Ordinal> values;
  for (const auto& [chunk, bits] : chunks_) {
    for (const uint16_t low : bits.Values()) values.push_back(chunk * kChunkOrdinals + low);
  }
  return values;
}

uint64_t OrdinalSet::bytes() const {
  uint64_t bytes = 0;
  for (const auto& [chunk, bits] : chunks_) {
    bytes += kChunkHeadBytes + std::min<uint64_t>(kChunkBytesMax, uint64_t{2} * bits.Count());
  }
  return bytes;
}

}  // namespace tarn::fhir_store
