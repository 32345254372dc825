#include "arazzo/jsonpath.h"

#include <gtest/gtest.h>

#include <string>

#include "arazzo/limits.h"
#include "base/file.h"
#include "json/value.h"

namespace tarn::arazzo {
namespace {

using json::Value;

Value Parse(std::string_view text) {
  auto value = json::ParseValue(text);
  CHECK(value.ok());
  return std::move(value).value();
}

std::string Names(const std::vector<Path>& paths) {
  Value::Array out;
  for (const Path& path : paths) out.push_back(Value::String(NormalizedPath(path)));
  return json::ToText(Value::MakeArray(std::move(out)));
}

// One of `results` (when order is free) or exactly `result`.
bool IsAnswer(const Value& test, std::string_view one, std::string_view many, const Value& got) {
  if (const Value* only = test.Find(one)) return *only == got;
  for (const Value& choice : test.Find(many)->items()) {
    if (choice == got) return true;
  }
  return false;
}

TEST(JsonPath, PassesTheComplianceSuite) {
  const auto text = ReadFile(TARN_SOURCE_DIR "/../shared/conformance/jsonpath/cts.json", 16u << 20);
  if (!text.ok()) GTEST_SKIP() << "the compliance suite is not here";
  const Value suite = Parse(text.value());
  int passed = 0;
  for (const Value& test : suite.Find("tests")->items()) {
    SCOPED_TRACE(test.Find("name")->AsString());
    const auto query = JsonPathQuery::Parse(test.Find("selector")->AsString());
    if (test.Find("invalid_selector") != nullptr) {
      EXPECT_FALSE(query.ok());
      passed += query.ok() ? 0 : 1;
      continue;
    }
    EXPECT_TRUE(query.ok()) << query.error().detail;
    if (!query.ok()) continue;
    const Value& document = *test.Find("document");
    const auto nodes = query.value().Select(document);
    ASSERT_TRUE(nodes.ok());
    Value::Array values;
    for (const Value* node : nodes.value()) values.push_back(*node);
    const Value got = Value::MakeArray(std::move(values));
    const auto paths = query.value().Locate(document);
    ASSERT_TRUE(paths.ok());
    const bool right = IsAnswer(test, "result", "results", got) &&
                       IsAnswer(test, "result_paths", "results_paths", Parse(Names(paths.value())));
    EXPECT_TRUE(right) << json::ToText(got) << " at " << Names(paths.value());
    passed += right ? 1 : 0;
  }
  EXPECT_EQ(passed, 703);
}

TEST(JsonPath, BareConditionsAreLogicalExpressions) {
  const Value body = Parse(
      R"({"P":{"Status":"ACTIVE","n":3},"list":[1,2,3],"text":"äöü","length":9,"o":{"length":4}})");
  struct Case {
    std::string_view condition;
    bool holds;
  };
  for (const Case& c : {
           Case{R"($.P.Status == "ACTIVE")", true},
           Case{R"($.P.Status == 'active')", false},  // Only simple conditions ignore case.
           Case{R"(  $.P.Status=="ACTIVE"  )", true},
           Case{R"($.P.Status != "ACTIVE")", false},
           Case{R"(@.P.n >= 3 && !($.P.n > 3))", true},
           Case{R"($.P.n < 3 || $.missing)", false},
           Case{R"($.P)", true},
           Case{R"(!$.P)", false},
           Case{R"($.list.length > 0)", true},
           Case{R"($.list.length == 3)", true},
           Case{R"($.text.length == 3)", true},
           Case{R"($.length == 9)", true},  // A member of that name comes first.
           Case{R"($.o.length == 4)", true},
           Case{R"($.P.length == 2)", false},  // Objects have no length here.
           Case{R"($.P.n.length == 1)", false},
           Case{R"($.missing.length == 0)", false},
           Case{R"($.missing == null)", false},
           Case{R"(count($.list[*]) == 3)", true},
           Case{R"(length($.list) == 3)", true},
           Case{R"(match($.P.Status, 'AC.*'))", true},
       }) {
    SCOPED_TRACE(c.condition);
    const auto condition = JsonPathCondition::Parse(c.condition);
    ASSERT_TRUE(condition.ok()) << condition.error().detail;
    const auto holds = condition.value().Holds(body);
    ASSERT_TRUE(holds.ok());
    EXPECT_EQ(holds.value(), c.holds);
  }
  for (const std::string_view bad :
       {"", "1", "'x'", "$.a ==", "$.a = 1", "$..a == 1", "$.a == 1 extra", "length($.a)",
        "($.a) == 1", "$.a === 1", "a == 1", "== 1"}) {
    EXPECT_FALSE(JsonPathCondition::Parse(bad).ok()) << bad;
  }
  const auto query = JsonPathQuery::Parse(R"($.list.length)");
  ASSERT_TRUE(query.ok());
  EXPECT_TRUE(query.value().Select(body).value().empty());  // No fallback in queries.
}

TEST(JsonPath, ShowsWhatAConditionLookedAt) {
  const Value body = Parse(R"({"P":{"Status":"CREATING"}})");
  const auto condition = JsonPathCondition::Parse(R"($.P.Status == "ACTIVE" || $.x)").value();
  ASSERT_NE(condition.Observed(body), nullptr);
  EXPECT_EQ(condition.Observed(body)->AsString(), "CREATING");
  EXPECT_EQ(JsonPathCondition::Parse("1 == $.P").value().Observed(body), nullptr);
}

TEST(JsonPath, PathsBecomeJsonPointers) {
  EXPECT_EQ(ToJsonPointer({}), "");
  EXPECT_EQ(ToJsonPointer({PathStep("a/b~c"), PathStep(uint64_t{2})}), "/a~1b~0c/2");
  EXPECT_EQ(NormalizedPath({PathStep("it's\n\x01"), PathStep(uint64_t{2})}),
            "$['it\\'s\\n\\u0001'][2]");
}

TEST(JsonPath, HasLimits) {
  const auto nested = [](size_t depth) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += "(";
    text += "$.a";
    return text + std::string(depth, ')');
  };
  // The outermost expression and the query itself are one level each.
  EXPECT_TRUE(JsonPathCondition::Parse(nested(kJsonPathDepthMax - 2)).ok());
  EXPECT_EQ(JsonPathCondition::Parse(nested(kJsonPathDepthMax - 1)).error().kind,
            ErrorKind::kTooLarge);
  const std::string longest = "$." + std::string(kJsonPathBytesMax - 2, 'a');
  EXPECT_TRUE(JsonPathQuery::Parse(longest).ok());
  EXPECT_EQ(JsonPathQuery::Parse(longest + "a").error().kind, ErrorKind::kTooLarge);

  // Each descendant step multiplies what is looked at: 1000 items four levels down is too much.
  std::string deep = "0";
  for (int i = 0; i < 60; ++i) deep = "[" + deep + ",1]";
  const Value document = Parse(deep);
  EXPECT_TRUE(JsonPathQuery::Parse("$..*..*").value().Select(document).ok());
  const auto query = JsonPathQuery::Parse("$..*..*..*..*..*..*").value();
  EXPECT_EQ(query.Select(document).error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(query.Locate(document).error().kind, ErrorKind::kTooLarge);
}

}  // namespace
}  // namespace tarn::arazzo
