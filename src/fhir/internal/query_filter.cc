// _filter: a language of its own over the same parameters.
// Spec: FHIR R4 "_filter Parameter" (search_filter.html): operators are evaluated from left to
// right, without precedence of `and`.
#include <algorithm>
#include <utility>

#include "fhir/internal/query_parser.h"
#include "json/document.h"
#include "json/value.h"

namespace tarn::fhir::internal {
namespace {

enum class Operator : uint8_t {
  kEq,
  kNe,
  kCo,
  kSw,
  kEw,
  kGt,
  kLt,
  kGe,
  kLe,
  kAp,
  kSa,
  kEb,
  kPr,
  kPo,
  kSs,
  kSb,
  kIn,
  kNi,
  kRe,
};
constexpr std::string_view kOperators[] = {"eq", "ne", "co", "sw", "ew", "gt", "lt",
                                           "ge", "le", "ap", "sa", "eb", "pr", "po",
                                           "ss", "sb", "in", "ni", "re"};

// Names that stand for systems (search_filter.html, note on tokens).
constexpr std::pair<std::string_view, std::string_view> kSystems[] = {
    {"loinc|", "http://loinc.org|"},
    {"snomed|", "http://snomed.info/sct|"},
    {"rxnorm|", "http://www.nlm.nih.gov/research/umls/rxnorm|"},
    {"ucum|", "http://unitsofmeasure.org|"}};

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == ':';
}

}  // namespace

class FilterParser {
 public:
  FilterParser(CriterionParser* parser, std::string_view text) : parser_(*parser), rest_(text) {}

  Result<Criterion> Parse(TypeId type, size_t depth) {
    TRY(Criterion out, Filter(type, depth));
    SkipSpaces();
    if (!rest_.empty()) return Invalid("the filter goes on after its end; expected and, or");
    return out;
  }

 private:
  Result<Criterion> Filter(TypeId type, size_t depth) {
    if (depth > kQueryDepthMax) {
      return Error{ErrorKind::kTooLarge, "the filter is nested too deeply"};
    }
    TRY(Criterion out, Operand(type, depth));
    for (;;) {
      const bool both = TakeWord("and");
      if (!both && !TakeWord("or")) return out;
      TRY(Criterion right, Operand(type, depth));
      const auto kind = both ? Criterion::Kind::kAnd : Criterion::Kind::kOr;
      // `a and b and c` is one conjunction; a change of operator nests what stands to the left.
      if (out.kind != kind) {
        Criterion group;
        group.kind = kind;
        group.type = type;
        group.operands.push_back(std::move(out));
        out = std::move(group);
      }
      out.operands.push_back(std::move(right));
    }
  }

  Result<Criterion> Operand(TypeId type, size_t depth) {
    TRY(parser_.budget_.TakeCriterion());
    const std::string_view before = rest_;
    if (TakeWord("not")) {
      SkipSpaces();
      if (Take('(')) {
        TRY(Criterion inner, Closed(type, depth + 1, ')'));
        return Negated(std::move(inner));
      }
      rest_ = before;  // A parameter may be called so.
    }
    SkipSpaces();
    if (Take('(')) return Closed(type, depth + 1, ')');
    return Comparison(type, depth);
  }

  Result<Criterion> Closed(TypeId type, size_t depth, char end) {
    TRY(Criterion out, Filter(type, depth));
    SkipSpaces();
    if (!Take(end)) return Invalid(std::string("expected ") + end + ", and or or");
    return out;
  }

  // paramPath compareOp compValue
  Result<Criterion> Comparison(TypeId type, size_t depth) {
    if (depth > kQueryDepthMax) {
      return Error{ErrorKind::kTooLarge, "the filter is nested too deeply"};
    }
    const std::string_view name = TakeName();
    if (name.empty()) return Invalid("expected a search parameter");
    if (rest_.starts_with('[') || rest_.starts_with('.')) return Chain(type, name, depth);
    TRY(const ParameterInfo parameter, parser_.FindParameter(type, name));
    TRY(const Operator op, TakeOperator());
    TRY(const std::string value, TakeValue());
    return Compare(type, parameter, op, value);
  }

  // name.rest and name[filter].rest: the same resource meets the filter and the rest. What follows
  // is read once for each type that the reference may lead to.
  Result<Criterion> Chain(TypeId type, std::string_view name, size_t depth) {
    const size_t colon = name.find(':');
    TRY(const ParameterInfo parameter, parser_.FindParameter(type, name.substr(0, colon)));
    if (parameter.type != SearchType::kReference) {
      return Error{ErrorKind::kUnsupported, "only reference parameters can be followed by [ or ."};
    }
    TypeId only = kNoType;
    if (colon != name.npos) {
      TRY(only, ParseType(name.substr(colon + 1)));
    }
    TRY(const std::vector<TypeId> targets, parser_.TargetsOf(parameter, only));
    Criterion out = parser_.Begin(Criterion::Kind::kChain, type, parameter);
    std::optional<Error> first;
    const std::string_view begin = rest_;
    std::string_view end = rest_;
    for (const TypeId target : targets) {
      rest_ = begin;
      auto operand = Step(target, depth + 1);
      if (operand.ok()) {
        out.operands.push_back(std::move(operand).value());
        end = rest_;
      } else if (operand.error().kind == ErrorKind::kTooLarge) {
        return std::move(operand).error();
      } else if (!first || first->kind == ErrorKind::kNotFound) {
        first = std::move(operand).error();
      }
    }
    if (out.operands.empty()) return *std::move(first);
    rest_ = end;
    return out;
  }

  Result<Criterion> Step(TypeId target, size_t depth) {
    TRY(parser_.budget_.TakeCriterion());
    Criterion both;
    both.kind = Criterion::Kind::kAnd;
    both.type = target;
    if (Take('[')) {
      TRY(Criterion filter, Closed(target, depth, ']'));
      both.operands.push_back(std::move(filter));
    }
    if (!Take('.')) return Invalid("expected . and a search parameter");
    TRY(Criterion rest, Comparison(target, depth));
    if (both.operands.empty()) return rest;
    both.operands.push_back(std::move(rest));
    return both;
  }

  Result<Criterion> Compare(TypeId type, const ParameterInfo& parameter, Operator op,
                            const std::string& value) {
    Criterion out = parser_.Begin(Criterion::Kind::kCompare, type, parameter);
    if (op == Operator::kPr) {
      if (value != "true" && value != "false") return Invalid("pr expects true or false");
      out.modifier = Modifier::kMissing;
      out.missing = value == "false";
      return out;
    }
    TRY(parser_.budget_.TakeTerms(1));
    TRY(const Plan plan, PlanOf(parameter, op));
    out.modifier = plan.modifier;
    const bool text = parameter.type == SearchType::kString;
    std::string escaped = EscapeTerm(value, text ? Bars::kEscape : Bars::kKeep);
    for (const auto& [name, system] : kSystems) {
      if (escaped.starts_with(name)) escaped.replace(0, name.size(), system);
    }
    if (plan.prefixed) escaped.insert(0, kOperators[static_cast<size_t>(plan.prefix)]);
    TRY(QueryTerm term, ParseTerm(parameter, plan.modifier, kNoType, escaped, parser_.rules_));
    out.terms.push_back(std::move(term));
    if (op == Operator::kPo) std::get<DateTerm>(out.terms[0].value).prefix = Prefix::kAp;
    return plan.negated ? Negated(std::move(out)) : std::move(out);
  }

  // What an operator means for a parameter type, in the terms of an ordinary search.
  struct Plan {
    Modifier modifier = Modifier::kNone;
    Operator prefix = Operator::kEq;
    bool prefixed = false;  // The value gets `prefix` before it.
    bool negated = false;
  };

  static Result<Plan> PlanOf(const ParameterInfo& parameter, Operator op) {
    const Error refused = {ErrorKind::kUnsupported,
                           "the operator " + std::string(kOperators[static_cast<size_t>(op)]) +
                               " is not supported for parameters of type " +
                               std::string(SearchTypeName(parameter.type))};
    Plan out;
    switch (parameter.type) {
      case SearchType::kNumber:
      case SearchType::kQuantity:
      case SearchType::kDate: {
        constexpr Operator kPrefixes[] = {Operator::kEq, Operator::kNe, Operator::kGt,
                                          Operator::kLt, Operator::kGe, Operator::kLe,
                                          Operator::kAp, Operator::kSa, Operator::kEb};
        out.prefix = op;
        out.prefixed =
            std::find(std::begin(kPrefixes), std::end(kPrefixes), op) != std::end(kPrefixes);
        const bool overlaps = op == Operator::kPo && parameter.type == SearchType::kDate;
        return out.prefixed || overlaps ? Result<Plan>(out) : refused;
      }
      case SearchType::kString:
        return TextPlan(parameter, op, refused);
      case SearchType::kToken:
        out.modifier = op == Operator::kSs   ? Modifier::kAbove
                       : op == Operator::kSb ? Modifier::kBelow
                       : op == Operator::kIn ? Modifier::kIn
                       : op == Operator::kNi ? Modifier::kNotIn
                                             : Modifier::kNone;
        out.negated = op == Operator::kNe;
        return out.modifier != Modifier::kNone || op == Operator::kEq || out.negated
                   ? Result<Plan>(out)
                   : refused;
      case SearchType::kReference:
        out.negated = op == Operator::kNe;
        return op == Operator::kRe || op == Operator::kEq || out.negated ? Result<Plan>(out)
                                                                         : refused;
      case SearchType::kUri:
        out.negated = op == Operator::kNe;
        return op == Operator::kEq || out.negated ? Result<Plan>(out) : refused;
      case SearchType::kComposite:
      case SearchType::kSpecial:
        break;
    }
    return refused;
  }

  static Result<Plan> TextPlan(const ParameterInfo& parameter, Operator op, const Error& refused) {
    // Words are no texts: _text and _content are searched by their own parameters.
    if (parameter.expression.empty()) return refused;
    Plan out;
    switch (op) {
      case Operator::kEq:
      case Operator::kNe:
        out.modifier = Modifier::kEquals;
        out.negated = op == Operator::kNe;
        return out;
      case Operator::kCo:
        out.modifier = Modifier::kContains;
        return out;
      case Operator::kSw:
        return out;
      case Operator::kEw:
        out.modifier = Modifier::kEndsWith;
        return out;
      default:
        return refused;
    }
  }

  static Criterion Negated(Criterion inner) {
    Criterion out;
    out.kind = Criterion::Kind::kNot;
    out.type = inner.type;
    out.operands.push_back(std::move(inner));
    return out;
  }

  Result<Operator> TakeOperator() {
    SkipSpaces();
    for (size_t i = 0; i < std::size(kOperators); ++i) {
      if (TakeWord(kOperators[i])) return static_cast<Operator>(i);
    }
    return Invalid(
        "expected an operator: eq, ne, co, sw, ew, gt, lt, ge, le, ap, sa, eb, pr, po, "
        "ss, sb, in, ni or re");
  }

  Result<std::string> TakeValue() {
    SkipSpaces();
    if (rest_.starts_with('"')) return TakeString();
    const size_t end = std::min(rest_.find_first_of(" \t\r\n)]"), rest_.size());
    if (end == 0) return Invalid("expected a value");
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return out;
  }

  // A JSON string.
  Result<std::string> TakeString() {
    size_t end = 1;
    while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size()) return Invalid("a string is not closed");
    auto value = json::ParseValue(rest_.substr(0, end + 1));
    if (!value.ok() || value.value().AsString().empty()) {
      return Invalid("expected a JSON string that is not empty");
    }
    rest_.remove_prefix(end + 1);
    return value.value().AsString();
  }

  std::string_view TakeName() {
    SkipSpaces();
    size_t end = 0;
    while (end < rest_.size() && IsNameCharacter(rest_[end])) ++end;
    const std::string_view name = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return name;
  }

  void SkipSpaces() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }
  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // A whole word, after spaces.
  bool TakeWord(std::string_view word) {
    SkipSpaces();
    if (!rest_.starts_with(word)) return false;
    if (rest_.size() > word.size() && IsNameCharacter(rest_[word.size()])) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  CriterionParser& parser_;
  std::string_view rest_;
};

Result<Criterion> ParseFilterText(CriterionParser* parser, TypeId type, std::string_view text,
                                  size_t depth) {
  return FilterParser(parser, text).Parse(type, depth);
}

}  // namespace tarn::fhir::internal
