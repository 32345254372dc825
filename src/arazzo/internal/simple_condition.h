// Conditions of type simple: literals, runtime expressions, comparisons, && || ! and parentheses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/expression.h"
#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo {

struct SimpleCondition {
  enum class Kind : uint8_t { kOr, kAnd, kNot, kCompare, kLiteral, kExpression };
  enum class Operator : uint8_t { kEq, kNe, kLt, kLe, kGt, kGe };
  Kind kind = Kind::kLiteral;
  Operator comparison = Operator::kEq;
  std::vector<SimpleCondition> operands;
  json::Value literal;
  Expression expression;
  bool double_quoted = false;  // Somewhere in it a string is in "", which the specification lacks.
};

// Errors: kInvalid with the character and what was expected, kTooLarge.
Result<SimpleCondition> ParseSimpleCondition(std::string_view text);

// Errors: kInvalid: an operand without a value (except beside null), or values without an order.
Result<bool> EvaluateSimpleCondition(const SimpleCondition& condition, const Scope& scope);

// The first expression in the condition that has a value, as text.
std::optional<std::string> ObservedBy(const SimpleCondition& condition, const Scope& scope);
void CollectExpressions(const SimpleCondition& condition, std::vector<Expression>* out);

}  // namespace tarn::arazzo
