// The parts of the search parser: terms, criteria, _filter, result parameters. Shared by the files
// query_*.cc and search_query.cc.
//
// Errors inside are Error values whose kind decides the issue code (IssueCode); their details name
// what is wrong and what would be accepted, never the values, which may be a patient's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/search_query.h"

namespace tarn::fhir::internal {

// kInvalid: "value", kUnsupported: "not-supported", kTooLarge: "too-costly", kNotFound (an unknown
// parameter): "not-supported", the one kind that lenient handling passes over.
std::string_view IssueCode(ErrorKind kind);

// ---- Text ----

// `text` at each `separator` without a backslash before it; the pieces keep their escapes.
std::vector<std::string_view> SplitEscaped(std::string_view text, char separator);
// Errors: kInvalid: a backslash before anything but \ , $ |.
Result<std::string> UnescapeTerm(std::string_view text);
// The inverse: what a term's text must be to mean `text`; '|' is kept when it separates.
enum class Bars : uint8_t { kEscape, kKeep };
std::string EscapeTerm(std::string_view text, Bars bars);
// "a, b, c" of the first few, for messages.
std::string Listed(const std::vector<std::string_view>& texts);
std::string TypeList(std::span<const TypeId> types);

// ---- Terms ----

struct TermRules {
  const SearchContext* context = nullptr;
  const std::vector<std::string>* base_urls = nullptr;  // Each ends in '/'.
};

// One of the comma-separated values. `only_type`: of ":Patient", else kNoType.
Result<QueryTerm> ParseTerm(const ParameterInfo& parameter, Modifier modifier, TypeId only_type,
                            std::string_view text, const TermRules& rules);

// ---- Criteria ----

// Counts what a query asks for, so that it stays bounded.
struct QueryBudget {
  size_t criteria = 0;
  size_t terms = 0;
  Status TakeCriterion();
  Status TakeTerms(size_t count);
};

class CriterionParser {
 public:
  explicit CriterionParser(const TermRules& rules) : rules_(rules) {}

  // `name` as in a query ("subject:Patient.name:exact", "_has:...", "_filter", "_text"), judged for
  // resources of `type`. Errors: as above; kNotFound: no such parameter.
  Result<Criterion> Parse(TypeId type, std::string_view name, std::string_view value);
  // The same for several types at once: one criterion when they share the parameter, else one of
  // each (kOr). `types` empty: any type.
  Result<Criterion> ParseFor(const std::vector<TypeId>& types, std::string_view name,
                             std::string_view value);

 private:
  friend class FilterParser;

  Result<Criterion> ParseName(TypeId type, std::string_view name, std::string_view value,
                              size_t depth);
  Result<Criterion> ParseChain(TypeId type, std::string_view head, std::string_view rest,
                               std::string_view value, size_t depth);
  Result<Criterion> ParseHas(TypeId type, std::string_view rest, std::string_view value,
                             size_t depth);
  Result<Criterion> ParseList(TypeId type, std::string_view value, size_t depth);
  Result<Criterion> ParseCompare(TypeId type, std::string_view name, std::string_view value);
  Result<Criterion> ParseFilter(TypeId type, std::string_view value, size_t depth);
  Result<Criterion> WithVersions(Criterion urls);
  // _text and _content: (bone OR liver) and metastases.
  Result<Criterion> ParseWords(TypeId type, const ParameterInfo& parameter, std::string_view value);
  Result<std::vector<QueryTerm>> ParseTerms(const ParameterInfo& parameter, Modifier modifier,
                                            TypeId only_type, std::string_view value);

  Result<ParameterInfo> FindParameter(TypeId type, std::string_view code) const;
  // The types that a reference parameter leads to; `only` restricts it.
  Result<std::vector<TypeId>> TargetsOf(const ParameterInfo& parameter, TypeId only) const;
  Criterion Begin(Criterion::Kind kind, TypeId type, const ParameterInfo& parameter) const;

  TermRules rules_;
  QueryBudget budget_;
};

// A resource type by name. Errors: kInvalid.
Result<TypeId> ParseType(std::string_view name);

// The criterion of _filter's text. Spec: FHIR R4 "_filter Parameter".
Result<Criterion> ParseFilterText(CriterionParser* parser, TypeId type, std::string_view text,
                                  size_t depth);

// ---- Results ----

// True when `name` (without modifier) is a result parameter or one that concerns no criterion.
bool IsResultParameter(std::string_view name);
Status ParseResultParameter(std::string_view name, std::string_view modifier,
                            std::string_view value, const SearchContext& context,
                            SearchQuery* query);
// What no single parameter can tell: combinations. Errors name the parameters.
std::vector<Issue> CheckResultParameters(const SearchQuery& query, const SearchContext& context);

}  // namespace tarn::fhir::internal
