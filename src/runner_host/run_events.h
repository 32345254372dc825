// The events of a run go to its journal and to whoever looks on, in one order; and the real time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "arazzo/runner.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "runner_host/run_folder.h"
#include "runner_host/run_view.h"

namespace tarn::runner_host {

// Whether a request in doubt is sent again. Asks the user, or knows.
using DecideRepeat = std::function<bool(const std::string& description)>;

// Threads: every method may be called from any thread.
class RunEvents final : public arazzo::EventPort {
 public:
  struct Parts {
    JournalFile* journal = nullptr;
    RunView* view = nullptr;
    const Clock* clock = nullptr;
    std::string files_folder;  // For binary bodies.
    bool aws_profile = false;  // Blobs are objects whose members the AWS descriptions name.
    DecideRepeat decide;
  };
  explicit RunEvents(Parts parts) : parts_(std::move(parts)) {}  // Pointers outlive the object.

  // Errors: what the journal says.
  Status Take(const arazzo::RunEvent& event, arazzo::Durability durability) override;
  // The bytes' file: its path as a string; with the AWS profile an object with `file`, `bytes`,
  // `mediaType`, and the path as `imageFrameBlob` and `imageSetMetadataBlob`.
  Result<json::Value> KeepBinary(std::string_view bytes, std::string_view media_type) override;
  // Only of files that KeepBinary made.
  Result<std::optional<std::string>> ReadBinary(const json::Value& value) override;
  bool MaySendAgain(std::string_view description) override;

  void Tick();

 private:
  const Parts parts_;
  Mutex mutex_;
};

class RealTime final : public arazzo::TimePort {
 public:
  // Both must outlive the object. `events` is told about each second of a wait.
  RealTime(const Clock* clock, RunEvents* events) : clock_(*clock), events_(*events) {}
  int64_t NowMs() override { return clock_.MonotonicNs() / 1'000'000; }
  Status SleepMs(int64_t ms) override;  // Errors: kTimeout when the user wants to stop.
  bool StopWanted() override;
  double Jitter() override;

 private:
  const Clock& clock_;
  RunEvents& events_;
  SystemRandom random_;
};

}  // namespace tarn::runner_host
