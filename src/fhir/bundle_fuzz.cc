// Any bytes as a Bundle: read or refused; a resource without links to change stays as it is, and
// one whose links are changed is JSON still.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/check.h"
#include "fhir/bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tarn::fhir;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tarn::json::Parser parser(BundleLimits());
  const auto document = parser.Parse(text);
  if (!document.ok()) return 0;
  const auto bundle = ReadBundle(document.value(), "http://localhost/r4/");
  if (!bundle.ok()) return 0;
  const std::vector<BundleEntry>& entries = bundle.value().entries;
  const std::vector<size_t> order = ProcessingOrder(entries);
  CHECK(std::set<size_t>(order.begin(), order.end()).size() == entries.size());

  BundleLinks links;
  for (size_t i = 0; i < entries.size(); ++i) {
    links.AddEntry(entries[i].full_url, "Patient/new" + std::to_string(i));
  }
  for (const BundleEntry& entry : entries) {
    if (entry.resource == tarn::json::kNoNode) continue;
    if (document.value().kind(entry.resource) != tarn::json::Kind::kObject) continue;
    std::string same;
    AppendLinked(document.value(), entry.resource, entry.full_url, {}, &same);
    CHECK(same == document.value().Raw(entry.resource));
    std::set<std::string> conditional;
    CollectConditionalReferences(document.value(), entry.resource, &conditional);
    for (const std::string& reference : conditional) {
      CHECK(ParseConditionalReference(reference).has_value());
    }
    std::string linked;
    AppendLinked(document.value(), entry.resource, entry.full_url, links, &linked);
    tarn::json::Parser again(BundleLimits());
    CHECK(again.Parse(linked).ok());
  }
  return 0;
}
