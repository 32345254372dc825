// Every bound of this module and what happens beyond it. All sizes are worked out in 64 bits and
// compared before anything is allocated.
#pragma once

#include <cstdint>

namespace tarn::pixels {

// PS3.5 7.1: Rows and Columns are US.
inline constexpr uint64_t kSideMax = 65'535;  // kInvalid
// All samples of one frame; beyond, pixels are kept as they are (45312).
inline constexpr uint64_t kFrameSamplesMax = 64ull << 20;
// What one instance may decode to, and what one frame may have encoded (45312).
inline constexpr uint64_t kInstanceBytesMax = 16ull << 30;
inline constexpr uint64_t kEncodedFrameBytesMax = 256ull << 20;
// One object that is kept as it is, a video for instance. kTooLarge
inline constexpr uint64_t kKeptFrameBytesMax = 4ull << 30;
// Kept objects beyond this go to the sink in pieces of that size.
inline constexpr uint64_t kKeptInMemoryMax = 16ull << 20;
inline constexpr uint64_t kKeptPieceBytes = 1ull << 20;
static_assert(kKeptPieceBytes % 8 == 0);  // Big-endian units are exchanged within a piece.

// Codestream headers of others (ITU-T T.800 A.5.1), checked before a decoder sees them.
inline constexpr uint64_t kCodestreamTilesMax = 65'535;  // kInvalid
inline constexpr uint64_t kCodestreamComponentsMax = 4;  // kUnsupported
// ITU-T T.800 A.6.1 allows 32; 65,535 pixels need 10 to come down to 64.
inline constexpr uint32_t kDecompositionsMax = 32;
// PS3.5 8.2.14: the lowest resolution of an HTJ2K RPCL stream fits into 64 by 64.
inline constexpr uint32_t kSmallestResolutionMax = 64;

// The codec worker, which decodes what others encoded (docs/internals/pixels.md).
inline constexpr uint64_t kWorkerAddressSpaceMax = 2ull << 30;  // RLIMIT_AS; 45312
inline constexpr uint32_t kWorkerStartMsMax = 30'000;           // Until it greets. kUnavailable
inline constexpr uint32_t kWorkerFrameMsMax = 30'000;           // One frame; 45312
inline constexpr uint32_t kWorkerBusyMsMax = 300'000;  // Then a new process takes its place.
inline constexpr uint32_t kWorkerFieldBytesMax = 64;   // Texts in a request or an answer. kInvalid
inline constexpr uint32_t kWorkerDetailBytesMax = 200;

}  // namespace tarn::pixels
