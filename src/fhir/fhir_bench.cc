// What an import does with each line before it is stored: cut, parse, envelope, stamp.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/check.h"
#include "fhir/ndjson.h"
#include "fhir/resource.h"

namespace tarn::fhir {
namespace {

std::string ResourceLine(int number) {
  const std::string n = std::to_string(100000 + number);
  std::string line =
      R"({"resourceType":"Observation","id":"5f0f1d3a-8b1e-4a57-9c2e-000000)" + n +
      R"(","meta":{"profile":["http://hl7.org/fhir/StructureDefinition/vitalsigns"]},)"
      R"("status":"final","subject":{"reference":"Patient/)" +
      n + R"("},"note":[)";
  for (int i = 0; i < 12; ++i) {
    if (i > 0) line += ',';
    line += R"({"text":"a sentence of the usual length","time":"2014-07-09T10:11:12+02:00"})";
  }
  return line + "]}";
}

void BM_Envelope(benchmark::State& state) {
  json::Parser parser(ResourceLimits());
  const std::string line = ResourceLine(1);
  const auto document = parser.Parse(line);
  CHECK(document.ok());
  for (auto _ : state) {
    const auto envelope = ReadEnvelope(document.value());
    CHECK(envelope.ok() && envelope.value().id.size() == 36);
  }
}
BENCHMARK(BM_Envelope);

void BM_Stamp(benchmark::State& state) {
  json::Parser parser(ResourceLimits());
  const std::string line = ResourceLine(1);
  const auto document = parser.Parse(line);
  CHECK(document.ok());
  const auto envelope = ReadEnvelope(document.value());
  CHECK(envelope.ok());
  std::string out;
  for (auto _ : state) {
    out.clear();
    AppendStamped(document.value(), envelope.value(), {envelope.value().id, 7, 1767323045678},
                  &out);
    CHECK(out.size() == line.size() + 57);
  }
}
BENCHMARK(BM_Stamp);

void BM_Lines(benchmark::State& state) {
  std::string text;
  constexpr int kLines = 2000;
  for (int i = 0; i < kLines; ++i) text += ResourceLine(i) + "\n";
  for (auto _ : state) {
    size_t at = 0;
    NdjsonBlocks blocks(
        [&](std::span<char> out) -> Result<size_t> {
          const size_t bytes = std::min(out.size(), text.size() - at);
          std::memcpy(out.data(), text.data() + at, bytes);
          at += bytes;
          return bytes;
        },
        {});
    NdjsonBlock block;
    int seen = 0;
    for (;;) {
      const auto more = blocks.Next(&block);
      CHECK(more.ok());
      if (!more.value()) break;
      NdjsonLine line;
      for (NdjsonLines lines(block); lines.Next(&line);) ++seen;
    }
    CHECK(seen == kLines);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(BM_Lines);

}  // namespace
}  // namespace tarn::fhir
