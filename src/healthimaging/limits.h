// healthimaging/limits.h: every bound of this module that is not the service model's.
#pragma once

#include <cstdint>

namespace tarn::healthimaging {

// Values and nesting of one request's body: ValidationException. The largest legal one, 50 tags and
// more that are refused by their number, has a few hundred values; the deepest has 8 levels.
inline constexpr uint32_t kRequestDepthMax = 32;
inline constexpr uint32_t kRequestNodesMax = 20'000;
// Bytes of one request: 413 before the body is read (http::kBufferedBodyBytesMax).

// Answers of one page when the request does not say (the service's own default is not known).
inline constexpr uint32_t kPageDefault = 50;

// Frames up to this size that are in memory are answered on the event loop: 0.1 ms.
inline constexpr uint64_t kFrameOnLoopBytesMax = 256u << 10;
// Frames up to this size are read before the answer begins, larger ones while it is sent.
inline constexpr uint64_t kFrameBufferedBytesMax = 1u << 20;
inline constexpr uint64_t kFrameBlockBytes = 256u << 10;

// An image set that nobody has read for so long shows as archived, as with the service.
inline constexpr int64_t kArchiveAfterMs = 30LL * 24 * 3'600'000;

}  // namespace tarn::healthimaging
