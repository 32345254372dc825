#include "arazzo/internal/flow.h"

#include <algorithm>
#include <string>

namespace tarn::arazzo {

Flow::Flow(const Workflow& workflow)
    : next_(workflow.steps.size()), ends_(workflow.steps.size()), after_(workflow.steps.size()) {
  for (size_t i = 0; i < workflow.steps.size(); ++i) Connect(workflow, i);
  from_start_ =
      Reached(next_, workflow.steps.empty() ? std::vector<size_t>() : std::vector<size_t>{0});
  std::vector<std::vector<size_t>> back(next_.size());
  std::vector<size_t> ends;
  for (size_t i = 0; i < next_.size(); ++i) {
    for (const size_t to : next_[i]) back[to].push_back(i);
    if (ends_[i]) ends.push_back(i);
  }
  to_end_ = Reached(back, std::move(ends));
}

void Flow::Connect(const Workflow& workflow, size_t step) {
  ConnectActions(workflow, step, true);
  ConnectActions(workflow, step, false);
}

// What follows a step is its first action that holds; the rules for "none holds" are runner.h's.
void Flow::ConnectActions(const Workflow& workflow, size_t step, bool success) {
  const Step& at = workflow.steps[step];
  bool loops = false;
  for (const Action& action : success ? at.on_success : at.on_failure) {
    const size_t target = workflow.StepIndex(action.step_id);
    if (action.type == Action::Type::kRetry) {
      next_[step].push_back(step);
      if (target < next_.size()) {
        next_[step].push_back(target);
        next_[target].push_back(step);
      }
    } else if (action.type == Action::Type::kGoto && target < next_.size()) {
      next_[step].push_back(target);
      loops = loops || target == step;
    } else {
      ends_[step] = true;
    }
    if (action.criteria.empty() && action.type != Action::Type::kRetry) return;
  }
  if (!success) return;  // A failure that no action takes breaks the workflow off.
  // A step that loops to itself stops the run when nothing holds; under --fallthrough=next it is
  // followed by the next one, and that counts as a way.
  if (loops || step + 1 == next_.size()) ends_[step] = true;
  if (step + 1 < next_.size()) next_[step].push_back(step + 1);
}

std::vector<bool> Flow::Reached(const std::vector<std::vector<size_t>>& edges,
                                std::vector<size_t> from) const {
  std::vector<bool> out(edges.size());
  for (const size_t i : from) out[i] = true;
  while (!from.empty()) {
    const size_t at = from.back();
    from.pop_back();
    for (const size_t to : edges[at]) {
      if (out[to]) continue;
      out[to] = true;
      from.push_back(to);
    }
  }
  return out;
}

bool Flow::CanPrecede(size_t earlier, size_t later) const {
  std::vector<bool>& after = after_[earlier];
  if (after.empty()) after = Reached(next_, next_[earlier]);
  return after[later];
}

namespace {

void CheckActions(const std::vector<Action>& actions, Complaints* complaints) {
  for (size_t i = 0; i + 1 < actions.size(); ++i) {
    if (!actions[i].criteria.empty() || actions[i].type == Action::Type::kRetry) continue;
    complaints->Warn(actions[i + 1].place, "the action " + actions[i + 1].name +
                                               " is never chosen: " + actions[i].name +
                                               " before it has no criteria and always holds");
    return;
  }
}

// One complaint a loop: at its first step, with the others.
void CheckLoops(const Workflow& workflow, const Flow& flow, Complaints* complaints) {
  std::vector<bool> told(workflow.steps.size());
  for (size_t i = 0; i < workflow.steps.size(); ++i) {
    if (told[i] || !flow.CanRun(i) || flow.CanEnd(i) || !flow.CanPrecede(i, i)) continue;
    std::string members;
    for (size_t j = i; j < workflow.steps.size(); ++j) {
      if (!flow.CanPrecede(i, j) || !flow.CanPrecede(j, i)) continue;
      told[j] = true;
      members += (members.empty() ? "" : " -> ") + workflow.steps[j].id;
    }
    complaints->Warn(workflow.steps[i].place,
                     "the loop " + members + " -> " + workflow.steps[i].id +
                         " has no way out but a failure or the run's time limit",
                     "give an action that leaves it, with criteria");
  }
}

}  // namespace

void CheckFlow(const Workflow& workflow, const Flow& flow, Complaints* complaints) {
  for (size_t i = 0; i < workflow.steps.size(); ++i) {
    const Step& step = workflow.steps[i];
    if (!flow.CanRun(i)) {
      complaints->Warn(step.place, "the step " + step.id + " cannot be reached");
    }
    CheckActions(step.on_success, complaints);
    CheckActions(step.on_failure, complaints);
  }
  CheckLoops(workflow, flow, complaints);
}

}  // namespace tarn::arazzo
