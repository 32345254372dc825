// Runs that are interrupted wherever they can be, and go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "arazzo/internal/test_world.h"
#include "arazzo/journal.h"

namespace tarn::arazzo {
namespace {

using json::Value;
using testing::ElementsAre;
using testing::HasSubstr;

// Does a job once for each token, as AWS's services do, and tells it by its token's number.
struct TokenService {
  Mutex mutex;
  std::map<std::string, size_t> jobs_by_token;

  Result<HttpReply> Answer(const OutgoingRequest& request) {
    if (request.method != "PUT") return Json(200, R"({"n":5})");
    const std::string token = ParseJson(request.body).Find("ClientToken")->AsString();
    const MutexLock lock(mutex);
    const auto job = jobs_by_token.emplace(token, jobs_by_token.size() + 1).first;
    return Json(200, R"({"job":)" + std::to_string(job->second) + "}");
  }
};

// What the journal holds, as a resumed run reads it.
JournalContent Journal(const World& world) {
  std::string text;
  for (const RunEvent& event : world.events) text += EncodeJournalLine(event);
  auto content = ReadJournal(text);
  EXPECT_TRUE(content.ok()) << content.error().detail;
  return content.ok() ? std::move(content).value() : JournalContent{};
}

void Recover(Case* c) {
  JournalContent content = Journal(c->world);
  c->options.recorded = std::move(content.recorded);
  c->options.in_doubt = std::move(content.in_doubt);
}

struct Documents {
  std::string workflows;
  std::string other;
};
using Server = std::function<Result<HttpReply>(const OutgoingRequest&)>;

// Runs to the end, then with a crash at every journal write: the resumed run ends the same way, and
// asks for as many jobs as the whole one.
void ExpectResumable(const Documents& documents, size_t jobs,
                     const std::function<Server(TokenService*)>& make_server) {
  const auto serve = [&](Case* c, TokenService* service) {
    const Server server = make_server(service);
    c->world.server = [server](const OutgoingRequest& r, const ApiOperation&) { return server(r); };
  };
  Case whole(documents.workflows, documents.other);
  TokenService reference;
  serve(&whole, &reference);
  const RunResult expected = whole.Run();
  ASSERT_EQ(expected.status, RunStatus::kEnded) << expected.message;
  EXPECT_EQ(reference.jobs_by_token.size(), jobs);
  Journal(whole.world);
  for (size_t crash = 1; crash < whole.world.events.size(); ++crash) {
    SCOPED_TRACE(crash);
    Case c(documents.workflows, documents.other);
    c.options.parallel_max = 1 + crash % 3;
    TokenService service;
    serve(&c, &service);
    c.world.events_max = crash;
    ASSERT_FALSE(RunWorkflow(c.program, "", c.inputs, c.options, {c.world, c.world, c.world}).ok());
    c.world.events_max = SIZE_MAX;
    Recover(&c);
    c.options.parallel_max = 3 - crash % 3;
    const RunResult resumed = c.Run();
    EXPECT_EQ(resumed.status, RunStatus::kEnded) << resumed.message;
    EXPECT_EQ(json::ToText(resumed.outputs), json::ToText(expected.outputs));
    EXPECT_EQ(service.jobs_by_token.size(), jobs);
  }
}

Server Plain(TokenService* service) {
  return [service](const OutgoingRequest& r) { return service->Answer(r); };
}

constexpr std::string_view kCreate =
    "{stepId: create, operationId: createB, requestBody: {payload: {ClientToken: $inputs.none}}, "
    "outputs: {job: $response.body#/job}}";

// A step in a loop calls a workflow: each call is one of its own.
TEST(Resume, ALoopThatCallsAWorkflowAsksForAJobEachTime) {
  const std::string workflows =
      "- workflowId: main\n  inputs: {type: object}\n  steps:\n"
      "  - {stepId: call, workflowId: child, outputs: {job: $outputs.job}, onSuccess: [\n"
      "     {name: on, type: goto, stepId: last, criteria: [{condition: $steps.call.outputs.job == "
      "3}]},\n"
      "     {name: again, type: goto, stepId: call}]}\n"
      "  - {stepId: last, operationId: getB}\n"
      "  outputs: {job: $steps.call.outputs.job}\n"
      "- workflowId: child\n  inputs: {type: object}\n  dependsOn: [before]\n  steps:\n  - " +
      std::string(kCreate) +
      "\n  outputs: {job: $steps.create.outputs.job}\n"
      "- {workflowId: before, steps: [{stepId: s, operationId: getB}]}\n";
  ExpectResumable({workflows, ""}, 3, Plain);
}

// Workflows that go to each other in a circle.
TEST(Resume, ACircleOfWorkflowsAsksForAJobEachTime) {
  const std::string workflows =
      "- workflowId: main\n  inputs: {type: object}\n  steps:\n  - {stepId: create, operationId: "
      "createB, requestBody: {payload: {ClientToken: $inputs.none}}, onSuccess: [\n"
      "     {name: done, type: end, criteria: [{condition: $response.body#/job == 4}]},\n"
      "     {name: on, type: goto, workflowId: between}], outputs: {job: $response.body#/job}}\n"
      "  outputs: {job: $steps.create.outputs.job}\n"
      "- {workflowId: between, inputs: {type: object}, steps: [{stepId: s, operationId: getB,\n"
      "   onSuccess: [{name: back, type: goto, workflowId: main}]}]}\n";
  ExpectResumable({workflows, ""}, 4, Plain);
}

// A retry that runs a workflow, which needs another one that fails the first time.
TEST(Resume, ARetryIntoAWorkflowWithADependency) {
  const std::string workflows =
      "- workflowId: main\n  inputs: {type: object}\n  steps:\n"
      "  - {stepId: s, operationId: postB, x-safe: true, onFailure: [\n"
      "     {name: mend/it, type: retry, retryAfter: 0, retryLimit: 3, workflowId: mend}]}\n"
      "- workflowId: mend\n  inputs: {type: object}\n  dependsOn: [before]\n  steps:\n  - " +
      std::string(kCreate) +
      "\n"
      "- {workflowId: before, steps: [{stepId: s, operationId: getB}]}\n";
  ExpectResumable({workflows, ""}, 2, [](TokenService* service) -> Server {
    // The dependency fails once; the step that is retried succeeds after two jobs.
    auto looks = std::make_shared<int>(0);
    return [=](const OutgoingRequest& r) -> Result<HttpReply> {
      if (r.method == "GET") return Json(++*looks == 1 ? 500 : 200, "{}");
      if (r.method == "PUT") return service->Answer(r);
      return Json(service->jobs_by_token.size() < 2 ? 503 : 200, "{}");
    };
  });
}

// A retry that runs a step first: that is another visit of the step, not a replay of the first.
TEST(Resume, ARetryIntoAStepIsAnotherVisitOfIt) {
  const std::string workflows =
      "- workflowId: main\n  inputs: {type: object}\n  steps:\n  - " + std::string(kCreate) +
      "\n  - {stepId: s, operationId: postB, x-safe: true, onFailure: [\n"
      "     {name: again, type: retry, retryAfter: 0, retryLimit: 3, stepId: create}]}\n"
      "  outputs: {job: $steps.create.outputs.job}\n";
  ExpectResumable({workflows, ""}, 3, [](TokenService* service) -> Server {
    return [=](const OutgoingRequest& r) -> Result<HttpReply> {
      if (r.method == "PUT") return service->Answer(r);
      return Json(service->jobs_by_token.size() < 3 ? 503 : 200, "{}");
    };
  });
}

// Two documents with a workflow of the same name: both run, each with a token of its own, and each
// document sees its own.
TEST(Resume, NamesakesOfTwoDocumentsAreTwoWorkflows) {
  const std::string prepare = "- workflowId: prepare\n  inputs: {type: object}\n  steps:\n  - " +
                              std::string(kCreate) +
                              "\n  outputs: {job: $steps.create.outputs.job}\n";
  const std::string workflows =
      "- workflowId: main\n  inputs: {type: object}\n"
      "  dependsOn: [prepare, $sourceDescriptions.other.next]\n  steps:\n"
      "  - {stepId: s, operationId: postB, requestBody: {payload: "
      "[$workflows.prepare.outputs.job]},\n"
      "     outputs: {sent: $request.body}}\n"
      "  outputs: {sent: $steps.s.outputs.sent}\n" +
      prepare;
  const std::string other =
      "- workflowId: next\n  inputs: {type: object}\n  dependsOn: [prepare]\n  steps:\n"
      "  - {stepId: s, operationId: postB, requestBody: {payload: {job: "
      "$workflows.prepare.outputs.job}}}\n" +
      prepare;
  // Which of the two is first when they run at once is open, so the order is that of one thread.
  Case c(workflows, other);
  c.options.parallel_max = 1;
  TokenService service;
  c.world.server = [&](const OutgoingRequest& r, const ApiOperation&) { return service.Answer(r); };
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kEnded) << result.message;
  EXPECT_EQ(service.jobs_by_token.size(), 2u);
  EXPECT_EQ(json::ToText(result.outputs), R"({"sent":[1]})");
  std::vector<std::string> posted;
  for (const OutgoingRequest& r : c.world.requests) {
    if (r.method == "POST") posted.push_back(r.body);
  }
  EXPECT_THAT(posted, ElementsAre(R"({"job":2})", "[1]"));
  Journal(c.world);
}

// The user's wish to stop comes during a request: its answer counts, the journal has an end, and
// what has a value is told.
TEST(Resume, AStopDuringARequestLosesNothing) {
  for (const std::string_view sent : {"GET", "PUT"}) {
    SCOPED_TRACE(sent);
    const std::string workflows =
        "- workflowId: main\n  inputs: {type: object}\n  dependsOn: [before]\n  steps:\n  - " +
        std::string(kCreate) +
        "\n  - {stepId: after, operationId: postB}\n"
        "  outputs: {job: $steps.create.outputs.job}\n"
        "- {workflowId: before, steps: [{stepId: s, operationId: getB}]}\n";
    Case c(workflows);
    TokenService service;
    c.world.server = [&](const OutgoingRequest& r, const ApiOperation&) {
      c.world.stop_wanted = r.method == sent;
      return service.Answer(r);
    };
    const RunResult stopped = c.Run();
    EXPECT_EQ(stopped.status, RunStatus::kOutOfTime);
    EXPECT_THAT(stopped.message, HasSubstr("stopped"));
    EXPECT_EQ(json::ToText(stopped.outputs), sent == "PUT" ? R"({"job":1})" : "{}");
    EXPECT_EQ(c.world.requests.back().method, sent);
    EXPECT_EQ(Journal(c.world).status, "out-of-time");
    c.world.stop_wanted = false;
    c.world.server = [&](const OutgoingRequest& r, const ApiOperation&) {
      return service.Answer(r);
    };
    Recover(&c);
    const RunResult resumed = c.Run();
    EXPECT_EQ(resumed.status, RunStatus::kEnded) << resumed.message;
    EXPECT_EQ(json::ToText(resumed.outputs), R"({"job":1})");
    EXPECT_EQ(c.world.requests.size(), 3u);
  }
}

// A run that ended because a request got no answer asks again when it is resumed.
TEST(Resume, ARequestWithoutAnAnswerIsAskedAgain) {
  struct Row {
    std::string_view step;
    ErrorKind kind;
    RunStatus first;   // Of the run.
    RunStatus second;  // Resumed, with nobody to ask.
  };
  constexpr std::string_view kPost = "{stepId: s, operationId: postB}";
  constexpr std::string_view kGet = "{stepId: s, operationId: getB}";
  const std::string_view create = kCreate;
  for (const Row& row : {
           // What was not sent was not done.
           Row{kGet, ErrorKind::kUnavailable, RunStatus::kStepFailed, RunStatus::kEnded},
           Row{kPost, ErrorKind::kUnavailable, RunStatus::kStepFailed, RunStatus::kEnded},
           // What may have been done is repeated when that does no harm.
           Row{kGet, ErrorKind::kTimeout, RunStatus::kStepFailed, RunStatus::kEnded},
           Row{create, ErrorKind::kTimeout, RunStatus::kStepFailed, RunStatus::kEnded},
           Row{kPost, ErrorKind::kTimeout, RunStatus::kInDoubt, RunStatus::kInDoubt},
           Row{kPost, ErrorKind::kTooLarge, RunStatus::kInDoubt, RunStatus::kInDoubt},
       }) {
    SCOPED_TRACE(row.step);
    Case c(
        "- workflowId: w\n  inputs: {type: object}\n  steps:\n  - {stepId: a, operationId: getB}\n "
        " - " +
        std::string(row.step) + "\n");
    c.world.server = [&](const OutgoingRequest&, const ApiOperation&) -> Result<HttpReply> {
      if (c.world.requests.size() == 1) return Json(200, "{}");
      return Error{row.kind, "no luck"};
    };
    const RunResult first = c.Run();
    EXPECT_EQ(first.status, row.first) << first.message;
    EXPECT_THAT(first.message, HasSubstr("no answer: no luck"));
    EXPECT_THAT(first.message, HasSubstr("w.yaml:"));
    c.world.server = [](const OutgoingRequest&, const ApiOperation&) { return Json(200, "{}"); };
    Recover(&c);
    EXPECT_EQ(c.Run().status, row.second);
    const bool asked_again = row.second == RunStatus::kEnded;
    EXPECT_EQ(c.world.requests.size(), asked_again ? 3u : 2u);
    if (asked_again) {
      EXPECT_EQ(c.world.requests[2].body, c.world.requests[1].body);
    }
    c.world.may_send_again = true;
    Recover(&c);
    EXPECT_EQ(c.Run().status, RunStatus::kEnded);
    EXPECT_EQ(c.world.requests.size(), 3u);
  }
}

// The document's own way on after a request without an answer.
TEST(Resume, ARequestInDoubtIsNotRetriedUnasked) {
  const auto document = [](std::string_view action) {
    return "- workflowId: w\n  steps:\n  - {stepId: s, operationId: postB, onFailure: [" +
           std::string(action) + "]}\n  - {stepId: rescue, operationId: getB}\n";
  };
  const auto lost = [](const OutgoingRequest& r, const ApiOperation&) -> Result<HttpReply> {
    if (r.method == "POST") return Error{ErrorKind::kTimeout, "no luck"};
    return Json(200, "{}");
  };
  Case retry(document("{name: again, type: retry, retryAfter: 0, retryLimit: 2}"));
  retry.world.server = lost;
  EXPECT_EQ(retry.Run().status, RunStatus::kInDoubt);
  EXPECT_EQ(retry.world.requests.size(), 1u);

  Case asked(document("{name: again, type: retry, retryAfter: 0, retryLimit: 2}"));
  asked.world.server = lost;
  asked.world.may_send_again = true;
  EXPECT_EQ(asked.Run().status, RunStatus::kInDoubt);  // Retries are used up.
  EXPECT_EQ(asked.world.requests.size(), 3u);

  Case end(document("{name: stop, type: end}"));
  end.world.server = lost;
  EXPECT_EQ(end.Run().status, RunStatus::kInDoubt);

  Case other(document("{name: on, type: goto, stepId: rescue}"));
  other.world.server = lost;
  EXPECT_EQ(other.Run().status, RunStatus::kEnded);
  EXPECT_EQ(other.world.requests.size(), 2u);

  Case unsent(document("{name: again, type: retry, retryAfter: 0, retryLimit: 2}"));
  unsent.world.server = [](const OutgoingRequest&, const ApiOperation&) -> Result<HttpReply> {
    return Error{ErrorKind::kUnavailable, "refused"};
  };
  EXPECT_EQ(unsent.Run().status, RunStatus::kStepFailed);
  EXPECT_EQ(unsent.world.requests.size(), 3u);
}

TEST(Resume, ARecordedAnswerBelongsToItsStep) {
  Case c(
      "- {workflowId: w, steps: [{stepId: a, operationId: getB}, {stepId: b, operationId: "
      "getB}]}\n");
  ASSERT_EQ(c.Run().status, RunStatus::kEnded);
  Case other(
      "- {workflowId: w, steps: [{stepId: a, operationId: getB}, {stepId: c, operationId: "
      "getB}]}\n");
  other.options.recorded = Journal(c.world).recorded;
  const auto result = RunWorkflow(other.program, "", other.inputs, other.options,
                                  {other.world, other.world, other.world});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::kCorrupt);
  EXPECT_THAT(result.error().detail, HasSubstr("answer 1 is that of the step b of w"));
  EXPECT_TRUE(other.world.requests.empty());
}

}  // namespace
}  // namespace tarn::arazzo
