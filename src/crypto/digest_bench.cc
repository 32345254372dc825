#include <benchmark/benchmark.h>

#include "base/check.h"
#include "crypto/digest.h"

namespace tarn::crypto {
namespace {

void BM_Crc32c(benchmark::State& state) {
  const std::string bytes(1 << 20, 'x');
  const uint32_t expected = Crc32c(0, bytes);
  for (auto _ : state) CHECK(Crc32c(0, bytes) == expected);
  state.SetBytesProcessed(static_cast<int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(BM_Crc32c);

void BM_Crc64Nvme(benchmark::State& state) {
  const std::string bytes(1 << 20, 'x');
  const uint64_t expected = Crc64Nvme(0, bytes);
  for (auto _ : state) CHECK(Crc64Nvme(0, bytes) == expected);
  state.SetBytesProcessed(static_cast<int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(BM_Crc64Nvme);

void BM_Sha256Of1K(benchmark::State& state) {
  const std::string bytes(1 << 10, 'x');
  const std::string expected = Sha256(bytes);
  for (auto _ : state) CHECK(Sha256(bytes) == expected);
  state.SetBytesProcessed(static_cast<int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(BM_Sha256Of1K);

void BM_HmacSha256Of1K(benchmark::State& state) {
  const std::string bytes(1 << 10, 'x');
  const std::string expected = HmacSha256("key", bytes);
  for (auto _ : state) CHECK(HmacSha256("key", bytes) == expected);
  state.SetBytesProcessed(static_cast<int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(BM_HmacSha256Of1K);

}  // namespace
}  // namespace tarn::crypto
