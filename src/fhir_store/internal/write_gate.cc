#include "fhir_store/internal/write_gate.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"

namespace tarn::fhir_store {

WriteGate::Pass::~Pass() {
  if (gate_ != nullptr) gate_->Leave({&key_, 1});
}

WriteGate::Passes::~Passes() {
  if (gate_ != nullptr) gate_->Leave(keys_);
}

Result<WriteGate::Pass> WriteGate::Enter(uint64_t key, int64_t wait_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
  MutexLock lock(mutex_);
  while (active_.contains(key) || held_.Contains(key)) {
    if (held_.Contains(key)) flush_wanted_ = true;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return Error{ErrorKind::kBusy, "another write of this resource has not ended; try again"};
    }
    changed_.WaitFor(mutex_, left);
  }
  active_.insert(key);
  return Pass(this, key);
}

Result<WriteGate::Passes> WriteGate::EnterAll(std::vector<uint64_t> keys, int64_t wait_ms) {
  // Two keys of one hash would wait for each other.
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
  MutexLock lock(mutex_);
  // Starting each round at the key that was held last keeps waiting cheap.
  for (size_t at = 0, clear = 0; clear < keys.size();) {
    const uint64_t key = keys[at];
    if (!active_.contains(key) && !held_.Contains(key)) {
      at = (at + 1) % keys.size();
      ++clear;
      continue;
    }
    clear = 0;
    if (held_.Contains(key)) flush_wanted_ = true;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return Error{ErrorKind::kBusy, "another write of one of these resources has not ended"};
    }
    changed_.WaitFor(mutex_, left);
  }
  active_.insert(keys.begin(), keys.end());
  return Passes(this, std::move(keys));
}

void WriteGate::Leave(std::span<const uint64_t> keys) {
  MutexLock lock(mutex_);
  for (const uint64_t key : keys) {
    active_.erase(key);
    if (!importing_) continue;
    // The mark is taken after the commit: a look-up that was marked before may not have seen it.
    if (touched_.size() >= kTouchedMax) {
      touched_.clear();
      stale_before_ = now_ + 1;
    } else {
      touched_[key] = now_;
    }
    ++now_;
  }
  changed_.NotifyAll();
}

void WriteGate::StartImport() {
  MutexLock lock(mutex_);
  CHECK(!importing_);
  importing_ = true;
}

void WriteGate::StopImport() {
  MutexLock lock(mutex_);
  importing_ = false;
  flush_wanted_ = false;
  held_.Clear();
  touched_.clear();
  stale_before_ = ++now_;
  changed_.NotifyAll();
}

WriteGate::Mark WriteGate::MarkLookup() {
  MutexLock lock(mutex_);
  return now_;
}

WriteGate::Staleness WriteGate::Hold(std::span<const uint64_t> keys, Mark mark) {
  MutexLock lock(mutex_);
  CHECK(importing_);
  for (const uint64_t key : keys) {
    if (!held_.Contains(key)) held_.Insert(key, 0);
  }
  // Writes that passed before end by themselves: they wait for nobody once they have passed.
  while (std::any_of(keys.begin(), keys.end(),
                     [this](uint64_t key) REQUIRES(mutex_) { return active_.contains(key); })) {
    changed_.Wait(mutex_);
  }
  Staleness staleness;
  staleness.all = mark < stale_before_;
  if (staleness.all || touched_.empty()) return staleness;
  for (const uint64_t key : keys) {
    const auto found = touched_.find(key);
    if (found != touched_.end() && found->second >= mark) staleness.keys.push_back(key);
  }
  return staleness;
}

void WriteGate::ReleaseHeld() {
  MutexLock lock(mutex_);
  held_.Clear();
  touched_.clear();
  stale_before_ = ++now_;
  flush_wanted_ = false;
  changed_.NotifyAll();
}

bool WriteGate::FlushWanted() {
  MutexLock lock(mutex_);
  return flush_wanted_;
}

}  // namespace tarn::fhir_store
