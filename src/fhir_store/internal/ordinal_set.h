// A set of ordinals of one type while a query is worked on: bitmap chunks in memory, ascending.
// Threads: a value type; no sharing while one thread changes it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "fhir_store/internal/keys.h"
#include "kv/bits.h"

namespace tarn::fhir_store {

class OrdinalSet {
 public:
  // By chunk number (ordinal / 65,536). No chunk is empty.
  using Chunks = std::map<uint32_t, kv::Bits>;

  void Add(Ordinal ordinal);
  void AddChunk(uint32_t chunk, const kv::Bits& bits);
  void Remove(Ordinal ordinal);
  bool Contains(Ordinal ordinal) const;
  bool HasChunk(uint32_t chunk) const { return chunks_.contains(chunk); }
  bool IsEmpty() const { return chunks_.empty(); }
  uint64_t Count() const;

  void UnionWith(const OrdinalSet& other);
  void IntersectWith(const OrdinalSet& other);
  void Subtract(const OrdinalSet& other);
  bool Intersects(const OrdinalSet& other) const;
  uint64_t IntersectionCount(const OrdinalSet& other) const;

  // What lies in [begin, end).
  OrdinalSet Between(uint64_t begin, uint64_t end) const;
  // One more than the largest member; 0: empty.
  uint64_t End() const;
  // Calls `visit` for every ordinal from `first` on, ascending, until it answers false.
  void Visit(Ordinal first, const std::function<bool(Ordinal)>& visit) const;
  std::vector<Ordinal> Values() const;

  const Chunks& chunks() const { return chunks_; }
  // About what it occupies.
  uint64_t bytes() const;

 private:
  Chunks chunks_;
};

}  // namespace tarn::fhir_store
