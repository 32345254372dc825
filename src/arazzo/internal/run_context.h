// What one run carries from step to step, shared by the interpreter's parts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/runner.h"

namespace tarn::arazzo {

// One run of one workflow.
struct WorkflowRun {
  const LoadedDocument* document = nullptr;
  const LoadedWorkflow* workflow = nullptr;
  std::string path;  // "outer/step/inner": names it in events and tokens.
  json::Value inputs = json::Value::MakeObject();
  json::Value outputs = json::Value::MakeObject();  // Of the workflow, or of the called one.
  std::map<std::string, json::Value> steps;         // Outputs by step.
  std::map<std::string, uint32_t> visits;           // Entries by step.
  std::set<std::string> warned;
};

struct RunContext {
  RunContext(const RunOptions& options_in, const RunnerPorts& ports_in)
      : options(options_in), ports(ports_in) {}
  const RunOptions& options;
  const RunnerPorts& ports;
  int64_t deadline_ms = 0;
  uint64_t steps = 0;
  uint64_t requests = 0;                            // Sent or replayed.
  std::map<std::string, WorkflowRecord> workflows;  // By id, for $workflows and dependsOn.
  std::vector<std::string> secrets;

  bool replaying() const { return requests < options.recorded.size(); }
  Status Emit(std::string_view type, json::Value data, Durability durability = Durability::kLazy);
  std::string Mask(std::string text) const;
};

// A step's request and its answer; status 0 with a reason when there was none.
struct StepExchange {
  Exchange exchange;
  std::string failure;                  // Transport error, or what could not be built.
  bool in_doubt = false;                // Stop: may have been done, and may not be repeated.
  std::optional<double> retry_after_s;  // From the response.
};

// Builds, journals, sends and decodes. Errors: an EventPort's.
Result<StepExchange> Perform(const Step& step, const ApiOperation& operation,
                             const WorkflowRun& run, RunContext* context);

Scope ScopeOf(const WorkflowRun& run, const RunContext& context, const Exchange* exchange);

// The value of an output rule: an expression, or a selection from one. Nothing has a reason.
Found EvaluateOutput(const OutputRule& rule, const Scope& scope);

}  // namespace tarn::arazzo
