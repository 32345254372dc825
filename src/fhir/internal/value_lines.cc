#include "fhir/internal/value_lines.h"

#include "fhir/decimal.h"

namespace tarn::fhir::internal {
namespace {

std::string Text(std::string_view text) { return std::string(text); }

std::string KeyText(std::string_view key) {
  if (key == kDecimalKeyMin) return "-inf";
  if (key == kDecimalKeyMax) return "inf";
  const auto value = DecodeDecimalKey(key);
  if (!value.ok()) return "?";
  Decimal plain = value.value();
  for (; plain.exponent > 0 && plain.exponent < 30; --plain.exponent) plain.coefficient *= 10;
  std::string at;
  AppendDecimalKey(&at, plain);
  const char* edge = key < at ? "-" : key > at ? "+" : "";
  return DecimalText(plain) + edge;
}

std::string NumberText(const NumberValue& number) {
  if (number.low == number.high) return KeyText(number.low);
  return KeyText(number.low) + ".." + KeyText(number.high);
}

std::string EndText(int64_t time_us) {
  if (time_us == kTimeMin) return "-inf";
  return time_us == kTimeMax ? "inf" : TimeText(time_us);
}

struct Line {
  const IndexValues& values;

  std::string operator()(const TokenValue& v) const {
    return (v.case_sensitive ? "exact " : "token ") + Text(v.system) + "|" + Text(v.code);
  }
  std::string operator()(const TokenTextValue& v) const { return "text " + Text(v.folded); }
  std::string operator()(const TypedIdentifierValue& v) const {
    return "typed " + Text(v.type_system) + "|" + Text(v.type_code) + "|" + Text(v.key);
  }
  std::string operator()(const ReferenceValue& v) const {
    const std::string type = v.type == kNoType ? "" : Text(TypeName(v.type)) + "/";
    const std::string version = v.version.empty() ? "" : "|" + Text(v.version);
    switch (v.form) {
      case ReferenceForm::kLocal:
        return "local " + type + Text(v.id) + version;
      case ReferenceForm::kUrl:
        return "url " + type + " " + Text(v.url);
      case ReferenceForm::kCanonical:
        return "canonical " + Text(v.url) + version;
      case ReferenceForm::kContained:
        return "contained " + Text(v.id);
    }
    return "?";
  }
  std::string operator()(const ReferenceIdentifierValue& v) const {
    return "identifier " + Text(v.system) + "|" + Text(v.key);
  }
  std::string operator()(const UriValue& v) const {
    return "uri " + Text(v.uri) + (v.version.empty() ? "" : "|" + Text(v.version));
  }
  std::string operator()(const StringValue& v) const {
    return "string " + Text(v.folded) + (v.exact.empty() ? " (part)" : "");
  }
  std::string operator()(const DateValue& v) const {
    return "date " + EndText(v.range.low_us) + ".." + EndText(v.range.high_us);
  }
  std::string operator()(const NumberValue& v) const { return "number " + NumberText(v); }
  std::string operator()(const QuantityValue& v) const {
    std::string out = "quantity " + NumberText(v.value) + " " + Text(v.system) + "|" +
                      Text(v.code) + " '" + Text(v.unit) + "'";
    if (!v.canonical_unit.empty()) {
      out += " = " + NumberText(v.canonical) + " " + Text(v.canonical_unit);
    }
    return out;
  }
  std::string operator()(const PositionValue& v) const {
    return "position " + std::to_string(v.latitude) + " " + std::to_string(v.longitude);
  }
  std::string operator()(const WordValue& v) const { return "word " + Text(v.word); }
  std::string operator()(const CompositeValue& v) const {
    std::string out = "composite";
    for (const IndexValue& component : values.Components(v)) {
      out += " [" + std::to_string(component.component) + " " + ValueLine(component, values) + "]";
    }
    return out;
  }
};

}  // namespace

std::string ValueLine(const IndexValue& value, const IndexValues& values) {
  return std::visit(Line{values}, value.value);
}

std::vector<std::string> ValueLines(const IndexValues& values, std::string_view code) {
  std::vector<std::string> out;
  const auto parameter = SearchParameterSet().Find(values.type(), code);
  if (!parameter) return out;
  for (const IndexValue& value : values.Of(parameter->number)) {
    out.push_back(ValueLine(value, values));
  }
  return out;
}

}  // namespace tarn::fhir::internal
