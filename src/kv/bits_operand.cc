// Many operands are folded in two bitmaps of 65,536 bits: a chunk that got 60,000 single additions
// since its last compaction is read by 60,000 bit operations, not by as many set unions.
#include "kv/bits_operand.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"

namespace tarn::kv {
namespace {

constexpr uint8_t kShortForm = 1;
constexpr uint8_t kLongForm = 2;
// Up to here a list of values is no longer than Roaring's head and array.
constexpr uint32_t kShortValuesMax = 16;

// Up to here short operands are applied one by one: cheaper than clearing and reading the bitmaps.
constexpr size_t kDirectMax = 8;

// All 65,536 values, one bit each.
class Dense {
 public:
  void Set(uint16_t value) { words_[value >> 6] |= uint64_t{1} << (value & 63); }
  void Clear(uint16_t value) { words_[value >> 6] &= ~(uint64_t{1} << (value & 63)); }

  // Adjacent values enter as one range, which keeps full chunks cheap.
  Bits ToBits() const {
    Bits bits;
    std::vector<uint16_t> loose;
    for (size_t i = 0; i < words_.size(); ++i) {
      const auto base = static_cast<uint32_t>(i * 64);
      if (words_[i] == UINT64_MAX) {
        bits.AddRange(base, base + 64);
        continue;
      }
      for (uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        loose.push_back(static_cast<uint16_t>(base + std::countr_zero(rest)));
      }
    }
    if (!loose.empty()) bits.UnionWith(Bits(loose));
    return bits;
  }

 private:
  std::array<uint64_t, 1024> words_{};
};

// What the operands so far add and remove together.
struct Folded {
  Dense added;
  Dense removed;

  void Add(uint16_t value) {
    added.Set(value);
    removed.Clear(value);
  }
  void Remove(uint16_t value) {
    removed.Set(value);
    added.Clear(value);
  }
};

Error Malformed() { return {ErrorKind::kCorrupt, "bitmap operand: malformed"}; }

// `Target` is Folded or Bits.
template <typename Target>
Status FoldShort(ByteReader body, Target* target) {
  const uint8_t added = body.U8();
  int32_t previous = -1;
  for (uint32_t i = 0; i < added; ++i) {
    const uint16_t value = body.Be16();
    if (!body.ok() || value <= previous) return Malformed();
    previous = value;
    target->Add(value);
  }
  previous = -1;
  while (body.ok() && !body.AtEnd()) {
    const uint16_t value = body.Be16();
    if (!body.ok() || value <= previous) return Malformed();
    previous = value;
    target->Remove(value);
  }
  return body.ok() ? Ok() : Malformed();
}

Status FoldLong(ByteReader body, Folded* folded) {
  const uint32_t added_bytes = body.Be32();
  const std::string_view added = body.Take(added_bytes);
  const std::string_view removed = body.Rest();
  if (!body.ok()) return Malformed();
  TRY(Bits add, Bits::Decode(added));
  TRY(Bits remove, Bits::Decode(removed));
  if (add.IntersectionCount(remove) != 0) return Malformed();
  for (const uint16_t value : add.Values()) folded->Add(value);
  for (const uint16_t value : remove.Values()) folded->Remove(value);
  return Ok();
}

Status Fold(std::string_view operand, Folded* folded) {
  ByteReader reader(operand);
  switch (reader.U8()) {
    case kShortForm:
      return FoldShort(reader, folded);
    case kLongForm:
      return FoldLong(reader, folded);
    default:
      return Malformed();
  }
}

Result<std::unique_ptr<Folded>> FoldAll(std::span<const std::string_view> operands) {
  auto folded = std::make_unique<Folded>();
  for (const std::string_view operand : operands) TRY(Fold(operand, folded.get()));
  return folded;
}

}  // namespace

std::string EncodeBitsOperand(const Bits& add, const Bits& remove) {
  CHECK(add.IntersectionCount(remove) == 0);
  std::string out;
  if (add.Count() <= kShortValuesMax && remove.Count() <= kShortValuesMax) {
    out.push_back(static_cast<char>(kShortForm));
    out.push_back(static_cast<char>(add.Count()));
    for (const uint16_t value : add.Values()) AppendBe16(&out, value);
    for (const uint16_t value : remove.Values()) AppendBe16(&out, value);
    return out;
  }
  const std::string added = add.Encode();
  out.push_back(static_cast<char>(kLongForm));
  AppendBe32(&out, static_cast<uint32_t>(added.size()));
  out += added;
  out += remove.Encode();
  return out;
}

Result<std::string> ApplyBitsOperands(std::string_view base,
                                      std::span<const std::string_view> operands) {
  TRY(Bits set, Bits::Decode(base));
  if (operands.size() <= kDirectMax &&
      std::all_of(operands.begin(), operands.end(), [](std::string_view operand) {
        return !operand.empty() && operand[0] == static_cast<char>(kShortForm);
      })) {
    for (const std::string_view operand : operands) {
      TRY(FoldShort(ByteReader(operand.substr(1)), &set));
    }
    return set.Encode();
  }
  TRY(auto folded, FoldAll(operands));
  set.Subtract(folded->removed.ToBits());
  set.UnionWith(folded->added.ToBits());
  return set.Encode();
}

Result<std::string> CombineBitsOperands(std::span<const std::string_view> operands) {
  TRY(auto folded, FoldAll(operands));
  return EncodeBitsOperand(folded->added.ToBits(), folded->removed.ToBits());
}

}  // namespace tarn::kv
