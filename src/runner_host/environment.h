// The process's environment as an argument.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace tarn::runner_host {

// A variable's value; nothing when it is not set or empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

Environment SystemEnvironment();

}  // namespace tarn::runner_host
