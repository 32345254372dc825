// A FHIR search as data: what a query string or a form asks for, checked against the definitions.
// Spec: FHIR R4 "Search" and "_filter Parameter". Departures: docs/reference/fhir-search.md.
//
// A query is a list of criteria that must all hold, and how the result is wanted. A criterion is a
// small tree; every node says which resource type it judges:
//
//   Observation?code=a,b&subject:Patient.name=peter&_has:Provenance:target:agent=x
//     kCompare Observation code {a, b}
//     kChain   Observation subject -> [kCompare Patient name {peter}]
//     kHas     Observation <- Provenance target [kCompare Provenance agent {x}]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "fhir/date_range.h"
#include "fhir/decimal.h"
#include "fhir/index_values.h"
#include "fhir/operation_outcome.h"
#include "fhir/search_parameters.h"

namespace tarn::fhir {

// Bounds of one query. Beyond: an error with the issue code "too-costly".
inline constexpr size_t kQueryBytesMax = 1u << 20;  // Query string and form, each.
inline constexpr size_t kQueryCriteriaMax = 1000;   // Nodes of all criteria.
inline constexpr size_t kQueryTermsMax = 20'000;    // Comma-separated values, all together.
inline constexpr size_t kQueryDepthMax = 10;        // Steps of a chain, nesting of _has, _filter.
inline constexpr size_t kQuerySortKeysMax = 10;
inline constexpr size_t kQueryIncludesMax = 100;

enum class Prefix : uint8_t { kEq, kNe, kGt, kLt, kGe, kLe, kSa, kEb, kAp };
std::string_view PrefixText(Prefix prefix);

enum class Modifier : uint8_t {
  kNone,
  kMissing,     // Criterion::missing says which.
  kExact,       // string
  kContains,    // string
  kEndsWith,    // string: _filter's ew
  kEquals,      // string: _filter's eq, the whole text without case and accents
  kNot,         // token: resources without any match, those without value too
  kText,        // token: StringTerm against TokenTextValue
  kIdentifier,  // reference: TokenTerm against ReferenceIdentifierValue
  kOfType,      // token (identifiers): OfTypeTerm
  kIn,          // token: UriTerm names a value set
  kNotIn,
  kBelow,  // uri, reference (hierarchy or version of a canonical), token (subsumption, MIME)
  kAbove,
};
std::string_view ModifierText(Modifier modifier);  // "of-type"; empty for kNone.

// ---- Terms: one of the comma-separated values, normalised like IndexValue ----

enum class SystemMatch : uint8_t {
  kAny,   // "code"
  kNone,  // "|code"
  kThis,  // "system|code" and "system|"
};

struct TokenTerm {
  SystemMatch match = SystemMatch::kAny;
  std::string system;
  std::string code;  // As written; empty: any code of the system.
  std::string key;   // Case folded. See TokenValue for which of the two is compared.
  friend bool operator==(const TokenTerm&, const TokenTerm&) = default;
};

struct OfTypeTerm {
  std::string type_system;
  std::string type_code;
  std::string key;  // Case folded.
  friend bool operator==(const OfTypeTerm&, const OfTypeTerm&) = default;
};

struct StringTerm {
  std::string folded;  // Never empty.
  std::string exact;
  friend bool operator==(const StringTerm&, const StringTerm&) = default;
};

struct UriTerm {
  std::string uri;
  std::string version;  // What followed "|".
  friend bool operator==(const UriTerm&, const UriTerm&) = default;
};

struct ReferenceTerm {
  // kLocal; kUrl: also canonical references to that URL, whatever their version; kCanonical: "|"
  // and a version was written.
  ReferenceForm form = ReferenceForm::kLocal;
  // kLocal: the types that `id` may have; one for "Patient/1" and ":Patient", else the parameter's
  // targets; empty: any.
  std::vector<TypeId> types;
  std::string id;
  std::string version;  // "_history/3" or, of a canonical, what followed "|". Empty: any.
  std::string url;      // kUrl, kCanonical.
  friend bool operator==(const ReferenceTerm&, const ReferenceTerm&) = default;
};

// How ranges are compared, v being the resource's and q the query's (half-open):
//   eq  q contains v          gt  v.high > q.high     sa  v.low >= q.high
//   ne  not eq                lt  v.low < q.low       eb  v.high <= q.low
//   ap  v overlaps q          ge  v.high > q.low      le  v.low < q.high
struct DateTerm {
  Prefix prefix = Prefix::kEq;
  TimeRange range;  // For ap already widened by a tenth of its distance from now.
  friend bool operator==(const DateTerm&, const DateTerm&) = default;
};

// Keys of decimal.h, both included: for eq, ne and ap the range (ap: a tenth to each side), for the
// others the number itself in both, because their precision is ignored:
//   eq  low <= v.low and v.high <= high     gt  v.high > low    sa  v.low > low
//   ne  not eq                              lt  v.low < low     eb  v.high < low
//   ap  v.high >= low and v.low <= high     ge  v.high >= low   le  v.low <= low
struct NumberTerm {
  Prefix prefix = Prefix::kEq;
  std::string low;
  std::string high;
  friend bool operator==(const NumberTerm&, const NumberTerm&) = default;
};

struct QuantityTerm {
  NumberTerm number;
  SystemMatch match = SystemMatch::kAny;  // kAny with a code: `5.4||mg`, code or unit.
  std::string system;
  std::string code;            // Empty: any unit.
  std::string canonical_unit;  // UCUM alone, when convertible: compare `canonical` with all values
  NumberTerm canonical;        // of that canonical unit, whatever their code.
  friend bool operator==(const QuantityTerm&, const QuantityTerm&) = default;
};

struct NearTerm {
  double latitude = 0;
  double longitude = 0;
  double distance_m = 0;
  friend bool operator==(const NearTerm&, const NearTerm&) = default;
};

// _text and _content: one word, folded, or the beginning of one ("bon*").
struct WordTerm {
  std::string word;
  bool prefix = false;
  friend bool operator==(const WordTerm&, const WordTerm&) = default;
};

struct QueryTerm;
// One term for each component, in their order.
struct CompositeTerm {
  std::vector<QueryTerm> components;
};

struct QueryTerm {
  std::variant<TokenTerm, OfTypeTerm, StringTerm, UriTerm, ReferenceTerm, DateTerm, NumberTerm,
               QuantityTerm, NearTerm, WordTerm, CompositeTerm>
      value;
  std::string text;  // As written, escapes kept: what serialisation repeats.
};
bool operator==(const QueryTerm& a, const QueryTerm& b);
inline bool operator==(const CompositeTerm& a, const CompositeTerm& b) {
  return a.components == b.components;
}

enum class Compatibility : uint8_t { kFhir, kHealthLake };  // Of the data store.

// ---- Criteria ----

struct Criterion {
  enum class Kind : uint8_t {
    kCompare,  // `parameter` of this resource against `terms`: any of them.
    kChain,    // `parameter` (a reference) leads to a resource for which one of `operands` holds:
               // one operand for each type that it may have.
    kHas,      // A resource for which the one operand holds refers to this one by its `parameter`.
    kAnd,      // All operands, of the same resource.
    kOr,       // Any operand.
    kNot,      // Not the one operand.
  };
  Kind kind = Kind::kCompare;
  // Of the resource that is judged; others do not meet it. kNoType: any (system level).
  TypeId type = kNoType;
  ParameterNumber parameter = kNoParameter;  // kHas: of the type operands[0].type.
  SearchType search_type = SearchType::kSpecial;
  std::string code;  // The parameter's.
  Modifier modifier = Modifier::kNone;
  bool missing = false;             // With kMissing: true: the resource has no value.
  std::vector<QueryTerm> terms;     // kCompare without kMissing: at least one.
  std::vector<Criterion> operands;  // See kind.
  friend bool operator==(const Criterion&, const Criterion&);
};

// What was written, for links and messages, beside what it means.
struct StatedCriterion {
  std::string name;   // Decoded: "subject:Patient.name", "_filter", "_list".
  std::string value;  // Decoded, escapes kept.
  Criterion criterion;
  friend bool operator==(const StatedCriterion&, const StatedCriterion&) = default;
};

// ---- Results ----

enum class Total : uint8_t { kUnstated, kNone, kEstimate, kAccurate };
enum class Summary : uint8_t { kFalse, kTrue, kText, kData, kCount };
enum class Contained : uint8_t { kFalse, kTrue, kBoth };
enum class ContainedType : uint8_t { kContainer, kContained };

struct SortKey {
  ParameterNumber parameter = kNoParameter;  // kNoParameter: relevance (`_score`).
  SearchType search_type = SearchType::kSpecial;
  std::string code;
  bool descending = false;
  friend bool operator==(const SortKey&, const SortKey&) = default;
};

struct Include {
  bool reverse = false;                      // _revinclude
  bool iterate = false;                      // :iterate (and :recurse, its older name)
  TypeId source = kNoType;                   // kNoType: "*", every type.
  ParameterNumber parameter = kNoParameter;  // kNoParameter: "*", every reference parameter.
  TypeId target = kNoType;                   // kNoType: any.
  std::string text;                          // As written.
  friend bool operator==(const Include&, const Include&) = default;
};

struct Compartment {
  TypeId type = kNoType;
  std::string id;
  friend bool operator==(const Compartment&, const Compartment&) = default;
};

struct SearchQuery {
  std::vector<TypeId> types;  // Type level: one. System level: those of _type; empty: all.
  bool system_level = false;
  std::optional<Compartment> compartment;
  std::vector<StatedCriterion> criteria;  // All must hold.
  std::vector<SortKey> sort;              // Most significant first. Empty: the server's own order.
  std::optional<uint32_t> count;          // 0 is Summary::kCount, and said so there.
  Total total = Total::kUnstated;
  Summary summary = Summary::kFalse;
  std::vector<std::string> elements;
  Contained contained = Contained::kFalse;
  ContainedType contained_type = ContainedType::kContainer;
  std::vector<Include> includes;
  std::string page_token;  // `page`: as given, not yet authenticated.
  bool explain = false;    // `_explain=true`.
  friend bool operator==(const SearchQuery&, const SearchQuery&) = default;
};

// Whether searches take the parameter that resources of `type` (kNoType: of all types) have under
// that code; what they lack, they refuse by name.
bool IsServedParameter(TypeId type, std::string_view code, Compatibility compatibility);

// ---- Parsing ----

enum class Handling : uint8_t { kStrict, kLenient };  // Prefer: handling=...

struct SearchContext {
  const SearchParameterSet* parameters = nullptr;  // Not null. Must outlive the call.
  Handling handling = Handling::kStrict;
  Compatibility compatibility = Compatibility::kFhir;
  int64_t now_us = 0;                  // For ap.
  std::vector<std::string> base_urls;  // As ExtractorOptions.
  std::string own_path;                // As ResourceTimes.
};

struct SearchTarget {
  TypeId type = kNoType;                   // kNoType: system level, or all types of a compartment.
  std::optional<Compartment> compartment;  // GET [base]/Patient/1/Observation
};

struct ParsedSearch {
  SearchQuery query;
  // Not empty: the query must not be run; answer 400 with these. Each names the parameter
  // (expression "http.<name>"), what is wrong and what would have been accepted.
  std::vector<Issue> errors;
  // With Handling::kLenient: what was left out, as warnings for the result.
  std::vector<Issue> warnings;
};

// `query` is what follows '?', `form` a body of application/x-www-form-urlencoded; both are used.
// `_format` and `_pretty` are the caller's and skipped here.
ParsedSearch ParseSearch(std::string_view query, std::string_view form, const SearchTarget& target,
                         const SearchContext& context);

// The criteria alone, as in If-None-Exist and conditional references: result parameters are
// refused.
ParsedSearch ParseCriteria(std::string_view query, TypeId type, const SearchContext& context);

// The query string of `query` without '?', parameters in one order, percent-encoded, without the
// page token: parsing it gives `query` again. `_type` and the rest are included, the target's own
// type and compartment belong to the path.
std::string SearchQueryText(const SearchQuery& query);

}  // namespace tarn::fhir
