// Any text as a query and as a bare condition over any document. Beyond not crashing: every
// located path, followed step by step, leads to the value that was selected.
#include <cstdint>
#include <string_view>

#include "arazzo/jsonpath.h"
#include "base/check.h"
#include "json/value.h"

namespace {

using tarn::arazzo::Path;
using tarn::json::Value;

const Value* Follow(const Value& root, const Path& path) {
  const Value* at = &root;
  for (const auto& step : path) {
    if (const auto* name = std::get_if<std::string>(&step)) {
      at = at->Find(*name);
    } else {
      at = &at->items()[std::get<uint64_t>(step)];
    }
    CHECK(at != nullptr);
  }
  return at;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t split = input.find('\n');
  const std::string_view query_text = input.substr(0, split);
  auto document = tarn::json::ParseValue(split == input.npos ? "[{\"a\":[1,\"b\"]},2]"
                                                             : input.substr(split + 1));
  if (!document.ok()) return 0;
  const Value& root = document.value();
  if (const auto query = tarn::arazzo::JsonPathQuery::Parse(query_text); query.ok()) {
    const auto values = query.value().Select(root);
    const auto paths = query.value().Locate(root);
    CHECK(values.ok() == paths.ok());
    if (!values.ok()) return 0;
    CHECK(values.value().size() == paths.value().size());
    CHECK(!query.value().IsSingular() || values.value().size() <= 1);
    for (size_t i = 0; i < values.value().size(); ++i) {
      CHECK(Follow(root, paths.value()[i]) == values.value()[i]);
    }
  }
  if (const auto condition = tarn::arazzo::JsonPathCondition::Parse(query_text); condition.ok()) {
    const auto first = condition.value().Holds(root);
    const auto second = condition.value().Holds(root);
    CHECK(first.ok() == second.ok());
    CHECK(!first.ok() || first.value() == second.value());
    (void)condition.value().Observed(root);
  }
  return 0;
}
