// JSON number tokens as exact decimals: what doubles cannot answer (is 0.0075 a multiple of
// 0.0001? is 1e400 an integer?).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tarn::arazzo {

// (-1)^negative * digits * 10^exponent; digits has no leading or trailing zeros; empty is zero.
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t exponent = 0;

  bool IsZero() const { return digits.empty(); }
  bool IsInteger() const { return digits.empty() || exponent >= 0; }
};

Decimal ParseDecimal(std::string_view number_token);

// -1, 0 or 1.
int CompareDecimals(const Decimal& a, const Decimal& b);

// Whether `value` / `divisor` is an integer; `divisor` must be positive. Exact for divisors of up
// to 18 digits; beyond, the answer of doubles.
bool IsMultipleOf(const Decimal& value, const Decimal& divisor);

}  // namespace tarn::arazzo
