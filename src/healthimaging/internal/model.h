// HealthImaging's service model: 2023-07-19, as of May 2026.
#pragma once

#include "service_model/model.h"

namespace tarn::healthimaging::internal {

// The tables that the build makes from model.json.
const service_model::Model& ServiceModel();

}  // namespace tarn::healthimaging::internal
