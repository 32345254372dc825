#include "fhir_store/internal/search_budget.h"

#include <string>

namespace tarn::fhir_store {

Status SearchBudget::TooCostly(const char* what) {
  return Error{ErrorKind::kTooLarge,
               std::string("the search is too costly: its bound of ") + what + " is reached"};
}

Status SearchBudget::TakeMemory(uint64_t bytes) {
  // In large steps, so that a set that grows asks seldom.
  const uint64_t more = (bytes / kOwnBytes + 1) * kOwnBytes - taken_;
  if (taken_ + more > memory_->bytes()) return TooCostly("memory");
  if (!memory_->TryTake(more)) {
    return Error{ErrorKind::kBusy, "other searches hold the memory for large ones; try again"};
  }
  taken_ += more;
  return Ok();
}

Status SearchBudget::Look() const {
  if (cancelled_ && cancelled_()) return Error{ErrorKind::kTimeout, "the search was cancelled"};
  return clock_.MonotonicNs() > deadline_ns_ ? TooCostly("time") : Ok();
}

}  // namespace tarn::fhir_store
