// Lets one holder of a name in at a time, for work that storage or the network makes long: a mutex
// would be held across it.
// Threads: every method may be called from any thread.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "base/mutex.h"

namespace tarn {

class Turns {
 public:
  // Waits until nobody else holds the name; lets it go at its end.
  class Turn {
   public:
    Turn(Turns& turns, std::string name) : turns_(turns), name_(std::move(name)) {
      const MutexLock lock(turns_.mutex_);
      while (!turns_.taken_.insert(name_).second) turns_.changed_.Wait(turns_.mutex_);
    }
    ~Turn() {
      {
        const MutexLock lock(turns_.mutex_);
        turns_.taken_.erase(name_);
      }
      turns_.changed_.NotifyAll();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Turns& turns_;
    const std::string name_;
  };

 private:
  Mutex mutex_;
  CondVar changed_;
  std::set<std::string> taken_ GUARDED_BY(mutex_);
};

}  // namespace tarn
