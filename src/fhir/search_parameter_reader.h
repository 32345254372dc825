// A SearchParameter resource as a parameter of a data store.
// Spec: FHIR R4 "SearchParameter". Threads: functions may be called from any thread.
#pragma once

#include <optional>

#include "base/result.h"
#include "fhir/search_parameters.h"
#include "json/document.h"

namespace tarn::fhir {

// Bounds of one resource.
inline constexpr size_t kCustomComponentsMax = 8;          // kInvalid
inline constexpr size_t kCustomExpressionBytesMax = 8192;  // kInvalid

// What the resource asks for, without a number. Nothing when its status is not active, or when it
// says what R4 itself defines under the same URL. Components of composites are
// parameters of R4.
// Errors: kInvalid; the detail begins with the element: "SearchParameter.expression: ...".
Result<std::optional<CustomParameter>> ReadSearchParameter(const json::Document& resource);

}  // namespace tarn::fhir
