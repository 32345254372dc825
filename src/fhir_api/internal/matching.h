// Which resources criteria mean, in conditional interactions and conditional references.
// Spec: FHIR R4 "RESTful API", "Conditional create", "Conditional update", "Conditional delete".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/search_query.h"
#include "fhir_store/fhir_store.h"

namespace tarn::fhir_api::internal {

// What criteria are read against.
struct MatchScope {
  const fhir_store::FhirStore* store = nullptr;  // Not null.
  std::string_view endpoint;
  int64_t now_unix_ms = 0;
  fhir::Compatibility compatibility = fhir::Compatibility::kFhir;
};

// Criteria as they are understood.
struct Criteria {
  fhir::TypeId type = fhir::kNoType;
  std::shared_ptr<const fhir_store::SearchDefinitions> definitions;  // That they were read by.
  fhir::SearchQuery query;
  // The same for all ways to write them that differ in order and encoding only: for
  // FhirStore::HoldCriteria.
  std::string name;
};
// `text`: percent-encoded, without '?'. Errors: kInvalid (also: there are none).
Result<Criteria> ReadCriteria(const MatchScope& scope, fhir::TypeId type, std::string_view text);

// The resources that meet the criteria; two when there are two or more.
// Errors: those of FhirStore::Search.
Result<std::vector<fhir_store::Version>> Match(const MatchScope& scope, const Criteria& criteria);

}  // namespace tarn::fhir_api::internal
