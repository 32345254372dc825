// A set of 16-bit numbers: one chunk of 65,536 ordinals of a bitmap family. Up to 4,096 members are
// a sorted list, more are 65,536 bits.
// Threads: a value type; no sharing while one thread changes it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tarn::kv {

class Bits {
 public:
  Bits() = default;
  explicit Bits(const std::vector<uint16_t>& values);  // In any order.
  Bits(const Bits& other) = default;
  Bits& operator=(const Bits& other) = default;
  // What was moved from is an empty set.
  Bits(Bits&& other) noexcept;
  Bits& operator=(Bits&& other) noexcept;

  void Add(uint16_t value);
  void AddRange(uint32_t begin, uint32_t end);  // [begin, end), end <= 65,536.
  void Remove(uint16_t value);
  bool Contains(uint16_t value) const;
  bool IsEmpty() const { return list_.empty() && words_.empty(); }
  uint32_t Count() const {
    return words_.empty() ? static_cast<uint32_t>(list_.size()) : word_count_;
  }
  void UnionWith(const Bits& other);
  void IntersectWith(const Bits& other);
  void Subtract(const Bits& other);
  uint32_t IntersectionCount(const Bits& other) const;
  // Ascending.
  std::vector<uint16_t> Values() const;

  // The stored form (bits.cc); one set has one. Empty sets give empty text. Errors of Decode:
  // kCorrupt; every byte is checked, also that no value passes 65,535.
  std::string Encode() const;
  static Result<Bits> Decode(std::string_view bytes);

  friend bool operator==(const Bits& a, const Bits& b);

 private:
  void ToWords();
  void ToListWhenFew();

  std::vector<uint16_t> list_;   // Ascending; of a set without words_.
  std::vector<uint64_t> words_;  // 1,024 with more than 4,096 bits set, or none.
  uint32_t word_count_ = 0;      // Bits set in words_.
};

// What a change adds to and removes from one chunk: two lists without a common value, each strictly
// ascending.
struct BitsDelta {
  std::span<const uint16_t> add;
  std::span<const uint16_t> remove;
};

// Bits::Decode(bytes).Count() without building the set; only the bytes that tell the number are
// looked at. Errors: kCorrupt.
Result<uint32_t> CountBits(std::string_view bytes);

// Bits(values).Encode() of values that ascend strictly (CHECK), without building the set.
std::string EncodeBits(std::span<const uint16_t> values);
// Replaces `*values` by those of an encoded set, ascending, when it is stored as an array of at
// most `count_max`; false for every other one, damaged ones too.
bool DecodeFewBits(std::string_view bytes, size_t count_max, std::vector<uint16_t>* values);

}  // namespace tarn::kv
