// The parameters of every interaction that answers resources: _summary, _elements, _pretty.
// Spec: FHIR R4 "RESTful API", section 3.1.0.1.10 (general parameters); "Search", 3.1.1.5.8.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/uri.h"
#include "fhir/operation_outcome.h"
#include "fhir/summary.h"
#include "fhir_store/fhir_store.h"
#include "http/message.h"

namespace tarn::fhir_api::internal {

inline constexpr std::array<std::string_view, 2> kViewParameters = {"_summary", "_elements"};

// What `parameters` ask for of resources of `type`. Not empty: what is wrong with them; a 400.
// `_summary=count` stays in the view: a read refuses it, a history answers its total.
std::vector<fhir::Issue> ReadView(const QueryParameters& parameters, fhir::TypeId type,
                                  fhir::Handling handling, fhir::View* out);

// The version's text as the view shows it, in its place. Errors: kCorrupt: it is no resource.
Status ApplyView(const fhir::View& view, fhir_store::Version* version);

// With `_pretty=true`, a JSON body is laid out for people.
http::Response LaidOut(const http::Request& request, http::Response response);

}  // namespace tarn::fhir_api::internal
