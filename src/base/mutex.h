// A mutex, a lock and a condition variable whose use clang checks (-Wthread-safety).
// Members that a mutex guards carry GUARDED_BY(mutex_).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define TARN_TSA(x) __attribute__((x))
#else
#define TARN_TSA(x)
#endif
#define GUARDED_BY(mutex) TARN_TSA(guarded_by(mutex))
#define REQUIRES(mutex) TARN_TSA(requires_capability(mutex))
#define EXCLUDES(mutex) TARN_TSA(locks_excluded(mutex))

namespace tarn {

class TARN_TSA(capability("mutex")) Mutex {
 public:
  void Lock() TARN_TSA(acquire_capability()) { mutex_.lock(); }
  void Unlock() TARN_TSA(release_capability()) { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class TARN_TSA(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TARN_TSA(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() TARN_TSA(release_capability()) { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits release the mutex and take it again; callers loop on their condition.
class CondVar {
 public:
  void Wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // Returns false when `timeout` passed first.
  bool WaitFor(Mutex& mutex, std::chrono::milliseconds timeout) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool notified = condition_.wait_for(lock, timeout) == std::cv_status::no_timeout;
    lock.release();
    return notified;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace tarn
