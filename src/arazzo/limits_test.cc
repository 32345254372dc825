// Each bound of limits.h at the bound and one step past it, where no other test has it: a run that
// meets one ends with a message, never with the memory.
#include "arazzo/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "arazzo/internal/test_world.h"
#include "arazzo/internal/xpath.h"
#include "arazzo/journal.h"
#include "arazzo/json_schema.h"
#include "arazzo/jsonpath.h"
#include "arazzo/regex.h"

namespace tarn::arazzo {
namespace {

using json::Value;
using testing::HasSubstr;

std::string Repeat(std::string_view text, size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

// Whether a document with these workflows loads, and what is said when not.
std::string Errors(const std::string& workflows) {
  const Case c(workflows);
  std::string out;
  for (const Diagnostic& d : c.program.diagnostics) {
    if (d.severity == Severity::kError) out += d.message + "\n";
  }
  return out;
}

TEST(Limits, Documents) {
  const auto workflows = [](uint32_t count) {
    std::string out;
    for (uint32_t i = 0; i < count; ++i) {
      out +=
          "- {workflowId: w" + std::to_string(i) + ", steps: [{stepId: s, operationId: getB}]}\n";
    }
    return out;
  };
  EXPECT_EQ(Errors(workflows(kWorkflowsMax)), "");
  EXPECT_THAT(Errors(workflows(kWorkflowsMax + 1)), HasSubstr("1000 workflows"));

  const auto retry = [](const std::string& fields) {
    return Errors(
        "- {workflowId: w, steps: [{stepId: s, operationId: getB, onFailure: [{name: r, "
        "type: retry, " +
        fields + "}]}]}\n");
  };
  EXPECT_EQ(retry("retryLimit: " + std::to_string(kRetriesMax)), "");
  EXPECT_THAT(retry("retryLimit: " + std::to_string(kRetriesMax + 1)), HasSubstr("100000"));
  const auto seconds = static_cast<uint64_t>(kSecondsMax);
  EXPECT_EQ(retry("retryAfter: " + std::to_string(seconds)), "");
  EXPECT_THAT(retry("retryAfter: " + std::to_string(seconds + 1)), HasSubstr("seconds, at most"));

  const auto complaints = [](uint32_t count) {
    std::string step = "- workflowId: w\n  steps:\n  - stepId: s\n    operationId: getB\n";
    for (uint32_t i = 0; i < count; ++i) step += "    unknown" + std::to_string(i) + ": 1\n";
    return Case(step).program.diagnostics.size();
  };
  EXPECT_EQ(complaints(kDiagnosticsMax), kDiagnosticsMax);
  EXPECT_EQ(complaints(kDiagnosticsMax + 1), kDiagnosticsMax);
}

TEST(Limits, SourcesOfAProgram) {
  const auto errors = [](uint32_t sources) {
    std::string text = "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\nsourceDescriptions:\n";
    for (uint32_t i = 0; i < sources; ++i) {
      text += "- {name: a" + std::to_string(i) + ", url: api.yaml, type: openapi}\n";
    }
    text +=
        "workflows: [{workflowId: w, steps: [{stepId: s, operationId: "
        "$sourceDescriptions.a0.getB}]}]\n";
    Library library;
    library.documents["api.yaml"] = kApi;
    const Program program = LoadProgram(text, "w.yaml", Reading::kLenient, library);
    return program.root == nullptr ? program.diagnostics[0].message : "";
  };
  EXPECT_EQ(errors(kDocumentsMax), "");
  EXPECT_THAT(errors(kDocumentsMax + 1), HasSubstr("64 documents"));
}

TEST(Limits, Descriptions) {
  const auto operations = [](uint32_t count) {
    std::string text = "openapi: 3.1.0\npaths:\n";
    for (uint32_t i = 0; i < count; ++i) text += "  /" + std::to_string(i) + ": {get: {}}\n";
    return OpenApi::Parse(text, "https://h/a");
  };
  EXPECT_EQ(operations(kOperationsMax).value().operations().size(), kOperationsMax);
  EXPECT_EQ(operations(kOperationsMax + 1).error().kind, ErrorKind::kTooLarge);

  const auto chain = [](uint32_t references) {
    std::string text =
        "openapi: 3.1.0\npaths: {/a: {get: {operationId: o, parameters: [{$ref: "
        "'#/c/0'}]}}}\nc:\n";
    for (uint32_t i = 0; i + 1 < references; ++i) {
      text += "  '" + std::to_string(i) + "': {$ref: '#/c/" + std::to_string(i + 1) + "'}\n";
    }
    text += "  '" + std::to_string(references - 1) + "': {name: q, in: query}\n";
    return OpenApi::Parse(text, "https://h/a").value().FindById("o")->problem;
  };
  EXPECT_EQ(chain(kReferenceHopsMax), "");
  EXPECT_THAT(chain(kReferenceHopsMax + 1), HasSubstr("more than 32 references"));
}

TEST(Limits, YamlNodes) {
  // The list itself is a node as well.
  EXPECT_TRUE(ParseYaml("- [" + Repeat("x,", kYamlNodesMax - 2) + "]").ok());
  EXPECT_EQ(ParseYaml("- [" + Repeat("x,", kYamlNodesMax - 1) + "]").error().kind,
            ErrorKind::kTooLarge);
}

TEST(Limits, JsonPathVisits) {
  const auto query = JsonPathQuery::Parse("$[?count($[*]) > 0]").value();
  const auto select = [&](size_t items) {
    const Value array = ParseJson("[" + Repeat("0,", items - 1) + "0]");
    return query.Select(array).ok();
  };
  EXPECT_TRUE(select(2000));   // 4 million values are looked at,
  EXPECT_FALSE(select(2500));  // more than 6 million would be.
}

TEST(Limits, RegularExpressions) {
  EXPECT_TRUE(Regex::FromEcma("\\p{L}{10}").ok());
  EXPECT_EQ(Regex::FromEcma("(\\p{L}{30}\\p{N}{30}){30}").error().kind, ErrorKind::kTooLarge);
  const Regex all = Regex::FromEcma("a*").value();
  std::string subject(kRegexSubjectMax, 'a');
  EXPECT_TRUE(all.Matches(subject));
  EXPECT_TRUE(all.IsFoundIn(subject));
  subject.push_back('a');
  EXPECT_FALSE(all.Matches(subject));
  EXPECT_FALSE(all.IsFoundIn(subject));
  const std::string half(kRenderedBytesMax / 2, 'a');
  EXPECT_TRUE(all.ReplaceAll(half, "b").ok());
  EXPECT_EQ(all.ReplaceAll(half + "a", "b").error().kind, ErrorKind::kTooLarge);
}

TEST(Limits, Schemas) {
  const auto compile = [](size_t subschemas) {
    return JsonSchema::Compile(ParseJson(R"({"allOf":[)" + Repeat("{},", subschemas - 2) + "{}]}"));
  };
  EXPECT_TRUE(compile(kSchemaResourcesMax).ok());
  EXPECT_EQ(compile(kSchemaResourcesMax + 1).error().kind, ErrorKind::kTooLarge);

  const JsonSchema wide =
      JsonSchema::Compile(ParseJson(R"({"items":{"allOf":[)" + Repeat("{},", 998) + "{}]}}"))
          .value();
  const auto validate = [&](size_t items) {
    return wide.Validate(ParseJson("[" + Repeat("0,", items - 1) + "0]")).ok();
  };
  EXPECT_TRUE(validate(kSchemaVisitsMax / 1000 - 1));
  EXPECT_FALSE(validate(kSchemaVisitsMax / 1000 + 1));
}

TEST(Limits, RenderedTexts) {
  Value inputs = Value::MakeObject();
  Scope scope;
  scope.inputs = &inputs;
  const auto render = [&](size_t bytes) {
    inputs.Set("a", Value::String(std::string(bytes, 'x')));
    return RenderTemplate("{$inputs.a}", scope);
  };
  EXPECT_TRUE(render(kRenderedBytesMax).ok());
  EXPECT_EQ(render(kRenderedBytesMax + 1).error().kind, ErrorKind::kTooLarge);
}

TEST(Limits, XPathSteps) {
  const auto evaluate = [](size_t elements) {
    return EvaluateXPath("<r>" + Repeat("<a/>", elements) + "</r>", "//a[count(//a) > 0]").ok();
  };
  EXPECT_TRUE(evaluate(100));
  EXPECT_FALSE(evaluate(2000));
}

TEST(Limits, Journals) {
  // Never written to: pages of zeros cost nothing.
  const size_t bytes = kJournalBytesMax + 1;
  void* zeros = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(zeros, MAP_FAILED);
  const std::string_view text(static_cast<const char*>(zeros), bytes);
  EXPECT_TRUE(ReadJournal(text.substr(1)).value().events.empty());
  EXPECT_EQ(ReadJournal(text).error().kind, ErrorKind::kTooLarge);
  munmap(zeros, bytes);
}

TEST(Limits, CallsOfWorkflows) {
  const auto run = [](uint32_t depth) {
    std::string workflows;
    for (uint32_t i = 0; i < depth; ++i) {
      workflows += "- {workflowId: w" + std::to_string(i) + ", steps: [{stepId: s, workflowId: w" +
                   std::to_string(i + 1) + "}]}\n";
    }
    Case c(workflows + "- {workflowId: w" + std::to_string(depth) +
           ", steps: [{stepId: s, operationId: getB}]}\n");
    return c.Run().status;
  };
  EXPECT_EQ(run(kCallDepthMax), RunStatus::kEnded);
  EXPECT_EQ(run(kCallDepthMax + 1), RunStatus::kStepFailed);
}

constexpr std::string_view kLoop = R"(
- workflowId: w
  steps:
  - stepId: s
    operationId: getB
    onSuccess:
    - {name: e, type: end, criteria: [{condition: $response.body#/n == 6}]}
    - {name: g, type: goto, stepId: s}
)";

TEST(Limits, StepsOfARun) {
  EXPECT_EQ(RunOptions().steps_max, kRunStepsMax);
  for (const int steps : {9, 10, 11}) {
    Case c{std::string(kLoop)};
    c.options.steps_max = 10;
    c.options.poll_s = 0;
    int n = 0;
    c.world.server = [&](const OutgoingRequest&, const ApiOperation&) {
      return Json(200, ++n == steps ? R"({"n":6})" : R"({"n":5})");
    };
    const RunResult result = c.Run();
    EXPECT_EQ(result.status, steps <= 10 ? RunStatus::kEnded : RunStatus::kOutOfTime);
    if (steps > 10) {
      EXPECT_THAT(result.message, HasSubstr("taken 10 steps"));
    }
  }
}

TEST(Limits, TimeOfARun) {
  // Waits of one second: the second one would end at two.
  for (const int64_t timeout_ms : {2001, 2000}) {
    Case c{std::string(kLoop)};
    c.options.timeout_ms = timeout_ms;
    c.options.poll_s = 1;
    int n = 0;
    c.world.server = [&](const OutgoingRequest&, const ApiOperation&) {
      return Json(200, ++n == 3 ? R"({"n":6})" : R"({"n":5})");
    };
    const RunResult result = c.Run();
    EXPECT_EQ(result.status, timeout_ms == 2001 ? RunStatus::kEnded : RunStatus::kOutOfTime);
    EXPECT_EQ(c.world.sleeps.size(), timeout_ms == 2001 ? 2u : 1u);
  }
}

TEST(Limits, SizeOfAResponse) {
  for (const size_t bytes : {size_t{kOutputBytesMax}, size_t{kOutputBytesMax} + 1}) {
    Case c("- {workflowId: w, steps: [{stepId: s, operationId: getB}]}\n");
    c.world.server = [&](const OutgoingRequest&, const ApiOperation&) {
      return HttpReply{200, {{"Content-Type", "text/plain"}}, std::string(bytes, 'x')};
    };
    const RunResult result = c.Run();
    EXPECT_EQ(result.status, bytes == kOutputBytesMax ? RunStatus::kEnded : RunStatus::kStepFailed);
    EXPECT_EQ(result.message.find("the response is longer than") != std::string::npos,
              bytes > kOutputBytesMax);
  }
}

TEST(Limits, ThreadsOfARun) {
  std::string list;
  std::string workflows;
  for (uint32_t i = 0; i < kParallelMax + 6; ++i) {
    list += (i == 0 ? "d" : ", d") + std::to_string(i);
    workflows +=
        "- {workflowId: d" + std::to_string(i) + ", steps: [{stepId: s, operationId: postB}]}\n";
  }
  Case c("- {workflowId: w, dependsOn: [" + list + "], steps: [{stepId: s, operationId: getB}]}\n" +
         workflows);
  c.options.parallel_max = kParallelMax * 10;
  Mutex mutex;
  CondVar changed;
  uint32_t now = 0;
  uint32_t most = 0;
  c.world.server = [&](const OutgoingRequest& request, const ApiOperation&) -> Result<HttpReply> {
    if (request.method == "GET") return Json(200, "{}");
    MutexLock lock(mutex);
    most = std::max(most, ++now);
    changed.NotifyAll();
    // All threads that there may be are here before the first one goes on.
    while (most < kParallelMax) {
      if (!changed.WaitFor(mutex, std::chrono::seconds(60))) break;
    }
    --now;
    return Json(200, "{}");
  };
  EXPECT_EQ(c.Run().status, RunStatus::kEnded);
  EXPECT_EQ(most, kParallelMax);
}

}  // namespace
}  // namespace tarn::arazzo
