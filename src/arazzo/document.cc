#include "arazzo/document.h"

#include <algorithm>

#include "arazzo/internal/document_reader.h"
#include "arazzo/limits.h"
#include "arazzo/names.h"

namespace tarn::arazzo {
namespace {

using json::Kind;
using json::Value;

class Reader {
 public:
  Reader(const YamlNode& root, std::string_view file, Complaints* complaints)
      : root_(root), complaints_(*complaints) {
    document_.file = file;
  }

  Document Run() {
    const ObjectReader reader(
        root_, "the document",
        {"arazzo", "$self", "info", "sourceDescriptions", "workflows", "components"}, &complaints_);
    ReadVersion(reader.RequiredText("arazzo"), reader.PlaceOf("arazzo"));
    document_.self = reader.Text("$self");
    reader.Require("info");
    if (const YamlNode* info = reader.Object("info")) {
      const ObjectReader fields(*info, "info", {"title", "summary", "description", "version"},
                                &complaints_);
      document_.title = fields.RequiredText("title");
      fields.RequiredText("version");
    }
    document_.whole = root_.ToValue();
    const YamlNode* components = reader.Object("components");
    document_.components = components == nullptr ? Value::MakeObject() : components->ToValue();
    if (components != nullptr) ReadComponents(*components);
    ReadSources(reader);
    ReadWorkflows(reader);
    return std::move(document_);
  }

 private:
  void ReadVersion(const std::string& version, Place place) {
    if (version.empty()) return;
    // The patch version says nothing about features and must be ignored.
    document_.is_1_1 = version.starts_with("1.1.");
    if (!version.starts_with("1.0.") && !document_.is_1_1) {
      complaints_.Error(place, "Arazzo " + version + " is not known here: 1.0.x and 1.1.x are");
    }
  }

  // Components are read where they are used, too; here so that unused ones are checked.
  void ReadComponents(const YamlNode& components) {
    const ObjectReader fields(components, "components",
                              {"inputs", "parameters", "successActions", "failureActions"},
                              &complaints_);
    if (const YamlNode* map = fields.Object("parameters")) {
      for (const YamlMember& member : map->members) ReadParameter(member.value, true);
    }
    for (const std::string_view kind : {"successActions", "failureActions"}) {
      const YamlNode* map = fields.Object(kind);
      if (map == nullptr) continue;
      for (const YamlMember& member : map->members) {
        ReadAction(member.value, kind == "failureActions");
      }
    }
    fields.Object("inputs");
  }

  void ReadSources(const ObjectReader& reader) {
    reader.Require("sourceDescriptions");
    const YamlNode* list = reader.Array("sourceDescriptions");
    if (list == nullptr) return;
    if (list->items.empty()) complaints_.Error(list->place, "sourceDescriptions must not be empty");
    for (const YamlNode& node : list->items) {
      const ObjectReader fields(node, "the source", {"name", "url", "type"}, &complaints_);
      Source source;
      source.place = node.place;
      source.name = fields.RequiredText("name");
      source.url = fields.RequiredText("url");
      const std::string type = fields.Text("type");
      if (type == "openapi") {
        source.type = Source::Type::kOpenApi;
      } else if (type == "arazzo") {
        source.type = Source::Type::kArazzo;
      } else if (type == "asyncapi") {
        source.type = Source::Type::kAsyncApi;
      } else if (!type.empty()) {
        complaints_.Error(fields.PlaceOf("type"), "a source's type is openapi or arazzo");
      }
      if (document_.FindSource(source.name) != nullptr) {
        complaints_.Error(node.place, "the source name " + source.name + " is used twice");
      }
      CheckId(source.name, node.place, "source name");
      document_.sources.push_back(std::move(source));
    }
  }

  void CheckId(const std::string& id, Place place, std::string_view what) {
    const bool good = std::ranges::all_of(id, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    });
    if (good) return;
    complaints_.Error(place, "the " + std::string(what) + " " + id +
                                 " must be of letters, digits, '_' and '-', so that expressions "
                                 "can name it");
  }

  void ReadWorkflows(const ObjectReader& reader) {
    reader.Require("workflows");
    const YamlNode* list = reader.Array("workflows");
    if (list == nullptr) return;
    if (list->items.empty()) complaints_.Error(list->place, "workflows must not be empty");
    for (size_t i = 0; i < list->items.size(); ++i) {
      Workflow workflow = ReadWorkflow(list->items[i], i);
      if (document_.FindWorkflow(workflow.id) != nullptr) {
        complaints_.Error(workflow.place, "the workflowId " + workflow.id + " is used twice");
      }
      document_.workflows.push_back(std::move(workflow));
      if (document_.workflows.size() > kWorkflowsMax) {
        complaints_.Error(list->items[i].place,
                          "a document may have " + std::to_string(kWorkflowsMax) + " workflows");
        break;
      }
    }
  }

  Workflow ReadWorkflow(const YamlNode& node, size_t index) {
    const ObjectReader fields(
        node, "the workflow",
        {"workflowId", "summary", "description", "inputs", "dependsOn", "steps", "successActions",
         "failureActions", "outputs", "parameters"},
        &complaints_);
    Workflow workflow;
    workflow.place = node.place;
    workflow.id = fields.RequiredText("workflowId");
    CheckId(workflow.id, fields.PlaceOf("workflowId"), "workflowId");
    workflow.summary = fields.Text("summary");
    workflow.depends_on = ReadTexts(fields, "dependsOn");
    if (fields.Any("inputs") != nullptr) {
      workflow.inputs_pointer = "/workflows/" + std::to_string(index) + "/inputs";
    }
    workflow.outputs = ReadOutputs(fields);
    const std::vector<Parameter> shared = ReadParameters(fields, false);
    const std::vector<Action> success = ReadActions(fields, "successActions", false);
    const std::vector<Action> failure = ReadActions(fields, "failureActions", true);
    fields.Require("steps");
    const YamlNode* steps = fields.Array("steps");
    if (steps == nullptr) return workflow;
    if (steps->items.empty()) complaints_.Error(steps->place, "steps must not be empty");
    for (const YamlNode& step_node : steps->items) {
      Step step = ReadStep(step_node, success, failure);
      MergeParameters(shared, &step);
      if (workflow.StepIndex(step.id) != workflow.steps.size()) {
        complaints_.Error(step.place, "the stepId " + step.id + " is used twice");
      }
      workflow.steps.push_back(std::move(step));
      if (workflow.steps.size() > kStepsMax) {
        complaints_.Error(step_node.place,
                          "a workflow may have " + std::to_string(kStepsMax) + " steps");
        break;
      }
    }
    return workflow;
  }

  // The step's parameter replaces the workflow's of the same name and place. A step that calls a
  // workflow has inputs instead of parameters, so requests' parameters do not reach it.
  static void MergeParameters(const std::vector<Parameter>& shared, Step* step) {
    for (const Parameter& parameter : shared) {
      const bool of_request = parameter.in != ParameterIn::kNone;
      if (of_request != step->workflow_id.empty()) continue;
      const bool overridden = std::ranges::any_of(step->parameters, [&](const Parameter& own) {
        return own.name == parameter.name && own.in == parameter.in;
      });
      if (!overridden) step->parameters.push_back(parameter);
    }
  }

  Step ReadStep(const YamlNode& node, const std::vector<Action>& success,
                const std::vector<Action>& failure) {
    const YamlNode* id = node.Find("stepId");
    const ObjectReader fields(
        node, "the step" + (id != nullptr && id->IsString() ? " " + id->text() : ""),
        {"stepId", "description", "operationId", "operationPath", "workflowId", "parameters",
         "requestBody", "successCriteria", "onSuccess", "onFailure", "outputs", "dependsOn",
         "timeout", "channelPath", "action", "correlationId"},
        &complaints_);
    Step step;
    step.place = node.place;
    step.id = fields.RequiredText("stepId");
    CheckId(step.id, fields.PlaceOf("stepId"), "stepId");
    step.description = fields.Text("description");
    ReadTarget(fields, &step);
    step.parameters = ReadParameters(fields, step.workflow_id.empty());
    if (const YamlNode* body = fields.Object("requestBody")) step.body = ReadBody(*body);
    if (step.body.has_value() && !step.workflow_id.empty()) {
      complaints_.Error(step.body->place, "a step that calls a workflow has no requestBody");
    }
    step.success_criteria = ReadCriteria(fields, "successCriteria");
    step.on_success =
        fields.Any("onSuccess") == nullptr ? success : ReadActions(fields, "onSuccess", false);
    step.on_failure =
        fields.Any("onFailure") == nullptr ? failure : ReadActions(fields, "onFailure", true);
    step.outputs = ReadOutputs(fields);
    step.depends_on = ReadTexts(fields, "dependsOn");
    ReadTiming(fields, &step);
    return step;
  }

  void ReadTarget(const ObjectReader& fields, Step* step) {
    step->operation_id = fields.Text("operationId");
    step->operation_path = fields.Text("operationPath");
    step->workflow_id = fields.Text("workflowId");
    if (fields.Any("channelPath") != nullptr) {
      fields.Complain("AsyncAPI steps (channelPath) are not supported");
      return;
    }
    const int targets = (step->operation_id.empty() ? 0 : 1) +
                        (step->operation_path.empty() ? 0 : 1) +
                        (step->workflow_id.empty() ? 0 : 1);
    if (targets != 1) {
      fields.Complain("a step has exactly one of operationId, operationPath and workflowId");
    }
  }

  void ReadTiming(const ObjectReader& fields, Step* step) {
    if (const auto timeout = fields.Number("timeout")) {
      if (*timeout < 0 || *timeout > kSecondsMax * 1000) {
        complaints_.Error(fields.PlaceOf("timeout"), "timeout is a number of milliseconds");
      } else {
        step->timeout_ms = static_cast<uint64_t>(*timeout);
      }
    }
    step->safe = ReadFlag(fields, "x-safe");
    step->poll_interval_s = fields.Number("x-poll-interval");
    CheckSeconds(step->poll_interval_s, fields.PlaceOf("x-poll-interval"));
  }

  std::optional<bool> ReadFlag(const ObjectReader& fields, std::string_view field) {
    const YamlNode* flag = fields.Any(field);
    if (flag == nullptr) return std::nullopt;
    if (flag->kind == Kind::kTrue || flag->kind == Kind::kFalse) return flag->kind == Kind::kTrue;
    complaints_.Error(flag->place, std::string(field) + " is true or false");
    return std::nullopt;
  }

  void CheckSeconds(const std::optional<double>& seconds, Place place) {
    if (seconds.has_value() && !(*seconds >= 0 && *seconds <= kSecondsMax)) {
      complaints_.Error(place, "must be a number of seconds, at most " +
                                   std::to_string(static_cast<uint64_t>(kSecondsMax)));
    }
  }

  std::vector<std::string> ReadTexts(const ObjectReader& fields, std::string_view field) {
    std::vector<std::string> out;
    const YamlNode* list = fields.Array(field);
    if (list == nullptr) return out;
    for (const YamlNode& item : list->items) {
      if (item.IsString()) {
        out.push_back(item.text());
      } else {
        complaints_.Error(item.place, std::string(field) + " is a list of texts");
      }
    }
    return out;
  }

  // Follows a Reusable Object to its component. Returns nullptr after a complaint.
  const YamlNode* Dereference(const YamlNode& node, std::string_view section,
                              const YamlNode** override_value) {
    *override_value = nullptr;
    const YamlNode* reference = node.Find("reference");
    if (reference == nullptr) return &node;
    const ObjectReader fields(node, "the reusable object", {"reference", "value"}, &complaints_);
    *override_value = fields.Any("value");
    const std::string text = fields.RequiredText("reference");
    const std::string prefix = "$components." + std::string(section) + ".";
    const YamlNode* components = root_.Find("components");
    const YamlNode* map = components == nullptr ? nullptr : components->Find(section);
    const YamlNode* target = map == nullptr || !text.starts_with(prefix)
                                 ? nullptr
                                 : map->Find(text.substr(prefix.size()));
    if (target == nullptr) {
      std::vector<std::string> names;
      if (map != nullptr) {
        for (const YamlMember& member : map->members) names.push_back(prefix + member.key);
      }
      complaints_.Error(reference->place, "the reference " + text + " leads to no " +
                                              std::string(section) + NearestNames(text, names));
    } else if (target->Find("reference") != nullptr) {
      complaints_.Error(reference->place, "a component must not be a reference itself");
      return nullptr;
    }
    return target;
  }

  std::vector<Parameter> ReadParameters(const ObjectReader& fields, bool needs_in) {
    std::vector<Parameter> out;
    const YamlNode* list = fields.Array("parameters");
    if (list == nullptr) return out;
    for (const YamlNode& item : list->items) {
      const YamlNode* value = nullptr;
      const YamlNode* node = Dereference(item, "parameters", &value);
      if (node == nullptr) continue;
      Parameter parameter = ReadParameter(*node, node == &item ? false : true);
      if (node != &item) parameter.place = item.place;
      if (value != nullptr) parameter.value = ReadDynamic(*value);
      if (needs_in && parameter.in == ParameterIn::kNone) {
        complaints_.Error(parameter.place, "the parameter " + parameter.name +
                                               " needs in: path, query, header or cookie");
      }
      const bool repeated = std::ranges::any_of(out, [&](const Parameter& other) {
        return other.name == parameter.name && other.in == parameter.in;
      });
      if (repeated) {
        complaints_.Error(parameter.place, "the parameter " + parameter.name + " is here twice");
      }
      out.push_back(std::move(parameter));
    }
    return out;
  }

  Parameter ReadParameter(const YamlNode& node, bool is_component) {
    const ObjectReader fields(node, is_component ? "the component" : "the parameter",
                              {"name", "in", "value"}, &complaints_);
    Parameter out;
    out.place = node.place;
    out.name = fields.RequiredText("name");
    fields.Require("value");
    if (const YamlNode* value = fields.Any("value")) out.value = ReadDynamic(*value);
    out.secret = ReadFlag(fields, "x-secret").value_or(false);
    const std::string in = fields.Text("in");
    struct Row {
      std::string_view text;
      ParameterIn in;
    };
    static constexpr Row kRows[] = {
        {"", ParameterIn::kNone},         {"path", ParameterIn::kPath},
        {"query", ParameterIn::kQuery},   {"header", ParameterIn::kHeader},
        {"cookie", ParameterIn::kCookie}, {"querystring", ParameterIn::kQueryString}};
    const auto* row = std::ranges::find(kRows, std::string_view(in), &Row::text);
    if (row == std::end(kRows)) {
      complaints_.Error(fields.PlaceOf("in"), "in is path, query, header or cookie, not " + in);
    } else {
      out.in = row->in;
    }
    return out;
  }

  // A value that may hold expressions, at any depth: each is checked.
  Value ReadDynamic(const YamlNode& node) {
    CheckDynamic(node);
    return node.ToValue();
  }

  void CheckDynamic(const YamlNode& node) {
    for (const YamlNode& item : node.items) CheckDynamic(item);
    for (const YamlMember& member : node.members) CheckDynamic(member.value);
    if (!node.IsString()) return;
    if (LooksLikeExpression(node.text())) {
      const auto expression = ParseExpression(node.text());
      if (!expression.ok()) complaints_.Error(node.place, expression.error().detail);
      return;
    }
    const auto embedded = EmbeddedExpressions(node.text());
    if (!embedded.ok()) complaints_.Error(node.place, embedded.error().detail);
  }

  RequestBody ReadBody(const YamlNode& node) {
    const ObjectReader fields(node, "requestBody", {"contentType", "payload", "replacements"},
                              &complaints_);
    RequestBody body;
    body.place = node.place;
    body.content_type = fields.Text("contentType");
    if (const YamlNode* payload = fields.Any("payload")) body.payload = ReadDynamic(*payload);
    const YamlNode* list = fields.Array("replacements");
    if (list == nullptr) return body;
    for (const YamlNode& item : list->items) {
      const ObjectReader replacement(item, "the replacement",
                                     {"target", "value", "targetSelectorType"}, &complaints_);
      Replacement out;
      out.place = item.place;
      out.target = replacement.RequiredText("target");
      replacement.Require("value");
      if (const YamlNode* value = replacement.Any("value")) out.value = ReadDynamic(*value);
      if (const YamlNode* type = replacement.Any("targetSelectorType")) {
        out.kind = ReadSelectorType(*type);
      }
      body.replacements.push_back(std::move(out));
    }
    return body;
  }

  // "jsonpath", or an Expression Type Object { type, version }.
  OutputRule::Selector ReadSelectorType(const YamlNode& node) {
    using Selector = OutputRule::Selector;
    const YamlNode* type = node.IsObject() ? node.Find("type") : &node;
    if (type != nullptr && type->IsString()) {
      if (type->text() == "jsonpointer") return Selector::kJsonPointer;
      if (type->text() == "jsonpath") return Selector::kJsonPath;
      if (type->text() == "xpath") return Selector::kXPath;
    }
    complaints_.Error(node.place, "a selector's type is jsonpointer, jsonpath or xpath");
    return Selector::kNone;
  }

  std::vector<OutputRule> ReadOutputs(const ObjectReader& fields) {
    std::vector<OutputRule> out;
    const YamlNode* map = fields.Object("outputs");
    if (map == nullptr) return out;
    for (const YamlMember& member : map->members) {
      OutputRule rule;
      rule.name = member.key;
      rule.place = member.value.place;
      const bool good_name = std::ranges::all_of(member.key, [](char c) {
        return std::isalnum(static_cast<uint8_t>(c)) || c == '.' || c == '_' || c == '-';
      });
      if (!good_name || member.key.empty()) {
        complaints_.Error(member.place, "an output's name is of letters, digits, '.', '_' and '-'");
      }
      if (member.value.IsObject()) {
        const ObjectReader selector(member.value, "the selector", {"context", "selector", "type"},
                                    &complaints_);
        rule.expression = selector.RequiredText("context");
        rule.selection = selector.RequiredText("selector");
        selector.Require("type");
        if (const YamlNode* type = selector.Any("type")) rule.selector = ReadSelectorType(*type);
      } else if (member.value.IsString()) {
        rule.expression = member.value.text();
      } else {
        complaints_.Error(rule.place, "an output is an expression");
        continue;
      }
      const auto expression = ParseExpression(rule.expression);
      if (!expression.ok()) complaints_.Error(rule.place, expression.error().detail);
      out.push_back(std::move(rule));
    }
    return out;
  }

  std::vector<PlacedCriterion> ReadCriteria(const ObjectReader& fields, std::string_view field) {
    std::vector<PlacedCriterion> out;
    const YamlNode* list = fields.Array(field);
    if (list == nullptr) return out;
    for (const YamlNode& node : list->items) {
      const ObjectReader criterion(node, "the criterion", {"context", "condition", "type"},
                                   &complaints_);
      PlacedCriterion placed;
      placed.place = criterion.PlaceOf("condition");
      placed.criterion.context = criterion.Text("context");
      placed.criterion.condition = criterion.RequiredText("condition");
      if (const YamlNode* type = criterion.Any("type")) ReadType(*type, &placed.criterion);
      const bool simple = placed.criterion.type == Criterion::Type::kSimple;
      if (!simple && placed.criterion.context.empty()) {
        complaints_.Error(node.place, "a criterion of this type needs a context");
      }
      out.push_back(std::move(placed));
    }
    return out;
  }

  void ReadType(const YamlNode& node, Criterion* criterion) {
    std::string type;
    if (node.IsObject()) {
      const ObjectReader fields(node, "the criterion's type", {"type", "version"}, &complaints_);
      type = fields.RequiredText("type");
      criterion->version = fields.Text("version");
    } else if (node.IsString()) {
      type = node.text();
    }
    struct Row {
      std::string_view text;
      Criterion::Type type;
      std::vector<std::string_view> versions;
    };
    static const std::vector<Row> rows = {
        {"simple", Criterion::Type::kSimple, {}},
        {"regex", Criterion::Type::kRegex, {}},
        {"jsonpath",
         Criterion::Type::kJsonPath,
         {"draft-goessner-dispatch-jsonpath-00", "rfc9535"}},
        {"xpath", Criterion::Type::kXPath, {"xpath-31", "xpath-30", "xpath-20", "xpath-10"}}};
    const auto row = std::ranges::find(rows, std::string_view(type), &Row::text);
    if (row == rows.end()) {
      complaints_.Error(node.place, "a criterion's type is simple, regex, jsonpath or xpath");
      return;
    }
    criterion->type = row->type;
    if (!criterion->version.empty() &&
        std::ranges::find(row->versions, std::string_view(criterion->version)) ==
            row->versions.end()) {
      complaints_.Error(node.place,
                        "the version " + criterion->version + " of " + type + " is not known");
    }
  }

  std::vector<Action> ReadActions(const ObjectReader& fields, std::string_view field,
                                  bool on_failure) {
    std::vector<Action> out;
    const YamlNode* list = fields.Array(field);
    if (list == nullptr) return out;
    for (const YamlNode& item : list->items) {
      const YamlNode* value = nullptr;
      const YamlNode* node =
          Dereference(item, on_failure ? "failureActions" : "successActions", &value);
      if (node != nullptr) out.push_back(ReadAction(*node, on_failure));
    }
    return out;
  }

  Action ReadAction(const YamlNode& node, bool on_failure) {
    const ObjectReader fields(node, "the action",
                              {"name", "type", "workflowId", "stepId", "retryAfter", "retryLimit",
                               "criteria", "parameters"},
                              &complaints_);
    Action out;
    out.place = node.place;
    out.name = fields.RequiredText("name");
    const std::string type = fields.RequiredText("type");
    if (type == "goto") {
      out.type = Action::Type::kGoto;
    } else if (type == "retry" && on_failure) {
      out.type = Action::Type::kRetry;
    } else if (type != "end" && !type.empty()) {
      complaints_.Error(fields.PlaceOf("type"),
                        on_failure ? "type is end, goto or retry" : "type is end or goto");
    }
    out.workflow_id = fields.Text("workflowId");
    out.step_id = fields.Text("stepId");
    if (!out.workflow_id.empty() && !out.step_id.empty()) {
      fields.Complain("an action has either a stepId or a workflowId");
    }
    if (out.type == Action::Type::kGoto && out.workflow_id.empty() && out.step_id.empty()) {
      fields.Complain("goto needs a stepId or a workflowId");
    }
    out.retry_after_s = fields.Number("retryAfter");
    CheckSeconds(out.retry_after_s, fields.PlaceOf("retryAfter"));
    if (const auto limit = fields.Number("retryLimit")) {
      if (!(*limit >= 0 && *limit <= kRetriesMax) || *limit != std::floor(*limit)) {
        complaints_.Error(fields.PlaceOf("retryLimit"),
                          "retryLimit is a whole number up to " + std::to_string(kRetriesMax));
      } else {
        out.retry_limit = static_cast<uint32_t>(*limit);
      }
    }
    out.criteria = ReadCriteria(fields, "criteria");
    out.parameters = ReadParameters(fields, false);
    return out;
  }

  const YamlNode& root_;
  Complaints& complaints_;
  Document document_;
};

}  // namespace

size_t Workflow::StepIndex(std::string_view step_id) const {
  return static_cast<size_t>(std::ranges::find(steps, step_id, &Step::id) - steps.begin());
}

const Workflow* Document::FindWorkflow(std::string_view id) const {
  const auto found = std::ranges::find(workflows, id, &Workflow::id);
  return found == workflows.end() ? nullptr : &*found;
}

const Source* Document::FindSource(std::string_view name) const {
  const auto found = std::ranges::find(sources, name, &Source::name);
  return found == sources.end() ? nullptr : &*found;
}

std::string ToText(const Diagnostic& d) {
  return d.file + ":" + std::to_string(d.place.line) + ":" + std::to_string(d.place.column) +
         (d.severity == Severity::kError ? ": error: " : ": warning: ") + d.message +
         (d.hint.empty() ? "" : " (" + d.hint + ")");
}

bool HasErrors(const std::vector<Diagnostic>& diagnostics) {
  return std::ranges::any_of(diagnostics,
                             [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

QualifiedName SplitQualified(std::string_view text) {
  constexpr std::string_view kPrefix = "$sourceDescriptions.";
  if (!text.starts_with(kPrefix)) return {"", std::string(text)};
  text.remove_prefix(kPrefix.size());
  const size_t dot = text.find('.');
  if (dot == text.npos) return {std::string(text), ""};
  return {std::string(text.substr(0, dot)), std::string(text.substr(dot + 1))};
}

ParsedDocument ParseDocument(std::string_view text, std::string_view file, Reading reading) {
  ParsedDocument out;
  const auto root = ParseYaml(text);
  if (!root.ok()) {
    // The detail begins with "line:column: ".
    const std::string& detail = root.error().detail;
    Diagnostic diagnostic;
    diagnostic.file = file;
    const size_t first = detail.find(':');
    const size_t second = detail.find(": ");
    diagnostic.place = {static_cast<uint32_t>(std::stoul(detail.substr(0, first))),
                        static_cast<uint32_t>(std::stoul(detail.substr(first + 1)))};
    diagnostic.message = detail.substr(second + 2);
    out.diagnostics.push_back(std::move(diagnostic));
    return out;
  }
  Complaints complaints(file);
  Document document = Reader(root.value(), file, &complaints).Run();
  if (!complaints.has_errors()) CheckReferences(document, reading, &complaints);
  if (!complaints.has_errors()) out.document = std::move(document);
  out.diagnostics = complaints.Take();
  return out;
}

}  // namespace tarn::arazzo
