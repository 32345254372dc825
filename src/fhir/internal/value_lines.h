// Index values as lines of text, for tests: "gender token http://...|male".
#pragma once

#include <string>
#include <vector>

#include "fhir/index_values.h"

namespace tarn::fhir::internal {

std::string ValueLine(const IndexValue& value, const IndexValues& values);
// The lines of one parameter of the resource's type, in the order of extraction.
std::vector<std::string> ValueLines(const IndexValues& values, std::string_view code);

}  // namespace tarn::fhir::internal
