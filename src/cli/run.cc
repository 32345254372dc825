// `tarn run` and `tarn check`.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "cli/run_session.h"
#include "cli/verbs.h"
#include "runner_host/event_text.h"

namespace tarn::cli {
namespace {

using arazzo::Diagnostic;

constexpr size_t kWarningsShown = 1;

json::Value ToJson(const Diagnostic& diagnostic) {
  json::Value out = json::Value::MakeObject();
  const bool error = diagnostic.severity == arazzo::Severity::kError;
  out.Set("severity", json::Value::String(error ? "error" : "warning"));
  out.Set("file", json::Value::String(ShownFile(diagnostic.file)));
  out.Set("line", json::Value::Int(diagnostic.place.line));
  out.Set("column", json::Value::Int(diagnostic.place.column));
  out.Set("message", json::Value::String(diagnostic.message));
  return out;
}

// All errors, but only the first warnings: `tarn check` is the place for a list of them.
void ShowDiagnostics(const RunFlags& flags, const std::vector<Diagnostic>& diagnostics) {
  std::vector<Diagnostic> shown;
  size_t warnings = 0;
  for (const Diagnostic& diagnostic : diagnostics) {
    const bool warning = diagnostic.severity == arazzo::Severity::kWarning;
    if (!warning || ++warnings <= kWarningsShown) shown.push_back(diagnostic);
  }
  PrintDiagnostics(shown);
  if (warnings > kWarningsShown) {
    std::fprintf(stderr, "%zu more warnings: tarn check %s\n", warnings - kWarningsShown,
                 flags.file.c_str());
  }
  if (!flags.json) return;
  for (const Diagnostic& diagnostic : diagnostics) {
    json::Value line = json::Value::MakeObject();
    line.Set("event", json::Value::String("diagnostic"));
    const json::Value data = ToJson(diagnostic);
    for (const auto& [name, value] : data.members()) line.Set(name, value);
    std::printf("%s\n", runner_host::PrintableJson(json::ToText(line)).c_str());
  }
  std::fflush(stdout);
}

int RunVerb(const RunFlags& flags) {
  const auto environment = runner_host::SystemEnvironment();
  const auto invalid = [&](const Error& error) {
    return EndEarly(flags, "invalid", error.detail, kExitInvalid);
  };
  auto settings = CheckRunFlags(flags, {});
  if (!settings.ok()) return invalid(settings.error());
  auto loaded = LoadFile({flags.file, flags.workflow, &settings.value()}, environment);
  if (!loaded.ok()) return invalid(loaded.error());
  const LoadedFile& file = loaded.value();
  ShowDiagnostics(flags, file.diagnostics);
  if (arazzo::HasErrors(file.diagnostics)) {
    return EndEarly(flags, "invalid", flags.file + " cannot run as it is", kExitInvalid);
  }
  auto inputs = runner_host::GatherInputs(file.declared, flags.inputs, json::Value::MakeObject(),
                                          environment, TerminalQuestions());
  if (!inputs.ok()) return invalid(inputs.error());
  const auto violations =
      runner_host::ListViolations(*file.workflow, file.declared, inputs.value());
  if (!violations.empty()) {
    std::string text = "the inputs of " + file.workflow->workflow->id + " are not right:";
    for (const std::string& violation : violations) text += "\n  " + violation;
    return EndEarly(flags, "invalid-inputs", text, kExitInvalid);
  }

  const SystemClock clock;
  SystemRandom random;
  runner_host::RunRecord record;
  record.started_unix_ms = clock.UnixMs();
  record.id = runner_host::NewRunId(record.started_unix_ms, random);
  record.file = flags.file;
  record.workflow = file.workflow->workflow->id;
  record.choices = settings.value().choices;
  record.root = file.root;
  record.sources = file.sources;
  const auto runs = runner_host::RunsFolder(flags.runs_dir, environment);
  if (!runs.ok()) return invalid(runs.error());
  auto run = runner_host::CreateRun(runs.value(), std::move(record));
  if (!run.ok()) return EndEarly(flags, "failed", run.error().detail, 1);
  return CarryOut({&run.value(), &file, &flags, std::move(inputs).value(),
                   [](const std::string&) { return false; }},
                  environment);
}

int CheckVerb(const RunFlags& flags) {
  const auto environment = runner_host::SystemEnvironment();
  auto settings = CheckRunFlags(flags, {});
  if (!settings.ok()) return Fail(settings.error()), kExitInvalid;
  auto loaded = LoadFile(
      {flags.file, flags.workflow, &settings.value(), arazzo::Severity::kWarning}, environment);
  if (!loaded.ok()) return Fail(loaded.error()), kExitInvalid;
  std::vector<Diagnostic> findings = std::move(loaded.value().diagnostics);
  if (loaded.value().workflow != nullptr) {
    const LoadedFile& file = loaded.value();
    auto inputs = runner_host::GatherInputs(file.declared, flags.inputs, json::Value::MakeObject(),
                                            environment, [](const auto&) { return std::nullopt; });
    if (!inputs.ok()) return Fail(inputs.error()), kExitInvalid;
    for (const std::string& violation :
         runner_host::ListViolations(*file.workflow, file.declared, inputs.value())) {
      findings.push_back({arazzo::Severity::kWarning, file.program.root->document.file,
                          file.workflow->workflow->place,
                          "to run " + file.workflow->workflow->id + ": " + violation});
    }
  }
  const bool errors = arazzo::HasErrors(findings);
  if (flags.json) {
    json::Value list = json::Value::MakeArray();
    for (const Diagnostic& finding : findings) list.Append(ToJson(finding));
    json::Value out = json::Value::MakeObject();
    out.Set("valid", json::Value::Bool(!errors)).Set("findings", std::move(list));
    std::printf("%s\n", runner_host::PrintableJson(json::ToText(out)).c_str());
  } else {
    for (Diagnostic finding : findings) {
      finding.file = ShownFile(finding.file);
      std::printf("%s\n", runner_host::Printable(arazzo::ToText(finding)).c_str());
    }
    if (findings.empty()) std::printf("%s: nothing found\n", flags.file.c_str());
  }
  return errors ? kExitInvalid : 0;
}

}  // namespace

void AddRun(CLI::App* app, Action* action) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* run = app->add_subcommand("run", "Run a workflow of an Arazzo document");
  AddRunFlags(run, flags.get());
  run->footer(
      "Exit status: 0 ended, 1 a step failed, 2 document or inputs, 3 unhandled state, 4 out of\n"
      "time, 5 in doubt. A run that stopped can go on: tarn resume last\n\n"
      "Examples:\n"
      "  tarn run import.yml --inputs inputs.json\n"
      "  tarn run export.yml --input DatastoreName=mine --server http://127.0.0.1:8080\n"
      "  tarn run export.yml export-all --profile aws --region eu-west-1 --timeout 4h\n"
      "  tarn run workflow.yml --source api=openapi/ --json | tail -n 1");
  run->callback([=] { *action = [=] { return RunVerb(*flags); }; });
}

void AddCheck(CLI::App* app, Action* action) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* check = app->add_subcommand(
      "check", "Say everything that is wrong with an Arazzo document, without sending anything");
  AddCheckFlags(check, flags.get());
  check->footer(
      "Exit status: 0 it can run (there may be warnings), 2 it cannot.\n\n"
      "Examples:\n"
      "  tarn check workflow.yml\n"
      "  tarn check workflow.yml --source api=openapi/ --json");
  check->callback([=] { *action = [=] { return CheckVerb(*flags); }; });
}

}  // namespace tarn::cli
