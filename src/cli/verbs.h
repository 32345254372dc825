// The verbs of `tarn`, each in a file of its own.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace CLI {
class App;
}  // namespace CLI

namespace tarn::cli {

// What a verb's options chose to do; runs after parsing and returns the exit status.
using Action = std::function<int()>;

// Each declares one verb (its options, help and examples) and sets *action when it was chosen.
void AddServe(CLI::App* app, Action* action);
void AddDemo(CLI::App* app, Action* action);
void AddSynth(CLI::App* app, Action* action);
void AddFhirPath(CLI::App* app, Action* action);
void AddKms(CLI::App* app, Action* action);
void AddRun(CLI::App* app, Action* action);
void AddResume(CLI::App* app, Action* action);
void AddRuns(CLI::App* app, Action* action);
void AddShow(CLI::App* app, Action* action);
void AddCheck(CLI::App* app, Action* action);

// Prints "tarn: <error>" on standard error and returns 1.
int Fail(const Error& error);
int Fail(std::string_view message);

}  // namespace tarn::cli
