#include "fhir_api/internal/answer.h"

#include <algorithm>
#include <utility>

namespace tarn::fhir_api::internal {

using http::Request;
using http::Response;

Response IssuesResponse(int status, const std::vector<fhir::Issue>& issues) {
  Response response;
  response.status = status;
  response.headers.Add("Content-Type", "application/fhir+json");
  response.body = fhir::OperationOutcomeText(issues);
  return response;
}

Response FaultResponse(const Fault& fault) {
  fhir::Issue issue;
  issue.code = fault.code;
  issue.diagnostics = fault.text;
  return IssuesResponse(fault.status, {std::move(issue)});
}

Fault FaultOf(const Error& error) {
  const fhir::OutcomeForm form = fhir::OutcomeFormOf(error.kind);
  return {form.status, form.code, error.detail};
}

Response ErrorToResponse(const Error& error) {
  Response response = FaultResponse(FaultOf(error));
  if (error.kind == ErrorKind::kBusy || error.kind == ErrorKind::kUnavailable) {
    response.headers.Add("Retry-After", "1");
  }
  return response;
}

std::string TagOf(uint64_t version_id) { return "W/\"" + std::to_string(version_id) + "\""; }

std::string VersionPath(const fhir_store::Version& version) {
  return std::string(fhir::TypeName(version.type)) + "/" + version.id + "/_history/" +
         std::to_string(version.version_id);
}

Result<std::string_view> ReadBody(const Request& request, uint64_t bytes_max,
                                  std::string_view too_large, std::string* storage) {
  if (request.body_reader == nullptr) return std::string_view(request.body);
  if (request.content_length.has_value()) {
    storage->reserve(std::min(*request.content_length, bytes_max));
  }
  char piece[16 * 1024];
  for (;;) {
    TRY(const size_t bytes, request.body_reader->Read(piece));
    if (bytes == 0) return std::string_view(*storage);
    if (storage->size() + bytes > bytes_max) {
      return Error{ErrorKind::kTooLarge, std::string(too_large)};
    }
    storage->append(piece, bytes);
  }
}

}  // namespace tarn::fhir_api::internal
