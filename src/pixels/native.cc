#include "pixels/native.h"

#include <algorithm>
#include <cstring>

#include "pixels/limits.h"

namespace tarn::pixels {
namespace {

// Exchanges the bytes of each group of `width`. `bytes` holds whole groups.
void SwapBytes(uint32_t width, std::string* bytes) {
  for (size_t i = 0; i + width <= bytes->size(); i += width) {
    std::reverse(bytes->begin() + static_cast<ptrdiff_t>(i),
                 bytes->begin() + static_cast<ptrdiff_t>(i + width));
  }
}

// How many bytes make one unit that big-endian files exchange (PS3.5 7.3): OW holds words of two
// bytes even when samples have 8 bits or 1, OF and OD hold numbers of their size.
uint32_t SwapWidth(const dicom::Instance& instance, const dicom::ImagePixel& pixel) {
  if (!instance.transfer_syntax().big_endian) return 1;
  switch (instance.pixel_data().vr) {
    case dicom::Vr::kOb:
    case dicom::Vr::kUn:
      return 1;
    case dicom::Vr::kOf:
    case dicom::Vr::kOl:
      return 4;
    case dicom::Vr::kOd:
    case dicom::Vr::kOv:
      return 8;
    default:
      return std::max<uint32_t>(2, pixel.bits_allocated / 8);
  }
}

void ShiftDown(uint32_t bits, uint64_t bytes_wanted, std::string* bytes) {
  for (uint64_t i = 0; i < bytes_wanted; ++i) {
    const auto low = static_cast<uint8_t>((*bytes)[i]);
    const auto high = i + 1 < bytes->size() ? static_cast<uint8_t>((*bytes)[i + 1]) : uint8_t{0};
    (*bytes)[i] = static_cast<char>(low >> bits | high << (8 - bits));
  }
  bytes->resize(bytes_wanted);
}

template <typename Sample>
void Interleave(std::string_view planes, uint64_t pixels, uint32_t components, std::string* out) {
  out->resize(planes.size());
  for (uint32_t c = 0; c < components; ++c) {
    const char* from = planes.data() + c * pixels * sizeof(Sample);
    char* to = out->data() + c * sizeof(Sample);
    for (uint64_t i = 0; i < pixels; ++i) {
      std::memcpy(to + i * components * sizeof(Sample), from + i * sizeof(Sample), sizeof(Sample));
    }
  }
}

// Keeps the low byte of each two-byte sample.
void Narrow(std::string_view samples, std::string* out) {
  std::string narrow(samples.size() / 2, '\0');
  for (size_t i = 0; i < narrow.size(); ++i) narrow[i] = samples[2 * i];
  *out = std::move(narrow);
}

// The pixel value in a container: bits high_bit - bits_stored + 1 to high_bit, sign extended.
int32_t PixelValue(uint32_t container, const dicom::ImagePixel& pixel) {
  const uint32_t shifted = container >> (pixel.high_bit + 1u - pixel.bits_stored);
  const uint32_t up = 32u - pixel.bits_stored;
  if (pixel.is_signed) return static_cast<int32_t>(shifted << up) >> up;
  return static_cast<int32_t>(shifted << up >> up);
}

SampleRange RangeOfStoredBits(const dicom::ImagePixel& pixel, std::string_view samples) {
  const uint32_t width = pixel.bits_allocated / 8;
  SampleRange range{.min = INT32_MAX, .max = INT32_MIN};
  for (size_t i = 0; i < samples.size(); i += width) {
    uint32_t container = static_cast<uint8_t>(samples[i]);
    if (width == 2) container |= uint32_t{static_cast<uint8_t>(samples[i + 1])} << 8;
    const int32_t value = PixelValue(container, pixel);
    range.min = std::min(range.min, value);
    range.max = std::max(range.max, value);
  }
  return range;
}

bool IsRgb(const dicom::ImagePixel& pixel) {
  // Decoders of JPEG 2000 undo YBR_RCT and YBR_ICT (PS3.3 C.7.6.3.1.2).
  return pixel.samples_per_pixel == 3 && (pixel.photometric_interpretation == "RGB" ||
                                          pixel.photometric_interpretation == "YBR_RCT" ||
                                          pixel.photometric_interpretation == "YBR_ICT");
}

}  // namespace

Result<std::string_view> ReadNativePart(const dicom::Instance& instance,
                                        const dicom::ImagePixel& pixel, const FramePart& part,
                                        std::string* buffer) {
  CHECK(part.offset % 8 == 0 && part.offset < pixel.FrameBytes());
  const dicom::ByteRange all = instance.pixel_data().native;
  const uint64_t bits = std::min(part.bytes * 8, pixel.FrameBits() - part.offset * 8);
  const uint64_t first_bit = pixel.FrameBits() * part.index + part.offset * 8;
  const uint64_t last_bit = first_bit + bits;  // One past.
  const uint32_t swap = SwapWidth(instance, pixel);
  // Whole units are read, so that they can be exchanged.
  const uint64_t begin = first_bit / 8 / swap * swap;
  const uint64_t needed = (last_bit + 7) / 8;
  const uint64_t end = std::min((needed + swap - 1) / swap * swap, all.bytes);
  if (needed > all.bytes) return Invalid("PixelData ends before its last frame does");
  buffer->clear();
  TRY(const std::string_view bytes,
      instance.Bytes({.offset = all.offset + begin, .bytes = end - begin}, buffer));
  const auto skip = static_cast<uint32_t>(first_bit - begin * 8);
  if (swap == 1 && skip == 0 && bits % 8 == 0) return bytes;
  if (bytes.data() != buffer->data()) buffer->assign(bytes);
  if (swap > 1) SwapBytes(swap, buffer);
  buffer->erase(0, skip / 8);
  const uint64_t wanted = (bits + 7) / 8;
  if (skip % 8 != 0) ShiftDown(skip % 8, wanted, buffer);
  buffer->resize(wanted);
  if (const uint64_t used = bits % 8; used != 0) {
    buffer->back() = static_cast<char>(static_cast<uint8_t>(buffer->back()) & ((1u << used) - 1));
  }
  return std::string_view(*buffer);
}

Result<std::string_view> ReadNativeFrame(const dicom::Instance& instance,
                                         const dicom::ImagePixel& pixel, uint32_t index,
                                         std::string* buffer) {
  return ReadNativePart(instance, pixel, {.index = index, .offset = 0, .bytes = pixel.FrameBytes()},
                        buffer);
}

bool CanNormalize(const dicom::ImagePixel& pixel) {
  const uint64_t samples = uint64_t{pixel.rows} * pixel.columns * pixel.samples_per_pixel;
  return (pixel.bits_allocated == 8 || pixel.bits_allocated == 16) &&
         pixel.samples_per_pixel <= kCodestreamComponentsMax &&
         pixel.FrameBits() == samples * pixel.bits_allocated;
}

NormalizedFrame NormalizeFrame(const dicom::ImagePixel& pixel, std::string_view frame,
                               std::string* buffer) {
  CHECK(CanNormalize(pixel) && frame.size() == pixel.FrameBytes() && !frame.empty());
  NormalizedFrame out;
  out.format = {.width = pixel.columns,
                .height = pixel.rows,
                .components = pixel.samples_per_pixel,
                .precision = pixel.bits_allocated,
                .is_signed = pixel.is_signed,
                .is_rgb = IsRgb(pixel)};
  out.samples = frame;
  if (pixel.planar_configuration == 1 && pixel.samples_per_pixel > 1) {
    std::string ordered;
    const uint64_t pixels = uint64_t{pixel.rows} * pixel.columns;
    const auto interleave = pixel.bits_allocated == 8 ? Interleave<uint8_t> : Interleave<uint16_t>;
    interleave(frame, pixels, pixel.samples_per_pixel, &ordered);
    *buffer = std::move(ordered);
    out.samples = *buffer;
  }
  out.range = FindSampleRange(out.format, out.samples);
  const int32_t low = pixel.is_signed ? -(1 << (pixel.bits_stored - 1)) : 0;
  const int32_t high = (1 << (pixel.bits_stored - (pixel.is_signed ? 1 : 0))) - 1;
  if (pixel.high_bit + 1 != pixel.bits_stored || out.range.min < low || out.range.max > high) {
    out.range = RangeOfStoredBits(pixel, out.samples);
    return out;
  }
  out.format.precision = pixel.bits_stored;
  if (pixel.bits_allocated == 16 && pixel.bits_stored <= 8) {
    Narrow(out.samples, buffer);
    out.samples = *buffer;
  }
  return out;
}

}  // namespace tarn::pixels
