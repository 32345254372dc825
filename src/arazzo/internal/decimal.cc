#include "arazzo/internal/decimal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace tarn::arazzo {
namespace {

using Wide = unsigned __int128;

constexpr int64_t kExponentMax = 1'000'000'000;

uint64_t PowerModulo(uint64_t base, uint64_t exponent, uint64_t modulus) {
  Wide result = 1 % modulus;
  Wide factor = base % modulus;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = result * factor % modulus;
    factor = factor * factor % modulus;
  }
  return static_cast<uint64_t>(result);
}

double ToDouble(const Decimal& value) {
  return std::strtod((value.digits + "e" + std::to_string(value.exponent)).c_str(), nullptr);
}

}  // namespace

Decimal ParseDecimal(std::string_view token) {
  Decimal out;
  if (token.starts_with('-')) {
    out.negative = true;
    token.remove_prefix(1);
  }
  const size_t mark = token.find_first_of("eE");
  if (mark != token.npos) {
    std::string_view digits = token.substr(mark + 1);
    const bool minus = digits.starts_with('-');
    if (minus || digits.starts_with('+')) digits.remove_prefix(1);
    int64_t exponent = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (result.ec != std::errc()) exponent = kExponentMax;
    exponent = std::min(exponent, kExponentMax);
    out.exponent = minus ? -exponent : exponent;
    token = token.substr(0, mark);
  }
  if (const size_t point = token.find('.'); point != token.npos) {
    out.exponent -= static_cast<int64_t>(token.size() - point - 1);
    out.digits = token.substr(0, point);
    out.digits += token.substr(point + 1);
  } else {
    out.digits = token;
  }
  out.digits.erase(0, std::min(out.digits.find_first_not_of('0'), out.digits.size()));
  while (!out.digits.empty() && out.digits.back() == '0') {
    out.digits.pop_back();
    ++out.exponent;
  }
  if (out.digits.empty()) out = Decimal{};
  return out;
}

int CompareDecimals(const Decimal& a, const Decimal& b) {
  const auto sign = [](const Decimal& d) { return d.IsZero() ? 0 : d.negative ? -1 : 1; };
  if (sign(a) != sign(b)) return sign(a) < sign(b) ? -1 : 1;
  if (sign(a) == 0) return 0;
  const int64_t magnitude_a = a.exponent + static_cast<int64_t>(a.digits.size());
  const int64_t magnitude_b = b.exponent + static_cast<int64_t>(b.digits.size());
  // Without trailing zeros, digits of one magnitude compare like texts.
  const int larger = magnitude_a != magnitude_b ? (magnitude_a < magnitude_b ? -1 : 1)
                                                : a.digits.compare(b.digits);
  const int order = larger < 0 ? -1 : larger > 0 ? 1 : 0;
  return a.negative ? -order : order;
}

bool IsMultipleOf(const Decimal& value, const Decimal& divisor) {
  if (value.IsZero()) return true;
  constexpr size_t kExactDigits = 18;
  // value / divisor = (v / d) * 10^shift, v and d the digits as integers.
  const int64_t shift = value.exponent - divisor.exponent;
  if (divisor.digits.size() > kExactDigits) {
    return std::fmod(ToDouble(value), ToDouble(divisor)) == 0;
  }
  const uint64_t d = std::stoull(divisor.digits);
  uint64_t remainder = 0;
  for (const char c : value.digits) {
    remainder = static_cast<uint64_t>((static_cast<Wide>(remainder) * 10 + (c - '0')) % d);
  }
  if (shift >= 0) {
    const uint64_t power = PowerModulo(10, static_cast<uint64_t>(shift), d);
    return static_cast<Wide>(remainder) * power % d == 0;
  }
  // v must be divisible by d * 10^-shift, but its digits end in no zero: with -shift >= 1 both
  // 2 and 5 would have to divide v.
  return false;
}

}  // namespace tarn::arazzo
