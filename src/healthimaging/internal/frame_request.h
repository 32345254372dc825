// What HTTP says about which part of a frame is wanted, and whether the client has it already.
// Pure. Spec: RFC 9110, 13.1.2 (If-None-Match), 13.1.5 (If-Range), 14.1.2 and 14.2 (Range).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "image_store/image_sets.h"

namespace tarn::healthimaging::internal {

struct FrameRequest {
  std::string frame_id;
  image_store::FrameRange range;
  bool whole() const { return !range.bytes && !range.suffix_bytes && !range.levels; }
};

// Of GET .../getImageFrame: imageFrameId, startLevel and endLevel (each alone stands for a range to
// that side's end) in the query, Range among the headers. A Range that this server does not know
// (several ranges, another unit) is none, as RFC 9110 has it.
// Errors: kInvalid, naming the parameter (levels and Range together, too).
Result<FrameRequest> ReadFrameRequest(const http::Request& request);

// The entity tag of what is asked for, with quotes: levels are a representation of their own.
std::string EntityTag(std::string_view frame_etag, const FrameRequest& request);
// Whether If-None-Match names it.
bool ClientHas(const http::Request& request, std::string_view etag);
// Whether Range counts: no If-Range, or one that names the tag.
bool RangeApplies(const http::Request& request, std::string_view etag);

}  // namespace tarn::healthimaging::internal
