#include "fhir/internal/fhirpath_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <compare>
#include <cstdlib>

#include "fhir/ucum.h"

namespace tarn::fhir::internal {
namespace {

// Rough cost of keeping one text or quantity.
constexpr uint64_t kKeepBytes = 64;

__int128 PowerOfTen(int exponent) {
  __int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// coefficient / 10^drop with the remainder's sign and size told by *remainder (in units of
// 1/10^drop). Beyond 38 digits everything is remainder.
__int128 DropDigits(__int128 coefficient, int drop, __int128* remainder, __int128* unit) {
  if (drop > 37) {
    *remainder = coefficient == 0 ? 0 : (coefficient < 0 ? -1 : 1);
    *unit = 1000;  // Far less than half.
    return 0;
  }
  *unit = PowerOfTen(drop);
  *remainder = coefficient % *unit;
  return coefficient / *unit;
}

Decimal WithDigits(const Decimal& value, int digits) {
  Decimal out{value.coefficient, value.exponent};
  while (-out.exponent < digits && out.coefficient < PowerOfTen(36) &&
         out.coefficient > -PowerOfTen(36)) {
    out.coefficient *= 10;
    --out.exponent;
  }
  return out;
}

}  // namespace

bool PathArena::Keep(std::string text, std::string_view* out) {
  bytes_ += text.size() + kKeepBytes;
  if (full()) {
    *out = {};
    return false;
  }
  *out = texts_.emplace_back(std::move(text));
  return true;
}

const PathItem::QuantityValue* PathArena::Keep(const PathItem::QuantityValue& quantity) {
  bytes_ += kKeepBytes;
  return &quantities_.emplace_back(quantity);
}

void PathArena::Clear() {
  if (bytes_ == 0) return;
  bytes_ = 0;
  texts_.clear();
  quantities_.clear();
}

PathItem BooleanItem(bool value) {
  PathItem item;
  item.kind = PathKind::kBoolean;
  item.type = kTypes.system_boolean;
  item.boolean = value;
  return item;
}

PathItem IntegerItem(int64_t value) {
  PathItem item;
  item.kind = PathKind::kInteger;
  item.type = kTypes.system_integer;
  item.integer = value;
  return item;
}

PathItem TextItem(std::string_view value) {
  PathItem item;
  item.kind = PathKind::kString;
  item.type = kTypes.system_string;
  item.text = {value.data(), value.size()};
  return item;
}

namespace {

PathItem::Decimal128 Pack(__int128 value) {
  return {static_cast<uint64_t>(value), static_cast<int64_t>(value >> 64)};
}

__int128 Unpack(const PathItem::Decimal128& value) {
  return static_cast<__int128>(
      (static_cast<unsigned __int128>(static_cast<uint64_t>(value.high)) << 64) | value.low);
}

// The value with an exponent that an item can hold (-100 to 0), or nullopt.
std::optional<Decimal> Fitting(Decimal value) {
  if (value.exponent > 0) {
    value = WithDigits(value, 0);
    if (value.exponent > 0) return std::nullopt;
  }
  if (-value.exponent > kDecimalDigitsAfterPointMax) {
    value = RoundDecimal(value, kDecimalDigitsAfterPointMax);
  }
  return value;
}

}  // namespace

std::optional<PathItem> DecimalItem(const Decimal& value) {
  const auto fitting = Fitting(value);
  if (!fitting) return std::nullopt;
  PathItem item;
  item.kind = PathKind::kDecimal;
  item.type = kTypes.system_decimal;
  item.detail = static_cast<uint8_t>(-fitting->exponent);
  item.decimal = Pack(fitting->coefficient);
  return item;
}

Decimal DecimalOfItem(const PathItem& item) {
  if (item.kind == PathKind::kInteger) return {item.integer, 0};
  return {Unpack(item.decimal), -static_cast<int32_t>(item.detail)};
}

Decimal DecimalOfQuantity(const PathItem::QuantityValue& quantity) {
  return {Unpack(quantity.value), -static_cast<int32_t>(quantity.digits)};
}

std::optional<PathItem> QuantityItem(const Decimal& value, std::string_view unit, bool calendar,
                                     PathArena* arena) {
  const auto fitting = Fitting(value);
  if (!fitting) return std::nullopt;
  PathItem item;
  item.kind = PathKind::kQuantity;
  item.type = kTypes.system_quantity;
  item.quantity = arena->Keep(PathItem::QuantityValue{Pack(fitting->coefficient),
                                                      static_cast<uint8_t>(-fitting->exponent),
                                                      calendar,
                                                      {unit.data(), unit.size()}});
  return item;
}

std::string_view TextOf(const PathItem::Text& text) { return {text.data, text.bytes}; }

// ---- Decimals ----

Decimal RoundDecimal(const Decimal& value, int digits) {
  if (-value.exponent <= digits) return WithDigits(value, digits);
  __int128 remainder = 0;
  __int128 unit = 0;
  __int128 kept = DropDigits(value.coefficient, -value.exponent - digits, &remainder, &unit);
  if (remainder < 0) remainder = -remainder;
  if (remainder >= unit - remainder) kept += value.coefficient < 0 ? -1 : 1;
  return {kept, -digits};
}

Decimal FloorDecimal(const Decimal& value, int digits) {
  if (-value.exponent <= digits) return WithDigits(value, digits);
  __int128 remainder = 0;
  __int128 unit = 0;
  __int128 kept = DropDigits(value.coefficient, -value.exponent - digits, &remainder, &unit);
  if (remainder < 0) --kept;
  return {kept, -digits};
}

Decimal TruncateDecimal(const Decimal& value) {
  if (value.exponent >= 0) return WithDigits(value, 0);
  __int128 remainder = 0;
  __int128 unit = 0;
  return {DropDigits(value.coefficient, -value.exponent, &remainder, &unit), 0};
}

std::optional<int64_t> IntegerOfDecimal(const Decimal& value) {
  const Decimal whole = TruncateDecimal(value);
  if (whole.exponent != 0 || std::is_neq(Compare(whole, value))) return std::nullopt;
  if (whole.coefficient > INT64_MAX || whole.coefficient < INT64_MIN) return std::nullopt;
  return static_cast<int64_t>(whole.coefficient);
}

double DoubleOfDecimal(const Decimal& value) {
  const std::string text = DecimalText(value);
  return std::strtod(text.c_str(), nullptr);
}

std::optional<Decimal> DecimalOfDouble(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  auto parsed = ParseDecimal(std::string_view(buffer.data(), end.ptr));
  if (!parsed.ok()) return std::nullopt;
  parsed.value().exponential = false;
  return parsed.value();
}

Decimal StripZeros(const Decimal& value) {
  Decimal out{value.coefficient, value.exponent};
  while (out.exponent < 0 && out.coefficient % 10 == 0) {
    out.coefficient /= 10;
    ++out.exponent;
  }
  return out;
}

int DigitsAfterPoint(const Decimal& value) { return value.exponent < 0 ? -value.exponent : 0; }

std::string PlainDecimalText(const Decimal& value) {
  const bool negative = value.coefficient < 0;
  unsigned __int128 rest = negative ? -static_cast<unsigned __int128>(value.coefficient)
                                    : static_cast<unsigned __int128>(value.coefficient);
  std::string digits;  // Reversed.
  while (rest != 0) {
    digits += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  }
  const size_t after = static_cast<size_t>(DigitsAfterPoint(value));
  while (digits.size() < after + 1) digits += '0';
  std::reverse(digits.begin(), digits.end());
  if (value.exponent > 0) digits.append(static_cast<size_t>(value.exponent), '0');
  if (after > 0) digits.insert(digits.size() - after, 1, '.');
  return negative ? "-" + digits : digits;
}

// ---- Quantities ----

namespace {

struct KeywordRow {
  std::string_view word;
  TimeUnit unit;
};
constexpr KeywordRow kKeywords[] = {
    {"year", TimeUnit::kYear},       {"years", TimeUnit::kYear},     {"month", TimeUnit::kMonth},
    {"months", TimeUnit::kMonth},    {"week", TimeUnit::kWeek},      {"weeks", TimeUnit::kWeek},
    {"day", TimeUnit::kDay},         {"days", TimeUnit::kDay},       {"hour", TimeUnit::kHour},
    {"hours", TimeUnit::kHour},      {"minute", TimeUnit::kMinute},  {"minutes", TimeUnit::kMinute},
    {"second", TimeUnit::kSecond},   {"seconds", TimeUnit::kSecond}, {"millisecond", TimeUnit::kMs},
    {"milliseconds", TimeUnit::kMs},
};
constexpr KeywordRow kUcumTimes[] = {
    {"wk", TimeUnit::kWeek},    {"d", TimeUnit::kDay},    {"h", TimeUnit::kHour},
    {"min", TimeUnit::kMinute}, {"s", TimeUnit::kSecond}, {"ms", TimeUnit::kMs},
};
// UCUM's code of each TimeUnit.
constexpr std::string_view kUcumCodes[] = {"", "a", "mo", "wk", "d", "h", "min", "s", "ms"};

}  // namespace

TimeUnit FindTimeKeyword(std::string_view word) {
  for (const KeywordRow& row : kKeywords) {
    if (row.word == word) return row.unit;
  }
  return TimeUnit::kNone;
}

TimeUnit TimeUnitOf(const PathItem::QuantityValue& quantity) {
  const std::string_view unit = TextOf(quantity.unit);
  // 1 'month' is taken as 1 month: the quotes of a keyword change nothing in practice.
  const TimeUnit keyword = FindTimeKeyword(unit);
  if (keyword != TimeUnit::kNone || quantity.calendar) return keyword;
  for (const KeywordRow& row : kUcumTimes) {
    if (row.word == unit) return row.unit;
  }
  return TimeUnit::kNone;
}

ComparableQuantity ToComparable(const PathItem::QuantityValue& quantity, bool definite) {
  const Decimal value = DecimalOfQuantity(quantity);
  std::string_view unit = TextOf(quantity.unit);
  const TimeUnit keyword = FindTimeKeyword(unit);
  if (keyword != TimeUnit::kNone) {
    const bool month = keyword == TimeUnit::kYear || keyword == TimeUnit::kMonth;
    if (month && !definite) {
      return {keyword == TimeUnit::kYear ? Multiply(value, {12, 0}) : value, "month"};
    }
    unit = kUcumCodes[static_cast<size_t>(keyword)];
  }
  if (unit.empty() || unit == "1") return {value, "1"};
  const auto known = FindUnit(unit);
  if (!known) return {value, "?" + std::string(unit)};
  return {ToCanonical(value, *known), known->unit};
}

}  // namespace tarn::fhir::internal
