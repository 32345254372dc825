#include "image_store/internal/background.h"

#include <chrono>

#include "base/log.h"

namespace tarn::image_store {
namespace {

constexpr auto kPause = std::chrono::milliseconds(20'000);  // Between looks without work.

bool WaitForWork(ImageStoreState& state, bool failed) {
  MutexLock lock(state.mutex);
  state.working = false;
  state.changed.NotifyAll();
  // After a failure only the end of the pause or of the object wakes us.
  const auto pause =
      failed ? std::chrono::milliseconds(uint64_t{10} * state.options.retry_pause_ms) : kPause;
  while (!state.stopping && (failed || !state.work_due)) {
    if (!state.changed.WaitFor(state.mutex, pause)) break;
  }
  if (state.stopping) return false;
  state.work_due = false;
  state.working = true;
  return true;
}

Status WorkOnce(ImageStoreState& state) {
  const Status changed = DoChanges(state);
  if (state.options.committed) state.options.committed();
  TRY(changed);
  TRY(CollectFrames(state));
  return state.access_times.Flush(state.kv);
}

}  // namespace

void RunBackground(ImageStoreState& state) {
  bool failed = false;
  while (WaitForWork(state, failed)) {
    const Status done = WorkOnce(state);
    if (!done.ok()) LogError("image set work failed", {{"reason", done.error().detail}});
    failed = !done.ok();
    if (failed) {
      MutexLock lock(state.mutex);
      state.work_due = true;
    }
  }
  const Status flushed = state.access_times.Flush(state.kv);
  if (!flushed.ok()) LogWarning("access times not kept", {{"reason", flushed.error().detail}});
}

}  // namespace tarn::image_store
