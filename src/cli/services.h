// A running Tarn: every component built once, in order, and passed to those that need it.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/serve_options.h"

namespace tarn::cli {

// Threads: one thread; the components behind it have their own.
class Services {
 public:
  // Locks the data folder, opens what it holds, resumes interrupted work and serves.
  // Errors: kConflict (the folder or an address is in use), kInvalid (options), kCorrupt,
  // kUnavailable.
  static Result<std::unique_ptr<Services>> Start(const ServeOptions& options);
  // Stops serving, lets requests end and jobs stop at their last checkpoint, and closes everything.
  ~Services();
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  const std::string& api_url() const;  // http://127.0.0.1:8080
  const std::string& s3_url() const;

 private:
  struct State;
  explicit Services(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What this process makes from here on is for its user alone, also what libraries make: it holds
// patients' data. Call before any other thread.
void MakeNewFilesPrivate();

// Blocks SIGINT and SIGTERM in this thread and those it starts: call before any other thread.
void BlockStopSignals();
// Waits for one of them.
void WaitForStopSignal();

}  // namespace tarn::cli
