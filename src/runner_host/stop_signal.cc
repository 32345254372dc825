#include "runner_host/stop_signal.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>

#include "base/clock.h"

namespace tarn::runner_host {
namespace {

// A signal handler can reach nothing but statics. The pipe is never drained, so that every thread
// that waits sees it.
std::atomic<int> write_end{-1};
std::atomic<int> read_end{-1};

void OnSignal(int number) {
  const int saved = errno;
  const ssize_t written = write(write_end.load(), "x", 1);
  static_cast<void>(written);  // A full pipe has been seen.
  std::signal(number, SIG_DFL);
  errno = saved;
}

}  // namespace

Status StopSignal::Install() {
  if (read_end.load() >= 0) return Ok();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return ErrnoError("pipe", errno);
  read_end = ends[0];
  write_end = ends[1];
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM}) {
    if (sigaction(number, &action, nullptr) != 0) return ErrnoError("sigaction", errno);
  }
  // A reader of our output that leaves must not end the run.
  std::signal(SIGPIPE, SIG_IGN);
  return Ok();
}

bool StopSignal::Wanted() { return WaitFor(0); }

bool StopSignal::WaitFor(int64_t ms) {
  const SystemClock clock;
  const int64_t until_ns = clock.MonotonicNs() + ms * 1'000'000;
  for (;;) {
    const int64_t left_ns = std::max<int64_t>(0, until_ns - clock.MonotonicNs());
    // Rounded up: a wait may be longer, not shorter.
    const auto left_ms =
        static_cast<int>(std::min<int64_t>((left_ns + 999'999) / 1'000'000, INT_MAX));
    pollfd wait = {read_end.load(), POLLIN, 0};
    const int ready = poll(&wait, read_end.load() >= 0 ? 1 : 0, left_ms);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
    if (ready == 0 && clock.MonotonicNs() >= until_ns) return false;
  }
}

}  // namespace tarn::runner_host
