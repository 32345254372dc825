#include <algorithm>
#include <utility>

#include "base/check.h"
#include "kv/bits_operand.h"
#include "kv/store.h"

namespace tarn::kv {

KeyRange PrefixRange(std::string_view prefix) {
  // The first key beyond all that start with `prefix`: the last byte that can grow grows by one and
  // what follows it is cut. A prefix of only 0xff bytes has no such key.
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return {std::string(prefix), std::move(end)};
}

void Batch::Put(Family family, std::string_view key, std::string_view value) {
  PutSequenced(family, key, value, {});
}

void Batch::Delete(Family family, std::string_view key) {
  bytes_ += key.size();
  changes_.push_back({ChangeKind::kDelete, family, std::string(key), {}, {}});
}

void Batch::MergeBits(Family family, std::string_view key, const Bits& add, const Bits& remove) {
  MergeOperand(family, key, EncodeBitsOperand(add, remove));
}

void Batch::MergeBits(Family family, std::string_view key, const BitsDelta& delta) {
  MergeOperand(family, key, EncodeBitsOperand(delta));
}

void Batch::MergeOperand(Family family, std::string_view key, std::string operand) {
  bytes_ += key.size() + operand.size();
  changes_.push_back({ChangeKind::kMergeBits, family, std::string(key), std::move(operand), {}});
}

void Batch::ExpectAbsent(Family family, std::string_view key) {
  expectations_.push_back({family, std::string(key), std::nullopt});
}

void Batch::ExpectRevision(Family family, std::string_view key, uint64_t revision) {
  expectations_.push_back({family, std::string(key), revision});
}

void Batch::PutSequenced(Family family, std::string_view key, std::string_view value,
                         SequenceAt at) {
  const auto fits = [](size_t offset, std::string_view in) {
    return offset == kNoOffset ||
           (in.size() >= kSequenceBytes.size() && offset <= in.size() - kSequenceBytes.size());
  };
  CHECK(fits(at.key_offset, key) && fits(at.value_offset, value));
  bytes_ += key.size() + value.size();
  changes_.push_back({ChangeKind::kPut, family, std::string(key), std::string(value), at});
}

void Batch::Append(const Batch& other) {
  changes_.insert(changes_.end(), other.changes_.begin(), other.changes_.end());
  expectations_.insert(expectations_.end(), other.expectations_.begin(), other.expectations_.end());
  bytes_ += other.bytes_;
}

Status Run::MergeBits(Family family, std::string_view key, const Bits& add, const Bits& remove) {
  const std::vector<uint16_t> added = add.Values();
  const std::vector<uint16_t> removed = remove.Values();
  return MergeBits(family, key, {.add = added, .remove = removed});
}

}  // namespace tarn::kv
