// `tarn resume`, `tarn runs` and `tarn show`: runs that were made before.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "arazzo/limits.h"
#include "arazzo/names.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/run_session.h"
#include "cli/verbs.h"
#include "runner_host/event_text.h"

namespace tarn::cli {
namespace {

struct ResumeFlags {
  RunFlags run;
  std::string name;
  bool repeat = false;
  bool skip = false;
  std::string answer;  // File with the skipped request's answer.
};

// What the user says that the request in doubt of a branch answered.
Result<json::Value> AnswerByUser(const ResumeFlags& flags, const arazzo::RunEvent& sent) {
  json::Value data = json::Value::MakeObject();
  for (const std::string_view name : {"request", "branch", "workflow", "step"}) {
    if (const json::Value* value = sent.data.Find(name)) data.Set(name, *value);
  }
  json::Value headers = json::Value::MakeArray();
  std::string body;
  if (!flags.answer.empty()) {
    TRY(body, ReadFile(flags.answer, arazzo::kOutputBytesMax));
    TRY(json::ParseValue(body));
    headers.Append(json::Value::MakeArray(
        {json::Value::String("Content-Type"), json::Value::String("application/json")}));
  }
  data.Set("status", json::Value::Int(200)).Set("headers", std::move(headers));
  data.Set("body", json::Value::String(arazzo::SecretMask().Seal(body)));
  data.Set("given_by_user", json::Value::Bool(true));
  data.Set("at", json::Value::Int(SystemClock().UnixMs()));
  return data;
}

// The requests in doubt that are not sent again by themselves. Errors: kInternal (a journal that
// misses a request).
Result<std::vector<const arazzo::RunEvent*>> UnsafeInDoubt(const arazzo::JournalContent& journal) {
  std::vector<const arazzo::RunEvent*> out;
  for (const std::string& branch : journal.in_doubt) {
    const auto sent =
        std::find_if(journal.events.rbegin(), journal.events.rend(), [&](const auto& event) {
          return event.type == "send" && runner_host::EventTextOf(event, "branch") == branch;
        });
    if (sent == journal.events.rend()) return Internal("the journal has no request");
    const json::Value* const safe = sent->data.Find("safe");
    if (safe == nullptr || !safe->IsBool() || !safe->AsBool()) out.push_back(&*sent);
  }
  return out;
}

// The user knows that what is in doubt was done: what it answered, or nothing, becomes the recorded
// answer. It is journalled first, so that a further resume takes the same way.
Status Skip(const ResumeFlags& flags, runner_host::OpenRun* run) {
  TRY(const std::vector<const arazzo::RunEvent*> sends, UnsafeInDoubt(run->journal));
  if (sends.empty()) return Invalid("no request of this run is in doubt");
  if (sends.size() > 1 && !flags.answer.empty()) {
    return Invalid("several requests are in doubt, so --answer is not clear");
  }
  TRY(auto journal, runner_host::JournalFile::Open(run->folder, run->journal.valid_bytes));
  for (const arazzo::RunEvent* const sent : sends) {
    TRY(json::Value data, AnswerByUser(flags, *sent));
    TRY(journal.Append({"answer", std::move(data)}, arazzo::Durability::kSynced));
  }
  TRY(run->journal, runner_host::ReadJournalOf(run->folder));
  return Ok();
}

std::vector<std::string> NamesOf(const std::vector<runner_host::DeclaredInput>& inputs) {
  std::vector<std::string> out;
  for (const runner_host::DeclaredInput& input : inputs) out.push_back(input.name);
  return out;
}

// The recorded inputs, with the secrets given again. Errors: kInvalid (a secret that is missing, an
// input that is none or differs).
Result<json::Value> InputsAgain(const ResumeFlags& flags, const runner_host::OpenRun& run,
                                const LoadedFile& loaded,
                                const runner_host::Environment& environment) {
  std::vector<std::string> names;  // The members that secrets are in.
  for (const std::string& pointer : run.journal.secret_inputs) {
    names.push_back(pointer.substr(1, pointer.find('/', 1) - 1));
  }
  const auto is_secret = [&](const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  std::vector<runner_host::DeclaredInput> declared = loaded.declared;
  for (runner_host::DeclaredInput& input : declared) {
    input.required = is_secret(input.name);
    input.has_default = false;
  }
  const auto of_secrets = [&](const std::string& variable) -> std::optional<std::string> {
    const bool wanted = std::ranges::any_of(names, [&](const std::string& name) {
      return runner_host::InputVariable(name) == variable;
    });
    return wanted ? environment(variable) : std::nullopt;
  };
  TRY(const json::Value given,
      runner_host::GatherInputs(declared, flags.run.inputs, json::Value::MakeObject(), of_secrets,
                                TerminalQuestions()));
  json::Value secrets = json::Value::MakeObject();
  for (const std::string& name : names) {
    const json::Value* value = given.Find(name);
    if (value == nullptr) {
      return Invalid("the secret input " + name + " is not kept with the run: give it again (" +
                     runner_host::InputVariable(name) + " or --inputs)");
    }
    secrets.Set(name, *value);
  }
  json::Value whole = arazzo::RestoreInputs(*loaded.workflow, run.journal.inputs, secrets);
  // What the run began with has had its effects: it may be repeated, not changed.
  for (const auto& [name, value] : given.members()) {
    const json::Value* kept = whole.Find(name);
    if (is_secret(name) || (kept != nullptr && *kept == value)) continue;
    if (kept != nullptr || std::ranges::count(declared, name, &runner_host::DeclaredInput::name)) {
      return Invalid("the run began with another value of the input " + name +
                     ", which cannot be changed");
    }
    return Invalid("there is no input " + name + arazzo::NearestNames(name, NamesOf(declared)));
  }
  return whole;
}

int ResumeVerb(const ResumeFlags& flags) {
  const auto environment = runner_host::SystemEnvironment();
  const auto invalid = [&](const Error& error) {
    return EndEarly(flags.run, "invalid", error.detail, kExitInvalid);
  };
  const auto runs = runner_host::RunsFolder(flags.run.runs_dir, environment);
  if (!runs.ok()) return invalid(runs.error());
  const auto folder = runner_host::FindRun(runs.value(), flags.name);
  if (!folder.ok()) return invalid(folder.error());
  auto run = runner_host::ReopenRun(folder.value());
  if (!run.ok()) return invalid(run.error());
  runner_host::RunRecord& record = run.value().record;
  if (run.value().journal.status == arazzo::RunStatusName(arazzo::RunStatus::kEnded)) {
    const arazzo::SecretMask masker;  // The journal holds no secrets.
    ChooseView(flags.run, &masker, environment)->Show(run.value().journal.events.back());
    return 0;
  }
  if (run.value().journal.events.empty()) {
    return invalid(Invalid("the run was interrupted before it began: start it anew"));
  }
  auto settings = CheckRunFlags(flags.run, record.choices);
  if (!settings.ok()) return invalid(settings.error());
  record.choices = settings.value().choices;
  if (flags.skip) {
    const Status skipped = Skip(flags, &run.value());
    if (!skipped.ok()) return invalid(skipped.error());
  }
  auto loaded = LoadKept(record, environment);
  if (!loaded.ok()) return invalid(loaded.error());
  if (arazzo::HasErrors(loaded.value().diagnostics)) {
    PrintDiagnostics(loaded.value().diagnostics);
    return EndEarly(flags.run, "invalid", "the run cannot go on", kExitInvalid);
  }
  auto inputs = InputsAgain(flags, run.value(), loaded.value(), environment);
  if (!inputs.ok()) return invalid(inputs.error());
  const auto repeat = [](const std::string&) { return true; };
  return CarryOut({&run.value(), &loaded.value(), &flags.run, std::move(inputs).value(),
                   flags.repeat ? repeat : TerminalDecision()},
                  environment);
}

std::string ShortTime(int64_t unix_ms) {
  std::string text = FormatIso8601Seconds(unix_ms);
  text[10] = ' ';
  return text.substr(0, 19);
}

int RunsVerb(const RunFlags& flags) {
  const auto runs = runner_host::RunsFolder(flags.runs_dir, runner_host::SystemEnvironment());
  if (!runs.ok()) return Fail(runs.error());
  const auto ids = runner_host::ListRunIds(runs.value());
  if (!ids.ok()) return Fail(ids.error());
  json::Value list = json::Value::MakeArray();
  for (const std::string& id : ids.value()) {
    const runner_host::RunSummary run = runner_host::Summarize(runs.value(), id);
    if (flags.json) {
      json::Value entry = json::Value::MakeObject();
      entry.Set("run", json::Value::String(run.id)).Set("status", json::Value::String(run.status));
      entry.Set("started", json::Value::String(FormatIso8601Seconds(run.started_unix_ms)));
      entry.Set("workflow", json::Value::String(run.workflow));
      entry.Set("file", json::Value::String(run.file));
      list.Append(std::move(entry));
    } else {
      std::printf("%s  %-15s %s  %s (%s)\n", run.id.c_str(), run.status.c_str(),
                  ShortTime(run.started_unix_ms).c_str(),
                  runner_host::Printable(run.workflow).c_str(),
                  runner_host::Printable(run.file).c_str());
    }
  }
  if (flags.json) std::printf("%s\n", json::ToText(list).c_str());
  if (!flags.json && ids.value().empty()) std::printf("no runs in %s\n", runs.value().c_str());
  return 0;
}

int ShowVerb(const RunFlags& flags, const std::string& name) {
  const auto environment = runner_host::SystemEnvironment();
  const auto runs = runner_host::RunsFolder(flags.runs_dir, environment);
  if (!runs.ok()) return Fail(runs.error());
  const auto folder = runner_host::FindRun(runs.value(), name);
  if (!folder.ok()) return Fail(folder.error()), kExitInvalid;
  const auto journal = runner_host::ReadJournalOf(folder.value());
  if (!journal.ok()) return Fail(journal.error());
  const arazzo::SecretMask masker;  // The journal holds no secrets.
  const auto write = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
  };
  const auto view = flags.json ? runner_host::MakeJsonView(write, &masker, flags.verbose)
                               : runner_host::MakePlainView(write, &masker, flags.verbose);
  for (const arazzo::RunEvent& event : journal.value().events) view->Show(event);
  for (size_t i = 0; !flags.json && i < journal.value().in_doubt.size(); ++i) {
    std::printf("a request has no answer: it may have been done\n");
  }
  return 0;
}

void AddName(CLI::App* verb, std::string* name) {
  verb->add_option("RUN", *name, "The run: its id, the beginning of one, or last")->required();
}

}  // namespace

void AddResume(CLI::App* app, Action* action) {
  auto flags = std::make_shared<ResumeFlags>();
  CLI::App* resume = app->add_subcommand("resume", "Go on with a run that was stopped");
  AddName(resume, &flags->name);
  auto* repeat = resume->add_flag("--repeat", flags->repeat, "Send a request in doubt again");
  auto* skip = resume
                   ->add_flag("--skip", flags->skip,
                              "Take a request in doubt for done, with status 200 and no body")
                   ->excludes(repeat);
  resume
      ->add_option("--answer", flags->answer,
                   "FILE with the JSON that the skipped request answered")
      ->needs(skip);
  AddResumeFlags(resume, &flags->run);
  resume->footer(
      "Answers that the run's journal holds are not asked for again. A request whose outcome is\n"
      "unknown is repeated when it is safe or carries an idempotency token; else you are asked, "
      "and\n"
      "without a terminal the exit status is 5. Other exit statuses are those of tarn run.\n\n"
      "Examples:\n"
      "  tarn resume last\n"
      "  tarn resume 20260102-030405-1f2e3d --timeout 4h\n"
      "  tarn resume last --skip --answer created.json");
  resume->callback([=] { *action = [=] { return ResumeVerb(*flags); }; });
}

void AddRuns(CLI::App* app, Action* action) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* runs = app->add_subcommand("runs", "List runs, the newest first");
  runs->add_flag("--json", flags->json, "As one JSON array");
  runs->add_option("--runs-dir", flags->runs_dir, "Where runs are kept");
  runs->footer("Examples:\n  tarn runs\n  tarn runs --json");
  runs->callback([=] { *action = [=] { return RunsVerb(*flags); }; });
}

void AddShow(CLI::App* app, Action* action) {
  auto flags = std::make_shared<RunFlags>();
  auto name = std::make_shared<std::string>();
  CLI::App* show = app->add_subcommand("show", "Show again what happened in a run");
  AddName(show, name.get());
  show->add_flag("--json", flags->json, "One JSON object for each event");
  show->add_flag("-v,--verbose", flags->verbose, "Bodies and actions too");
  show->add_option("--runs-dir", flags->runs_dir, "Where runs are kept");
  show->footer("Examples:\n  tarn show last\n  tarn show last --json -v");
  show->callback([=] { *action = [=] { return ShowVerb(*flags, *name); }; });
}

}  // namespace tarn::cli
