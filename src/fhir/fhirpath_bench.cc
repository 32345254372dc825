// FHIRPath over parsed resources, and what extraction for all search parameters costs.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "fhir/fhirpath.h"

namespace tarn::fhir {
namespace {

// The shapes that Synthea exports, with made-up content.
constexpr std::string_view kPatient =
    R"({"resourceType":"Patient","id":"4f6a","meta":{"profile":["http://hl7.org/fhir/us/core/)"
    R"(StructureDefinition/us-core-patient"]},"text":{"status":"generated","div":"<div xmlns=)"
    R"(\"http://www.w3.org/1999/xhtml\">made up</div>"},"extension":[{"url":"http://hl7.org/fhir/)"
    R"(us/core/StructureDefinition/us-core-race","extension":[{"url":"text","valueString":"A"}]},)"
    R"({"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueAddress":)"
    R"({"city":"X","state":"Y","country":"US"}}],"identifier":[{"system":"https://example.org",)"
    R"("value":"4f6a"},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203)"
    R"(","code":"MR"}],"text":"Medical Record Number"},"system":"http://example.org/mr","value":)"
    R"("1"},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":)"
    R"("SS"}]},"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-1"}],"name":[{"use":)"
    R"("official","family":"F","given":["G","H"],"prefix":["Mrs."]},{"use":"maiden","family":"M",)"
    R"("given":["G"]}],"telecom":[{"system":"phone","value":"555-1","use":"home"}],"gender":)"
    R"("female","birthDate":"1970-01-02","address":[{"extension":[{"url":"http://hl7.org/fhir/)"
    R"(StructureDefinition/geolocation","extension":[{"url":"latitude","valueDecimal":42.1}]}],)"
    R"("line":["1 Way"],"city":"C","state":"S","postalCode":"01","country":"US"}],)"
    R"("maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-)"
    R"(MaritalStatus","code":"M"}],"text":"M"},"multipleBirthBoolean":false,"communication":)"
    R"([{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"en-US"}]}}]})";
constexpr std::string_view kObservation =
    R"({"resourceType":"Observation","id":"7c1d","meta":{"profile":["http://hl7.org/fhir/)"
    R"(StructureDefinition/bp"]},"status":"final","category":[{"coding":[{"system":)"
    R"("http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs",)"
    R"("display":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":)"
    R"("85354-9","display":"Blood Pressure"}],"text":"Blood Pressure"},"subject":{"reference":)"
    R"("Patient/4f6a"},"encounter":{"reference":"Encounter/77"},"effectiveDateTime":)"
    R"("2014-07-09T10:11:12+02:00","issued":"2014-07-09T10:11:12.678+02:00","component":[{"code":)"
    R"({"coding":[{"system":"http://loinc.org","code":"8462-4","display":"Diastolic"}],"text":)"
    R"("Diastolic"},"valueQuantity":{"value":80.5,"unit":"mm[Hg]","system":)"
    R"("http://unitsofmeasure.org","code":"mm[Hg]"}},{"code":{"coding":[{"system":)"
    R"("http://loinc.org","code":"8480-6","display":"Systolic"}],"text":"Systolic"},)"
    R"("valueQuantity":{"value":120.5,"unit":"mm[Hg]","system":"http://unitsofmeasure.org",)"
    R"("code":"mm[Hg]"}}]})";

struct Parsed {
  explicit Parsed(std::string_view text) : document(parser.Parse(text).value()) {}
  json::Parser parser{ResourceLimits()};
  json::Document document;
};

void BM_Evaluate(benchmark::State& state, std::string_view expression, std::string_view text,
                 size_t items) {
  const Parsed parsed(text);
  const TypeIndex type = ResourceItem(parsed.document).value().type;
  const auto program = CompilePath(expression, {.context = type});
  CHECK(program.ok());
  PathEvaluator evaluator;
  const PathEnvironment environment;
  for (auto _ : state) {
    const auto found = evaluator.Evaluate(program.value(), parsed.document, environment);
    CHECK(found.ok() && found.value().size() == items);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(BM_Evaluate, official_given, "Patient.name.where(use = 'official').given",
                  kPatient, 2);
BENCHMARK_CAPTURE(BM_Evaluate, gender, "Patient.gender", kPatient, 1);
BENCHMARK_CAPTURE(BM_Evaluate, general_where,
                  "Patient.name.where(use = 'official' and given.exists()).given", kPatient, 2);
BENCHMARK_CAPTURE(BM_Evaluate, quantity,
                  "Observation.component.where(value > 100 'mm[Hg]').exists()", kObservation, 1);

PathSet SetOf(TypeId type) {
  std::vector<PathSet::Entry> entries;
  for (uint16_t index : SearchParametersOf(type)) {
    const SearchParameter& parameter = SearchParameters()[index];
    if (parameter.expression.empty()) continue;
    PathSet::Entry entry{parameter.expression, {}};
    for (const SearchComponent& component : ComponentsOf(parameter)) {
      entry.components.push_back(component.expression);
    }
    entries.push_back(std::move(entry));
  }
  auto set = PathSet::Compile(type, entries);
  CHECK(set.ok());
  return std::move(set).value();
}

void BM_Extract(benchmark::State& state, std::string_view text, size_t matches) {
  const Parsed parsed(text);
  const PathSet set = SetOf(ResourceItem(parsed.document).value().type);
  PathEvaluator evaluator;
  const PathEnvironment environment;
  for (auto _ : state) {
    const auto found = evaluator.Extract(set, parsed.document, environment);
    CHECK(found.ok() && found.value().size() == matches);
  }
  state.counters["matches"] = static_cast<double>(matches);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(BM_Extract, patient, kPatient, 25);
BENCHMARK_CAPTURE(BM_Extract, observation, kObservation, 36);

void BM_ParseAndExtract(benchmark::State& state, std::string_view text) {
  const PathSet set = SetOf(ResourceItem(Parsed(text).document).value().type);
  json::Parser parser(ResourceLimits());
  PathEvaluator evaluator;
  const PathEnvironment environment;
  for (auto _ : state) {
    const auto document = parser.Parse(text);
    CHECK(document.ok());
    const auto found = evaluator.Extract(set, document.value(), environment);
    CHECK(found.ok() && !found.value().empty());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(BM_ParseAndExtract, patient, kPatient);
BENCHMARK_CAPTURE(BM_ParseAndExtract, observation, kObservation);

// Each type of an export, one file a type, when TARN_NDJSON names the folder: parse and extraction.
void BM_ExtractFile(benchmark::State& state, const std::string& path) {
  constexpr size_t kLinesMax = 3000;
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; lines.size() < kLinesMax && std::getline(file, line);) {
    lines.push_back(line);
  }
  CHECK(!lines.empty());
  const PathSet set = SetOf(ResourceItem(Parsed(lines.front()).document).value().type);
  json::Parser parser(ResourceLimits());
  PathEvaluator evaluator;
  const PathEnvironment environment;
  for (auto _ : state) {
    for (const std::string& line : lines) {
      const auto document = parser.Parse(line);
      CHECK(document.ok());
      const auto found = evaluator.Extract(set, document.value(), environment);
      CHECK(found.ok() && !found.value().empty());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(lines.size()));
}

[[maybe_unused]] const bool kFilesRegistered = [] {
  const char* folder = std::getenv("TARN_NDJSON");  // NOLINT(concurrency-mt-unsafe)
  if (folder == nullptr) return false;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".ndjson")) continue;
    const std::string name = "BM_ExtractFile/" + entry.path().stem().string();
    benchmark::RegisterBenchmark(name.c_str(), BM_ExtractFile, path);
  }
  return true;
}();

void BM_Compile(benchmark::State& state) {
  for (auto _ : state) {
    const auto program =
        CompilePath("Patient.name.where(use = 'official').given", {.context = kTypes.patient});
    CHECK(program.ok());
  }
}
BENCHMARK(BM_Compile);

}  // namespace
}  // namespace tarn::fhir
