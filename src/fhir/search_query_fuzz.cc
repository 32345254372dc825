// Any bytes as a search: what parses is bounded, prints, and reads back as the same query; values
// that were found in a resource can be judged by it. First byte: which type and which rules.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "fhir/resource.h"
#include "fhir/search_match.h"
#include "fhir/search_query.h"

namespace {

using namespace tarn::fhir;

constexpr std::string_view kTypesSearched[] = {"Observation", "Patient",  "",
                                               "Location",    "ValueSet", "RiskAssessment",
                                               "Condition",   "CarePlan"};
constexpr std::string_view kResource =
    R"({"resourceType":"Observation","id":"o","status":"final","code":{"text":"Text","coding":[)"
    R"({"system":"http://loinc.org","code":"8480-6"}]},"subject":{"reference":"Patient/1"},)"
    R"("effectivePeriod":{"start":"2021"},"valueQuantity":{"value":1.20,"comparator":"<",)"
    R"("code":"mg","system":"http://unitsofmeasure.org"},"component":[{"code":{"coding":[)"
    R"({"code":"x"}]},"valueString":"y"}]})";

struct Fixture {
  SearchParameterSet parameters;
  std::unique_ptr<Extractor> extractor;
  tarn::json::Parser parser;
  IndexValues values;

  Fixture() : parser(ResourceLimits()) {
    auto made = Extractor::Make(parameters, {});
    CHECK(made.ok());
    extractor = std::move(made).value();
    const auto document = parser.Parse(kResource);
    CHECK(document.ok());
    CHECK(extractor->Extract(document.value(), FindType("Observation"), {}, &values).ok());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Fixture fixture;
  if (size == 0) return 0;
  SearchTarget target;
  target.type = FindType(kTypesSearched[data[0] % std::size(kTypesSearched)]);
  SearchContext context;
  context.parameters = &fixture.parameters;
  context.handling = (data[0] & 64) != 0 ? Handling::kLenient : Handling::kStrict;
  context.compatibility = (data[0] & 128) != 0 ? Compatibility::kHealthLake : Compatibility::kFhir;
  context.now_us = 1'700'000'000'000'000;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ParsedSearch parsed = ParseSearch(text, "", target, context);
  for (const Issue& issue : parsed.errors) CHECK(!issue.code.empty() && !issue.diagnostics.empty());
  if (!parsed.errors.empty()) return 0;
  for (const StatedCriterion& stated : parsed.query.criteria) {
    const auto found = Matches(stated.criterion, fixture.values, {});
    CHECK(found.ok() || found.error().kind == tarn::ErrorKind::kUnsupported);
  }
  SearchQuery query = parsed.query;
  query.page_token.clear();
  const std::string again = SearchQueryText(query);
  const ParsedSearch reparsed = ParseSearch(again, "", target, context);
  CHECK(reparsed.errors.empty() && reparsed.warnings.empty());
  CHECK(reparsed.query == query);
  return 0;
}
