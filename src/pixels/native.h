// Uncompressed frames: cut out of pixel data, and brought into the one form that encoders take.
// Spec: PS3.5 section 8 and annex D, PS3.3 C.7.6.3.
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dicom/instance.h"
#include "dicom/pixel_layout.h"
#include "pixels/frame.h"

namespace tarn::pixels {

// Reads frame `index` of native pixel data, little-endian and beginning at a byte: frames of 1-bit
// data, which follow each other without a gap, are shifted down and padded with zero bits. A view
// of the file where it can be, else `*buffer`.
// Errors: those of the source; kInvalid when the data ends before the frame does.
Result<std::string_view> ReadNativeFrame(const dicom::Instance& instance,
                                         const dicom::ImagePixel& pixel, uint32_t index,
                                         std::string* buffer);

// The same of bytes [offset, offset + bytes) of the frame, cut at its end. `offset` is a multiple
// of 8 and lies within the frame (CHECK).
struct FramePart {
  uint32_t index = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};
Result<std::string_view> ReadNativePart(const dicom::Instance& instance,
                                        const dicom::ImagePixel& pixel, const FramePart& part,
                                        std::string* buffer);

struct NormalizedFrame {
  FrameFormat format;
  std::string_view samples;  // Of the frame given, or in `*buffer`.
  // The smallest and largest pixel value, read with bits_stored, high_bit and the sign.
  SampleRange range;
};

// Whether samples of this description fit NormalizeFrame: 8 or 16 bits allocated, at most four a
// pixel, chroma not subsampled. All others are stored as they are.
bool CanNormalize(const dicom::ImagePixel& pixel);

// Orders colour by pixel and chooses the precision: bits_stored when every sample fits into that,
// else bits_allocated, so that overlays in unused bits, missing sign extension and a high bit that
// is not bits_stored - 1 all survive. Samples of up to 8 bits take one byte, whatever was
// allocated. `frame` has pixel.FrameBytes() bytes, little-endian; CanNormalize(pixel) (CHECKs).
NormalizedFrame NormalizeFrame(const dicom::ImagePixel& pixel, std::string_view frame,
                               std::string* buffer);

}  // namespace tarn::pixels
