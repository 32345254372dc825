// What a run remembers from step to step, and where its events go.
#include "arazzo/internal/run_context.h"

#include <algorithm>
#include <array>

namespace tarn::arazzo {

using json::Value;

std::string PathNames::Below(const std::string& path, std::string_view name) {
  std::string own(name);
  std::ranges::replace(own, '/', '_');
  std::ranges::replace(own, '~', '_');
  const uint32_t count = ++given_[own];
  return path + "/" + own + (count == 1 ? "" : "~" + std::to_string(count));
}

void RunHistory::Add(const WorkflowAt& at, WorkflowRecord record) {
  records_[at.document][at.workflow->workflow->id] = std::move(record);
  added_[at.workflow] = at.document;
}

void RunHistory::MarkCompleted(const LoadedWorkflow* workflow) { completed_.insert(workflow); }

bool RunHistory::HasCompleted(const LoadedWorkflow* workflow) const {
  return completed_.contains(workflow);
}

void RunHistory::MarkStep(const LoadedWorkflow* workflow, const std::string& step) {
  steps_[workflow].insert(step);
}

bool RunHistory::HasSucceeded(const LoadedWorkflow* workflow, const std::string& step) const {
  const auto found = steps_.find(workflow);
  return found != steps_.end() && found->second.contains(step);
}

RunHistory RunHistory::Fork() const {
  RunHistory out = *this;
  out.added_.clear();
  return out;
}

void RunHistory::Merge(const RunHistory& branch) {
  for (const auto& [workflow, document] : branch.added_) {
    const std::string& id = workflow->workflow->id;
    records_[document][id] = branch.records_.at(document).at(id);
    added_[workflow] = document;
    if (branch.HasCompleted(workflow)) completed_.insert(workflow);
  }
  for (const auto& [workflow, steps] : branch.steps_) {
    steps_[workflow].insert(steps.begin(), steps.end());
  }
}

const std::map<std::string, WorkflowRecord>* RunHistory::Of(const LoadedDocument& document) const {
  const auto found = records_.find(&document);
  return found == records_.end() ? nullptr : &found->second;
}

RunContext::RunContext(RunShared& shared_in, std::string branch_in)
    : shared(shared_in),
      options(shared_in.options),
      ports(shared_in.ports),
      branch(std::move(branch_in)) {
  const auto found = options.recorded.find(branch);
  recorded = found == options.recorded.end() ? nullptr : &found->second;
}

Status RunContext::Emit(std::string_view type, Value data, Durability durability) {
  // What is walked again on resume has been reported before.
  const bool repeated = replaying() && type != "run" && type != "end";
  if (repeated) return Ok();
  // Answers are sealed; names and numbers of this module are no secrets, whatever they equal.
  if (type != "answer" && !shared.secrets->empty()) {
    static constexpr std::array<std::string_view, 5> kOwn = {"run", "branch", "workflow", "step",
                                                             "inputs"};
    for (auto& [name, member] : data.members()) {
      const bool own = std::ranges::find(kOwn, std::string_view(name)) != kOwn.end();
      if (!own && !member.IsNumber()) member = shared.secrets->Mask(member);
    }
  }
  const MutexLock lock(shared.events_mutex);
  return ports.events.Take({std::string(type), std::move(data)}, durability);
}

}  // namespace tarn::arazzo
