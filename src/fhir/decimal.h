// Decimals as FHIR writes them, without binary floating point: 1.00 is not 1.0, and 0.1 is a tenth.
// Spec: FHIR R4 "decimal"; "Search", sections number and prefix (implied precision).
//
// Keys compare as bytes like the numbers compare, and end by themselves, so that anything may
// follow one in a longer key. Layout, for a value 0.d1d2d3... x 10^E with d1 > 0:
//
//   | header: 2 bytes      | digit pairs, 3 to 102 each | 1 byte: edge |
//     0x8000 zero            "72.5" = 0.725 x 10^2        0 just below the value
//     0xC000 + E positive    gives C002, 75, 53, 1        1 the value
//     and for a negative value every byte of its positive form inverted     2 just above
//
// "Just below" sorts before the value and after every smaller number: a half-open range
// [99.5, 100.5) is the closed range of keys [at 99.5, just below 100.5]. A prefix of a key is a
// bucket: 2 bytes hold one power of ten, each further byte splits it by a hundred.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tarn::fhir {

inline constexpr int kDecimalDigitsMax = 34;       // Significant ones; further ones are cut off.
inline constexpr int kDecimalExponentMax = 4000;   // Magnitudes from 10^-4000 to 10^4000: kInvalid.
inline constexpr size_t kDecimalKeyBytesMax = 22;  // Of ranges, too: up to 38 digits.

// coefficient x 10^exponent, as written: "1.00" is {100, -2}. |coefficient| < 10^34.
struct Decimal {
  __int128 coefficient = 0;
  int32_t exponent = 0;
  bool exponential = false;  // Written with an exponent and without a fraction: "1e2".
};

// Sign, digits, fraction, exponent; leading zeros and '+' are tolerated, as in XML. Errors:
// kInvalid (no number, or a magnitude beyond kDecimalExponentMax).
Result<Decimal> ParseDecimal(std::string_view text);
Decimal DecimalOf(int64_t value);
std::string DecimalText(const Decimal& value);  // Plain or with exponent; reads back equal.

// By value: 1.0 equals 1.00.
std::strong_ordering Compare(const Decimal& a, const Decimal& b);
inline bool IsLess(const Decimal& a, const Decimal& b) {
  return Compare(a, b) == std::strong_ordering::less;
}

// Exact while the result has at most kDecimalDigitsMax digits, else rounded half to even.
Decimal Add(const Decimal& a, const Decimal& b);
Decimal Subtract(const Decimal& a, const Decimal& b);
Decimal Multiply(const Decimal& a, const Decimal& b);
Decimal Divide(const Decimal& a, const Decimal& b);  // `b` is not zero (CHECK).

struct DecimalRange {
  Decimal low;   // Included.
  Decimal high;  // Not included.
};
// Half a unit of the last written digit to each side: 100 is [99.5, 100.5), 5.40 is
// [5.395, 5.405). As the specification's own example has it, a number with an exponent and without
// a fraction counts one digit more: 1e2 is [95, 105).
DecimalRange ImpliedRange(const Decimal& value);

enum class Edge : uint8_t { kBelow = 0, kAt = 1, kAbove = 2 };

void AppendDecimalKey(std::string* out, const Decimal& value, Edge edge = Edge::kAt);
// Sort before and after every decimal's key.
inline constexpr std::string_view kDecimalKeyMin{"\x00\x00", 2};
inline constexpr std::string_view kDecimalKeyMax{"\xff\xff", 2};

// The first 8 bytes of a key as a number (shorter keys are followed by zeros): never falls when
// keys ascend. Its upper 16 bits are the power of ten, 24 bits two significant digits, 32 bits
// four.
uint64_t DecimalKeyOrder(std::string_view key);

// The bytes of the key that `bytes` begins with, or 0 when it begins with none.
size_t DecimalKeyBytes(std::string_view bytes);
// Errors: kCorrupt. The infinities have no value: kInvalid.
Result<Decimal> DecodeDecimalKey(std::string_view key);

}  // namespace tarn::fhir
