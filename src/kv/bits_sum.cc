#include "kv/bits_sum.h"

#include <bit>
#include <utility>

namespace tarn::kv {
namespace {

constexpr size_t kWords = 65536 / 64;
// Larger sets are united as they are: bits one by one would take longer.
constexpr size_t kSmallCount = 512;

}  // namespace

Status BitsSum::Add(std::string_view bytes) {
  if (bytes.empty()) return Ok();
  const bool first = words_.empty() && large_.IsEmpty();
  if (first || !DecodeFewBits(bytes, kSmallCount, &values_)) {
    TRY(Bits bits, Bits::Decode(bytes));
    if (first) {
      large_ = std::move(bits);
    } else {
      large_.UnionWith(bits);
    }
    return Ok();
  }
  if (words_.empty()) words_.resize(kWords);
  for (const uint16_t value : values_) words_[value / 64] |= uint64_t{1} << (value % 64);
  return Ok();
}

Bits BitsSum::Take() {
  Bits all = std::exchange(large_, Bits());
  if (words_.empty()) return all;
  values_.clear();
  for (size_t i = 0; i < kWords; ++i) {
    for (uint64_t left = words_[i]; left != 0; left &= left - 1) {
      const auto bit = static_cast<size_t>(std::countr_zero(left));
      values_.push_back(static_cast<uint16_t>(i * 64 + bit));
    }
  }
  words_.clear();
  all.UnionWith(Bits(values_));
  return all;
}

}  // namespace tarn::kv
