// Any bytes as an OpenAPI description: every operation found can be looked up again, and building
// a request from it either fails or stays under the server that was given.
#include <cstdint>
#include <string_view>

#include "arazzo/openapi.h"
#include "base/check.h"

// libfyaml 0.7 loses the buffer of a quoted text that is not closed: a kilobyte for each such
// error.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfyaml"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using tarn::arazzo::ParameterValue;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto api = tarn::arazzo::OpenApi::Parse(text, "https://example.com/a/b.yaml");
  if (!api.ok()) return 0;
  for (const auto& operation : api.value().operations()) {
    CHECK(operation.path.find('#') == operation.path.npos);
    if (!operation.id.empty()) CHECK(api.value().FindById(operation.id) != nullptr);
    std::vector<ParameterValue> values;
    for (const auto& parameter : operation.parameters) {
      values.push_back({parameter.name, parameter.in, tarn::json::Value::String("/../x y")});
    }
    const auto request = tarn::arazzo::BuildRequest(operation, "https://server", values);
    if (request.ok()) CHECK(request.value().url.starts_with("https://server/"));
    (void)tarn::arazzo::ChooseServer(operation.servers, {});
  }
  (void)api.value().NearestIds("getItem");
  return 0;
}
