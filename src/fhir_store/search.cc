#include "fhir_store/search.h"

#include <utility>

#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/state.h"

namespace tarn::fhir_store {

Result<SearchPage> FhirStore::Search(const SearchRequest&) const {
  return Error{ErrorKind::kUnsupported, "search is not served yet"};
}

const fhir::SearchParameterSet& FhirStore::search_parameters() const {
  return state_->search_parameters;
}

}  // namespace tarn::fhir_store
