// Workflows that others depend on, at once and resumed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "arazzo/internal/run_tasks.h"
#include "arazzo/internal/test_world.h"
#include "arazzo/journal.h"

namespace tarn::arazzo {
namespace {

using json::Value;
using testing::HasSubstr;

TEST(RunTasks, RespectsNeedsAndBounds) {
  const std::vector<std::vector<size_t>> needs = {{}, {0}, {}, {1, 2}, {}, {3, 4}};
  for (const uint32_t threads_max : {1u, 2u, 8u}) {
    std::atomic<uint32_t> threads = 1;
    Mutex mutex;
    std::vector<size_t> done;
    uint32_t now = 0;
    uint32_t most = 0;
    RunTasks(needs, threads_max, &threads, [&](size_t i) {
      MutexLock lock(mutex);
      most = std::max(most, ++now);
      for (const size_t need : needs[i]) {
        EXPECT_NE(std::ranges::find(done, need), done.end()) << need << " before " << i;
      }
      done.push_back(i);
      --now;
      return true;
    });
    EXPECT_EQ(done.size(), needs.size());
    EXPECT_LE(most, threads_max);
    EXPECT_EQ(threads, 1u);
    if (threads_max == 1) {
      EXPECT_EQ(done, (std::vector<size_t>{0, 1, 2, 3, 4, 5}));
    }
  }
}

TEST(RunTasks, BeginsNothingAfterAFailure) {
  std::atomic<uint32_t> threads = 1;
  std::vector<size_t> ran;
  RunTasks({{}, {}, {0}}, 1, &threads, [&](size_t i) {
    ran.push_back(i);
    return false;
  });
  EXPECT_EQ(ran, std::vector<size_t>{0});
}

// Two tasks that wait for each other end only when both run at once.
TEST(RunTasks, RunsAtOnce) {
  std::atomic<uint32_t> threads = 1;
  Mutex mutex;
  CondVar changed;
  int arrived = 0;
  RunTasks({{}, {}}, 2, &threads, [&](size_t) {
    MutexLock lock(mutex);
    ++arrived;
    changed.NotifyAll();
    while (arrived < 2) {
      if (!changed.WaitFor(mutex, std::chrono::seconds(60))) return false;
    }
    return true;
  });
  EXPECT_EQ(arrived, 2);
}

// a and b are independent, c needs both, d is needed by a and b and runs once.
constexpr std::string_view kDiamond = R"(
- workflowId: main
  inputs: {type: object}
  dependsOn: [a, b, c]
  steps:
  - stepId: s
    operationId: createB
    requestBody: {payload: {ClientToken: $inputs.none, from: [$workflows.a.outputs.job,
      $workflows.b.outputs.job, $workflows.c.outputs.job]}}
    outputs: {job: $response.body#/job, from: $request.body#/from}
  outputs: {job: $steps.s.outputs.job, from: $steps.s.outputs.from}
)";

std::string Job(const std::string& id, const std::string& needs) {
  return "- workflowId: " + id + "\n  dependsOn: [" + needs +
         "]\n  steps:\n"
         "  - {stepId: s, operationId: createB, requestBody: {payload: {ClientToken: $inputs.none, "
         "of: " +
         id +
         "}}, outputs: {job: $response.body#/job}}\n"
         "  - {stepId: t, operationId: getB}\n"
         "  outputs: {job: $steps.s.outputs.job}\n";
}

std::string Diamond() {
  return std::string(kDiamond) + Job("a", "d") + Job("b", "d") + Job("c", "a, b") + Job("d", "");
}

// A job is named after its workflow, whenever it is asked for; each token counts once.
struct JobService {
  Mutex mutex;
  std::map<std::string, std::string> jobs_by_token;
  Result<HttpReply> Answer(const OutgoingRequest& request) {
    if (request.method != "PUT") return Json(200, "{}");
    const Value body = ParseJson(request.body);
    const Value* of = body.Find("of");
    const std::string name = of == nullptr ? "main" : of->AsString();
    const MutexLock lock(mutex);
    jobs_by_token.emplace(body.Find("ClientToken")->AsString(), name);
    return Json(200, R"({"job":"job-of-)" + name + "\"}");
  }
};

constexpr std::string_view kOutputs =
    R"({"job":"job-of-main","from":["job-of-a","job-of-b","job-of-c"]})";

TEST(Parallel, DependenciesRunOnceAndBeforeWhatNeedsThem) {
  for (const uint32_t parallel : {1u, 2u, 4u}) {
    SCOPED_TRACE(parallel);
    Case c(Diamond());
    c.options.parallel_max = parallel;
    JobService service;
    c.world.server = [&](const OutgoingRequest& r, const ApiOperation&) {
      return service.Answer(r);
    };
    const RunResult result = c.Run();
    EXPECT_EQ(result.status, RunStatus::kEnded) << result.message;
    EXPECT_EQ(json::ToText(result.outputs), kOutputs);
    EXPECT_EQ(service.jobs_by_token.size(), 5u);
    const std::string order = c.world.Texts("workflow_end", "workflow");
    const auto at = [&](std::string_view name) { return order.find(name); };
    EXPECT_LT(at("main/d\n"), at("main/a\n"));
    EXPECT_LT(at("main/d\n"), at("main/b\n"));
    EXPECT_LT(at("main/a\n"), at("main/c\n"));
    EXPECT_LT(at("main/b\n"), at("main/c\n"));
    EXPECT_LT(at("main/c\n"), at("main\n"));
  }
}

TEST(Parallel, AnswersOfSeveralServersAreWaitedForAtOnce) {
  Case c(
      "- {workflowId: w, dependsOn: [a, b], steps: [{stepId: s, operationId: getB}]}\n"
      "- {workflowId: a, steps: [{stepId: s, operationId: postB}]}\n"
      "- {workflowId: b, steps: [{stepId: s, operationId: postB}]}\n");
  Mutex mutex;
  CondVar changed;
  int arrived = 0;
  c.world.server = [&](const OutgoingRequest& request, const ApiOperation&) -> Result<HttpReply> {
    if (request.method == "GET") return Json(200, "{}");
    MutexLock lock(mutex);
    ++arrived;
    changed.NotifyAll();
    while (arrived < 2) {
      if (!changed.WaitFor(mutex, std::chrono::seconds(60))) return Json(500, "{}");
    }
    return Json(200, "{}");
  };
  EXPECT_EQ(c.Run().status, RunStatus::kEnded);
}

TEST(Parallel, TheFirstFailureInTheDocumentIsTold) {
  for (const uint32_t parallel : {1u, 4u}) {
    Case c(
        "- {workflowId: w, dependsOn: [a, b], steps: [{stepId: s, operationId: getB}]}\n"
        "- {workflowId: a, steps: [{stepId: s, operationId: postB}]}\n"
        "- {workflowId: b, steps: [{stepId: s, operationId: postB}]}\n");
    c.options.parallel_max = parallel;
    c.world.server = [](const OutgoingRequest&, const ApiOperation&) { return Json(500, "{}"); };
    const RunResult result = c.Run();
    EXPECT_EQ(result.status, RunStatus::kStepFailed);
    EXPECT_THAT(
        result.message,
        testing::ContainsRegex("the workflow a, which must complete first: .*:8:.*: the step s"));
    for (const OutgoingRequest& request : c.world.requests) EXPECT_EQ(request.method, "POST");
  }
}

// dependsOn is met by the workflow that it means, when that has ended well: not by one of the same
// name in another document, and not by a run of it that failed.
TEST(Parallel, OnlyTheSameWorkflowThatEndedWellMeetsADependency) {
  const std::string other = "- {workflowId: prepare, steps: [{stepId: s, operationId: getB}]}\n";
  Case namesake(
      "- {workflowId: main, steps: [{stepId: a, workflowId: $sourceDescriptions.other.prepare},\n"
      "   {stepId: b, workflowId: next}, {stepId: c, workflowId: next}]}\n"
      "- {workflowId: next, dependsOn: [prepare], steps: [{stepId: s, operationId: getB}]}\n"
      "- {workflowId: prepare, steps: [{stepId: s, operationId: postB}]}\n",
      other);
  EXPECT_EQ(namesake.Run().status, RunStatus::kEnded);
  std::string methods;
  for (const OutgoingRequest& request : namesake.world.requests) methods += request.method + " ";
  EXPECT_EQ(methods, "GET POST GET GET ");  // The second time it has been met.

  const std::string failing =
      "- workflowId: main\n  steps:\n"
      "  - {stepId: a, workflowId: prepare, onFailure: [{name: on, type: goto, stepId: b}]}\n"
      "  - {stepId: b, workflowId: next}\n"
      "- {workflowId: next, dependsOn: [prepare], steps: [{stepId: s, operationId: getB}]}\n"
      "- {workflowId: prepare, steps: [{stepId: s, operationId: postB}]}\n";
  for (const int failures : {1, 2}) {
    Case c(failing);
    int posts = 0;
    c.world.server = [&](const OutgoingRequest& r, const ApiOperation&) {
      return Json(r.method == "POST" && ++posts <= failures ? 500 : 200, "{}");
    };
    const RunResult result = c.Run();
    EXPECT_EQ(posts, 2);
    EXPECT_EQ(result.status, failures == 1 ? RunStatus::kEnded : RunStatus::kStepFailed);
    EXPECT_EQ(c.world.requests.size(), failures == 1 ? 3u : 2u);
  }
}

// A crash at every journal write, each time resumed with another number of threads: the same
// outputs, and no job twice.
TEST(Parallel, ResumesAfterACrashAtEveryJournalWrite) {
  Case whole(Diamond());
  JobService reference;
  whole.world.server = [&](const OutgoingRequest& r, const ApiOperation&) {
    return reference.Answer(r);
  };
  ASSERT_EQ(whole.Run().status, RunStatus::kEnded);
  for (size_t crash = 0; crash < whole.world.events.size(); ++crash) {
    SCOPED_TRACE(crash);
    Case c(Diamond());
    c.options.parallel_max = 1 + crash % 4;
    JobService service;
    c.world.server = [&](const OutgoingRequest& r, const ApiOperation&) {
      return service.Answer(r);
    };
    c.world.events_max = crash;
    ASSERT_FALSE(RunWorkflow(c.program, "", c.inputs, c.options, {c.world, c.world, c.world}).ok());
    c.world.events_max = SIZE_MAX;
    std::string journal;
    for (const RunEvent& event : c.world.events) journal += EncodeJournalLine(event);
    JournalContent content = ReadJournal(journal).value();
    c.options.recorded = content.recorded;
    c.options.in_doubt = content.in_doubt;
    c.options.parallel_max = 4 - crash % 4;
    const RunResult resumed = c.Run();
    EXPECT_EQ(resumed.status, RunStatus::kEnded) << resumed.message;
    EXPECT_EQ(json::ToText(resumed.outputs), kOutputs);
    EXPECT_EQ(service.jobs_by_token.size(), 5u);
  }
}

}  // namespace
}  // namespace tarn::arazzo
