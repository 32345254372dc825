// What a PathEvaluator keeps from call to call.
#pragma once

#include <vector>

#include "fhir/fhirpath.h"
#include "fhir/internal/fhirpath_machine.h"

namespace tarn::fhir::internal {

struct PathEvaluatorState {
  explicit PathEvaluatorState(const PathLimits& limits) : machine(limits) {}
  Machine machine;
  std::vector<PathMatch> matches;
};

}  // namespace tarn::fhir::internal
