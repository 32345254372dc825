// Headers of JPEG 2000 and HTJ2K codestreams: what a decoder must be told, or spared, in advance.
// Spec: ITU-T T.800 annex A. Nothing here decodes samples.
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tarn::pixels {

// The SIZ segment, checked: all components lie on the full grid, the numbers are within limits.h.
struct CodestreamHeader {
  uint32_t width = 0;  // Of the image area, 1 to kSideMax, as is height.
  uint32_t height = 0;
  uint32_t components = 1;
  uint32_t precision = 8;  // Of all components; 1 to 38.
  bool is_signed = false;
  bool colour_transform = false;  // COD: the first three components are transformed.
  uint32_t decompositions = 0;    // COD
  uint64_t tiles = 1;
  bool high_throughput = false;  // HTJ2K, not JPEG 2000.
};

// Reads the main header of a raw codestream up to its first tile-part.
// Errors: kInvalid (no codestream, broken segments, impossible numbers), kUnsupported (subsampled
// components or components of different depth), kTooLarge (more samples than kFrameSamplesMax).
Result<CodestreamHeader> ReadCodestreamHeader(std::string_view codestream);

// Walks the tile-parts: each tile must have one, and all must lie within the bytes. Errors:
// kInvalid.
Status CheckAllTilesPresent(std::string_view codestream, const CodestreamHeader& header);

// The codestream inside a JP2 or JPH file (ISO/IEC 15444-1 annex I), or the bytes themselves when
// they begin with SOC. Some writers wrap frames so, although PS3.5 A.4.4 wants the bare codestream.
// Errors: kInvalid.
Result<std::string_view> FindCodestream(std::string_view bytes);

// Cuts the only tile-part of a codestream at `resolution_ends` and inserts a TLM segment;
// afterwards tile-part i holds resolution i. `resolution_ends` are offsets into `codestream`,
// ascending, smallest resolution first; they are replaced by offsets into the result. Errors:
// kInternal: the codestream is not of the shape that our encoder writes.
Result<std::string> SplitIntoTileParts(std::string_view codestream,
                                       std::vector<uint64_t>* resolution_ends);

// Where the tile data of a codestream with one tile-part begins (after SOD), and where its SOT is.
struct TilePartPlace {
  uint64_t sot = 0;
  uint64_t data = 0;
};
Result<TilePartPlace> FindFirstTilePart(std::string_view codestream);

// Ends of the tile-parts of a single-tile codestream, in order.
// Errors: kInternal: lengths that do not fit.
Result<std::vector<uint64_t>> TilePartEnds(std::string_view codestream);

}  // namespace tarn::pixels
