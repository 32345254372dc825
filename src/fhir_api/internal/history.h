// The history of an instance: query to page, page to Bundle.
// Spec: FHIR R4 "RESTful API", section "history"; "Bundle", type history.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/uri.h"
#include "fhir/search_query.h"
#include "fhir_api/internal/matching.h"
#include "fhir_api/internal/negotiation.h"
#include "fhir_store/fhir_store.h"
#include "http/message.h"

namespace tarn::fhir_api::internal {

// `page` is ours: it continues a history behind a version. _summary and _elements: view.h.
inline constexpr std::array<std::string_view, 6> kHistoryParameters = {
    "_count", "_since", "_at", "_summary", "_elements", "page"};

struct HistoryCall {
  MatchScope scope;
  fhir::TypeId type = fhir::kNoType;
  std::string_view id;
  fhir::Handling handling = fhir::Handling::kStrict;
  QueryParameters parameters;  // Those of kHistoryParameters; links repeat them.
};
// Answers 200 with the Bundle, or what is wrong.
http::Response RunHistory(const HistoryCall& call, Media media);

}  // namespace tarn::fhir_api::internal
