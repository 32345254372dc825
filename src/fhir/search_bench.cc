// What the index costs a write (parse and extraction over the Synthea resources beside the
// repository), and what parsing and judging a query costs a search.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "fhir/index_values.h"
#include "fhir/ndjson.h"
#include "fhir/resource.h"
#include "fhir/search_match.h"
#include "fhir/search_query.h"

namespace tarn::fhir {
namespace {

constexpr const char* kArchive = TARN_SOURCE_DIR "/../shared/data/synthea/ndjson.tar.zst";

// All resources, one a line; empty when the archive is not there.
const std::string& Synthea() {
  static const std::string kText = [] {
    std::string out;
    if (!std::filesystem::exists(kArchive)) return out;
    const std::string command = "zstd -dc '" + std::string(kArchive) + "' | tar xO";
    std::FILE* pipe = popen(command.c_str(), "r");
    CHECK(pipe != nullptr);
    std::vector<char> buffer(1u << 20);
    for (size_t bytes = 1; bytes > 0;) {
      bytes = std::fread(buffer.data(), 1, buffer.size(), pipe);
      out.append(buffer.data(), bytes);
    }
    CHECK(pclose(pipe) == 0);
    out.append(json::kPadding, ' ');
    return out;
  }();
  return kText;
}

std::unique_ptr<Extractor> MakeExtractor(bool words) {
  ExtractorOptions options;
  options.text_words = words;
  options.content_words = words;
  auto made = Extractor::Make(SearchParameterSet(), std::move(options));
  CHECK(made.ok());
  return std::move(made).value();
}

enum class Part { kParse, kExtract, kWords };

// Time per resource of one type, or of all ("").
void BM_Synthea(benchmark::State& state, Part part, const std::string& type) {
  if (Synthea().empty()) {
    state.SkipWithError("the Synthea archive is not there");
    return;
  }
  const auto extractor = MakeExtractor(part == Part::kWords);
  const std::string begin = "{\"resourceType\":\"" + type;
  std::vector<std::string_view> lines;
  NdjsonLine line;
  for (NdjsonLines all(Synthea(), {}, kResourceBytesMax); all.Next(&line);) {
    if (line.text.starts_with(begin)) lines.push_back(line.text);
  }
  CHECK(!lines.empty());
  json::Parser parser(ResourceLimits());
  IndexValues values;
  size_t at = 0;
  size_t found = 0;
  for (auto _ : state) {
    const auto document = parser.ParsePadded(lines[at]);
    CHECK(document.ok());
    const auto envelope = ReadEnvelope(document.value());
    CHECK(envelope.ok());
    if (part != Part::kParse) {
      CHECK(extractor->Extract(document.value(), envelope.value().type, {}, &values).ok());
      CHECK(!values.values().empty());
      found += values.values().size();
    }
    at = (at + 1) % lines.size();
  }
  state.counters["values"] =
      benchmark::Counter(static_cast<double>(found), benchmark::Counter::kAvgIterations);
}
BENCHMARK_CAPTURE(BM_Synthea, parse, Part::kParse, "")->Iterations(92'057);
BENCHMARK_CAPTURE(BM_Synthea, extract, Part::kExtract, "")->Iterations(92'057);
BENCHMARK_CAPTURE(BM_Synthea, extract_with_words, Part::kWords, "")->Iterations(92'057);
BENCHMARK_CAPTURE(BM_Synthea, extract_observation, Part::kExtract, "Observation");
BENCHMARK_CAPTURE(BM_Synthea, extract_claim, Part::kExtract, "Claim");
BENCHMARK_CAPTURE(BM_Synthea, extract_explanation, Part::kExtract, "ExplanationOfBenefit");
BENCHMARK_CAPTURE(BM_Synthea, extract_patient, Part::kExtract, "Patient");
BENCHMARK_CAPTURE(BM_Synthea, extract_encounter, Part::kExtract, "Encounter");

void BM_Query(benchmark::State& state, const char* type, const char* query) {
  const SearchParameterSet parameters;
  SearchContext context;
  context.parameters = &parameters;
  SearchTarget target;
  target.type = FindType(type);
  for (auto _ : state) {
    const ParsedSearch parsed = ParseSearch(query, "", target, context);
    CHECK(parsed.errors.empty() && !parsed.query.criteria.empty());
  }
}
BENCHMARK_CAPTURE(BM_Query, patient_code_date, "Observation",
                  "patient=Patient/1&code=http%3A%2F%2Floinc.org%7C8480-6&date=ge2020&_count=20");
BENCHMARK_CAPTURE(BM_Query, tokens, "Observation",
                  "status=final&category=vital-signs&code=8480-6,8462-4&_sort=-date");
BENCHMARK_CAPTURE(BM_Query, chain, "Observation",
                  "subject:Patient.name=peter&_include=Observation:subject");
BENCHMARK_CAPTURE(BM_Query, untyped_chain, "Observation", "subject.name=peter");
BENCHMARK_CAPTURE(BM_Query, quantity, "Observation",
                  "value-quantity=gt5.4%7Chttp%3A%2F%2Funitsofmeasure.org%7Cmg%2FdL");

void BM_Match(benchmark::State& state) {
  const std::string text =
      R"({"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org",)"
      R"("code":"8480-6"}]},"subject":{"reference":"Patient/1"},"effectiveDateTime":"2021-03-04",)"
      R"("valueQuantity":{"value":120,"code":"mm[Hg]","system":"http://unitsofmeasure.org"}})";
  json::Parser parser(ResourceLimits());
  const auto document = parser.Parse(text);
  CHECK(document.ok());
  IndexValues values;
  const auto extractor = MakeExtractor(false);
  CHECK(extractor->Extract(document.value(), FindType("Observation"), {}, &values).ok());
  const SearchParameterSet parameters;
  SearchContext context;
  context.parameters = &parameters;
  const ParsedSearch parsed =
      ParseCriteria("patient=1&code=http://loinc.org|8480-6&date=ge2020&value-quantity=gt100",
                    FindType("Observation"), context);
  CHECK(parsed.errors.empty());
  for (auto _ : state) {
    for (const StatedCriterion& criterion : parsed.query.criteria) {
      const auto met = Matches(criterion.criterion, values, {});
      CHECK(met.ok() && met.value());
    }
  }
}
BENCHMARK(BM_Match);

}  // namespace
}  // namespace tarn::fhir
