// Names of parameters: modifiers, chains, _has.
#include <algorithm>
#include <utility>

#include "fhir/internal/query_parser.h"
#include "fhir/text_fold.h"

namespace tarn::fhir {
namespace internal {
namespace {

struct ModifierRow {
  std::string_view text;
  Modifier modifier;
  uint16_t types;   // Bits 1 << SearchType.
  bool healthlake;  // HealthLake has it.
};

constexpr uint16_t Bit(SearchType type) {
  return static_cast<uint16_t>(1u << static_cast<int>(type));
}
constexpr uint16_t kUri = Bit(SearchType::kUri);
constexpr uint16_t kToken = Bit(SearchType::kToken);
constexpr uint16_t kString = Bit(SearchType::kString);
constexpr uint16_t kReference = Bit(SearchType::kReference);
constexpr uint16_t kOrdered =
    Bit(SearchType::kNumber) | Bit(SearchType::kDate) | Bit(SearchType::kQuantity);
constexpr uint16_t kSimple = kUri | kToken | kString | kReference | kOrdered;

// FHIR R4 "Search", section modifiers, and the sections of the parameter types.
constexpr ModifierRow kModifiers[] = {
    {"missing", Modifier::kMissing, kSimple, true},
    {"exact", Modifier::kExact, kString, true},
    {"contains", Modifier::kContains, kString, true},
    {"not", Modifier::kNot, kToken, true},
    {"text", Modifier::kText, kToken, true},
    {"identifier", Modifier::kIdentifier, kReference, true},
    {"of-type", Modifier::kOfType, kToken, false},
    {"ofType", Modifier::kOfType, kToken, false},  // As value set search-modifier-code spells it.
    {"in", Modifier::kIn, kToken, false},
    {"not-in", Modifier::kNotIn, kToken, false},
    {"below", Modifier::kBelow, kUri | kToken | kReference, false},
    {"above", Modifier::kAbove, kUri | kToken | kReference, false},
};

bool IsAllowed(const ModifierRow& row, const ParameterInfo& parameter,
               Compatibility compatibility) {
  if ((row.types & Bit(parameter.type)) == 0) return false;
  const bool below_uri = row.modifier == Modifier::kBelow && parameter.type == SearchType::kUri;
  return compatibility == Compatibility::kFhir || row.healthlake || below_uri;
}

std::string AllowedModifiers(const ParameterInfo& parameter, Compatibility compatibility) {
  std::vector<std::string_view> texts;
  for (const ModifierRow& row : kModifiers) {
    const bool repeated = !texts.empty() && row.text == "ofType";
    if (IsAllowed(row, parameter, compatibility) && !repeated) texts.push_back(row.text);
  }
  if (parameter.type == SearchType::kReference) texts.push_back("a resource type");
  return Listed(texts);
}

struct ParsedModifier {
  Modifier modifier = Modifier::kNone;
  TypeId type = kNoType;
};

Result<ParsedModifier> ParseModifier(const ParameterInfo& parameter, std::string_view text,
                                     Compatibility compatibility) {
  if (text.empty()) return ParsedModifier{};
  for (const ModifierRow& row : kModifiers) {
    if (row.text == text && IsAllowed(row, parameter, compatibility)) {
      return ParsedModifier{row.modifier, kNoType};
    }
  }
  if (parameter.type == SearchType::kReference) {
    const TypeId type = FindType(text);
    const auto& targets = parameter.targets;
    if (type != kNoType) {
      if (targets.empty() || std::find(targets.begin(), targets.end(), type) != targets.end()) {
        return ParsedModifier{Modifier::kNone, type};
      }
      return Error{ErrorKind::kUnsupported, "this parameter refers to " + TypeList(targets)};
    }
  }
  return Error{ErrorKind::kUnsupported,
               "this modifier is not supported for parameters of type " +
                   std::string(SearchTypeName(parameter.type)) +
                   "; supported: " + AllowedModifiers(parameter, compatibility)};
}

// What HealthLake's guide lists as not supported; an empty type is every type.
constexpr std::pair<std::string_view, std::string_view> kNotInHealthLake[] = {
    {"Bundle", "composition"}, {"Bundle", "identifier"}, {"Bundle", "message"},
    {"Bundle", "timestamp"},   {"Bundle", "type"},       {"Consent", "source-reference"},
    {"Contract", "patient"},   {"Location", "near"},     {"", "_content"}};

bool HealthLakeHas(TypeId type, std::string_view code) {
  const std::string_view name = type == kNoType ? std::string_view() : TypeName(type);
  return std::none_of(std::begin(kNotInHealthLake), std::end(kNotInHealthLake),
                      [&](const auto& row) {
                        return row.second == code && (row.first.empty() || row.first == name);
                      });
}

}  // namespace
}  // namespace internal

bool IsServedParameter(TypeId type, std::string_view code, Compatibility compatibility) {
  if (code == "_query") return false;
  return compatibility == Compatibility::kFhir || internal::HealthLakeHas(type, code);
}

namespace internal {
namespace {

// "code:modifier" in two.
std::pair<std::string_view, std::string_view> SplitModifier(std::string_view name) {
  const size_t colon = name.find(':');
  if (colon == name.npos) return {name, {}};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

Error TooDeep() {
  return {ErrorKind::kTooLarge,
          "chains, _has and _filter go at most " + std::to_string(kQueryDepthMax) + " steps deep"};
}

bool SameButType(Criterion a, Criterion b) {
  a.type = kNoType;
  b.type = kNoType;
  return a == b;
}

}  // namespace

Status QueryBudget::TakeCriterion() {
  if (++criteria <= kQueryCriteriaMax) return Ok();
  return Error{ErrorKind::kTooLarge,
               "the query has more than " + std::to_string(kQueryCriteriaMax) +
                   " criteria; name the types of chains (subject:Patient.name)"};
}

Status QueryBudget::TakeTerms(size_t count) {
  terms += count;
  if (terms <= kQueryTermsMax) return Ok();
  return Error{ErrorKind::kTooLarge,
               "the query has more than " + std::to_string(kQueryTermsMax) + " values"};
}

Result<ParameterInfo> CriterionParser::FindParameter(TypeId type, std::string_view code) const {
  const Compatibility compatibility = rules_.context->compatibility;
  if (code != "_query" && !IsServedParameter(type, code, compatibility)) {
    return Error{ErrorKind::kUnsupported, "this parameter is not supported here"};
  }
  std::optional<ParameterInfo> found = rules_.context->parameters->Find(type, code);
  if (found) return *std::move(found);
  const std::string owner =
      type == kNoType ? "a search over all types" : std::string(TypeName(type));
  std::vector<std::string_view> codes = rules_.context->parameters->CodesOf(type);
  std::erase(codes, "_query");
  codes.insert(codes.end(), {"_filter", "_has", "_list"});
  return NotFound(owner + " has no such search parameter; it has " + Listed(codes));
}

Result<std::vector<TypeId>> CriterionParser::TargetsOf(const ParameterInfo& parameter,
                                                       TypeId only) const {
  if (only != kNoType) return std::vector<TypeId>{only};
  std::vector<TypeId> out(parameter.targets.begin(), parameter.targets.end());
  if (!out.empty()) return out;
  for (TypeId type = 1; type <= TypeCount(); ++type) out.push_back(type);
  return out;
}

Criterion CriterionParser::Begin(Criterion::Kind kind, TypeId type,
                                 const ParameterInfo& parameter) const {
  Criterion out;
  out.kind = kind;
  out.type = type;
  out.parameter = parameter.number;
  out.search_type = parameter.type;
  out.code = parameter.code;
  return out;
}

Result<Criterion> CriterionParser::Parse(TypeId type, std::string_view name,
                                         std::string_view value) {
  return ParseName(type, name, value, 0);
}

Result<Criterion> CriterionParser::ParseFor(const std::vector<TypeId>& types, std::string_view name,
                                            std::string_view value) {
  if (types.size() <= 1) return Parse(types.empty() ? kNoType : types[0], name, value);
  Criterion out;
  out.kind = Criterion::Kind::kOr;
  for (const TypeId type : types) {
    TRY(Criterion criterion, Parse(type, name, value));
    out.operands.push_back(std::move(criterion));
  }
  const bool shared =
      std::all_of(out.operands.begin(), out.operands.end(),
                  [&](const Criterion& operand) { return SameButType(operand, out.operands[0]); });
  if (!shared) return out;
  Criterion one = std::move(out.operands[0]);
  one.type = kNoType;
  return one;
}

Result<Criterion> CriterionParser::ParseName(TypeId type, std::string_view name,
                                             std::string_view value, size_t depth) {
  if (depth > kQueryDepthMax) return TooDeep();
  TRY(budget_.TakeCriterion());
  if (name.starts_with("_has:")) return ParseHas(type, name.substr(5), value, depth);
  if (name == "_filter") return ParseFilter(type, value, depth);
  if (name == "_list") return ParseList(type, value, depth);
  const size_t dot = name.find('.');
  if (dot != name.npos) {
    return ParseChain(type, name.substr(0, dot), name.substr(dot + 1), value, depth);
  }
  return ParseCompare(type, name, value);
}

Result<Criterion> CriterionParser::ParseChain(TypeId type, std::string_view head,
                                              std::string_view rest, std::string_view value,
                                              size_t depth) {
  const auto [code, modifier_text] = SplitModifier(head);
  TRY(const ParameterInfo parameter, FindParameter(type, code));
  if (parameter.type != SearchType::kReference) {
    return Invalid("only reference parameters can be chained, and " + std::string(parameter.code) +
                   " is a " + std::string(SearchTypeName(parameter.type)));
  }
  TRY(const ParsedModifier modifier,
      ParseModifier(parameter, modifier_text, rules_.context->compatibility));
  if (modifier.modifier != Modifier::kNone) {
    return Error{ErrorKind::kUnsupported,
                 "within a chain only a resource type may follow the colon, as subject:Patient"};
  }
  TRY(const std::vector<TypeId> targets, TargetsOf(parameter, modifier.type));
  Criterion out = Begin(Criterion::Kind::kChain, type, parameter);
  std::optional<Error> first;
  for (const TypeId target : targets) {
    auto operand = ParseName(target, rest, value, depth + 1);
    if (operand.ok()) {
      out.operands.push_back(std::move(operand).value());
    } else if (operand.error().kind == ErrorKind::kTooLarge) {
      return std::move(operand).error();
    } else if (!first || first->kind == ErrorKind::kNotFound) {
      // A type that has the parameter and refuses the value says more than one that lacks it.
      first = std::move(operand).error();
    }
  }
  if (out.operands.empty()) return *std::move(first);
  return out;
}

Result<Criterion> CriterionParser::ParseHas(TypeId type, std::string_view rest,
                                            std::string_view value, size_t depth) {
  const auto [source_name, after_type] = SplitModifier(rest);
  const auto [code, criterion_name] = SplitModifier(after_type);
  if (code.empty() || criterion_name.empty()) {
    return Invalid("expected _has:Type:reference-parameter:parameter");
  }
  TRY(const TypeId source, ParseType(source_name));
  TRY(const ParameterInfo parameter, FindParameter(source, code));
  if (parameter.type != SearchType::kReference) {
    return Invalid(std::string(code) + " is no reference parameter");
  }
  const auto& targets = parameter.targets;
  const bool reaches = type == kNoType || targets.empty() ||
                       std::find(targets.begin(), targets.end(), type) != targets.end();
  if (!reaches) {
    return Invalid(std::string(code) + " refers to " + TypeList(targets) + ", not to " +
                   std::string(TypeName(type)));
  }
  Criterion out = Begin(Criterion::Kind::kHas, type, parameter);
  TRY(Criterion operand, ParseName(source, criterion_name, value, depth + 1));
  out.operands.push_back(std::move(operand));
  return out;
}

// Resources that a List refers to: _has:List:item:_id=42.
Result<Criterion> CriterionParser::ParseList(TypeId type, std::string_view value, size_t depth) {
  if (rules_.context->compatibility == Compatibility::kHealthLake) {
    return Error{ErrorKind::kUnsupported, "this parameter is not supported here"};
  }
  std::string ids;
  for (std::string_view id : SplitEscaped(value, ',')) {
    if (id.starts_with("List/")) id.remove_prefix(5);
    if (id.starts_with('$')) {
      return Error{ErrorKind::kUnsupported,
                   "functional lists ($current-...) are not supported; expected the id of a List"};
    }
    if (!IsValidId(id)) return Invalid("expected the id of a List");
    if (!ids.empty()) ids += ',';
    ids += id;
  }
  return ParseHas(type, "List:item:_id", ids, depth);
}

Result<std::vector<QueryTerm>> CriterionParser::ParseTerms(const ParameterInfo& parameter,
                                                           Modifier modifier, TypeId only_type,
                                                           std::string_view value) {
  std::vector<QueryTerm> out;
  const std::vector<std::string_view> texts = SplitEscaped(value, ',');
  TRY(budget_.TakeTerms(texts.size()));
  out.reserve(texts.size());
  for (const std::string_view text : texts) {
    TRY(QueryTerm term, ParseTerm(parameter, modifier, only_type, text, rules_));
    out.push_back(std::move(term));
  }
  return out;
}

Result<Criterion> CriterionParser::ParseCompare(TypeId type, std::string_view name,
                                                std::string_view value) {
  const auto [code, modifier_text] = SplitModifier(name);
  TRY(const ParameterInfo parameter, FindParameter(type, code));
  if (code == "_query") {
    return Error{ErrorKind::kUnsupported, "named queries are not supported"};
  }
  TRY(const ParsedModifier modifier,
      ParseModifier(parameter, modifier_text, rules_.context->compatibility));
  const bool words = code == "_text" || code == "_content";
  if (words && modifier_text.empty()) return ParseWords(type, parameter, value);
  Criterion out = Begin(Criterion::Kind::kCompare, type, parameter);
  out.modifier = modifier.modifier;
  if (words && out.modifier != Modifier::kMissing) {
    return Error{ErrorKind::kUnsupported, "_text and _content take no modifier but missing"};
  }
  if (out.modifier == Modifier::kMissing) {
    if (value != "true" && value != "false") return Invalid("expected true or false");
    out.missing = value == "true";
    return out;
  }
  TRY(out.terms, ParseTerms(parameter, out.modifier, modifier.type, value));
  if (code == "url" && out.modifier == Modifier::kNone) return WithVersions(std::move(out));
  return out;
}

// R4, section uri: ValueSet?url=http://x|2 asks for the version of the resource itself.
Result<Criterion> CriterionParser::WithVersions(Criterion urls) {
  const auto version_of = [](const QueryTerm& term) {
    return std::get<UriTerm>(term.value).version;
  };
  const bool versioned =
      std::any_of(urls.terms.begin(), urls.terms.end(),
                  [&](const QueryTerm& term) { return !version_of(term).empty(); });
  const bool plain = urls.search_type != SearchType::kUri || !versioned;
  const auto version =
      plain ? std::nullopt : rules_.context->parameters->Find(urls.type, "version");
  if (!version) return urls;
  Criterion out;
  out.kind = Criterion::Kind::kOr;
  out.type = urls.type;
  for (QueryTerm& term : urls.terms) {
    Criterion both;
    both.kind = Criterion::Kind::kAnd;
    both.type = urls.type;
    const std::string text = EscapeTerm(version_of(term), Bars::kEscape);
    if (!text.empty()) {
      both.operands.push_back(Begin(Criterion::Kind::kCompare, urls.type, *version));
      TRY(both.operands[0].terms, ParseTerms(*version, Modifier::kNone, kNoType, text));
      std::get<UriTerm>(term.value).version.clear();
    }
    both.operands.push_back(Begin(Criterion::Kind::kCompare, urls.type, {}));
    Criterion& url = both.operands.back();
    url.parameter = urls.parameter;
    url.search_type = urls.search_type;
    url.code = urls.code;
    url.terms.push_back(std::move(term));
    out.operands.push_back(std::move(both));
  }
  return out;
}

Result<Criterion> CriterionParser::ParseFilter(TypeId type, std::string_view value, size_t depth) {
  if (rules_.context->compatibility == Compatibility::kHealthLake) {
    return Error{ErrorKind::kUnsupported, "_filter is not supported here"};
  }
  return ParseFilterText(this, type, value, depth);
}

}  // namespace internal
}  // namespace tarn::fhir
