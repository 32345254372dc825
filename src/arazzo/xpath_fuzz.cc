// XPath over XML, both from outside: nothing crashes, a replacement leaves XML, and a selection
// that is true selects something.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "arazzo/internal/xpath.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  if (line == input.npos) return 0;
  const std::string expression(input.substr(0, line));
  const std::string_view xml = input.substr(line + 1);
  (void)tarn::arazzo::CheckXPath(expression);
  const auto holds = tarn::arazzo::EvaluateXPath(xml, expression);
  const auto selected = tarn::arazzo::SelectXPath(xml, expression);
  if (holds.ok() && selected.ok() && holds.value()) CHECK(selected.value().has_value());
  const auto replaced = tarn::arazzo::ReplaceAtXPath(xml, expression, "<&\"x");
  if (replaced.ok()) CHECK(tarn::arazzo::EvaluateXPath(replaced.value(), "/*").value());
  return 0;
}
