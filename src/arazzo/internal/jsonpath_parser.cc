// A recursive-descent parser, one function per production of RFC 9535 appendix A. White space is
// allowed only where the grammar has S, which is why there is no separate lexer.
#include <charconv>
#include <limits>
#include <utility>

#include "arazzo/internal/jsonpath_ast.h"
#include "arazzo/internal/text.h"
#include "arazzo/limits.h"
#include "base/utf8.h"

namespace tarn::arazzo::jsonpath {
namespace {

constexpr int64_t kIntegerMax = (int64_t{1} << 53) - 1;  // RFC 9535 2.1: I-JSON range.

struct FunctionRow {
  std::string_view name;
  Function function;
  Type result;
  std::vector<Type> parameters;
};

const std::vector<FunctionRow>& Functions() {
  static const std::vector<FunctionRow> rows = {
      {"length", Function::kLength, Type::kValue, {Type::kValue}},
      {"count", Function::kCount, Type::kValue, {Type::kNodes}},
      {"match", Function::kMatch, Type::kLogical, {Type::kValue, Type::kValue}},
      {"search", Function::kSearch, Type::kLogical, {Type::kValue, Type::kValue}},
      {"value", Function::kValue, Type::kValue, {Type::kNodes}},
  };
  return rows;
}

const FunctionRow& RowOf(Function function) { return Functions()[static_cast<size_t>(function)]; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsNameFirst(char c) { return IsAlpha(c) || c == '_' || static_cast<uint8_t>(c) >= 0x80; }

class Parser {
 public:
  Parser(std::string_view text, bool length_fallback)
      : text_(text), length_fallback_(length_fallback) {}

  Result<Query> WholeQuery() {
    TRY(CheckText());
    if (Peek() != '$') return Expected("'$'");
    Query query;
    TRY(query, ParseQuery());
    if (!AtEnd()) return Expected("the end of the query");
    return query;
  }

  Result<Expression> WholeCondition() {
    TRY(CheckText());
    SkipBlank();
    TRY(Expression expression, ParseOr());
    SkipBlank();
    if (!AtEnd()) return Expected("the end of the condition");
    return expression;
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool Take(char c) {
    if (AtEnd() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void SkipBlank() {
    while (!AtEnd() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  Error Expected(std::string_view what) const {
    return Invalid("byte " + std::to_string(at_) + ": expected " + std::string(what));
  }
  Error TooDeep() const {
    return {ErrorKind::kTooLarge, "nested more than " + std::to_string(kJsonPathDepthMax) +
                                      " deep at byte " + std::to_string(at_)};
  }

  Status CheckText() const {
    if (text_.size() > kJsonPathBytesMax) {
      return Error{ErrorKind::kTooLarge,
                   "a query may have " + std::to_string(kJsonPathBytesMax) + " bytes"};
    }
    if (!IsUtf8(text_)) return Invalid("the query is not UTF-8");
    return Ok();
  }

  // ("$" / "@") segments; the caller has seen the first character.
  Result<Query> ParseQuery() {
    if (++depth_ > kJsonPathDepthMax) return TooDeep();
    Query query;
    query.relative = Peek() == '@';
    ++at_;
    for (;;) {
      const size_t before = at_;
      SkipBlank();
      if (Peek() != '.' && Peek() != '[') {
        at_ = before;  // Blanks belong to a segment only when one follows.
        break;
      }
      TRY(Segment segment, ParseSegment());
      query.segments.push_back(std::move(segment));
    }
    --depth_;
    return query;
  }

  Result<Segment> ParseSegment() {
    Segment segment;
    if (Peek() == '[') {
      TRY(segment.selectors, ParseBracketed());
      return segment;
    }
    ++at_;  // '.'
    if (Take('.')) {
      segment.descendant = true;
      if (Peek() == '[') {
        TRY(segment.selectors, ParseBracketed());
        return segment;
      }
    }
    Selector selector;
    if (!Take('*')) {
      TRY(selector.name, ParseShorthandName());
      selector.kind = Selector::Kind::kName;
    }
    segment.selectors.push_back(std::move(selector));
    return segment;
  }

  Result<std::string> ParseShorthandName() {
    const size_t begin = at_;
    if (AtEnd() || !IsNameFirst(Peek())) return Expected("a member name, '*' or '['");
    while (!AtEnd() && (IsNameFirst(Peek()) || IsDigit(Peek()))) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::vector<Selector>> ParseBracketed() {
    ++at_;  // '['
    std::vector<Selector> selectors;
    for (;;) {
      SkipBlank();
      TRY(Selector selector, ParseSelector());
      selectors.push_back(std::move(selector));
      SkipBlank();
      if (Take(']')) return selectors;
      if (!Take(',')) return Expected("',' or ']'");
    }
  }

  Result<Selector> ParseSelector() {
    Selector selector;
    if (Peek() == '\'' || Peek() == '"') {
      selector.kind = Selector::Kind::kName;
      TRY(selector.name, ParseString());
      return selector;
    }
    if (Take('*')) return selector;
    if (Take('?')) {
      SkipBlank();
      selector.kind = Selector::Kind::kFilter;
      TRY(Expression filter, ParseOr());
      selector.filter = std::make_shared<const Expression>(std::move(filter));
      return selector;
    }
    return ParseIndexOrSlice();
  }

  Result<Selector> ParseIndexOrSlice() {
    Selector selector;
    std::optional<int64_t> first;
    if (Peek() != ':') {
      TRY(first, ParseInteger());
    }
    const size_t after_first = at_;
    SkipBlank();
    if (!Take(':')) {
      at_ = after_first;
      selector.kind = Selector::Kind::kIndex;
      selector.index = *first;
      return selector;
    }
    selector.kind = Selector::Kind::kSlice;
    selector.slice_start = first;
    SkipBlank();
    if (IsDigit(Peek()) || Peek() == '-') {
      TRY(selector.slice_end, ParseInteger());
      SkipBlank();
    }
    if (Take(':')) {
      SkipBlank();
      if (IsDigit(Peek()) || Peek() == '-') {
        TRY(selector.slice_step, ParseInteger());
      }
    }
    return selector;
  }

  // int = "0" / (["-"] DIGIT1 *DIGIT), within the I-JSON range.
  Result<int64_t> ParseInteger() {
    const size_t begin = at_;
    Take('-');
    if (!IsDigit(Peek())) return Expected("a selector");
    if (Peek() == '0' && (at_ > begin || IsDigit(Peek(1)))) {
      return Expected("an integer without leading zeros and without -0");
    }
    while (IsDigit(Peek())) ++at_;
    int64_t value = 0;
    const auto result = std::from_chars(text_.data() + begin, text_.data() + at_, value);
    if (result.ec != std::errc() || value > kIntegerMax || value < -kIntegerMax) {
      return Expected("an integer between -(2^53-1) and 2^53-1");
    }
    return value;
  }

  Result<std::string> ParseString() {
    const char quote = text_[at_++];
    std::string out;
    for (;;) {
      if (AtEnd()) return Expected("a closing quote");
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        return out;
      }
      if (static_cast<uint8_t>(c) < 0x20) return Expected("a control character to be escaped");
      ++at_;
      if (c != '\\') {
        out.push_back(c);
        continue;
      }
      TRY(ParseEscape(quote, &out));
    }
  }

  Status ParseEscape(char quote, std::string* out) {
    static constexpr std::string_view kEscapes = "bfnrt/\\";
    static constexpr std::string_view kMeanings = "\b\f\n\r\t/\\";
    const char c = Peek();
    if (const size_t which = kEscapes.find(c); !AtEnd() && which != kEscapes.npos) {
      out->push_back(kMeanings[which]);
      ++at_;
      return Ok();
    }
    if (!AtEnd() && c == quote) {
      out->push_back(c);
      ++at_;
      return Ok();
    }
    uint32_t code = 0;
    if (c != 'u' || !ReadHex4(text_, at_ + 1, &code)) return Expected("an escape sequence");
    at_ += 5;
    if (code >= 0xDC00 && code < 0xE000) return Expected("no lone low surrogate");
    if (code >= 0xD800 && code < 0xDC00) {
      uint32_t low = 0;
      if (Peek() != '\\' || Peek(1) != 'u' || !ReadHex4(text_, at_ + 2, &low) || low < 0xDC00 ||
          low >= 0xE000) {
        return Expected("a low surrogate");
      }
      at_ += 6;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(out, code);
    return Ok();
  }

  Result<Expression> ParseOr() {
    if (++depth_ > kJsonPathDepthMax) return TooDeep();
    TRY(Expression left, ParseAnd());
    Expression any;
    any.kind = Expression::Kind::kOr;
    any.operands.push_back(std::move(left));
    for (;;) {
      const size_t before = at_;
      SkipBlank();
      if (!TakeWord("||")) {
        at_ = before;
        break;
      }
      SkipBlank();
      TRY(Expression right, ParseAnd());
      any.operands.push_back(std::move(right));
    }
    --depth_;
    return any.operands.size() == 1 ? std::move(any.operands[0]) : std::move(any);
  }

  Result<Expression> ParseAnd() {
    TRY(Expression left, ParseBasic());
    Expression all;
    all.kind = Expression::Kind::kAnd;
    all.operands.push_back(std::move(left));
    for (;;) {
      const size_t before = at_;
      SkipBlank();
      if (!TakeWord("&&")) {
        at_ = before;
        break;
      }
      SkipBlank();
      TRY(Expression right, ParseBasic());
      all.operands.push_back(std::move(right));
    }
    return all.operands.size() == 1 ? std::move(all.operands[0]) : std::move(all);
  }

  // basic-expr = paren-expr / comparison-expr / test-expr
  Result<Expression> ParseBasic() {
    if (Take('!')) {
      SkipBlank();
      Expression negation;
      negation.kind = Expression::Kind::kNot;
      if (Peek() == '(') {
        TRY(Expression inner, ParseParenthesis());
        negation.operands.push_back(std::move(inner));
        return negation;
      }
      TRY(Expression test, ParsePrimary());
      TRY(CheckTest(test));
      negation.operands.push_back(std::move(test));
      return negation;
    }
    if (Peek() == '(') return ParseParenthesis();
    TRY(Expression left, ParsePrimary());
    const size_t before = at_;
    SkipBlank();
    const std::optional<Comparison> comparison = TakeComparison();
    if (!comparison.has_value()) {
      at_ = before;
      TRY(CheckTest(left));
      return left;
    }
    TRY(CheckComparable(left));
    SkipBlank();
    TRY(Expression right, ParsePrimary());
    TRY(CheckComparable(right));
    Expression compare;
    compare.kind = Expression::Kind::kCompare;
    compare.comparison = *comparison;
    compare.operands.push_back(std::move(left));
    compare.operands.push_back(std::move(right));
    return compare;
  }

  Result<Expression> ParseParenthesis() {
    ++at_;  // '('
    SkipBlank();
    TRY(Expression inner, ParseOr());
    SkipBlank();
    if (!Take(')')) return Expected("')'");
    return inner;
  }

  std::optional<Comparison> TakeComparison() {
    if (TakeWord("==")) return Comparison::kEq;
    if (TakeWord("!=")) return Comparison::kNe;
    if (TakeWord("<=")) return Comparison::kLe;
    if (TakeWord(">=")) return Comparison::kGe;
    if (Take('<')) return Comparison::kLt;
    if (Take('>')) return Comparison::kGt;
    return std::nullopt;
  }

  // A literal, a query or a function call.
  Result<Expression> ParsePrimary() {
    Expression expression;
    expression.length_fallback = length_fallback_;
    const char c = Peek();
    if (AtEnd()) return Expected("a value, a query or a function");
    if (c == '$' || c == '@') {
      expression.kind = Expression::Kind::kQuery;
      TRY(expression.query, ParseQuery());
      return expression;
    }
    if (c == '\'' || c == '"') {
      TRY(std::string text, ParseString());
      expression.literal = json::Value::String(std::move(text));
      return expression;
    }
    if (c == '-' || IsDigit(c)) {
      TRY(expression.literal, ParseNumber());
      return expression;
    }
    return ParseWord();
  }

  // number = (int / "-0") [ frac ] [ exp ], which is JSON's grammar.
  Result<json::Value> ParseNumber() {
    const size_t begin = at_;
    Take('-');
    if (!IsDigit(Peek())) return Expected("a digit");
    if (Take('0')) {
      if (IsDigit(Peek())) return Expected("a number without leading zeros");
    } else {
      while (IsDigit(Peek())) ++at_;
    }
    if (Take('.')) {
      if (!IsDigit(Peek())) return Expected("a digit after the decimal point");
      while (IsDigit(Peek())) ++at_;
    }
    if (Take('e') || Take('E')) {
      if (!Take('-')) Take('+');
      if (!IsDigit(Peek())) return Expected("a digit in the exponent");
      while (IsDigit(Peek())) ++at_;
    }
    constexpr size_t kNumberBytesMax = 64;
    if (at_ - begin > kNumberBytesMax) return Expected("a number of at most 64 characters");
    return json::Value::Number(std::string(text_.substr(begin, at_ - begin)));
  }

  // true, false, null or function-name "(" ... ")".
  Result<Expression> ParseWord() {
    const size_t begin = at_;
    while (IsAlpha(Peek()) || IsDigit(Peek()) || Peek() == '_') ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    Expression expression;
    if (Peek() != '(') {
      if (word == "true" || word == "false") {
        expression.literal = json::Value::Bool(word == "true");
        return expression;
      }
      if (word == "null") return expression;
      at_ = begin;
      return Expected("a value, a query or a function");
    }
    for (const FunctionRow& row : Functions()) {
      if (row.name == word) return ParseCall(row);
    }
    at_ = begin;
    return Expected("one of length, count, match, search, value");
  }

  Result<Expression> ParseCall(const FunctionRow& row) {
    if (++depth_ > kJsonPathDepthMax) return TooDeep();
    ++at_;  // '('
    Expression call;
    call.kind = Expression::Kind::kFunction;
    call.function = row.function;
    call.length_fallback = length_fallback_;
    for (size_t i = 0; i < row.parameters.size(); ++i) {
      SkipBlank();
      TRY(Expression argument, ParsePrimary());
      if (row.parameters[i] == Type::kValue) {
        TRY(CheckComparable(argument));
      } else if (argument.kind != Expression::Kind::kQuery) {
        return Expected("a query as argument of " + std::string(row.name) + "()");
      }
      call.operands.push_back(std::move(argument));
      SkipBlank();
      const bool last = i + 1 == row.parameters.size();
      if (!Take(last ? ')' : ',')) return Expected(last ? "')'" : "','");
    }
    const bool matches = row.function == Function::kMatch || row.function == Function::kSearch;
    if (matches && call.operands[1].kind == Expression::Kind::kLiteral) {
      call.has_literal_pattern = true;
      if (call.operands[1].literal.IsString()) {
        auto regex = Regex::FromIRegexp(call.operands[1].literal.AsString());
        if (regex.ok()) call.pattern = std::move(regex).value();
      }
    }
    --depth_;
    return call;
  }

  Status CheckComparable(const Expression& expression) const {
    if (expression.kind == Expression::Kind::kQuery && !expression.query.IsSingular()) {
      return Expected("a query that selects at most one value");
    }
    if (expression.kind == Expression::Kind::kFunction &&
        RowOf(expression.function).result != Type::kValue) {
      return Expected("a function that returns a value");
    }
    return Ok();
  }

  Status CheckTest(const Expression& expression) const {
    if (expression.kind == Expression::Kind::kLiteral) return Expected("a comparison");
    if (expression.kind == Expression::Kind::kFunction &&
        RowOf(expression.function).result == Type::kValue) {
      return Expected("a comparison of the function's value");
    }
    return Ok();
  }

  std::string_view text_;
  size_t at_ = 0;
  uint32_t depth_ = 0;
  bool length_fallback_;
};

}  // namespace

bool Query::IsSingular() const {
  for (const Segment& segment : segments) {
    if (segment.descendant || segment.selectors.size() != 1) return false;
    const Selector::Kind kind = segment.selectors[0].kind;
    if (kind != Selector::Kind::kName && kind != Selector::Kind::kIndex) return false;
  }
  return true;
}

Result<Query> ParseQueryText(std::string_view text) { return Parser(text, false).WholeQuery(); }

Result<Expression> ParseConditionText(std::string_view text) {
  return Parser(text, true).WholeCondition();
}

}  // namespace tarn::arazzo::jsonpath
