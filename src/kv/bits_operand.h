// The operand of MergeBits: which values of one chunk a change adds and which it removes.
//
// Applying an operand to a set S gives (S - removed) + added. Operands combine into one operand
// with the same effect, in any grouping but not in any order: the later operand wins per value. So
// an engine may keep a chunk as a pile of operands and fold neighbours whenever it likes.
//
//   short form  | 1 u8 | added u8 | added x u16 | removed u16 ... to the end |    values ascending
//   long form   | 2 u8 | bytes u32 | added, Bits::Encode() | removed, Bits::Encode() to the end |
//
// Integers are big-endian (those of Bits::Encode() are not). A value is never both added and
// removed. Threads: functions may be called from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kv/bits.h"

namespace tarn::kv {

// `add` and `remove` are disjoint (CHECK).
std::string EncodeBitsOperand(const Bits& add, const Bits& remove);
std::string EncodeBitsOperand(const BitsDelta& delta);

// The set (Bits::Encode(), empty for none) after all operands, oldest first, on top of `base`,
// which is encoded likewise. Errors: kCorrupt.
Result<std::string> ApplyBitsOperands(std::string_view base,
                                      std::span<const std::string_view> operands);

// One operand that does what all of them do, oldest first. Errors: kCorrupt.
Result<std::string> CombineBitsOperands(std::span<const std::string_view> operands);

}  // namespace tarn::kv
