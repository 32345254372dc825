// What a path and method below /datastore/{id}/r4 mean in FHIR, where it is not one of the
// interactions that are served: so that each is refused by its name.
#pragma once

#include <string>
#include <string_view>

#include "fhir_api/internal/negotiation.h"
#include "http/message.h"

namespace tarn::fhir_api::internal {

struct Refusal {
  Fault fault;
  std::string_view allow;  // Methods for a 405's Allow header; else empty. Static storage.
};

// `path`: the decoded part behind /r4/, without the slash; may be empty.
Refusal RefusalOf(http::Method method, std::string_view path);

// As for any other type, but: HealthLake's audit records can be made and read, not changed.
bool IsImmutableType(std::string_view type);

}  // namespace tarn::fhir_api::internal
