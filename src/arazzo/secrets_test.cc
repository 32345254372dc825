#include "arazzo/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>

#include "arazzo/internal/test_world.h"
#include "arazzo/journal.h"
#include "arazzo/limits.h"
#include "base/bytes.h"

namespace tarn::arazzo {
namespace {

using json::Value;
using testing::HasSubstr;
using testing::Not;

TEST(Secrets, AreMaskedInEveryFormThatRequestsCarry) {
  SecretMask mask;
  mask.Add("key", "p ss/\"w\n");
  struct Row {
    std::string text, masked;
  };
  for (const Row& row : {
           Row{"a p ss/\"w\n b", "a *** b"},
           Row{"?k=p%20ss%2F%22w%0A&x=1", "?k=***&x=1"},
           Row{"?k=p%20ss%2f%22w%0a", "?k=***"},
           Row{"k=p+ss%2F%22w%0A", "k=***"},
           Row{R"({"k":"p ss/\"w\n"})", R"({"k":"***"})"},
           Row{"Basic " + Base64Encode("p ss/\"w\n"), "Basic ***"},
           Row{"p ss", "p ss"},
           Row{"", ""},
       }) {
    EXPECT_EQ(mask.Mask(row.text), row.masked);
  }
}

TEST(Secrets, LongerOnesFirstAndShortOnesOnlyWhole) {
  SecretMask mask;
  EXPECT_TRUE(mask.empty());
  mask.Add("a", "abcd");
  mask.Add("b", "abcdef");
  mask.Add("c", "no");
  mask.Add("d", "");
  EXPECT_EQ(mask.Mask("abcdefabcd nothing"), "****** nothing");
  EXPECT_EQ(mask.Mask("no"), "***");
  EXPECT_EQ(json::ToText(mask.Mask(ParseJson(R"({"no":["no",{"x":"now abcd"}],"n":1})"))),
            R"({"***":["***",{"x":"now ***"}],"n":1})");
  // At the bound and one below it.
  SecretMask bound;
  bound.Add("at", std::string(kSecretBytesMin, 'x'));
  bound.Add("below", std::string(kSecretBytesMin - 1, 'y'));
  EXPECT_EQ(bound.Mask("-" + std::string(kSecretBytesMin, 'x') + "-"), "-***-");
  const std::string below = "-" + std::string(kSecretBytesMin - 1, 'y') + "-";
  EXPECT_EQ(bound.Mask(below), below);
}

TEST(Secrets, NumbersAreMaskedAsTheyAreWritten) {
  SecretMask mask;
  mask.Add("pin", "123456");
  EXPECT_EQ(json::ToText(mask.Mask(ParseJson(R"({"pin":123456,"n":12})"))),
            R"({"pin":"***","n":12})");
}

TEST(Secrets, SealsAreUndoneOnceTheSecretsAreKnown) {
  SecretMask mask;
  mask.Add("main#0", "hunter2");
  mask.Add("main#0", "other word");  // Another value under a name that is taken.
  const std::string text = "«hunter2» other%20word «secret main#0» «=» \xAB\xC2";
  const std::string sealed = mask.Seal(text);
  EXPECT_THAT(sealed, Not(HasSubstr("hunter2")));
  EXPECT_THAT(sealed, Not(HasSubstr("other%20word")));
  EXPECT_THAT(sealed, HasSubstr("«secret main#0»"));
  EXPECT_EQ(mask.Unseal(sealed), text);
  EXPECT_EQ(ShowSealed(sealed), "«***» *** «secret main#0» «=» \xAB\xC2");
  // Without the secrets a seal stays what it is.
  EXPECT_EQ(SecretMask().Unseal("«secret main#0»"), "«secret main#0»");
  EXPECT_EQ(SecretMask().Unseal("«"), "«");
}

TEST(Secrets, EverySealedTextComesBack) {
  rc::check("Unseal(Seal(x)) == x", [] {
    SecretMask mask;
    const auto piece = rc::gen::elementOf(std::vector<std::string>{
        "ab", "abc", "«", "»", "=", "secret ", "n", "%", "\xC2", "é", " "});
    for (int i = 0; i < 3; ++i) {
      std::string secret;
      for (const auto& part : *rc::gen::container<std::vector<std::string>>(piece)) secret += part;
      mask.Add("n" + std::to_string(i), secret);
    }
    std::string text;
    for (const auto& part : *rc::gen::container<std::vector<std::string>>(piece)) text += part;
    RC_ASSERT(mask.Unseal(mask.Seal(text)) == text);
  });
}

constexpr std::string_view kWorkflow = R"(
- workflowId: w
  inputs:
    type: object
    required: [key]
    properties:
      key: {type: string, format: password}
      pin: {x-secret: true}
      plain: {type: string}
  steps:
  - stepId: s
    operationId: postB
    parameters:
    - {name: k, in: query, value: $inputs.key}
    - {name: Authorization, in: header, value: 'Bearer {$inputs.plain}-token'}
    - {name: mark, in: query, value: marked-value, x-secret: true}
    requestBody: {payload: {k: $inputs.key, p: $inputs.pin}}
    outputs: {echo: $response.body#/echo, all: $response.body}
  - stepId: t
    operationId: postB
    requestBody: {payload: {k: $steps.s.outputs.echo}}
    successCriteria: [{condition: '$response.body#/echo == 1'}]
  outputs: {echo: $steps.s.outputs.echo}
)";

HttpReply Echo(const OutgoingRequest& request) {
  json::Value body = json::Value::MakeObject();
  body.Set("echo", json::Value::String(*ParseJson(request.body).Find("k") == json::Value()
                                           ? ""
                                           : ParseJson(request.body).Find("k")->AsString()));
  body.Set("url", json::Value::String(request.url));
  HttpReply reply = Json(200, json::ToText(body));
  reply.headers.emplace_back("X-Echo", request.headers[0].second);
  return reply;
}

TEST(Secrets, NeverLeaveARun) {
  Case c{std::string(kWorkflow)};
  c.inputs = ParseJson(R"({"key":"hunter2 é","pin":98765,"plain":"open"})");
  c.world.server = [](const OutgoingRequest& r, const ApiOperation&) { return Echo(r); };
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kStepFailed);
  ASSERT_EQ(c.world.requests.size(), 2u);
  EXPECT_THAT(c.world.requests[0].url, HasSubstr("k=hunter2%20%C3%A9&mark=marked-value"));
  EXPECT_THAT(c.world.requests[1].body, HasSubstr("hunter2 é"));
  std::string all = result.message + json::ToText(result.outputs);
  for (const RunEvent& event : c.world.events) all += EncodeJournalLine(event);
  for (const std::string_view secret :
       {"hunter2", "98765", "open-token", "marked-value", "hunter2%20"}) {
    EXPECT_THAT(all, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(all, HasSubstr(R"("inputs":{"plain":"open"},"secrets":["/key","/pin"])"));
  EXPECT_THAT(result.message, HasSubstr("seen: ***"));

  // The journal alone does not suffice to resume; with the secrets the run goes the same way.
  std::string journal;
  for (const RunEvent& event : c.world.events) journal += EncodeJournalLine(event);
  JournalContent content = ReadJournal(journal).value();
  Case resumed{std::string(kWorkflow)};
  resumed.world.server = [](const OutgoingRequest& r, const ApiOperation&) { return Echo(r); };
  resumed.inputs = RestoreInputs(resumed.program.root->workflows[0], content.inputs,
                                 ParseJson(R"({"key":"hunter2 é","pin":98765})"));
  EXPECT_EQ(resumed.inputs, c.inputs);
  content.recorded[""].pop_back();
  resumed.options.recorded = content.recorded;
  resumed.Run();
  ASSERT_EQ(resumed.world.requests.size(), 1u);
  EXPECT_EQ(resumed.world.requests[0].body, c.world.requests[1].body);
}

// A message cuts long values: wherever it cuts, no part of a secret is left.
TEST(Secrets, AreMaskedBeforeValuesAreCut) {
  const std::string secret = "hunter2-hunter2-hunter2";
  for (const std::string_view criterion : {"$statusCode == 200", "$response.body == 'x'"}) {
    for (size_t before = 170; before < 310; before += 3) {
      Case c(
          "- {workflowId: w, inputs: {type: object, properties: {k: {format: password}}}, steps: "
          "[{stepId: s, operationId: getB, successCriteria: [{condition: \"" +
          std::string(criterion) + "\"}]}]}\n");
      c.inputs = ParseJson(R"({"k":")" + secret + "\"}");
      c.world.server = [&](const OutgoingRequest&, const ApiOperation&) {
        return HttpReply{500,
                         {{"Content-Type", "text/plain"}},
                         std::string(before, '.') + secret + std::string(500, '.')};
      };
      std::string all = c.Run().message;
      EXPECT_THAT(all, HasSubstr("..."));
      for (const RunEvent& event : c.world.events) all += EncodeJournalLine(event);
      EXPECT_THAT(all, Not(HasSubstr("hunt"))) << before;
    }
  }
}

TEST(Secrets, CallersOwnAreMaskedAndShared) {
  Case c(
      "- {workflowId: w, inputs: {type: object, properties: {k: {format: password}}}, "
      "steps: [{stepId: s, operationId: getB, outputs: {n: $response.body#/n}}], "
      "outputs: {n: $steps.s.outputs.n}}\n");
  c.inputs = ParseJson(R"({"k":"of the run"})");
  c.world.server = [](const OutgoingRequest&, const ApiOperation&) {
    return Json(200, R"({"n":"say access-key"})");
  };
  SecretMask mask;
  mask.Add("credential", "access-key");
  const auto result =
      RunWorkflow(c.program, "", c.inputs, c.options, {c.world, c.world, c.world, &mask});
  EXPECT_EQ(json::ToText(result.value().outputs), R"({"n":"say ***"})");
  EXPECT_EQ(mask.Mask("of the run"), "***");
}

TEST(Secrets, InputsAreKeptWithoutThem) {
  Case c(R"(
- workflowId: w
  inputs:
    type: object
    properties:
      list: {type: array, items: {anyOf: [{type: string, format: password}, {type: integer}]}}
      note: {type: string}
      deep: {additionalProperties: {x-secret: true}}
  steps: [{stepId: s, operationId: getB}]
)");
  const Value inputs = ParseJson(
      R"({"list":["s1-secret",2],"note":"it is s1-secret «","deep":{"a/b":"x","~":null}})");
  const KeptInputs kept = InputsToKeep(c.program.root->workflows[0], inputs);
  EXPECT_THAT(json::ToText(kept.inputs), Not(HasSubstr("s1-secret")));
  EXPECT_EQ(kept.secrets, (std::vector<std::string>{"/list/0", "/list/1", "/deep/a~1b"}));
  EXPECT_EQ(RestoreInputs(c.program.root->workflows[0], kept.inputs,
                          ParseJson(R"({"list":["s1-secret",2],"deep":{"a/b":"x"}})")),
            inputs);
}

}  // namespace
}  // namespace tarn::arazzo
