// A growing table from 64-bit hashes to 32-bit numbers, open-addressed with linear probing:
// 16 to 32 bytes an entry and no allocation of its own, where std::unordered_map takes 60 and a
// malloc. Several numbers may share a hash; the caller tells them apart.
// Threads: a value type; no sharing while one thread changes it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/check.h"

namespace tarn::fhir_store {

class HashIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // The first number under `hash` that `is_it` accepts, or kNone.
  template <typename Predicate>
  uint32_t Find(uint64_t hash, Predicate is_it) const {
    if (slots_.empty()) return kNone;
    for (size_t i = hash & mask_;; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.number == kNone) return kNone;
      if (slot.Hash() == hash && is_it(slot.number)) return slot.number;
    }
  }
  bool Contains(uint64_t hash) const {
    return Find(hash, [](uint32_t) { return true; }) != kNone;
  }

  // `number` is not kNone (CHECK).
  void Insert(uint64_t hash, uint32_t number) {
    CHECK(number != kNone);
    if ((count_ + 1) * 4 > slots_.size() * 3) Grow();
    Place({static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(hash), number});
    ++count_;
  }

  size_t size() const { return count_; }
  // What it occupies.
  size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

  void Clear() {
    slots_.clear();
    slots_.shrink_to_fit();
    count_ = 0;
    mask_ = 0;
  }

 private:
  struct Slot {  // The hash in halves: 12 bytes, where an aligned one makes them 16.
    uint32_t hash_high = 0;
    uint32_t hash_low = 0;
    uint32_t number = kNone;

    uint64_t Hash() const { return uint64_t{hash_high} << 32 | hash_low; }
  };

  void Place(Slot slot) {
    size_t i = slot.Hash() & mask_;
    while (slots_[i].number != kNone) i = (i + 1) & mask_;
    slots_[i] = slot;
  }

  void Grow() {
    std::vector<Slot> old(slots_.empty() ? 1024 : slots_.size() * 2);
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.number != kNone) Place(slot);
    }
  }

  std::vector<Slot> slots_;
  uint64_t mask_ = 0;
  size_t count_ = 0;
};

}  // namespace tarn::fhir_store
