// Answers that every interaction gives in the same form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/operation_outcome.h"
#include "fhir_api/internal/negotiation.h"
#include "fhir_store/fhir_store.h"
#include "http/message.h"

namespace tarn::fhir_api::internal {

http::Response IssuesResponse(int status, const std::vector<fhir::Issue>& issues);
http::Response FaultResponse(const Fault& fault);
http::Response ErrorToResponse(const Error& error);

Fault FaultOf(const Error& error);

// FHIR R4 "http.html" 3.1.0.1.3: versions are weak entity tags.
std::string TagOf(uint64_t version_id);
// "Patient/1/_history/2"
std::string VersionPath(const fhir_store::Version& version);

// The whole body, at most `bytes_max`. `storage` holds it when it had to be read. Errors: kTooLarge
// (the detail is `too_large`) and the connection's.
Result<std::string_view> ReadBody(const http::Request& request, uint64_t bytes_max,
                                  std::string_view too_large, std::string* storage);

}  // namespace tarn::fhir_api::internal
