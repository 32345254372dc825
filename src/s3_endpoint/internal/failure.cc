#include "s3_endpoint/internal/failure.h"

#include "s3_endpoint/internal/xml_writer.h"

namespace tarn::s3_endpoint {

S3CodeFacts FactsOf(S3Code code) {
  switch (code) {
    case S3Code::kAccessDenied:
      return {"AccessDenied", 403};
    case S3Code::kBadDigest:
      return {"BadDigest", 400};
    case S3Code::kBucketAlreadyOwnedByYou:
      return {"BucketAlreadyOwnedByYou", 409};
    case S3Code::kBucketNotEmpty:
      return {"BucketNotEmpty", 409};
    case S3Code::kEntityTooLarge:
      return {"EntityTooLarge", 400};
    case S3Code::kEntityTooSmall:
      return {"EntityTooSmall", 400};
    case S3Code::kIncompleteBody:
      return {"IncompleteBody", 400};
    case S3Code::kInternalError:
      return {"InternalError", 500};
    case S3Code::kInvalidArgument:
      return {"InvalidArgument", 400};
    case S3Code::kInvalidBucketName:
      return {"InvalidBucketName", 400};
    case S3Code::kInvalidDigest:
      return {"InvalidDigest", 400};
    case S3Code::kInvalidPart:
      return {"InvalidPart", 400};
    case S3Code::kInvalidPartOrder:
      return {"InvalidPartOrder", 400};
    case S3Code::kInvalidRange:
      return {"InvalidRange", 416};
    case S3Code::kInvalidRequest:
      return {"InvalidRequest", 400};
    case S3Code::kInvalidUri:
      return {"InvalidURI", 400};
    case S3Code::kKeyTooLong:
      return {"KeyTooLongError", 400};
    case S3Code::kMalformedTrailer:
      return {"MalformedTrailerError", 400};
    case S3Code::kMalformedXml:
      return {"MalformedXML", 400};
    case S3Code::kMetadataTooLarge:
      return {"MetadataTooLarge", 400};
    case S3Code::kMethodNotAllowed:
      return {"MethodNotAllowed", 405};
    case S3Code::kMissingContentLength:
      return {"MissingContentLength", 411};
    case S3Code::kNoSuchBucket:
      return {"NoSuchBucket", 404};
    case S3Code::kNoSuchKey:
      return {"NoSuchKey", 404};
    case S3Code::kNoSuchUpload:
      return {"NoSuchUpload", 404};
    case S3Code::kNotImplemented:
      return {"NotImplemented", 501};
    case S3Code::kOperationAborted:
      return {"OperationAborted", 409};
    case S3Code::kPreconditionFailed:
      return {"PreconditionFailed", 412};
    case S3Code::kRequestHeaderTooLarge:
      return {"RequestHeaderSectionTooLarge", 400};
    case S3Code::kRequestTimeout:
      return {"RequestTimeout", 400};
    case S3Code::kServiceUnavailable:
      return {"ServiceUnavailable", 503};
    case S3Code::kSignatureDoesNotMatch:
      return {"SignatureDoesNotMatch", 403};
    case S3Code::kSlowDown:
      return {"SlowDown", 503};
    case S3Code::kContentSha256Mismatch:
      return {"XAmzContentSHA256Mismatch", 400};
  }
  CHECK(false);
  return {};
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
