#include "fhir/search_query.h"

#include <algorithm>
#include <utility>

#include "base/uri.h"
#include "fhir/internal/query_parser.h"
#include "fhir/internal/value_sink.h"

namespace tarn::fhir {
namespace {

using internal::IssueCode;

constexpr std::string_view kPrefixTexts[] = {"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"};

struct Parameter {
  std::string name;
  std::string value;
};

// Unknown names may be anything: they are shown, but not at any length, and never with line breaks.
std::string Shown(std::string_view name) {
  constexpr size_t kShownBytes = 80;
  std::string out(name.substr(0, kShownBytes));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<uint8_t>(c) < ' '; }, ' ');
  return out;
}

Issue IssueOf(std::string_view name, const Error& error) {
  Issue out;
  out.code = IssueCode(error.kind);
  out.diagnostics = Shown(name) + ": " + error.detail;
  out.expression = "http." + Shown(name);
  return out;
}

class SearchParser {
 public:
  SearchParser(const SearchTarget& target, const SearchContext& context, ParsedSearch* out)
      : context_(context),
        base_urls_(internal::NormalBaseUrls(context.base_urls)),
        criteria_({&context_, &base_urls_}),
        out_(*out) {
    out_.query.compartment = target.compartment;
    out_.query.system_level = target.type == kNoType;
    if (target.type != kNoType) out_.query.types = {target.type};
  }

  void TakeText(std::string_view text) {
    if (text.size() > kQueryBytesMax) {
      return Fail("_", {ErrorKind::kTooLarge,
                        "the query is longer than " + std::to_string(kQueryBytesMax) + " bytes"});
    }
    auto parsed = ParseQuery(text);
    if (!parsed.ok()) return Fail("_", parsed.error());
    for (auto& [name, value] : parsed.value()) {
      parameters_.push_back({std::move(name), std::move(value)});
    }
  }

  void Run(bool results_allowed) {
    if (!out_.errors.empty()) return;
    // Types decide what the other parameters mean, and the query's own count before its summary.
    for (const Parameter& parameter : parameters_) {
      if (parameter.name == "_type") TakeTypes(parameter);
    }
    for (const Parameter& parameter : parameters_) {
      if (parameter.name != "_type") Take(parameter, results_allowed);
    }
    if (!out_.errors.empty()) return;
    // R4, section 3.1.1.5.3: zero is a count.
    if (out_.query.count == 0u) out_.query.summary = Summary::kCount;
    for (Issue& issue : internal::CheckResultParameters(out_.query, context_)) {
      out_.errors.push_back(std::move(issue));
    }
  }

 private:
  void Fail(std::string_view name, const Error& error) {
    const bool lenient = context_.handling == Handling::kLenient;
    Issue issue = IssueOf(name, error);
    if (lenient && error.kind == ErrorKind::kNotFound) {
      issue.severity = "warning";
      issue.diagnostics += "; it was ignored";
      out_.warnings.push_back(std::move(issue));
    } else {
      out_.errors.push_back(std::move(issue));
    }
  }

  void TakeTypes(const Parameter& parameter) {
    std::vector<TypeId> types;
    for (const std::string_view name : internal::SplitEscaped(parameter.value, ',')) {
      const auto type = internal::ParseType(name);
      if (!type.ok()) return Fail("_type", type.error());
      types.push_back(type.value());
    }
    std::sort(types.begin(), types.end());
    types.erase(std::unique(types.begin(), types.end()), types.end());
    if (!out_.query.system_level) {
      if (types == out_.query.types) return;
      return Fail("_type", Invalid("the path names another type already"));
    }
    if (!out_.query.types.empty() && types != out_.query.types) {
      return Fail("_type", Invalid("it is given twice; expected one list of types"));
    }
    out_.query.types = std::move(types);
  }

  void Take(const Parameter& parameter, bool results_allowed) {
    const std::string_view name = parameter.name;
    if (name == "_format") return;
    if (name == "_pretty") {
      const bool sound = parameter.value == "true" || parameter.value == "false";
      if (!sound && context_.handling == Handling::kStrict) {
        Fail(name, Invalid("expected true or false"));
      }
      return;
    }
    const size_t colon = name.find(':');
    const std::string_view bare = name.substr(0, colon);
    if (!internal::IsResultParameter(bare)) return TakeCriterion(parameter);
    if (!results_allowed) {
      return Fail(name, Invalid("a condition takes search criteria alone"));
    }
    if (!TakeOnce(parameter, bare)) return;
    const std::string_view modifier = colon == name.npos ? "" : name.substr(colon + 1);
    const Status status =
        internal::ParseResultParameter(bare, modifier, parameter.value, context_, &out_.query);
    if (!status.ok()) Fail(name, status.error());
  }

  // Lists may be given in parts, single values not twice.
  bool TakeOnce(const Parameter& parameter, std::string_view bare) {
    if (bare == "_include" || bare == "_revinclude" || bare == "_sort" || bare == "_elements") {
      return true;
    }
    for (const Parameter& other : parameters_) {
      if (&other == &parameter) return true;
      if (other.name != parameter.name) continue;
      if (other.value != parameter.value) Fail(bare, Invalid("it is given twice, differently"));
      return false;
    }
    return true;
  }

  void TakeCriterion(const Parameter& parameter) {
    auto criterion = criteria_.ParseFor(out_.query.types, parameter.name, parameter.value);
    if (!criterion.ok()) return Fail(parameter.name, criterion.error());
    out_.query.criteria.push_back({parameter.name, parameter.value, std::move(criterion).value()});
  }

  SearchContext context_;
  std::vector<std::string> base_urls_;
  internal::CriterionParser criteria_;
  ParsedSearch& out_;
  std::vector<Parameter> parameters_;
};

// Readable where that is safe: ':' ',' '/' '$' '*' stay.
std::string EncodeComponent(std::string_view text) {
  std::string out;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const bool kept = i < text.size() && std::string_view(":,/$*").find(text[i]) != text.npos;
    if (!kept && i < text.size()) continue;
    out += PercentEncode(text.substr(begin, i - begin));
    if (kept) out.push_back(text[i]);
    begin = i + 1;
  }
  return out;
}

class QueryWriter {
 public:
  void Add(std::string_view name, std::string_view value) {
    if (!out_.empty()) out_.push_back('&');
    out_ += EncodeComponent(name) + "=" + EncodeComponent(value);
  }
  template <typename Value>
  void AddNamed(std::string_view name, Value value, std::initializer_list<std::string_view> texts) {
    const std::string_view text = texts.begin()[static_cast<size_t>(value)];
    if (!text.empty()) Add(name, text);
  }
  template <typename Item, typename Text>
  void AddList(std::string_view name, const std::vector<Item>& items, Text text) {
    std::string list;
    for (const Item& item : items) {
      if (!list.empty()) list.push_back(',');
      list += text(item);
    }
    if (!list.empty()) Add(name, list);
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace

std::string_view PrefixText(Prefix prefix) { return kPrefixTexts[static_cast<size_t>(prefix)]; }

std::string_view ModifierText(Modifier modifier) {
  switch (modifier) {
    case Modifier::kNone:
      return "";
    case Modifier::kMissing:
      return "missing";
    case Modifier::kExact:
      return "exact";
    case Modifier::kContains:
      return "contains";
    case Modifier::kEndsWith:
      return "ends-with";
    case Modifier::kEquals:
      return "equals";
    case Modifier::kNot:
      return "not";
    case Modifier::kText:
      return "text";
    case Modifier::kIdentifier:
      return "identifier";
    case Modifier::kOfType:
      return "of-type";
    case Modifier::kIn:
      return "in";
    case Modifier::kNotIn:
      return "not-in";
    case Modifier::kBelow:
      return "below";
    case Modifier::kAbove:
      return "above";
  }
  return "";
}

bool operator==(const QueryTerm& a, const QueryTerm& b) {
  return a.text == b.text && a.value == b.value;
}

bool operator==(const Criterion& a, const Criterion& b) {
  return a.kind == b.kind && a.type == b.type && a.parameter == b.parameter &&
         a.search_type == b.search_type && a.code == b.code && a.modifier == b.modifier &&
         a.missing == b.missing && a.terms == b.terms && a.operands == b.operands;
}

ParsedSearch ParseSearch(std::string_view query, std::string_view form, const SearchTarget& target,
                         const SearchContext& context) {
  ParsedSearch out;
  SearchParser parser(target, context, &out);
  parser.TakeText(query);
  parser.TakeText(form);
  parser.Run(true);
  return out;
}

ParsedSearch ParseCriteria(std::string_view query, TypeId type, const SearchContext& context) {
  ParsedSearch out;
  SearchTarget target;
  target.type = type;
  SearchParser parser(target, context, &out);
  parser.TakeText(query);
  parser.Run(false);
  return out;
}

std::string SearchQueryText(const SearchQuery& query) {
  QueryWriter out;
  for (const StatedCriterion& criterion : query.criteria) out.Add(criterion.name, criterion.value);
  if (query.system_level) {
    out.AddList("_type", query.types, [](TypeId type) { return std::string(TypeName(type)); });
  }
  out.AddList("_sort", query.sort,
              [](const SortKey& key) { return (key.descending ? "-" : "") + key.code; });
  if (query.count) out.Add("_count", std::to_string(*query.count));
  out.AddNamed("_total", query.total, {"", "none", "estimate", "accurate"});
  const bool count_says_it = query.count == 0u && query.summary == Summary::kCount;
  if (!count_says_it)
    out.AddNamed("_summary", query.summary, {"", "true", "text", "data", "count"});
  out.AddList("_elements", query.elements, [](const std::string& name) { return name; });
  out.AddNamed("_contained", query.contained, {"", "true", "both"});
  out.AddNamed("_containedType", query.contained_type, {"", "contained"});
  for (const Include& include : query.includes) {
    std::string name = include.reverse ? "_revinclude" : "_include";
    if (include.iterate) name += ":iterate";
    out.Add(name, include.text);
  }
  if (query.explain) out.Add("_explain", "true");
  return out.Take();
}

}  // namespace tarn::fhir
