// The interpreter of workflows: pure but for its ports. It evaluates parameters and payloads,
// sends, evaluates criteria, chooses the action, paces loops, and reports every decision as an
// event. One run is one thread.
//
// Resuming: a run is a function of its inputs and of the answers it gets. To resume, the runner is
// given the answers that the journal holds and walks the same way again without sending; the first
// request without a recorded answer is where it goes on. Waits are not repeated.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/limits.h"
#include "arazzo/openapi.h"
#include "arazzo/program.h"
#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo {

struct HttpReply {
  int status = 0;
  Fields headers;
  std::string body;
};

// Sends requests. The real one signs and uses the network (cli), tests use a script.
class HttpPort {
 public:
  virtual ~HttpPort() = default;
  // `timeout_ms` 0: the port's own. Errors: kTimeout, kUnavailable, kForbidden (a host that the
  // document and the flags did not name), kTooLarge.
  virtual Result<HttpReply> Send(const OutgoingRequest& request, const ApiOperation& operation,
                                 uint64_t timeout_ms) = 0;
};

class TimePort {
 public:
  virtual ~TimePort() = default;
  virtual int64_t NowMs() = 0;             // Monotonic.
  virtual Status SleepMs(int64_t ms) = 0;  // Errors: kTimeout when the user stops the run.
  virtual double Jitter() = 0;             // In [0, 1).
};

enum class Durability : uint8_t {
  kLazy,    // May be lost in a crash.
  kSynced,  // On disk before the call returns.
};

// One thing that happened. `type` is one of: run, workflow, send, answer, criterion, outputs,
// action, wait, warning, workflow_end, end. `data` is an object; secrets are masked in all of them
// but the answer's body, which a resume needs whole.
struct RunEvent {
  std::string type;
  json::Value data;
};

// Takes events: the journal and the live view.
class EventPort {
 public:
  virtual ~EventPort() = default;
  virtual Status Take(const RunEvent& event, Durability durability) = 0;
  // Keeps the bytes of a binary body; returns the value that stands for it in expressions.
  virtual Result<json::Value> KeepBinary(std::string_view bytes, std::string_view media_type) = 0;
  // Whether to send a request again whose outcome a crash left unknown.
  virtual bool MaySendAgain(std::string_view description) = 0;
};

struct RunnerPorts {
  HttpPort& http;
  TimePort& time;
  EventPort& events;
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
  // Answers of an interrupted run, in order. `in_doubt`: one more request was recorded as sent.
  std::vector<HttpReply> recorded;
  bool in_doubt = false;
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
  std::string message;                              // Why, when it did not end well.
  json::Value outputs = json::Value::MakeObject();  // Those that have values.
};

// Runs `workflow_id` of the program's root document (empty: its only or first workflow).
// `program.root` must not be null. Errors: what an EventPort returned (a full disk), kNotFound.
Result<RunResult> RunWorkflow(const Program& program, std::string_view workflow_id,
                              const json::Value& inputs, const RunOptions& options,
                              const RunnerPorts& ports);

// Whether sending twice does no harm: GET and HEAD, AWS's Describe*, Get*, List*, Search*; the
// step's x-safe decides when it is there.
bool IsSafe(const Step& step, const ApiOperation& operation);

}  // namespace tarn::arazzo
