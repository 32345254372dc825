// Which plain keys the latest commits have changed. What a large batch expects is looked up before
// its turn; in its turn only keys that have changed since then are looked up again.
//
//   before the turn:  snapshot -> look all up -> `checked_at`, the snapshot's sequence
//   in the turn:      Knows(checked_at)? -> ChangedAfter(checked_at) -> look these up again
//
// Keys are kept as hashes: two keys of one hash cost a look-up.
// Threads: used in the commit queue's turn only.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_set>

#include "kv/store.h"

namespace tarn::kv {

class RecentKeys {
 public:
  static uint64_t HashOf(Family family, std::string_view key);

  // The commit of `sequence`, the newest so far, changes the key.
  void Add(uint64_t hash, uint64_t sequence);
  // What has changed up to `sequence` is not known: an ingestion, or writes that failed.
  void Forget(uint64_t sequence);

  // Whether all keys are known that commits after `sequence` have changed.
  bool Knows(uint64_t sequence) const { return sequence >= known_after_; }
  std::unordered_set<uint64_t> ChangedAfter(uint64_t sequence) const;

 private:
  // 256 kB a store; three thousand creations of resources.
  static constexpr size_t kKeysMax = 16'384;
  struct Entry {
    uint64_t sequence;
    uint64_t hash;
  };

  std::deque<Entry> entries_;  // Sequences ascend.
  uint64_t known_after_ = 0;
};

}  // namespace tarn::kv
