// What a person or a program sees of a run while it happens.
// Threads: one thread at a time (RunEvents sees to it).
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "arazzo/runner.h"

namespace tarn::runner_host {

class RunView {
 public:
  virtual ~RunView() = default;
  // `event.data` carries the time as `at`, in Unix milliseconds.
  virtual void Show(const arazzo::RunEvent& event) = 0;
  // Called about once a second while a run waits.
  virtual void Tick(int64_t unix_ms) = 0;
  // Takes back what is drawn over itself, so that something else can be written.
  virtual void Clear() = 0;
};

using WriteText = std::function<void(std::string_view)>;

struct ViewOptions {
  bool verbose = false;  // Bodies and actions too.
  bool colour = false;
  uint32_t columns = 80;
};

// All of these: `masker` must outlive the view.
// Plain lines: pipes and files.
std::unique_ptr<RunView> MakePlainView(WriteText write, const arazzo::SecretMask* masker,
                                       bool verbose);
// A terminal: finished steps are lines, steps under way are drawn over themselves.
std::unique_ptr<RunView> MakeLiveView(WriteText write, const arazzo::SecretMask* masker,
                                      const ViewOptions& options);
// One JSON object a line; `event` says what happened, the other members are the event's data.
// Headers and bodies only when verbose.
std::unique_ptr<RunView> MakeJsonView(WriteText write, const arazzo::SecretMask* masker,
                                      bool verbose);

}  // namespace tarn::runner_host
