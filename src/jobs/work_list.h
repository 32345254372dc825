// Keyed work for a fixed number of threads: a key that is added runs once, or once more when it is
// added while it runs; never twice at a time. Work that fails comes again after a growing pause.
// Threads: every method may be called from any thread; Start and Stop from the owner's only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"

namespace tarn::jobs {

class WorkList {
 public:
  enum class Outcome : uint8_t {
    kDone,
    kAgain,  // To the end of the list.
    kRetry,  // After a pause with jitter that doubles from retry_first_ms to retry_max_ms.
  };
  using Work = std::function<Outcome(const std::string& key)>;
  struct Options {
    size_t threads = 1;
    uint32_t retry_first_ms = 1'000;
    uint32_t retry_max_ms = 60'000;
  };

  // The references must outlive the list.
  WorkList(const Options& options, Work work, const Clock& clock, RandomSource& random);
  ~WorkList();  // Stop().
  WorkList(const WorkList&) = delete;
  WorkList& operator=(const WorkList&) = delete;

  void Start();
  // Waits for running work, which asks Stopping(); what waits is dropped.
  void Stop();
  void Add(const std::string& key);
  bool Stopping() const;
  // Whether a key waits for a thread: who runs long then gives way.
  bool OthersWait() const;

 private:
  struct Item {
    bool running = false;
    bool again = false;     // Added while it ran.
    uint32_t failures = 0;  // In a row.
    int64_t due_ns = 0;     // 0: it is in ready_ or runs; else it pauses until then.
  };
  void Run();
  // Moves keys whose pause is over to ready_; returns the milliseconds until the next one, or -1.
  int64_t WakeDue() REQUIRES(mutex_);
  void Settle(const std::string& key, Outcome outcome) REQUIRES(mutex_);

  const Options options_;
  const Work work_;
  const Clock& clock_;
  RandomSource& random_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::map<std::string, Item> items_ GUARDED_BY(mutex_);
  std::deque<std::string> ready_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace tarn::jobs
