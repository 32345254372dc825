#include "runner_host/environment.h"

#include <cstdlib>

namespace tarn::runner_host {

Environment SystemEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    // Nothing in this program changes the environment.
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

}  // namespace tarn::runner_host
