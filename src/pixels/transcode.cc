#include "pixels/transcode.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "pixels/htj2k.h"
#include "pixels/jpeg2000.h"
#include "pixels/limits.h"
#include "pixels/native.h"

namespace tarn::pixels {
namespace {

using dicom::ByteRange;
using dicom::ImagePixel;
using dicom::Instance;
using dicom::Warning;
using dicom::WarningCode;

constexpr std::string_view kAnyContentType = "application/octet-stream";

// What HealthImaging does with each transfer syntax, and the Content-Type of what is stored in it.
struct SyntaxRow {
  std::string_view uid;
  Treatment treatment;
  std::string_view content_type;
};
constexpr auto kSyntaxes = std::to_array<SyntaxRow>({
    {"1.2.840.10008.1.2", Treatment::kNative, kAnyContentType},
    {"1.2.840.10008.1.2.1", Treatment::kNative, kAnyContentType},
    {"1.2.840.10008.1.2.1.99", Treatment::kNative, kAnyContentType},
    {"1.2.840.10008.1.2.2", Treatment::kNative, kAnyContentType},
    {"1.2.840.10008.1.2.4.50", Treatment::kKept, "image/jpeg"},
    {"1.2.840.10008.1.2.4.51", Treatment::kForeign, "image/jpeg"},
    {"1.2.840.10008.1.2.4.57", Treatment::kForeign, "image/jpeg"},
    {"1.2.840.10008.1.2.4.70", Treatment::kForeign, "image/jpeg"},
    {"1.2.840.10008.1.2.4.80", Treatment::kForeign, "image/jls"},
    {"1.2.840.10008.1.2.4.81", Treatment::kForeign, "image/jls"},
    // Bare codestreams (PS3.5 A.4.4), so not image/jp2.
    {"1.2.840.10008.1.2.4.90", Treatment::kForeign, "image/j2c"},
    {"1.2.840.10008.1.2.4.91", Treatment::kKept, "image/j2c"},
    {"1.2.840.10008.1.2.4.92", Treatment::kForeign, "image/j2c"},
    {"1.2.840.10008.1.2.4.93", Treatment::kForeign, "image/j2c"},
    {"1.2.840.10008.1.2.4.100", Treatment::kVideo, "video/mpeg"},
    {"1.2.840.10008.1.2.4.100.1", Treatment::kVideo, "video/mpeg"},
    {"1.2.840.10008.1.2.4.101", Treatment::kVideo, "video/mpeg"},
    {"1.2.840.10008.1.2.4.101.1", Treatment::kVideo, "video/mpeg"},
    {"1.2.840.10008.1.2.4.102", Treatment::kVideo, "video/mp4"},
    {"1.2.840.10008.1.2.4.102.1", Treatment::kVideo, "video/mp4"},
    {"1.2.840.10008.1.2.4.103", Treatment::kVideo, "video/mp4"},
    {"1.2.840.10008.1.2.4.103.1", Treatment::kVideo, "video/mp4"},
    {"1.2.840.10008.1.2.4.104", Treatment::kVideo, "video/mp4"},
    {"1.2.840.10008.1.2.4.104.1", Treatment::kVideo, "video/mp4"},
    {"1.2.840.10008.1.2.4.105", Treatment::kVideo, "video/mp4"},
    {"1.2.840.10008.1.2.4.105.1", Treatment::kVideo, "video/mp4"},
    {"1.2.840.10008.1.2.4.106", Treatment::kVideo, "video/mp4"},
    {"1.2.840.10008.1.2.4.106.1", Treatment::kVideo, "video/mp4"},
    // The service's model spells it so.
    {"1.2.840.10008.1.2.4.107", Treatment::kVideo, "video/H256"},
    {"1.2.840.10008.1.2.4.108", Treatment::kVideo, "video/H256"},
    {"1.2.840.10008.1.2.4.112", Treatment::kKept, "image/jxl"},
    {"1.2.840.10008.1.2.4.201", Treatment::kForeign, "image/jphc"},
    {"1.2.840.10008.1.2.4.202", Treatment::kForeign, "image/jph"},
    {"1.2.840.10008.1.2.4.203", Treatment::kKept, "image/jphc"},
    {"1.2.840.10008.1.2.5", Treatment::kForeign, kAnyContentType},
});

const SyntaxRow* FindSyntax(std::string_view uid) {
  const auto* row = std::find_if(kSyntaxes.begin(), kSyntaxes.end(),
                                 [&](const SyntaxRow& each) { return each.uid == uid; });
  return row == kSyntaxes.end() ? nullptr : row;
}

std::string_view LosslessUid(LosslessFormat format) {
  return format == LosslessFormat::kHtj2k ? dicom::uid::kHtj2kLosslessRpcl
                                          : dicom::uid::kJpeg2000Lossless;
}

// An error that is about the pixels, not about us: the instance is then kept as it is.
bool IsAboutPixels(const Error& error) {
  return error.kind == ErrorKind::kInvalid || error.kind == ErrorKind::kUnsupported ||
         error.kind == ErrorKind::kTooLarge || error.kind == ErrorKind::kTimeout;
}

// One frame that is kept as it is, on its way to the sink.
class KeptFrame {
 public:
  KeptFrame(const TranscodeOptions& options, uint64_t frame_bytes, FrameSink& sink)
      : sink_(sink), frame_bytes_(frame_bytes), whole_(frame_bytes <= options.kept_in_memory_max) {
    if (whole_) frame_.bytes.reserve(frame_bytes);
  }

  Status Take(std::string_view piece) {
    frame_.checksum = Crc32(piece, frame_.checksum);
    if (!whole_) return sink_.AddPiece(piece, frame_bytes_);
    frame_.bytes.append(piece);
    return Ok();
  }
  Status Finish(const ImagePixel& pixel) {
    frame_.width = pixel.columns;
    frame_.height = pixel.rows;
    return sink_.Add(std::move(frame_));
  }

 private:
  FrameSink& sink_;
  const uint64_t frame_bytes_;
  const bool whole_;
  StoredFrame frame_;
};

uint64_t SumOfBytes(std::span<const ByteRange> ranges) {
  uint64_t sum = 0;
  for (const ByteRange& range : ranges) sum += range.bytes;
  return sum;
}

class Transcoding {
 public:
  Transcoding(const Instance& instance, const TranscodeOptions& options, ForeignDecoder& decoder,
              FrameSink& sink)
      : instance_(instance), options_(options), decoder_(decoder), sink_(sink) {}

  Result<StoredFrames> Run();

 private:
  // What a step made of the pixels: all is stored, or why they have to be kept as a blob.
  using Outcome = std::optional<Warning>;

  Result<Outcome> StoreFrames(Treatment treatment);
  Result<Outcome> StoreNative(uint32_t frames);
  Result<Outcome> StoreForeign(const dicom::FrameLayout& layout);
  Result<NativeFrame> DecodeRun(dicom::FragmentRun run);
  Status KeepNative(uint32_t frames);
  Status KeepRuns(const dicom::FrameLayout& layout);
  Status KeepBlob();
  Status Encode(const ImagePixel& pixel, std::string_view native);
  Status KeepNativeFrame(uint32_t index);
  Status KeepRanges(std::span<const ByteRange> ranges);
  Result<std::string> JoinFragments(dicom::FragmentRun run) const;
  bool TooLargeToTranscode() const;

  const Instance& instance_;
  const TranscodeOptions& options_;
  ForeignDecoder& decoder_;
  FrameSink& sink_;
  ImagePixel pixel_;
  StoredFrames out_;
};

Result<std::string> Transcoding::JoinFragments(dicom::FragmentRun run) const {
  const std::span<const ByteRange> fragments =
      std::span(instance_.pixel_data().fragments).subspan(run.first, run.count);
  const uint64_t total = SumOfBytes(fragments);
  if (total > kEncodedFrameBytesMax) {
    return Error{ErrorKind::kTooLarge, "one encoded frame has " + std::to_string(total) +
                                           " bytes; the limit is " +
                                           std::to_string(kEncodedFrameBytesMax)};
  }
  std::string out;
  out.reserve(total);
  std::string buffer;
  for (const ByteRange& fragment : fragments) {
    TRY(const std::string_view bytes, instance_.Bytes(fragment, &buffer));
    out.append(bytes);
    buffer.clear();
  }
  return out;
}

bool Transcoding::TooLargeToTranscode() const {
  const uint64_t samples = uint64_t{pixel_.rows} * pixel_.columns * pixel_.samples_per_pixel;
  return samples > kFrameSamplesMax || pixel_.samples_per_pixel > kCodestreamComponentsMax ||
         pixel_.FrameBytes() > kInstanceBytesMax / pixel_.number_of_frames;
}

Status Transcoding::Encode(const ImagePixel& pixel, std::string_view native) {
  std::string buffer;
  const NormalizedFrame frame = NormalizeFrame(pixel, native, &buffer);
  EncodedFrame encoded;
  if (options_.format == LosslessFormat::kHtj2k) {
    TRY(encoded, EncodeHtj2k(frame.format, frame.samples));
    TRY(VerifyHtj2k(encoded.codestream, frame.format, frame.samples));
  } else {
    TRY(encoded, EncodeJpeg2000(frame.format, frame.samples));
    TRY(const DecodedFrame decoded, DecodeJpeg2000(encoded.codestream));
    if (decoded.samples != frame.samples) {
      return Internal("JPEG 2000 verification: the decoded frame differs");
    }
  }
  ++out_.frames;
  // The decoded samples are equal to these, so their checksum is too.
  return sink_.Add({.bytes = std::move(encoded.codestream),
                    .width = frame.format.width,
                    .height = frame.format.height,
                    .checksum = Crc32(frame.samples),
                    .min_pixel_value = frame.range.min,
                    .max_pixel_value = frame.range.max,
                    .resolution_ends = std::move(encoded.resolution_ends)});
}

// The bytes of the ranges, one after the other, as one kept frame.
Status Transcoding::KeepRanges(std::span<const ByteRange> ranges) {
  const uint64_t total = SumOfBytes(ranges);
  if (total > kKeptFrameBytesMax) {
    return Error{ErrorKind::kTooLarge, "PixelData has " + std::to_string(total) +
                                           " bytes to be kept in one piece; the limit is " +
                                           std::to_string(kKeptFrameBytesMax)};
  }
  KeptFrame frame(options_, total, sink_);
  std::string buffer;
  for (const ByteRange& range : ranges) {
    for (uint64_t done = 0; done < range.bytes; done += options_.kept_piece_bytes) {
      const ByteRange piece{range.offset + done,
                            std::min(options_.kept_piece_bytes, range.bytes - done)};
      TRY(const std::string_view bytes, instance_.Bytes(piece, &buffer));
      TRY(frame.Take(bytes));
    }
  }
  ++out_.frames;
  return frame.Finish(pixel_);
}

Status Transcoding::KeepNativeFrame(uint32_t index) {
  const uint64_t total = pixel_.FrameBytes();
  KeptFrame frame(options_, total, sink_);
  std::string buffer;
  for (uint64_t done = 0; done < total; done += options_.kept_piece_bytes) {
    const FramePart part{index, done, options_.kept_piece_bytes};
    TRY(const std::string_view bytes, ReadNativePart(instance_, pixel_, part, &buffer));
    TRY(frame.Take(bytes));
  }
  ++out_.frames;
  return frame.Finish(pixel_);
}

// Pixel data that no lossless codec of ours takes: 1-bit, 32-bit, floating point, subsampled
// chroma. It is stored as explicit little endian, so words of a big-endian file are turned.
Status Transcoding::KeepNative(uint32_t frames) {
  out_.form = FrameForm::kKept;
  out_.stored_transfer_syntax_uid = dicom::uid::kExplicitVrLittleEndian;
  for (uint32_t i = 0; i < frames; ++i) TRY(KeepNativeFrame(i));
  return Ok();
}

Status Transcoding::KeepRuns(const dicom::FrameLayout& layout) {
  out_.form = FrameForm::kKept;
  out_.stored_transfer_syntax_uid = instance_.transfer_syntax_uid();
  const std::span<const ByteRange> fragments = instance_.pixel_data().fragments;
  for (const dicom::FragmentRun& run : layout.fragment_runs) {
    TRY(KeepRanges(fragments.subspan(run.first, run.count)));
  }
  return Ok();
}

Status Transcoding::KeepBlob() {
  if (out_.frames > 0) TRY(sink_.Restart());
  out_.frames = 0;
  out_.form = FrameForm::kNone;
  out_.stored_transfer_syntax_uid.clear();
  const dicom::PixelData& data = instance_.pixel_data();
  if (data.encapsulated ? data.fragments.empty() : data.native.bytes == 0) return Ok();
  out_.form = FrameForm::kBlob;
  out_.stored_transfer_syntax_uid = instance_.transfer_syntax_uid();
  if (!data.encapsulated) return KeepRanges(std::span(&data.native, 1));
  for (const ByteRange& fragment : data.fragments) out_.fragment_bytes.push_back(fragment.bytes);
  return KeepRanges(data.fragments);
}

Result<Transcoding::Outcome> Transcoding::StoreNative(uint32_t frames) {
  if (!CanNormalize(pixel_) || instance_.pixel_data().tag != dicom::kPixelData) {
    TRY(KeepNative(frames));
    return Outcome{};
  }
  out_.form = FrameForm::kTranscoded;
  out_.stored_transfer_syntax_uid = LosslessUid(options_.format);
  for (uint32_t i = 0; i < frames; ++i) {
    std::string buffer;
    TRY(const std::string_view native, ReadNativeFrame(instance_, pixel_, i, &buffer));
    TRY(Encode(pixel_, native));
  }
  return Outcome{};
}

Result<NativeFrame> Transcoding::DecodeRun(dicom::FragmentRun run) {
  TRY(const std::string bytes, JoinFragments(run));
  return decoder_.Decode(
      {.transfer_syntax_uid = instance_.transfer_syntax_uid(), .pixel = pixel_, .bytes = bytes});
}

Result<Transcoding::Outcome> Transcoding::StoreForeign(const dicom::FrameLayout& layout) {
  out_.form = FrameForm::kTranscoded;
  out_.stored_transfer_syntax_uid = LosslessUid(options_.format);
  for (const dicom::FragmentRun& run : layout.fragment_runs) {
    auto decoded = DecodeRun(run);
    if (!decoded.ok() && IsAboutPixels(decoded.error())) {
      return Outcome{
          Warning{WarningCode::kTranscodingException,
                  "frame " + std::to_string(out_.frames + 1) + ": " + decoded.error().detail}};
    }
    TRY(const NativeFrame native, std::move(decoded));
    if (!CanNormalize(native.pixel)) {
      return Outcome{Warning{WarningCode::kTranscodingException,
                             "only samples of up to 16 bits can be transcoded"}};
    }
    out_.photometric_interpretation = native.pixel.photometric_interpretation;
    TRY(Encode(native.pixel, native.bytes));
  }
  return Outcome{};
}

Result<Transcoding::Outcome> Transcoding::StoreFrames(Treatment treatment) {
  if (treatment == Treatment::kUnknown) {
    return Outcome{Warning{WarningCode::kUnsupportedSyntax,
                           "transfer syntax " + instance_.transfer_syntax_uid() +
                               " is not supported: pixel data is kept as it is"}};
  }
  auto pixel = dicom::ReadImagePixel(instance_);
  if (!pixel.ok()) {
    return Outcome{Warning{WarningCode::kFrameExtraction, std::move(pixel).error().detail}};
  }
  pixel_ = std::move(pixel).value();
  out_.photometric_interpretation = pixel_.photometric_interpretation;
  TRY(dicom::FrameLayout layout, dicom::LayOutFrames(instance_, pixel_));
  if (layout.frame_count == 0) {
    if (!layout.warnings.empty()) return Outcome{layout.warnings.front()};
    return Outcome{Warning{WarningCode::kFrameExtraction, "PixelData holds no frame"}};
  }
  out_.warnings = std::move(layout.warnings);
  if (instance_.pixel_data().encapsulated != (treatment != Treatment::kNative)) {
    return Outcome{Warning{WarningCode::kFrameExtraction,
                           "PixelData is not encoded as the transfer syntax says"}};
  }
  if (treatment == Treatment::kKept || treatment == Treatment::kVideo) {
    TRY(KeepRuns(layout));
    return Outcome{};
  }
  if (TooLargeToTranscode()) {
    return Outcome{Warning{WarningCode::kTranscodingException,
                           "frames have too many samples to be transcoded: pixel data is kept"}};
  }
  return treatment == Treatment::kNative ? StoreNative(layout.frame_count) : StoreForeign(layout);
}

Result<StoredFrames> Transcoding::Run() {
  if (instance_.pixel_data().tag == 0) return std::move(out_);
  const Treatment treatment = TreatmentOf(instance_.transfer_syntax_uid());
  TRY(const Outcome why_blob, StoreFrames(treatment));
  if (why_blob) {
    TRY(KeepBlob());
    out_.warnings.assign(1, *why_blob);
  } else if (treatment == Treatment::kVideo) {
    for (const ByteRange& each : instance_.pixel_data().fragments) {
      out_.fragment_bytes.push_back(each.bytes);
    }
  }
  return std::move(out_);
}

}  // namespace

Treatment TreatmentOf(std::string_view transfer_syntax_uid) {
  const SyntaxRow* row = FindSyntax(transfer_syntax_uid);
  return row == nullptr ? Treatment::kUnknown : row->treatment;
}

std::string_view ContentTypeOf(std::string_view stored_transfer_syntax_uid) {
  const SyntaxRow* row = FindSyntax(stored_transfer_syntax_uid);
  return row == nullptr ? kAnyContentType : row->content_type;
}

Result<StoredFrames> Transcode(const dicom::Instance& instance, const TranscodeOptions& options,
                               ForeignDecoder& decoder, FrameSink& sink) {
  return Transcoding(instance, options, decoder, sink).Run();
}

}  // namespace tarn::pixels
