// The checks that need the whole document. Sources are not read here: whether an operation exists
// is for openapi.h to say.
#include <algorithm>
#include <map>
#include <set>

#include "arazzo/internal/document_reader.h"
#include "arazzo/internal/flow.h"
#include "arazzo/internal/step_reference.h"
#include "arazzo/internal/xpath.h"
#include "arazzo/jsonpath.h"
#include "arazzo/limits.h"
#include "arazzo/names.h"

namespace tarn::arazzo {
namespace {

using json::Value;

class Checker {
 public:
  Checker(const Document& document, Reading reading, Complaints* complaints)
      : document_(document), reading_(reading), complaints_(*complaints) {}

  void Run() {
    for (const Workflow& workflow : document_.workflows) {
      workflow_ = &workflow;
      const Flow flow(workflow);
      flow_ = &flow;
      CheckWorkflow();
      CheckFlow(workflow, flow, &complaints_);
      flow_ = nullptr;
    }
    CheckDependencies();
    CheckCalls();
  }

 private:
  // Where an expression is evaluated.
  struct Moment {
    enum class When : uint8_t { kBefore, kAfter, kAtTheEnd };
    size_t step = 0;
    When when = When::kBefore;  // kBefore and kAfter the step's answer.
  };
  static Moment Before(size_t step) { return {step, Moment::When::kBefore}; }
  static Moment After(size_t step) { return {step, Moment::When::kAfter}; }

  void CheckWorkflow() {
    for (const std::string& id : workflow_->depends_on) {
      CheckWorkflowId(id, workflow_->place, "dependsOn");
    }
    for (size_t i = 0; i < workflow_->steps.size(); ++i) CheckStep(workflow_->steps[i], i);
    for (const OutputRule& rule : workflow_->outputs) {
      CheckExpressionText(rule.expression, rule.place, {0, Moment::When::kAtTheEnd});
      CheckSelector(rule.selector, rule.selection, rule.place);
      const auto expression = ParseExpression(rule.expression);
      if (!expression.ok()) continue;
      const Expression::Root root = expression.value().root;
      if (root == Expression::Root::kResponse || root == Expression::Root::kRequest ||
          root == Expression::Root::kStatusCode) {
        complaints_.Error(rule.place, "a workflow's output cannot use " + rule.expression +
                                          ": it belongs to no step");
      }
    }
  }

  void CheckStep(const Step& step, size_t index) {
    if (!step.workflow_id.empty()) CheckWorkflowId(step.workflow_id, step.place, "workflowId");
    if (!step.operation_id.empty()) CheckOperationId(step);
    if (!step.operation_path.empty()) CheckOperationPath(step);
    for (const Parameter& parameter : step.parameters) {
      CheckDynamic(parameter.value, parameter.place, Before(index));
    }
    if (step.body.has_value()) {
      if (step.body->payload.has_value()) {
        CheckDynamic(*step.body->payload, step.body->place, Before(index));
      }
      for (const Replacement& replacement : step.body->replacements) {
        CheckDynamic(replacement.value, replacement.place, Before(index));
        CheckSelector(replacement.kind, replacement.target, replacement.place);
      }
    }
    // A step's own outputs exist once it has been answered, so they count from here on.
    CheckCriteria(step.success_criteria, index);
    for (const OutputRule& rule : step.outputs) {
      CheckExpressionText(rule.expression, rule.place, After(index));
      CheckSelector(rule.selector, rule.selection, rule.place);
    }
    for (const auto* actions : {&step.on_success, &step.on_failure}) {
      for (const Action& action : *actions) CheckAction(action, index);
    }
    for (const std::string& id : step.depends_on) CheckStepReference(id, step.place);
  }

  // Of other documents, once they are loaded.
  void CheckStepReference(const std::string& text, Place place) {
    const auto reference = ParseStepReference(text);
    if (!reference.has_value()) {
      complaints_.Error(place,
                        "dependsOn of a step names a step, $workflows.<id>.steps.<id> or "
                        "$sourceDescriptions.<name>.<id>.steps.<id>, not " +
                            text);
      return;
    }
    if (reference->workflow.empty()) {
      if (workflow_->StepIndex(text) == workflow_->steps.size()) UnknownStep(text, place);
      return;
    }
    CheckWorkflowId(reference->workflow, place, "dependsOn");
    const Workflow* workflow = document_.FindWorkflow(reference->workflow);
    if (workflow != nullptr && workflow->StepIndex(reference->step) == workflow->steps.size()) {
      complaints_.Error(place, "the workflow " + workflow->id + " has no step " + reference->step);
    }
  }

  void CheckSelector(OutputRule::Selector kind, const std::string& text, Place place) {
    using Selector = OutputRule::Selector;
    Status status = Ok();
    if (kind == Selector::kJsonPointer && !text.empty() && text[0] != '/') {
      status = Invalid("a JSON Pointer begins with /");
    } else if (kind == Selector::kJsonPath) {
      const auto query = JsonPathQuery::Parse(text);
      if (!query.ok()) status = query.error();
    } else if (kind == Selector::kXPath) {
      status = CheckXPath(text);
    }
    if (!status.ok()) complaints_.Error(place, text + ": " + status.error().detail);
  }

  void CheckOperationId(const Step& step) {
    const QualifiedName name = SplitQualified(step.operation_id);
    if (!name.source.empty()) {
      CheckSourceName(name.source, step.place);
      return;
    }
    const auto is_api = [](const Source& s) { return s.type != Source::Type::kArazzo; };
    if (std::ranges::count_if(document_.sources, is_api) > 1) {
      complaints_.Warn(step.place,
                       "with several sources, operationId should be written "
                       "$sourceDescriptions.<name>." +
                           step.operation_id);
    }
  }

  // {$sourceDescriptions.n.url}#/paths/~1x/get
  void CheckOperationPath(const Step& step) {
    const auto embedded = EmbeddedExpressions(step.operation_path);
    const bool good = embedded.ok() && embedded.value().size() == 1 &&
                      embedded.value()[0].root == Expression::Root::kSourceDescriptions &&
                      step.operation_path.find("}#/paths/") != std::string::npos;
    if (!good) {
      complaints_.Error(step.place,
                        "operationPath must look like "
                        "{$sourceDescriptions.<name>.url}#/paths/~1x/get");
      return;
    }
    CheckSourceName(embedded.value()[0].id, step.place);
  }

  void CheckSourceName(const std::string& name, Place place) {
    if (document_.FindSource(name) != nullptr) return;
    std::vector<std::string> names;
    for (const Source& source : document_.sources) names.push_back(source.name);
    complaints_.Error(place, "there is no source " + name + NearestNames(name, names));
  }

  void CheckWorkflowId(const std::string& id, Place place, std::string_view what) {
    const QualifiedName name = SplitQualified(id);
    if (!name.source.empty()) {
      CheckSourceName(name.source, place);
      return;
    }
    if (document_.FindWorkflow(id) != nullptr) return;
    std::vector<std::string> names;
    for (const Workflow& workflow : document_.workflows) names.push_back(workflow.id);
    complaints_.Error(place,
                      std::string(what) + ": there is no workflow " + id + NearestNames(id, names));
  }

  void UnknownStep(const std::string& id, Place place) {
    std::vector<std::string> names;
    for (const Step& step : workflow_->steps) names.push_back(step.id);
    complaints_.Error(place, "there is no step " + id + " in the workflow " + workflow_->id +
                                 NearestNames(id, names));
  }

  void CheckAction(const Action& action, size_t index) {
    if (!action.step_id.empty() &&
        workflow_->StepIndex(action.step_id) == workflow_->steps.size()) {
      UnknownStep(action.step_id, action.place);
    }
    if (!action.workflow_id.empty()) {
      CheckWorkflowId(action.workflow_id, action.place, "workflowId");
    }
    CheckCriteria(action.criteria, index);
    for (const Parameter& parameter : action.parameters) {
      CheckDynamic(parameter.value, parameter.place, After(index));
    }
  }

  void CheckCriteria(const std::vector<PlacedCriterion>& criteria, size_t index) {
    for (const PlacedCriterion& placed : criteria) {
      for (CriterionFinding& finding : CheckCriterion(placed.criterion, reading_)) {
        if (finding.is_error) {
          complaints_.Error(placed.place, std::move(finding.message));
        } else {
          complaints_.Warn(placed.place, std::move(finding.message));
        }
      }
      for (const Expression& expression : ExpressionsOf(placed.criterion)) {
        CheckExpression(expression, placed.place, After(index));
      }
    }
  }

  void CheckDynamic(const Value& value, Place place, Moment moment) {
    if (value.IsArray()) {
      for (const Value& item : value.items()) CheckDynamic(item, place, moment);
    } else if (value.IsObject()) {
      for (const Value::Member& member : value.members())
        CheckDynamic(member.second, place, moment);
    } else if (value.IsString() && LooksLikeExpression(value.AsString())) {
      CheckExpressionText(value.AsString(), place, moment);
    } else if (value.IsString()) {
      const auto embedded = EmbeddedExpressions(value.AsString());
      if (!embedded.ok()) return;
      for (const Expression& expression : embedded.value()) {
        CheckExpression(expression, place, moment);
      }
    }
  }

  void CheckExpressionText(const std::string& text, Place place, Moment moment) {
    const auto expression = ParseExpression(text);
    if (expression.ok()) CheckExpression(expression.value(), place, moment);
  }

  void CheckExpression(const Expression& expression, Place place, Moment moment) {
    switch (expression.root) {
      case Expression::Root::kSteps:
        CheckStepOutput(expression, place, moment);
        return;
      case Expression::Root::kInputs:
        CheckInput(expression, place);
        return;
      case Expression::Root::kSourceDescriptions:
        CheckSourceName(expression.id, place);
        return;
      case Expression::Root::kWorkflows:
        CheckWorkflowValue(expression, place);
        return;
      case Expression::Root::kMessage:
        complaints_.Error(place, "$message needs AsyncAPI, which is not supported");
        return;
      default:
        return;
    }
  }

  void CheckStepOutput(const Expression& expression, Place place, Moment moment) {
    const size_t step = workflow_->StepIndex(expression.id);
    if (step == workflow_->steps.size()) {
      UnknownStep(expression.id, place);
      return;
    }
    std::vector<std::string> names;
    for (const OutputRule& rule : workflow_->steps[step].outputs) names.push_back(rule.name);
    const std::string first = expression.name.substr(0, expression.name.find('.'));
    const bool known = std::ranges::any_of(
        names, [&](const std::string& name) { return name == expression.name || name == first; });
    // What a called workflow gives back is known only where that workflow is.
    if (!known && workflow_->steps[step].workflow_id.empty()) {
      complaints_.Error(place, expression.text + ": the step " + expression.id + " has no output " +
                                   expression.name + NearestNames(expression.name, names));
      return;
    }
    CheckOrder(expression, step, place, moment);
  }

  void CheckOrder(const Expression& expression, size_t producer, Place place, Moment moment) {
    if (moment.when == Moment::When::kAtTheEnd) {
      if (flow_->CanRun(producer)) return;
      complaints_.Warn(place, expression.text + ": the step " + expression.id + " cannot run");
      return;
    }
    const bool own = moment.when == Moment::When::kAfter && producer == moment.step;
    if (own || !flow_->CanRun(moment.step)) return;
    if (!flow_->CanPrecede(producer, moment.step)) {
      complaints_.Error(place,
                        expression.text + ": the step " + expression.id + " never runs before " +
                            workflow_->steps[moment.step].id + ", so this has no value",
                        "move the step, or let a goto lead through it");
    } else if (producer >= moment.step) {
      complaints_.Warn(place, expression.text + ": the step " + expression.id +
                                  " runs later; the value is absent unless a goto led back here");
    }
  }

  // Workflows of this document: their outputs and inputs are known.
  void CheckWorkflowValue(const Expression& expression, Place place) {
    const Workflow* workflow = document_.FindWorkflow(expression.id);
    if (workflow == nullptr) {
      // Workflows of sources have their own ids once they have run.
      const bool sources = std::ranges::any_of(document_.sources, [](const Source& source) {
        return source.type != Source::Type::kOpenApi;
      });
      if (!sources) CheckWorkflowId(expression.id, place, expression.text);
      return;
    }
    if (expression.section != "outputs") return;
    std::vector<std::string> names;
    for (const OutputRule& rule : workflow->outputs) names.push_back(rule.name);
    const std::string first = expression.name.substr(0, expression.name.find('.'));
    const bool known = std::ranges::any_of(
        names, [&](const std::string& name) { return name == expression.name || name == first; });
    if (known) return;
    complaints_.Error(place, expression.text + ": the workflow " + expression.id +
                                 " has no output " + expression.name +
                                 NearestNames(expression.name, names));
  }

  void CheckInput(const Expression& expression, Place place) {
    if (workflow_->inputs_pointer.empty()) {
      complaints_.Warn(place, expression.text + ": the workflow declares no inputs");
      return;
    }
    const size_t index = static_cast<size_t>(workflow_ - document_.workflows.data());
    const Value& schema = *document_.whole.Find("workflows")->items()[index].Find("inputs");
    const Value* properties = schema.Find("properties");
    // With references or combinations the names are the validator's business.
    if (properties == nullptr || !properties->IsObject() || schema.Find("$ref") != nullptr ||
        schema.Find("allOf") != nullptr || schema.Find("patternProperties") != nullptr) {
      return;
    }
    std::vector<std::string> names;
    for (const Value::Member& member : properties->members()) names.push_back(member.first);
    const std::string first = expression.name.substr(0, expression.name.find('.'));
    const bool known = std::ranges::any_of(
        names, [&](const std::string& name) { return name == expression.name || name == first; });
    if (!known) {
      complaints_.Warn(place, expression.text + ": the inputs declare no " + expression.name +
                                  NearestNames(expression.name, names));
    }
  }

  using Following = std::vector<std::string> (*)(const Workflow&);

  // Each waits for the next, so nothing would ever begin.
  void CheckDependencies() {
    std::set<std::string> done;
    for (const Workflow& workflow : document_.workflows) {
      std::vector<std::string> way;
      const std::string cycle = FindCycle(
          workflow, [](const Workflow& w) { return w.depends_on; }, &way, &done);
      if (!cycle.empty()) {
        complaints_.Error(workflow.place, "dependsOn runs in a circle: " + cycle);
      }
    }
  }

  // Steps may call each other's workflows in a circle when criteria end it.
  void CheckCalls() {
    const Following called = [](const Workflow& workflow) {
      std::vector<std::string> out;
      for (const Step& step : workflow.steps) {
        if (!step.workflow_id.empty()) out.push_back(step.workflow_id);
      }
      return out;
    };
    std::set<std::string> done;
    for (const Workflow& workflow : document_.workflows) {
      std::vector<std::string> way;
      const std::string cycle = FindCycle(workflow, called, &way, &done);
      if (cycle.empty()) continue;
      complaints_.Warn(workflow.place, "workflows call each other in a circle: " + cycle,
                       "a run stops " + std::to_string(kCallDepthMax) + " calls deep");
    }
  }

  // "a -> b -> a", or nothing. Each workflow is entered once.
  std::string FindCycle(const Workflow& workflow, Following following,
                        std::vector<std::string>* way, std::set<std::string>* done) {
    const auto begin = std::ranges::find(*way, workflow.id);
    if (begin != way->end()) {
      std::string cycle;
      for (auto id = begin; id != way->end(); ++id) cycle += *id + " -> ";
      return cycle + workflow.id;
    }
    if (!done->insert(workflow.id).second) return "";
    way->push_back(workflow.id);
    std::string found;
    for (const std::string& id : following(workflow)) {
      const Workflow* next = document_.FindWorkflow(id);
      if (next != nullptr && found.empty()) found = FindCycle(*next, following, way, done);
    }
    way->pop_back();
    return found;
  }

  const Document& document_;
  Reading reading_;
  Complaints& complaints_;
  const Workflow* workflow_ = nullptr;
  const Flow* flow_ = nullptr;  // Of workflow_.
};

}  // namespace

void CheckReferences(const Document& document, Reading reading, Complaints* complaints) {
  Checker(document, reading, complaints).Run();
}

}  // namespace tarn::arazzo
