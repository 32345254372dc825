#include <benchmark/benchmark.h>

#include "base/check.h"
#include "crypto/digest.h"

namespace tarn::crypto {
namespace {

void Crc32cOf1M(benchmark::State& state) {
  const std::string bytes(1 << 20, 'x');
  const uint32_t expected = Crc32c(0, bytes);
  for (auto _ : state) CHECK(Crc32c(0, bytes) == expected);
  state.SetBytesProcessed(static_cast<int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(Crc32cOf1M);

void Crc64NvmeOf1M(benchmark::State& state) {
  const std::string bytes(1 << 20, 'x');
  const uint64_t expected = Crc64Nvme(0, bytes);
  for (auto _ : state) CHECK(Crc64Nvme(0, bytes) == expected);
  state.SetBytesProcessed(static_cast<int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(Crc64NvmeOf1M);

void Sha256Of1K(benchmark::State& state) {
  const std::string bytes(1 << 10, 'x');
  const std::string expected = Sha256(bytes);
  for (auto _ : state) CHECK(Sha256(bytes) == expected);
  state.SetBytesProcessed(static_cast<int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(Sha256Of1K);

void HmacSha256Of1K(benchmark::State& state) {
  const std::string bytes(1 << 10, 'x');
  const std::string expected = HmacSha256("key", bytes);
  for (auto _ : state) CHECK(HmacSha256("key", bytes) == expected);
  state.SetBytesProcessed(static_cast<int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(HmacSha256Of1K);

}  // namespace
}  // namespace tarn::crypto
