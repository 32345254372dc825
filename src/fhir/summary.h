// A resource cut down to the part that a reader asked for: _summary and _elements.
// Spec: FHIR R4 "Search", sections 3.1.1.5.8 and 3.1.1.5.9; ElementDefinition.isSummary and min.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/search_query.h"

namespace tarn::fhir {

// What of each resource is wanted. `elements` are names of the first level ("name", "value" or
// "valueQuantity" for value[x]); with any, `summary` is kFalse.
struct View {
  Summary summary = Summary::kFalse;
  std::vector<std::string> elements;

  bool IsWhole() const {
    return elements.empty() && (summary == Summary::kFalse || summary == Summary::kCount);
  }
};

// The resource as the view shows it, all that stays as it is written, with the tag SUBSETTED of
// v3-ObservationValue in `meta`, unless the view is whole.
//
//   kTrue      elements that the definitions mark so, at every level
//   kText      text, id, meta and what is mandatory
//   kData      all but text
//   elements   those, id, meta and what is mandatory
//
// Elements that change the meaning of others (isModifier) always stay. What R4 does not define goes
// with kTrue, kText and elements. Errors: kInvalid: the text is no resource.
Result<std::string> CutDown(std::string_view resource, const View& view);

}  // namespace tarn::fhir
