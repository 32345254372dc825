// The nearest of some names, for "did you mean" messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tarn::arazzo {

// The names closest to `wanted`, at most three, none further than a third of its length:
// "; nearest: a, b". Empty when none is near.
std::string NearestNames(std::string_view wanted, const std::vector<std::string>& names);

}  // namespace tarn::arazzo
