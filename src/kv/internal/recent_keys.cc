#include "kv/internal/recent_keys.h"

#include <algorithm>
#include <functional>

namespace tarn::kv {

uint64_t RecentKeys::HashOf(Family family, std::string_view key) {
  return std::hash<std::string_view>()(key) + family;
}

void RecentKeys::Add(uint64_t hash, uint64_t sequence) {
  if (entries_.size() == kKeysMax) {
    known_after_ = std::max(known_after_, entries_.front().sequence);
    entries_.pop_front();
  }
  entries_.push_back({sequence, hash});
}

void RecentKeys::Forget(uint64_t sequence) {
  entries_.clear();
  known_after_ = std::max(known_after_, sequence);
}

std::unordered_set<uint64_t> RecentKeys::ChangedAfter(uint64_t sequence) const {
  std::unordered_set<uint64_t> changed;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && entry->sequence > sequence;
       ++entry) {
    changed.insert(entry->hash);
  }
  return changed;
}

}  // namespace tarn::kv
