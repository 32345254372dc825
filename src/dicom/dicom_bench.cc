// CPU time of one CT instance: parse, and parse with the metadata's JSON. The file is made here
// (about 100 elements and 0.5 MB of pixels), or that of TARN_DICOM.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "base/check.h"
#include "base/file.h"
#include "dicom/instance.h"
#include "dicom/metadata.h"
#include "dicom/pixel_layout.h"
#include "dicom/test_files.h"

namespace tarn::dicom {
namespace {

constexpr uint64_t kFileBytesMax = 1ull << 30;

std::string SampleFile() {
  if (const char* path = std::getenv("TARN_DICOM")) {
    auto file = ReadFile(path, kFileBytesMax);
    CHECK(file.ok());
    return std::move(file).value();
  }
  test::DataSet data = test::Identity();
  for (uint16_t i = 0; i < 80; ++i) data.Text(0x00210010u + i, "LO", "value " + std::to_string(i));
  test::AddImage({512, 512}, &data);
  data.Text(0x00281050, "DS", "40\\400").Text(0x00281051, "DS", "400\\2000");
  data.Bytes(kPixelData, "OW", std::string(512 * 512 * 2, 'x'));
  return test::File(uid::kExplicitVrLittleEndian, data);
}

void BM_Parse(benchmark::State& state) {
  const std::string file = SampleFile();
  size_t elements = 0;
  for (auto _ : state) {
    const auto instance = Instance::Parse(file);
    CHECK(instance.ok());
    elements = instance.value().elements().size();
  }
  state.counters["elements"] = static_cast<double>(elements);
}
BENCHMARK(BM_Parse);

void BM_ParseAndMetadata(benchmark::State& state) {
  const std::string file = SampleFile();
  size_t bytes = 0;
  for (auto _ : state) {
    const auto instance = Instance::Parse(file);
    const auto metadata = BuildMetadata(instance.value());
    CHECK(metadata.ok());
    bytes = metadata.value().dicom.size();
  }
  state.counters["json_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(BM_ParseAndMetadata);

// What an import does before it touches pixels.
void BM_ParseCheckLayOut(benchmark::State& state) {
  const std::string file = SampleFile();
  for (auto _ : state) {
    const auto instance = Instance::Parse(file);
    const auto pixel = ReadImagePixel(instance.value());
    CHECK(pixel.ok() && LayOutFrames(instance.value(), pixel.value()).value().frame_count > 0);
    benchmark::DoNotOptimize(CheckDataSet(instance.value()));
    CHECK(BuildMetadata(instance.value()).ok());
  }
}
BENCHMARK(BM_ParseCheckLayOut);

void BM_TreeOf100ToGzip(benchmark::State& state) {
  const std::string file = SampleFile();
  const auto instance = Instance::Parse(file);
  InstanceMetadata metadata = BuildMetadata(instance.value()).value();
  MetadataTree tree("d", "i");
  for (int i = 0; i < 100; ++i) {
    metadata.sop_instance_uid = "1.2." + std::to_string(i);
    CHECK(tree.Add(metadata).ok());
  }
  size_t bytes = 0;
  for (auto _ : state) bytes = tree.ToGzip().value().size();
  state.counters["gzip_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(BM_TreeOf100ToGzip);

}  // namespace
}  // namespace tarn::dicom
