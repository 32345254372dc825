// What has an order: dates, numbers, quantities; and positions.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "fhir/date_range.h"
#include "fhir/decimal.h"
#include "fhir/internal/value_sink.h"

namespace tarn::fhir::internal {
namespace {

// ---- Dates ----

std::optional<TimeRange> RangeOf(std::string_view text) {
  auto range = ParseTimeRange(text);
  if (!range.ok()) return std::nullopt;
  return range.value();
}

// A side that is missing is open; nullopt: both are.
std::optional<TimeRange> PeriodRange(const json::Document& document, uint32_t node,
                                     ValueSink* sink) {
  const auto start = RangeOf(sink->MemberText(document, node, "start"));
  const auto end = RangeOf(sink->MemberText(document, node, "end"));
  if (!start && !end) return std::nullopt;
  TimeRange out;
  if (start) out.low_us = start->low_us;
  if (end) out.high_us = end->high_us;
  // One that ends before it starts is found by either.
  if (start && end && end->low_us < start->low_us) {
    out = {end->low_us, start->high_us};
  }
  return out;
}

void Widen(const TimeRange& range, std::optional<TimeRange>* out) {
  if (!out->has_value()) {
    *out = range;
    return;
  }
  (*out)->low_us = std::min((*out)->low_us, range.low_us);
  (*out)->high_us = std::max((*out)->high_us, range.high_us);
}

std::optional<TimeRange> TimingRange(const json::Document& document, uint32_t node,
                                     ValueSink* sink) {
  std::optional<TimeRange> out;
  const uint32_t events = document.Find(node, "event");
  for (uint32_t event = events == json::kNoNode ? events : document.FirstChild(events);
       event != json::kNoNode; event = document.NextSibling(events, event)) {
    const auto range = RangeOf(sink->Text(document, event));
    if (range) Widen(*range, &out);
  }
  const uint32_t repeat = document.Find(node, "repeat");
  const uint32_t bounds = repeat == json::kNoNode ? repeat : document.Find(repeat, "boundsPeriod");
  if (bounds != json::kNoNode) {
    const auto range = PeriodRange(document, bounds, sink);
    if (range) Widen(*range, &out);
  }
  return out;
}

// ---- Numbers ----

struct Bound {
  Decimal value;
  Edge edge = Edge::kAt;
  int infinite = 0;  // -1, 0, 1
};

struct Bounds {
  Bound low;
  Bound high;
};

std::string_view KeyOf(const Bound& bound, ValueSink* sink) {
  if (bound.infinite < 0) return kDecimalKeyMin;
  if (bound.infinite > 0) return kDecimalKeyMax;
  sink->scratch.clear();
  AppendDecimalKey(&sink->scratch, bound.value, bound.edge);
  return sink->arena->Copy(sink->scratch);
}

NumberValue KeysOf(const Bounds& bounds, ValueSink* sink) {
  NumberValue out;
  out.low = KeyOf(bounds.low, sink);
  const bool point = bounds.low.infinite == 0 && bounds.high.infinite == 0 &&
                     bounds.low.edge == bounds.high.edge &&
                     bounds.low.value.coefficient == bounds.high.value.coefficient &&
                     bounds.low.value.exponent == bounds.high.value.exponent;
  out.high = point ? out.low : KeyOf(bounds.high, sink);
  return out;
}

std::optional<Decimal> NumberOf(std::string_view text, ValueSink* sink) {
  if (text.empty()) return std::nullopt;
  auto parsed = ParseDecimal(text);
  if (parsed.ok()) return parsed.value();
  if (!sink->error) sink->error = std::move(parsed).error();
  return std::nullopt;
}

// What a comparator makes of a number: "<5" is anything below 5.
Bounds BoundsOf(const Decimal& value, std::string_view comparator) {
  const Bound at = {value};
  if (comparator == "<") return {{{}, Edge::kAt, -1}, {value, Edge::kBelow}};
  if (comparator == "<=") return {{{}, Edge::kAt, -1}, at};
  if (comparator == ">") return {{value, Edge::kAbove}, {{}, Edge::kAt, 1}};
  if (comparator == ">=") return {at, {{}, Edge::kAt, 1}};
  return {at, at};
}

// ---- Quantities ----

struct UnitTexts {
  std::string_view system, code, unit;
  friend bool operator==(const UnitTexts&, const UnitTexts&) = default;
};

UnitTexts UnitTextsOf(const json::Document& document, uint32_t node, ValueSink* sink) {
  return {sink->MemberText(document, node, "system"), sink->MemberText(document, node, "code"),
          sink->MemberText(document, node, "unit")};
}

void AddBounds(const Bounds& bounds, const UnitTexts& unit, ValueSink* sink) {
  QuantityValue out;
  out.system = unit.system;
  out.code = unit.code;
  out.unit = unit.unit;
  out.value = KeysOf(bounds, sink);
  if (unit.system == kUcumSystem && !unit.code.empty()) {
    if (const std::optional<CanonicalUnit>& canonical = sink->units->Find(unit.code)) {
      Bounds converted = bounds;
      for (Bound* bound : {&converted.low, &converted.high}) {
        if (bound->infinite == 0) bound->value = ToCanonical(bound->value, *canonical);
      }
      out.canonical_unit = canonical->unit;
      out.canonical = KeysOf(converted, sink);
    }
  }
  sink->Add(out);
}

void AddQuantityNode(const json::Document& document, uint32_t node, ValueSink* sink) {
  const auto value = NumberOf(sink->MemberText(document, node, "value"), sink);
  if (!value) return;
  const std::string_view comparator = sink->MemberText(document, node, "comparator");
  AddBounds(BoundsOf(*value, comparator), UnitTextsOf(document, node, sink), sink);
}

void AddMoney(const json::Document& document, uint32_t node, ValueSink* sink) {
  const auto value = NumberOf(sink->MemberText(document, node, "value"), sink);
  if (!value) return;
  const std::string_view currency = sink->MemberText(document, node, "currency");
  const bool known = !currency.empty();
  AddBounds(BoundsOf(*value, {}),
            {known ? "urn:iso:std:iso:4217" : std::string_view(), currency, currency}, sink);
}

struct RangeParts {
  std::optional<Decimal> low, high;
  uint32_t low_node = json::kNoNode;
  uint32_t high_node = json::kNoNode;
};

RangeParts RangePartsOf(const json::Document& document, uint32_t node, ValueSink* sink) {
  RangeParts out;
  out.low_node = document.Find(node, "low");
  out.high_node = document.Find(node, "high");
  if (out.low_node != json::kNoNode) {
    out.low = NumberOf(sink->MemberText(document, out.low_node, "value"), sink);
  }
  if (out.high_node != json::kNoNode) {
    out.high = NumberOf(sink->MemberText(document, out.high_node, "value"), sink);
  }
  return out;
}

Bounds BoundsOf(const RangeParts& range) {
  Bounds out = {{{}, Edge::kAt, -1}, {{}, Edge::kAt, 1}};
  if (range.low) out.low = {*range.low};
  if (range.high) out.high = {*range.high};
  if (range.low && range.high && IsLess(*range.high, *range.low)) {
    std::swap(out.low, out.high);
  }
  return out;
}

void AddRange(const json::Document& document, uint32_t node, ValueSink* sink) {
  const RangeParts range = RangePartsOf(document, node, sink);
  if (!range.low && !range.high) return;
  const UnitTexts low = range.low ? UnitTextsOf(document, range.low_node, sink) : UnitTexts{};
  const UnitTexts high = range.high ? UnitTextsOf(document, range.high_node, sink) : UnitTexts{};
  if (range.low && range.high && low != high) {
    AddQuantityNode(document, range.low_node, sink);
    AddQuantityNode(document, range.high_node, sink);
    return;
  }
  AddBounds(BoundsOf(range), range.low ? low : high, sink);
}

// SampledData.data: numbers of the device between spaces, or E (error), L and U (beyond a limit).
struct Samples {
  std::optional<Decimal> low, high;
  bool below = false;  // L was seen.
  bool above = false;  // U was seen.
  void Take(const Decimal& value) {
    if (!low || IsLess(value, *low)) low = value;
    if (!high || IsLess(*high, value)) high = value;
  }
};

Samples SamplesOf(std::string_view data, const Decimal& factor, const Decimal& origin) {
  Samples out;
  while (!data.empty()) {
    const size_t space = data.find(' ');
    const std::string_view text = data.substr(0, space);
    const auto sample = ParseDecimal(text);
    if (sample.ok()) out.Take(Add(origin, Multiply(sample.value(), factor)));
    out.below |= text == "L";
    out.above |= text == "U";
    data.remove_prefix(space == data.npos ? data.size() : space + 1);
  }
  return out;
}

void AddSampledData(const json::Document& document, uint32_t node, ValueSink* sink) {
  const uint32_t origin = document.Find(node, "origin");
  if (origin == json::kNoNode) return;
  const auto zero = NumberOf(sink->MemberText(document, origin, "value"), sink);
  const auto factor = NumberOf(sink->MemberText(document, node, "factor"), sink);
  Samples samples = SamplesOf(sink->MemberText(document, node, "data"),
                              factor.value_or(Decimal{1, 0}), zero.value_or(Decimal{}));
  const std::pair<bool, std::string_view> limits[] = {{samples.below, "lowerLimit"},
                                                      {samples.above, "upperLimit"}};
  for (const auto& [seen, limit] : limits) {
    const auto value = NumberOf(seen ? sink->MemberText(document, node, limit) : "", sink);
    if (value) samples.Take(*value);
  }
  if (!samples.low) return;
  AddBounds({{*samples.low}, {*samples.high}}, UnitTextsOf(document, origin, sink), sink);
}

std::optional<double> Degrees(std::string_view text, double max) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
  if (!whole || !(std::abs(value) <= max)) return std::nullopt;
  return value;
}

}  // namespace

void AddDate(const Found& found, ValueSink* sink) {
  std::optional<TimeRange> range;
  switch (found.type) {
    case DataType::kDate:
      range = RangeOf(found.text);
      break;
    case DataType::kInstant:
      range = RangeOf(found.text);
      if (range) range->high_us = range->low_us + 1;
      break;
    case DataType::kPeriod:
      range = PeriodRange(*found.document, found.node, sink);
      break;
    case DataType::kTiming:
      range = TimingRange(*found.document, found.node, sink);
      break;
    default:
      break;
  }
  if (range) sink->Add(DateValue{*range});
}

void AddNumber(const Found& found, ValueSink* sink) {
  if (found.type == DataType::kNumber) {
    const auto value = NumberOf(found.text, sink);
    if (value) sink->Add(KeysOf({{*value}, {*value}}, sink));
  } else if (found.type == DataType::kQuantity) {
    const auto value = NumberOf(sink->MemberText(*found.document, found.node, "value"), sink);
    if (value) sink->Add(KeysOf({{*value}, {*value}}, sink));
  } else if (found.type == DataType::kRange) {
    const RangeParts range = RangePartsOf(*found.document, found.node, sink);
    if (range.low || range.high) sink->Add(KeysOf(BoundsOf(range), sink));
  }
}

void AddQuantity(const Found& found, ValueSink* sink) {
  switch (found.type) {
    case DataType::kQuantity:
      return AddQuantityNode(*found.document, found.node, sink);
    case DataType::kMoney:
      return AddMoney(*found.document, found.node, sink);
    case DataType::kRange:
      return AddRange(*found.document, found.node, sink);
    case DataType::kSampledData:
      return AddSampledData(*found.document, found.node, sink);
    case DataType::kNumber: {
      const auto value = NumberOf(found.text, sink);
      if (value) AddBounds({{*value}, {*value}}, {}, sink);
      return;
    }
    default:
      return;
  }
}

void AddPosition(const Found& found, ValueSink* sink) {
  if (found.type != DataType::kPosition) return;
  const json::Document& document = *found.document;
  const auto latitude = Degrees(sink->MemberText(document, found.node, "latitude"), 90);
  const auto longitude = Degrees(sink->MemberText(document, found.node, "longitude"), 180);
  if (latitude && longitude) sink->Add(PositionValue{*latitude, *longitude});
}

}  // namespace tarn::fhir::internal
