#include "fhir_store/search.h"

#include <utility>

#include "base/check.h"
#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/custom_parameters.h"
#include "fhir_store/internal/search_run.h"
#include "fhir_store/internal/state.h"

namespace tarn::fhir_store {

Result<std::shared_ptr<const SearchDefinitions>> SearchDefinitions::Make() {
  auto definitions = std::make_shared<SearchDefinitions>();
  TRY(definitions->extractor, fhir::Extractor::Make(definitions->parameters, {}));
  return std::shared_ptr<const SearchDefinitions>(std::move(definitions));
}

Result<SearchPage> FhirStore::Search(const SearchRequest& request) const {
  CHECK(request.query != nullptr);
  const auto definitions =
      request.definitions == nullptr ? search_definitions() : request.definitions;
  SearchRun run(*state_, *definitions, request);
  auto page = run.Run();
  const bool too_costly = !page.ok() && page.error().kind == ErrorKind::kTooLarge;
  if (request.plan != nullptr && (request.query->explain || too_costly)) {
    *request.plan = run.Explain();
  }
  return page;
}

std::shared_ptr<const SearchDefinitions> FhirStore::search_definitions() const {
  // Keeps the generation, which tells when nobody uses its parameters any more.
  const auto generation = state_->generations.Get();
  return {generation, generation->reading.get()};
}

std::vector<ParameterProgress> FhirStore::FillingParameters() const {
  return state_->custom_parameters->Progress();
}

std::string_view FhirStore::own_path() const { return state_->own_path; }

}  // namespace tarn::fhir_store
