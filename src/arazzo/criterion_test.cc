#include "arazzo/criterion.h"

#include <gtest/gtest.h>

#include <string>

#include "arazzo/internal/xpath.h"
#include "arazzo/limits.h"

namespace tarn::arazzo {
namespace {

using json::Value;
using Type = Criterion::Type;

Value Parse(std::string_view text) {
  auto value = json::ParseValue(text);
  CHECK(value.ok());
  return std::move(value).value();
}

struct World {
  Value inputs = Parse(R"({"status":"Active","n":"10","flag":true,"it":"it's","none":null,
                           "zero":0,"empty":"","v":"1.50","list":[1,2]})");
  Exchange exchange;
  Scope scope;
  World() {
    exchange.status = 200;
    exchange.response_headers = {{"X-Count", "12"}};
    exchange.response_body = Parse(R"({"P":{"Status":"CREATING"},"list":[{"id":1},{"id":2}],
                                       "n":5,"products":[],"t":"a1b"})");
    scope.inputs = &inputs;
    scope.exchange = &exchange;
  }
};

TEST(Criterion, SimpleConditions) {
  struct Case {
    std::string_view condition;
    bool holds;
  };
  World world;
  for (const Case& c : {
           Case{"$statusCode == 200", true},
           Case{"$statusCode==200&&$response.body#/n==5", true},
           Case{"$statusCode != 200 || $response.body#/n >= 5", true},
           Case{"$statusCode == '200'", true},  // Numeric texts are numbers.
           Case{"$inputs.n > 9", true},
           Case{"$inputs.n == 10.0", true},
           Case{"'10' > '9'", true},
           Case{"'b' > 'A'", true},
           Case{"$inputs.status == 'ACTIVE'", true},  // Texts ignore case.
           Case{"$inputs.status != 'active'", false},
           Case{"$inputs.it == 'it''s'", true},
           Case{R"($inputs.status == "active")", true},
           Case{"$inputs.flag", true},
           Case{"!$inputs.flag", false},
           Case{"$inputs.flag == 'TRUE'", true},
           Case{"!($statusCode == 200 && $response.body#/n > 5)", true},
           Case{"$inputs.none == null", true},
           Case{"$inputs.zero == null", false},
           Case{"$inputs.empty == null", false},
           Case{"$inputs.none == 'null'", false},
           Case{"$inputs.missing == null", true},
           Case{"$inputs.missing != null", false},
           Case{"$inputs.zero", false},
           Case{"$inputs.empty", false},
           Case{"$inputs.none", false},
           Case{"$inputs.missing", false},
           Case{"$inputs.list", true},
           Case{"$inputs.v == 1.5", true},
           Case{"$response.body.list[1].id == 2", true},
           Case{"$response.body#/list/0/id < 2", true},
           Case{"$response.header.x-count >= 12", true},
           Case{"true && (false || !false)", true},
           Case{"-1.5e1 < 0", true},
           Case{"$inputs.list == $inputs.list", true},
           Case{"'x' == 5", false},
       }) {
    SCOPED_TRACE(c.condition);
    const Criterion criterion = {Type::kSimple, "", "", std::string(c.condition)};
    const CriterionOutcome outcome = EvaluateCriterion(criterion, world.scope, Reading::kStrict);
    EXPECT_FALSE(outcome.failed_to_evaluate) << outcome.reason;
    EXPECT_EQ(outcome.holds, c.holds) << outcome.reason;
  }
}

TEST(Criterion, EvaluationErrorsFailWithAReport) {
  struct Case {
    Criterion criterion;
    std::string_view says;
  };
  World world;
  for (const Case& c : {
           Case{{Type::kSimple, "", "", "$inputs.missing == 'x'"}, "no such name"},
           Case{{Type::kSimple, "", "", "$inputs.missing != 'x'"}, "no such name"},
           Case{{Type::kSimple, "", "", "$inputs.list < 1"}, "order"},
           Case{{Type::kSimple, "", "", "$inputs.none < 1"}, "order"},
           Case{{Type::kSimple, "", "", "$statusCode = 200"}, "character 13"},
           Case{{Type::kSimple, "", "", "$statusCode === 200"}, "expected an expression"},
           Case{{Type::kSimple, "", "", ""}, "expected an expression"},
           Case{{Type::kSimple, "", "", "'open"}, "closing quote"},
           Case{{Type::kSimple, "", "", "(true"}, "')'"},
           Case{{Type::kSimple, "", "", "$bogus.x == 1"}, "root"},
           Case{{Type::kRegex, "", "$inputs.missing", "a"}, "no such name"},
           Case{{Type::kRegex, "", "$inputs.status", "(?=a)"}, "lookahead"},
           Case{{Type::kRegex, "", "nonsense", "a"}, "malformed"},
           Case{{Type::kJsonPath, "", "$response.body", "$.a ="}, "RFC 9535"},
           Case{{Type::kJsonPath, "", "$inputs.status", "$.a"}, "needs JSON"},
           Case{{Type::kXPath, "3.1", "$response.body", "//a"}, "needs XML"},
           Case{{Type::kXPath, "3.1", "$inputs.status", "//a"}, "not well-formed"},
       }) {
    SCOPED_TRACE(c.criterion.condition);
    const CriterionOutcome outcome = EvaluateCriterion(c.criterion, world.scope, Reading::kLenient);
    EXPECT_FALSE(outcome.holds);
    EXPECT_TRUE(outcome.failed_to_evaluate);
    EXPECT_NE(outcome.reason.find(c.says), std::string::npos) << outcome.reason;
  }
}

TEST(Criterion, OtherTypes) {
  struct Case {
    Criterion criterion;
    bool holds;
  };
  World world;
  for (const Case& c : {
           Case{{Type::kRegex, "", "$statusCode", "^2\\d\\d$"}, true},
           Case{{Type::kRegex, "", "$response.body#/t", "\\d"}, true},  // Searched, not matched.
           Case{{Type::kRegex, "", "$inputs.none", ".*"}, false},       // null never matches.
           Case{{Type::kRegex, "", "$inputs.status", "^{$inputs.status}$"}, true},
           Case{{Type::kJsonPath, "", "$response.body", "$.list[?@.id == 2]"}, true},
           Case{{Type::kJsonPath, "", "$response.body", "$.list[?@.id == 3]"}, false},
           Case{{Type::kJsonPath, "", "$response.body", "$.list[?@.id == {$inputs.list#/1}]"},
                true},
           // RFC 9535: the candidates of a filter on an object are its members.
           Case{{Type::kJsonPath, "", "$response.body", "$[?count(@.products) > 0]"}, false},
       }) {
    SCOPED_TRACE(c.criterion.condition);
    const CriterionOutcome outcome = EvaluateCriterion(c.criterion, world.scope, Reading::kStrict);
    EXPECT_FALSE(outcome.failed_to_evaluate) << outcome.reason;
    EXPECT_EQ(outcome.holds, c.holds) << outcome.reason;
  }
}

TEST(Criterion, BareComparisons) {
  World world;
  const Criterion bare = {Type::kJsonPath, "", "$response.body", R"($.P.Status == "CREATING")"};
  const CriterionOutcome lenient = EvaluateCriterion(bare, world.scope, Reading::kLenient);
  EXPECT_TRUE(lenient.holds);
  EXPECT_EQ(lenient.observed, "CREATING");
  const CriterionOutcome strict = EvaluateCriterion(bare, world.scope, Reading::kStrict);
  EXPECT_FALSE(strict.holds);
  EXPECT_TRUE(strict.failed_to_evaluate);

  Criterion other = bare;
  other.condition = R"($.P.Status == "ACTIVE")";
  const CriterionOutcome outcome = EvaluateCriterion(other, world.scope, Reading::kLenient);
  EXPECT_FALSE(outcome.holds);
  EXPECT_FALSE(outcome.failed_to_evaluate);
  EXPECT_EQ(outcome.reason, R"($.P.Status == "ACTIVE" does not hold; seen: CREATING)");

  other.condition = "$.list.length > 0";
  EXPECT_TRUE(EvaluateCriterion(other, world.scope, Reading::kLenient).holds);
  other.version = "draft-goessner-dispatch-jsonpath-00";
  EXPECT_TRUE(EvaluateCriterion(other, world.scope, Reading::kStrict).holds);
}

TEST(Criterion, XPath) {
  World world;
  world.exchange.response_body = Value::String("<r><s n='1'>ACTIVE</s><s>x</s><e/></r>");
  struct Case {
    std::string_view condition;
    bool holds;
  };
  for (const Case& c : {
           Case{"/r/s[1] = 'ACTIVE'", true},
           Case{"count(//s) > 2", false},
           Case{"//missing", false},
           Case{"//s/@n", true},
           Case{"starts-with(/r/s[2], 'x')", true},
           Case{"ends-with(/r/s[1], 'IVE')", true},
           Case{"matches(/r/s[1], '^A.*E$')", true},
           Case{"lower-case(/r/s[1]) = 'active'", true},
           Case{"upper-case(/r/s[2]) = 'X'", true},
           Case{"exists(//e) and empty(//q)", true},
           Case{"abs(-2) = 2", true},
       }) {
    SCOPED_TRACE(c.condition);
    const Criterion criterion = {Type::kXPath, "", "$response.body", std::string(c.condition)};
    const CriterionOutcome outcome = EvaluateCriterion(criterion, world.scope, Reading::kStrict);
    EXPECT_FALSE(outcome.failed_to_evaluate) << outcome.reason;
    EXPECT_EQ(outcome.holds, c.holds);
  }
  for (const std::string_view bad :
       {"if (1) then 2 else 3", "//[", "tokenize(/r, 'x')", "matches(/r, '(')", "ends-with('a')",
        "for $x in //s return $x"}) {
    const Criterion criterion = {Type::kXPath, "", "$response.body", std::string(bad)};
    const auto outcome = EvaluateCriterion(criterion, world.scope, Reading::kStrict);
    EXPECT_TRUE(outcome.failed_to_evaluate) << bad;
    EXPECT_NE(outcome.reason.find("XPath 1.0 is supported"), std::string::npos);
  }
}

TEST(XPath, RefusesDtdsAndReplacesText) {
  EXPECT_FALSE(EvaluateXPath("<!DOCTYPE r [<!ENTITY e 'x'>]><r>&e;</r>", "/r").ok());
  EXPECT_EQ(EvaluateXPath(std::string(kXmlBytesMax + 1, ' '), "/r").error().kind,
            ErrorKind::kTooLarge);
  const auto replaced = ReplaceAtXPath("<r a=\"1\"><b>old</b></r>", "/r/b", "n<&w");
  ASSERT_TRUE(replaced.ok());
  EXPECT_NE(replaced.value().find("<b>n&lt;&amp;w</b>"), std::string::npos) << replaced.value();
  EXPECT_EQ(ReplaceAtXPath("<r/>", "/r/b", "x").error().kind, ErrorKind::kNotFound);
  std::string deep;
  for (int i = 0; i < 400; ++i) deep += "<a>";
  for (int i = 0; i < 400; ++i) deep += "</a>";
  EXPECT_FALSE(EvaluateXPath(deep, "/a").ok());  // libxml2's own bound, 256.
}

TEST(Criterion, ChecksBeforeRunning) {
  struct Case {
    Criterion criterion;
    Reading reading;
    int errors, warnings;
  };
  const std::string bare = R"($.a == "X")";
  for (const Case& c : {
           Case{{Type::kSimple, "", "", "$statusCode == 200"}, Reading::kStrict, 0, 0},
           Case{{Type::kSimple, "", "", "$statusCode == \"x\""}, Reading::kStrict, 0, 1},
           Case{{Type::kSimple, "", "", "$statusCode ="}, Reading::kLenient, 1, 0},
           Case{{Type::kJsonPath, "", "$response.body", "$.a"}, Reading::kStrict, 0, 0},
           Case{{Type::kJsonPath, "", "$response.body", bare}, Reading::kLenient, 0, 1},
           Case{{Type::kJsonPath, "", "$response.body", bare}, Reading::kStrict, 1, 0},
           Case{{Type::kJsonPath, "", "", "$.a"}, Reading::kLenient, 1, 0},
           Case{{Type::kRegex, "", "$statusCode", "("}, Reading::kLenient, 1, 0},
           Case{{Type::kRegex, "", "$statusCode", "{$inputs.x}("}, Reading::kLenient, 0, 0},
           Case{{Type::kXPath, "", "$response.body", "//["}, Reading::kLenient, 1, 0},
       }) {
    SCOPED_TRACE(c.criterion.condition);
    int errors = 0;
    int warnings = 0;
    for (const CriterionFinding& finding : CheckCriterion(c.criterion, c.reading)) {
      (finding.is_error ? errors : warnings) += 1;
    }
    EXPECT_EQ(errors, c.errors);
    EXPECT_EQ(warnings, c.warnings);
  }
  const Criterion criterion = {Type::kSimple, "", "", "$inputs.a == $steps.s.outputs.b"};
  EXPECT_EQ(ExpressionsOf(criterion).size(), 2u);
}

TEST(Criterion, BoundsConditions) {
  const auto nested = [](size_t depth) {
    return Criterion{Type::kSimple, "", "",
                     std::string(depth, '(') + "true" + std::string(depth, ')')};
  };
  EXPECT_TRUE(EvaluateCriterion(nested(kConditionDepthMax), {}, Reading::kStrict).holds);
  EXPECT_TRUE(
      EvaluateCriterion(nested(kConditionDepthMax + 1), {}, Reading::kStrict).failed_to_evaluate);
  Criterion criterion = {Type::kSimple, "", "", "true" + std::string(kConditionBytesMax - 4, ' ')};
  EXPECT_TRUE(EvaluateCriterion(criterion, {}, Reading::kStrict).holds);
  criterion.condition += " ";
  EXPECT_TRUE(EvaluateCriterion(criterion, {}, Reading::kStrict).failed_to_evaluate);
  criterion.condition = std::string(kConditionDepthMax, '!') + "true";
  EXPECT_FALSE(EvaluateCriterion(criterion, {}, Reading::kStrict).failed_to_evaluate);
  criterion.condition = "!" + criterion.condition;
  EXPECT_TRUE(EvaluateCriterion(criterion, {}, Reading::kStrict).failed_to_evaluate);
}

}  // namespace
}  // namespace tarn::arazzo
