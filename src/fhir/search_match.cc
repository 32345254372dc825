// The meaning of each comparison, one function a type, from the tables of search_query.h. Nothing
// here is clever: the index is compared with it.
#include "fhir/search_match.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace tarn::fhir {
namespace {

Error Unsupported(const Criterion& criterion, std::string_view what) {
  return {ErrorKind::kUnsupported, criterion.code + ": " + std::string(what)};
}

// ---- Tokens ----

bool SystemMatches(SystemMatch match, std::string_view asked, std::string_view system) {
  switch (match) {
    case SystemMatch::kAny:
      return true;
    case SystemMatch::kNone:
      return system.empty();
    case SystemMatch::kThis:
      return system == asked;
  }
  return false;
}

bool CodeMatches(const TokenTerm& term, const TokenValue& token) {
  if (term.code.empty()) return true;
  return token.case_sensitive ? token.code == term.code : token.key == term.key;
}

bool TokenMatches(const TokenTerm& term, const TokenValue& token) {
  return SystemMatches(term.match, term.system, token.system) && CodeMatches(term, token);
}

// "text/xml" below: itself and "text/xml; charset=UTF-8".
bool IsMimeType(const TokenTerm& term) {
  return term.match == SystemMatch::kAny && term.code.find('/') != std::string::npos;
}
bool MimeBelow(const TokenTerm& term, const TokenValue& token) {
  if (!token.key.starts_with(term.key)) return false;
  const std::string_view rest = token.key.substr(term.key.size());
  return rest.empty() || rest[0] == ';' || rest[0] == ' ';
}

// ---- Texts ----

bool TextMatches(const StringTerm& term, Modifier modifier, const StringValue& text,
                 Compatibility compatibility) {
  const bool part = text.exact.empty();
  // HealthLake compares case and accents.
  const bool exact = compatibility == Compatibility::kHealthLake;
  const std::string_view value = exact ? text.exact : text.folded;
  const std::string_view asked = exact ? term.exact : term.folded;
  switch (modifier) {
    case Modifier::kExact:
      return !part && text.exact == term.exact;
    case Modifier::kContains:
      return !part && value.find(asked) != value.npos;
    case Modifier::kEndsWith:
      return !part && value.ends_with(asked);
    case Modifier::kEquals:
      return !part && value == asked;
    default:
      return !(part && exact) && value.starts_with(asked);
  }
}

// ---- URIs ----

// "http://a/b" is above "http://a/b/c" and "http://a/b#c", not above "http://a/bc". URNs have no
// hierarchy (R4, section uri).
bool IsAbove(std::string_view upper, std::string_view lower) {
  if (upper == lower) return true;
  if (upper.empty() || upper.starts_with("urn:") || !lower.starts_with(upper)) return false;
  const char next = lower[upper.size()];
  return upper.ends_with('/') || next == '/' || next == '#' || next == '?';
}

bool UriMatches(const UriTerm& term, Modifier modifier, const UriValue& value) {
  if (modifier == Modifier::kBelow) return IsAbove(term.uri, value.uri);
  if (modifier == Modifier::kAbove) return IsAbove(value.uri, term.uri);
  return term.uri == value.uri && (term.version.empty() || term.version == value.version);
}

// ---- References ----

// "1" is above the versions "1", "1.0" and "1-beta", not "10".
bool VersionBelow(std::string_view upper, std::string_view version) {
  if (upper.empty() || upper == version) return true;
  if (!version.starts_with(upper)) return false;
  const char next = version[upper.size()];
  return next == '.' || next == '-' || next == '+';
}

bool LocalMatches(const ReferenceTerm& term, const ReferenceValue& value) {
  const bool typed = term.types.empty() || std::find(term.types.begin(), term.types.end(),
                                                     value.type) != term.types.end();
  return value.form == ReferenceForm::kLocal && typed && value.id == term.id &&
         (term.version.empty() || term.version == value.version);
}

bool ReferenceMatches(const ReferenceTerm& term, Modifier modifier, const ReferenceValue& value) {
  const bool canonical = value.form == ReferenceForm::kCanonical;
  switch (term.form) {
    case ReferenceForm::kLocal:
      return LocalMatches(term, value);
    case ReferenceForm::kUrl:
      return (canonical || value.form == ReferenceForm::kUrl) && value.url == term.url;
    case ReferenceForm::kCanonical:
      if (!canonical || value.url != term.url) return false;
      if (modifier == Modifier::kBelow) return VersionBelow(term.version, value.version);
      if (modifier == Modifier::kAbove) return VersionBelow(value.version, term.version);
      return value.version == term.version;
    case ReferenceForm::kContained:
      break;
  }
  return false;
}

// ---- Ordered values ----

bool DateMatches(const DateTerm& term, const TimeRange& value) {
  const TimeRange& asked = term.range;
  const bool contained = asked.low_us <= value.low_us && value.high_us <= asked.high_us;
  switch (term.prefix) {
    case Prefix::kEq:
      return contained;
    case Prefix::kNe:
      return !contained;
    case Prefix::kGt:
      return value.high_us > asked.high_us;
    case Prefix::kLt:
      return value.low_us < asked.low_us;
    case Prefix::kGe:
      return value.high_us > asked.low_us;
    case Prefix::kLe:
      return value.low_us < asked.high_us;
    case Prefix::kSa:
      return value.low_us >= asked.high_us;
    case Prefix::kEb:
      return value.high_us <= asked.low_us;
    case Prefix::kAp:
      return value.low_us < asked.high_us && value.high_us > asked.low_us;
  }
  return false;
}

bool NumberMatches(const NumberTerm& term, const NumberValue& value) {
  const bool contained = term.low <= value.low && value.high <= term.high;
  switch (term.prefix) {
    case Prefix::kEq:
      return contained;
    case Prefix::kNe:
      return !contained;
    case Prefix::kGt:
      return value.high > term.low;
    case Prefix::kLt:
      return value.low < term.low;
    case Prefix::kGe:
      return value.high >= term.low;
    case Prefix::kLe:
      return value.low <= term.low;
    case Prefix::kSa:
      return value.low > term.low;
    case Prefix::kEb:
      return value.high < term.low;
    case Prefix::kAp:
      return value.high >= term.low && value.low <= term.high;
  }
  return false;
}

bool QuantityMatches(const QuantityTerm& term, const QuantityValue& value) {
  if (!term.canonical_unit.empty() && term.canonical_unit == value.canonical_unit) {
    return NumberMatches(term.canonical, value.canonical);
  }
  const bool code = term.code.empty() || value.code == term.code ||
                    (term.match == SystemMatch::kAny && value.unit == term.code);
  return SystemMatches(term.match, term.system, value.system) && code &&
         NumberMatches(term.number, value.value);
}

// Great-circle distance on a sphere of the Earth's mean radius.
double DistanceMetres(const NearTerm& a, const PositionValue& b) {
  constexpr double kEarthRadiusM = 6'371'008.8;
  constexpr double kRadians = M_PI / 180;
  const double dlat = (b.latitude - a.latitude) * kRadians;
  const double dlon = (b.longitude - a.longitude) * kRadians;
  const double h = std::pow(std::sin(dlat / 2), 2) + std::cos(a.latitude * kRadians) *
                                                         std::cos(b.latitude * kRadians) *
                                                         std::pow(std::sin(dlon / 2), 2);
  return 2 * kEarthRadiusM * std::asin(std::min(1.0, std::sqrt(h)));
}

bool WordMatches(const WordTerm& term, std::string_view word) {
  return term.prefix ? word.starts_with(term.word) : word == term.word;
}

// ---- One term ----

class TermMatcher {
 public:
  TermMatcher(Modifier modifier, const IndexValue& value, const IndexValues& values,
              const MatchContext& context, const QueryTerm& term)
      : modifier_(modifier), value_(value), values_(values), context_(context), term_(term) {}

  Result<bool> operator()(const TokenTerm& term) const {
    if (modifier_ == Modifier::kIdentifier) {
      const auto* identifier = std::get_if<ReferenceIdentifierValue>(&value_.value);
      return identifier != nullptr && SystemMatches(term.match, term.system, identifier->system) &&
             (term.code.empty() || term.key == identifier->key);
    }
    const auto* token = std::get_if<TokenValue>(&value_.value);
    if (token == nullptr) return false;
    if (modifier_ == Modifier::kBelow && IsMimeType(term)) return MimeBelow(term, *token);
    if (modifier_ == Modifier::kBelow || modifier_ == Modifier::kAbove) return Terminology(*token);
    return TokenMatches(term, *token);
  }
  Result<bool> operator()(const OfTypeTerm& term) const {
    const auto* typed = std::get_if<TypedIdentifierValue>(&value_.value);
    return typed != nullptr && typed->type_system == term.type_system &&
           typed->type_code == term.type_code && typed->key == term.key;
  }
  Result<bool> operator()(const StringTerm& term) const {
    if (modifier_ == Modifier::kText) {
      const auto* text = std::get_if<TokenTextValue>(&value_.value);
      return text != nullptr && text->folded.starts_with(term.folded);
    }
    const auto* text = std::get_if<StringValue>(&value_.value);
    return text != nullptr && TextMatches(term, modifier_, *text, context_.compatibility);
  }
  Result<bool> operator()(const UriTerm& term) const {
    const auto* token = std::get_if<TokenValue>(&value_.value);
    if (token != nullptr) return Terminology(*token);  // :in and :not-in name a value set.
    const auto* uri = std::get_if<UriValue>(&value_.value);
    return uri != nullptr && UriMatches(term, modifier_, *uri);
  }
  Result<bool> operator()(const ReferenceTerm& term) const {
    const auto* reference = std::get_if<ReferenceValue>(&value_.value);
    return reference != nullptr && ReferenceMatches(term, modifier_, *reference);
  }
  Result<bool> operator()(const DateTerm& term) const {
    const auto* date = std::get_if<DateValue>(&value_.value);
    return date != nullptr && DateMatches(term, date->range);
  }
  Result<bool> operator()(const NumberTerm& term) const {
    const auto* number = std::get_if<NumberValue>(&value_.value);
    return number != nullptr && NumberMatches(term, *number);
  }
  Result<bool> operator()(const QuantityTerm& term) const {
    const auto* quantity = std::get_if<QuantityValue>(&value_.value);
    return quantity != nullptr && QuantityMatches(term, *quantity);
  }
  Result<bool> operator()(const NearTerm& term) const {
    const auto* position = std::get_if<PositionValue>(&value_.value);
    return position != nullptr && DistanceMetres(term, *position) <= term.distance_m;
  }
  Result<bool> operator()(const WordTerm& term) const {
    const auto* word = std::get_if<WordValue>(&value_.value);
    return word != nullptr && WordMatches(term, word->word);
  }
  // Each component is met by one of the item's values for it.
  Result<bool> operator()(const CompositeTerm& term) const {
    const auto* composite = std::get_if<CompositeValue>(&value_.value);
    if (composite == nullptr) return false;
    for (size_t i = 0; i < term.components.size(); ++i) {
      bool met = false;
      for (const IndexValue& component : values_.Components(*composite)) {
        if (component.component != i || met) continue;
        TRY(met, TermMatches(term.components[i], Modifier::kNone, component, values_, context_));
      }
      if (!met) return false;
    }
    return true;
  }

 private:
  Result<bool> Terminology(const TokenValue& token) const {
    if (context_.terminology) return context_.terminology(modifier_, term_, token);
    return Error{ErrorKind::kUnsupported,
                 "the modifier " + std::string(ModifierText(modifier_)) + " needs a terminology"};
  }

  Modifier modifier_;
  const IndexValue& value_;
  const IndexValues& values_;
  const MatchContext& context_;
  const QueryTerm& term_;
};

// True when any value of the parameter meets any term.
Result<bool> AnyMatches(const Criterion& criterion, const IndexValues& values,
                        const MatchContext& context) {
  for (const IndexValue& value : values.Of(criterion.parameter)) {
    for (const QueryTerm& term : criterion.terms) {
      TRY(const bool met, TermMatches(term, criterion.modifier, value, values, context));
      if (met) return true;
    }
  }
  return false;
}

// References up and down a hierarchy lead through other resources.
bool IsHierarchical(const Criterion& criterion) {
  if (criterion.search_type != SearchType::kReference) return false;
  const bool moves =
      criterion.modifier == Modifier::kBelow || criterion.modifier == Modifier::kAbove;
  return moves &&
         std::any_of(criterion.terms.begin(), criterion.terms.end(), [](const QueryTerm& term) {
           return std::get<ReferenceTerm>(term.value).form == ReferenceForm::kLocal;
         });
}

Result<bool> Related(const Criterion& criterion, const IndexValues& values,
                     const MatchContext& context) {
  if (context.related) return context.related(criterion, values);
  return Unsupported(criterion, "other resources decide this, which cannot be asked here");
}

Result<bool> CompareMatches(const Criterion& criterion, const IndexValues& values,
                            const MatchContext& context) {
  switch (criterion.modifier) {
    case Modifier::kMissing:
      return values.Of(criterion.parameter).empty() == criterion.missing;
    case Modifier::kNot:
    case Modifier::kNotIn: {
      TRY(const bool met, AnyMatches(criterion, values, context));
      return !met;
    }
    default:
      break;
  }
  if (IsHierarchical(criterion)) return Related(criterion, values, context);
  return AnyMatches(criterion, values, context);
}

}  // namespace

Result<bool> TermMatches(const QueryTerm& term, Modifier modifier, const IndexValue& value,
                         const IndexValues& values, const MatchContext& context) {
  return std::visit(TermMatcher(modifier, value, values, context, term), term.value);
}

// Recursion is bounded by the parser: kQueryDepthMax nested groups of kQueryCriteriaMax nodes.
Result<bool> Matches(const Criterion& criterion, const IndexValues& values,
                     const MatchContext& context) {
  if (criterion.type != kNoType && criterion.type != values.type()) return false;
  switch (criterion.kind) {
    case Criterion::Kind::kCompare:
      return CompareMatches(criterion, values, context);
    case Criterion::Kind::kChain:
    case Criterion::Kind::kHas:
      return Related(criterion, values, context);
    case Criterion::Kind::kAnd:
      for (const Criterion& operand : criterion.operands) {
        TRY(const bool met, Matches(operand, values, context));
        if (!met) return false;
      }
      return true;
    case Criterion::Kind::kOr:
      for (const Criterion& operand : criterion.operands) {
        TRY(const bool met, Matches(operand, values, context));
        if (met) return true;
      }
      return false;
    case Criterion::Kind::kNot: {
      TRY(const bool met, Matches(criterion.operands[0], values, context));
      return !met;
    }
  }
  return false;
}

}  // namespace tarn::fhir
