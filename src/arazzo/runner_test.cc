#include "arazzo/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "arazzo/internal/test_world.h"
#include "arazzo/journal.h"
#include "arazzo/limits.h"
#include "base/bytes.h"
#include "base/file.h"

namespace tarn::arazzo {
namespace {

using json::Value;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Runner, SendsWhatTheStepSays) {
  Case c(R"(
- workflowId: w
  inputs:
    type: object
    properties: {id: {type: string}, gone: {type: string}, page: {default: 2}}
  steps:
  - stepId: s
    operationId: postA
    parameters:
    - {name: id, in: path, value: $inputs.id}
    - {name: page, in: query, value: $inputs.page}
    - {name: gone, in: query, value: $inputs.gone}
    - {name: X-H, in: header, value: 'v{$inputs.page}'}
    requestBody:
      payload: {a: $inputs.id, gone: $inputs.gone, list: [1]}
      replacements: [{target: /list/0, value: $inputs.page}, {target: /new, value: x}]
    outputs:
      n: $response.body#/n
      missing: $response.body#/none
      url: $url
      method: $method
      sent: $request.body#/a
  outputs: {n: $steps.s.outputs.n, missing: $steps.s.outputs.missing}
)");
  c.inputs = ParseJson(R"({"id":"x/y"})");
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kEnded) << result.message;
  EXPECT_EQ(json::ToText(result.outputs), R"({"n":5})");
  ASSERT_EQ(c.world.requests.size(), 1u);
  const OutgoingRequest& request = c.world.requests[0];
  EXPECT_EQ(request.url, "https://h/a/x%2Fy?page=2");
  EXPECT_EQ(request.body, R"({"a":"x/y","list":[2],"new":"x"})");
  EXPECT_EQ(request.headers, (Fields{{"X-H", "v2"}, {"Content-Type", "application/json"}}));
  EXPECT_THAT(c.world.Texts("outputs", "outputs"), HasSubstr(R"("method":"POST","sent":"x/y")"));
  EXPECT_THAT(c.world.Texts("warning", "message"), HasSubstr("the output missing of s is unset"));
}

TEST(Runner, ListsEveryWrongInput) {
  Case c(R"(
- workflowId: w
  inputs: {type: object, required: [a, b], properties: {c: {type: integer}}}
  steps: [{stepId: s, operationId: getB}]
)");
  c.inputs = ParseJson(R"({"c":"x"})");
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kInvalidInputs);
  EXPECT_THAT(result.message, HasSubstr("\"a\" is missing; the member \"b\" is missing; /c must"));
  EXPECT_TRUE(c.world.requests.empty());
}

TEST(Runner, FailsByDefaultAndByCriteria) {
  Case c("- {workflowId: w, steps: [{stepId: s, operationId: getB}]}\n");
  c.world.server = [](const OutgoingRequest&, const ApiOperation&) { return Json(404, "{}"); };
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kStepFailed);
  EXPECT_THAT(result.message, HasSubstr("the step s failed: the status is 404 (status 404: {})"));

  Case long_body("- {workflowId: w, steps: [{stepId: s, operationId: getB}]}\n");
  long_body.world.server = [](const OutgoingRequest&, const ApiOperation&) {
    return HttpReply{500, {{"Content-Type", "text/plain"}}, "why: " + std::string(400, 'x')};
  };
  EXPECT_THAT(long_body.Run().message,
              testing::EndsWith("500: why: " + std::string(295, 'x') + "...)"));

  Case criteria(
      "- {workflowId: w, steps: [{stepId: s, operationId: getB, successCriteria: "
      "[{condition: '$response.body#/n == 6'}]}]}\n");
  EXPECT_EQ(
      criteria.Run().message,
      "https://docs/dir/w.yaml:7:89: the step s failed: $response.body#/n == 6 does not hold; "
      "seen: 5 (status 200)");

  Case unreachable("- {workflowId: w, steps: [{stepId: s, operationId: getB}]}\n");
  unreachable.world.server = [](const OutgoingRequest&, const ApiOperation&) {
    return Result<HttpReply>(Error{ErrorKind::kUnavailable, "refused"});
  };
  EXPECT_THAT(unreachable.Run().message, HasSubstr("no answer: refused"));

  Case path(
      "- {workflowId: w, inputs: {type: object}, steps: [{stepId: s, operationId: getA, "
      "parameters: [{name: id, in: path, value: $inputs.gone}]}]}\n");
  EXPECT_THAT(path.Run().message, HasSubstr("has no value"));
  EXPECT_TRUE(path.world.requests.empty());
}

std::string Polling(std::string_view extra = "") {
  return R"(
- workflowId: w
  steps:
  - stepId: poll
    operationId: getB
)" + std::string(extra) +
         R"(
    outputs: {state: $response.body#/state}
    onSuccess:
    - {name: done, type: end, criteria: [{condition: $response.body#/state == 'DONE'}]}
    - {name: again, type: goto, stepId: poll, criteria: [{condition: $response.body#/state == 'BUSY'}]}
  - {stepId: after, operationId: postB}
  outputs: {state: $steps.poll.outputs.state}
)";
}

TEST(Runner, PacesPolling) {
  Case c(Polling());
  c.world.server = States({"BUSY", "BUSY", "BUSY", "DONE"});
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kEnded) << result.message;
  EXPECT_EQ(json::ToText(result.outputs), R"({"state":"DONE"})");
  EXPECT_THAT(c.world.sleeps, ElementsAre(1000, 1500, 2250));
  EXPECT_EQ(c.world.Texts("wait", "observed"), "BUSY\nBUSY\nBUSY\n");

  Case capped(Polling());
  capped.world.server = States({"BUSY"});
  const RunResult late = capped.Run();
  EXPECT_EQ(late.status, RunStatus::kOutOfTime);
  EXPECT_EQ(json::ToText(late.outputs), R"({"state":"BUSY"})");
  EXPECT_EQ(capped.world.sleeps.back(), 30'000);
  EXPECT_LE(capped.world.now_ms, 1'000'000 + 3'600'000);

  Case server(Polling("    x-poll-interval: 7\n"));
  server.world.server = States({"BUSY", "DONE"}, {{"Retry-After", "9"}});
  server.Run();
  EXPECT_THAT(server.world.sleeps, ElementsAre(9000));

  Case document(Polling("    x-poll-interval: 7\n"));
  document.world.server = States({"BUSY", "DONE"});
  document.Run();
  EXPECT_THAT(document.world.sleeps, ElementsAre(7000));

  Case off(Polling("    x-poll-interval: 7\n"));
  off.options.poll_s = 0;
  off.world.server = States({"BUSY", "DONE"}, {{"Retry-After", "9"}});
  off.Run();
  EXPECT_TRUE(off.world.sleeps.empty());
}

TEST(Runner, StopsAtStatesThatNothingHandles) {
  Case c(Polling());
  c.world.server = States({"BUSY", "BROKEN"});
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kUnhandledState);
  EXPECT_THAT(result.message, HasSubstr("sees BROKEN"));
  EXPECT_EQ(json::ToText(result.outputs), R"({"state":"BROKEN"})");
  EXPECT_EQ(c.world.requests.size(), 2u);

  Case next(Polling());
  next.options.fallthrough = Fallthrough::kNext;
  next.world.server = States({"BROKEN"});
  EXPECT_EQ(next.Run().status, RunStatus::kEnded);
  EXPECT_EQ(next.world.requests.back().method, "POST");

  Case passing(Polling());
  passing.options.wait_on = {"BROKEN"};
  passing.world.server = States({"QUEUED", "QUEUED", "BROKEN", "DONE"});
  EXPECT_EQ(passing.Run().status, RunStatus::kEnded);
  EXPECT_THAT(passing.world.Texts("warning", "message"), HasSubstr("sees QUEUED"));
  size_t warnings = 0;
  for (const RunEvent& event : passing.world.events) warnings += event.type == "warning";
  EXPECT_EQ(warnings, 2u);  // One for each state, not for each poll.
}

TEST(Runner, BoundsSteps) {
  Case c(Polling());
  c.options.poll_s = 0;
  c.options.steps_max = 100;
  c.world.server = States({"BUSY"});
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kOutOfTime);
  EXPECT_EQ(c.world.requests.size(), 100u);
}

TEST(Runner, Retries) {
  const std::string workflow = R"(
- workflowId: w
  steps:
  - stepId: s
    operationId: postB
    onFailure:
    - {name: again, type: retry, retryAfter: 2.5, retryLimit: 2, criteria: [{condition: $statusCode == 503}]}
    - {name: other, type: goto, stepId: rescue}
    onSuccess: [{name: fine, type: end}]
  - {stepId: rescue, operationId: getB}
)";
  Case c(workflow);
  int n = 0;
  c.world.server = [&](const OutgoingRequest&, const ApiOperation&) {
    return Json(++n < 3 ? 503 : 200, "{}");
  };
  EXPECT_EQ(c.Run().status, RunStatus::kEnded);
  EXPECT_THAT(c.world.sleeps, ElementsAre(2500, 2500));

  Case exhausted(workflow);
  exhausted.world.server = [](const OutgoingRequest& r, const ApiOperation&) {
    HttpReply reply = Json(r.method == "POST" ? 503 : 200, "{}");
    reply.headers.emplace_back("Retry-After", "4");
    return reply;
  };
  EXPECT_EQ(exhausted.Run().status, RunStatus::kEnded);
  EXPECT_THAT(exhausted.world.sleeps, ElementsAre(4000, 4000));
  EXPECT_EQ(exhausted.world.requests.size(), 4u);
  EXPECT_EQ(exhausted.world.requests.back().method, "GET");

  Case first(R"(
- workflowId: w
  steps:
  - {stepId: login, operationId: getB, outputs: {n: $response.body#/n}}
  - stepId: s
    operationId: postB
    onFailure: [{name: again, type: retry, retryAfter: 0, stepId: login}]
)");
  std::string methods;
  first.world.server = [&](const OutgoingRequest& r, const ApiOperation&) {
    methods += r.method + " ";
    return Json(methods == "GET POST " ? 401 : 200, "{}");
  };
  EXPECT_EQ(first.Run().status, RunStatus::kEnded);
  EXPECT_EQ(methods, "GET POST GET POST ");
}

TEST(Runner, DecodesBodiesAndMasksSecrets) {
  Case c(R"(
- workflowId: w
  inputs: {type: object, properties: {key: {type: string, format: password}}}
  steps:
  - stepId: s
    operationId: postB
    parameters: [{name: k, in: query, value: $inputs.key}]
    outputs: {body: $response.body}
  outputs: {body: $steps.s.outputs.body}
)");
  c.inputs = ParseJson(R"({"key":"hunter2"})");
  c.world.server = [](const OutgoingRequest&, const ApiOperation&) {
    return HttpReply{200, {{"content-type", "image/jph"}}, "\xff\x01"};
  };
  const RunResult result = c.Run();
  EXPECT_EQ(json::ToText(result.outputs), R"({"body":"file:2:image/jph"})");
  EXPECT_EQ(c.world.requests[0].url, "https://h/b?k=hunter2");
  for (const RunEvent& event : c.world.events) {
    EXPECT_EQ(json::ToText(event.data).find("hunter2"), std::string::npos) << event.type;
  }
}

// What the journal holds, as a resume would read it.
void Recover(const World& world, RunOptions* options) {
  std::string journal;
  for (const RunEvent& event : world.events) journal += EncodeJournalLine(event);
  auto content = ReadJournal(journal);
  ASSERT_TRUE(content.ok()) << content.error().detail;
  options->recorded = std::move(content.value().recorded);
  options->in_doubt = std::move(content.value().in_doubt);
}

TEST(Runner, KeepsWhatAFailedAnswerSays) {
  Case c(R"(
- workflowId: w
  steps:
  - stepId: s
    operationId: getB
    successCriteria: [{condition: $response.body#/state != 'BROKEN'}]
    outputs: {state: $response.body#/state, n: $response.body#/n}
    onSuccess: [{name: again, type: goto, stepId: s}]
  outputs: {state: $steps.s.outputs.state, n: $steps.s.outputs.n}
)");
  int calls = 0;
  c.world.server = [&](const OutgoingRequest&, const ApiOperation&) {
    return Json(200, ++calls < 3 ? R"({"state":"BUSY","n":1})" : R"({"state":"BROKEN"})");
  };
  const RunResult result = c.Run();
  EXPECT_EQ(result.status, RunStatus::kStepFailed);
  EXPECT_EQ(json::ToText(result.outputs), R"({"state":"BROKEN","n":1})");
  EXPECT_EQ(c.world.Texts("warning", "message"), "");
}

// Bodies of every kind, and a binary answer that is sent on as it came.
TEST(Runner, SendsBodiesByTheirMediaType) {
  Case c(R"(
- workflowId: w
  steps:
  - {stepId: get, operationId: getB, outputs: {frame: $response.body}}
  - {stepId: raw, operationId: postB,
     requestBody: {contentType: application/octet-stream, payload: $steps.get.outputs.frame}}
  - {stepId: form, operationId: postB,
     requestBody: {contentType: application/x-www-form-urlencoded, payload: {a: x y, b: [1, 2], c: $steps.get.outputs.none}}}
  - {stepId: parts, operationId: postB,
     requestBody: {contentType: multipart/form-data, payload: {note: hi, frame: $steps.get.outputs.frame, meta: {k: 1}}}}
  - {stepId: text, operationId: postB, requestBody: {contentType: text/plain, payload: 'status {$statusCode}'}}
  - {stepId: json, operationId: postB,
     requestBody: {contentType: application/json, payload: {frame: $steps.get.outputs.frame}}}
)");
  // An output that does not exist is said before anything runs; an absent value is left out.
  EXPECT_EQ(c.program.root, nullptr);
  Case good(R"(
- workflowId: w
  inputs: {type: object}
  steps:
  - {stepId: get, operationId: getB, outputs: {frame: $response.body}}
  - {stepId: raw, operationId: postB,
     requestBody: {contentType: application/octet-stream, payload: $steps.get.outputs.frame}}
  - {stepId: form, operationId: postB,
     requestBody: {contentType: application/x-www-form-urlencoded, payload: {a: x y, b: [1, 2], c: $inputs.none}}}
  - {stepId: parts, operationId: postB,
     requestBody: {contentType: multipart/form-data, payload: {note: hi, frame: $steps.get.outputs.frame, meta: {k: 1}}}}
  - {stepId: text, operationId: postB, requestBody: {contentType: text/plain, payload: 'is {$steps.get.outputs.frame}'}}
  - {stepId: json, operationId: postB,
     requestBody: {contentType: application/json, payload: {frame: $steps.get.outputs.frame}}}
)");
  const std::string bytes("\xff\0\r\n", 4);
  good.world.server = [&](const OutgoingRequest& r, const ApiOperation&) {
    return r.method == "GET" ? HttpReply{200, {{"Content-Type", "image/jph"}}, bytes}
                             : Json(200, "{}");
  };
  EXPECT_EQ(good.Run().status, RunStatus::kEnded);
  ASSERT_EQ(good.world.requests.size(), 6u);
  EXPECT_EQ(good.world.requests[1].body, bytes);
  EXPECT_EQ(good.world.requests[2].body, "a=x+y&b=1&b=2");
  EXPECT_THAT(good.world.requests[3].body, HasSubstr("name=\"note\"\r\n\r\nhi\r\n"));
  EXPECT_THAT(good.world.requests[3].body,
              HasSubstr("name=\"frame\"; filename=\"frame\"\r\nContent-Type: "
                        "application/octet-stream\r\n\r\n" +
                        bytes + "\r\n"));
  EXPECT_THAT(good.world.requests[3].body,
              HasSubstr("Content-Type: application/json\r\n\r\n{\"k\":1}\r\n"));
  EXPECT_EQ(good.world.requests[4].body, "is file:4:image/jph");
  EXPECT_EQ(good.world.requests[5].body, R"({"frame":"file:4:image/jph"})");
}

// A service that does a job once per token, as AWS's do.
struct JobService {
  std::map<std::string, int> jobs_by_token;
  int polls = 0;
  Result<HttpReply> Answer(const OutgoingRequest& request) {
    if (request.method == "PUT") {
      const Value body = ParseJson(request.body);
      const std::string token = body.Find("ClientToken")->AsString();
      const auto [job, created] = jobs_by_token.try_emplace(token, jobs_by_token.size() + 1);
      return Json(200, R"({"job":)" + std::to_string(job->second) + "}");
    }
    return Json(200, ++polls % 3 == 0 ? R"({"state":"DONE"})" : R"({"state":"BUSY"})");
  }
};

std::string TwelveSteps() {
  std::string out = "- workflowId: w\n  inputs: {type: object}\n  steps:\n";
  for (int i = 0; i < 6; ++i) {
    const std::string n = std::to_string(i);
    out += "  - {stepId: start" + n +
           ", operationId: createB, requestBody: {payload: {ClientToken: "
           "$inputs.none}}, outputs: {job: $response.body#/job}}\n  - stepId: poll" +
           n +
           "\n    operationId: getB\n    onSuccess:\n"
           "    - {name: again, type: goto, stepId: poll" +
           n +
           ", criteria: [{condition: $response.body#/state == 'BUSY'}]}\n"
           "    - {name: on, type: " +
           (i == 5 ? std::string("end}\n") : "goto, stepId: start" + std::to_string(i + 1) + "}\n");
  }
  out += "  outputs:\n";
  for (int i = 0; i < 6; ++i) {
    const std::string n = std::to_string(i);
    out += "    job" + n + ": $steps.start" + n + ".outputs.job\n";
  }
  return out;
}

TEST(Runner, ResumesAfterACrashAtEveryJournalWrite) {
  const std::string workflow = TwelveSteps();
  Case whole(workflow);
  JobService reference;
  whole.world.server = [&](const OutgoingRequest& r, const ApiOperation&) {
    return reference.Answer(r);
  };
  const RunResult expected = whole.Run();
  ASSERT_EQ(expected.status, RunStatus::kEnded) << expected.message;
  ASSERT_EQ(reference.jobs_by_token.size(), 6u);
  EXPECT_EQ(json::ToText(expected.outputs),
            R"({"job0":1,"job1":2,"job2":3,"job3":4,"job4":5,"job5":6})");
  for (size_t crash = 0; crash < whole.world.events.size(); ++crash) {
    SCOPED_TRACE(crash);
    Case c(workflow);
    JobService service;
    c.world.server = [&](const OutgoingRequest& r, const ApiOperation&) {
      return service.Answer(r);
    };
    c.world.events_max = crash;
    ASSERT_FALSE(RunWorkflow(c.program, "", c.inputs, c.options, {c.world, c.world, c.world}).ok());
    c.world.events_max = SIZE_MAX;
    Recover(c.world, &c.options);
    const RunResult resumed = c.Run();
    EXPECT_EQ(resumed.status, RunStatus::kEnded) << resumed.message;
    EXPECT_EQ(resumed.outputs, expected.outputs);
    EXPECT_EQ(service.jobs_by_token.size(), 6u);  // No job twice.
  }
}

TEST(Runner, AsksBeforeRepeatingWhatMayHaveBeenDone) {
  Case c("- {workflowId: w, steps: [{stepId: s, operationId: postB}]}\n");
  c.options.in_doubt = {""};
  EXPECT_EQ(c.Run().status, RunStatus::kInDoubt);
  EXPECT_TRUE(c.world.requests.empty());
  c.world.may_send_again = true;
  EXPECT_EQ(c.Run().status, RunStatus::kEnded);
  EXPECT_EQ(c.world.requests.size(), 1u);

  Case safe("- {workflowId: w, steps: [{stepId: s, operationId: postB, x-safe: true}]}\n");
  safe.options.in_doubt = {""};
  EXPECT_EQ(safe.Run().status, RunStatus::kEnded);
}

TEST(Runner, SyncsAroundRequestsThatAreNotSafe) {
  Case c(
      "- {workflowId: w, steps: [{stepId: a, operationId: getB}, {stepId: b, operationId: "
      "postB}]}\n");
  c.Run();
  std::string sends;
  for (size_t i = 0; i < c.world.events.size(); ++i) {
    if (c.world.events[i].type != "send" && c.world.events[i].type != "answer") continue;
    sends += c.world.durabilities[i] == Durability::kSynced ? "S" : "l";
  }
  EXPECT_EQ(sends, "llSS");
}

TEST(Program, SaysWhatCannotRun) {
  struct Row {
    std::string workflows;
    std::string_view says;
  };
  for (const Row& row : {
           Row{"- {workflowId: w, steps: [{stepId: s, operationId: getC}]}\n",
               "no source has an operation getC; nearest: getA, getB"},
           Row{"- {workflowId: w, steps: [{stepId: s, operationId: $sourceDescriptions.api.x}]}\n",
               "no source has an operation x"},
           Row{"- {workflowId: w, steps: [{stepId: s, operationPath: "
               "'{$sourceDescriptions.api.url}#/paths/~1c/get'}]}\n",
               "no operation at"},
           Row{"- {workflowId: w, steps: [{stepId: s, workflowId: $sourceDescriptions.other.x}]}\n",
               "there is no workflow $sourceDescriptions.other.x"},
           Row{"- {workflowId: w, inputs: {$ref: '#/x'}, steps: [{stepId: s, operationId: "
               "getB}]}\n",
               "leads nowhere"},
       }) {
    const Case c(row.workflows);
    EXPECT_EQ(c.program.root, nullptr);
    std::string all;
    for (const Diagnostic& d : c.program.diagnostics) all += ToText(d) + "\n";
    EXPECT_THAT(all, HasSubstr(row.says));
  }
  const Case good(
      "- {workflowId: w, steps: [{stepId: s, operationPath: "
      "'{$sourceDescriptions.api.url}#/paths/~1a~1{id}/post', parameters: [{name: id, in: path, "
      "value: x}]}]}\n");
  ASSERT_NE(good.program.root, nullptr);
  EXPECT_EQ(good.program.root->workflows[0].operations[0]->id, "postA");

  Library missing;
  const Program program = LoadProgram(
      "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\nsourceDescriptions: [{name: a, url: "
      "a.yaml}]\n"
      "workflows: [{workflowId: w, steps: [{stepId: s, operationId: o}]}]\n",
      "https://h/x/w.yaml", Reading::kLenient, missing);
  EXPECT_EQ(program.root, nullptr);
  EXPECT_THAT(program.diagnostics[0].message, HasSubstr("nothing at https://h/x/a.yaml"));

  Library circle;
  const std::string self =
      "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\n"
      "sourceDescriptions: [{name: me, url: w.yaml, type: arazzo}]\n"
      "workflows: [{workflowId: w, steps: [{stepId: s, workflowId: w}]}]\n";
  circle.documents["w.yaml"] = self;
  const Program loop = LoadProgram(self, "https://h/w.yaml", Reading::kLenient, circle);
  EXPECT_EQ(loop.root, nullptr);
  std::string said;
  for (const Diagnostic& d : loop.diagnostics) said += d.message + "\n";
  EXPECT_THAT(said, HasSubstr("sources run in a circle: https://h/w.yaml -> https://h/w.yaml"));
}

// The documents that this project began with, unmodified, against scripted services.
class Seeds : public testing::Test {
 protected:
  std::optional<Program> Load(const std::string& name) {
    const std::string folder = TARN_SOURCE_DIR "/../shared/";
    Library library;
    for (const std::string_view service : {"amazon-healthlake", "amazon-healthimaging"}) {
      const std::string file = std::string(service) + "-openapi.yaml";
      const auto text = ReadFile(folder + "openapi/" + file, 1u << 20);
      if (text.ok()) library.documents[file] = text.value();
    }
    const auto text = ReadFile(folder + "seeds/" + name + "-workflow.yml", 1u << 20);
    if (!text.ok() || library.documents.size() != 2) return std::nullopt;
    return LoadProgram(text.value(), folder + "seeds/" + name, Reading::kLenient, library);
  }

  // Runs with `states` as the answers of whatever is polled, in order.
  Result<RunResult> Run(const Program& program, std::string_view inputs,
                        std::vector<std::string> states) {
    size_t polled = 0;
    world_.server = [=](const OutgoingRequest& request,
                        const ApiOperation& operation) mutable -> Result<HttpReply> {
      (void)request;
      const bool polls = operation.id.starts_with("Describe") || operation.id.starts_with("Get");
      if (!polls) {
        return Json(200, R"({"DatastoreId":"d","DatastoreArn":"arn","DatastoreStatus":"CREATING",
                             "JobId":"j","JobStatus":"SUBMITTED","datastoreId":"d",
                             "datastoreStatus":"CREATING","jobId":"j","jobStatus":"SUBMITTED"})");
      }
      const std::string state = states[std::min(polled++, states.size() - 1)];
      std::string body = "{";
      for (const std::string_view name :
           {"DatastoreProperties", "ExportJobProperties", "ImportJobProperties",
            "datastoreProperties", "jobProperties"}) {
        const bool lower = name[0] >= 'a';
        const bool job = name.find("ob") != name.npos;
        const std::string member = job ? (lower ? "jobStatus" : "JobStatus")
                                       : (lower ? "datastoreStatus" : "DatastoreStatus");
        body += (body.size() > 1 ? "," : "") + ("\"" + std::string(name)) + "\":{\"" + member +
                "\":\"" + state + "\"}";
      }
      return Json(200, body + "}");
    };
    RunOptions options;
    options.run_id = "r";
    return RunWorkflow(program, "", ParseJson(inputs), options, {world_, world_, world_});
  }

  World world_;
};

constexpr std::string_view kExportInputs =
    R"({"DatastoreName":"n","DatastoreTypeVersion":"R4","OutputS3Uri":"s3://b/o",
        "OutputKmsKeyId":"k","DataAccessRoleArn":"a","ExportClientToken":"t"})";

TEST_F(Seeds, ExportPollsUntilCompleted) {
  const auto program = Load("amazon-healthlake-provision-datastore-and-export");
  if (!program.has_value()) GTEST_SKIP() << "the seeds are not here";
  ASSERT_NE(program->root, nullptr) << ToText(program->diagnostics[0]);
  const RunResult result =
      Run(*program, kExportInputs,
          {"CREATING", "CREATING", "ACTIVE", "SUBMITTED", "QUEUED", "IN_PROGRESS", "COMPLETED"})
          .value();
  EXPECT_EQ(result.status, RunStatus::kEnded) << result.message;
  EXPECT_EQ(json::ToText(result.outputs),
            R"({"datastoreId":"d","datastoreArn":"arn","jobId":"j","jobStatus":"COMPLETED"})");
  ASSERT_EQ(world_.requests.size(), 9u);
  const OutgoingRequest& create = world_.requests[0];
  EXPECT_EQ(create.url, "https://healthlake.us-east-1.amazonaws.com/");
  // The absent token is filled in; the absent job name of the export is left out.
  EXPECT_THAT(create.body, HasSubstr(R"("ClientToken":"tarn-)"));
  EXPECT_THAT(world_.requests[4].body, HasSubstr(R"({"OutputDataConfig":)"));
  EXPECT_EQ(create.headers[0],
            (Fields::value_type{"X-Amz-Target", "HealthLake.CreateFHIRDatastore"}));
}

TEST_F(Seeds, ExportStopsWhenTheStoreFails) {
  const auto program = Load("amazon-healthlake-provision-datastore-and-export");
  if (!program.has_value()) GTEST_SKIP() << "the seeds are not here";
  const RunResult result = Run(*program, kExportInputs, {"CREATING", "CREATE_FAILED"}).value();
  EXPECT_EQ(result.status, RunStatus::kUnhandledState);
  EXPECT_THAT(result.message, HasSubstr("CREATE_FAILED"));
  EXPECT_EQ(world_.requests.size(), 3u);  // No export was started.
}

TEST_F(Seeds, ImportAndImagingRun) {
  struct Row {
    std::string name;
    std::string_view inputs;
    std::vector<std::string> states;
    RunStatus status;
    std::string_view outputs;
  };
  const std::string_view import_inputs =
      R"({"DatastoreId":"d","InputS3Uri":"s3://b/i","OutputS3Uri":"s3://b/o","OutputKmsKeyId":"k",
          "DataAccessRoleArn":"a","ClientToken":"t"})";
  const std::string_view imaging = R"({"datastoreName":"n","clientToken":"t"})";
  const std::string_view onboard =
      R"({"datastoreName":"n","datastoreClientToken":"t","dataAccessRoleArn":"a",
          "importClientToken":"u","inputS3Uri":"s3://b/i/","outputS3Uri":"s3://b/o/"})";
  for (
      const Row& row : {
          Row{"amazon-healthlake-start-import-and-wait-completed",
              import_inputs,
              {"SUBMITTED", "IN_PROGRESS", "COMPLETED"},
              RunStatus::kEnded,
              R"({"jobId":"j","jobStatus":"COMPLETED","importJobProperties":{"JobStatus":"COMPLETED"}})"},
          Row{"amazon-healthlake-start-import-and-wait-completed",
              import_inputs,
              {"SUBMITTED", "FAILED"},
              RunStatus::kUnhandledState,
              ""},
          Row{"amazon-healthimaging-provision-datastore",
              imaging,
              {"CREATING", "ACTIVE"},
              RunStatus::kEnded,
              R"({"datastoreId":"d","datastoreStatus":"ACTIVE"})"},
          Row{"amazon-healthimaging-provision-datastore",
              imaging,
              {"CREATING", "CREATE_FAILED"},
              RunStatus::kEnded,
              R"({"datastoreId":"d","datastoreStatus":"CREATE_FAILED"})"},
          Row{"amazon-healthimaging-onboard-datastore-and-import",
              onboard,
              {"CREATING", "ACTIVE", "SUBMITTED", "IN_PROGRESS", "COMPLETED"},
              RunStatus::kEnded,
              R"({"datastoreId":"d","jobId":"j","jobStatus":"COMPLETED"})"},
          Row{"amazon-healthimaging-onboard-datastore-and-import",
              onboard,
              {"ACTIVE", "FAILED"},
              RunStatus::kEnded,
              R"({"datastoreId":"d","jobId":"j","jobStatus":"FAILED"})"},
      }) {
    SCOPED_TRACE(row.name);
    const auto program = Load(row.name);
    if (!program.has_value()) GTEST_SKIP() << "the seeds are not here";
    ASSERT_NE(program->root, nullptr) << ToText(program->diagnostics[0]);
    const RunResult result = Run(*program, row.inputs, row.states).value();
    EXPECT_EQ(result.status, row.status) << result.message;
    if (!row.outputs.empty()) {
      EXPECT_EQ(json::ToText(result.outputs), row.outputs);
    }
  }
}

}  // namespace
}  // namespace tarn::arazzo
