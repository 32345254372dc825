// Criterion Objects (Arazzo 1.0.1 "Criterion Object", 1.1.0's semantics): conditions of type
// simple, regex, jsonpath and xpath over a runtime expression's value.
//
// Whatever goes wrong while evaluating makes a criterion fail and is reported, never ignored.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/expression.h"
#include "base/result.h"

namespace tarn::arazzo {

struct Criterion {
  enum class Type : uint8_t { kSimple, kRegex, kJsonPath, kXPath };
  Type type = Type::kSimple;
  std::string version;  // Of the expression type; empty: the type's default.
  std::string context;  // A runtime expression; empty for kSimple.
  std::string condition;
};

// Strict is what Arazzo 1.1 says to the letter: a jsonpath condition that is no RFC 9535 query
// fails. Lenient also reads bare comparisons (jsonpath.h), which most published documents use.
enum class Reading : uint8_t { kLenient, kStrict };

struct CriterionOutcome {
  bool holds = false;
  // Why it does not hold: what was compared, or what went wrong.
  std::string reason;
  bool failed_to_evaluate = false;
  // The value that the condition looked at, as text, when there is one.
  std::optional<std::string> observed;
};

CriterionOutcome EvaluateCriterion(const Criterion& criterion, const Scope& scope, Reading reading);

// What can be said about a criterion before anything runs.
struct CriterionFinding {
  bool is_error = false;  // Else a warning.
  std::string message;
};
std::vector<CriterionFinding> CheckCriterion(const Criterion& criterion, Reading reading);

// The expressions that a criterion reads: its context, those in a simple condition and embedded
// ones. Malformed ones are left out; CheckCriterion reports them.
std::vector<Expression> ExpressionsOf(const Criterion& criterion);

}  // namespace tarn::arazzo
