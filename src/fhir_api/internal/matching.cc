#include "fhir_api/internal/matching.h"

#include <algorithm>
#include <utility>

#include "fhir/resource.h"

namespace tarn::fhir_api::internal {

Result<Criteria> ReadCriteria(const MatchScope& scope, fhir::TypeId type, std::string_view text) {
  fhir::SearchContext context;
  const auto definitions = scope.store->search_definitions();
  context.parameters = &definitions->parameters;
  context.compatibility = scope.compatibility;
  context.now_us = scope.now_unix_ms * 1000;
  context.base_urls = {std::string(scope.endpoint)};
  context.own_path = scope.store->own_path();
  if (text.starts_with('?')) text.remove_prefix(1);  // What follows it is meant.
  fhir::ParsedSearch parsed = fhir::ParseCriteria(text, type, context);
  if (!parsed.errors.empty()) return Invalid("criteria: " + parsed.errors[0].diagnostics);
  // All resources of a type are nobody's choice.
  if (parsed.query.criteria.empty()) return Invalid("criteria: there are none");
  std::vector<std::string> names;
  for (const fhir::StatedCriterion& stated : parsed.query.criteria) {
    names.push_back(stated.name + "=" + stated.value);
  }
  std::sort(names.begin(), names.end());
  Criteria criteria;
  criteria.type = type;
  criteria.definitions = definitions;
  criteria.name = fhir::TypeName(type);
  for (const std::string& name : names) criteria.name.append(1, '\0').append(name);
  criteria.query = std::move(parsed.query);
  criteria.query.count = 2;
  return criteria;
}

Result<std::vector<fhir_store::Version>> Match(const MatchScope& scope, const Criteria& criteria) {
  fhir_store::SearchRequest request;
  request.query = &criteria.query;
  request.definitions = criteria.definitions;
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
