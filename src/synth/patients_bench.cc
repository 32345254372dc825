// How fast patients are generated, bytes counted and one block per type gathered.
#include <benchmark/benchmark.h>

#include "synth/ndjson_files.h"
#include "synth/patients.h"

namespace tarn::synth {
namespace {

void GeneratePatients(benchmark::State& state) {
  int64_t bytes = 0;
  int64_t resources = 0;
  const PatientGenerator::Sink sink = [&](std::string_view, std::string_view json) {
    bytes += static_cast<int64_t>(json.size()) + 1;
    ++resources;
    benchmark::DoNotOptimize(json.data());
  };
  for (auto _ : state) {
    PatientGenerator generator({.seed = 1, .patients = 200});
    while (generator.Next(sink)) {
    }
  }
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(resources);
}
BENCHMARK(GeneratePatients)->Unit(benchmark::kMillisecond);

void GenerateBlocks(benchmark::State& state) {
  int64_t bytes = 0;
  const NdjsonBlocks::BlockSink block_sink = [&](std::string_view, std::string_view block) {
    bytes += static_cast<int64_t>(block.size());
    benchmark::DoNotOptimize(block.data());
  };
  NdjsonBlocks blocks;
  const PatientGenerator::Sink sink = [&](std::string_view type, std::string_view json) {
    blocks.Add(type, json, block_sink);
  };
  for (auto _ : state) {
    PatientGenerator generator({.seed = 1, .patients = 200});
    while (generator.Next(sink)) {
    }
    blocks.Flush(block_sink);
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(GenerateBlocks)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tarn::synth
