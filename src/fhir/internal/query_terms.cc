// One value of a query, by the type of its parameter.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "fhir/internal/query_parser.h"
#include "fhir/internal/value_sink.h"
#include "fhir/text_fold.h"
#include "fhir/ucum.h"

namespace tarn::fhir::internal {
namespace {

constexpr std::string_view kPrefixes[] = {"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"};
constexpr double kNearDefaultMetres = 10'000;

// "gt2012" is a prefix and a value; "2012" is eq.
Result<Prefix> TakePrefix(std::string_view* text, const SearchContext& context) {
  const bool letter = !text->empty() && (*text)[0] >= 'a' && (*text)[0] <= 'z';
  if (!letter) return Prefix::kEq;
  for (size_t i = 0; i < std::size(kPrefixes); ++i) {
    if (!text->starts_with(kPrefixes[i])) continue;
    const auto prefix = static_cast<Prefix>(i);
    if (prefix == Prefix::kAp && context.compatibility == Compatibility::kHealthLake) {
      return Error{ErrorKind::kUnsupported,
                   "the prefix ap is not supported here; eq, ne, gt, lt, ge, le, sa, eb are"};
    }
    text->remove_prefix(2);
    return prefix;
  }
  return Invalid("the prefix is none of eq, ne, gt, lt, ge, le, sa, eb, ap");
}

Result<DateTerm> ParseDate(std::string_view text, const TermRules& rules) {
  DateTerm out;
  TRY(out.prefix, TakePrefix(&text, *rules.context));
  auto range = ParseTimeRange(text);
  if (!range.ok()) {
    return Invalid(range.error().detail + "; expected [prefix]yyyy[-mm[-dd[Thh:mm[:ss][zone]]]]");
  }
  out.range = range.value();
  if (out.prefix == Prefix::kAp) {
    const int64_t gap = std::abs(rules.context->now_us - out.range.low_us) / 10;
    out.range.low_us -= gap;
    out.range.high_us += gap;
  }
  return out;
}

struct NumberBounds {
  Prefix prefix = Prefix::kEq;
  DecimalRange range;  // Of eq, ne and ap half-open, else the number twice.
  bool half_open = false;
};

Decimal Min(const Decimal& a, const Decimal& b) { return IsLess(a, b) ? a : b; }
Decimal Max(const Decimal& a, const Decimal& b) { return IsLess(a, b) ? b : a; }

Result<NumberBounds> ParseBounds(std::string_view text, const SearchContext& context) {
  NumberBounds out;
  TRY(out.prefix, TakePrefix(&text, context));
  TRY(const Decimal value, ParseDecimal(text));
  out.range = {value, value};
  const bool implied = out.prefix == Prefix::kEq || out.prefix == Prefix::kNe;
  if (implied || out.prefix == Prefix::kAp) {
    out.range = ImpliedRange(value);
    out.half_open = true;
  }
  if (out.prefix == Prefix::kAp) {
    const Decimal low = Multiply(value, {9, -1});
    const Decimal high = Multiply(value, {11, -1});
    out.range.low = Min(out.range.low, Min(low, high));
    out.range.high = Max(out.range.high, Max(low, high));
  }
  return out;
}

NumberTerm KeysOf(const NumberBounds& bounds) {
  NumberTerm out;
  out.prefix = bounds.prefix;
  AppendDecimalKey(&out.low, bounds.range.low);
  AppendDecimalKey(&out.high, bounds.range.high, bounds.half_open ? Edge::kBelow : Edge::kAt);
  return out;
}

Result<QuantityTerm> ParseQuantity(std::string_view text, const TermRules& rules) {
  const std::vector<std::string_view> pieces = SplitEscaped(text, '|');
  if (pieces.size() != 1 && pieces.size() != 3) {
    return Invalid("expected [prefix]number or [prefix]number|system|code");
  }
  QuantityTerm out;
  TRY(const NumberBounds bounds, ParseBounds(pieces[0], *rules.context));
  out.number = KeysOf(bounds);
  if (pieces.size() == 1) return out;
  TRY(out.system, UnescapeTerm(pieces[1]));
  TRY(out.code, UnescapeTerm(pieces[2]));
  out.match = out.system.empty() ? SystemMatch::kAny : SystemMatch::kThis;
  if (out.system != kUcumSystem) return out;
  const std::optional<CanonicalUnit> unit = FindUnit(out.code);
  if (!unit) return out;
  NumberBounds canonical = bounds;
  canonical.range.low = ToCanonical(bounds.range.low, *unit);
  canonical.range.high = ToCanonical(bounds.range.high, *unit);
  out.canonical_unit = unit->unit;
  out.canonical = KeysOf(canonical);
  return out;
}

Result<TokenTerm> ParseToken(std::string_view text) {
  const std::vector<std::string_view> pieces = SplitEscaped(text, '|');
  if (pieces.size() > 2) return Invalid("expected code, system|code, |code or system|");
  TokenTerm out;
  TRY(out.code, UnescapeTerm(pieces.back()));
  if (pieces.size() == 2) {
    TRY(out.system, UnescapeTerm(pieces[0]));
    out.match = out.system.empty() ? SystemMatch::kNone : SystemMatch::kThis;
  }
  if (out.code.empty() && out.system.empty()) {
    return Invalid("expected code, system|code, |code or system|");
  }
  AppendCaseFolded(&out.key, out.code);
  return out;
}

Result<OfTypeTerm> ParseOfType(std::string_view text) {
  const std::vector<std::string_view> pieces = SplitEscaped(text, '|');
  if (pieces.size() != 3) return Invalid("expected system|code|value");
  OfTypeTerm out;
  TRY(out.type_system, UnescapeTerm(pieces[0]));
  TRY(out.type_code, UnescapeTerm(pieces[1]));
  TRY(const std::string value, UnescapeTerm(pieces[2]));
  if (out.type_code.empty() || value.empty()) return Invalid("expected system|code|value");
  AppendCaseFolded(&out.key, value);
  return out;
}

Result<StringTerm> ParseString(std::string_view text, Modifier modifier) {
  StringTerm out;
  TRY(out.exact, UnescapeTerm(text));
  AppendFolded(&out.folded, out.exact);
  if (out.folded.empty() && modifier != Modifier::kExact) {
    return Invalid("expected a text with at least one letter or digit");
  }
  return out;
}

Result<UriTerm> ParseUri(std::string_view text) {
  const std::vector<std::string_view> pieces = SplitEscaped(text, '|');
  if (pieces.size() > 2) return Invalid("expected uri or uri|version");
  UriTerm out;
  TRY(out.uri, UnescapeTerm(pieces[0]));
  if (pieces.size() == 2) {
    TRY(out.version, UnescapeTerm(pieces[1]));
  }
  if (out.uri.empty()) return Invalid("expected uri or uri|version");
  return out;
}

Result<ReferenceTerm> ParseReferenceTerm(const ParameterInfo& parameter, TypeId only_type,
                                         std::string_view text, const TermRules& rules) {
  constexpr std::string_view kExpected = "expected id, Type/id, an absolute URL or url|version";
  TRY(const UriTerm uri, ParseUri(text));
  ReferenceTerm out;
  out.version = uri.version;
  const ReferenceValue value = ParseReference(uri.uri, *rules.base_urls, rules.context->own_path);
  if (value.form == ReferenceForm::kLocal) {
    out.types = {value.type};
    out.id = value.id;
    out.version = value.version;
    if (only_type != kNoType && value.type != only_type) {
      return Invalid("the type of the value is not that of the modifier");
    }
    return out;
  }
  if (value.form == ReferenceForm::kContained) return Invalid(std::string(kExpected));
  if (uri.version.empty() && IsValidId(uri.uri)) {
    out.id = uri.uri;
    if (only_type != kNoType) {
      out.types = {only_type};
    } else {
      out.types.assign(parameter.targets.begin(), parameter.targets.end());
    }
    return out;
  }
  if (uri.uri.find(':') == std::string::npos) return Invalid(std::string(kExpected));
  out.form = uri.version.empty() ? ReferenceForm::kUrl : ReferenceForm::kCanonical;
  out.url = uri.uri;
  return out;
}

Result<double> ParseDegrees(std::string_view text, double max) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
  if (!whole || !(std::abs(value) <= max)) {
    return Invalid("expected latitude|longitude[|distance[|unit]] in degrees");
  }
  return value;
}

Result<NearTerm> ParseNear(std::string_view text) {
  const std::vector<std::string_view> pieces = SplitEscaped(text, '|');
  if (pieces.size() < 2 || pieces.size() > 4) {
    return Invalid("expected latitude|longitude[|distance[|unit]]");
  }
  NearTerm out;
  TRY(out.latitude, ParseDegrees(pieces[0], 90));
  TRY(out.longitude, ParseDegrees(pieces[1], 180));
  out.distance_m = kNearDefaultMetres;
  if (pieces.size() < 3 || pieces[2].empty()) return out;
  TRY(const Decimal distance, ParseDecimal(pieces[2]));
  // Kilometres when no unit is given (R4, Location, note on near).
  const std::string_view code = pieces.size() == 4 && !pieces[3].empty() ? pieces[3] : "km";
  const std::optional<CanonicalUnit> unit = FindUnit(code);
  if (!unit || unit->unit != "m") return Invalid("expected a UCUM unit of length, as km or [mi_i]");
  out.distance_m = std::strtod(DecimalText(ToCanonical(distance, *unit)).c_str(), nullptr);
  if (!(out.distance_m >= 0 && out.distance_m <= 1e9)) {
    return Invalid("expected a distance from 0 to a million kilometres");
  }
  return out;
}

Result<CompositeTerm> ParseComposite(const ParameterInfo& parameter, std::string_view text,
                                     const TermRules& rules) {
  const std::vector<std::string_view> pieces = SplitEscaped(text, '$');
  if (pieces.size() != parameter.components.size()) {
    return Invalid("expected " + std::to_string(parameter.components.size()) +
                   " values joined by $");
  }
  CompositeTerm out;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto component = rules.context->parameters->Find(parameter.components[i].parameter);
    if (!component) return Internal("a composite's component is not known");
    TRY(QueryTerm term, ParseTerm(*component, Modifier::kNone, kNoType, pieces[i], rules));
    out.components.push_back(std::move(term));
  }
  return out;
}

template <typename Term>
Result<QueryTerm> AsTerm(Result<Term> term, std::string_view text) {
  if (!term.ok()) return std::move(term).error();
  QueryTerm out;
  out.value = std::move(term).value();
  out.text = text;
  return out;
}

Result<NumberTerm> ParseNumber(std::string_view text, const TermRules& rules) {
  TRY(const NumberBounds bounds, ParseBounds(text, *rules.context));
  return KeysOf(bounds);
}

}  // namespace

Result<QueryTerm> ParseTerm(const ParameterInfo& parameter, Modifier modifier, TypeId only_type,
                            std::string_view text, const TermRules& rules) {
  if (text.empty()) return Invalid("a value is missing");
  switch (modifier) {
    case Modifier::kText:
      return AsTerm(ParseString(text, modifier), text);
    case Modifier::kIn:
    case Modifier::kNotIn:
      return AsTerm(ParseUri(text), text);
    case Modifier::kOfType:
      return AsTerm(ParseOfType(text), text);
    case Modifier::kIdentifier:
      return AsTerm(ParseToken(text), text);
    default:
      break;
  }
  switch (parameter.type) {
    case SearchType::kNumber:
      return AsTerm(ParseNumber(text, rules), text);
    case SearchType::kDate:
      return AsTerm(ParseDate(text, rules), text);
    case SearchType::kString:
      return AsTerm(ParseString(text, modifier), text);
    case SearchType::kToken:
      return AsTerm(ParseToken(text), text);
    case SearchType::kReference:
      return AsTerm(ParseReferenceTerm(parameter, only_type, text, rules), text);
    case SearchType::kComposite:
      return AsTerm(ParseComposite(parameter, text, rules), text);
    case SearchType::kQuantity:
      return AsTerm(ParseQuantity(text, rules), text);
    case SearchType::kUri:
      return AsTerm(ParseUri(text), text);
    case SearchType::kSpecial:
      break;
  }
  if (parameter.code == "near") {
    return AsTerm(ParseNear(text), text);
  }
  return Error{ErrorKind::kUnsupported, "this special parameter is not supported"};
}

}  // namespace tarn::fhir::internal
