// Any bytes: the walk over simdjson's index agrees with a plain scanner; what is accepted is
// written back and read as the same; nodes tile their parents.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "json/document.h"
#include "json/internal/strict_scan.h"
#include "json/value.h"

namespace {

using tarn::json::Document;
using tarn::json::Kind;
using tarn::json::kNoNode;

void CheckNodes(const Document& document) {
  const auto& nodes = document.nodes();
  CHECK(!nodes.empty() && nodes[0].next == nodes.size());
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const bool container = nodes[i].kind == Kind::kArray || nodes[i].kind == Kind::kObject;
    CHECK(nodes[i].begin < nodes[i].end && nodes[i].end <= document.text().size());
    CHECK(nodes[i].next > i && (container || nodes[i].next == i + 1));
    uint32_t at = nodes[i].begin + 1;
    for (uint32_t child = document.FirstChild(i); child != kNoNode;
         child = document.NextSibling(i, child)) {
      CHECK(nodes[child].begin >= at && nodes[child].end < nodes[i].end);
      CHECK(nodes[child].in_object == (nodes[i].kind == Kind::kObject));
      if (nodes[child].in_object) {
        CHECK(document.Find(i, document.Key(child)) == child);
      }
      at = nodes[child].end;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tarn::json::Limits limits;
  limits.depth_max = 12;
  limits.nodes_max = 5000;
  tarn::json::Parser parser(limits);
  const auto result = parser.Parse(text);
  const std::string_view fault = tarn::json::internal::StrictScan(text, limits.depth_max).what;
  if (!result.ok()) {
    const std::string& detail = result.error().detail;
    CHECK(detail.find("not JSON") == std::string::npos);
    const bool beyond_grammar = detail.find("already has") != std::string::npos ||
                                detail.find("too many values") != std::string::npos ||
                                detail.find("too long") != std::string::npos;
    CHECK(beyond_grammar || !fault.empty());
    return 0;
  }
  CHECK(fault.empty());
  CheckNodes(result.value());
  const auto value = tarn::json::ToValue(result.value());
  const std::string written = ToText(value);
  const auto again = tarn::json::ParseValue(written, limits);
  CHECK(again.ok() && again.value() == value && ToText(again.value()) == written);
  const auto pretty = tarn::json::ParseValue(ToPrettyText(value), limits);
  CHECK(pretty.ok() && pretty.value() == value);
  return 0;
}
