#include "base/worker_pool.h"

#include <pthread.h>

#include <exception>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace tarn {

WorkerPool::WorkerPool(const Options& options) : queued_max_(options.queued_max) {
  CHECK(options.threads > 0);
  for (size_t i = 0; i < options.threads; ++i) {
    threads_.emplace_back([this] { Run(); });
    const std::string name = options.name.substr(0, 11) + "-" + std::to_string(i);
    pthread_setname_np(threads_.back().native_handle(), name.substr(0, 15).c_str());
  }
}

WorkerPool::~WorkerPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::TrySubmit(Task task) {
  {
    MutexLock lock(mutex_);
    if (stopping_ || queue_.size() >= queued_max_) return false;
    queue_.push_back(std::move(task));
  }
  wake_.NotifyOne();
  return true;
}

size_t WorkerPool::queued() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

void WorkerPool::Run() {
  for (;;) {
    Task task;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) wake_.Wait(mutex_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      task();
    } catch (const std::exception& error) {
      LogError("task threw", {{"what", error.what()}});
      CHECK(!"a task must not throw");
    }
  }
}

}  // namespace tarn
