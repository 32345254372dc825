// What is open under which name, shared by all who use it, and closed when the last one lets go:
// the name is free again only after that. Threads: every method may be called from any thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"

namespace tarn {

template <typename T>
class OpenHandles {
 public:
  // A handle whose name is taken from here until its destructor has run. The name must be free
  // (CHECK). The registry must outlive it.
  std::shared_ptr<T> New(const std::string& name) {
    {
      const MutexLock lock(mutex_);
      CHECK(alive_.insert(name).second);
    }
    return std::shared_ptr<T>(new T, [this, name](T* closing) {
      delete closing;
      {
        const MutexLock lock(mutex_);
        alive_.erase(name);
      }
      changed_.NotifyAll();
    });
  }

  // Makes it the one that Find gives.
  void Publish(const std::string& name, std::shared_ptr<T> handle) {
    const MutexLock lock(mutex_);
    open_[name] = std::move(handle);
  }

  std::shared_ptr<T> Find(std::string_view name) const {
    const MutexLock lock(mutex_);
    const auto found = open_.find(name);
    return found == open_.end() ? nullptr : found->second;
  }

  // Takes the handle out and waits until nobody holds it; false when StopWaiting came first.
  bool Close(const std::string& name) {
    std::shared_ptr<T> handle;  // Let go before the wait.
    {
      const MutexLock lock(mutex_);
      const auto found = open_.find(name);
      if (found != open_.end()) {
        handle = std::move(found->second);
        open_.erase(found);
      }
    }
    handle.reset();
    const MutexLock lock(mutex_);
    while (alive_.count(name) != 0 && !stopping_) changed_.Wait(mutex_);
    return alive_.count(name) == 0;
  }

  // Ends waits of Close, those to come too.
  void StopWaiting() {
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
    }
    changed_.NotifyAll();
  }

  // Takes all handles out; what they name.
  std::map<std::string, std::shared_ptr<T>, std::less<>> TakeAll() {
    std::map<std::string, std::shared_ptr<T>, std::less<>> taken;
    const MutexLock lock(mutex_);
    taken.swap(open_);
    return taken;
  }

  // Waits until nobody holds any.
  void WaitUntilClosed() {
    const MutexLock lock(mutex_);
    while (!alive_.empty()) changed_.Wait(mutex_);
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::shared_ptr<T>, std::less<>> open_ GUARDED_BY(mutex_);
  std::set<std::string> alive_ GUARDED_BY(mutex_);  // Not destroyed, held or not.
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace tarn
