// toX() and convertsToX().
// Spec: FHIRPath N1 "Conversion".
#include <algorithm>
#include <array>

#include "fhir/internal/fhirpath_machine.h"

namespace tarn::fhir::internal {
namespace {

std::string LowerAscii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::optional<bool> ReadBoolean(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue = {"true", "t", "yes", "y", "1", "1.0"};
  constexpr std::array<std::string_view, 6> kFalse = {"false", "f", "no", "n", "0", "0.0"};
  const std::string lower = LowerAscii(text);
  if (std::find(kTrue.begin(), kTrue.end(), lower) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), lower) != kFalse.end()) return false;
  return std::nullopt;
}

// [+-] digits [. digits]
std::optional<Decimal> ReadNumber(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('+') || digits.starts_with('-')) digits.remove_prefix(1);
  const size_t point = digits.find('.');
  const auto all_digits = [](std::string_view part) {
    return !part.empty() &&
           std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (!all_digits(digits.substr(0, point))) return std::nullopt;
  if (point != std::string_view::npos && !all_digits(digits.substr(point + 1))) {
    return std::nullopt;
  }
  const auto value = ParseDecimal(text);
  if (!value.ok()) return std::nullopt;
  return value.value();
}

std::optional<PathItem> ToBoolean(const PathItem& item) {
  std::optional<bool> value;
  if (item.kind == PathKind::kBoolean) value = item.boolean;
  if (item.kind == PathKind::kString) value = ReadBoolean(TextOf(item.text));
  if (item.kind == PathKind::kInteger || item.kind == PathKind::kDecimal) {
    const auto whole = IntegerOfDecimal(DecimalOfItem(item));
    if (whole && (*whole == 0 || *whole == 1)) value = *whole == 1;
  }
  if (!value) return std::nullopt;
  return BooleanItem(*value);
}

std::optional<PathItem> ToInteger(const PathItem& item) {
  if (item.kind == PathKind::kInteger) return item;
  if (item.kind == PathKind::kBoolean) return IntegerItem(item.boolean ? 1 : 0);
  if (item.kind != PathKind::kString) return std::nullopt;
  const std::string_view text = TextOf(item.text);
  const auto number = ReadNumber(text);
  if (!number || text.find('.') != std::string_view::npos) return std::nullopt;
  const auto whole = IntegerOfDecimal(*number);
  if (!whole) return std::nullopt;
  return IntegerItem(*whole);
}

std::optional<PathItem> ToDecimal(const PathItem& item) {
  if (item.kind == PathKind::kDecimal) return item;
  if (item.kind == PathKind::kInteger) return DecimalItem({item.integer, 0});
  if (item.kind == PathKind::kBoolean) return DecimalItem({item.boolean ? 10 : 0, -1});
  if (item.kind != PathKind::kString) return std::nullopt;
  const auto number = ReadNumber(TextOf(item.text));
  if (!number) return std::nullopt;
  return DecimalItem(*number);
}

std::optional<PathItem> ToTime(const PathItem& item, PathKind kind) {
  if (item.kind == kind) return item;
  if (item.kind == PathKind::kString) {
    std::string_view text = TextOf(item.text);
    // toDate() of a date-time's text takes the date.
    if (kind == PathKind::kDate && ParseTimeItem(text, PathKind::kDateTime)) {
      text = text.substr(0, text.find('T'));
    }
    return ParseTimeItem(text, kind);
  }
  if (kind == PathKind::kDate && item.kind == PathKind::kDateTime) {
    const std::string text = TimeItemText(item);
    return ParseTimeItem(std::string_view(text).substr(0, text.find('T')), kind);
  }
  if (kind == PathKind::kDateTime && item.kind == PathKind::kDate) {
    PathItem converted = item;
    converted.kind = kind;
    converted.type = kTypes.system_date_time;
    return converted;
  }
  return std::nullopt;
}

}  // namespace

// "5", "5.5 'mg'", "5 days"
bool Machine::ConvertQuantity(const PathItem& item, std::optional<PathItem>* out) {
  if (item.kind == PathKind::kQuantity) {
    *out = item;
    return true;
  }
  if (item.kind != PathKind::kString) {
    const auto number = ToDecimal(item);
    if (number) *out = QuantityItem(DecimalOfItem(*number), "1", false, &arena_);
    return true;
  }
  const std::string_view text = TextOf(item.text);
  const size_t end = text.find_first_not_of("+-.0123456789");
  const auto number = ReadNumber(text.substr(0, end));
  if (!number) return true;
  if (end == std::string_view::npos) {
    *out = QuantityItem(*number, "1", false, &arena_);
    return true;
  }
  std::string_view unit = text.substr(end);
  const size_t begin = unit.find_first_not_of(' ');
  if (begin == std::string_view::npos) return true;
  unit.remove_prefix(begin);
  const bool quoted = unit.size() > 2 && unit.starts_with('\'') && unit.ends_with('\'');
  if (quoted) unit = unit.substr(1, unit.size() - 2);
  // Without quotes only the calendar keywords are units, and only after a space.
  const bool keyword = !quoted && begin > 0 && FindTimeKeyword(unit) != TimeUnit::kNone;
  if (!quoted && !keyword) return true;
  *out = QuantityItem(*number, unit, keyword, &arena_);
  return true;
}

bool Machine::ConvertItem(FunctionId to, const PathItem& item, std::optional<PathItem>* out) {
  switch (to) {
    case FunctionId::kToBoolean:
      *out = ToBoolean(item);
      return true;
    case FunctionId::kToInteger:
      *out = ToInteger(item);
      return true;
    case FunctionId::kToDecimal:
      *out = ToDecimal(item);
      return true;
    case FunctionId::kToDate:
      *out = ToTime(item, PathKind::kDate);
      return true;
    case FunctionId::kToDateTime:
      *out = ToTime(item, PathKind::kDateTime);
      return true;
    case FunctionId::kToTime:
      *out = ToTime(item, PathKind::kTime);
      return true;
    case FunctionId::kToQuantity:
      return ConvertQuantity(item, out);
    default: {  // toString()
      if (item.is_node()) return true;
      const size_t top = Top();
      if (!PushText(PathItemText(item))) return false;
      *out = stack_[top];
      Pop(top);
      return Step();
    }
  }
}

bool Machine::Convert(const Call& call) {
  // Each convertsToX() stands after its toX().
  const auto place =
      static_cast<size_t>(call.op.function) - static_cast<size_t>(FunctionId::kToBoolean);
  const bool test = place % 2 == 1;
  const auto to = static_cast<FunctionId>(static_cast<size_t>(call.op.function) - (test ? 1 : 0));
  PathItem item;
  bool empty = false;
  if (!Single(call.op, call.input, &item, &empty)) return false;
  std::string_view unit;
  bool no_unit = true;
  if (ArgumentCount(call) > 0 && !TextArgument(call, 0, &unit, &no_unit)) return false;
  if (empty) return ReturnEmpty(call);
  std::optional<PathItem> converted;
  if (!ConvertItem(to, item, &converted)) return false;
  if (converted && !no_unit) {
    PathItem::QuantityValue one{
        {1, 0}, 0, FindTimeKeyword(unit) != TimeUnit::kNone, {unit.data(), unit.size()}};
    const ComparableQuantity scale = ToComparable(one, false);
    const ComparableQuantity value = ToComparable(*converted->quantity, false);
    const bool convertible = scale.unit == value.unit && scale.value.coefficient != 0;
    if (convertible) {
      converted =
          QuantityItem(StripZeros(Divide(value.value, scale.value)), unit, one.calendar, &arena_);
    } else {
      converted.reset();
    }
  }
  if (test) return Return(call, BooleanItem(converted.has_value()));
  return converted ? Return(call, *converted) : ReturnEmpty(call);
}

}  // namespace tarn::fhir::internal
