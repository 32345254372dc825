#include "cli/run_session.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "arazzo/limits.h"
#include "arazzo/runner.h"
#include "base/clock.h"
#include "base/file.h"
#include "runner_host/event_text.h"
#include "runner_host/har.h"
#include "runner_host/network.h"
#include "runner_host/run_events.h"
#include "runner_host/stop_signal.h"

namespace tarn::cli {
namespace {

using arazzo::Diagnostic;
using arazzo::Severity;
using runner_host::Environment;

// Settings of AWS are looked for only when something is signed: reading files takes time.
Status FindAws(const std::vector<runner_host::UsedOperation>& operations,
               const Environment& environment, runner_host::RunChoices* choices,
               runner_host::AwsSettings* aws) {
  const bool is_signed =
      std::ranges::any_of(operations, [](const auto& used) { return used.operation->sigv4; });
  if (!is_signed) return Ok();
  TRY(*aws, runner_host::FindAwsSettings(environment));
  const auto given = choices->server_variables.find("region");
  if (given != choices->server_variables.end()) {
    aws->region = given->second;
  } else if (!aws->region.empty()) {
    choices->server_variables["region"] = aws->region;
  }
  return Ok();
}

Status ChooseWorkflow(const std::string& name, LoadedFile* out) {
  const arazzo::LoadedDocument& root = *out->program.root;
  out->workflow = name.empty() ? &root.workflows.front() : root.Find(name);
  if (out->workflow != nullptr) {
    out->declared = runner_host::DeclaredInputs(root.document, *out->workflow->workflow);
    return Ok();
  }
  std::string names;
  for (const auto& workflow : root.workflows) {
    names += (names.empty() ? "" : ", ") + workflow.workflow->id;
  }
  return Invalid("there is no workflow " + name + "; the document has " + names);
}

Status Finish(const std::string& workflow, Severity missing, const Environment& environment,
              runner_host::RunChoices* choices, LoadedFile* out) {
  out->diagnostics = out->program.diagnostics;
  if (out->program.root == nullptr) return Ok();
  const auto operations = runner_host::OperationsOf(*out->program.root);
  TRY(FindAws(operations, environment, choices, &out->aws));
  const runner_host::ReachOptions reach{choices->server, choices->server_variables, missing};
  for (Diagnostic& diagnostic :
       runner_host::CheckReach(operations, reach, out->aws, &out->origins)) {
    out->diagnostics.push_back(std::move(diagnostic));
  }
  return ChooseWorkflow(workflow, out);
}

arazzo::Reading ReadingOf(const runner_host::RunChoices& choices) {
  return choices.strict ? arazzo::Reading::kStrict : arazzo::Reading::kLenient;
}

void WriteOut(std::string_view text) {
  // A reader that has left is no reason to end a run.
  const Status written = WriteAll(STDOUT_FILENO, text);
  static_cast<void>(written);
}

json::Value EndData(std::string_view status, const std::string& message) {
  json::Value data = json::Value::MakeObject();
  data.Set("status", json::Value::String(std::string(status)));
  data.Set("message", json::Value::String(message));
  data.Set("outputs", json::Value::MakeObject());
  return data;
}

}  // namespace

Result<LoadedFile> LoadFile(const LoadRequest& request, const Environment& environment) {
  LoadedFile out;
  TRY(std::string text, ReadFile(request.file, arazzo::kYamlBytesMax));
  std::optional<http::Client> client;  // Made when a source is fetched: TLS takes its time to load.
  runner_host::SourceFetcher fetcher(
      request.settings->sources, text, [&](const std::string& url) -> Result<std::string> {
        if (!client.has_value()) client.emplace(http::Client::Options{});
        return runner_host::NetworkPort::FetchDocument(&*client, url);
      });
  const std::string url = runner_host::UrlOfPath(request.file);
  out.program = arazzo::LoadProgram(text, url, ReadingOf(request.settings->choices), fetcher);
  out.root = {"", url, {url, std::move(text)}};
  out.sources = fetcher.kept();
  const std::vector<std::string> unused = fetcher.UnusedNames();
  if (!unused.empty() && out.program.root != nullptr) {
    std::string names;
    for (const auto& source : out.sources) names += (names.empty() ? "" : ", ") + source.name;
    return Invalid("no source is called " + unused.front() + "; the document has " + names);
  }
  TRY(Finish(request.workflow, request.missing, environment, &request.settings->choices, &out));
  return out;
}

Result<LoadedFile> LoadKept(const runner_host::RunRecord& record, const Environment& environment) {
  LoadedFile out;
  out.root = record.root;
  out.sources = record.sources;
  runner_host::KeptFetcher fetcher(record.sources);
  runner_host::RunChoices choices = record.choices;
  out.program = arazzo::LoadProgram(record.root.found.bytes, record.root.found.url,
                                    ReadingOf(choices), fetcher);
  TRY(Finish(record.workflow, Severity::kError, environment, &choices, &out));
  return out;
}

std::string ShownFile(const std::string& url) {
  const auto path = runner_host::PathOfUrl(url);
  if (!path.has_value()) return url;
  std::error_code error;
  const auto here = std::filesystem::current_path(error);
  if (error) return *path;
  const std::string near = std::filesystem::path(*path).lexically_relative(here).string();
  return near.empty() || near.starts_with("../..") ? *path : near;
}

void PrintDiagnostics(const std::vector<Diagnostic>& diagnostics) {
  for (Diagnostic diagnostic : diagnostics) {
    diagnostic.file = ShownFile(diagnostic.file);
    std::fprintf(stderr, "%s\n", runner_host::Printable(arazzo::ToText(diagnostic)).c_str());
  }
}

int EndEarly(const RunFlags& flags, std::string_view status, const std::string& message, int exit) {
  if (flags.json) {
    const arazzo::SecretMask masker;
    runner_host::MakeJsonView(WriteOut, &masker, flags.verbose)
        ->Show({"end", EndData(status, message)});
  }
  // A list of what is wrong has lines of its own.
  std::string shown;
  std::string_view rest = message;
  for (size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    shown += runner_host::Printable(rest.substr(0, end)) + "\n";
    rest.remove_prefix(end + 1);
  }
  shown += runner_host::Printable(rest);
  std::fprintf(stderr, "tarn: %s\n", shown.c_str());
  return exit;
}

namespace {

// What the user can do about a run whose journal could not be written.
std::string WayOn(const runner_host::OpenRun& run, const RunFlags& flags) {
  const auto journal = runner_host::ReadJournalOf(run.folder);
  const bool begun = journal.ok() && !journal.value().events.empty();
  return begun ? "tarn resume " + run.record.id : "tarn run " + flags.file;
}

}  // namespace

int CarryOut(const Carried& carried, const Environment& environment) {
  const RunFlags& flags = *carried.flags;
  const LoadedFile& loaded = *carried.loaded;
  runner_host::OpenRun& run = *carried.run;
  // The run adds the secrets that it meets.
  arazzo::SecretMask masker;
  if (loaded.aws.credentials.has_value()) {
    masker.Add("aws#key", loaded.aws.credentials->secret_access_key);
    masker.Add("aws#token", loaded.aws.credentials->session_token);
  }
  const auto fail = [&](const Error& error) {
    return EndEarly(flags, "failed", error.detail,
                    static_cast<int>(arazzo::RunStatus::kStepFailed));
  };
  if (const Status installed = runner_host::StopSignal::Install(); !installed.ok()) {
    return fail(installed.error());
  }
  std::unique_ptr<runner_host::HarFile> har;
  if (!flags.har.empty()) {
    auto made = runner_host::HarFile::Create(flags.har, &masker);
    if (!made.ok()) return fail(made.error());
    har = std::move(made).value();
  }
  auto journal = runner_host::JournalFile::Open(run.folder, run.journal.valid_bytes);
  if (!journal.ok()) return fail(journal.error());
  if (auto fault = environment("TARN_FAULT_JOURNAL_WRITE")) journal.value().KillAt(*fault);

  const SystemClock clock;
  const auto view = ChooseView(flags, &masker, environment);
  const runner_host::RunChoices& choices = run.record.choices;
  runner_host::RunEvents events({&journal.value(), view.get(), &clock, run.folder + "/files",
                                 choices.aws_profile, carried.decide});
  runner_host::RealTime time(&clock, &events);
  runner_host::NetworkPort http({loaded.origins, loaded.aws, choices.aws_profile}, &masker, &clock,
                                har.get());
  arazzo::RunOptions options = choices.ToOptions();
  options.run_id = run.record.id;
  options.recorded = std::move(run.journal.recorded);
  options.in_doubt = std::move(run.journal.in_doubt);
  const auto result = arazzo::RunWorkflow(loaded.program, run.record.workflow, carried.inputs,
                                          options, {http, time, events, &masker});
  if (result.ok()) return static_cast<int>(result.value().status);
  // The journal cannot be written, or does not fit.
  const auto status = arazzo::RunStatus::kStepFailed;
  std::string message = result.error().detail;
  if (result.error().kind == ErrorKind::kTooLarge) {
    message += "; it cannot go on: start it anew";
  } else if (result.error().kind != ErrorKind::kCorrupt) {
    message += "; when it can be written again: " + WayOn(run, flags);
  }
  json::Value data = EndData(arazzo::RunStatusName(status), message);
  data.Set("at", json::Value::Int(clock.UnixMs()));
  view->Show({"end", std::move(data)});
  return static_cast<int>(status);
}

}  // namespace tarn::cli
