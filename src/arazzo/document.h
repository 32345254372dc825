// The Arazzo description as a model that cannot hold an invalid document: versions 1.0.0, 1.0.1
// and 1.1.0 without AsyncAPI (https://spec.openapis.org/arazzo/v1.0.1.html, section 4).
//
// Parsing is strict: unknown fields (but `x-...`), wrong types, missing fields, repeated ids and
// malformed expressions are errors, all of them listed at once, each with file, line and column.
// Reusable objects are resolved while parsing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arazzo/criterion.h"
#include "arazzo/expression.h"
#include "arazzo/yaml.h"
#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo {

enum class Severity : uint8_t { kWarning, kError };

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;
  Place place;
  std::string message;
  std::string hint;  // What to do about it; may be empty.
};
// "file:3:14: error: message"; with a hint: "file:3:14: error: message (hint)".
std::string ToText(const Diagnostic& diagnostic);
bool HasErrors(const std::vector<Diagnostic>& diagnostics);

struct Source {
  enum class Type : uint8_t { kUnknown, kOpenApi, kArazzo, kAsyncApi };
  std::string name;
  std::string url;  // As written.
  Type type = Type::kUnknown;
  Place place;
};

enum class ParameterIn : uint8_t { kNone, kPath, kQuery, kHeader, kCookie, kQueryString };

struct Parameter {
  std::string name;
  ParameterIn in = ParameterIn::kNone;  // kNone: an input of the called workflow.
  json::Value value;                    // A literal, an expression or a template.
  bool secret = false;                  // x-secret: its value is masked wherever it appears.
  Place place;
};

struct PlacedCriterion {
  Criterion criterion;
  Place place;
};

// 1.1: a value selected from a context (Selector Object); 1.0: a plain expression.
struct OutputRule {
  enum class Selector : uint8_t { kNone, kJsonPointer, kJsonPath, kXPath };
  std::string name;
  std::string expression;  // The context when there is a selector.
  Selector selector = Selector::kNone;
  std::string selection;
  Place place;
};

struct Replacement {
  OutputRule::Selector kind = OutputRule::Selector::kNone;  // kNone: by the content type.
  std::string target;
  json::Value value;
  Place place;
};

struct RequestBody {
  std::string content_type;  // Empty: the operation's.
  std::optional<json::Value> payload;
  std::vector<Replacement> replacements;
  Place place;
};

struct Action {
  enum class Type : uint8_t { kEnd, kGoto, kRetry };
  std::string name;
  Type type = Type::kEnd;
  std::string step_id;  // At most one of these two.
  std::string workflow_id;
  std::optional<double> retry_after_s;
  uint32_t retry_limit = 1;
  std::vector<PlacedCriterion> criteria;
  std::vector<Parameter> parameters;  // 1.1, with workflow_id: its inputs.
  Place place;
};

struct Step {
  std::string id;
  std::string description;
  // Exactly one of these three.
  std::string operation_id;
  std::string operation_path;
  std::string workflow_id;
  std::vector<Parameter> parameters;  // With the workflow's, this step's winning by (name, in).
  std::optional<RequestBody> body;
  std::vector<PlacedCriterion> success_criteria;
  // The step's when it has the field, else the workflow's.
  std::vector<Action> on_success;
  std::vector<Action> on_failure;
  std::vector<OutputRule> outputs;
  std::vector<std::string> depends_on;
  uint64_t timeout_ms = 0;                // 0: none.
  std::optional<bool> safe;               // x-safe: may be sent again after a crash.
  std::optional<double> poll_interval_s;  // x-poll-interval.
  Place place;
};

struct Workflow {
  std::string id;
  std::string summary;
  std::string inputs_pointer;  // JSON Pointer to the schema in the document; empty: none.
  std::vector<std::string> depends_on;
  std::vector<Step> steps;
  std::vector<OutputRule> outputs;
  Place place;

  // Its index, or steps.size().
  size_t StepIndex(std::string_view step_id) const;
};

struct Document {
  std::string file;  // Where it came from: the base of relative references.
  bool is_1_1 = false;
  std::string self;  // $self, 1.1.
  std::string title;
  std::vector<Source> sources;
  std::vector<Workflow> workflows;
  json::Value whole;       // For JSON Schema references.
  json::Value components;  // An object; empty when there are none.

  const Workflow* FindWorkflow(std::string_view id) const;
  const Source* FindSource(std::string_view name) const;
};

// The document, when it has no errors, and everything to be said about it.
struct ParsedDocument {
  std::optional<Document> document;
  std::vector<Diagnostic> diagnostics;
};
ParsedDocument ParseDocument(std::string_view text, std::string_view file, Reading reading);

// $sourceDescriptions.name.rest, as operationId, workflowId and dependsOn may have it.
struct QualifiedName {
  std::string source;  // Empty: unqualified.
  std::string name;
};
QualifiedName SplitQualified(std::string_view text);

}  // namespace tarn::arazzo
