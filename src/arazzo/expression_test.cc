#include "arazzo/expression.h"

#include <gtest/gtest.h>

#include <string>

#include "arazzo/limits.h"

namespace tarn::arazzo {
namespace {

using json::Value;

Value Parse(std::string_view text) {
  auto value = json::ParseValue(text);
  CHECK(value.ok());
  return std::move(value).value();
}

// A world with something of everything in it.
struct World {
  Value inputs = Parse(R"({"name":"Ann","a.b":1,"o":{"list":[{"x":"y"}]},"null":null})");
  Value outputs = Parse(R"({"out":5})");
  Value components = Parse(R"({"parameters":{"page":{"name":"page"}}})");
  std::map<std::string, Value> steps = {{"first-step", Parse(R"({"id":"42","list":[1,2]})")}};
  std::map<std::string, WorkflowRecord> workflows = {
      {"w", {Parse(R"({"i":1})"), Parse(R"({"o":2})")}}};
  std::vector<SourceRecord> sources = {{"petstore", "../openapi/p.yaml", "openapi"}};
  Exchange exchange;
  Scope scope;

  World() {
    exchange.method = "POST";
    exchange.url = "https://h/p?q=1";
    exchange.request_headers = {{"X-Req.Id", "r"}};
    exchange.query_parameters = {{"q", "1"}};
    exchange.path_parameters = {{"id", "a b"}};
    exchange.request_body = Parse(R"({"in":true})");
    exchange.status = 201;
    exchange.response_headers = {{"Content-Type", "application/json"}};
    exchange.response_body = Parse(R"({"a":[{"b/c":"deep"}],"n":5,"s":"text"})");
    scope = {&inputs,   &outputs, &steps,      &workflows,
             &exchange, &sources, &components, "https://self/doc"};
  }
};

TEST(Expression, EvaluatesEveryForm) {
  struct Case {
    std::string_view text, value;
  };
  World world;
  for (const Case& c : {
           Case{"$url", R"("https://h/p?q=1")"},
           Case{"$method", R"("POST")"},
           Case{"$statusCode", "201"},
           Case{"$self", R"("https://self/doc")"},
           Case{"$request.header.x-req.id", R"("r")"},  // Header names ignore case.
           Case{"$request.query.q", R"("1")"},
           Case{"$request.path.id", R"("a b")"},
           Case{"$request.body", R"({"in":true})"},
           Case{"$request.body#/in", "true"},
           Case{"$response.header.content-type", R"("application/json")"},
           Case{"$response.body#/a/0/b~1c", R"("deep")"},
           Case{"$response.body#", R"({"a":[{"b/c":"deep"}],"n":5,"s":"text"})"},
           Case{"$response.body.a[0]['b/c']", R"("deep")"},
           Case{"$inputs.name", R"("Ann")"},
           Case{"$inputs.a.b", "1"},               // A name with a dot,
           Case{"$inputs.o.list[0].x", R"("y")"},  // or access to members.
           Case{"$inputs.o#/list/0/x", R"("y")"},
           Case{"$inputs.null", "null"},
           Case{"$outputs.out", "5"},
           Case{"$steps.first-step.outputs.id", R"("42")"},
           Case{"$steps.first-step.outputs.list[1]", "2"},
           Case{"$steps.first-step.outputs.list#/0", "1"},
           Case{"$workflows.w.inputs.i", "1"},
           Case{"$workflows.w.outputs.o", "2"},
           Case{"$sourceDescriptions.petstore.url", R"("../openapi/p.yaml")"},
           Case{"$sourceDescriptions.petstore.type", R"("openapi")"},
           Case{"$components.parameters.page", R"({"name":"page"})"},
       }) {
    SCOPED_TRACE(c.text);
    EXPECT_TRUE(LooksLikeExpression(c.text));
    const auto expression = ParseExpression(c.text);
    ASSERT_TRUE(expression.ok()) << expression.error().detail;
    EXPECT_EQ(expression.value().text, c.text);
    const Found found = Evaluate(expression.value(), world.scope);
    ASSERT_TRUE(found.present()) << found.reason();
    EXPECT_EQ(json::ToText(found.value()), c.value);
  }
}

TEST(Expression, WhatIsNotThereIsAbsentWithAReason) {
  World world;
  for (const std::string_view text :
       {"$inputs.other", "$outputs.other", "$steps.later.outputs.x", "$steps.first-step.outputs.x",
        "$workflows.other.outputs.o", "$sourceDescriptions.other.url",
        "$sourceDescriptions.petstore.operation", "$components.inputs.x", "$response.header.x",
        "$request.query.other", "$response.body#/none", "$response.body#/a/1", "$response.body.n.x",
        "$response.query.q", "$message.payload#/x"}) {
    SCOPED_TRACE(text);
    const Found found = Evaluate(ParseExpression(text).value(), world.scope);
    EXPECT_FALSE(found.present());
    EXPECT_NE(found.reason().find(text), std::string::npos) << found.reason();
  }
  world.exchange.status = 0;
  EXPECT_FALSE(Evaluate(ParseExpression("$statusCode").value(), world.scope).present());
  EXPECT_FALSE(Evaluate(ParseExpression("$response.body").value(), world.scope).present());
  EXPECT_FALSE(Evaluate(ParseExpression("$inputs.name").value(), Scope{}).present());
  EXPECT_FALSE(Evaluate(ParseExpression("$url").value(), Scope{}).present());
}

TEST(Expression, RefusesOtherForms) {
  for (const std::string_view text : {"",
                                      "x",
                                      "$",
                                      "$unknown.x",
                                      "$inputs",
                                      "$inputs.",
                                      "$statusCode.x",
                                      "$steps.a",
                                      "$steps.a.b",
                                      "$steps.a.outputs.",
                                      "$steps.a.inputs.x",
                                      "$steps..outputs.x",
                                      "$workflows.w.steps.x",
                                      "$request.",
                                      "$request.header.",
                                      "$request.cookie.x",
                                      "$request.header.a b",
                                      "$response.body#x",
                                      "$response.body#/a~2",
                                      "$response.body[",
                                      "$response.body[x]",
                                      "$response.body[1",
                                      "$response.body.",
                                      "$response.bodyx",
                                      "$sourceDescriptions.x",
                                      "$components.parameters",
                                      "$message.body",
                                      "$inputs.a}b",
                                      "$inputs.a[0]b",
                                      "$url x",
                                      "$inputs.x[9999999999]"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(ParseExpression(text).ok());
  }
  for (const std::string_view text :
       {"$100", "$urls", "$ref", "$$inputs.x", "text", "$statusCode x", "$inputs"}) {
    EXPECT_FALSE(LooksLikeExpression(text)) << text;
  }
  const std::string longest = "$inputs." + std::string(kExpressionBytesMax - 8, 'a');
  EXPECT_TRUE(ParseExpression(longest).ok());
  EXPECT_EQ(ParseExpression(longest + "a").error().kind, ErrorKind::kTooLarge);
}

TEST(Expression, EndsBeforeOperatorsInConditions) {
  struct Case {
    std::string_view text, expression;
  };
  for (const Case& c : {
           Case{"$response.body#/n==5", "$response.body#/n"},
           Case{"$response.body#/n>=5", "$response.body#/n"},
           Case{"$response.body#/a&&true", "$response.body#/a"},
           Case{"$response.body#/a/b) ||", "$response.body#/a/b"},
           Case{"$response.header.X-A!='x'", "$response.header.X-A"},
           Case{"$response.header.a.b#c == 1", "$response.header.a.b#c"},
           Case{"$steps.a.outputs.b<3", "$steps.a.outputs.b"},
           Case{"$response.body.a[0].b == 1", "$response.body.a[0].b"},
           Case{"$statusCode==200", "$statusCode"},
           Case{"$inputs.x, 1", "$inputs.x"},
       }) {
    SCOPED_TRACE(c.text);
    size_t length = 0;
    const auto expression = ParseExpressionPrefix(c.text, &length);
    ASSERT_TRUE(expression.ok()) << expression.error().detail;
    EXPECT_EQ(expression.value().text, c.expression);
    EXPECT_EQ(length, c.expression.size());
  }
}

TEST(Expression, TemplatesBecomeText) {
  World world;
  struct Case {
    std::string_view text, rendered;
  };
  for (const Case& c : {
           Case{"plain {x} $inputs.name", "plain {x} $inputs.name"},
           Case{"Hi {$inputs.name}, {$statusCode}!", "Hi Ann, 201!"},
           Case{"{$inputs.o}", R"({"list":[{"x":"y"}]})"},
           Case{"{$inputs.null}", "null"},
           Case{"{$unknown}", "{$unknown}"},
           Case{"{$", "{$"},
       }) {
    const auto rendered = RenderTemplate(c.text, world.scope);
    ASSERT_TRUE(rendered.ok()) << rendered.error().detail;
    EXPECT_EQ(rendered.value(), c.rendered);
  }
  EXPECT_FALSE(RenderTemplate("{$inputs.other}", world.scope).ok());
  EXPECT_FALSE(RenderTemplate("{$inputs.}", world.scope).ok());
}

TEST(Expression, PayloadsKeepTypesAndDropWhatIsAbsent) {
  World world;
  struct Case {
    std::string_view payload, resolved;
  };
  for (const Case& c : {
           Case{R"({"n":"$statusCode","t":"{$statusCode}","o":"$inputs.o","p":"$100"})",
                R"({"n":201,"t":"201","o":{"list":[{"x":"y"}]},"p":"$100"})"},
           Case{R"({"gone":"$inputs.other","kept":{"gone":"$inputs.other"},"null":"$inputs.null"})",
                R"({"kept":{},"null":null})"},
           Case{R"([1,true,"$inputs.name"])", R"([1,true,"Ann"])"},
           Case{R"("$steps.first-step.outputs.id")", R"("42")"},
           Case{"1.00", "1.00"},
       }) {
    const auto resolved = ResolveValue(Parse(c.payload), world.scope);
    ASSERT_TRUE(resolved.ok()) << resolved.error().detail;
    ASSERT_TRUE(resolved.value().has_value());
    EXPECT_EQ(json::ToText(*resolved.value()), c.resolved);
  }
  EXPECT_FALSE(ResolveValue(Parse(R"("$inputs.other")"), world.scope).value().has_value());
  EXPECT_FALSE(ResolveValue(Parse(R"(["$inputs.other"])"), world.scope).ok());
  EXPECT_FALSE(ResolveValue(Parse(R"({"a":"x{$inputs.other}"})"), world.scope).ok());
  EXPECT_FALSE(ResolveValue(Parse(R"({"a":"$inputs."})"), world.scope).ok());

  Value deep;
  for (uint32_t i = 0; i < kPayloadDepthMax; ++i) deep = Value::MakeArray({deep});
  EXPECT_TRUE(ResolveValue(deep, world.scope).ok());
  EXPECT_EQ(ResolveValue(Value::MakeArray({deep}), world.scope).error().kind, ErrorKind::kTooLarge);
}

}  // namespace
}  // namespace tarn::arazzo
