// JPEG 2000 through OpenJPEG: the lossless form that a data store may ask for instead of HTJ2K, and
// the decoder for codestreams of others, HTJ2K among them.
// Spec: ITU-T T.800, T.814; PS3.5 8.2.4.
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "pixels/frame.h"

namespace tarn::pixels {

// Encodes one frame, reversible, in the shape that EncodeHtj2k gives it too: single tile, RPCL, one
// tile-part per resolution, TLM. `samples` has format.Bytes() bytes (CHECK), each within its
// precision. Noise of few bits may get a codestream that declares 8 or 16 bits.
// Errors: kInternal when the library fails.
Result<EncodedFrame> EncodeJpeg2000(const FrameFormat& format, std::string_view samples);

// Decodes a codestream, bare or in a JP2 file, halved `skipped_resolutions` times. Nothing is
// allocated before its header was checked against limits.h; but the library is written in C and
// has failed on hostile input: call it for codestreams of others in a codec worker only.
// format.is_rgb says whether the colour transform was undone.
// Errors: kInvalid (broken), kUnsupported (more than 16 bits, subsampled components), kTooLarge.
Result<DecodedFrame> DecodeJpeg2000(std::string_view bytes, uint32_t skipped_resolutions = 0);

}  // namespace tarn::pixels
