#include "runner_host/environment.h"

#include <cstdlib>

namespace tarn::runner_host {

Environment SystemEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

}  // namespace tarn::runner_host
