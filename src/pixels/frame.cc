#include "pixels/frame.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "pixels/limits.h"

namespace tarn::pixels {
namespace {

// Eight independent minima and maxima: the compiler keeps them in vector registers.
template <typename Sample>
SampleRange RangeOf(std::string_view bytes) {
  constexpr size_t kLanes = 32 / sizeof(Sample);
  const size_t count = bytes.size() / sizeof(Sample);
  Sample first;
  std::memcpy(&first, bytes.data(), sizeof first);
  Sample low[kLanes];
  Sample high[kLanes];
  std::fill_n(low, kLanes, first);
  std::fill_n(high, kLanes, first);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Sample block[kLanes];
    std::memcpy(block, bytes.data() + i * sizeof(Sample), sizeof block);
    for (size_t lane = 0; lane < kLanes; ++lane) {
      low[lane] = block[lane] < low[lane] ? block[lane] : low[lane];
      high[lane] = block[lane] > high[lane] ? block[lane] : high[lane];
    }
  }
  for (; i < count; ++i) {
    Sample value;
    std::memcpy(&value, bytes.data() + i * sizeof(Sample), sizeof value);
    low[0] = std::min(low[0], value);
    high[0] = std::max(high[0], value);
  }
  return {.min = *std::min_element(low, low + kLanes),
          .max = *std::max_element(high, high + kLanes)};
}

}  // namespace

SampleRange FindSampleRange(const FrameFormat& format, std::string_view samples) {
  CHECK(samples.size() == format.Bytes() && !samples.empty());
  if (format.SampleBytes() == 1) {
    return format.is_signed ? RangeOf<int8_t>(samples) : RangeOf<uint8_t>(samples);
  }
  return format.is_signed ? RangeOf<int16_t>(samples) : RangeOf<uint16_t>(samples);
}

uint32_t DecompositionsFor(uint32_t width, uint32_t height) {
  uint32_t side = std::max(width, height);
  uint32_t levels = 0;
  for (; side > kSmallestResolutionMax; side = (side + 1) / 2) ++levels;
  return levels;
}

uint32_t HalvedSide(uint32_t side, uint32_t times) {
  for (uint32_t i = 0; i < times; ++i) side = (side + 1) / 2;
  return side;
}

uint32_t Crc32(std::string_view bytes, uint32_t before) {
  uLong crc = before;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, 1u << 30);
    crc = crc32(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
    bytes.remove_prefix(piece.size());
  }
  return static_cast<uint32_t>(crc);
}

}  // namespace tarn::pixels
