// RLE, JPEG and JPEG-LS through DCMTK. DCMTK appears here only.
// Threads: one.
#pragma once

#include "base/result.h"
#include "pixels/foreign_decoder.h"

namespace tarn::codec_worker {

// Loads what DCMTK loads once: its codecs, which are global, and its dictionary. Before the
// sandbox.
void PrepareDcmtk();

// Decodes one frame; colour stays as it is encoded (YCbCr too), by pixel.
// Errors: kInvalid (broken), kUnsupported (no such codec).
Result<pixels::NativeFrame> DecodeWithDcmtk(const pixels::ForeignFrame& frame);

}  // namespace tarn::codec_worker
