#include "s3_endpoint/internal/failure.h"

#include <array>

#include "s3_endpoint/internal/xml_writer.h"

namespace tarn::s3_endpoint {

namespace {

struct Row {
  S3Code code;
  S3CodeFacts facts;
};
// In the order of the enumeration.
constexpr std::array<Row, kS3CodeCount> kCodes = {{
    {S3Code::kAccessDenied, {"AccessDenied", 403}},
    {S3Code::kBadDigest, {"BadDigest", 400}},
    {S3Code::kBucketAlreadyOwnedByYou, {"BucketAlreadyOwnedByYou", 409}},
    {S3Code::kBucketNotEmpty, {"BucketNotEmpty", 409}},
    {S3Code::kEntityTooLarge, {"EntityTooLarge", 400}},
    {S3Code::kEntityTooSmall, {"EntityTooSmall", 400}},
    {S3Code::kIncompleteBody, {"IncompleteBody", 400}},
    {S3Code::kInternalError, {"InternalError", 500}},
    {S3Code::kInvalidArgument, {"InvalidArgument", 400}},
    {S3Code::kInvalidBucketName, {"InvalidBucketName", 400}},
    {S3Code::kInvalidDigest, {"InvalidDigest", 400}},
    {S3Code::kInvalidPart, {"InvalidPart", 400}},
    {S3Code::kInvalidPartOrder, {"InvalidPartOrder", 400}},
    {S3Code::kInvalidRange, {"InvalidRange", 416}},
    {S3Code::kInvalidRequest, {"InvalidRequest", 400}},
    {S3Code::kInvalidUri, {"InvalidURI", 400}},
    {S3Code::kKeyTooLong, {"KeyTooLongError", 400}},
    {S3Code::kMalformedTrailer, {"MalformedTrailerError", 400}},
    {S3Code::kMalformedXml, {"MalformedXML", 400}},
    {S3Code::kMetadataTooLarge, {"MetadataTooLarge", 400}},
    {S3Code::kMethodNotAllowed, {"MethodNotAllowed", 405}},
    {S3Code::kMissingContentLength, {"MissingContentLength", 411}},
    {S3Code::kNoSuchBucket, {"NoSuchBucket", 404}},
    {S3Code::kNoSuchKey, {"NoSuchKey", 404}},
    {S3Code::kNoSuchUpload, {"NoSuchUpload", 404}},
    {S3Code::kNotImplemented, {"NotImplemented", 501}},
    {S3Code::kOperationAborted, {"OperationAborted", 409}},
    {S3Code::kPreconditionFailed, {"PreconditionFailed", 412}},
    {S3Code::kRequestHeaderTooLarge, {"RequestHeaderSectionTooLarge", 400}},
    {S3Code::kRequestTimeout, {"RequestTimeout", 400}},
    {S3Code::kServiceUnavailable, {"ServiceUnavailable", 503}},
    {S3Code::kSignatureDoesNotMatch, {"SignatureDoesNotMatch", 403}},
    {S3Code::kSlowDown, {"SlowDown", 503}},
    {S3Code::kContentSha256Mismatch, {"XAmzContentSHA256Mismatch", 400}},
}};

}  // namespace

S3CodeFacts FactsOf(S3Code code) {
  const Row& row = kCodes[static_cast<size_t>(code)];
  CHECK(row.code == code);
  return row.facts;
}

S3Code CodeOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return S3Code::kInvalidArgument;
    case ErrorKind::kUnauthenticated:
      return S3Code::kSignatureDoesNotMatch;
    case ErrorKind::kForbidden:
      return S3Code::kAccessDenied;
    case ErrorKind::kNotFound:
    case ErrorKind::kGone:
      return S3Code::kNoSuchKey;
    case ErrorKind::kConflict:
      return S3Code::kOperationAborted;
    case ErrorKind::kPreconditionFailed:
      return S3Code::kPreconditionFailed;
    case ErrorKind::kTooLarge:
      return S3Code::kEntityTooLarge;
    case ErrorKind::kUnsupported:
      return S3Code::kNotImplemented;
    case ErrorKind::kBusy:
      return S3Code::kSlowDown;
    case ErrorKind::kUnavailable:
      return S3Code::kServiceUnavailable;
    case ErrorKind::kTimeout:
      return S3Code::kRequestTimeout;
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      return S3Code::kInternalError;
  }
  CHECK(false);
  return S3Code::kInternalError;
}

http::Response ErrorResponse(const S3Failure& failure, std::string_view resource,
                             std::string_view request_id) {
  const S3CodeFacts facts = FactsOf(failure.code);
  XmlWriter xml;
  xml.Open("Error", XmlWriter::Namespace::kNone);
  xml.Text("Code", facts.name);
  xml.Text("Message", failure.message);
  xml.Text("Resource", resource);
  xml.Text("RequestId", request_id);
  xml.Close();
  http::Response response;
  response.status = facts.status;
  response.headers.Add("Content-Type", "application/xml");
  response.body = xml.Finish();
  return response;
}

}  // namespace tarn::s3_endpoint
