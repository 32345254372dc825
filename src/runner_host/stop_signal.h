// SIGINT and SIGTERM as a wish: the run stops before its next request, and can be resumed. A second
// signal ends the process at once.
#pragma once

#include "base/result.h"

namespace tarn::runner_host {

class StopSignal {
 public:
  // Installs the handlers, once a process. Errors: kUnavailable.
  static Status Install();
  static bool Wanted();
  // Waits at most `ms`; true when the wish came.
  static bool WaitFor(int64_t ms);
};

}  // namespace tarn::runner_host
