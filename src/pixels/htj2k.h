// High-Throughput JPEG 2000, lossless, over OpenJPH: what Tarn stores frames in.
// Spec: ITU-T T.814 (HTJ2K), T.800 annex A (markers); PS3.5 8.2.14: reversible, single tile,
// progression RPCL, smallest resolution within 64 by 64, TLM. One tile-part per resolution, so that
// the first n tile-parts are a picture of their own. Why so: docs/internals/pixels.md.
// Only codestreams that were encoded here may be decoded here: OpenJPH 0.9 does not survive hostile
// input. Those of others go through the codec worker.
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "pixels/frame.h"

namespace tarn::pixels {

// Encodes one frame. `samples` has format.Bytes() bytes (CHECK), each sample within its precision.
// Errors: kInternal when the library fails.
Result<EncodedFrame> EncodeHtj2k(const FrameFormat& format, std::string_view samples);

// Decodes `codestream` and compares every sample with `samples`.
// Errors: kInternal when anything differs or the library fails.
Status VerifyHtj2k(std::string_view codestream, const FrameFormat& format,
                   std::string_view samples);

// Decodes what EncodeHtj2k made, halved `skipped_resolutions` times (0: full size). A prefix up to
// the matching entry of resolution_ends is enough. The bytes must be those that were encoded: who
// stores them has checked that before. `format.precision` and the rest are read from
// the codestream; is_rgb says whether the colour transform is used.
// Errors: kCorrupt when the header is not one of ours; kInternal when the library fails.
Result<DecodedFrame> DecodeOwnHtj2k(std::string_view codestream, uint32_t skipped_resolutions = 0);

}  // namespace tarn::pixels
