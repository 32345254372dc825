// The CapabilityStatement: what this surface serves, and nothing else.
// Spec: FHIR R4 "CapabilityStatement".
#pragma once

#include <string>
#include <string_view>

namespace tarn::fhir_api::internal {

struct CapabilityFacts {
  std::string_view endpoint;
  std::string_view software_version;  // Empty: not said.
  bool smart = false;
};

std::string CapabilityStatementText(const CapabilityFacts& facts);

}  // namespace tarn::fhir_api::internal
