// One request on its way through the endpoint, and the operations that may answer it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/uri.h"
#include "http/message.h"
#include "objects/object_store.h"
#include "s3_endpoint/internal/failure.h"
#include "s3_endpoint/s3_endpoint.h"

namespace tarn::s3_endpoint {

struct Call {
  objects::ObjectStore& store;
  const S3EndpointOptions& options;
  http::Request& request;
  std::string bucket;
  std::string key;
  QueryParameters query;

  // Empty when there is none.
  std::string_view Header(std::string_view name) const { return request.headers.Get(name); }
  const std::string* Parameter(std::string_view name) const { return FindParameter(query, name); }
};

using OperationResult = S3Result<http::Response>;

// Buckets.
OperationResult ListBuckets(Call& call);
OperationResult CreateBucket(Call& call);
OperationResult HeadBucket(Call& call);
OperationResult DeleteBucket(Call& call);
OperationResult GetBucketLocation(Call& call);
OperationResult ListObjects(Call& call);
OperationResult ListObjectsV2(Call& call);
OperationResult DeleteObjects(Call& call);
OperationResult ListMultipartUploads(Call& call);
// Objects.
OperationResult PutObject(Call& call);
OperationResult CopyObject(Call& call);
OperationResult GetObject(Call& call);
OperationResult HeadObject(Call& call);
OperationResult DeleteObject(Call& call);
OperationResult GetObjectTagging(Call& call);
// Multipart uploads.
OperationResult CreateMultipartUpload(Call& call);
OperationResult UploadPart(Call& call);
OperationResult UploadPartCopy(Call& call);
OperationResult CompleteMultipartUpload(Call& call);
OperationResult AbortMultipartUpload(Call& call);
OperationResult ListParts(Call& call);

// What operations share.
http::Response XmlResponse(std::string xml);
std::string QuotedEtag(std::string_view etag);
// A number of the query within [0, max]: larger ones are cut, as S3 does. Errors: InvalidArgument.
S3Result<uint32_t> NumberParameter(const Call& call, std::string_view name, uint32_t fallback,
                                   uint32_t max);
// Encodes keys when the client asks for encoding-type=url. Errors: InvalidArgument.
class KeyEncoder {
 public:
  static S3Result<KeyEncoder> Make(const Call& call);
  std::string operator()(std::string_view key) const {
    return encode_ ? PercentEncode(key, Slash::kKeep) : std::string(key);
  }
  bool encodes() const { return encode_; }

 private:
  bool encode_ = false;
};
// The metadata that the request's header fields give an object.
S3Result<objects::ObjectMetadata> MetadataOf(const http::Headers& headers);
// Adds x-amz-checksum-* and -type to a response.
void AddChecksums(const std::vector<std::pair<std::string, std::string>>& checksums,
                  http::Response* response);

// The source of a copy: reads x-amz-copy-source and checks its conditions.
struct CopySource {
  objects::S3Uri uri;
  objects::ObjectInfo info;
};
S3Result<CopySource> OpenCopySource(const Call& call);
// Moves a range of an object into a writer.
S3Status CopyBytes(Call& call, const CopySource& source, objects::ByteRange range,
                   const std::function<Status(std::string_view)>& sink);

}  // namespace tarn::s3_endpoint
