// Functions on numbers, and the boundaries and precision of numbers and times.
// Spec: FHIRPath N1 "Math"; lowBoundary, highBoundary, precision, comparable: the draft after it.
#include <array>
#include <cmath>

#include "fhir/internal/fhirpath_machine.h"

namespace tarn::fhir::internal {
namespace {

constexpr int kBoundaryDigits = 8;      // Of a decimal, when no precision is given.
constexpr int kBoundaryDigitsMax = 28;  // Beyond: nothing.

bool IsNumber(const PathItem& item) {
  return item.kind == PathKind::kInteger || item.kind == PathKind::kDecimal;
}

// precision() of dates (4, 6, 8), date-times (to 17) and times (2, 4, 6, 9), by TimePrecision.
constexpr std::array<int, 8> kTimePrecisions = {0, 4, 6, 8, 10, 12, 14, 17};
constexpr int kDateDigits = 8;  // Of these digits, what a time of day has not.

}  // namespace

bool Machine::Absolute(const Call& call) {
  PathItem item;
  bool empty = false;
  if (!Single(call.op, call.input, &item, &empty)) return false;
  if (empty) return ReturnEmpty(call);
  if (item.kind == PathKind::kInteger) {
    if (item.integer == INT64_MIN) return ReturnEmpty(call);
    return Return(call, IntegerItem(item.integer < 0 ? -item.integer : item.integer));
  }
  std::optional<PathItem> result;
  if (item.kind == PathKind::kDecimal) {
    Decimal value = DecimalOfItem(item);
    if (value.coefficient < 0) value.coefficient = -value.coefficient;
    result = DecimalItem(value);
  } else if (item.kind == PathKind::kQuantity) {
    Decimal value = DecimalOfQuantity(*item.quantity);
    if (value.coefficient < 0) value.coefficient = -value.coefficient;
    result = QuantityItem(value, TextOf(item.quantity->unit), item.quantity->calendar, &arena_);
  } else {
    return Fail(call.op, "a number or quantity is expected here");
  }
  return result ? Return(call, *result) : ReturnEmpty(call);
}

bool Machine::Whole(const Call& call) {
  PathItem item;
  bool empty = false;
  if (!Single(call.op, call.input, &item, &empty)) return false;
  if (empty) return ReturnEmpty(call);
  if (!IsNumber(item)) return Fail(call.op, "a number is expected here");
  Decimal value = DecimalOfItem(item);
  switch (call.op.function) {
    case FunctionId::kFloor:
      value = FloorDecimal(value, 0);
      break;
    case FunctionId::kCeiling:
      value.coefficient = -value.coefficient;
      value = FloorDecimal(value, 0);
      value.coefficient = -value.coefficient;
      break;
    default:
      value = TruncateDecimal(value);
      break;
  }
  const auto whole = IntegerOfDecimal(value);
  return whole ? Return(call, IntegerItem(*whole)) : ReturnEmpty(call);
}

bool Machine::SingleWithDigits(const Call& call, PathItem* item, bool* empty, int64_t* digits,
                               bool* digits_empty) {
  if (!Single(call.op, call.input, item, empty)) return false;
  if (ArgumentCount(call) == 0) return true;
  Range range;
  return Argument(call, 0, &range) && SingleInteger(call.op, range, digits, digits_empty);
}

bool Machine::Round(const Call& call) {
  PathItem item;
  bool empty = false;
  int64_t digits = 0;
  bool digits_empty = true;
  if (!SingleWithDigits(call, &item, &empty, &digits, &digits_empty)) return false;
  if (empty) return ReturnEmpty(call);
  if (!IsNumber(item)) return Fail(call.op, "a number is expected here");
  if (digits < 0) return Fail(call.op, "the precision must not be negative");
  const Decimal value = DecimalOfItem(item);
  const bool longer = digits >= DigitsAfterPoint(value);
  const auto rounded = DecimalItem(longer ? value : RoundDecimal(value, static_cast<int>(digits)));
  return rounded ? Return(call, *rounded) : ReturnEmpty(call);
}

bool Machine::Real(const Call& call) {
  PathItem item;
  PathItem argument;
  bool empty = false;
  bool argument_empty = false;
  if (!Single(call.op, call.input, &item, &empty)) return false;
  if (ArgumentCount(call) > 0) {
    Range range;
    if (!Argument(call, 0, &range)) return false;
    if (!Single(call.op, range, &argument, &argument_empty)) return false;
    if (!argument_empty && !IsNumber(argument)) {
      return Fail(call.op, "a number is expected here");
    }
  }
  if (empty || argument_empty) return ReturnEmpty(call);
  if (!IsNumber(item)) return Fail(call.op, "a number is expected here");
  const double x = DoubleOfDecimal(DecimalOfItem(item));
  double result = 0;
  switch (call.op.function) {
    case FunctionId::kExp:
      result = std::exp(x);
      break;
    case FunctionId::kLn:
      result = std::log(x);
      break;
    case FunctionId::kSqrt:
      result = std::sqrt(x);
      break;
    default:
      result = std::log(x) / std::log(DoubleOfDecimal(DecimalOfItem(argument)));
      // Quotients of logarithms miss whole results by a few bits.
      if (std::fabs(result - std::round(result)) < 1e-12) result = std::round(result);
      break;
  }
  const auto decimal = DecimalOfDouble(result);
  const auto value = decimal ? DecimalItem(*decimal) : std::nullopt;
  return value ? Return(call, *value) : ReturnEmpty(call);
}

bool Machine::Power(const Call& call) {
  PathItem item;
  PathItem exponent;
  bool empty = false;
  bool exponent_empty = false;
  Range range;
  if (!Single(call.op, call.input, &item, &empty)) return false;
  if (!Argument(call, 0, &range)) return false;
  if (!Single(call.op, range, &exponent, &exponent_empty)) return false;
  if (empty || exponent_empty) return ReturnEmpty(call);
  if (!IsNumber(item) || !IsNumber(exponent)) return Fail(call.op, "a number is expected here");
  const bool integers = item.kind == PathKind::kInteger && exponent.kind == PathKind::kInteger;
  if (integers && exponent.integer >= 0) {
    int64_t result = 1;
    bool overflow = false;
    // 0, 1 and -1 aside, 63 factors overflow; those need no more than the exponent's last bit.
    const bool unit = item.integer >= -1 && item.integer <= 1;
    const int64_t times =
        unit && exponent.integer > 1 ? 2 - exponent.integer % 2 : exponent.integer;
    for (int64_t i = 0; i < times && !overflow; ++i) {
      overflow = __builtin_mul_overflow(result, item.integer, &result);
    }
    return overflow ? ReturnEmpty(call) : Return(call, IntegerItem(result));
  }
  const double result =
      std::pow(DoubleOfDecimal(DecimalOfItem(item)), DoubleOfDecimal(DecimalOfItem(exponent)));
  const auto decimal = DecimalOfDouble(result);
  const auto value = decimal ? DecimalItem(*decimal) : std::nullopt;
  return value ? Return(call, *value) : ReturnEmpty(call);
}

namespace {

// The lowest or highest number that rounds to `value`, with `digits` after the point.
Decimal BoundaryOf(const Decimal& value, bool high, int digits) {
  const Decimal plain{value.coefficient, value.exponent};
  const int own = DigitsAfterPoint(plain);
  const Decimal half{high ? 5 : -5, -own - 1};
  const Decimal edge = Add(plain, half);
  if (!high) return FloorDecimal(edge, digits);
  return RoundDecimal(edge, digits);
}

// An item of `precision` digits whose missing parts are the lowest or highest possible.
std::optional<PathItem> TimeBoundary(const PathItem& item, bool high, int64_t digits) {
  const int offset = item.kind == PathKind::kTime ? kDateDigits : 0;
  uint8_t wanted = 0;
  for (uint8_t p = kYear; p <= kMillisecond; ++p) {
    if (kTimePrecisions[p] - offset == digits) wanted = p;
  }
  if (wanted == 0 || (offset > 0 && wanted < kHour)) return std::nullopt;
  if (item.kind == PathKind::kDate && wanted > kDay) return std::nullopt;
  PathItem edge = item;
  if (high && item.detail < kMillisecond) {
    // One unit later, less a millisecond.
    constexpr std::array<TimeUnit, 7> kUnits = {
        TimeUnit::kNone, TimeUnit::kYear,   TimeUnit::kMonth, TimeUnit::kDay,
        TimeUnit::kHour, TimeUnit::kMinute, TimeUnit::kSecond};
    const auto next = AddTime(item, {1, 0}, kUnits[item.detail], 1);
    if (!next) return std::nullopt;
    edge.instant.local_us = next->instant.local_us;
    if (item.kind == PathKind::kTime && edge.instant.local_us == 0) {
      edge.instant.local_us = int64_t{24} * 3600 * 1'000'000;
    }
    edge.instant.local_us -= 1000;
  }
  edge.detail = wanted;
  const bool needs_zone = item.kind == PathKind::kDateTime && wanted >= kHour;
  if (needs_zone && !item.instant.has_zone) {
    // The first zone of the world to get there, or the last one.
    edge.instant.has_zone = true;
    edge.instant.zone_minutes = static_cast<int16_t>(high ? -12 * 60 : 14 * 60);
  }
  return edge;
}

}  // namespace

bool Machine::Boundary(const Call& call) {
  PathItem item;
  bool empty = false;
  int64_t digits = 0;
  bool digits_empty = true;
  if (!SingleWithDigits(call, &item, &empty, &digits, &digits_empty)) return false;
  if (empty) return ReturnEmpty(call);
  const bool high = call.op.function == FunctionId::kHighBoundary;
  const bool number = IsNumber(item) || item.kind == PathKind::kQuantity;
  if (number) {
    if (digits_empty) digits = kBoundaryDigits;
    if (digits < 0 || digits > kBoundaryDigitsMax) return ReturnEmpty(call);
    const int places = static_cast<int>(digits);
    std::optional<PathItem> edge;
    if (item.kind == PathKind::kQuantity) {
      edge = QuantityItem(BoundaryOf(DecimalOfQuantity(*item.quantity), high, places),
                          TextOf(item.quantity->unit), item.quantity->calendar, &arena_);
    } else {
      edge = DecimalItem(BoundaryOf(DecimalOfItem(item), high, places));
    }
    return edge ? Return(call, *edge) : ReturnEmpty(call);
  }
  const bool time = item.kind == PathKind::kDate || item.kind == PathKind::kDateTime ||
                    item.kind == PathKind::kTime;
  if (!time) return Fail(call.op, "numbers, quantities, dates and times have boundaries");
  if (digits_empty) {
    digits = item.kind == PathKind::kDate ? 8 : (item.kind == PathKind::kTime ? 9 : 17);
  }
  const auto edge = TimeBoundary(item, high, digits);
  return edge ? Return(call, *edge) : ReturnEmpty(call);
}

bool Machine::Precision(const Call& call) {
  PathItem item;
  bool empty = false;
  if (!Single(call.op, call.input, &item, &empty)) return false;
  if (empty) return ReturnEmpty(call);
  switch (item.kind) {
    case PathKind::kInteger:
      return Return(call, IntegerItem(0));
    case PathKind::kDecimal:
      return Return(call, IntegerItem(DigitsAfterPoint(DecimalOfItem(item))));
    case PathKind::kDate:
    case PathKind::kDateTime:
      return Return(call, IntegerItem(kTimePrecisions[item.detail]));
    case PathKind::kTime:
      return Return(call, IntegerItem(kTimePrecisions[item.detail] - kDateDigits));
    default:
      return Fail(call.op, "numbers, dates and times have a precision");
  }
}

bool Machine::Comparable(const Call& call) {
  PathItem item;
  PathItem other;
  bool empty = false;
  bool other_empty = false;
  Range range;
  if (!Single(call.op, call.input, &item, &empty)) return false;
  if (!Argument(call, 0, &range)) return false;
  if (!Single(call.op, range, &other, &other_empty)) return false;
  if (empty || other_empty) return ReturnEmpty(call);
  if (item.kind != PathKind::kQuantity || other.kind != PathKind::kQuantity) {
    return Fail(call.op, "comparable() takes quantities");
  }
  const bool same =
      ToComparable(*item.quantity, false).unit == ToComparable(*other.quantity, false).unit;
  return Return(call, BooleanItem(same));
}

}  // namespace tarn::fhir::internal
