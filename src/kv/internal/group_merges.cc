#include "kv/internal/group_merges.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "kv/bits_operand.h"

namespace tarn::kv {

void GroupMerges::Add(const Batch::Change& change) {
  char head[16] = {};
  change.key.copy(head, sizeof head);
  entries_.push_back({{LoadBe64({head, 8}), LoadBe64({head + 8, 8})},
                      &change,
                      static_cast<uint32_t>(entries_.size()),
                      change.family});
}

bool GroupMerges::IsBefore(const Entry& a, const Entry& b) {
  if (a.family != b.family) return a.family < b.family;
  if (a.head[0] != b.head[0]) return a.head[0] < b.head[0];
  if (a.head[1] != b.head[1]) return a.head[1] < b.head[1];
  const int compared = a.change->key.compare(b.change->key);
  return compared != 0 ? compared < 0 : a.order < b.order;
}

void GroupMerges::ForEach(const Visit& visit) {
  std::sort(entries_.begin(), entries_.end(), IsBefore);
  std::vector<std::string_view> operands;
  for (size_t i = 0; i < entries_.size();) {
    const Batch::Change& first = *entries_[i].change;
    operands.clear();
    for (; i < entries_.size() && entries_[i].family == first.family &&
           entries_[i].change->key == first.key;
         ++i) {
      operands.push_back(entries_[i].change->value);
    }
    if (operands.size() == 1) {
      visit(first.family, first.key, first.value);
      continue;
    }
    const Result<std::string> combined = CombineBitsOperands(operands);
    CHECK(combined.ok());  // Batch made the operands.
    visit(first.family, first.key, combined.value());
  }
}

}  // namespace tarn::kv
