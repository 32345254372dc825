// Receives the body of a request: takes it out of aws-chunked coding, and checks every digest and
// checksum that the client gave, in header fields or behind the body.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.h"
#include "s3_endpoint/internal/checksum.h"
#include "s3_endpoint/internal/failure.h"

namespace tarn::s3_endpoint {

using BodySink = std::function<Status(std::string_view)>;

struct ReceivedBody {
  uint64_t bytes = 0;
  // name -> Base64, all verified, or computed here (see `compute`). At most one.
  std::vector<std::pair<std::string, std::string>> checksums;
  bool has_md5 = false;  // There was a Content-MD5, and it is right.
};

// Passes the content to `sink` as it arrives. What fails a check has been passed already: the
// caller drops what it made of it. `compute`: a checksum to compute when the client gives none.
S3Result<ReceivedBody> ReceiveBody(http::Request& request, std::optional<ChecksumKind> compute,
                                   const BodySink& sink);

// Whether a body must come with a Content-MD5 or an x-amz-checksum-... (in a trailer, too).
enum class Integrity : uint8_t { kAsGiven, kRequired };

// A whole small body, for XML. Errors: MalformedXML beyond kXmlBodyBytesMax; InvalidRequest without
// what `integrity` asks for.
S3Result<std::string> ReceiveSmallBody(http::Request& request,
                                       Integrity integrity = Integrity::kAsGiven);

}  // namespace tarn::s3_endpoint
