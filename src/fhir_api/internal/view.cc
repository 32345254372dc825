#include "fhir_api/internal/view.h"

#include <string>
#include <utility>

#include "fhir/search_query.h"
#include "json/pretty.h"

namespace tarn::fhir_api::internal {

std::vector<fhir::Issue> ReadView(const QueryParameters& parameters, fhir::TypeId type,
                                  fhir::Handling handling, fhir::View* out) {
  std::string query;
  for (const std::string_view name : kViewParameters) {
    const std::string* value = FindParameter(parameters, name);
    if (value == nullptr) continue;
    query.append(query.empty() ? "" : "&").append(name).append("=").append(PercentEncode(*value));
  }
  if (query.empty()) return {};
  // As a search reads them, so that they mean the same everywhere.
  const fhir::SearchParameterSet built_in;
  fhir::SearchContext context;
  context.parameters = &built_in;
  context.handling = handling;
  fhir::SearchTarget target;
  target.type = type;
  fhir::ParsedSearch parsed = fhir::ParseSearch(query, "", target, context);
  out->summary = parsed.query.summary;
  out->elements = std::move(parsed.query.elements);
  return std::move(parsed.errors);
}

Status ApplyView(const fhir::View& view, fhir_store::Version* version) {
  if (view.IsWhole() || version->deleted) return Ok();
  auto cut = fhir::CutDown(version->body, view);
  if (!cut.ok()) return Error{ErrorKind::kCorrupt, "a stored resource cannot be read"};
  version->body = std::move(cut).value();
  return Ok();
}

http::Response LaidOut(const http::Request& request, http::Response response) {
  if (request.query.find("_pretty") == std::string::npos || response.body.empty()) return response;
  const auto parameters = ParseQuery(request.query);
  if (!parameters.ok()) return response;
  const std::string* pretty = FindParameter(parameters.value(), "_pretty");
  if (pretty == nullptr || *pretty != "true") return response;
  if (response.headers.Get("Content-Type").find("json") == std::string_view::npos) return response;
  response.body = json::Pretty(response.body);
  return response;
}

}  // namespace tarn::fhir_api::internal
