// Frames for the tests of this module: smooth gradients with noise, the same for the same numbers.
#pragma once

#include <cstdint>
#include <string>

#include "pixels/frame.h"

namespace tarn::pixels {

enum class Texture : uint8_t { kSmooth, kNoise, kExtremes };

inline std::string MakeSamples(const FrameFormat& format, Texture texture, uint32_t seed = 1) {
  std::string out;
  out.reserve(format.Bytes());
  const int32_t low = format.is_signed ? -(1 << (format.precision - 1)) : 0;
  const uint32_t span = 1u << format.precision;  // Number of values.
  uint32_t state = seed * 2'654'435'761u + 1;
  for (uint32_t y = 0; y < format.height; ++y) {
    for (uint32_t x = 0; x < format.width; ++x) {
      for (uint32_t c = 0; c < format.components; ++c) {
        state = state * 1'664'525u + 1'013'904'223u;
        const uint32_t noise = state >> 16;
        uint32_t value = noise % span;
        if (texture == Texture::kExtremes) value = (noise & 1) != 0 ? span - 1 : 0;
        if (texture == Texture::kSmooth) {
          value = ((x + 2 * y + 37 * c) * span / 700 + noise % (span / 32 + 1)) % span;
        }
        const int32_t sample = low + static_cast<int32_t>(value);
        out.push_back(static_cast<char>(sample));
        if (format.SampleBytes() == 2) out.push_back(static_cast<char>(sample >> 8));
      }
    }
  }
  return out;
}

}  // namespace tarn::pixels
