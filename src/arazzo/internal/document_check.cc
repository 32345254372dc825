// The checks that need the whole document. Sources are not read here: whether an operation exists
// is for openapi.h to say.
#include <algorithm>
#include <map>
#include <set>

#include "arazzo/internal/document_reader.h"
#include "arazzo/internal/text.h"

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
      CheckWorkflow();
    }
    CheckDependencies();
  }

 private:
  void CheckWorkflow() {
    for (const std::string& id : workflow_->depends_on) {
      CheckWorkflowId(id, workflow_->place, "dependsOn");
    }
    for (size_t i = 0; i < workflow_->steps.size(); ++i) CheckStep(workflow_->steps[i], i);
    for (const OutputRule& rule : workflow_->outputs) {
      CheckExpressionText(rule.expression, rule.place, workflow_->steps.size());
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
      CheckDynamic(parameter.value, parameter.place, index);
    }
    if (step.body.has_value()) {
      if (step.body->payload.has_value()) {
        CheckDynamic(*step.body->payload, step.body->place, index);
      }
      for (const Replacement& replacement : step.body->replacements) {
        CheckDynamic(replacement.value, replacement.place, index);
      }
    }
    // A step's own outputs exist once it has been answered, so they count from here on.
    CheckCriteria(step.success_criteria, index);
    for (const OutputRule& rule : step.outputs) {
      CheckExpressionText(rule.expression, rule.place, index + 1);
    }
    for (const auto* actions : {&step.on_success, &step.on_failure}) {
      for (const Action& action : *actions) CheckAction(action, index);
    }
    for (const std::string& id : step.depends_on) {
      if (id.starts_with("$")) continue;
      if (workflow_->StepIndex(id) == workflow_->steps.size()) UnknownStep(id, step.place);
    }
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
      CheckDynamic(parameter.value, parameter.place, index + 1);
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
        CheckExpression(expression, placed.place, index + 1);
      }
    }
  }

  void CheckDynamic(const Value& value, Place place, size_t index) {
    if (value.IsArray()) {
      for (const Value& item : value.items()) CheckDynamic(item, place, index);
    } else if (value.IsObject()) {
      for (const Value::Member& member : value.members()) CheckDynamic(member.second, place, index);
    } else if (value.IsString() && LooksLikeExpression(value.AsString())) {
      CheckExpressionText(value.AsString(), place, index);
    } else if (value.IsString()) {
      const auto embedded = EmbeddedExpressions(value.AsString());
      if (!embedded.ok()) return;
      for (const Expression& expression : embedded.value()) {
        CheckExpression(expression, place, index);
      }
    }
  }

  void CheckExpressionText(const std::string& text, Place place, size_t index) {
    const auto expression = ParseExpression(text);
    if (expression.ok()) CheckExpression(expression.value(), place, index);
  }

  // `index`: steps before it have run when the expression is evaluated in document order.
  void CheckExpression(const Expression& expression, Place place, size_t index) {
    switch (expression.root) {
      case Expression::Root::kSteps:
        CheckStepOutput(expression, place, index);
        return;
      case Expression::Root::kInputs:
        CheckInput(expression, place);
        return;
      case Expression::Root::kSourceDescriptions:
        CheckSourceName(expression.id, place);
        return;
      case Expression::Root::kMessage:
        complaints_.Error(place, "$message needs AsyncAPI, which is not supported");
        return;
      default:
        return;
    }
  }

  void CheckStepOutput(const Expression& expression, Place place, size_t index) {
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
    if (step >= index) {
      complaints_.Warn(place, expression.text + ": the step " + expression.id +
                                  " runs later; the value is absent unless a goto led back here");
    }
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

  // dependsOn must not run in a circle; calls by steps may not either, since each call waits.
  void CheckDependencies() {
    for (const Workflow& workflow : document_.workflows) {
      std::vector<std::string> way;
      FindCycle(workflow, &way);
    }
  }

  void FindCycle(const Workflow& workflow, std::vector<std::string>* way) {
    const auto begin = std::ranges::find(*way, workflow.id);
    if (begin != way->end()) {
      std::string cycle;
      for (auto id = begin; id != way->end(); ++id) cycle += *id + " -> ";
      complaints_.Error(workflow.place, "dependsOn runs in a circle: " + cycle + workflow.id);
      return;
    }
    if (!done_.insert(workflow.id).second) return;  // Each workflow is entered once.
    way->push_back(workflow.id);
    for (const std::string& id : workflow.depends_on) {
      if (const Workflow* next = document_.FindWorkflow(id)) FindCycle(*next, way);
    }
    way->pop_back();
  }

  const Document& document_;
  Reading reading_;
  Complaints& complaints_;
  const Workflow* workflow_ = nullptr;
  std::set<std::string> done_;
};

}  // namespace

void CheckReferences(const Document& document, Reading reading, Complaints* complaints) {
  Checker(document, reading, complaints).Run();
}

}  // namespace tarn::arazzo
