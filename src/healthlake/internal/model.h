// HealthLake's service model: the version of 2025-01-24 and ValidationLevel.
#pragma once

#include "service_model/model.h"

namespace tarn::healthlake::internal {

// The tables that the build makes from model.json.
const service_model::Model& ServiceModel();

}  // namespace tarn::healthlake::internal
