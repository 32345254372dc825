#include "fhir_store/internal/search_budget.h"

#include <string>

namespace tarn::fhir_store {

Status SearchBudget::TooCostly(const char* what) {
  return Error{ErrorKind::kTooLarge,
               std::string("the search is too costly: its bound of ") + what + " is reached"};
}

Status SearchBudget::Look() const {
  if (cancelled_ && cancelled_()) return Error{ErrorKind::kTimeout, "the search was cancelled"};
  return clock_.MonotonicNs() > deadline_ns_ ? TooCostly("time") : Ok();
}

}  // namespace tarn::fhir_store
