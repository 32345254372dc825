// + - * / div mod on numbers, texts, quantities and times.
// Spec: FHIRPath N1 "Math", "Date/Time Arithmetic". Overflow and division by zero give nothing.
#include "fhir/internal/fhirpath_machine.h"
#include "fhir/ucum.h"

namespace tarn::fhir::internal {
namespace {

// Quotients are rounded to so many digits after the point; the specification asks for eight.
constexpr int kQuotientDigits = 16;
constexpr int kSumDigitsMax = 28;

bool IsNumber(const PathItem& item) {
  return item.kind == PathKind::kInteger || item.kind == PathKind::kDecimal;
}

bool IsZero(const Decimal& value) { return value.coefficient == 0; }

Decimal Quotient(const Decimal& a, const Decimal& b) {
  Decimal quotient = Divide(a, b);
  if (DigitsAfterPoint(quotient) > kQuotientDigits) {
    quotient = RoundDecimal(quotient, kQuotientDigits);
  }
  return StripZeros(quotient);
}

std::optional<Decimal> CalculateDecimal(PathOperator op, const Decimal& a, const Decimal& b) {
  switch (op) {
    case PathOperator::kAdd:
      return Add(a, b);
    case PathOperator::kSubtract:
      return Subtract(a, b);
    case PathOperator::kMultiply: {
      const Decimal product = Multiply(a, b);
      if (DigitsAfterPoint(product) <= kSumDigitsMax) return product;
      return RoundDecimal(product, kSumDigitsMax);
    }
    case PathOperator::kDivide:
      if (IsZero(b)) return std::nullopt;
      return Quotient(a, b);
    case PathOperator::kDiv:
      if (IsZero(b)) return std::nullopt;
      return TruncateDecimal(Divide(a, b));
    default:  // mod
      if (IsZero(b)) return std::nullopt;
      return Subtract(a, Multiply(TruncateDecimal(Divide(a, b)), b));
  }
}

bool CalculateIntegers(PathOperator op, int64_t a, int64_t b, std::optional<PathItem>* out) {
  int64_t value = 0;
  switch (op) {
    case PathOperator::kAdd:
      if (!__builtin_add_overflow(a, b, &value)) *out = IntegerItem(value);
      return true;
    case PathOperator::kSubtract:
      if (!__builtin_sub_overflow(a, b, &value)) *out = IntegerItem(value);
      return true;
    case PathOperator::kMultiply:
      if (!__builtin_mul_overflow(a, b, &value)) *out = IntegerItem(value);
      return true;
    case PathOperator::kDiv:
    case PathOperator::kMod: {
      const bool overflows = a == INT64_MIN && b == -1;
      if (b == 0 || overflows) return true;
      *out = IntegerItem(op == PathOperator::kDiv ? a / b : a % b);
      return true;
    }
    default:
      return false;  // '/' always gives a decimal.
  }
}

}  // namespace

bool Machine::Calculate(const Op& op, const PathItem& a, const PathItem& b,
                        std::optional<PathItem>* out) {
  if (a.kind == PathKind::kString && b.kind == PathKind::kString && op.op == PathOperator::kAdd) {
    const size_t top = Top();
    if (!PushText(std::string(TextOf(a.text)) + std::string(TextOf(b.text)))) return false;
    *out = stack_.back();
    Pop(top);
    return true;
  }
  const bool time =
      a.kind == PathKind::kDate || a.kind == PathKind::kDateTime || a.kind == PathKind::kTime;
  if (time && b.kind == PathKind::kQuantity) return CalculateTime(op, a, b, out);
  if (a.kind == PathKind::kQuantity || b.kind == PathKind::kQuantity) {
    return CalculateQuantity(op, a, b, out);
  }
  if (!IsNumber(a) || !IsNumber(b)) {
    return Fail(op, "operator '" + std::string(PathOperatorText(op.op)) +
                        "' cannot be applied to " + PathItemTypeName(a) + " and " +
                        PathItemTypeName(b));
  }
  const bool integers = a.kind == PathKind::kInteger && b.kind == PathKind::kInteger;
  if (integers && CalculateIntegers(op.op, a.integer, b.integer, out)) return true;
  const auto value = CalculateDecimal(op.op, DecimalOfItem(a), DecimalOfItem(b));
  if (!value) return true;
  if (op.op == PathOperator::kDiv) {
    if (const auto whole = IntegerOfDecimal(*value)) *out = IntegerItem(*whole);
  } else {
    *out = DecimalItem(*value);
  }
  return true;
}

bool Machine::CalculateTime(const Op& op, const PathItem& a, const PathItem& b,
                            std::optional<PathItem>* out) {
  const bool add = op.op == PathOperator::kAdd;
  if (!add && op.op != PathOperator::kSubtract) {
    return Fail(op, "only '+' and '-' go with dates and times");
  }
  const TimeUnit unit = TimeUnitOf(*b.quantity);
  if (unit == TimeUnit::kNone) {
    return Fail(op,
                "a date or time moves by calendar units (1 year, 2 days) or UCUM's wk, d, h, "
                "min, s and ms, not by '" +
                    std::string(TextOf(b.quantity->unit)) + "'");
  }
  const bool of_date = unit == TimeUnit::kYear || unit == TimeUnit::kMonth ||
                       unit == TimeUnit::kWeek || unit == TimeUnit::kDay;
  if (a.kind == PathKind::kTime && of_date) return Fail(op, "a Time has no days, months or years");
  *out = AddTime(a, DecimalOfQuantity(*b.quantity), unit, add ? 1 : -1);
  return true;
}

namespace {

// "(a).(b)" and "(a)/(b)", as UCUM writes products and quotients.
std::string JoinUnits(PathOperator op, std::string_view a, std::string_view b) {
  const bool quotient = op == PathOperator::kDivide;
  if (b == "1") return std::string(a);
  if (quotient && a == b) return "1";
  if (a == "1" && !quotient) return std::string(b);
  return "(" + std::string(a) + ")" + (quotient ? "/" : ".") + "(" + std::string(b) + ")";
}

// The unit with a keyword as UCUM's code, when it has one.
std::string_view UcumUnit(const PathItem::QuantityValue& quantity) {
  constexpr std::string_view kCodes[] = {"", "a", "mo", "wk", "d", "h", "min", "s", "ms"};
  const TimeUnit keyword = FindTimeKeyword(TextOf(quantity.unit));
  if (keyword != TimeUnit::kNone) return kCodes[static_cast<size_t>(keyword)];
  return TextOf(quantity.unit);
}

}  // namespace

bool Machine::CalculateQuantity(const Op& op, PathItem a, PathItem b,
                                std::optional<PathItem>* out) {
  for (PathItem* each : {&a, &b}) {
    if (!IsNumber(*each)) continue;
    if (const auto quantity = QuantityItem(DecimalOfItem(*each), "1", false, &arena_)) {
      *each = *quantity;
    }
  }
  if (a.kind != PathKind::kQuantity || b.kind != PathKind::kQuantity) {
    return Fail(op, "operator '" + std::string(PathOperatorText(op.op)) +
                        "' cannot be applied to " + PathItemTypeName(a) + " and " +
                        PathItemTypeName(b));
  }
  const Decimal left = DecimalOfQuantity(*a.quantity);
  Decimal right = DecimalOfQuantity(*b.quantity);
  if (op.op == PathOperator::kMultiply || op.op == PathOperator::kDivide) {
    const auto value = CalculateDecimal(op.op, left, right);
    if (!value) return true;
    const size_t top = Top();
    if (!PushText(JoinUnits(op.op, UcumUnit(*a.quantity), UcumUnit(*b.quantity)))) return false;
    const std::string_view unit = TextOf(stack_.back().text);
    Pop(top);
    *out = QuantityItem(*value, unit, false, &arena_);
    return true;
  }
  if (op.op != PathOperator::kAdd && op.op != PathOperator::kSubtract) {
    return Fail(op, "quantities have no 'div' and 'mod'");
  }
  const std::string_view unit = TextOf(a.quantity->unit);
  if (unit != TextOf(b.quantity->unit)) {
    // The right side in the unit of the left: through the canonical unit of both.
    const ComparableQuantity other = ToComparable(*b.quantity, false);
    PathItem::QuantityValue one = *a.quantity;
    one.value = {1, 0};
    one.digits = 0;
    const ComparableQuantity scale = ToComparable(one, false);
    if (other.unit != scale.unit || IsZero(scale.value)) return true;
    right = Quotient(other.value, scale.value);
  }
  const auto value = CalculateDecimal(op.op, left, right);
  if (value) *out = QuantityItem(*value, unit, a.quantity->calendar, &arena_);
  return true;
}

}  // namespace tarn::fhir::internal
