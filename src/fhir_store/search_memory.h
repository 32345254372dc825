// Memory for the bitmaps of all searches that share it, counted as each one's largest set. Small
// ones, of 1 MB, need none of it.
// Threads: every method may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace tarn::fhir_store {

class SearchMemory {
 public:
  explicit SearchMemory(uint64_t bytes) : bytes_(bytes), left_(bytes) {}

  uint64_t bytes() const { return bytes_; }
  // Takes so much, or nothing when there is less.
  bool TryTake(uint64_t bytes) {
    uint64_t left = left_.load(std::memory_order_relaxed);
    do {
      if (left < bytes) return false;
    } while (!left_.compare_exchange_weak(left, left - bytes, std::memory_order_relaxed));
    return true;
  }
  void Give(uint64_t bytes) { left_.fetch_add(bytes, std::memory_order_relaxed); }

 private:
  const uint64_t bytes_;
  std::atomic<uint64_t> left_;
};

}  // namespace tarn::fhir_store
