// What `tarn run`, `tarn resume` and `tarn check` share: loading a document with everything that
// it refers to, and carrying a run out.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "arazzo/program.h"
#include "arazzo/secrets.h"
#include "base/result.h"
#include "cli/run_options.h"
#include "runner_host/aws_settings.h"
#include "runner_host/environment.h"
#include "runner_host/inputs.h"
#include "runner_host/run_folder.h"
#include "runner_host/run_view.h"

namespace tarn::cli {

// Exit statuses of a run beyond those of arazzo::RunStatus, which are used as they are.
inline constexpr int kExitInvalid = 2;

// A document that is ready to run, and everything that was said about it.
struct LoadedFile {
  arazzo::Program program;
  runner_host::KeptDocument root;
  std::vector<runner_host::KeptDocument> sources;
  const arazzo::LoadedWorkflow* workflow = nullptr;  // nullptr after errors.
  std::vector<runner_host::DeclaredInput> declared;
  runner_host::AwsSettings aws;
  std::set<std::string> origins;
  std::vector<arazzo::Diagnostic> diagnostics;
};

// Reads FILE and its sources, and checks what can be known without sending. What is wrong with the
// documents is in the diagnostics. Errors: FILE cannot be read, a flag names what is not there.
struct LoadRequest {
  std::string file, workflow;
  RunSettings* settings = nullptr;  // The region is filled in.
  arazzo::Severity missing = arazzo::Severity::kError;
};
Result<LoadedFile> LoadFile(const LoadRequest& request,
                            const runner_host::Environment& environment);
// The same from what a run has kept.
Result<LoadedFile> LoadKept(const runner_host::RunRecord& record,
                            const runner_host::Environment& environment);

// The file of a diagnostic as the user knows it, rather than as an absolute URL.
std::string ShownFile(const std::string& url);
void PrintDiagnostics(const std::vector<arazzo::Diagnostic>& diagnostics);

// Asks on the terminal when there is one.
runner_host::AskInput TerminalQuestions();
// Whether to send a request in doubt again; no, when there is no terminal.
std::function<bool(const std::string&)> TerminalDecision();

// The view that the flags and the terminal ask for. `masker` must outlive it.
std::unique_ptr<runner_host::RunView> ChooseView(const RunFlags& flags,
                                                 const arazzo::SecretMask* masker,
                                                 const runner_host::Environment& environment);

// Shows an end without a run, and returns the exit status.
int EndEarly(const RunFlags& flags, std::string_view status, const std::string& message, int exit);

struct Carried {
  runner_host::OpenRun* run = nullptr;
  const LoadedFile* loaded = nullptr;
  const RunFlags* flags = nullptr;
  json::Value inputs;                              // With secrets.
  std::function<bool(const std::string&)> decide;  // Whether to repeat a request in doubt.
};
// Runs, or goes on where the journal ends. Returns the exit status.
int CarryOut(const Carried& carried, const runner_host::Environment& environment);

}  // namespace tarn::cli
