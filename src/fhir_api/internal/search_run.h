// A search over HTTP: query string and form to FhirStore::Search, its page to a Bundle of type
// searchset that holds the stored bytes as they are.
// Spec: FHIR R4 "RESTful API", section "search"; "Search"; "Bundle", type searchset.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "fhir/search_query.h"
#include "fhir_api/internal/matching.h"
#include "fhir_api/internal/negotiation.h"
#include "http/message.h"

namespace tarn::fhir_api::internal {

struct SearchCall {
  MatchScope scope;
  fhir::SearchTarget target;
  fhir::Handling handling = fhir::Handling::kStrict;
  std::string_view query;  // Without '?', percent-encoded.
  std::string_view form;   // The body of POST _search, the same form.
};

// Answers 200 with the Bundle, or what is wrong.
http::Response RunSearch(const SearchCall& call, Media media);

}  // namespace tarn::fhir_api::internal
