// The interpreter of workflows: pure but for its ports. It evaluates parameters and payloads,
// sends, evaluates criteria, chooses the action, paces loops, and reports every decision as an
// event.
//
// Threads: workflows that others depend on run at once when they do not depend on each other, up to
// RunOptions::parallel_max. Each such workflow is a branch with a name of its own; what it sees of
// the others is only what it depends on. Events of all branches come in one order, one at a time.
//
// Resuming: a branch is a function of its inputs and of the answers it gets. To resume, the runner
// is given the answers that the journal holds for each branch and walks the same way again without
// sending; the first request without a recorded answer is where a branch goes on. Waits are not
// repeated.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/limits.h"
#include "arazzo/openapi.h"
#include "arazzo/program.h"
#include "arazzo/secrets.h"
#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo {

struct HttpReply {
  int status = 0;
  Fields headers;
  std::string body;
};

// Sends requests. The real one signs and uses the network (cli), tests use a script.
// Threads: several at once when RunOptions::parallel_max > 1.
class HttpPort {
 public:
  virtual ~HttpPort() = default;
  // `timeout_ms` 0: the port's own. Errors: kTimeout, kTooLarge: there is no answer, or none that
  // could be read, and the request may have been done. Any other: it was not sent, with
  // kUnavailable when no connection came about, kForbidden for a host that the document and the
  // flags did not name.
  virtual Result<HttpReply> Send(const OutgoingRequest& request, const ApiOperation& operation,
                                 uint64_t timeout_ms) = 0;
};

// Threads: all but Jitter from several at once when RunOptions::parallel_max > 1.
class TimePort {
 public:
  virtual ~TimePort() = default;
  virtual int64_t NowMs() = 0;             // Monotonic.
  virtual Status SleepMs(int64_t ms) = 0;  // Errors: kTimeout when the user stops the run.
  // Whether the user wants the run to end before its next step; it can be resumed.
  virtual bool StopWanted() = 0;
  virtual double Jitter() = 0;  // In [0, 1).
};

enum class Durability : uint8_t {
  kLazy,    // May be lost in a crash.
  kSynced,  // On disk before the call returns.
};

// One thing that happened. `type` is one of: run, workflow, send, answer, criterion, outputs,
// action, wait, warning, workflow_end, end. `data` is an object without secrets: they are masked,
// but sealed (secrets.h) in an answer, which a resume needs whole; ShowSealed makes it fit to see.
// `run` holds the inputs without secrets, and where in them secrets were. `send` and `answer` of a
// branch other than the first have its name as `branch`.
struct RunEvent {
  std::string type;
  json::Value data;
};

// Takes events: the journal and the live view. Threads: one at a time.
class EventPort {
 public:
  virtual ~EventPort() = default;
  virtual Status Take(const RunEvent& event, Durability durability) = 0;
  // Keeps the bytes of a binary body; returns the value that stands for it in expressions.
  virtual Result<json::Value> KeepBinary(std::string_view bytes, std::string_view media_type) = 0;
  // The bytes behind a value that KeepBinary gave, for bodies that send it on; nothing when `value`
  // is no such reference.
  virtual Result<std::optional<std::string>> ReadBinary(const json::Value& value) {
    (void)value;
    return std::optional<std::string>();
  }
  // Whether to send a request again whose outcome a crash left unknown.
  virtual bool MaySendAgain(std::string_view description) = 0;
};

// An answer that a journal holds, and whose it is.
struct RecordedAnswer {
  HttpReply reply;       // Still sealed. Status 0: there was none, and another request followed.
  std::string workflow;  // Its path.
  std::string step;
};

struct RunnerPorts {
  HttpPort& http;
  TimePort& time;
  EventPort& events;
  // Takes the secrets that the run meets, so that what the caller writes besides events can be
  // masked as well; it may hold the caller's own, such as credentials. nullptr: the run's own.
  SecretMask* secrets = nullptr;
};

enum class Fallthrough : uint8_t {
  kStop,  // A self-looping step whose state no action handles stops the run.
  kNext,  // Such a step is followed by the next one, as other runners do.
};

struct RunOptions {
  std::string run_id;  // Makes idempotency tokens; the same for a resumed run.
  Reading reading = Reading::kLenient;
  Fallthrough fallthrough = Fallthrough::kStop;
  std::string server;  // Replaces the description's; empty: chosen.
  std::map<std::string, std::string> server_variables;
  std::optional<double> poll_s;    // --poll; 0 turns pacing off.
  int64_t timeout_ms = 3'600'000;  // Wall clock of the whole run.
  uint32_t steps_max = kRunStepsMax;
  std::vector<std::string> wait_on;  // States to poll on besides the known ones.
  // Branches that run at once; 1: one after the other. At most kParallelMax.
  uint32_t parallel_max = 4;
  // Answers of an interrupted run by branch, in order. `in_doubt`: branches of which one more
  // request was recorded as sent.
  std::map<std::string, std::vector<RecordedAnswer>> recorded;
  std::set<std::string> in_doubt;
};

enum class RunStatus : uint8_t {
  kEnded = 0,
  kStepFailed = 1,
  kInvalidInputs = 2,
  kUnhandledState = 3,
  kOutOfTime = 4,
  kInDoubt = 5,
};
std::string_view RunStatusName(RunStatus status);  // "ended", "unhandled-state", ...

struct RunResult {
  RunStatus status = RunStatus::kEnded;
  std::string message;                              // Why, when it did not end well. Masked.
  json::Value outputs = json::Value::MakeObject();  // Those that have values. Masked.
};

// Runs `workflow_id` of the program's root document (empty: its only or first workflow).
// `program.root` must not be null. Errors: what an EventPort returned (a full disk), kNotFound,
// kCorrupt (a recorded answer is not that of the step that asks).
Result<RunResult> RunWorkflow(const Program& program, std::string_view workflow_id,
                              const json::Value& inputs, const RunOptions& options,
                              const RunnerPorts& ports);

// What may be kept of a run's inputs, and what has to be given again to resume it. The `run` event
// holds both.
struct KeptInputs {
  json::Value inputs = json::Value::MakeObject();  // Sealed where a secret occurs elsewhere.
  std::vector<std::string> secrets;                // JSON Pointers of what was left out.
};
KeptInputs InputsToKeep(const LoadedWorkflow& workflow, const json::Value& inputs);
// The inputs as they were: `given` holds the secrets at their places, and may repeat others.
json::Value RestoreInputs(const LoadedWorkflow& workflow, const json::Value& kept,
                          const json::Value& given);

// Whether sending twice does no harm: GET and HEAD, AWS's Describe*, Get*, List*, Search*; the
// step's x-safe decides when it is there.
bool IsSafe(const Step& step, const ApiOperation& operation);

}  // namespace tarn::arazzo
