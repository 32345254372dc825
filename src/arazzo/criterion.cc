#include "arazzo/criterion.h"

#include <utility>

#include "arazzo/internal/simple_condition.h"
#include "arazzo/internal/xpath.h"
#include "arazzo/jsonpath.h"
#include "arazzo/limits.h"
#include "arazzo/regex.h"
#include "arazzo/secrets.h"

namespace tarn::arazzo {
namespace {

using json::Value;

constexpr std::string_view kGoessnerVersion = "draft-goessner-dispatch-jsonpath-00";

CriterionOutcome Failed(std::string reason) {
  CriterionOutcome out;
  out.failed_to_evaluate = true;
  out.reason = std::move(reason);
  return out;
}

// Values in messages are cut: a body may be megabytes. Secrets are masked first.
std::string Shorten(std::string text, const Scope& scope) {
  constexpr size_t kShownBytes = 200;
  if (text.size() <= kShownBytes) return text;
  if (scope.secrets != nullptr) text = scope.secrets->Mask(std::move(text));
  if (text.size() <= kShownBytes) return text;
  size_t end = kShownBytes;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

CriterionOutcome Answer(bool holds, std::optional<std::string> observed) {
  CriterionOutcome out;
  out.holds = holds;
  out.observed = std::move(observed);
  return out;
}

CriterionOutcome EvaluateSimple(const Criterion& criterion, const Scope& scope) {
  const auto condition = ParseSimpleCondition(criterion.condition);
  if (!condition.ok()) return Failed(criterion.condition + ": " + condition.error().detail);
  const auto holds = EvaluateSimpleCondition(condition.value(), scope);
  auto observed = ObservedBy(condition.value(), scope);
  if (!holds.ok()) {
    CriterionOutcome out = Failed(criterion.condition + ": " + holds.error().detail);
    out.observed = std::move(observed);
    return out;
  }
  return Answer(holds.value(), std::move(observed));
}

bool AllowsBareConditions(const Criterion& criterion, Reading reading) {
  return reading == Reading::kLenient || criterion.version == kGoessnerVersion;
}

CriterionOutcome EvaluateJsonPath(const Criterion& criterion, const std::string& condition,
                                  const Value& context, Reading reading) {
  if (context.IsString()) {
    return Failed("a jsonpath condition needs JSON; " + criterion.context + " is text");
  }
  const auto query = JsonPathQuery::Parse(condition);
  if (query.ok()) {
    const auto nodes = query.value().Select(context);
    if (!nodes.ok()) return Failed(nodes.error().detail);
    std::optional<std::string> observed;
    if (!nodes.value().empty()) observed = json::ToText(*nodes.value()[0]);
    return Answer(!nodes.value().empty(), std::move(observed));
  }
  const auto bare = JsonPathCondition::Parse(condition);
  if (!AllowsBareConditions(criterion, reading) || !bare.ok()) {
    return Failed(condition + " is not a JSONPath query (RFC 9535): " + query.error().detail);
  }
  const auto holds = bare.value().Holds(context);
  if (!holds.ok()) return Failed(holds.error().detail);
  std::optional<std::string> observed;
  if (const Value* value = bare.value().Observed(context)) observed = AsText(*value);
  return Answer(holds.value(), std::move(observed));
}

CriterionOutcome EvaluateWithContext(const Criterion& criterion, const std::string& condition,
                                     const Value& context, Reading reading) {
  switch (criterion.type) {
    case Criterion::Type::kJsonPath:
      return EvaluateJsonPath(criterion, condition, context, reading);
    case Criterion::Type::kRegex: {
      if (context.IsNull()) return Answer(false, "null");
      const auto regex = Regex::FromEcma(condition);
      if (!regex.ok()) return Failed(condition + ": " + regex.error().detail);
      const std::string text = AsText(context);
      return Answer(regex.value().IsFoundIn(text), text);
    }
    case Criterion::Type::kXPath: {
      if (!context.IsString()) {
        return Failed("an xpath condition needs XML; " + criterion.context + " is no text");
      }
      const auto holds = EvaluateXPath(context.AsString(), condition);
      if (!holds.ok()) return Failed(condition + ": " + holds.error().detail);
      return Answer(holds.value(), std::nullopt);
    }
    case Criterion::Type::kSimple:
      break;
  }
  return Failed("a simple condition has no context");
}

// The outcome with the whole value that was seen, and a reason only of what went wrong.
CriterionOutcome Judge(const Criterion& criterion, const Scope& scope, Reading reading) {
  if (criterion.type == Criterion::Type::kSimple) return EvaluateSimple(criterion, scope);
  const auto context = ParseExpression(criterion.context);
  if (!context.ok()) return Failed(context.error().detail);
  const Found found = Evaluate(context.value(), scope);
  if (!found.present()) return Failed(found.reason());
  if (!HasEmbeddedExpression(criterion.condition)) {
    return EvaluateWithContext(criterion, criterion.condition, found.value(), reading);
  }
  const auto condition = RenderTemplate(criterion.condition, scope);
  if (!condition.ok()) return Failed(condition.error().detail);
  return EvaluateWithContext(criterion, condition.value(), found.value(), reading);
}

void CheckJsonPath(const Criterion& criterion, Reading reading,
                   std::vector<CriterionFinding>* out) {
  const auto query = JsonPathQuery::Parse(criterion.condition);
  if (query.ok()) return;
  const std::string what =
      criterion.condition + " is not a JSONPath query (RFC 9535): " + query.error().detail;
  if (!JsonPathCondition::Parse(criterion.condition).ok()) {
    out->push_back({true, what});
  } else if (!AllowsBareConditions(criterion, reading)) {
    out->push_back({true, what + "; under --strict a bare comparison always fails"});
  } else if (criterion.version != kGoessnerVersion) {
    out->push_back({false, criterion.condition +
                               " is a bare comparison, not a JSONPath query; it is evaluated as "
                               "an RFC 9535 logical expression (other runners fail it; portable: "
                               "type simple with a $response.body#/pointer)"});
  }
}

void CheckCondition(const Criterion& criterion, Reading reading,
                    std::vector<CriterionFinding>* out) {
  switch (criterion.type) {
    case Criterion::Type::kSimple: {
      const auto condition = ParseSimpleCondition(criterion.condition);
      if (!condition.ok()) {
        out->push_back({true, criterion.condition + ": " + condition.error().detail});
      } else if (condition.value().double_quoted) {
        out->push_back({false, criterion.condition +
                                   ": texts in simple conditions are quoted with ' (read anyway)"});
      }
      return;
    }
    case Criterion::Type::kRegex: {
      const auto regex = Regex::FromEcma(criterion.condition);
      if (!regex.ok()) out->push_back({true, criterion.condition + ": " + regex.error().detail});
      return;
    }
    case Criterion::Type::kJsonPath:
      CheckJsonPath(criterion, reading, out);
      return;
    case Criterion::Type::kXPath: {
      const Status ok = CheckXPath(criterion.condition);
      if (!ok.ok()) out->push_back({true, criterion.condition + ": " + ok.error().detail});
      return;
    }
  }
}

}  // namespace

CriterionOutcome EvaluateCriterion(const Criterion& criterion, const Scope& scope,
                                   Reading reading) {
  CriterionOutcome out = Judge(criterion, scope, reading);
  if (out.observed.has_value()) out.observed = Shorten(std::move(*out.observed), scope);
  if (!out.holds && out.reason.empty()) {
    out.reason = criterion.condition + " does not hold";
    if (out.observed.has_value()) out.reason += "; seen: " + *out.observed;
  }
  return out;
}

std::vector<CriterionFinding> CheckCriterion(const Criterion& criterion, Reading reading) {
  std::vector<CriterionFinding> out;
  if (criterion.type != Criterion::Type::kSimple) {
    const auto context = ParseExpression(criterion.context);
    if (!context.ok()) out.push_back({true, "context: " + context.error().detail});
    if (HasEmbeddedExpression(criterion.condition)) {
      const auto embedded = EmbeddedExpressions(criterion.condition);
      if (!embedded.ok()) out.push_back({true, embedded.error().detail});
      return out;  // The condition is known only when its values are.
    }
  }
  CheckCondition(criterion, reading, &out);
  return out;
}

std::vector<Expression> ExpressionsOf(const Criterion& criterion) {
  std::vector<Expression> out;
  if (criterion.type == Criterion::Type::kSimple) {
    auto condition = ParseSimpleCondition(criterion.condition);
    if (condition.ok()) CollectExpressions(condition.value(), &out);
    return out;
  }
  if (auto context = ParseExpression(criterion.context); context.ok()) {
    out.push_back(std::move(context).value());
  }
  if (auto embedded = EmbeddedExpressions(criterion.condition); embedded.ok()) {
    for (Expression& expression : embedded.value()) out.push_back(std::move(expression));
  }
  return out;
}

}  // namespace tarn::arazzo
