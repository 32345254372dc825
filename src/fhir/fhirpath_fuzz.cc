// Any text as FHIRPath: refused or compiled; what compiles is evaluated within its limits, and its
// walk, when it has one, agrees with the machine.
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/check.h"
#include "fhir/fhirpath.h"

namespace tarn::fhir {
namespace {

constexpr std::string_view kResource =
    R"({"resourceType":"Patient","id":"p","active":true,"birthDate":"1970-01-02","_birthDate":)"
    R"({"extension":[{"url":"u","valueDateTime":"1970-01-02T03:04:05+02:00"}]},"name":[{"use":)"
    R"("official","family":"F","given":["A","B"],"_given":[null,{"id":"g"}]},{"given":["A"]}],)"
    R"("multipleBirthInteger":2,"contained":[{"resourceType":"Observation","id":"o","status":)"
    R"("final","code":{"text":"c"},"valueQuantity":{"value":1.50,"unit":"mg","code":"mg"}}],)"
    R"("generalPractitioner":[{"reference":"#o"},{"reference":"Practitioner/1"}]})";

std::set<std::string> Texts(std::span<const PathItem> items) {
  std::set<std::string> texts;
  for (const PathItem& item : items) {
    if (item.is_node() && item.at.node == json::kNoNode) continue;  // The walk passes over these.
    texts.insert(PathItemTypeName(item) + " " + PathItemText(item));
  }
  return texts;
}

void Run(std::string_view text) {
  PathLimits limits;
  limits.steps_max = 20'000;
  limits.items_max = 5000;
  limits.text_memory_bytes_max = 200'000;
  static json::Parser parser;
  static const json::Document document = parser.Parse(kResource).value();
  static PathEvaluator evaluator(limits);
  for (const bool others : {false, true}) {
    PathOptions options;
    options.context = others ? kTypes.patient : kUnknownType;
    options.other_types_are_empty = others;
    const auto program = CompilePath(text, options);
    if (!program.ok()) {
      CHECK(!program.error().detail.empty());
      continue;
    }
    CHECK(program.value().text() == text);
    CHECK(!program.value().Listing().empty());
    const auto items = evaluator.Evaluate(program.value(), document, {});
    if (!items.ok() || !others) continue;
    const std::set<std::string> evaluated = Texts(items.value());
    const PathSet::Entry entries[] = {{text, {}}};
    const auto set = PathSet::Compile(kTypes.patient, entries);
    CHECK(set.ok());
    const auto matches = evaluator.Extract(set.value(), document, {});
    CHECK(matches.ok());
    std::set<std::string> walked;
    for (const PathMatch& match : matches.value()) walked.merge(Texts({&match.item, 1}));
    CHECK(walked == evaluated);
  }
}

}  // namespace
}  // namespace tarn::fhir

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tarn::fhir::Run(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
