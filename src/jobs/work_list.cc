#include "jobs/work_list.h"

#include <algorithm>
#include <chrono>

#include "base/bytes.h"
#include "base/check.h"

namespace tarn::jobs {

WorkList::WorkList(const Options& options, Work work, const Clock& clock, RandomSource& random)
    : options_(options), work_(std::move(work)), clock_(clock), random_(random) {}

WorkList::~WorkList() { Stop(); }

void WorkList::Start() {
  CHECK(threads_.empty());
  for (size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

void WorkList::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void WorkList::Add(const std::string& key) {
  {
    const MutexLock lock(mutex_);
    const auto [found, added] = items_.try_emplace(key);
    Item& item = found->second;
    if (item.running) {
      item.again = true;
      return;
    }
    if (!added && item.due_ns == 0) return;  // It waits already.
    item.due_ns = 0;
    ready_.push_back(key);
  }
  changed_.NotifyOne();
}

bool WorkList::Stopping() const {
  const MutexLock lock(mutex_);
  return stopping_;
}

bool WorkList::OthersWait() const {
  const MutexLock lock(mutex_);
  return !ready_.empty();
}

int64_t WorkList::WakeDue() {
  const int64_t now_ns = clock_.MonotonicNs();
  int64_t next_ms = -1;
  for (auto& [key, item] : items_) {
    if (item.due_ns == 0) continue;
    if (item.due_ns <= now_ns) {
      item.due_ns = 0;
      ready_.push_back(key);
      continue;
    }
    const int64_t left_ms = (item.due_ns - now_ns + 999'999) / 1'000'000;
    next_ms = next_ms < 0 ? left_ms : std::min(next_ms, left_ms);
  }
  return next_ms;
}

void WorkList::Run() {
  for (;;) {
    std::string key;
    {
      const MutexLock lock(mutex_);
      for (;;) {
        if (stopping_) return;
        const int64_t next_ms = WakeDue();
        if (!ready_.empty()) break;
        if (next_ms < 0) {
          changed_.Wait(mutex_);
        } else {
          changed_.WaitFor(mutex_, std::chrono::milliseconds(next_ms));
        }
      }
      key = std::move(ready_.front());
      ready_.pop_front();
      Item& item = items_.at(key);
      item.running = true;
      item.again = false;
    }
    const Outcome outcome = work_(key);
    {
      const MutexLock lock(mutex_);
      Settle(key, outcome);
    }
    changed_.NotifyAll();
  }
}

void WorkList::Settle(const std::string& key, Outcome outcome) {
  Item& item = items_.at(key);
  item.running = false;
  if (outcome == Outcome::kRetry) {
    const uint32_t doublings = std::min<uint32_t>(item.failures++, 16);
    const uint64_t cap = std::min<uint64_t>(
        static_cast<uint64_t>(options_.retry_first_ms) << doublings, options_.retry_max_ms);
    char random[4];
    random_.Fill(random);
    const uint64_t pause_ms = cap / 2 + LoadBe32(std::string_view(random, 4)) % (cap / 2 + 1);
    item.due_ns = clock_.MonotonicNs() + static_cast<int64_t>(pause_ms) * 1'000'000 + 1;
    return;
  }
  item.failures = 0;
  if (outcome == Outcome::kAgain || item.again) {
    ready_.push_back(key);
  } else {
    items_.erase(key);
  }
}

}  // namespace tarn::jobs
