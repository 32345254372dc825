// Where the specification is silent:
// - Strings compare without regard to ASCII case (the specification says case-insensitive; folding
//   all of Unicode would make the answer depend on a table's version).
// - A number and a text that is a number compare as numbers; true and false likewise with their
//   words. Two texts are ordered as numbers when both are, else as texts.
// - An operand without a value equals null and nothing else; every other comparison with it is an
//   error, so that neither `== 'x'` nor `!= 'x'` holds for what is not there.
// - A lone operand holds unless it is false, null, absent, 0 or "".
#include "arazzo/internal/simple_condition.h"

#include <utility>

#include "arazzo/internal/decimal.h"
#include "arazzo/internal/text.h"
#include "arazzo/limits.h"

namespace tarn::arazzo {
namespace {

using json::Value;
using Kind = SimpleCondition::Kind;
using Operator = SimpleCondition::Operator;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The length of the JSON number at the start of `text`, or 0.
size_t NumberLength(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    return at > begin;
  };
  const size_t first = at;
  if (!digits() || (text[first] == '0' && at - first > 1)) return 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return 0;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return 0;
  }
  return at;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<SimpleCondition> Run() {
    if (text_.size() > kConditionBytesMax) {
      return Error{ErrorKind::kTooLarge,
                   "a condition may have " + std::to_string(kConditionBytesMax) + " bytes"};
    }
    TRY(SimpleCondition condition, ParseOr(0));
    SkipBlank();
    if (at_ < text_.size()) return Expected("an operator or the end of the condition");
    condition.double_quoted = double_quoted_;
    return condition;
  }

 private:
  Error Expected(std::string_view what) const {
    return Invalid("the condition is malformed at character " + std::to_string(at_ + 1) +
                   ": expected " + std::string(what));
  }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipBlank() {
    while (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r') ++at_;
  }
  bool Take(std::string_view word) {
    SkipBlank();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Result<SimpleCondition> ParseOr(uint32_t depth) {
    if (depth > kConditionDepthMax) {
      return Error{ErrorKind::kTooLarge,
                   "a condition may nest " + std::to_string(kConditionDepthMax) + " deep"};
    }
    SimpleCondition any;
    any.kind = Kind::kOr;
    do {
      TRY(SimpleCondition part, ParseAnd(depth));
      any.operands.push_back(std::move(part));
    } while (Take("||"));
    return any.operands.size() == 1 ? std::move(any.operands[0]) : std::move(any);
  }

  Result<SimpleCondition> ParseAnd(uint32_t depth) {
    SimpleCondition all;
    all.kind = Kind::kAnd;
    do {
      TRY(SimpleCondition part, ParseComparison(depth));
      all.operands.push_back(std::move(part));
    } while (Take("&&"));
    return all.operands.size() == 1 ? std::move(all.operands[0]) : std::move(all);
  }

  Result<SimpleCondition> ParseComparison(uint32_t depth) {
    TRY(SimpleCondition left, ParseUnary(depth));
    struct Row {
      std::string_view text;
      Operator comparison;
    };
    static constexpr Row kOperators[] = {{"==", Operator::kEq}, {"!=", Operator::kNe},
                                         {"<=", Operator::kLe}, {">=", Operator::kGe},
                                         {"<", Operator::kLt},  {">", Operator::kGt}};
    for (const Row& row : kOperators) {
      if (!Take(row.text)) continue;
      TRY(SimpleCondition right, ParseUnary(depth));
      SimpleCondition compare;
      compare.kind = Kind::kCompare;
      compare.comparison = row.comparison;
      compare.operands.push_back(std::move(left));
      compare.operands.push_back(std::move(right));
      return compare;
    }
    return left;
  }

  Result<SimpleCondition> ParseUnary(uint32_t depth) {
    if (depth > kConditionDepthMax) return ParseOr(depth);  // Which says what is wrong.
    SkipBlank();
    if (Peek() == '!' && text_.substr(at_, 2) != "!=") {
      ++at_;
      TRY(SimpleCondition inner, ParseUnary(depth + 1));
      SimpleCondition negation;
      negation.kind = Kind::kNot;
      negation.operands.push_back(std::move(inner));
      return negation;
    }
    if (Take("(")) {
      TRY(SimpleCondition inner, ParseOr(depth + 1));
      if (!Take(")")) return Expected("')'");
      return inner;
    }
    return ParseOperand();
  }

  Result<SimpleCondition> ParseOperand() {
    SimpleCondition out;
    const std::string_view rest = text_.substr(at_);
    if (Peek() == '\'' || Peek() == '"') {
      TRY(std::string text, ParseString());
      out.literal = Value::String(std::move(text));
      return out;
    }
    if (Peek() == '$') {
      out.kind = Kind::kExpression;
      size_t length = 0;
      TRY(out.expression, ParseExpressionPrefix(rest, &length));
      at_ += length;
      return out;
    }
    if (const size_t length = NumberLength(rest); length != 0) {
      out.literal = Value::Number(std::string(rest.substr(0, length)));
      at_ += length;
      return out;
    }
    for (const auto& [word, value] :
         {std::pair("true", Value::Bool(true)), std::pair("false", Value::Bool(false)),
          std::pair("null", Value::Null())}) {
      if (!Take(word)) continue;
      out.literal = value;
      return out;
    }
    return Expected("an expression, a 'text', a number, true, false or null");
  }

  // A quote inside the text is written twice.
  Result<std::string> ParseString() {
    const char quote = text_[at_++];
    if (quote == '"') double_quoted_ = true;
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c != quote) {
        out.push_back(c);
      } else if (Peek() == quote) {
        out.push_back(c);
        ++at_;
      } else {
        return out;
      }
    }
    return Expected("a closing quote");
  }

  std::string_view text_;
  size_t at_ = 0;
  bool double_quoted_ = false;
};

std::optional<Decimal> AsNumber(const Value& value) {
  if (value.IsNumber()) return ParseDecimal(value.NumberToken());
  if (!value.IsString()) return std::nullopt;
  const std::string& text = value.AsString();
  if (text.empty() || NumberLength(text) != text.size()) return std::nullopt;
  return ParseDecimal(text);
}

std::optional<bool> AsBool(const Value& value) {
  if (value.IsBool()) return value.AsBool();
  if (!value.IsString()) return std::nullopt;
  if (EqualsIgnoreAsciiCase(value.AsString(), "true")) return true;
  if (EqualsIgnoreAsciiCase(value.AsString(), "false")) return false;
  return std::nullopt;
}

bool AreEqual(const Value& a, const Value& b) {
  if (a.IsNull() || b.IsNull()) return a.IsNull() && b.IsNull();
  if (a.IsNumber() || b.IsNumber()) {
    const auto x = AsNumber(a);
    const auto y = AsNumber(b);
    return x.has_value() && y.has_value() && CompareDecimals(*x, *y) == 0;
  }
  if (a.IsBool() || b.IsBool()) {
    const auto x = AsBool(a);
    const auto y = AsBool(b);
    return x.has_value() && y.has_value() && *x == *y;
  }
  if (a.IsString() && b.IsString()) return EqualsIgnoreAsciiCase(a.AsString(), b.AsString());
  return a == b;
}

Result<int> OrderOf(const Value& a, const Value& b) {
  const auto x = AsNumber(a);
  const auto y = AsNumber(b);
  if (x.has_value() && y.has_value()) return CompareDecimals(*x, *y);
  if (a.IsString() && b.IsString()) return CompareIgnoreAsciiCase(a.AsString(), b.AsString());
  return Invalid("only two numbers or two texts have an order");
}

Result<bool> Compare(Operator comparison, const Found& a, const Found& b) {
  const bool equality = comparison == Operator::kEq || comparison == Operator::kNe;
  if (!a.present() || !b.present()) {
    const Found& missing = a.present() ? b : a;
    const Found& other = a.present() ? a : b;
    const bool beside_null = other.present() && other.value().IsNull();
    if (!equality || !beside_null) return Invalid(missing.reason());
    return comparison == Operator::kEq;
  }
  if (equality) return AreEqual(a.value(), b.value()) == (comparison == Operator::kEq);
  TRY(const int order, OrderOf(a.value(), b.value()));
  switch (comparison) {
    case Operator::kLt:
      return order < 0;
    case Operator::kLe:
      return order <= 0;
    case Operator::kGt:
      return order > 0;
    default:
      return order >= 0;
  }
}

bool IsTruthy(const Found& found) {
  if (!found.present()) return false;
  const Value& value = found.value();
  if (value.IsBool()) return value.AsBool();
  if (value.IsNull()) return false;
  if (value.IsNumber()) return !ParseDecimal(value.NumberToken()).IsZero();
  return !value.IsString() || !value.AsString().empty();
}

// The value of an operand; a nested condition is true or false.
Result<Found> OperandOf(const SimpleCondition& condition, const Scope& scope) {
  if (condition.kind == Kind::kLiteral) return Found::Inside(condition.literal);
  if (condition.kind == Kind::kExpression) return Evaluate(condition.expression, scope);
  TRY(const bool holds, EvaluateSimpleCondition(condition, scope));
  return Found::Made(Value::Bool(holds));
}

}  // namespace

Result<SimpleCondition> ParseSimpleCondition(std::string_view text) { return Parser(text).Run(); }

Result<bool> EvaluateSimpleCondition(const SimpleCondition& condition, const Scope& scope) {
  switch (condition.kind) {
    case Kind::kOr:
    case Kind::kAnd: {
      const bool any = condition.kind == Kind::kOr;
      for (const SimpleCondition& part : condition.operands) {
        TRY(const bool holds, EvaluateSimpleCondition(part, scope));
        if (holds == any) return any;
      }
      return !any;
    }
    case Kind::kNot: {
      TRY(const bool holds, EvaluateSimpleCondition(condition.operands[0], scope));
      return !holds;
    }
    case Kind::kCompare: {
      TRY(const Found left, OperandOf(condition.operands[0], scope));
      TRY(const Found right, OperandOf(condition.operands[1], scope));
      return Compare(condition.comparison, left, right);
    }
    case Kind::kLiteral:
    case Kind::kExpression:
      break;
  }
  TRY(const Found operand, OperandOf(condition, scope));
  return IsTruthy(operand);
}

std::optional<std::string> ObservedBy(const SimpleCondition& condition, const Scope& scope) {
  if (condition.kind == Kind::kExpression) {
    const Found found = Evaluate(condition.expression, scope);
    if (found.present()) return AsText(found.value());
  }
  for (const SimpleCondition& operand : condition.operands) {
    if (auto observed = ObservedBy(operand, scope)) return observed;
  }
  return std::nullopt;
}

void CollectExpressions(const SimpleCondition& condition, std::vector<Expression>* out) {
  if (condition.kind == Kind::kExpression) out->push_back(condition.expression);
  for (const SimpleCondition& operand : condition.operands) CollectExpressions(operand, out);
}

}  // namespace tarn::arazzo
