// What one run carries from step to step, shared by the interpreter's parts.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/runner.h"
#include "arazzo/secrets.h"
#include "base/mutex.h"

namespace tarn::arazzo {

// Names what runs below one path: calls, dependencies, workflows that a goto leads to. What is done
// again is numbered, so that no path of a run is given twice, and a resumed run gives the same
// ones.
class PathNames {
 public:
  // "outer/step", then "outer/step~2". `name` is a stepId, a workflowId as it is referred to, or an
  // action's name; '/' and '~' of the last become '_'.
  std::string Below(const std::string& path, std::string_view name);

 private:
  std::map<std::string, uint32_t> given_;
};

// One call: a workflow, and those that it goes to, each in the place of the one before.
struct Chain {
  PathNames names;                                 // Below the path of the call.
  std::map<const LoadedWorkflow*, uint32_t> runs;  // How often each has begun.
};

// One run of one workflow.
struct WorkflowRun {
  const LoadedDocument* document = nullptr;
  const LoadedWorkflow* workflow = nullptr;
  std::string path;            // "outer/step/inner": its own in events, branches and tokens.
  PathNames* names = nullptr;  // Below that path.
  Chain* chain = nullptr;      // The call that it belongs to.
  json::Value inputs = json::Value::MakeObject();
  json::Value outputs = json::Value::MakeObject();  // Of the workflow, or of the called one.
  std::map<std::string, json::Value> steps;         // Outputs by step.
  std::map<std::string, uint32_t> visits;           // Entries by step.
  std::set<std::string> succeeded;                  // Steps, for dependsOn.
  std::set<std::string> warned;
};

// What the branches of one run share.
struct RunShared {
  RunShared(const RunOptions& options_in, const RunnerPorts& ports_in)
      : options(options_in),
        ports(ports_in),
        secrets(ports_in.secrets == nullptr ? &own_secrets : ports_in.secrets) {}
  const RunOptions& options;
  const RunnerPorts& ports;
  SecretMask own_secrets;
  SecretMask* const secrets;
  int64_t deadline_ms = 0;
  std::atomic<uint64_t> steps = 0;
  std::atomic<uint32_t> threads = 1;  // Of this run, the caller's included.
  // One event at a time, and so one order of them: held while the port takes one, which may write
  // to a disk. Branches spend their time waiting for servers, not here.
  Mutex events_mutex;
};

// What has run in a branch, and before it in what it depends on. Workflows are told apart by
// document: their ids need not differ.
class RunHistory {
 public:
  // What a run of a workflow leaves; a later one replaces it.
  void Add(const WorkflowAt& at, WorkflowRecord record);
  void MarkCompleted(const LoadedWorkflow* workflow);  // It ended well.
  bool HasCompleted(const LoadedWorkflow* workflow) const;
  void MarkStep(const LoadedWorkflow* workflow, const std::string& step);  // It succeeded.
  bool HasSucceeded(const LoadedWorkflow* workflow, const std::string& step) const;

  // For a branch that begins now. Merge takes back what the branch has added to that.
  RunHistory Fork() const;
  void Merge(const RunHistory& branch);

  // By id, of the workflows of one document; nullptr: none has run.
  const std::map<std::string, WorkflowRecord>* Of(const LoadedDocument& document) const;

 private:
  std::map<const LoadedDocument*, std::map<std::string, WorkflowRecord>> records_;
  std::set<const LoadedWorkflow*> completed_;
  std::map<const LoadedWorkflow*, std::set<std::string>> steps_;
  std::map<const LoadedWorkflow*, const LoadedDocument*> added_;  // Since Fork.
};

// One branch. The first has no name.
struct RunContext {
  RunContext(RunShared& shared_in, std::string branch_in);
  RunShared& shared;
  const RunOptions& options;
  const RunnerPorts& ports;
  std::string branch;
  const std::vector<RecordedAnswer>* recorded;  // nullptr: nothing.
  uint64_t requests = 0;                        // Sent or replayed.
  RunHistory history;

  bool replaying() const { return recorded != nullptr && requests < recorded->size(); }
  // Whether the next request was sent before, with an unknown outcome.
  bool in_doubt() const {
    return options.in_doubt.contains(branch) &&
           requests == (recorded == nullptr ? 0 : recorded->size());
  }
  Status Emit(std::string_view type, json::Value data, Durability durability = Durability::kLazy);
  std::string Mask(std::string text) const { return shared.secrets->Mask(std::move(text)); }
};

// A step's request and its answer; status 0 with a reason when there was none.
struct StepExchange {
  Exchange exchange;
  std::string failure;  // Transport error, or what could not be built.
  // It may have been done, there is no answer, and repeating it is not known to be safe.
  bool in_doubt = false;
  bool sent = false;                    // Now, or by the run that is resumed.
  std::optional<double> retry_after_s;  // From the response.
};

// Asks whether a request that may have been done is sent again.
bool MaySendAgain(const Step& step, const ApiOperation& operation, RunContext* context);

// Builds, journals, sends and decodes; while there are recorded answers, takes the next one.
// Errors: an EventPort's; kCorrupt.
Result<StepExchange> Perform(const Step& step, const ApiOperation& operation,
                             const WorkflowRun& run, RunContext* context);

// Has the value masked from here on when the parameter is a secret: by x-secret, or as a header
// that carries credentials.
void NoteSecret(const Parameter& parameter, const json::Value& value, const std::string& where,
                const RunContext& context);

Scope ScopeOf(const WorkflowRun& run, const RunContext& context, const Exchange* exchange);

// The value of an output rule: an expression, or a selection from one. Nothing has a reason.
Found EvaluateOutput(const OutputRule& rule, const Scope& scope);

}  // namespace tarn::arazzo
