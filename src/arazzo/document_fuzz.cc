// Any bytes as a YAML or JSON text and as a document: an accepted document has no errors, and
// every error has a place.
#include <cstdint>
#include <string_view>

#include "arazzo/document.h"
#include "base/check.h"

// libfyaml 0.7 loses the buffer of a quoted text that is not closed: a kilobyte for each such
// error.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfyaml"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = tarn::arazzo::ParseDocument(text, "input", tarn::arazzo::Reading::kLenient);
  CHECK(parsed.document.has_value() == !tarn::arazzo::HasErrors(parsed.diagnostics));
  for (const auto& diagnostic : parsed.diagnostics) {
    CHECK(diagnostic.place.line > 0 && diagnostic.place.column > 0);
  }
  return 0;
}
