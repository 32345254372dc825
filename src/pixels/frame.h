// One decoded frame in the form that all codecs of this module share, and one stored frame.
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tarn::pixels {

// How the samples of a decoded frame lie: [height][width][components], each one byte (precision up
// to 8) or two bytes, little-endian, two's complement when signed, sign or zero extended.
struct FrameFormat {
  uint32_t width = 0;  // 1 to kSideMax, as is height
  uint32_t height = 0;
  uint32_t components = 1;  // 1 to kSamplesPerPixelMax
  uint32_t precision = 8;   // Bits of a sample, 1 to 16.
  bool is_signed = false;
  bool is_rgb = false;  // The first three components are red, green, blue: codecs may transform.

  uint32_t SampleBytes() const { return precision <= 8 ? 1 : 2; }
  uint64_t RowBytes() const { return uint64_t{width} * components * SampleBytes(); }
  uint64_t Bytes() const { return RowBytes() * height; }
  bool operator==(const FrameFormat&) const = default;
};

struct DecodedFrame {
  FrameFormat format;
  std::string samples;  // format.Bytes() of them.
};

struct SampleRange {
  int32_t min = 0;
  int32_t max = 0;
};
// The smallest and largest sample of any component. `samples` has format.Bytes() bytes (CHECK).
SampleRange FindSampleRange(const FrameFormat& format, std::string_view samples);

// How often a frame is halved so that its smallest resolution fits into 64 by 64 pixels.
uint32_t DecompositionsFor(uint32_t width, uint32_t height);
// The side of the picture after so many halvings, each rounded up.
uint32_t HalvedSide(uint32_t side, uint32_t times);

// A codestream that was encoded here. Single tile, progression RPCL, one tile-part per resolution,
// TLM marker in the main header.
struct EncodedFrame {
  std::string codestream;
  // For each resolution, smallest first: so many bytes from the start hold it whole. The last is
  // the codestream without its EOC marker; a decoder may be given any such prefix.
  std::vector<uint64_t> resolution_ends;
};

// What the store keeps of one frame.
struct StoredFrame {
  std::string bytes;  // In the stored transfer syntax. Empty when they came in pieces.
  uint32_t width = 0;
  uint32_t height = 0;
  // Unsigned CRC-32 (ISO 3309, as zlib has it) of the decoded samples in FrameFormat's layout when
  // the frame was transcoded, of `bytes` when it was kept.
  uint32_t checksum = 0;
  std::optional<int64_t> min_pixel_value;  // Empty when kept.
  std::optional<int64_t> max_pixel_value;
  std::vector<uint64_t> resolution_ends;  // As in EncodedFrame; empty when kept.
};

// `before`: of the bytes before these; 0 when there are none.
uint32_t Crc32(std::string_view bytes, uint32_t before = 0);

}  // namespace tarn::pixels
