// What a frame costs: encoding with tile-parts, verification, checksum and range; and its ratio.
// Real slices when the shared data is there, else a synthetic one.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "pixels/htj2k.h"
#include "pixels/jpeg2000.h"
#include "pixels/test_frames.h"

namespace tarn::pixels {
namespace {

constexpr FrameFormat kCt{.width = 512, .height = 512, .precision = 16, .is_signed = true};

// CT slices of 512 by 512 end with their pixel data.
std::vector<std::string> Slices() {
  std::vector<std::string> out;
  const std::string folder = TARN_SOURCE_DIR "/../shared/data/dicom/ct-series-ge";
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto file = ReadFile(entry.path().string(), 16 << 20);
    if (file.ok() && file.value().size() > kCt.Bytes()) {
      out.push_back(file.value().substr(file.value().size() - kCt.Bytes()));
    }
  }
  if (out.empty()) {
    std::fprintf(stderr, "no ../shared: a synthetic slice instead of real ones\n");
    out.push_back(MakeSamples(kCt, Texture::kSmooth));
  }
  return out;
}

enum class Stage : uint8_t { kEncode, kVerify, kNumbers, kAll };

void CtFrame(benchmark::State& state) {
  const auto slices = Slices();
  const auto stage = static_cast<Stage>(state.range(0));
  std::vector<std::string> encoded;
  uint64_t stored = 0;
  for (const std::string& slice : slices) {
    auto frame = EncodeHtj2k(kCt, slice);
    if (!frame.ok()) return state.SkipWithError("encoding failed");
    stored += frame.value().codestream.size();
    encoded.push_back(std::move(frame).value().codestream);
  }
  size_t i = 0;
  for (auto _ : state) {
    const std::string& slice = slices[i % slices.size()];
    if (stage == Stage::kEncode || stage == Stage::kAll) {
      auto frame = EncodeHtj2k(kCt, slice);
      benchmark::DoNotOptimize(frame);
    }
    if (stage == Stage::kVerify || stage == Stage::kAll) {
      if (!VerifyHtj2k(encoded[i % slices.size()], kCt, slice).ok()) {
        return state.SkipWithError("verification failed");
      }
    }
    if (stage == Stage::kNumbers || stage == Stage::kAll) {
      benchmark::DoNotOptimize(Crc32(slice));
      benchmark::DoNotOptimize(FindSampleRange(kCt, slice));
    }
    ++i;
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kCt.Bytes()));
  state.counters["ratio"] =
      static_cast<double>(stored) / static_cast<double>(slices.size() * kCt.Bytes());
}
BENCHMARK(CtFrame)->ArgName("stage")->DenseRange(0, 3)->Unit(benchmark::kMillisecond);

void CtFrameJpeg2000(benchmark::State& state) {
  const auto slices = Slices();
  uint64_t stored = 0;
  size_t i = 0;
  for (auto _ : state) {
    const auto frame = EncodeJpeg2000(kCt, slices[i++ % slices.size()]);
    if (!frame.ok()) return state.SkipWithError("encoding failed");
    stored += frame.value().codestream.size();
  }
  state.counters["ratio"] = static_cast<double>(stored) / static_cast<double>(i * kCt.Bytes());
}
BENCHMARK(CtFrameJpeg2000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tarn::pixels
