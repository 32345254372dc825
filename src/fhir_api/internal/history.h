// The history of an instance: query to page, page to Bundle.
// Spec: FHIR R4 "RESTful API", section "history"; "Bundle", type history.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/uri.h"
#include "fhir_api/internal/negotiation.h"
#include "fhir_store/fhir_store.h"

namespace tarn::fhir_api::internal {

// `page` is ours: it continues a history behind a version. _summary and _elements: view.h.
inline constexpr std::array<std::string_view, 6> kHistoryParameters = {
    "_count", "_since", "_at", "_summary", "_elements", "page"};

std::optional<Fault> ReadHistoryQuery(const QueryParameters& parameters,
                                      fhir_store::HistoryRequest* out);

struct HistoryPlace {
  std::string_view endpoint;
  fhir::TypeId type = fhir::kNoType;
  std::string_view id;
};
// The Bundle's text. `bundle_id`: its id. `parameters`: as asked for; links repeat them.
std::string HistoryBundleText(const HistoryPlace& place, const QueryParameters& parameters,
                              const fhir_store::HistoryPage& page, std::string_view bundle_id);

}  // namespace tarn::fhir_api::internal
