// The text searches _text and _content: words joined by AND (which may be left out), OR and NOT,
// with parentheses; "bon*" is any word that begins so.
#include <utility>

#include "fhir/internal/query_parser.h"
#include "fhir/text_fold.h"

namespace tarn::fhir::internal {
namespace {

// expression = conjunction ("OR" conjunction)*
// conjunction = operand (["AND"] operand)*
// operand = "NOT" operand | "(" expression ")" | word
class WordParser {
 public:
  WordParser(Criterion word, std::string_view text, QueryBudget* budget)
      : word_(std::move(word)), rest_(text), budget_(budget) {}

  Result<Criterion> Parse() {
    TRY(Criterion out, Expression(0));
    if (!Peek().empty()) return Invalid("a parenthesis is closed that was not opened");
    return out;
  }

 private:
  Result<Criterion> Expression(size_t depth) {
    if (depth > kQueryDepthMax) {
      return Error{ErrorKind::kTooLarge, "parentheses are nested too deeply"};
    }
    Criterion out = Group(Criterion::Kind::kOr);
    do {
      TRY(Criterion operand, Conjunction(depth));
      out.operands.push_back(std::move(operand));
    } while (Take("OR"));
    return Unwrapped(std::move(out));
  }

  Result<Criterion> Conjunction(size_t depth) {
    Criterion out = Group(Criterion::Kind::kAnd);
    for (;;) {
      TRY(Criterion operand, Operand(depth));
      out.operands.push_back(std::move(operand));
      const bool joined = Take("AND");
      const std::string_view next = Peek();
      if (!joined && (next.empty() || next == ")" || Is(next, "OR"))) break;
    }
    return Unwrapped(std::move(out));
  }

  Result<Criterion> Operand(size_t depth) {
    TRY(budget_->TakeCriterion());
    if (Take("NOT")) {
      if (depth > kQueryDepthMax) return Error{ErrorKind::kTooLarge, "NOT is nested too deeply"};
      Criterion out = Group(Criterion::Kind::kNot);
      TRY(Criterion operand, Operand(depth + 1));
      out.operands.push_back(std::move(operand));
      return out;
    }
    if (Take("(")) {
      TRY(Criterion out, Expression(depth + 1));
      if (!Take(")")) return Invalid("a parenthesis is not closed");
      return out;
    }
    const std::string_view text = Peek();
    const bool reserved = text.empty() || text == ")" || Is(text, "AND") || Is(text, "OR");
    if (reserved) return Invalid("expected words, AND, OR, NOT and parentheses");
    rest_.remove_prefix(static_cast<size_t>(text.data() - rest_.data()) + text.size());
    return Words(text);
  }

  // "x-ray" is two words that must both be there.
  Result<Criterion> Words(std::string_view text) {
    if (text.find('"') != text.npos) {
      return Error{ErrorKind::kUnsupported, "phrases in quotation marks are not supported"};
    }
    const bool prefix = text.ends_with('*');
    if (prefix) text.remove_suffix(1);
    Criterion out = Group(Criterion::Kind::kAnd);
    ForEachWord(Folded(text), [&](std::string_view word) {
      Criterion one = word_;
      one.terms.push_back({WordTerm{std::string(word), false}, std::string(word)});
      out.operands.push_back(std::move(one));
    });
    if (out.operands.empty()) return Invalid("expected a word with a letter or digit");
    std::get<WordTerm>(out.operands.back().terms[0].value).prefix = prefix;
    return Unwrapped(std::move(out));
  }

  Criterion Group(Criterion::Kind kind) const {
    Criterion out;
    out.kind = kind;
    out.type = word_.type;
    return out;
  }
  static Criterion Unwrapped(Criterion group) {
    if (group.operands.size() != 1) return group;
    Criterion only = std::move(group.operands[0]);
    return only;
  }

  static bool Is(std::string_view text, std::string_view keyword) {
    return text == keyword || CaseFolded(text) == CaseFolded(keyword);
  }
  // The next word or parenthesis, empty at the end.
  std::string_view Peek() const {
    std::string_view text = rest_;
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (text.starts_with('(') || text.starts_with(')')) return text.substr(0, 1);
    return text.substr(0, text.find_first_of(" ()"));
  }
  bool Take(std::string_view keyword) {
    const std::string_view text = Peek();
    if (text.empty() || !Is(text, keyword)) return false;
    rest_.remove_prefix(static_cast<size_t>(text.data() - rest_.data()) + text.size());
    return true;
  }

  Criterion word_;
  std::string_view rest_;
  QueryBudget* budget_;
};

}  // namespace

Result<Criterion> CriterionParser::ParseWords(TypeId type, const ParameterInfo& parameter,
                                              std::string_view value) {
  Criterion out;
  out.kind = Criterion::Kind::kOr;
  out.type = type;
  for (const std::string_view piece : SplitEscaped(value, ',')) {
    TRY(const std::string text, UnescapeTerm(piece));
    TRY(budget_.TakeTerms(1));
    TRY(Criterion operand,
        WordParser(Begin(Criterion::Kind::kCompare, type, parameter), text, &budget_).Parse());
    out.operands.push_back(std::move(operand));
  }
  if (out.operands.size() > 1) return out;
  Criterion only = std::move(out.operands[0]);
  return only;
}

}  // namespace tarn::fhir::internal
