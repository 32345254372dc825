// How fast texts become nodes. Every iteration verifies what it parsed.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "json/document.h"
#include "json/value.h"

namespace tarn::json {
namespace {

// A line as exports of FHIR servers have them: about 1.2 kB, 60 values, short strings.
std::string FhirLine(int number) {
  const std::string n = std::to_string(100000 + number);
  std::string line =
      R"({"resourceType":"Observation","id":"5f0f1d3a-8b1e-4a57-9c2e-)" + n +
      R"(","meta":{"profile":["http://hl7.org/fhir/StructureDefinition/vitalsigns"]},)"
      R"("status":"final","category":[{"coding":[{"system":)"
      R"("http://terminology.hl7.org/CodeSystem/observation-category","code":)"
      R"("vital-signs","display":"vital-signs"}]}],"code":{"coding":[{"system":)"
      R"("http://loinc.org","code":"85354-9","display":"Blood Pressure"}],)"
      R"("text":"Blood Pressure"},"subject":{"reference":"Patient/)" +
      n + R"("},"encounter":{"reference":"Encounter/)" + n +
      R"("},"effectiveDateTime":"2014-07-09T10:11:12+02:00",)"
      R"("issued":"2014-07-09T10:11:12.678+02:00","component":[)";
  for (const char* part : {"8462-4", "8480-6"}) {
    if (line.back() == '}') line += ',';
    line += R"({"code":{"coding":[{"system":"http://loinc.org","code":")" + std::string(part) +
            R"(","display":"Blood Pressure Part"}],"text":"Blood Pressure Part"},)"
            R"("valueQuantity":{"value":)" +
            n + R"(.50,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}})";
  }
  return line + "]}";
}

constexpr int kLines = 1000;
constexpr size_t kNodes = 54;  // Values in one line.

struct Lines {
  std::string buffer;
  std::vector<std::pair<size_t, size_t>> places;
};

Lines MakeLines() {
  Lines lines;
  for (int i = 0; i < kLines; ++i) {
    const std::string line = FhirLine(i);
    lines.places.emplace_back(lines.buffer.size(), line.size());
    lines.buffer += line + "\n";
  }
  lines.buffer.append(kPadding, ' ');
  return lines;
}

void BM_ParsePadded(benchmark::State& state) {
  const Lines lines = MakeLines();
  Parser parser;
  int64_t bytes = 0;
  for (auto _ : state) {
    size_t nodes = 0;
    for (const auto& [begin, size] : lines.places) {
      const auto document = parser.ParsePadded(std::string_view(lines.buffer).substr(begin, size));
      CHECK(document.ok());
      nodes += document.value().nodes().size();
    }
    CHECK(nodes == kNodes * kLines);
    bytes += static_cast<int64_t>(lines.buffer.size());
  }
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(state.iterations() * kLines);
}
BENCHMARK(BM_ParsePadded);

void BM_ParseCopied(benchmark::State& state) {
  const std::string line = FhirLine(1);
  Parser parser;
  for (auto _ : state) {
    const auto document = parser.Parse(line);
    CHECK(document.ok() && document.value().nodes().size() == kNodes);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(line.size()));
}
BENCHMARK(BM_ParseCopied);

void BM_ManyMembers(benchmark::State& state) {
  std::string text = "{";
  for (int64_t i = 0; i < state.range(0); ++i) text += "\"k" + std::to_string(i) + "\":0,";
  text += "\"last\":0}";
  Parser parser;
  for (auto _ : state) {
    const auto document = parser.Parse(text);
    CHECK(document.ok());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_ManyMembers)->Arg(8)->Arg(1000)->Arg(100'000);

void BM_ValueRoundTrip(benchmark::State& state) {
  const std::string line = FhirLine(1);
  for (auto _ : state) {
    const auto value = ParseValue(line);
    CHECK(value.ok() && ToText(value.value()) == line);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(line.size()));
}
BENCHMARK(BM_ValueRoundTrip);

}  // namespace
}  // namespace tarn::json
