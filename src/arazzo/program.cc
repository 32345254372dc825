#include "arazzo/program.h"

#include <algorithm>

#include "arazzo/embedded.h"
#include "arazzo/internal/document_reader.h"
#include "arazzo/internal/operation_check.h"
#include "arazzo/internal/schema_compiled.h"
#include "arazzo/internal/step_reference.h"
#include "arazzo/internal/text.h"
#include "arazzo/internal/uri_reference.h"
#include "arazzo/limits.h"
#include "base/uri.h"

namespace tarn::arazzo {
namespace {

class Loader {
 public:
  Loader(Reading reading, DocumentFetcher& fetcher) : reading_(reading), fetcher_(fetcher) {}

  // nullptr after errors. `trail` holds the URLs of the documents that led here.
  std::unique_ptr<LoadedDocument> Load(std::string_view text, const std::string& url,
                                       std::vector<std::string> trail) {
    ParsedDocument parsed = ParseDocument(text, url, reading_);
    std::ranges::move(parsed.diagnostics, std::back_inserter(diagnostics_));
    if (!parsed.document.has_value()) return nullptr;
    auto unit = std::make_unique<LoadedDocument>();
    unit->document = std::move(*parsed.document);
    trail.push_back(url);
    Complaints complaints(url);
    for (const Source& source : unit->document.sources) {
      LoadSource(source, url, trail, unit.get(), &complaints);
    }
    for (const Workflow& workflow : unit->document.workflows) {
      unit->workflows.push_back(Resolve(workflow, *unit, &complaints));
    }
    CheckCalls(*unit, &complaints);
    const bool failed = complaints.has_errors();
    for (Diagnostic& diagnostic : complaints.Take()) diagnostics_.push_back(std::move(diagnostic));
    return failed ? nullptr : std::move(unit);
  }

  std::vector<Diagnostic> Take() { return std::move(diagnostics_); }

 private:
  void LoadSource(const Source& source, const std::string& base,
                  const std::vector<std::string>& trail, LoadedDocument* unit,
                  Complaints* complaints) {
    // The retrieval URI is the base; 1.1's $self replaces it when it is absolute.
    const std::string own_base =
        unit->document.self.empty() ? base : ResolveUri(base, unit->document.self);
    const std::string url = ResolveUri(own_base, source.url);
    LoadedSource loaded;
    loaded.source = &source;
    unit->source_records.push_back(
        {source.name, url, source.type == Source::Type::kArazzo ? "arazzo" : "openapi"});
    if (++documents_ > kDocumentsMax) {
      complaints->Error(source.place, "more than " + std::to_string(kDocumentsMax) +
                                          " documents are referred to");
      return;
    }
    auto fetched = fetcher_.Fetch(source.name, url);
    const EmbeddedDescription* own = fetched.ok() ? nullptr : FindEmbeddedDescription(url);
    if (own != nullptr) {
      complaints->Warn(source.place, "the source " + source.name + " (" + source.url +
                                         ") cannot be read (" + fetched.error().detail +
                                         "); the built-in " + std::string(own->name) +
                                         " is used instead");
      fetched = FetchedDocument{"embedded:/" + std::string(own->name), std::string(own->text)};
    }
    if (!fetched.ok()) {
      complaints->Error(source.place, "the source " + source.name + " (" + source.url +
                                          ") cannot be read: " + fetched.error().detail);
    } else {
      if (!fetched.value().warning.empty()) {
        complaints->Warn(source.place, fetched.value().warning);
      }
      ReadSource(fetched.value(), trail, &loaded, unit, complaints);
    }
    unit->sources.push_back(std::move(loaded));
  }

  void ReadSource(const FetchedDocument& fetched, const std::vector<std::string>& trail,
                  LoadedSource* loaded, LoadedDocument* unit, Complaints* complaints) {
    const Source& source = *loaded->source;
    Source::Type type = source.type;
    if (type == Source::Type::kUnknown) {
      const auto root = ParseYaml(fetched.bytes);
      if (root.ok()) type = ClassifyDocument(root.value());
    }
    if (type == Source::Type::kAsyncApi) {
      complaints->Error(source.place, "AsyncAPI sources are not supported");
      return;
    }
    if (type == Source::Type::kArazzo) {
      if (std::ranges::find(trail, fetched.url) != trail.end()) {
        std::string cycle;
        for (const std::string& url : trail) cycle += url + " -> ";
        complaints->Error(source.place, "sources run in a circle: " + cycle + fetched.url);
        return;
      }
      auto child = Load(fetched.bytes, fetched.url, trail);
      if (child == nullptr) {
        complaints->Error(source.place, "the source " + source.name + " has errors");
        return;
      }
      loaded->unit = child.get();
      unit->children.push_back(std::move(child));
      return;
    }
    auto api = ReadApi(fetched);
    if (!api.ok()) {
      complaints->Error(source.place, "the source " + source.name + ": " + api.error().detail);
      return;
    }
    if (!fetched.server.empty()) api.value().UseServer(fetched.server);
    loaded->api = std::make_shared<const OpenApi>(std::move(api).value());
  }

  // A description, or several as one.
  static Result<OpenApi> ReadApi(const FetchedDocument& fetched) {
    auto api = OpenApi::Parse(fetched.bytes, fetched.url);
    if (!api.ok()) return Invalid(fetched.url + ":" + api.error().detail);
    for (const FetchedDocument& other : fetched.others) {
      auto more = OpenApi::Parse(other.bytes, other.url);
      if (!more.ok()) return Invalid(other.url + ":" + more.error().detail);
      api.value().Add(std::move(more).value());
    }
    return std::move(api).value();
  }

  LoadedWorkflow Resolve(const Workflow& workflow, const LoadedDocument& unit,
                         Complaints* complaints) {
    LoadedWorkflow out;
    out.workflow = &workflow;
    if (!workflow.inputs_pointer.empty()) {
      const json::Value& written = *schema::AtPointer(unit.document.whole, workflow.inputs_pointer);
      CheckSchema(workflow, written, complaints);
      auto schema = JsonSchema::Compile(unit.document.whole, workflow.inputs_pointer);
      if (schema.ok()) {
        out.inputs = std::move(schema).value();
      } else {
        complaints->Error(workflow.place,
                          "the inputs of " + workflow.id + ": " + schema.error().detail);
      }
    }
    for (const Step& step : workflow.steps) {
      out.operations.push_back(OperationOf(step, unit, complaints));
    }
    return out;
  }

  static void CheckSchema(const Workflow& workflow, const json::Value& written,
                          Complaints* complaints) {
    const auto report = JsonSchema::CheckSchema(written);
    const std::string what = "the inputs of " + workflow.id + ": ";
    if (!report.ok()) {
      complaints->Error(workflow.place, what + report.error().detail);
      return;
    }
    for (const Violation& violation : report.value().violations) {
      complaints->Error(workflow.place, what + violation.instance + " " + violation.message);
    }
  }

  const ApiOperation* OperationOf(const Step& step, const LoadedDocument& unit,
                                  Complaints* complaints) {
    if (!step.workflow_id.empty()) return nullptr;
    // With a source unread there is nothing to look the operation up in; that has been said.
    for (const LoadedSource& source : unit.sources) {
      if (source.api == nullptr && source.unit == nullptr) return nullptr;
    }
    const ApiOperation* operation =
        step.operation_path.empty() ? ById(step, unit, complaints) : ByPath(step, unit, complaints);
    if (operation == nullptr) return nullptr;
    if (!operation->problem.empty()) {
      complaints->Error(
          step.place, "the operation " + operation->id + " cannot be used: " + operation->problem);
    }
    CheckOperationUse(step, *operation, complaints);
    return operation;
  }

  const ApiOperation* ById(const Step& step, const LoadedDocument& unit, Complaints* complaints) {
    const QualifiedName name = SplitQualified(step.operation_id);
    const ApiOperation* found = nullptr;
    std::string nearest;
    for (const LoadedSource& source : unit.sources) {
      if (source.api == nullptr) continue;
      if (!name.source.empty() && source.source->name != name.source) continue;
      const ApiOperation* operation = source.api->FindById(name.name);
      if (operation == nullptr) {
        if (nearest.empty()) nearest = source.api->NearestIds(name.name);
        continue;
      }
      if (found != nullptr) {
        complaints->Error(step.place, "several sources have an operation " + name.name +
                                          ": write $sourceDescriptions.<name>." + name.name);
        return nullptr;
      }
      found = operation;
    }
    if (found == nullptr) {
      complaints->Error(step.place, "no source has an operation " + name.name + nearest);
    }
    return found;
  }

  // {$sourceDescriptions.n.url}#/paths/~1x/get
  const ApiOperation* ByPath(const Step& step, const LoadedDocument& unit, Complaints* complaints) {
    const auto embedded = EmbeddedExpressions(step.operation_path);
    const size_t hash = step.operation_path.find("}#/paths/");
    std::string pointer = step.operation_path.substr(hash + 9);
    const size_t slash = pointer.find('/');
    const std::string method = slash == pointer.npos ? "" : pointer.substr(slash + 1);
    auto key = PercentDecode(pointer.substr(0, slash));
    std::string path;
    if (key.ok()) {
      const std::string& text = key.value();
      for (size_t i = 0; i < text.size(); ++i) {
        const bool escape = text[i] == '~' && i + 1 < text.size();
        path.push_back(!escape ? text[i] : text[++i] == '1' ? '/' : '~');
      }
    }
    for (const LoadedSource& source : unit.sources) {
      if (source.api == nullptr || source.source->name != embedded.value()[0].id) continue;
      if (const ApiOperation* operation = source.api->FindByPath(path, method)) return operation;
    }
    complaints->Error(step.place, "the source has no operation at " + step.operation_path);
    return nullptr;
  }

  // Workflows named in other documents can be looked up only now.
  void CheckCalls(const LoadedDocument& unit, Complaints* complaints) {
    const auto check = [&](const std::string& reference, Place place) {
      if (!reference.starts_with("$")) return;
      for (const LoadedSource& source : unit.sources) {
        if (source.api == nullptr && source.unit == nullptr) return;
      }
      if (FindWorkflow(unit, reference).workflow == nullptr) {
        complaints->Error(place, "there is no workflow " + reference);
      }
    };
    for (const Workflow& workflow : unit.document.workflows) {
      for (const std::string& id : workflow.depends_on) check(id, workflow.place);
      for (const Step& step : workflow.steps) {
        check(step.workflow_id, step.place);
        for (const std::string& id : step.depends_on) CheckStep(unit, id, step.place, complaints);
        for (const auto* actions : {&step.on_success, &step.on_failure}) {
          for (const Action& action : *actions) check(action.workflow_id, action.place);
        }
      }
    }
  }

  // A step of another document that a step depends on.
  static void CheckStep(const LoadedDocument& unit, const std::string& text, Place place,
                        Complaints* complaints) {
    const auto reference = ParseStepReference(text);
    if (!reference.has_value() || !reference->workflow.starts_with("$")) return;
    const LoadedWorkflow* loaded = FindWorkflow(unit, reference->workflow).workflow;
    const bool known = loaded != nullptr && loaded->workflow->StepIndex(reference->step) <
                                                loaded->workflow->steps.size();
    if (!known) complaints->Error(place, "there is no step " + text);
  }

  Reading reading_;
  DocumentFetcher& fetcher_;
  std::vector<Diagnostic> diagnostics_;
  uint32_t documents_ = 0;
};

}  // namespace

const LoadedWorkflow* LoadedDocument::Find(std::string_view workflow_id) const {
  for (const LoadedWorkflow& loaded : workflows) {
    if (loaded.workflow->id == workflow_id) return &loaded;
  }
  return nullptr;
}

WorkflowAt FindWorkflow(const LoadedDocument& unit, std::string_view reference) {
  const QualifiedName name = SplitQualified(reference);
  if (name.source.empty()) return {&unit, unit.Find(name.name)};
  for (const LoadedSource& source : unit.sources) {
    if (source.unit != nullptr && source.source->name == name.source) {
      return {source.unit, source.unit->Find(name.name)};
    }
  }
  return {&unit, nullptr};
}

Program LoadProgram(std::string_view text, std::string_view url, Reading reading,
                    DocumentFetcher& fetcher) {
  Program out;
  Loader loader(reading, fetcher);
  out.root = loader.Load(text, std::string(url), {});
  out.diagnostics = loader.Take();
  return out;
}

}  // namespace tarn::arazzo
