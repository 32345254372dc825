// Few operands of few values, which is what most sets of an index have, are applied to a list of
// values; few operands of more values to a Bits. Many operands are folded in two bitmaps of 65,536
// bits: a chunk that got 60,000 single additions since its last compaction is read by 60,000 bit
// operations, not by as many set unions.
#include "kv/bits_operand.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"

namespace tarn::kv {
namespace {

constexpr uint8_t kShortForm = 1;
constexpr uint8_t kLongForm = 2;
// Up to here a list of values is no longer than Roaring's head and array.
constexpr uint32_t kShortValuesMax = 16;

// Up to here operands are applied one by one: cheaper than clearing and reading the bitmaps.
constexpr size_t kDirectMax = 8;
// Up to here a list of values is cheaper to change than a Bits.
constexpr size_t kFewMax = 64;
// Up to here short operands are: those of one commit group, which mostly add one value each.
constexpr size_t kCombinedShortMax = 64;

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

// Targets of Fold. What the operands so far add and remove together:
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
  void Change(const Bits& add, const Bits& remove) {
    for (const uint16_t value : add.Values()) Add(value);
    for (const uint16_t value : remove.Values()) Remove(value);
  }
};

// The same, of few operands.
struct Delta {
  Bits added;
  Bits removed;

  void Add(uint16_t value) {
    added.Add(value);
    removed.Remove(value);
  }
  void Remove(uint16_t value) {
    removed.Add(value);
    added.Remove(value);
  }
  void Change(const Bits& add, const Bits& remove) {
    added.Subtract(remove);
    added.UnionWith(add);
    removed.Subtract(add);
    removed.UnionWith(remove);
  }
};

// The set that they are applied to.
struct Applied {
  Bits set;

  void Add(uint16_t value) { set.Add(value); }
  void Remove(uint16_t value) { set.Remove(value); }
  void Change(const Bits& add, const Bits& remove) {
    set.Subtract(remove);
    set.UnionWith(add);
  }
};

// Ascending values without repetition.
class FewValues {
 public:
  std::vector<uint16_t>* values() { return &values_; }
  void Add(uint16_t value) {
    const auto place = std::lower_bound(values_.begin(), values_.end(), value);
    if (place == values_.end() || *place != value) values_.insert(place, value);
  }
  void Remove(uint16_t value) {
    const auto place = std::lower_bound(values_.begin(), values_.end(), value);
    if (place != values_.end() && *place == value) values_.erase(place);
  }

 private:
  std::vector<uint16_t> values_;
};

// Both of the above for values that are few; only short operands reach them.
struct FewDelta {
  FewValues added;
  FewValues removed;

  void Add(uint16_t value) {
    added.Add(value);
    removed.Remove(value);
  }
  void Remove(uint16_t value) {
    removed.Add(value);
    added.Remove(value);
  }
};

Error Malformed() { return {ErrorKind::kCorrupt, "bitmap operand: malformed"}; }

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

template <typename Target>
Status FoldLong(ByteReader body, Target* target) {
  const uint32_t added_bytes = body.Be32();
  const std::string_view added = body.Take(added_bytes);
  const std::string_view removed = body.Rest();
  if (!body.ok()) return Malformed();
  TRY(Bits add, Bits::Decode(added));
  TRY(Bits remove, Bits::Decode(removed));
  if (add.IntersectionCount(remove) != 0) return Malformed();
  target->Change(add, remove);
  return Ok();
}

template <typename Target>
Status Fold(std::span<const std::string_view> operands, Target* target) {
  for (const std::string_view operand : operands) {
    ByteReader reader(operand);
    switch (reader.U8()) {
      case kShortForm:
        TRY(FoldShort(reader, target));
        break;
      case kLongForm:
        TRY(FoldLong(reader, target));
        break;
      default:
        return Malformed();
    }
  }
  return Ok();
}

bool AreDisjoint(std::span<const uint16_t> a, std::span<const uint16_t> b) {
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) return false;
    if (a[i] < b[j]) {
      ++i;
    } else {
      ++j;
    }
  }
  return true;
}

bool AreFewAndShort(std::span<const std::string_view> operands, size_t operands_max) {
  return operands.size() <= operands_max &&
         std::all_of(operands.begin(), operands.end(), [](std::string_view operand) {
           return !operand.empty() && operand[0] == static_cast<char>(kShortForm);
         });
}

template <typename Target>
Status FoldShorts(std::span<const std::string_view> operands, Target* target) {
  for (const std::string_view operand : operands) {
    TRY(FoldShort(ByteReader(operand.substr(1)), target));
  }
  return Ok();
}

}  // namespace

std::string EncodeBitsOperand(const Bits& add, const Bits& remove) {
  const std::vector<uint16_t> added = add.Values();
  const std::vector<uint16_t> removed = remove.Values();
  return EncodeBitsOperand({.add = added, .remove = removed});
}

std::string EncodeBitsOperand(const BitsDelta& delta) {
  CHECK(AreDisjoint(delta.add, delta.remove));
  std::string out;
  if (delta.add.size() <= kShortValuesMax && delta.remove.size() <= kShortValuesMax) {
    out.reserve(2 + 2 * (delta.add.size() + delta.remove.size()));
    out.push_back(static_cast<char>(kShortForm));
    out.push_back(static_cast<char>(delta.add.size()));
    for (const uint16_t value : delta.add) AppendBe16(&out, value);
    for (const uint16_t value : delta.remove) AppendBe16(&out, value);
    return out;
  }
  const std::string added = EncodeBits(delta.add);
  out.push_back(static_cast<char>(kLongForm));
  AppendBe32(&out, static_cast<uint32_t>(added.size()));
  out += added;
  out += EncodeBits(delta.remove);
  return out;
}

Result<std::string> ApplyBitsOperands(std::string_view base,
                                      std::span<const std::string_view> operands) {
  if (AreFewAndShort(operands, kDirectMax)) {
    FewValues few;
    if (DecodeFewBits(base, kFewMax, few.values())) {
      TRY(FoldShorts(operands, &few));
      return EncodeBits(*few.values());
    }
  }
  TRY(Bits set, Bits::Decode(base));
  if (operands.size() <= kDirectMax) {
    Applied applied{std::move(set)};
    TRY(Fold(operands, &applied));
    return applied.set.Encode();
  }
  const auto folded = std::make_unique<Folded>();
  TRY(Fold(operands, folded.get()));
  set.Subtract(folded->removed.ToBits());
  set.UnionWith(folded->added.ToBits());
  return set.Encode();
}

Result<std::string> CombineBitsOperands(std::span<const std::string_view> operands) {
  if (AreFewAndShort(operands, kCombinedShortMax)) {
    FewDelta few;
    TRY(FoldShorts(operands, &few));
    return EncodeBitsOperand({.add = *few.added.values(), .remove = *few.removed.values()});
  }
  if (operands.size() <= kDirectMax) {
    Delta delta;
    TRY(Fold(operands, &delta));
    return EncodeBitsOperand(delta.added, delta.removed);
  }
  const auto folded = std::make_unique<Folded>();
  TRY(Fold(operands, folded.get()));
  return EncodeBitsOperand(folded->added.ToBits(), folded->removed.ToBits());
}

}  // namespace tarn::kv
