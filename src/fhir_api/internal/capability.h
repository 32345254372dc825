// The CapabilityStatement: what this surface serves, and nothing else.
// Spec: FHIR R4 "CapabilityStatement".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fhir/search_parameters.h"
#include "fhir/search_query.h"
#include "fhir_store/search.h"

namespace tarn::fhir_api::internal {

struct CapabilityFacts {
  std::string_view endpoint;
  std::string_view software_version;  // Empty: not said.
  bool smart = false;
  const fhir::SearchParameterSet& parameters;  // Of the data store.
  fhir::Compatibility compatibility = fhir::Compatibility::kFhir;
  std::vector<fhir_store::ParameterProgress> filling = {};
};

// "1200 of 56000 resources".
std::string FillingText(const fhir_store::ParameterProgress& filling);

std::string CapabilityStatementText(const CapabilityFacts& facts);

}  // namespace tarn::fhir_api::internal
