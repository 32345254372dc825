// A document with everything that it refers to: its sources read, operations found. What cannot
// run is said here, before anything is sent.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arazzo/document.h"
#include "arazzo/json_schema.h"
#include "arazzo/openapi.h"
#include "base/result.h"

namespace tarn::arazzo {

struct FetchedDocument {
  std::string url;  // Where it was found in the end: the base of its relative references.
  std::string bytes;
  std::vector<FetchedDocument> others;  // Of a folder: descriptions that belong to it too.
  std::string server;                   // Replaces the servers of the description; empty: its own.
  std::string warning;  // What is to be said about how it was found; empty: nothing.
};

// Reads documents for a program. The real one lives in cli (files, http, --source, the embedded
// descriptions), a table in tests.
class DocumentFetcher {
 public:
  virtual ~DocumentFetcher() = default;
  // `name` is the source's name, `url` its URL resolved against the document that names it.
  // Errors: any; the detail says what was tried. A source that has the file name of an embedded
  // description (embedded.h) is then taken from there, with a warning.
  virtual Result<FetchedDocument> Fetch(const std::string& name, const std::string& url) = 0;
};

struct LoadedDocument;  // One Arazzo document of a program.

struct LoadedSource {
  const Source* source = nullptr;
  std::shared_ptr<const OpenApi> api;  // One of these two.
  const LoadedDocument* unit = nullptr;
};

struct LoadedWorkflow {
  const Workflow* workflow = nullptr;
  std::optional<JsonSchema> inputs;
  std::vector<const ApiOperation*> operations;  // By step; nullptr where a workflow is called.
};

struct LoadedDocument {
  Document document;
  std::vector<LoadedSource> sources;
  std::vector<SourceRecord> source_records;
  std::vector<LoadedWorkflow> workflows;
  std::vector<std::unique_ptr<LoadedDocument>> children;  // Arazzo sources.

  const LoadedWorkflow* Find(std::string_view workflow_id) const;
};

// A workflow as `id` or `$sourceDescriptions.n.id` names it from inside `unit`.
struct WorkflowAt {
  const LoadedDocument* document = nullptr;
  const LoadedWorkflow* workflow = nullptr;  // nullptr: there is none.
};
WorkflowAt FindWorkflow(const LoadedDocument& unit, std::string_view reference);

struct Program {
  std::unique_ptr<LoadedDocument> root;  // nullptr when there are errors.
  std::vector<Diagnostic> diagnostics;
};
Program LoadProgram(std::string_view text, std::string_view url, Reading reading,
                    DocumentFetcher& fetcher);

}  // namespace tarn::arazzo
