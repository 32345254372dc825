// A set of 16-bit numbers: one chunk of 65,536 ordinals of a bitmap family. Over CRoaring, which
// appears in this module only.
// Threads: a value type; no sharing while one thread changes it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct roaring_bitmap_s;

namespace tarn::kv {

class Bits {
 public:
  Bits();
  explicit Bits(const std::vector<uint16_t>& values);  // In any order.
  ~Bits();
  Bits(const Bits& other);
  Bits(Bits&& other) noexcept;
  Bits& operator=(Bits other) noexcept;

  void Add(uint16_t value);
  void AddRange(uint32_t begin, uint32_t end);  // [begin, end), end <= 65,536.
  void Remove(uint16_t value);
  bool Contains(uint16_t value) const;
  bool IsEmpty() const;
  uint32_t Count() const;
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
  roaring_bitmap_s* bitmap_;
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
