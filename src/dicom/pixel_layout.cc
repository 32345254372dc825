#include "dicom/pixel_layout.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "dicom/internal/values.h"

namespace tarn::dicom {
namespace {

Error Wrong(Tag tag, std::string_view what) {
  return Invalid("DICOM attribute " + AttributeName(tag) + " " + std::string(what));
}

// A US attribute; another VR is not read as one (a forged UL would be a size of 32 bits).
Result<uint16_t> ReadUs(const Instance& instance, Tag tag) {
  const Element* element = instance.Find(tag);
  if (!element || element->length == 0) return MissingAttribute(tag);
  const auto value = instance.Integer(tag, Vr::kUs);
  if (!value) return Wrong(tag, "is not of value representation US");
  return static_cast<uint16_t>(*value);
}

Result<uint16_t> ReadUs(const Instance& instance, Tag tag, uint16_t absent) {
  const Element* element = instance.Find(tag);
  if (!element || element->length == 0) return absent;
  return ReadUs(instance, tag);
}

Result<uint32_t> ReadNumberOfFrames(const Instance& instance) {
  const Element* element = instance.Find(kNumberOfFrames);
  if (!element || internal::Trim(instance.Raw(*element)).empty()) return uint32_t{1};
  const auto value = instance.IntegerString(kNumberOfFrames);
  if (!value || *value < 1) return Wrong(kNumberOfFrames, "is no positive number");
  if (*value > kFramesMax) {
    return Error{ErrorKind::kTooLarge,
                 "DICOM attribute NumberOfFrames is more than " + std::to_string(kFramesMax)};
  }
  return static_cast<uint32_t>(*value);
}

Status CheckBits(const ImagePixel& pixel) {
  const uint16_t allocated = pixel.bits_allocated;
  if (allocated != 1 && allocated != 8 && allocated != 16 && allocated != 32 && allocated != 64) {
    return Wrong(kBitsAllocated, "is none of 1, 8, 16, 32 and 64");
  }
  if (pixel.bits_stored < 1 || pixel.bits_stored > allocated) {
    return Wrong(kBitsStored, "does not fit BitsAllocated");
  }
  if (pixel.high_bit + 1 < pixel.bits_stored || pixel.high_bit >= allocated) {
    return Wrong(kHighBit, "does not fit BitsStored and BitsAllocated");
  }
  return Ok();
}

Status CheckSizes(const ImagePixel& pixel) {
  if (pixel.FrameBytes() > kFrameBytesMax) {
    return Error{ErrorKind::kTooLarge,
                 "a frame has more than " + std::to_string(kFrameBytesMax) + " bytes"};
  }
  if (pixel.FrameBytes() * pixel.number_of_frames > kPixelBytesMax) {
    return Error{ErrorKind::kTooLarge,
                 "the frames have more than " + std::to_string(kPixelBytesMax) + " bytes"};
  }
  return Ok();
}

Warning CountMismatch() {
  return {WarningCode::kFrameCountMismatch,
          "DICOM attribute NumberOfFrames does not match the pixel data"};
}

Warning BrokenOff() {
  return {WarningCode::kFrameExtraction, "DICOM attribute PixelData ends before its last frame"};
}

FrameLayout LayOutNative(const PixelData& data, const ImagePixel& pixel) {
  FrameLayout out;
  const uint64_t wanted = (pixel.FrameBits() * pixel.number_of_frames + 7) / 8;
  const uint64_t frame_bytes = std::max<uint64_t>(1, pixel.FrameBytes());
  if (data.native.bytes < wanted) {
    const bool whole_frames = !data.truncated && data.native.bytes % frame_bytes == 0;
    out.warnings.push_back(whole_frames ? CountMismatch() : BrokenOff());
  } else if (data.native.bytes - wanted >= std::max<uint64_t>(2, frame_bytes)) {
    out.warnings.push_back(CountMismatch());
  } else {
    out.frame_count = pixel.number_of_frames;
  }
  return out;
}

// Offsets of the fragments' items from the first one: what offset tables hold.
std::vector<uint64_t> ItemOffsets(const PixelData& data) {
  std::vector<uint64_t> out;
  out.reserve(data.fragments.size());
  for (const ByteRange& fragment : data.fragments) {
    out.push_back(fragment.offset - data.fragments.front().offset);
  }
  return out;
}

// One run from each of `starts`, which ascend from 0, to the next.
std::vector<FragmentRun> RunsFrom(const std::vector<uint32_t>& starts, uint32_t fragment_count) {
  std::vector<FragmentRun> runs;
  for (size_t i = 0; i < starts.size(); ++i) {
    const uint32_t end = i + 1 < starts.size() ? starts[i + 1] : fragment_count;
    runs.push_back({starts[i], end - starts[i]});
  }
  return runs;
}

// JPEG, JPEG-LS: SOI and a marker. JPEG 2000: SOC and SIZ, or the box that a JP2 file begins with.
bool BeginsCodestream(std::string_view bytes) {
  constexpr std::string_view kSoi = "\xFF\xD8\xFF";
  constexpr std::string_view kSoc = "\xFF\x4F\xFF\x51";
  constexpr std::string_view kJp2("\0\0\0\x0CjP  ", 8);
  return bytes.substr(0, 3) == kSoi || bytes.substr(0, 4) == kSoc || bytes.substr(0, 8) == kJp2;
}

Result<std::vector<uint32_t>> StartsByMarkers(const Instance& instance) {
  const PixelData& data = instance.pixel_data();
  std::vector<uint32_t> starts;
  std::string buffer;
  for (uint32_t i = 0; i < data.fragments.size(); ++i) {
    const ByteRange& fragment = data.fragments[i];
    const ByteRange head{fragment.offset, std::min<uint64_t>(8, fragment.bytes)};
    TRY(const std::string_view bytes, instance.Bytes(head, &buffer));
    if (BeginsCodestream(bytes)) starts.push_back(i);
  }
  return starts;
}

// The fragments that the basic offset table points at; empty when it points anywhere else.
std::vector<uint32_t> StartsByTable(const PixelData& data, uint32_t frame_count) {
  std::vector<uint32_t> starts;
  if (data.basic_offsets.size() != frame_count) return starts;
  const std::vector<uint64_t> offsets = ItemOffsets(data);
  auto at = offsets.begin();
  for (const uint32_t wanted : data.basic_offsets) {
    at = std::lower_bound(at, offsets.end(), wanted);
    const auto index = static_cast<uint32_t>(at - offsets.begin());
    const bool ascends = starts.empty() ? index == 0 : index > starts.back();
    if (at == offsets.end() || *at != wanted || !ascends) return {};
    starts.push_back(index);
  }
  return starts;
}

bool BasicTableIsRight(const PixelData& data, const std::vector<FragmentRun>& runs,
                       const std::vector<uint64_t>& offsets) {
  if (data.basic_offsets.empty()) return true;
  if (data.basic_offsets.size() != runs.size()) return false;
  for (size_t i = 0; i < runs.size(); ++i) {
    const uint64_t offset = offsets[runs[i].first];
    // Beyond 32 bits the table cannot say it (PS3.5 A.4).
    if (offset <= UINT32_MAX && data.basic_offsets[i] != offset) return false;
  }
  return true;
}

bool ExtendedTableIsRight(const Instance& instance, const std::vector<FragmentRun>& runs,
                          const std::vector<uint64_t>& offsets) {
  const Element* table = instance.Find(kExtendedOffsetTable);
  if (!table || table->length == 0) return true;
  const std::string_view raw = instance.Raw(*table);
  if (raw.size() != runs.size() * 8) return false;
  for (uint32_t i = 0; i < runs.size(); ++i) {
    if (internal::UnitAt(raw, table->big_endian, 8, i) != offsets[runs[i].first]) return false;
  }
  return true;
}

Result<FrameLayout> LayOutEncapsulated(const Instance& instance, const ImagePixel& pixel) {
  const PixelData& data = instance.pixel_data();
  const auto fragment_count = static_cast<uint32_t>(data.fragments.size());
  FrameLayout out;
  if (data.truncated || fragment_count == 0) {
    out.warnings.push_back(BrokenOff());
    return out;
  }
  const uint32_t frames = pixel.number_of_frames;
  if (instance.transfer_syntax().codec == Codec::kVideo || frames == 1) {
    out.fragment_runs = {{0, fragment_count}};
  } else if (frames == fragment_count) {
    for (uint32_t i = 0; i < frames; ++i) out.fragment_runs.push_back({i, 1});
  } else if (frames < fragment_count) {
    TRY(std::vector<uint32_t> starts, StartsByMarkers(instance));
    if (starts.size() != frames || starts.front() != 0) starts = StartsByTable(data, frames);
    if (!starts.empty()) out.fragment_runs = RunsFrom(starts, fragment_count);
  }
  if (out.fragment_runs.empty()) {
    out.warnings.push_back(CountMismatch());
    return out;
  }
  out.frame_count = static_cast<uint32_t>(out.fragment_runs.size());
  const std::vector<uint64_t> offsets = ItemOffsets(data);
  if (!BasicTableIsRight(data, out.fragment_runs, offsets) ||
      !ExtendedTableIsRight(instance, out.fragment_runs, offsets)) {
    out.warnings.push_back({WarningCode::kOffsetTable,
                            "the offset table of DICOM attribute PixelData does not point at its "
                            "frames, which were found without it"});
  }
  return out;
}

}  // namespace

uint64_t ImagePixel::FrameBits() const {
  const uint64_t samples = subsampled ? 2 : samples_per_pixel;
  return uint64_t{rows} * columns * samples * bits_allocated;
}

uint64_t ImagePixel::FrameBytes() const { return (FrameBits() + 7) / 8; }

Result<ImagePixel> ReadImagePixel(const Instance& instance) {
  ImagePixel out;
  TRY(out.rows, ReadUs(instance, kRows));
  TRY(out.columns, ReadUs(instance, kColumns));
  if (out.rows == 0) return Wrong(kRows, "is 0");
  if (out.columns == 0) return Wrong(kColumns, "is 0");
  // What follows was optional in the standard's predecessor, whose files are still around.
  TRY(out.samples_per_pixel, ReadUs(instance, kSamplesPerPixel, 1));
  if (out.samples_per_pixel < 1 || out.samples_per_pixel > 4) {
    return Wrong(kSamplesPerPixel, "is not within 1 and 4");
  }
  TRY(out.bits_allocated, ReadUs(instance, kBitsAllocated));
  TRY(out.bits_stored, ReadUs(instance, kBitsStored, out.bits_allocated));
  const auto top_bit = static_cast<uint16_t>(out.bits_stored == 0 ? 0 : out.bits_stored - 1);
  TRY(out.high_bit, ReadUs(instance, kHighBit, top_bit));
  TRY(CheckBits(out));
  TRY(const uint16_t representation, ReadUs(instance, kPixelRepresentation, 0));
  if (representation > 1) return Wrong(kPixelRepresentation, "is neither 0 nor 1");
  out.is_signed = representation == 1;
  TRY(out.planar_configuration, ReadUs(instance, kPlanarConfiguration, 0));
  if (out.planar_configuration > 1) return Wrong(kPlanarConfiguration, "is neither 0 nor 1");
  out.photometric_interpretation =
      instance.Text(kPhotometricInterpretation)
          .value_or(out.samples_per_pixel == 1 ? "MONOCHROME2" : "RGB");
  TRY(out.number_of_frames, ReadNumberOfFrames(instance));
  out.subsampled = !instance.pixel_data().encapsulated && out.samples_per_pixel == 3 &&
                   out.photometric_interpretation.ends_with("_422");
  TRY(CheckSizes(out));
  return out;
}

Result<FrameLayout> LayOutFrames(const Instance& instance, const ImagePixel& pixel) {
  const PixelData& data = instance.pixel_data();
  if (data.tag == 0) return FrameLayout();
  if (!data.encapsulated) return LayOutNative(data, pixel);
  return LayOutEncapsulated(instance, pixel);
}

}  // namespace tarn::dicom
