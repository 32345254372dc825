// Any text as a condition of each type. What the check finds no error in must evaluate without a
// parse error, and an answer must be the same twice.
#include <cstdint>
#include <string>
#include <string_view>

#include "arazzo/criterion.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using tarn::arazzo::Criterion;
  using tarn::arazzo::Reading;
  using tarn::json::Value;
  if (size == 0) return 0;
  Value inputs = Value::MakeObject();
  inputs.Set("a", Value::String("10")).Set("n", Value());
  tarn::arazzo::Exchange exchange;
  exchange.status = 200;
  exchange.response_body = inputs;
  tarn::arazzo::Scope scope;
  scope.inputs = &inputs;
  scope.exchange = &exchange;

  static constexpr Criterion::Type kTypes[] = {Criterion::Type::kSimple, Criterion::Type::kRegex,
                                               Criterion::Type::kJsonPath, Criterion::Type::kXPath};
  Criterion criterion;
  criterion.type = kTypes[data[0] % 4];
  criterion.condition.assign(reinterpret_cast<const char*>(data + 1), size - 1);
  if (criterion.type != Criterion::Type::kSimple) criterion.context = "$response.body";
  if (criterion.type == Criterion::Type::kXPath) {
    exchange.response_body = Value::String("<r a='1'><b>x</b><b/></r>");
  }
  const auto first = tarn::arazzo::EvaluateCriterion(criterion, scope, Reading::kLenient);
  const auto second = tarn::arazzo::EvaluateCriterion(criterion, scope, Reading::kLenient);
  CHECK(first.holds == second.holds && first.reason == second.reason);
  CHECK(!first.holds || !first.failed_to_evaluate);
  const auto findings = tarn::arazzo::CheckCriterion(criterion, Reading::kLenient);
  // XPath evaluates lazily, so a condition may hold although a part of it could not be evaluated.
  const bool lazy = criterion.type == Criterion::Type::kXPath;
  for (const auto& finding : findings) CHECK(lazy || !finding.is_error || !first.holds);
  return 0;
}
