#include "arazzo/internal/run_tasks.h"

#include <algorithm>
#include <system_error>
#include <thread>

#include "base/mutex.h"

namespace tarn::arazzo {
namespace {

class Tasks {
 public:
  Tasks(const std::vector<std::vector<size_t>>& needs, const std::function<bool(size_t)>& run)
      : needs_(needs), run_(run), states_(needs.size(), State::kWaiting) {}

  void Work() {
    for (;;) {
      size_t task = 0;
      {
        MutexLock lock(mutex_);
        while (!failed_ && !Next(&task)) {
          // Nothing can be begun now; when nothing runs either, nothing ever will be.
          if (running_ == 0) return;
          changed_.Wait(mutex_);
        }
        if (failed_) return;
        states_[task] = State::kRunning;
        ++running_;
      }
      const bool good = run_(task);
      const MutexLock lock(mutex_);
      states_[task] = State::kDone;
      --running_;
      failed_ = failed_ || !good;
      changed_.NotifyAll();
    }
  }

 private:
  enum class State : uint8_t { kWaiting, kRunning, kDone };

  bool Next(size_t* task) const REQUIRES(mutex_) {
    for (size_t i = 0; i < states_.size(); ++i) {
      if (states_[i] != State::kWaiting) continue;
      bool ready = true;
      for (const size_t need : needs_[i]) ready = ready && states_[need] == State::kDone;
      if (!ready) continue;
      *task = i;
      return true;
    }
    return false;
  }

  const std::vector<std::vector<size_t>>& needs_;
  const std::function<bool(size_t)>& run_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<State> states_ GUARDED_BY(mutex_);
  uint32_t running_ GUARDED_BY(mutex_) = 0;
  bool failed_ GUARDED_BY(mutex_) = false;
};

}  // namespace

void RunTasks(const std::vector<std::vector<size_t>>& needs, uint32_t threads_max,
              std::atomic<uint32_t>* threads, const std::function<bool(size_t)>& run) {
  Tasks tasks(needs, run);
  // A chain of tasks has no use for a second thread.
  const bool parallel = needs.size() > 1;
  std::vector<std::thread> others;
  while (parallel && others.size() + 1 < needs.size()) {
    if (threads->fetch_add(1) >= threads_max) {
      threads->fetch_sub(1);
      break;
    }
    try {
      others.emplace_back([&tasks] { tasks.Work(); });
    } catch (const std::system_error&) {  // No more threads: those that there are will do.
      threads->fetch_sub(1);
      break;
    }
  }
  tasks.Work();
  for (std::thread& thread : others) {
    thread.join();
    threads->fetch_sub(1);
  }
}

}  // namespace tarn::arazzo
