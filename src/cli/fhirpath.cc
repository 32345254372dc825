// `tarn fhirpath`: evaluates a FHIRPath expression over resources in a file.
#include "fhir/fhirpath.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "cli/verbs.h"
#include "fhir/ndjson.h"
#include "json/value.h"

namespace tarn::cli {
namespace {

constexpr uint64_t kFileBytesMax = 2ull << 30;

struct PathVerbOptions {
  std::string expression;
  std::string file;
  bool json = false;
  bool program = false;
};

Result<std::string> ReadInput(const std::string& path) {
  if (path != "-") return ReadFile(path, kFileBytesMax);
  std::string text;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t bytes = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return ErrnoError("standard input", errno);
    if (bytes == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(bytes));
    if (text.size() > kFileBytesMax) {
      return Error{ErrorKind::kTooLarge, "standard input has more than 2 GiB"};
    }
  }
}

json::Value JsonOf(const fhir::PathItem& item) {
  const std::string text = fhir::PathItemText(item);
  switch (item.kind) {
    case fhir::PathKind::kNode:
      if (item.at.node == json::kNoNode) return json::Value::Null();
      return json::ToValue(*item.at.document, item.at.node);
    case fhir::PathKind::kBoolean:
      return json::Value::Bool(item.boolean);
    case fhir::PathKind::kInteger:
    case fhir::PathKind::kDecimal:
      return json::Value::Number(text);
    default:
      return json::Value::String(text);
  }
}

// Evaluates one expression over one resource after the other.
class Evaluation {
 public:
  explicit Evaluation(const PathVerbOptions& options) : options_(options) {
    const SystemClock clock;
    environment_.now_unix_us = clock.UnixMs() * 1000;
    environment_.trace = [](std::string_view name, std::span<const fhir::PathItem> items) {
      for (const fhir::PathItem& item : items) {
        std::fprintf(stderr, "trace %s: %s\n", std::string(name).c_str(),
                     fhir::PathItemText(item).c_str());
      }
    };
  }

  // Prints the result, or the error as --json has it. `line` is 0 for a file of one resource.
  Status Run(std::string_view text, uint64_t line) {
    auto items = Evaluate(text);
    if (!items.ok()) {
      Error error = std::move(items).error();
      if (options_.json) PrintError(error, line);
      if (line != 0) error.detail = "line " + std::to_string(line) + ": " + error.detail;
      return error;
    }
    if (options_.json) {
      PrintJson(items.value(), line);
    } else {
      for (const fhir::PathItem& item : items.value()) {
        std::printf("%s\n", fhir::PathItemText(item).c_str());
      }
    }
    return Ok();
  }

 private:
  Result<std::span<const fhir::PathItem>> Evaluate(std::string_view text) {
    auto parsed = parser_.Parse(text);
    if (!parsed.ok()) return std::move(parsed).error();
    document_ = std::make_unique<json::Document>(std::move(parsed).value());
    TRY(const fhir::PathItem focus, fhir::ResourceItem(*document_));
    auto found = programs_.find(focus.type);
    if (found == programs_.end()) {
      fhir::PathOptions options;
      options.context = focus.type;
      TRY(fhir::PathProgram program, fhir::CompilePath(options_.expression, options));
      found = programs_.emplace(focus.type, std::move(program)).first;
      if (options_.program) std::fprintf(stderr, "%s", found->second.Listing().c_str());
    }
    return evaluator_.Evaluate(found->second, *document_, environment_);
  }

  static json::Value Begin(uint64_t line) {
    json::Value value = json::Value::MakeObject();
    if (line != 0) value.Set("line", json::Value::Int(static_cast<int64_t>(line)));
    return value;
  }

  void PrintJson(std::span<const fhir::PathItem> items, uint64_t line) const {
    json::Value result = Begin(line);
    json::Value list = json::Value::MakeArray();
    for (const fhir::PathItem& item : items) {
      json::Value each = json::Value::MakeObject();
      each.Set("type", json::Value::String(fhir::PathItemTypeName(item)))
          .Set("value", JsonOf(item));
      list.Append(std::move(each));
    }
    result.Set("items", std::move(list));
    std::printf("%s\n", json::ToText(result).c_str());
  }

  static void PrintError(const Error& error, uint64_t line) {
    json::Value result = Begin(line);
    result.Set("error", json::Value::String(error.detail));
    std::printf("%s\n", json::ToText(result).c_str());
  }

  const PathVerbOptions& options_;
  json::Parser parser_{fhir::ResourceLimits()};
  std::unique_ptr<json::Document> document_;
  std::map<fhir::TypeIndex, fhir::PathProgram> programs_;
  fhir::PathEvaluator evaluator_;
  fhir::PathEnvironment environment_;
};

// True when the first line is a whole JSON text: then every line is one.
bool IsNdjson(std::string_view text) {
  fhir::NdjsonLines lines(text, {}, fhir::kResourceBytesMax);
  fhir::NdjsonLine first;
  if (!lines.Next(&first)) return false;
  json::Parser parser(fhir::ResourceLimits());
  return parser.Parse(first.text).ok();
}

int Run(const PathVerbOptions& options) {
  // What is wrong with the text itself is said before anything is read.
  const auto checked = fhir::CompilePath(options.expression, {});
  if (!checked.ok()) return Fail(checked.error());
  auto text = ReadInput(options.file);
  if (!text.ok()) return Fail(text.error());
  Evaluation evaluation(options);
  if (!IsNdjson(text.value())) {
    const Status done = evaluation.Run(text.value(), 0);
    return done.ok() ? 0 : Fail(done.error());
  }
  int status = 0;
  fhir::NdjsonLine line;
  for (fhir::NdjsonLines lines(text.value(), {}, fhir::kResourceBytesMax); lines.Next(&line);) {
    const Status done = evaluation.Run(line.text, line.number);
    if (!done.ok()) status = Fail(done.error());
  }
  return status;
}

}  // namespace

void AddFhirPath(CLI::App* app, Action* action) {
  auto options = std::make_shared<PathVerbOptions>();
  CLI::App* verb =
      app->add_subcommand("fhirpath", "Evaluate a FHIRPath expression over FHIR R4 resources");
  verb->add_option("expression", options->expression, "FHIRPath, checked against R4's definitions")
      ->required();
  verb->add_option("file", options->file,
                   "One resource as JSON, or NDJSON with one a line; - for standard input")
      ->required();
  verb->add_flag(
      "--json", options->json,
      "One JSON object a resource: line (NDJSON), and items with type and value, or error");
  verb->add_flag("--program", options->program,
                 "Also print the compiled operations on standard error");
  verb->footer(
      "Prints one item a line. Exit status 1 when the expression or any resource fails.\n"
      "Examples:\n"
      "  tarn fhirpath \"name.where(use = 'official').given\" patient.json\n"
      "  tarn fhirpath --json 'Observation.value.ofType(Quantity)' Observation.ndjson\n"
      "  tarn synth patients --patients 1 | head -n 1 | tarn fhirpath 'Patient.birthDate' -");
  verb->callback([=] { *action = [=] { return Run(*options); }; });
}

}  // namespace tarn::cli
