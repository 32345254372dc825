#include "cli/run_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "arazzo/limits.h"
#include "base/uri.h"

namespace tarn::cli {
namespace {

constexpr char kViewGroup[] = "What is shown";
constexpr char kInputGroup[] = "Inputs";
constexpr char kReachGroup[] = "Where requests go";
constexpr char kWaitGroup[] = "Waiting";

void AddInputs(CLI::App* app, RunFlags* flags) {
  app->add_option("--input", flags->inputs.pairs,
                  "name=value, once for each; the schema says whether a text or JSON is meant")
      ->allow_extra_args(false)
      ->group(kInputGroup);
  app->add_option("--inputs", flags->inputs.file,
                  "FILE of inputs, JSON or YAML; - is standard input")
      ->group(kInputGroup);
}

void AddReach(CLI::App* app, RunFlags* flags) {
  app->add_option("--server", flags->servers,
                  "URL that replaces the description's servers; name=URL for one source")
      ->allow_extra_args(false)
      ->group(kReachGroup);
  app->add_option("--source", flags->sources,
                  "name=PATH: where a source's description is; a folder is searched for the "
                  "operations that are used; or an http(s) URL")
      ->allow_extra_args(false)
      ->group(kReachGroup);
  app->add_option("--server-variable", flags->server_variables, "name=value of a server's variable")
      ->allow_extra_args(false)
      ->group(kReachGroup);
  app->add_option("--region", flags->region, "AWS region; else AWS_REGION, else the profile's")
      ->group(kReachGroup);
}

void AddWaiting(CLI::App* app, RunFlags* flags) {
  app->add_option("--poll", flags->poll,
                  "Time between polls, such as 5s; 0 turns pacing off. Without it 1 s, growing to "
                  "30 s, and what the server or the document says")
      ->group(kWaitGroup);
  app->add_option("--timeout", flags->timeout, "Time for the whole run: 90s, 15m, 2h (default 1h)")
      ->group(kWaitGroup);
  app->add_option("--wait-on", flags->wait_on,
                  "STATE that passes by itself although the document does not know it")
      ->allow_extra_args(false)
      ->group(kWaitGroup);
}

void AddViews(CLI::App* app, RunFlags* flags) {
  app->add_flag("--json", flags->json, "One JSON object for each event, the last is the end")
      ->group(kViewGroup);
  app->add_flag("-v,--verbose", flags->verbose, "Bodies and actions too")->group(kViewGroup);
}

void AddRunsDir(CLI::App* app, RunFlags* flags) {
  app->add_option("--runs-dir", flags->runs_dir,
                  "Where runs are kept; else TARN_RUNS_DIR, else ~/.local/state/tarn/runs");
}

Result<std::pair<std::string, std::string>> SplitPair(const std::string& flag,
                                                      const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == text.npos || equals == 0) return Invalid(flag + " " + text + ": write name=value");
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

Status CheckServer(const std::string& url) {
  const auto parsed = ParseUrl(url);
  if (!parsed.ok()) return Invalid("--server " + url + ": " + parsed.error().detail);
  return Ok();
}

std::string WithoutSlash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

// A URL has no '=' before its "://".
bool IsNamed(const std::string& text) {
  const size_t equals = text.find('=');
  return equals != text.npos && equals < text.find("://");
}

}  // namespace

Result<double> ParseDuration(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  const double factor = unit.empty() || unit == "s"    ? 1
                        : unit == "ms"                 ? 0.001
                        : unit == "m" || unit == "min" ? 60
                        : unit == "h"                  ? 3600
                                                       : -1;
  const double seconds = number * factor;
  if (error != std::errc() || factor < 0 || !(seconds >= 0) || seconds > arazzo::kSecondsMax) {
    return Invalid(text + " is no time such as 30s, 15m or 2h (at most 720h)");
  }
  return seconds;
}

Result<RunSettings> CheckRunFlags(const RunFlags& flags, runner_host::RunChoices known) {
  RunSettings out;
  out.choices = std::move(known);
  runner_host::RunChoices& choices = out.choices;
  for (const std::string& text : flags.servers) {
    if (IsNamed(text)) {
      TRY(const auto pair, SplitPair("--server", text));
      TRY(CheckServer(pair.second));
      out.sources.servers[pair.first] = WithoutSlash(pair.second);
    } else {
      TRY(CheckServer(text));
      choices.server = WithoutSlash(text);
    }
  }
  for (const std::string& text : flags.sources) {
    TRY(const auto pair, SplitPair("--source", text));
    out.sources.sources[pair.first] = pair.second;
  }
  for (const std::string& text : flags.server_variables) {
    TRY(const auto pair, SplitPair("--server-variable", text));
    choices.server_variables[pair.first] = pair.second;
  }
  if (!flags.region.empty()) choices.server_variables["region"] = flags.region;
  choices.strict = choices.strict || flags.strict;
  if (flags.fallthrough == "next") choices.fallthrough_next = true;
  if (!flags.poll.empty()) {
    TRY(choices.poll_s, ParseDuration(flags.poll));
  }
  if (!flags.timeout.empty()) {
    TRY(choices.timeout_s, ParseDuration(flags.timeout));
  }
  for (const std::string& state : flags.wait_on) {
    if (std::ranges::find(choices.wait_on, state) == choices.wait_on.end()) {
      choices.wait_on.push_back(state);
    }
  }
  if (flags.profile == "aws") choices.aws_profile = true;
  return out;
}

void AddRunFlags(CLI::App* app, RunFlags* flags) {
  app->add_option("FILE", flags->file, "The Arazzo document, YAML or JSON")->required();
  app->add_option("WORKFLOW", flags->workflow, "Its workflow to run; else the first");
  AddInputs(app, flags);
  AddReach(app, flags);
  app->add_option("--profile", flags->profile,
                  "aws: what the real services need beyond their descriptions")
      ->check(CLI::IsMember({"aws"}))
      ->group(kReachGroup);
  AddWaiting(app, flags);
  app->add_flag("--strict", flags->strict,
                "Arazzo 1.1 to the letter: no reading of bare comparisons");
  app->add_option("--fallthrough", flags->fallthrough,
                  "When a step loops to itself and no action holds: stop the run, or the next step")
      ->check(CLI::IsMember({"stop", "next"}))
      ->capture_default_str();
  AddViews(app, flags);
  app->add_option("--har", flags->har, "FILE for all exchanges as HAR 1.2, secrets masked")
      ->group(kViewGroup);
  AddRunsDir(app, flags);
}

void AddResumeFlags(CLI::App* app, RunFlags* flags) {
  AddInputs(app, flags);
  AddWaiting(app, flags);
  app->add_option("--fallthrough", flags->fallthrough,
                  "next: go on where the run stopped for an unhandled state")
      ->check(CLI::IsMember({"stop", "next"}));
  AddViews(app, flags);
  app->add_option("--har", flags->har, "FILE for the further exchanges as HAR 1.2, secrets masked")
      ->group(kViewGroup);
  AddRunsDir(app, flags);
}

void AddCheckFlags(CLI::App* app, RunFlags* flags) {
  app->add_option("FILE", flags->file, "The Arazzo document, YAML or JSON")->required();
  app->add_option("WORKFLOW", flags->workflow, "Its workflow to check inputs for; else the first");
  AddInputs(app, flags);
  AddReach(app, flags);
  app->add_flag("--strict", flags->strict,
                "Arazzo 1.1 to the letter: no reading of bare comparisons");
  app->add_flag("--json", flags->json, "Findings as one JSON object");
}

}  // namespace tarn::cli
