// Does what a batch or transaction Bundle asks for.
// Spec: FHIR R4 "RESTful API", section 3.1.0.11. What differs: docs/reference/fhir-api.md.
#pragma once

#include <string_view>

#include "fhir_api/internal/matching.h"
#include "fhir_api/internal/negotiation.h"
#include "fhir_store/fhir_store.h"
#include "http/message.h"

namespace tarn::fhir_api::internal {

struct BundleCall {
  fhir_store::FhirStore* store = nullptr;  // Not null.
  MatchScope scope;
  Preferences preferences;
  Media media = Media::kFhirJson;
};

// `text`: the Bundle. A transaction that fails answers an OperationOutcome whose expression names
// the entry, and nothing of it was done; a batch always answers a Bundle, unless it is none itself.
http::Response RunBundle(const BundleCall& call, std::string_view text);

}  // namespace tarn::fhir_api::internal
