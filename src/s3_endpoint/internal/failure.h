// S3's errors: codes, statuses, and how this module's functions return them.
// Spec: Amazon S3 API Reference, "Error responses".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/result.h"
#include "http/message.h"

namespace tarn::s3_endpoint {

enum class S3Code : uint8_t {
  kAccessDenied,
  kBadDigest,
  kBucketAlreadyOwnedByYou,
  kBucketNotEmpty,
  kEntityTooLarge,
  kEntityTooSmall,
  kIncompleteBody,
  kInternalError,
  kInvalidArgument,
  kInvalidBucketName,
  kInvalidDigest,
  kInvalidPart,
  kInvalidPartOrder,
  kInvalidRange,
  kInvalidRequest,
  kInvalidUri,
  kKeyTooLong,
  kMalformedTrailer,
  kMalformedXml,
  kMetadataTooLarge,
  kMethodNotAllowed,
  kMissingContentLength,
  kNoSuchBucket,
  kNoSuchKey,
  kNoSuchUpload,
  kNotImplemented,
  kOperationAborted,
  kPreconditionFailed,
  kRequestHeaderTooLarge,
  kRequestTimeout,
  kServiceUnavailable,
  kSignatureDoesNotMatch,
  kSlowDown,
  kContentSha256Mismatch,
};
inline constexpr int kS3CodeCount = 34;

struct S3CodeFacts {
  std::string_view name;  // As on the wire.
  int status = 500;
};
S3CodeFacts FactsOf(S3Code code);

// The total table from the kinds of error below to S3's codes. What was not found, or in conflict,
// depends on the operation, which says so by its own codes.
S3Code CodeOf(ErrorKind kind);

struct [[nodiscard]] S3Failure {
  S3Code code = S3Code::kInternalError;
  std::string message;
};

// As Result, with an S3Failure. An Error from below becomes one by the table, so TRY passes both.
template <typename T>
class [[nodiscard]] S3Result {
 public:
  S3Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  S3Result(S3Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}
  S3Result(Error error)
      : state_(std::in_place_index<1>, S3Failure{CodeOf(error.kind), std::move(error.detail)}) {}

  bool ok() const { return state_.index() == 0; }
  T& value() & {
    CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  const S3Failure& error() const& {
    CHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  S3Failure&& error() && {
    CHECK(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, S3Failure> state_;
};
using S3Status = S3Result<Unit>;

inline S3Failure NotImplemented(std::string_view what) {
  return {S3Code::kNotImplemented, std::string(what) + " is not implemented by this server"};
}

// The error as XML. `resource`: the request's path.
http::Response ErrorResponse(const S3Failure& failure, std::string_view resource,
                             std::string_view request_id);

}  // namespace tarn::s3_endpoint
