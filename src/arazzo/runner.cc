// One loop per workflow: run a step, choose the action, follow it. Calls recurse (bounded by
// kCallDepthMax); goto never does, so a poll loop of any length needs no stack.
#include "arazzo/runner.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "arazzo/internal/run_context.h"
#include "arazzo/internal/run_tasks.h"
#include "arazzo/internal/step_reference.h"
#include "arazzo/limits.h"
#include "base/utf8.h"

namespace tarn::arazzo {
namespace {

using json::Value;

// States that pass by themselves though documents may not know them: AWS's services have them.
constexpr std::array<std::string_view, 4> kPassingStates = {
    "QUEUED", "UPDATING", "CANCEL_SUBMITTED", "CANCEL_IN_PROGRESS"};
constexpr double kPollFirstS = 1;
constexpr double kPollFactor = 1.5;
constexpr double kPollMostS = 30;

// What follows a step.
struct Flow {
  enum class Kind : uint8_t { kNext, kGoto, kEnd, kTransfer, kStop };
  Kind kind = Kind::kNext;
  size_t step = 0;      // Of kGoto.
  WorkflowAt workflow;  // Of kTransfer, with its inputs.
  Value inputs;
  RunResult result;  // Of kStop.
};

Flow Stop(RunStatus status, std::string message) {
  Flow out;
  out.kind = Flow::Kind::kStop;
  out.result.status = status;
  out.result.message = std::move(message);
  return out;
}

// What a server said, for the message of a failed step: its status and, of an error, the beginning
// of its body, which says why. Secrets are masked before it is cut.
std::string AnswerInBrief(const Exchange& exchange, const SecretMask& secrets) {
  constexpr size_t kShownBytes = 300;
  if (exchange.status == 0) return "";
  std::string out = " (status " + std::to_string(exchange.status);
  if (exchange.status >= 400 && exchange.response_body.has_value()) {
    std::string body = secrets.Mask(AsText(*exchange.response_body));
    const bool cut = body.size() > kShownBytes;
    body.resize(Utf8PrefixBytes(body, kShownBytes));
    out += ": " + body + (cut ? "..." : "");
  }
  return out + ")";
}

// One execution of a step, without its actions.
struct Attempt {
  bool success = false;
  StepExchange sent;
  std::string why;           // Of a failure.
  Place place;               // Of the criterion that does not hold, else of the step.
  std::optional<Flow> stop;  // The run cannot go on, whatever the actions say.
};

// "w.yaml:3:14"
std::string PlaceText(const WorkflowRun& run, Place place) {
  return run.document->document.file + ":" + std::to_string(place.line) + ":" +
         std::to_string(place.column);
}

Value Named(const WorkflowRun& run, const Step& step) {
  Value data = Value::MakeObject();
  data.Set("workflow", Value::String(run.path)).Set("step", Value::String(step.id));
  return data;
}

class Interpreter {
 public:
  explicit Interpreter(RunContext* context) : context_(*context) {}

  // Runs a workflow with everything that it depends on.
  Result<RunResult> Call(WorkflowAt at, Value inputs, const std::string& path, uint32_t depth) {
    if (depth > kCallDepthMax) {
      return RunResult{RunStatus::kStepFailed, "workflows call each other more than " +
                                                   std::to_string(kCallDepthMax) + " deep"};
    }
    Chain chain;
    std::string own_path = path;
    for (;;) {
      PathNames own_names;
      WorkflowRun run;
      run.document = at.document;
      run.workflow = at.workflow;
      run.path = own_path;
      // The workflows that this one goes to are named below the same path as its own calls.
      run.names = own_path == path ? &chain.names : &own_names;
      run.chain = &chain;
      ++chain.runs[at.workflow];
      TRY(auto refused, Enter(&run, std::move(inputs), depth));
      if (refused.has_value()) return std::move(*refused);
      TRY(Flow flow, Walk(&run, depth));
      TRY(CollectOutputs(&run));
      Value data = Value::MakeObject();
      data.Set("workflow", Value::String(run.path)).Set("outputs", run.outputs);
      TRY(context_.Emit("workflow_end", std::move(data)));
      context_.history.Add(at, {run.inputs, run.outputs});
      if (flow.kind != Flow::Kind::kTransfer) {
        if (flow.result.status == RunStatus::kEnded) {
          for (const auto& [workflow, count] : chain.runs) context_.history.MarkCompleted(workflow);
        }
        flow.result.outputs = std::move(run.outputs);
        return std::move(flow.result);
      }
      // goto is one-way: the other workflow takes this one's place.
      at = flow.workflow;
      inputs = std::move(flow.inputs);
      own_path = chain.names.Below(path, at.workflow->workflow->id);
    }
  }

 private:
  // Validates inputs and runs dependencies. A result: the workflow cannot start.
  Result<std::optional<RunResult>> Enter(WorkflowRun* run, Value inputs, uint32_t depth) {
    Value data = Value::MakeObject();
    data.Set("workflow", Value::String(run->path));
    TRY(context_.Emit("workflow", std::move(data)));
    const LoadedWorkflow& loaded = *run->workflow;
    run->inputs = std::move(inputs);
    if (loaded.inputs.has_value()) {
      run->inputs = loaded.inputs->WithDefaults(std::move(run->inputs));
      size_t number = 0;
      for (const std::string& secret : loaded.inputs->Secrets(run->inputs)) {
        context_.shared.secrets->Add(run->path + "#" + std::to_string(number++), secret);
      }
      const auto report = loaded.inputs->Validate(run->inputs);
      std::string wrong = report.ok() ? "" : report.error().detail;
      for (const Violation& v :
           report.ok() ? report.value().violations : std::vector<Violation>{}) {
        const std::string where = v.instance.empty() ? std::string() : v.instance + " ";
        wrong += (wrong.empty() ? "" : "; ") + where + v.message;
      }
      if (!wrong.empty()) {
        return std::optional<RunResult>(RunResult{
            RunStatus::kInvalidInputs, "the inputs of " + loaded.workflow->id + ": " + wrong});
      }
    }
    return RunDependencies(*run, depth);
  }

  // A workflow that must complete before another, and which of its kind it needs itself.
  struct Dependency {
    WorkflowAt at;
    std::string id;             // As the dependent names it.
    std::vector<size_t> needs;  // Indices below its own.
  };

  // Everything that `of` depends on and that has not run yet, each after what it needs. Returns the
  // indices of its own dependencies.
  std::vector<size_t> Collect(WorkflowAt of, std::vector<Dependency>* out) {
    std::vector<size_t> direct;
    for (const std::string& id : of.workflow->workflow->depends_on) {
      const WorkflowAt at = FindWorkflow(*of.document, id);
      if (at.workflow == nullptr) continue;  // Loading has refused that.
      if (context_.history.HasCompleted(at.workflow)) continue;
      auto known = std::ranges::find_if(
          *out, [&](const Dependency& other) { return other.at.workflow == at.workflow; });
      if (known == out->end()) {
        std::vector<size_t> needs = Collect(at, out);
        out->push_back({at, id, std::move(needs)});
        known = out->end() - 1;
      }
      direct.push_back(static_cast<size_t>(known - out->begin()));
    }
    return direct;
  }

  // Each dependency is a branch, also when only one runs at a time, so that a run can be resumed
  // with another number of threads. A branch sees the records of what it needs, and no others.
  // A result: the workflow cannot start.
  Result<std::optional<RunResult>> RunDependencies(const WorkflowRun& run, uint32_t depth) {
    std::vector<Dependency> all;
    Collect({run.document, run.workflow}, &all);
    if (all.empty()) return std::optional<RunResult>();
    std::vector<std::vector<size_t>> needs;
    std::vector<RunContext> branches;
    branches.reserve(all.size());
    for (const Dependency& dependency : all) {
      needs.push_back(dependency.needs);
      branches.emplace_back(context_.shared, run.names->Below(run.path, dependency.id));
    }
    std::vector<std::optional<Result<RunResult>>> results(all.size());
    RunTasks(
        needs, std::min(context_.options.parallel_max, kParallelMax), &context_.shared.threads,
        [&](size_t i) {
          branches[i].history = context_.history.Fork();
          for (const size_t need : all[i].needs) {
            branches[i].history.Merge(branches[need].history);
          }
          results[i] =
              Interpreter(&branches[i]).Call(all[i].at, run.inputs, branches[i].branch, depth + 1);
          return results[i]->ok() && results[i]->value().status == RunStatus::kEnded;
        });
    // In the order of the document, whichever ended first.
    for (size_t i = 0; i < all.size(); ++i) {
      if (!results[i].has_value()) continue;  // Not begun, because another one failed.
      TRY(RunResult result, std::move(*results[i]));
      if (result.status != RunStatus::kEnded) {
        result.message =
            "the workflow " + all[i].id + ", which must complete first: " + result.message;
        return std::optional<RunResult>(std::move(result));
      }
      context_.history.Merge(branches[i].history);
    }
    return std::optional<RunResult>();
  }

  Result<Flow> Walk(WorkflowRun* run, uint32_t depth) {
    const auto& steps = run->workflow->workflow->steps;
    size_t at = 0;
    while (at < steps.size()) {
      TRY(Flow flow, RunStep(run, at, depth));
      if (flow.kind == Flow::Kind::kNext) {
        ++at;
      } else if (flow.kind == Flow::Kind::kGoto) {
        at = flow.step;
      } else {
        return flow;
      }
    }
    return Flow{};
  }

  // The inputs for the workflow of an action. `exchange` is that of its step, or nullptr.
  Result<Value> TransferInputs(const WorkflowRun& run, const Action& action,
                               const Exchange* exchange, Place* wrong) {
    if (action.parameters.empty()) return run.inputs;
    return InputsFrom(action.parameters, run, exchange, wrong);
  }

  // Errors: kInvalid, with the parameter's place in *wrong.
  Result<Value> InputsFrom(const std::vector<Parameter>& parameters, const WorkflowRun& run,
                           const Exchange* exchange, Place* wrong) {
    Value inputs = Value::MakeObject();
    const Scope scope = ScopeOf(run, context_, exchange);
    for (const Parameter& parameter : parameters) {
      auto value = ResolveValue(parameter.value, scope);
      if (!value.ok()) {
        *wrong = parameter.place;
        return Invalid("the parameter " + parameter.name + ": " + value.error().detail);
      }
      if (!value.value().has_value()) continue;
      NoteSecret(parameter, *value.value(), run.path, context_);
      inputs.Set(parameter.name, std::move(*value.value()));
    }
    return inputs;
  }

  std::optional<Flow> CheckBudget() {
    if (++context_.shared.steps > context_.options.steps_max) {
      return Stop(RunStatus::kOutOfTime, "the run has taken " +
                                             std::to_string(context_.options.steps_max) +
                                             " steps, which is its limit");
    }
    if (context_.replaying()) return std::nullopt;
    if (context_.ports.time.StopWanted()) return Stopped();
    if (context_.ports.time.NowMs() >= context_.shared.deadline_ms) return OutOfTime();
    return std::nullopt;
  }

  // The request under way has been answered, and the outputs are those that there are.
  static Flow Stopped() { return Stop(RunStatus::kOutOfTime, "stopped; the run can be resumed"); }

  Flow OutOfTime() {
    return Stop(RunStatus::kOutOfTime, "the run's time of " +
                                           std::to_string(context_.options.timeout_ms / 1000) +
                                           " s is over; it can be resumed");
  }

  bool IsMet(const WorkflowRun& run, const std::string& depends_on) const {
    const auto reference = ParseStepReference(depends_on);
    CHECK(reference.has_value());  // Loading has seen to that.
    if (reference->workflow.empty()) return run.succeeded.contains(reference->step);
    return context_.history.HasSucceeded(FindWorkflow(*run.document, reference->workflow).workflow,
                                         reference->step);
  }

  // The step with its actions and retries.
  Result<Flow> RunStep(WorkflowRun* run, size_t index, uint32_t depth) {
    const Step& step = run->workflow->workflow->steps[index];
    ++run->visits[step.id];
    for (const std::string& id : step.depends_on) {
      if (IsMet(*run, id)) continue;
      return Stop(RunStatus::kStepFailed, PlaceText(*run, step.place) + ": the step " + step.id +
                                              " depends on " + id + ", which has not succeeded");
    }
    std::map<const Action*, uint32_t> retries;
    for (;;) {
      if (auto over = CheckBudget()) return std::move(*over);
      TRY(Attempt attempt, Execute(run, index, depth));
      if (attempt.stop.has_value()) return std::move(*attempt.stop);
      TRY(Choice choice, Choose(*run, step, attempt, retries));
      if (attempt.sent.in_doubt && !MayGoOn(*run, index, choice.action)) {
        return Stop(RunStatus::kInDoubt,
                    context_.Mask(PlaceText(*run, attempt.place) + ": the step " + step.id +
                                  " may have been done, and repeating it is not known to be "
                                  "safe: " +
                                  attempt.why));
      }
      if (choice.action == nullptr) return WithoutAction(run, index, attempt, choice);
      const Action& action = *choice.action;
      if (action.type != Action::Type::kRetry) return Follow(run, index, attempt, choice);
      const uint32_t count = ++retries[&action];
      const double seconds = PaceSeconds(attempt.sent.retry_after_s, action.retry_after_s, count);
      TRY(auto over, Wait(*run, step, seconds, count, choice.observed));
      if (over.has_value()) return std::move(*over);
      TRY(auto stop, Prepare(run, action, depth));
      if (stop.has_value()) return std::move(*stop);
    }
  }

  // After a request without an answer that may have been done and may not be repeated: its failure
  // is not known, so it does not end the run as one; where the document goes on is its own affair.
  bool MayGoOn(const WorkflowRun& run, size_t index, const Action* action) {
    if (action == nullptr || action->type == Action::Type::kEnd) return false;
    if (action->type == Action::Type::kGoto) return true;
    return MaySendAgain(run.workflow->workflow->steps[index], *run.workflow->operations[index],
                        &context_);
  }

  Flow CannotCall(const WorkflowRun& run, const Action& action, Place wrong, const Error& error) {
    return Stop(RunStatus::kStepFailed, context_.Mask(PlaceText(run, wrong) + ": the action " +
                                                      action.name + " cannot run the workflow " +
                                                      action.workflow_id + ": " + error.detail));
  }

  // What a retry action wants to be run before the step is repeated.
  Result<std::optional<Flow>> Prepare(WorkflowRun* run, const Action& action, uint32_t depth) {
    if (!action.step_id.empty()) {
      const size_t index = run->workflow->workflow->StepIndex(action.step_id);
      ++run->visits[action.step_id];
      if (auto over = CheckBudget()) return over;
      TRY(Attempt attempt, Execute(run, index, depth));
      return std::move(attempt.stop);
    }
    if (action.workflow_id.empty()) return std::optional<Flow>();
    const WorkflowAt at = FindWorkflow(*run->document, action.workflow_id);
    Place wrong;
    auto inputs = TransferInputs(*run, action, nullptr, &wrong);
    if (!inputs.ok()) return std::optional<Flow>(CannotCall(*run, action, wrong, inputs.error()));
    TRY(const RunResult result,
        Call(at, std::move(inputs).value(), run->names->Below(run->path, action.name), depth + 1));
    if (result.status == RunStatus::kEnded || result.status == RunStatus::kStepFailed) {
      return std::optional<Flow>();  // Whether it helped is for the repeated step to say.
    }
    return std::optional<Flow>(Stop(result.status, result.message));
  }

  // Sends or calls, judges by the success criteria, and keeps the outputs.
  Result<Attempt> Execute(WorkflowRun* run, size_t index, uint32_t depth) {
    const Step& step = run->workflow->workflow->steps[index];
    const ApiOperation* operation = run->workflow->operations[index];
    Attempt out;
    out.place = step.place;
    Value child_outputs = Value::MakeObject();
    if (operation == nullptr) {
      TRY(const bool ended, CallFromStep(run, step, depth, &child_outputs, &out));
      if (!ended) return out;
    } else {
      TRY(out.sent, Perform(step, *operation, *run, &context_));
      if (out.sent.in_doubt && !out.sent.sent) {
        out.stop =
            Stop(RunStatus::kInDoubt, "the step " + step.id +
                                          " may have been done before the run was "
                                          "interrupted, and repeating it is not known to be safe");
        return out;
      }
      out.why = out.sent.failure;
    }
    // $outputs is what the called workflow gave while its step is judged.
    std::swap(run->outputs, child_outputs);
    const Status judged = Judge(run, step, operation != nullptr, &out);
    std::swap(run->outputs, child_outputs);
    TRY(judged);
    return out;
  }

  Status Judge(WorkflowRun* run, const Step& step, bool sent, Attempt* out) {
    out->success = out->why.empty();
    const Scope scope = ScopeOf(*run, context_, sent ? &out->sent.exchange : nullptr);
    if (out->success && step.success_criteria.empty() && sent) {
      const int status = out->sent.exchange.status;
      out->success = status >= 200 && status < 300;
      if (!out->success) out->why = "the status is " + std::to_string(status);
    }
    for (const PlacedCriterion& placed : step.success_criteria) {
      if (!out->success) break;
      const CriterionOutcome outcome =
          EvaluateCriterion(placed.criterion, scope, context_.options.reading);
      if (outcome.holds) continue;
      out->success = false;
      out->why = outcome.reason;
      out->place = placed.place;
    }
    if (!out->success) {
      out->why += AnswerInBrief(out->sent.exchange, *context_.shared.secrets);
      Value data = Named(*run, step);
      data.Set("holds", Value::Bool(false));
      data.Set("reason", Value::String(out->why));
      data.Set("place", Value::String(PlaceText(*run, out->place)));
      TRY(context_.Emit("criterion", std::move(data)));
    }
    return KeepOutputs(run, step, scope, *out);
  }

  // Also of a failed step: its answer is the newest that is known (a job that is FAILED is no
  // longer IN_PROGRESS). What it lacks stays as it was, without a warning.
  Status KeepOutputs(WorkflowRun* run, const Step& step, const Scope& scope,
                     const Attempt& attempt) {
    const bool sent = scope.exchange != nullptr;
    if (!attempt.success && sent && scope.exchange->status == 0) return Ok();
    if (attempt.success) {
      run->succeeded.insert(step.id);
      context_.history.MarkStep(run->workflow, step.id);
    }
    Value outputs = !attempt.success ? run->steps[step.id]
                    : sent           ? Value::MakeObject()
                                     : run->outputs;
    if (!outputs.IsObject()) outputs = Value::MakeObject();
    for (const OutputRule& rule : step.outputs) {
      const Found found = EvaluateOutput(rule, scope);
      if (found.present()) {
        outputs.Set(rule.name, found.value());
      } else if (attempt.success) {
        TRY(WarnOnce(
            run, step.id + "." + rule.name,
            "the output " + rule.name + " of " + step.id + " is unset: " + found.reason()));
      }
    }
    Value data = Named(*run, step);
    data.Set("outputs", outputs);
    run->steps[step.id] = std::move(outputs);
    return context_.Emit("outputs", std::move(data));
  }

  Status WarnOnce(WorkflowRun* run, const std::string& key, const std::string& message) {
    if (!run->warned.insert(key).second) return Ok();
    Value data = Value::MakeObject();
    data.Set("workflow", Value::String(run->path));
    data.Set("message", Value::String(message));
    return context_.Emit("warning", std::move(data));
  }

  // Whether the called workflow ended; else `out` says what that means for the step.
  Result<bool> CallFromStep(WorkflowRun* run, const Step& step, uint32_t depth, Value* outputs,
                            Attempt* out) {
    const WorkflowAt at = FindWorkflow(*run->document, step.workflow_id);
    CHECK(at.workflow != nullptr);
    auto inputs = InputsFrom(step.parameters, *run, nullptr, &out->place);
    if (!inputs.ok()) {
      out->why = inputs.error().detail;
      return true;
    }
    TRY(RunResult result,
        Call(at, std::move(inputs).value(), run->names->Below(run->path, step.id), depth + 1));
    *outputs = std::move(result.outputs);
    if (result.status == RunStatus::kEnded) return true;
    if (result.status == RunStatus::kStepFailed || result.status == RunStatus::kInvalidInputs) {
      out->why = step.workflow_id + ": " + result.message;
      return true;
    }
    out->stop = Stop(result.status, std::move(result.message));
    return false;
  }

  struct Choice {
    const Action* action = nullptr;
    std::optional<std::string> observed;  // The value that the actions' criteria looked at.
    std::string problems;                 // Criteria that could not be evaluated.
  };

  // The first action whose criteria all hold; retries that are used up are passed over.
  Result<Choice> Choose(const WorkflowRun& run, const Step& step, const Attempt& attempt,
                        const std::map<const Action*, uint32_t>& retries) {
    Choice out;
    const bool sent = !step.operation_id.empty() || !step.operation_path.empty();
    const Scope scope = ScopeOf(run, context_, sent ? &attempt.sent.exchange : nullptr);
    for (const Action& action : attempt.success ? step.on_success : step.on_failure) {
      const auto used = retries.find(&action);
      if (action.type == Action::Type::kRetry && used != retries.end() &&
          used->second >= action.retry_limit) {
        continue;
      }
      if (action.type == Action::Type::kRetry && action.retry_limit == 0) continue;
      bool holds = true;
      for (const PlacedCriterion& placed : action.criteria) {
        const CriterionOutcome outcome =
            EvaluateCriterion(placed.criterion, scope, context_.options.reading);
        if (!out.observed.has_value()) out.observed = outcome.observed;
        if (outcome.failed_to_evaluate) out.problems += "; " + outcome.reason;
        holds = holds && outcome.holds;
        if (!holds) break;
      }
      if (!holds) continue;
      out.action = &action;
      Value data = Named(run, step);
      data.Set("action", Value::String(action.name));
      if (out.observed.has_value()) {
        data.Set("observed", Value::String(*out.observed));
      }
      TRY(context_.Emit("action", std::move(data)));
      return out;
    }
    return out;
  }

  // No action matches: a failed step ends the run, a successful one is followed by the next. But a
  // step that loops to itself is waiting for something, and going on would mean it has come.
  Result<Flow> WithoutAction(WorkflowRun* run, size_t index, const Attempt& attempt,
                             const Choice& choice) {
    const Step& step = run->workflow->workflow->steps[index];
    if (!attempt.success) {
      return Stop(RunStatus::kStepFailed,
                  context_.Mask(PlaceText(*run, attempt.place) + ": the step " + step.id +
                                " failed: " + attempt.why));
    }
    const bool loops = std::ranges::any_of(step.on_success, [&](const Action& action) {
      return action.type == Action::Type::kGoto && action.step_id == step.id;
    });
    if (!loops || context_.options.fallthrough == Fallthrough::kNext) return Flow{};
    const std::string seen = choice.observed.value_or("nothing");
    const auto& more = context_.options.wait_on;
    if (std::ranges::find(kPassingStates, std::string_view(seen)) != kPassingStates.end() ||
        std::ranges::find(more, seen) != more.end()) {
      TRY(WarnOnce(run, step.id + "=" + seen,
                   "the step " + step.id + " sees " + seen +
                       ", which the document does not know; it is taken for a passing state"));
      return GoTo(run, step, index, attempt, choice);
    }
    return Stop(RunStatus::kUnhandledState,
                context_.Mask(PlaceText(*run, step.place) + ": the step " + step.id + " sees " +
                              seen + ", for which no action of it holds" + choice.problems));
  }

  Result<Flow> Follow(WorkflowRun* run, size_t index, const Attempt& attempt,
                      const Choice& choice) {
    const Step& step = run->workflow->workflow->steps[index];
    const Action& action = *choice.action;
    if (action.type == Action::Type::kEnd) {
      if (!attempt.success) {
        return Stop(
            RunStatus::kStepFailed,
            context_.Mask(PlaceText(*run, attempt.place) + ": the step " + step.id + " failed (" +
                          attempt.why + ") and the action " + action.name + " ends the workflow"));
      }
      Flow out;
      out.kind = Flow::Kind::kEnd;
      return out;
    }
    if (!action.workflow_id.empty()) return GoToWorkflow(run, index, attempt, choice);
    const size_t target = run->workflow->workflow->StepIndex(action.step_id);
    return GoTo(run, step, target, attempt, choice);
  }

  // A goto to a step that has run before closes a cycle, and cycles are paced.
  Result<Flow> GoTo(WorkflowRun* run, const Step& step, size_t target, const Attempt& attempt,
                    const Choice& choice) {
    Flow out;
    out.kind = Flow::Kind::kGoto;
    out.step = target;
    const Step& next = run->workflow->workflow->steps[target];
    const uint32_t visits = run->visits[next.id];
    if (visits == 0) return out;
    const double seconds = PaceSeconds(attempt.sent.retry_after_s, next.poll_interval_s, visits);
    TRY(auto over, Wait(*run, step, seconds, visits, choice.observed));
    if (over.has_value()) return std::move(*over);
    return out;
  }

  // The same for a workflow that this call has run before.
  Result<Flow> GoToWorkflow(WorkflowRun* run, size_t index, const Attempt& attempt,
                            const Choice& choice) {
    const Step& step = run->workflow->workflow->steps[index];
    const Action& action = *choice.action;
    Flow out;
    out.kind = Flow::Kind::kTransfer;
    out.workflow = FindWorkflow(*run->document, action.workflow_id);
    CHECK(out.workflow.workflow != nullptr);
    TRY(CollectOutputs(run));  // The parameters may name them.
    Place wrong;
    const bool sent = run->workflow->operations[index] != nullptr;
    auto inputs = TransferInputs(*run, action, sent ? &attempt.sent.exchange : nullptr, &wrong);
    if (!inputs.ok()) return CannotCall(*run, action, wrong, inputs.error());
    out.inputs = std::move(inputs).value();
    const uint32_t runs = run->chain->runs[out.workflow.workflow];
    if (runs == 0) return out;
    const Step& first = out.workflow.workflow->workflow->steps.front();
    const double seconds = PaceSeconds(attempt.sent.retry_after_s, first.poll_interval_s, runs);
    TRY(auto over, Wait(*run, step, seconds, runs, choice.observed));
    if (over.has_value()) return std::move(*over);
    return out;
  }

  // --poll, then what the server says, then what the document says, then growing steps.
  double PaceSeconds(const std::optional<double>& server, const std::optional<double>& document,
                     uint32_t count) {
    if (context_.options.poll_s.has_value()) return *context_.options.poll_s;
    if (server.has_value()) return *server;
    if (document.has_value()) return *document;
    // 1.5^9 is past the cap; the bound keeps pow() finite.
    const double grown = kPollFirstS * std::pow(kPollFactor, std::min<uint32_t>(count - 1, 9));
    return std::min(grown, kPollMostS) * (0.9 + 0.2 * Jitter());
  }

  double Jitter() {
    const MutexLock lock(context_.shared.events_mutex);
    return context_.ports.time.Jitter();
  }

  // A flow: the time is over, or the user stopped the run.
  Result<std::optional<Flow>> Wait(const WorkflowRun& run, const Step& step, double seconds,
                                   uint32_t count, const std::optional<std::string>& observed) {
    if (context_.replaying() || seconds <= 0) return std::optional<Flow>();
    const int64_t now = context_.ports.time.NowMs();
    const auto wait_ms = static_cast<int64_t>(seconds * 1000);
    const int64_t deadline_ms = context_.shared.deadline_ms;
    if (now + wait_ms >= deadline_ms) return std::optional<Flow>(OutOfTime());
    Value data = Named(run, step);
    data.Set("wait_ms", Value::Int(wait_ms)).Set("count", Value::Int(count));
    data.Set("elapsed_ms", Value::Int(now - (deadline_ms - context_.options.timeout_ms)));
    data.Set("timeout_ms", Value::Int(context_.options.timeout_ms));
    if (observed.has_value()) data.Set("observed", Value::String(*observed));
    TRY(context_.Emit("wait", std::move(data)));
    const Status slept = context_.ports.time.SleepMs(wait_ms);
    return slept.ok() ? std::optional<Flow>() : Stopped();
  }

  // Also of runs that stopped early: what has a value is worth having.
  Status CollectOutputs(WorkflowRun* run) {
    const Scope scope = ScopeOf(*run, context_, nullptr);
    Value outputs = Value::MakeObject();
    for (const OutputRule& rule : run->workflow->workflow->outputs) {
      const Found found = EvaluateOutput(rule, scope);
      if (found.present()) {
        outputs.Set(rule.name, found.value());
      } else {
        TRY(WarnOnce(run, "outputs." + rule.name,
                     "the output " + rule.name + " is unset: " + found.reason()));
      }
    }
    run->outputs = std::move(outputs);
    return Ok();
  }

  RunContext& context_;
};

}  // namespace

std::string_view RunStatusName(RunStatus status) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "ended", "failed", "invalid-inputs", "unhandled-state", "out-of-time", "in-doubt"};
  return kNames[static_cast<size_t>(status)];
}

Result<RunResult> RunWorkflow(const Program& program, std::string_view workflow_id,
                              const Value& inputs, const RunOptions& options,
                              const RunnerPorts& ports) {
  CHECK(program.root != nullptr);
  const LoadedWorkflow* workflow =
      workflow_id.empty() ? &program.root->workflows[0] : program.root->Find(workflow_id);
  if (workflow == nullptr) return NotFound("there is no workflow " + std::string(workflow_id));
  RunShared shared(options, ports);
  shared.deadline_ms = ports.time.NowMs() + options.timeout_ms;
  RunContext context(shared, "");
  const KeptInputs kept = InputsToKeep(*workflow, inputs);
  Value::Array secrets;
  for (const std::string& pointer : kept.secrets) secrets.push_back(Value::String(pointer));
  Value start = Value::MakeObject();
  start.Set("run", Value::String(options.run_id));
  start.Set("workflow", Value::String(workflow->workflow->id));
  start.Set("inputs", kept.inputs).Set("secrets", Value::MakeArray(std::move(secrets)));
  // Nothing has been done yet that a crash could lose; the first request that must not be repeated
  // syncs everything before it.
  TRY(context.Emit("run", std::move(start)));
  TRY(RunResult result, Interpreter(&context).Call({program.root.get(), workflow}, inputs,
                                                   workflow->workflow->id, 0));
  result.message = context.Mask(std::move(result.message));
  result.outputs = shared.secrets->Mask(result.outputs);
  Value end = Value::MakeObject();
  end.Set("status", Value::String(std::string(RunStatusName(result.status))));
  end.Set("message", Value::String(result.message)).Set("outputs", result.outputs);
  TRY(context.Emit("end", std::move(end), Durability::kSynced));
  return result;
}

}  // namespace tarn::arazzo
