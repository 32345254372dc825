#include "fhir_api/internal/matching.h"

#include <utility>

#include "fhir/search_query.h"

namespace tarn::fhir_api::internal {

Result<std::vector<fhir_store::Version>> Match(const MatchScope& scope, fhir::TypeId type,
                                               std::string_view criteria) {
  fhir::SearchContext context;
  context.parameters = &scope.store->search_parameters();
  context.compatibility = scope.compatibility;
  context.now_us = scope.now_unix_ms * 1000;
  context.base_urls = {std::string(scope.endpoint)};
  context.own_path = scope.store->own_path();
  fhir::ParsedSearch parsed = fhir::ParseCriteria(criteria, type, context);
  if (!parsed.errors.empty()) return Invalid("criteria: " + parsed.errors[0].diagnostics);
  // All resources of a type are nobody's choice.
  if (parsed.query.criteria.empty()) return Invalid("criteria: there are none");
  parsed.query.count = 2;
  fhir_store::SearchRequest request;
  request.query = &parsed.query;
  request.compatibility = scope.compatibility;
  auto page = scope.store->Search(request);
  // A value set that nobody has: the criteria are at fault, not the path.
  if (!page.ok() && page.error().kind == ErrorKind::kNotFound) {
    return Invalid("criteria: " + page.error().detail);
  }
  if (!page.ok()) return page.error();
  return std::move(page.value().matches);
}

}  // namespace tarn::fhir_api::internal
