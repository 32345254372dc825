// The syntax tree of JSONPath (RFC 9535), between its parser and its evaluator.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/regex.h"
#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo::jsonpath {

struct Expression;

struct Selector {
  enum class Kind : uint8_t { kName, kWildcard, kIndex, kSlice, kFilter };
  Kind kind = Kind::kWildcard;
  std::string name;
  int64_t index = 0;
  std::optional<int64_t> slice_start;
  std::optional<int64_t> slice_end;
  int64_t slice_step = 1;
  std::shared_ptr<const Expression> filter;
};

struct Segment {
  bool descendant = false;
  std::vector<Selector> selectors;
};

struct Query {
  bool relative = false;  // Begins with @ rather than with $.
  std::vector<Segment> segments;
  bool IsSingular() const;
};

enum class Comparison : uint8_t { kEq, kNe, kLt, kLe, kGt, kGe };
enum class Function : uint8_t { kLength, kCount, kMatch, kSearch, kValue };

// RFC 9535 2.4.1.
enum class Type : uint8_t { kValue, kLogical, kNodes };

struct Expression {
  enum class Kind : uint8_t { kOr, kAnd, kNot, kCompare, kLiteral, kQuery, kFunction };
  Kind kind = Kind::kLiteral;
  std::vector<Expression> operands;  // Of kOr, kAnd, kNot, kCompare (two), kFunction.
  Comparison comparison = Comparison::kEq;
  Function function = Function::kLength;
  json::Value literal;
  Query query;
  // The compiled second argument of match() and search() when it is a literal; a literal that is
  // no I-Regexp matches nothing (RFC 9535 2.4.6), so both members are then empty.
  bool has_literal_pattern = false;
  std::optional<Regex> pattern;
  // Set in bare conditions only: see JsonPathCondition::Parse.
  bool length_fallback = false;
};

Result<Query> ParseQueryText(std::string_view text);
Result<Expression> ParseConditionText(std::string_view text);

}  // namespace tarn::arazzo::jsonpath
