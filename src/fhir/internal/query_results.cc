// Result parameters: how the answer is wanted.
// Spec: FHIR R4 "Search", section 3.1.1.5.
#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "fhir/internal/query_parser.h"

namespace tarn::fhir::internal {
namespace {

bool IsHealthLake(const SearchContext& context) {
  return context.compatibility == Compatibility::kHealthLake;
}

template <typename Value, size_t kCount>
Result<Value> OneOf(std::string_view text,
                    const std::pair<std::string_view, Value> (&rows)[kCount]) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : rows) {
    if (name == text) return value;
    names.push_back(name);
  }
  return Invalid("expected one of " + Listed(names));
}

// ---- One function for each parameter ----

Status ParseCount(std::string_view value, const SearchContext& context, SearchQuery* query) {
  const bool healthlake = IsHealthLake(context);
  const uint32_t least = healthlake ? 1 : 0;
  const uint32_t most = healthlake ? 100 : INT32_MAX;
  uint32_t count = 0;
  const auto result = std::from_chars(value.data(), value.data() + value.size(), count);
  const bool whole = result.ec == std::errc() && result.ptr == value.data() + value.size();
  if (!whole || count < least || count > most) {
    return Invalid("expected a whole number from " + std::to_string(least) + " to " +
                   std::to_string(most));
  }
  query->count = count;
  return Ok();
}

Status ParseTotal(std::string_view value, const SearchContext& context, SearchQuery* query) {
  static constexpr std::pair<std::string_view, Total> kRows[] = {
      {"none", Total::kNone}, {"estimate", Total::kEstimate}, {"accurate", Total::kAccurate}};
  TRY(query->total, OneOf(value, kRows));
  if (IsHealthLake(context) && query->total == Total::kEstimate) {
    return Error{ErrorKind::kUnsupported, "expected none or accurate"};
  }
  return Ok();
}

Status ParseSummary(std::string_view value, const SearchContext& context, SearchQuery* query) {
  static constexpr std::pair<std::string_view, Summary> kRows[] = {{"true", Summary::kTrue},
                                                                   {"text", Summary::kText},
                                                                   {"data", Summary::kData},
                                                                   {"count", Summary::kCount},
                                                                   {"false", Summary::kFalse}};
  TRY(query->summary, OneOf(value, kRows));
  if (IsHealthLake(context) && query->summary == Summary::kCount) {
    return Error{ErrorKind::kUnsupported, "expected true, text, data or false"};
  }
  return Ok();
}

Status ParseContained(std::string_view value, const SearchContext& context, SearchQuery* query) {
  static constexpr std::pair<std::string_view, Contained> kRows[] = {
      {"false", Contained::kFalse}, {"true", Contained::kTrue}, {"both", Contained::kBoth}};
  TRY(query->contained, OneOf(value, kRows));
  if (IsHealthLake(context) && query->contained != Contained::kFalse) {
    return Error{ErrorKind::kUnsupported, "expected false"};
  }
  return Ok();
}

Status ParseContainedType(std::string_view value, const SearchContext& /*context*/,
                          SearchQuery* query) {
  static constexpr std::pair<std::string_view, ContainedType> kRows[] = {
      {"container", ContainedType::kContainer}, {"contained", ContainedType::kContained}};
  TRY(query->contained_type, OneOf(value, kRows));
  return Ok();
}

bool IsElementName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// An element of one of the types, or one of its JSON names: "value", "valueQuantity".
bool IsElementOf(const std::vector<TypeId>& types, std::string_view name) {
  const auto has = [name](TypeId type) {
    return FindElement(type, name) != nullptr || FindMember(type, name) != nullptr;
  };
  if (!types.empty()) return std::any_of(types.begin(), types.end(), has);
  for (TypeId type = 1; type <= TypeCount(); ++type) {
    if (has(type)) return true;
  }
  return false;
}

// Names of the first level; "Patient.name" is tolerated, deeper paths are not.
Status ParseElements(std::string_view value, const SearchContext& /*context*/, SearchQuery* query) {
  bool unknown = false;
  for (std::string_view name : SplitEscaped(value, ',')) {
    const size_t dot = name.find('.');
    if (dot != name.npos && FindType(name.substr(0, dot)) != kNoType) name.remove_prefix(dot + 1);
    if (!IsElementName(name)) return Invalid("expected names of elements of the first level");
    if (IsElementOf(query->types, name)) {
      query->elements.emplace_back(name);
    } else {
      unknown = true;
    }
  }
  if (unknown) return NotFound("not all of these are elements of the first level");
  return Ok();
}

bool HasOrder(const ParameterInfo& info) {
  return info.number == kParameterCreatedAt ||
         (info.type != SearchType::kComposite && info.type != SearchType::kSpecial &&
          !info.expression.empty());
}

Result<SortKey> ParseSortKey(std::string_view text, const SearchContext& context,
                             const SearchQuery& query) {
  SortKey out;
  out.descending = text.starts_with('-');
  if (out.descending) text.remove_prefix(1);
  out.code = text;
  if (text == "_score") return out;
  const TypeId type = query.types.size() == 1 ? query.types[0] : kNoType;
  const auto found = context.parameters->Find(type, text);
  if (!found) {
    std::vector<std::string_view> codes;
    for (const std::string_view code : context.parameters->CodesOf(type)) {
      if (HasOrder(*context.parameters->Find(type, code))) codes.push_back(code);
    }
    if (text.empty()) return Invalid("expected search parameters: " + Listed(codes));
    return NotFound("expected search parameters: " + Listed(codes));
  }
  if (!HasOrder(*found)) {
    return Error{ErrorKind::kUnsupported,
                 "one of the parameters has no order: a composite, a position or a text search"};
  }
  out.parameter = found->number;
  out.search_type = found->type;
  return out;
}

// The keys that are known stay, for those who have the others ignored.
Status ParseSort(std::string_view value, const SearchContext& context, SearchQuery* query) {
  const size_t most = IsHealthLake(context) ? 5 : kQuerySortKeysMax;
  std::vector<SortKey> keys = query->sort;
  std::optional<Error> unknown;
  for (const std::string_view text : SplitEscaped(value, ',')) {
    auto key = ParseSortKey(text, context, *query);
    if (key.ok()) {
      keys.push_back(std::move(key).value());
    } else if (key.error().kind == ErrorKind::kNotFound) {
      unknown = std::move(key).error();
    } else {
      return std::move(key).error();
    }
  }
  if (keys.size() > most) {
    return Error{ErrorKind::kTooLarge, "at most " + std::to_string(most) + " sort keys are taken"};
  }
  query->sort = std::move(keys);
  return unknown.has_value() ? Status(*std::move(unknown)) : Ok();
}

Status ParsePage(std::string_view value, const SearchContext& /*context*/, SearchQuery* query) {
  if (value.empty()) return Invalid("expected the token of a next link");
  query->page_token = value;
  return Ok();
}

Status ParseExplain(std::string_view value, const SearchContext& /*context*/, SearchQuery* query) {
  if (value != "true" && value != "false") return Invalid("expected true or false");
  query->explain = value == "true";
  return Ok();
}

struct ResultRow {
  std::string_view name;
  Status (*parse)(std::string_view value, const SearchContext& context, SearchQuery* query);
};
constexpr ResultRow kRows[] = {
    {"_count", ParseCount},
    {"_total", ParseTotal},
    {"_summary", ParseSummary},
    {"_contained", ParseContained},
    {"_containedType", ParseContainedType},
    {"_elements", ParseElements},
    {"_sort", ParseSort},
    {"page", ParsePage},
    {"_explain", ParseExplain},
};

// ---- Includes ----

// "MedicationRequest:patient", "MedicationRequest:subject:Patient", "MedicationRequest:*", "*".
Result<Include> ParseInclude(std::string_view text, const SearchContext& context) {
  Include out;
  out.text = text;
  if (text == "*") return out;
  const size_t colon = text.find(':');
  if (colon == text.npos) return Invalid("expected Type:parameter, Type:parameter:Target or *");
  TRY(out.source, ParseType(text.substr(0, colon)));
  std::string_view code = text.substr(colon + 1);
  const size_t second = code.find(':');
  if (second != code.npos) {
    TRY(out.target, ParseType(code.substr(second + 1)));
    code = code.substr(0, second);
  }
  if (code == "*") return out;
  const auto found = context.parameters->Find(out.source, code);
  if (!found || found->type != SearchType::kReference) {
    std::vector<std::string_view> codes;
    for (const std::string_view known : context.parameters->CodesOf(out.source)) {
      const auto info = context.parameters->Find(out.source, known);
      if (info && info->type == SearchType::kReference) codes.push_back(known);
    }
    return Invalid("expected a reference parameter of " + std::string(TypeName(out.source)) + ": " +
                   Listed(codes));
  }
  out.parameter = found->number;
  const auto& targets = found->targets;
  const bool reaches = out.target == kNoType || targets.empty() ||
                       std::find(targets.begin(), targets.end(), out.target) != targets.end();
  if (!reaches) return Invalid("the parameter refers to " + TypeList(targets));
  return out;
}

Status ParseIncludeParameter(std::string_view name, std::string_view modifier,
                             std::string_view value, const SearchContext& context,
                             SearchQuery* query) {
  // "recurse" is how earlier releases called it.
  const bool iterate = modifier == "iterate" || modifier == "recurse";
  if (!modifier.empty() && !iterate) {
    return Error{ErrorKind::kUnsupported, "expected no modifier or :iterate"};
  }
  TRY(Include include, ParseInclude(value, context));
  include.reverse = name == "_revinclude";
  include.iterate = iterate;
  query->includes.push_back(std::move(include));
  if (query->includes.size() <= kQueryIncludesMax) return Ok();
  return Error{ErrorKind::kTooLarge,
               "at most " + std::to_string(kQueryIncludesMax) + " includes are taken"};
}

Issue Conflict(std::string_view name, std::string_view what) {
  Issue out;
  out.code = "invalid";
  out.diagnostics = std::string(name) + ": " + std::string(what);
  out.expression = "http." + std::string(name);
  return out;
}

}  // namespace

bool IsResultParameter(std::string_view name) {
  if (name == "_include" || name == "_revinclude" || name == "_type") return true;
  return std::any_of(std::begin(kRows), std::end(kRows),
                     [&](const ResultRow& row) { return row.name == name; });
}

Status ParseResultParameter(std::string_view name, std::string_view modifier,
                            std::string_view value, const SearchContext& context,
                            SearchQuery* query) {
  if (name == "_include" || name == "_revinclude") {
    return ParseIncludeParameter(name, modifier, value, context, query);
  }
  if (!modifier.empty()) return Error{ErrorKind::kUnsupported, "this parameter takes no modifier"};
  const auto* const row = std::find_if(std::begin(kRows), std::end(kRows),
                                       [&](const ResultRow& entry) { return entry.name == name; });
  if (row == std::end(kRows)) return NotFound("not a result parameter");
  return row->parse(value, context, query);
}

std::vector<Issue> CheckResultParameters(const SearchQuery& query,
                                         const SearchContext& /*context*/) {
  std::vector<Issue> out;
  const bool reduced = query.summary == Summary::kTrue || query.summary == Summary::kText ||
                       query.summary == Summary::kData;
  if (!query.elements.empty() && reduced) {
    out.push_back(Conflict("_elements", "cannot be combined with _summary; leave one of them out"));
  }
  if (query.summary == Summary::kText && !query.includes.empty()) {
    out.push_back(Conflict("_summary", "text cannot be combined with _include and _revinclude"));
  }
  return out;
}

}  // namespace tarn::fhir::internal
