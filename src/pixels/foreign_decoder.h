// Decoding of frames that somebody else encoded. CodecPool does it in worker processes; tests have
// their own.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "dicom/pixel_layout.h"

namespace tarn::pixels {

struct ForeignFrame {
  std::string_view transfer_syntax_uid;
  const dicom::ImagePixel& pixel;  // Of the data set; number_of_frames is not used.
  std::string_view bytes;          // The frame's fragments, joined.
};

// An uncompressed frame, little-endian, with the description that fits it: what the codestream says
// where the data set says otherwise (bits, sign, colour).
struct NativeFrame {
  dicom::ImagePixel pixel;
  std::string bytes;  // pixel.FrameBytes() of them.
};

class ForeignDecoder {
 public:
  virtual ~ForeignDecoder() = default;
  // Errors of the frame: kInvalid (broken, or the decoder crashed), kUnsupported, kTooLarge,
  // kTimeout (it took too long). Errors of ours: kBusy, kUnavailable, kInternal.
  // Threads: may be called from any thread.
  virtual Result<NativeFrame> Decode(const ForeignFrame& frame) = 0;
};

}  // namespace tarn::pixels
