// What one query may still spend, and what it has spent: keys and bodies read, memory, time.
// Threads: belongs to the query's thread.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/result.h"
#include "fhir_store/search.h"
#include "fhir_store/search_memory.h"

namespace tarn::fhir_store {

class SearchBudget {
 public:
  // The arguments must outlive the budget. `memory`: of all searches; null: only this one's bound.
  SearchBudget(const SearchLimits& limits, const Clock& clock,
               const std::function<bool()>& cancelled, SearchMemory* memory = nullptr)
      : limits_(limits),
        clock_(clock),
        cancelled_(cancelled),
        memory_(memory),
        deadline_ns_(clock.MonotonicNs() + limits.time_ms_max * 1'000'000) {}
  ~SearchBudget() {
    if (memory_ != nullptr) memory_->Give(taken_);
  }
  SearchBudget(const SearchBudget&) = delete;
  SearchBudget& operator=(const SearchBudget&) = delete;

  // Errors of all: kTooLarge, naming the bound; kTimeout: cancelled; kBusy: PauseAfter, or other
  // searches hold the memory.
  Status SpendKey() {
    if (++keys_ > pause_at_) return Pause();
    if (keys_ > limits_.keys_max) return TooCostly("keys of the index");
    return keys_ % kLookEvery == 0 ? Look() : Ok();
  }
  Status SpendBody() {
    if (++bodies_ > limits_.bodies_max) return TooCostly("resources read one by one");
    return bodies_ % kLookEvery == 0 ? Look() : Ok();
  }
  // `bytes`: what one set occupies now.
  Status CheckMemory(uint64_t bytes) {
    if (bytes > limits_.memory_bytes_max) return TooCostly("memory");
    return memory_ == nullptr || bytes <= kOwnBytes + taken_ ? Ok() : TakeMemory(bytes);
  }
  // From the given number of further keys on every key is refused (kBusy), until Continue.
  void PauseAfter(uint64_t keys) { pause_at_ = keys_ + keys; }
  void Continue() {
    pause_at_ = UINT64_MAX;
    paused_ = false;
  }
  // Whether a key was refused so.
  bool paused() const { return paused_; }

  // Looks at the clock and at whether somebody still waits for the answer.
  Status Look() const;

  uint64_t keys() const { return keys_; }
  uint64_t bodies() const { return bodies_; }

 private:
  static constexpr uint64_t kLookEvery = 256;
  static constexpr uint64_t kOwnBytes = 1u << 20;  // Of a search that asks nobody.
  static Status TooCostly(const char* what);
  Status TakeMemory(uint64_t bytes);
  Status Pause() {
    paused_ = true;
    return Error{ErrorKind::kBusy, "more keys than may be read at once"};
  }

  const SearchLimits& limits_;
  const Clock& clock_;
  const std::function<bool()>& cancelled_;
  SearchMemory* const memory_;
  uint64_t taken_ = 0;
  const int64_t deadline_ns_;
  uint64_t keys_ = 0;
  uint64_t bodies_ = 0;
  uint64_t pause_at_ = UINT64_MAX;
  bool paused_ = false;
};

}  // namespace tarn::fhir_store
