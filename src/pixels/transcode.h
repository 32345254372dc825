// An instance's pixel data in, frames as the store keeps them out.
// Spec: facts of HealthImaging in docs/reference (transfer syntaxes and what they are stored as);
// PS3.5 8 and annex A. How and why: docs/internals/pixels.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dicom/instance.h"
#include "dicom/pixel_layout.h"
#include "dicom/warnings.h"
#include "pixels/foreign_decoder.h"
#include "pixels/frame.h"
#include "pixels/limits.h"

namespace tarn::pixels {

// A data store's losslessStorageFormat. Stored: never renumber.
enum class LosslessFormat : uint8_t { kHtj2k = 0, kJpeg2000Lossless = 1 };

// What becomes of pixel data, by transfer syntax alone.
enum class Treatment : uint8_t {
  kNative,   // Cut out and encoded.
  kForeign,  // Decoded in a codec worker and encoded.
  kKept,     // Frame by frame as it is.
  kVideo,    // One object as it is, whatever Number of Frames says.
  kUnknown,  // One object as it is, warning 45344.
};
Treatment TreatmentOf(std::string_view transfer_syntax_uid);

// GetImageFrame's Content-Type of a frame stored in that transfer syntax;
// "application/octet-stream" for all that has none of its own.
std::string_view ContentTypeOf(std::string_view stored_transfer_syntax_uid);

// Takes frames in order. Implemented by the image store and by tests.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // An error ends the transcoding and is its result.
  virtual Status Add(StoredFrame frame) = 0;
  // The next bytes of a frame that is too large to be held. All pieces together are `frame_bytes`
  // long; then Add gives what else there is to say of it, with empty `bytes`.
  virtual Status AddPiece(std::string_view piece, uint64_t frame_bytes) = 0;
  // Drops all frames and pieces added so far: the instance will be kept in another form.
  virtual Status Restart() = 0;
};

enum class FrameForm : uint8_t {
  kNone = 0,        // The instance has no pixel data, or an empty value (with a warning).
  kTranscoded = 1,  // Lossless; checksums are of decoded samples.
  kKept = 2,        // One stored frame per frame, as in the file; checksums of the bytes.
  // One stored frame for all: the value of native pixel data, or the fragments of encapsulated
  // pixel data one after the other (fragment_bytes has their lengths). Frames of their own cannot
  // be had; the instance can still be given back whole.
  kBlob = 3,
};

struct StoredFrames {
  FrameForm form = FrameForm::kNone;
  std::string stored_transfer_syntax_uid;  // Empty with kNone.
  uint32_t frames = 0;                     // Handed to the sink, and not dropped since.
  // What the samples of kTranscoded frames mean: RGB where the file has YBR_RCT or YBR_ICT, else
  // as in the data set.
  std::string photometric_interpretation;
  std::vector<uint64_t> fragment_bytes;  // Of kBlob and of video.
  std::vector<dicom::Warning> warnings;  // 45312, 45328, 45329, 45330, 45344
};

struct TranscodeOptions {
  LosslessFormat format = LosslessFormat::kHtj2k;
  // Kept frames beyond this go to the sink in pieces of the other size, a multiple of 8.
  uint64_t kept_in_memory_max = kKeptInMemoryMax;
  uint64_t kept_piece_bytes = kKeptPieceBytes;
};

// Hands every frame of `instance` to `sink`, one at a time; holds one frame in memory, decoded and
// encoded, or a piece of one that is kept. Frames that are transcoded were decoded again and are
// equal to the file's in every sample. What cannot be transcoded without loss is kept as it is,
// with a warning. Errors: kTooLarge (one object above kKeptFrameBytesMax), kBusy and kUnavailable
// (no codec worker could be had; try again), the errors of the instance's source and of the sink.
// Threads: one thread per instance and sink; `decoder` may be shared.
Result<StoredFrames> Transcode(const dicom::Instance& instance, const TranscodeOptions& options,
                               ForeignDecoder& decoder, FrameSink& sink);

}  // namespace tarn::pixels
