// What `tarn run`, `tarn resume` and `tarn check` can be told. docs/reference/run.md lists it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runner_host/inputs.h"
#include "runner_host/run_folder.h"
#include "runner_host/sources.h"

namespace CLI {  // NOLINT(readability-identifier-naming): its name.
class App;
}  // namespace CLI

namespace tarn::cli {

// As given; CheckRunFlags gives them their meaning.
struct RunFlags {
  std::string file;
  std::string workflow;
  runner_host::InputFlags inputs;
  std::vector<std::string> servers;           // URL or name=URL
  std::vector<std::string> sources;           // name=path, folder or URL
  std::vector<std::string> server_variables;  // name=value
  std::string region;
  bool strict = false;
  std::string fallthrough = "stop";
  std::string poll;
  std::string timeout;
  std::vector<std::string> wait_on;
  std::string profile;
  bool json = false;
  bool verbose = false;
  std::string har;
  std::string runs_dir;
};

// The flags of a run that begins, of one that goes on, and of a check.
void AddRunFlags(CLI::App* app, RunFlags* flags);
void AddResumeFlags(CLI::App* app, RunFlags* flags);
void AddCheckFlags(CLI::App* app, RunFlags* flags);

struct RunSettings {
  runner_host::RunChoices choices;
  runner_host::SourceFlags sources;
};
// `known`: the choices that hold where no flag says otherwise. Errors: kInvalid, naming the flag.
Result<RunSettings> CheckRunFlags(const RunFlags& flags, runner_host::RunChoices known);

// "90", "90s", "15m", "1.5h" in seconds. Errors: kInvalid.
Result<double> ParseDuration(const std::string& text);

}  // namespace tarn::cli
