// Decodes aws-chunked bodies, in which SDKs send content with a signature or a checksum behind it.
// Spec: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring
// Payload in Multiple Chunks", with and without trailers. Pure.
//
//   10000;chunk-signature=<64 hex>\r\n  <65,536 bytes>\r\n      (the signature only when signed)
//   0\r\n
//   x-amz-checksum-crc32c:sOO8/Q==\r\n                          (trailers, when announced)
//   \r\n
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tarn::s3_endpoint {

class AwsChunkedDecoder {
 public:
  enum class Signed : uint8_t { kNo, kYes };
  explicit AwsChunkedDecoder(Signed is_signed) : signed_(is_signed) {}

  // Passes the content that `bytes` holds to `sink`, in order. Errors: kInvalid, the sink's.
  Status Feed(std::string_view bytes, const std::function<Status(std::string_view)>& sink);
  // After the body's end. Errors: kInvalid when the body ended early or its trailers are broken.
  Status Finish();

  uint64_t decoded_bytes() const { return decoded_bytes_; }
  // Lower-case names; after Finish.
  const std::vector<std::pair<std::string, std::string>>& trailers() const { return trailers_; }

 private:
  enum class State : uint8_t { kSize, kData, kDataEnd, kTrailers };
  Status TakeSizeLine(std::string_view line);

  const Signed signed_;
  State state_ = State::kSize;
  uint64_t left_ = 0;  // Of the chunk's data.
  uint64_t decoded_bytes_ = 0;
  std::string line_;  // What has come of a line, or all of the trailers.
  std::vector<std::pair<std::string, std::string>> trailers_;
};

}  // namespace tarn::s3_endpoint
