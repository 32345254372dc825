// Workflows that run others: by steps, by goto, before a retry.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "arazzo/internal/test_world.h"

namespace tarn::arazzo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(WorkflowCall, CallsWorkflows) {
  Case c(R"(
- workflowId: main
  dependsOn: [before]
  steps:
  - {stepId: call, workflowId: child, parameters: [{name: x, value: 7}],
     outputs: {y: $outputs.y}, successCriteria: [{condition: $outputs.y == 7}]}
  - {stepId: far, workflowId: $sourceDescriptions.other.far}
  - stepId: use
    operationId: getB
    parameters: [{name: y, in: query, value: $steps.call.outputs.y},
                 {name: w, in: query, value: $workflows.before.outputs.n},
                 {name: f, in: query, value: $steps.far.outputs.n}]
    onSuccess: [{name: on, type: goto, workflowId: last}]
- workflowId: before
  steps: [{stepId: s, operationId: getB, outputs: {n: $response.body#/n}}]
  outputs: {n: $steps.s.outputs.n}
- workflowId: child
  inputs: {type: object, properties: {x: {type: integer}}}
  steps: [{stepId: s, operationId: postB, requestBody: {payload: $inputs.x}, outputs: {x: $request.body}}]
  outputs: {y: $steps.s.outputs.x}
- workflowId: last
  steps: [{stepId: s, operationId: getB, outputs: {n: $response.body#/n}}]
  outputs: {n: $steps.s.outputs.n}
)");
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kEnded) << result.message;
  EXPECT_EQ(json::ToText(result.outputs), R"({"n":5})");  // Of the workflow it went on to.
  ASSERT_EQ(c.world.requests.size(), 5u);
  EXPECT_EQ(c.world.requests[1].body, "7");
  EXPECT_EQ(c.world.requests[3].url, "https://h/b?y=7&w=5&f=5");

  Case endless("- {workflowId: w, steps: [{stepId: s, workflowId: w}]}\n");
  const RunResult deep = endless.Run();
  EXPECT_EQ(deep.status, RunStatus::kStepFailed);
  EXPECT_THAT(deep.message, HasSubstr("32 deep"));
}

// A loop by goto workflowId is paced and bounded as one by goto stepId.
TEST(WorkflowCall, PacesLoopsOfWorkflows) {
  const auto loop = [](std::string_view extra) {
    return "- workflowId: w\n  steps:\n  - stepId: poll\n    operationId: getB\n" +
           std::string(extra) +
           "    outputs: {state: $response.body#/state}\n    onSuccess:\n"
           "    - {name: done, type: end, criteria: [{condition: $response.body#/state == "
           "'DONE'}]}\n"
           "    - {name: again, type: goto, workflowId: w}\n"
           "  outputs: {state: $steps.poll.outputs.state}\n";
  };
  Case c(loop(""));
  c.world.server = States({"BUSY", "BUSY", "BUSY", "DONE"});
  EXPECT_EQ(json::ToText(c.Run().outputs), R"({"state":"DONE"})");
  EXPECT_THAT(c.world.sleeps, ElementsAre(1000, 1500, 2250));
  EXPECT_EQ(c.world.Texts("wait", "observed"), "BUSY\nBUSY\nBUSY\n");

  Case document(loop("    x-poll-interval: 7\n"));
  document.world.server = States({"BUSY", "DONE"});
  document.Run();
  EXPECT_THAT(document.world.sleeps, ElementsAre(7000));

  Case server(loop("    x-poll-interval: 7\n"));
  server.world.server = States({"BUSY", "DONE"}, {{"Retry-After", "9"}});
  server.Run();
  EXPECT_THAT(server.world.sleeps, ElementsAre(9000));

  Case endless(loop(""));
  endless.options.timeout_ms = 60'000;
  endless.world.server = States({"BUSY"});
  const RunResult late = endless.Run();
  EXPECT_EQ(late.status, RunStatus::kOutOfTime);
  EXPECT_EQ(json::ToText(late.outputs), R"({"state":"BUSY"})");
  EXPECT_LE(endless.world.now_ms, 1'000'000 + 60'000);
}

// What cannot be resolved is said with the place of the parameter, whoever calls.
TEST(WorkflowCall, SaysWhereAParameterForAWorkflowHasNoValue) {
  const std::string parameter = "parameters: [{name: p, value: 'x{$inputs.gone}'}]";
  const std::string child = "- {workflowId: child, steps: [{stepId: s, operationId: getB}]}\n";
  struct Row {
    std::string step, place;
  };
  for (const Row& row : {
           Row{"{stepId: s, operationId: getB, onSuccess: [{name: on, type: goto, workflowId: "
               "child, " +
                   parameter + "}]}",
               ":10:"},
           Row{"{stepId: s, workflowId: child,\n    " + parameter + "}", ":11:"},
           Row{"{stepId: s, operationId: postB, onFailure: [{name: on, type: retry, workflowId: "
               "child, "
               "retryAfter: 0, " +
                   parameter + "}]}",
               ":10:"},
       }) {
    SCOPED_TRACE(row.step);
    Case c("- workflowId: w\n  inputs: {type: object}\n  steps:\n  - " + row.step + "\n" + child);
    c.world.server = [](const OutgoingRequest& r, const ApiOperation&) {
      return Json(r.method == "POST" ? 503 : 200, "{}");
    };
    const RunResult result = c.Run();
    EXPECT_EQ(result.status, RunStatus::kStepFailed);
    EXPECT_THAT(result.message, HasSubstr("https://docs/dir/w.yaml" + row.place));
    EXPECT_THAT(result.message, HasSubstr("the parameter p: $inputs.gone has no value"));
  }
}

// Parameters of an action may name the answer of its step.
TEST(WorkflowCall, AGotoHandsOnWhatTheStepWasAnswered) {
  Case c(
      "- workflowId: w\n  steps:\n  - {stepId: s, operationId: getB, onSuccess: [{name: on, type: "
      "goto, workflowId: child, parameters: [{name: n, value: $response.body#/n}]}]}\n"
      "- {workflowId: child, inputs: {type: object}, steps: [{stepId: s, operationId: postB, "
      "requestBody: {payload: {n: $inputs.n}}}]}\n");
  EXPECT_EQ(c.Run().status, RunStatus::kEnded);
  EXPECT_EQ(c.world.requests.back().body, R"({"n":5})");
}

// dependsOn of a step waits for nothing and runs nothing: it says what must have succeeded.
TEST(WorkflowCall, AStepMayDependOnStepsOfOtherWorkflows) {
  const auto run = [](const std::string& reference, int status) {
    Case c(
        "- workflowId: w\n  steps:\n"
        "  - {stepId: a, workflowId: child, onFailure: [{name: on, type: goto, stepId: b}]}\n"
        "  - {stepId: b, operationId: postB, dependsOn: [" +
        reference +
        "]}\n"
        "- {workflowId: child, steps: [{stepId: s, operationId: getB}, {stepId: t, workflowId: "
        "$sourceDescriptions.other.far}]}\n");
    c.world.server = [=](const OutgoingRequest& r, const ApiOperation&) {
      return Json(r.method == "GET" ? status : 200, "{}");
    };
    return c.Run();
  };
  for (const std::string reference : {"$workflows.child.steps.s", "$workflows.child.steps.t",
                                      "$sourceDescriptions.other.far.steps.s"}) {
    EXPECT_EQ(run(reference, 200).status, RunStatus::kEnded) << reference;
    const RunResult failed = run(reference, 500);
    EXPECT_EQ(failed.status, RunStatus::kStepFailed);
    EXPECT_THAT(failed.message, HasSubstr("the step b depends on " + reference));
    EXPECT_THAT(failed.message, HasSubstr("w.yaml:"));
  }
  for (const auto& [reference, says] : std::initializer_list<std::pair<std::string, std::string>>{
           {"$workflows.child.steps.x", "the workflow child has no step x"},
           {"$workflows.none.steps.s", "none"},
           {"$sourceDescriptions.other.far.steps.x", "there is no step"},
           {"$steps.a", "dependsOn of a step names"},
           {"x", "x"}}) {
    const Case c("- {workflowId: w, steps: [{stepId: s, operationId: getB, dependsOn: [" +
                 reference +
                 "]}]}\n- {workflowId: child, steps: [{stepId: s, operationId: getB}]}\n");
    EXPECT_EQ(c.program.root, nullptr) << reference;
    std::string all;
    for (const Diagnostic& d : c.program.diagnostics) all += d.message + "\n";
    EXPECT_THAT(all, HasSubstr(says));
  }
}

}  // namespace
}  // namespace tarn::arazzo
