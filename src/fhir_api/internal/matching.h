// Which resources criteria mean, in conditional interactions and conditional references.
// Spec: FHIR R4 "RESTful API", "Conditional create", "Conditional update", "Conditional delete".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir_store/fhir_store.h"

namespace tarn::fhir_api::internal {

// What criteria are read against.
struct MatchScope {
  const fhir_store::FhirStore* store = nullptr;  // Not null.
  std::string_view endpoint;
  int64_t now_unix_ms = 0;
  fhir::Compatibility compatibility = fhir::Compatibility::kFhir;
};

// The resources of `type` that meet the criteria; two when there are two or more.
// Errors: kInvalid (the criteria; none at all), kUnsupported, and those of FhirStore::Search.
Result<std::vector<fhir_store::Version>> Match(const MatchScope& scope, fhir::TypeId type,
                                               std::string_view criteria);

}  // namespace tarn::fhir_api::internal
