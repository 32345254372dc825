// What a server and its codec workers say to each other over a stream socket: the worker's greeting
// once it can work, then one request, one answer, in turn. Both sides check every number they read.
//
//   greeting  "TCH1"
//   request   "TCR1"  uid bytes:16  photometric bytes:16  description: 8 x 16  payload bytes:64
//             uid, photometric, payload: the frame's codestream
//   answer    "TCA1"  result:16     text bytes:16         description: 8 x 16  payload bytes:64
//             text, payload: the samples
//
// Integers are big-endian. The description is rows, columns, samples per pixel, bits allocated,
// bits stored, high bit, pixel representation, planar configuration. result is 0, or 1 + the
// ErrorKind of a failure; text is then the error's detail, else the photometric interpretation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dicom/pixel_layout.h"
#include "pixels/foreign_decoder.h"

namespace tarn::pixels {

inline constexpr std::string_view kCodecGreeting = "TCH1";
inline constexpr size_t kCodecHeadBytes = 32;

struct CodecHead {
  uint16_t uid_bytes = 0;  // Of a request.
  uint16_t result = 0;     // Of an answer.
  uint16_t text_bytes = 0;
  dicom::ImagePixel pixel;  // Without the photometric interpretation.
  uint64_t payload_bytes = 0;
};

// The head of a request with its two texts; the payload follows. Errors: kInvalid: a text is longer
// than kWorkerFieldBytesMax.
Result<std::string> WriteCodecRequest(const ForeignFrame& frame);
// The head and text of an answer; the payload follows.
std::string WriteCodecAnswer(const NativeFrame& frame);
std::string WriteCodecAnswer(const Error& error);

// Both read kCodecHeadBytes (CHECK). Errors: kInvalid: not such a head, or beyond limits.h.
Result<CodecHead> ReadCodecRequest(std::string_view head);
Result<CodecHead> ReadCodecAnswer(std::string_view head);

}  // namespace tarn::pixels
