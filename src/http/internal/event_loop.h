// One thread's event loop over epoll: file descriptors, tasks from other threads, a regular sweep.
//
// Asio was measured and left out: this loop is 3 system calls a request (epoll_wait, recv, send)
// where Asio makes 4, costs no template instantiation, and lets idle connections own no buffer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace tarn::http {

class EventLoop {
 public:
  // Told about events of its descriptor. May be told once more after Remove, within the batch of
  // events in which it was removed; so it must outlive that batch (see `after_batch`).
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void OnEvents(uint32_t epoll_events) = 0;
  };
  struct Hooks {
    int sweep_interval_ms = 250;
    std::function<void()> sweep;         // About every interval.
    std::function<void()> before_batch;  // After each wait, before its events.
    std::function<void()> after_batch;   // When no watcher is in use.
  };

  static Result<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs until Quit. The calling thread owns every watcher from here on.
  void Run(const Hooks& hooks);

  // Any thread. Tasks run on the loop's thread, in order.
  void Post(std::function<void()> task);
  void Quit();

  // The loop's thread only, or before Run.
  Status Add(int descriptor, uint32_t epoll_events, Watcher* watcher);
  void Change(int descriptor, uint32_t epoll_events, Watcher* watcher);
  void Remove(int descriptor);

 private:
  EventLoop(int epoll, int wake) : epoll_(epoll), wake_(wake) {}
  void RunTasks();
  void Wake();

  const int epoll_;
  const int wake_;  // An eventfd.
  Mutex mutex_;
  std::vector<std::function<void()>> tasks_ GUARDED_BY(mutex_);
  bool quit_ GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> running_;  // Swapped with tasks_; the loop's thread only.
};

}  // namespace tarn::http
