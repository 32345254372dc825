// The bitmap changes of a commit group. Writers of similar resources change the same sets: one
// operand a key costs one entry of the log and of the write buffer, where each would cost one.
// Threads: belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "kv/store.h"

namespace tarn::kv {

class GroupMerges {
 public:
  // A kMergeBits change, which must outlive the object; in the order of the group.
  void Add(const Batch::Change& change);

  // Each key once, with the operand that does what all changes of it do; by family and key.
  using Visit = std::function<void(Family family, std::string_view key, std::string_view operand)>;
  void ForEach(const Visit& visit);

 private:
  // Comparing keys costs a miss of the cache each time; their first bytes nearly always decide.
  struct Entry {
    uint64_t head[2];  // The key's first 16 bytes.
    const Batch::Change* change;
    uint32_t order;
    Family family;
  };
  static bool IsBefore(const Entry& a, const Entry& b);

  std::vector<Entry> entries_;
};

}  // namespace tarn::kv
