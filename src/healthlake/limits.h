// healthlake/limits.h: every bound of this module that is not the service model's.
#pragma once

#include <cstdint>

namespace tarn::healthlake {

// Values and nesting of one request: SerializationException. The largest legal request, 200 tags,
// has about 800 values; the deepest has 4 levels.
inline constexpr uint32_t kRequestDepthMax = 32;
inline constexpr uint32_t kRequestNodesMax = 20'000;
// Bytes of one request: 413 before the body is read (http::kBufferedBodyBytesMax).

// Answers of one page when the request does not say (the service's own default is not known).
inline constexpr uint32_t kPageDefault = 100;

}  // namespace tarn::healthlake
