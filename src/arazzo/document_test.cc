#include "arazzo/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "arazzo/limits.h"
#include "base/file.h"

namespace tarn::arazzo {
namespace {

// A small valid document; `step` and `rest` are put into its only step and after its steps.
std::string Make(std::string_view step = "", std::string_view workflow = "",
                 std::string_view root = "") {
  return "arazzo: 1.0.1\n"
         "info: {title: t, version: '1'}\n"
         "sourceDescriptions:\n"
         "- {name: api, url: ./api.yaml, type: openapi}\n"
         "workflows:\n"
         "- workflowId: w\n"
         "  inputs: {type: object, properties: {name: {type: string}}}\n"
         "  steps:\n"
         "  - stepId: one\n"
         "    operationId: getOne\n" +
         std::string(step) +
         "  - stepId: two\n"
         "    operationId: getTwo\n"
         "    outputs: {id: $response.body#/id}\n" +
         std::string(workflow) + std::string(root);
}

std::vector<std::string> Messages(std::string_view text) {
  std::vector<std::string> out;
  for (const Diagnostic& d : ParseDocument(text, "f.yml", Reading::kLenient).diagnostics) {
    out.push_back(ToText(d));
  }
  return out;
}

TEST(Document, ReadsTheSeeds) {
  struct Case {
    std::string_view file;
    size_t steps, bare;
  };
  for (const Case& c : {Case{"amazon-healthlake-provision-datastore-and-export", 4, 5},
                        Case{"amazon-healthlake-start-import-and-wait-completed", 2, 3},
                        Case{"amazon-healthimaging-provision-datastore", 3, 3},
                        Case{"amazon-healthimaging-onboard-datastore-and-import", 4, 7}}) {
    const std::string path =
        TARN_SOURCE_DIR "/../shared/seeds/" + std::string(c.file) + "-workflow.yml";
    const auto text = ReadFile(path, 1u << 20);
    if (!text.ok()) GTEST_SKIP() << "the seeds are not here";
    SCOPED_TRACE(c.file);
    const ParsedDocument parsed = ParseDocument(text.value(), path, Reading::kLenient);
    ASSERT_TRUE(parsed.document.has_value()) << ToText(parsed.diagnostics[0]);
    EXPECT_EQ(parsed.document->workflows[0].steps.size(), c.steps);
    // One warning for each bare comparison, and no other.
    EXPECT_EQ(parsed.diagnostics.size(), c.bare);
    const ParsedDocument strict = ParseDocument(text.value(), path, Reading::kStrict);
    EXPECT_FALSE(strict.document.has_value());
  }
}

TEST(Document, ReadsEverything) {
  const std::string text = Make(
      "    description: d\n"
      "    parameters:\n"
      "    - {name: q, in: query, value: $inputs.name}\n"
      "    - {reference: $components.parameters.page, value: 3}\n"
      "    requestBody:\n"
      "      contentType: application/json\n"
      "      payload: {a: $inputs.name}\n"
      "      replacements: [{target: /a, value: 1}]\n"
      "    successCriteria:\n"
      "    - condition: $statusCode == 200\n"
      "    - {context: $response.body, condition: '$[0]', type: {type: jsonpath, version: "
      "rfc9535}}\n"
      "    onSuccess: [{name: n, type: goto, stepId: two}]\n"
      "    onFailure: [{name: r, type: retry, retryAfter: 1.5, retryLimit: 3, criteria: "
      "[{condition: "
      "$statusCode == 503}]}]\n"
      "    timeout: 500\n"
      "    x-poll-interval: 2\n"
      "    x-safe: true\n",
      "  parameters: [{name: h, in: header, value: x}, {name: q, in: query, value: shared}]\n"
      "  successActions: [{reference: $components.successActions.done}]\n"
      "  outputs: {id: $steps.two.outputs.id}\n",
      "components:\n"
      "  parameters: {page: {name: page, in: query, value: 1}}\n"
      "  successActions: {done: {name: done, type: end}}\n"
      "x-anything: true\n");
  const ParsedDocument parsed = ParseDocument(text, "f.yml", Reading::kStrict);
  ASSERT_TRUE(parsed.document.has_value()) << ToText(parsed.diagnostics[0]);
  EXPECT_TRUE(parsed.diagnostics.empty());
  const Workflow& workflow = parsed.document->workflows[0];
  const Step& one = workflow.steps[0];
  ASSERT_EQ(one.parameters.size(), 3u);
  EXPECT_EQ(one.parameters[0].value.AsString(), "$inputs.name");  // The step's wins.
  EXPECT_EQ(one.parameters[1].value.AsInt(), 3);                  // The override wins.
  EXPECT_EQ(one.parameters[2].name, "h");
  EXPECT_EQ(one.on_success[0].step_id, "two");
  EXPECT_EQ(one.on_failure[0].retry_after_s, 1.5);
  EXPECT_EQ(one.on_failure[0].retry_limit, 3u);
  EXPECT_EQ(one.timeout_ms, 500u);
  EXPECT_EQ(one.poll_interval_s, 2.0);
  EXPECT_EQ(one.safe, true);
  EXPECT_EQ(workflow.steps[1].on_success[0].type, Action::Type::kEnd);  // The workflow's.
  EXPECT_EQ(workflow.inputs_pointer, "/workflows/0/inputs");
}

TEST(Document, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string text;
    std::string_view says;
  };
  const auto replaced = [](std::string from, std::string to) {
    std::string text = Make();
    const size_t at = text.find(from);
    CHECK(at != text.npos);
    return text.replace(at, from.size(), to);
  };
  for (const Case& c : {
           Case{"[", "f.yml:2:1: error: "},
           Case{"[]", "the document must be an object"},
           Case{"{}", "needs the field arazzo"},
           Case{replaced("1.0.1", "2.0.0"), "1:9: error: Arazzo 2.0.0 is not known"},
           Case{replaced("1.0.1", "1.0"), "must be a text (quote it)"},
           Case{replaced("version: '1'", "vers: '1'"), "needs the field version"},
           Case{replaced("info:", "infos:"), "infos is not known in the document; nearest: info"},
           Case{replaced("title: t", "title: ''"), "title must not be empty"},
           Case{replaced("workflowId: w", "workflowId: w.x"), "must be of letters"},
           Case{replaced("type: openapi", "type: raml"), "openapi or arazzo"},
           Case{replaced("stepId: two", "stepId: one"), "the stepId one is used twice"},
           Case{replaced("operationId: getTwo", "x-y: 1"), "exactly one of"},
           Case{replaced("operationId: getTwo", "operationId: a\n    workflowId: w"),
                "exactly one"},
           Case{replaced("operationId: getTwo", "channelPath: a"), "AsyncAPI"},
           Case{replaced("operationId: getTwo", "operationID: a"), "nearest: operationId"},
           Case{replaced("operationId: getTwo", "workflowId: v"), "there is no workflow v"},
           Case{replaced("operationId: getTwo", "operationId: $sourceDescriptions.apy.x"),
                "there is no source apy; nearest: api"},
           Case{replaced("operationId: getTwo", "operationPath: /x"), "must look like"},
           Case{replaced("$response.body#/id", "$respons.body"), "root"},
           Case{replaced("{id: $", "{'a b': $"), "an output's name"},
           Case{Make("    parameters: [{name: q, value: 1}]\n"), "needs in"},
           Case{Make("    parameters: [{name: q, in: body, value: 1}]\n"), "not body"},
           Case{Make("    parameters: [{name: q, in: query, value: $inputs.}]\n"), "malformed"},
           Case{Make("    parameters: [{reference: $components.parameters.x}]\n"), "leads to no"},
           Case{Make("    successCriteria: [{condition: $statusCode = 1}]\n"), "11:35: error"},
           Case{Make("    successCriteria: [{condition: a, type: regex}]\n"), "needs a context"},
           Case{Make("    successCriteria: [{condition: a, type: x}]\n"), "simple, regex"},
           Case{Make("    onSuccess: [{name: a, type: retry}]\n"), "type is end or goto"},
           Case{Make("    onSuccess: [{name: a, type: goto}]\n"), "needs a stepId"},
           Case{Make("    onSuccess: [{name: a, type: goto, stepId: tow}]\n"),
                "there is no step tow in the workflow w; nearest: two"},
           Case{Make("    onFailure: [{name: a, type: retry, retryLimit: -1}]\n"), "retryLimit"},
           Case{Make("    onFailure: [{name: a, type: retry, retryAfter: -1}]\n"), "seconds"},
           Case{Make("    requestBody: {payload: {a: ['{$inputs.}']}}\n"), "malformed"},
           Case{Make("", "  outputs: {x: $steps.two.outputs.di}\n"), "no output di; nearest: id"},
           Case{Make("", "  outputs: {x: $response.body}\n"), "belongs to no step"},
           Case{Make("    parameters: [{name: q, in: query, value: $steps.two.outputs.id}]\n"),
                "11:18: error: $steps.two.outputs.id: the step two never runs before one"},
           Case{Make("    requestBody: {payload: {a: {b: $steps.one.outputs.x}}}\n"
                     "    outputs: {x: $statusCode}\n"),
                "the step one never runs before one"},
           Case{Make("    onFailure: [{name: a, type: end, criteria: [{condition: "
                     "$steps.two.outputs.id == 1}]}]\n"),
                "the step two never runs before one"},
           Case{Make("    parameters: [{name: q, in: query, value: $workflows.v.outputs.x}]\n"),
                "there is no workflow v"},
           Case{Make("    parameters: [{name: q, in: query, value: $workflows.w.outputs.ix}]\n",
                     "  outputs: {id: $steps.two.outputs.id}\n"),
                "the workflow w has no output ix; nearest: id"},
           Case{Make("", "  dependsOn: [w]\n"), "runs in a circle: w -> w"},
           Case{Make("", "",
                     "- workflowId: v\n  dependsOn: [u]\n  steps: [{stepId: s, operationId: o}]\n"
                     "- workflowId: u\n  dependsOn: [v]\n  steps: [{stepId: s, operationId: o}]\n"),
                "runs in a circle: v -> u -> v"},
       }) {
    SCOPED_TRACE(c.says);
    EXPECT_FALSE(ParseDocument(c.text, "f.yml", Reading::kLenient).document.has_value());
    EXPECT_THAT(Messages(c.text), testing::Contains(testing::HasSubstr(c.says)));
  }
}

TEST(Document, WarnsOfWhatIsLegalAndOdd) {
  struct Case {
    std::string text;
    std::string_view says;
  };
  for (const Case& c : {
           Case{Make("    parameters: [{name: q, in: query, value: $steps.two.outputs.id}]\n",
                     "    onSuccess: [{name: a, type: goto, stepId: one, criteria: "
                     "[{condition: $statusCode == 201}]}]\n"),
                "11:18: warning: $steps.two.outputs.id: the step two runs later"},
           Case{Make("    parameters: [{name: q, in: query, value: $inputs.nam}]\n"),
                "the inputs declare no nam; nearest: name"},
           Case{Make("    onSuccess: [{name: a, type: end}]\n"),
                "12:5: warning: the step two cannot be reached"},
           Case{Make("    onSuccess: [{name: a, type: end}]\n",
                     "  outputs: {x: $steps.two.outputs.id}\n"),
                "$steps.two.outputs.id: the step two cannot run"},
           Case{Make("    onSuccess: [{name: a, type: goto, stepId: two}, {name: b, type: end}]\n"),
                "the action b is never chosen: a before it has no criteria"},
           Case{Make("    onFailure: [{name: a, type: end}, {name: b, type: end}]\n"),
                "the action b is never chosen"},
           Case{Make("    onSuccess: [{name: a, type: goto, stepId: one}]\n"),
                "the loop one -> one has no way out"},
           Case{Make("", "    onSuccess: [{name: a, type: goto, stepId: one}]\n"),
                "the loop one -> two -> one has no way out but a failure or the run's time limit "
                "(give an action"},
           Case{Make("", "",
                     "- {workflowId: v, steps: [{stepId: s, workflowId: u}]}\n"
                     "- {workflowId: u, steps: [{stepId: s, workflowId: v}]}\n"),
                "workflows call each other in a circle: v -> u -> v"},
           Case{Make("    successCriteria: [{context: $response.body, type: jsonpath, "
                     "condition: $.a == 1}]\n"),
                "bare comparison"},
       }) {
    EXPECT_TRUE(ParseDocument(c.text, "f.yml", Reading::kLenient).document.has_value());
    EXPECT_THAT(Messages(c.text), testing::Contains(testing::HasSubstr(c.says)));
  }
}

// Ways that exist are no complaint: a retry that runs another step first, a goto on failure, and
// polling with criteria.
TEST(Document, KnowsTheWaysBetweenSteps) {
  for (const std::string& text : {
           Make("    parameters: [{name: q, in: query, value: $steps.one.outputs.x}]\n"
                "    outputs: {x: $statusCode}\n"
                "    onSuccess: [{name: a, type: goto, stepId: one, criteria: [{condition: "
                "$statusCode == 202}]}, {name: b, type: goto, stepId: two}]\n"),
           Make("    onSuccess: [{name: a, type: end}]\n"
                "    onFailure: [{name: a, type: retry, stepId: two}]\n"),
           Make("    onSuccess: [{name: a, type: end}]\n"
                "    onFailure: [{name: a, type: goto, stepId: two}]\n"),
       }) {
    const auto messages = Messages(text);
    for (const std::string& message : messages) {
      EXPECT_THAT(message, testing::HasSubstr("runs later")) << text;
    }
  }
}

TEST(Document, BoundsSteps) {
  const auto make = [](uint32_t steps) {
    std::string text = "";
    for (uint32_t i = 2; i < steps; ++i) {
      text += "  - {stepId: s" + std::to_string(i) + ", operationId: o}\n";
    }
    return Make(text);
  };
  EXPECT_TRUE(ParseDocument(make(kStepsMax), "f", Reading::kStrict).document.has_value());
  EXPECT_THAT(Messages(make(kStepsMax + 1)), testing::Contains(testing::HasSubstr("1000 steps")));
}

}  // namespace
}  // namespace tarn::arazzo
