// A fixed number of threads behind a bounded queue.
// Threads: every method may be called from any thread; the destructor from the owner's only.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace tarn {

class WorkerPool {
 public:
  using Task = std::function<void()>;
  struct Options {
    std::string name;  // Shown in thread lists; 11 characters at most are kept.
    size_t threads = 1;
    size_t queued_max = 1024;  // Tasks waiting beyond those running.
  };

  explicit WorkerPool(const Options& options);
  // Runs what is queued, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Queues `task`, or returns false at once when the queue is full or the pool is stopping.
  // A task must not throw: one that does is a bug of ours, is logged and stops the process.
  [[nodiscard]] bool TrySubmit(Task task);

  size_t queued() const;

 private:
  void Run();

  const size_t queued_max_;
  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<Task> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace tarn
