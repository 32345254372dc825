#include "http/internal/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "http/internal/loop_thread.h"

namespace tarn::http {

Result<std::unique_ptr<EventLoop>> EventLoop::Create() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return ErrnoError("epoll_create1", errno);
  const int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake < 0) {
    const int error = errno;
    close(epoll);
    return ErrnoError("eventfd", error);
  }
  std::unique_ptr<EventLoop> loop(new EventLoop(epoll, wake));
  TRY(loop->Add(wake, EPOLLIN, nullptr));
  return loop;
}

EventLoop::~EventLoop() {
  close(wake_);
  close(epoll_);
}

Status EventLoop::Add(int descriptor, uint32_t epoll_events, Watcher* watcher) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.ptr = watcher;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return ErrnoError("epoll_ctl", errno);
  }
  return Ok();
}

void EventLoop::Change(int descriptor, uint32_t epoll_events, Watcher* watcher) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.ptr = watcher;
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event) == 0);
}

void EventLoop::Remove(int descriptor) {
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr) == 0);
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop wakes anyway.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
}

void EventLoop::Post(std::function<void()> task) {
  bool first = false;
  {
    MutexLock lock(mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  // Whoever fills the empty queue wakes the loop; the others ride along.
  if (first) Wake();
}

void EventLoop::Quit() {
  {
    MutexLock lock(mutex_);
    quit_ = true;
  }
  Wake();
}

void EventLoop::RunTasks() {
  {
    MutexLock lock(mutex_);
    running_.swap(tasks_);
  }
  for (const auto& task : running_) task();
  running_.clear();
}

void EventLoop::Run(const Hooks& hooks) {
  BecomeLoopThread();
  using SteadyClock = std::chrono::steady_clock;
  const auto interval = std::chrono::milliseconds(hooks.sweep_interval_ms);
  auto next_sweep = SteadyClock::now() + interval;
  epoll_event events[128];
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_sweep - SteadyClock::now());
    const int timeout = left.count() < 0 ? 0 : static_cast<int>(left.count());
    const int count = epoll_wait(epoll_, events, 128, timeout);
    CHECK(count >= 0 || errno == EINTR);
    hooks.before_batch();
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr == nullptr) {
        uint64_t ignored = 0;
        [[maybe_unused]] const ssize_t got = read(wake_, &ignored, sizeof ignored);
        RunTasks();
      } else {
        static_cast<Watcher*>(events[i].data.ptr)->OnEvents(events[i].events);
      }
    }
    if (SteadyClock::now() >= next_sweep) {
      hooks.sweep();
      next_sweep = SteadyClock::now() + interval;
    }
    hooks.after_batch();
    MutexLock lock(mutex_);
    if (quit_ && tasks_.empty()) return;
  }
}

}  // namespace tarn::http
