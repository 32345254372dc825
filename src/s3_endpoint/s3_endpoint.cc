// One table says which operation answers which request: by method, by what the path names, and by
// the query parameter that S3 uses as the operation's name ("?uploads"). A second table holds the
// operations of S3 that are not here, so that they are refused by name; query and header fields
// that would change what an operation does are refused likewise, never ignored.
#include "s3_endpoint/s3_endpoint.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "s3_endpoint/internal/call.h"
#include "s3_endpoint/internal/failure.h"
#include "s3_endpoint/limits.h"

namespace tarn::s3_endpoint {
namespace {

using http::Method;

enum class Level : uint8_t { kService, kBucket, kKey };

struct Operation {
  std::string_view name;
  Level level;
  Method method;
  std::string_view subresource;  // The query parameter that must be there; empty: none.
  OperationResult (*run)(Call&);
  // What kNotFound and kConflict from the store mean.
  S3Code missing;
  S3Code conflict = S3Code::kOperationAborted;
  std::string_view parameters = "";  // Further query parameters that it understands, by spaces.
  bool copies = false;  // Of two operations that else look alike: x-amz-copy-source must be there.
};

constexpr S3Code kNoBucket = S3Code::kNoSuchBucket;
constexpr S3Code kNoKey = S3Code::kNoSuchKey;
constexpr S3Code kNoUpload = S3Code::kNoSuchUpload;
constexpr S3Code kAborted = S3Code::kOperationAborted;
constexpr std::string_view kOverrides =
    "response-cache-control response-content-disposition response-content-encoding "
    "response-content-language response-content-type response-expires";

constexpr std::array kOperations = {
    Operation{"ListBuckets", Level::kService, Method::kGet, "", ListBuckets, kNoBucket},
    Operation{"CreateBucket", Level::kBucket, Method::kPut, "", CreateBucket, kNoBucket,
              S3Code::kBucketAlreadyOwnedByYou},
    Operation{"HeadBucket", Level::kBucket, Method::kHead, "", HeadBucket, kNoBucket},
    Operation{"DeleteBucket", Level::kBucket, Method::kDelete, "", DeleteBucket, kNoBucket,
              S3Code::kBucketNotEmpty},
    Operation{"GetBucketLocation", Level::kBucket, Method::kGet, "location", GetBucketLocation,
              kNoBucket},
    Operation{"ListMultipartUploads", Level::kBucket, Method::kGet, "uploads", ListMultipartUploads,
              kNoBucket, kAborted,
              "delimiter encoding-type key-marker max-uploads prefix upload-id-marker"},
    Operation{"ListObjectsV2", Level::kBucket, Method::kGet, "list-type", ListObjectsV2, kNoBucket,
              kAborted,
              "continuation-token delimiter encoding-type fetch-owner max-keys prefix "
              "start-after"},
    Operation{"ListObjects", Level::kBucket, Method::kGet, "", ListObjects, kNoBucket, kAborted,
              "delimiter encoding-type marker max-keys prefix"},
    Operation{"DeleteObjects", Level::kBucket, Method::kPost, "delete", DeleteObjects, kNoBucket},
    Operation{"UploadPartCopy", Level::kKey, Method::kPut, "uploadId", UploadPartCopy, kNoKey,
              kAborted, "partNumber", /*copies=*/true},
    Operation{"UploadPart", Level::kKey, Method::kPut, "uploadId", UploadPart, kNoUpload, kAborted,
              "partNumber"},
    Operation{"CopyObject", Level::kKey, Method::kPut, "", CopyObject, kNoKey, kAborted, "",
              /*copies=*/true},
    Operation{"PutObject", Level::kKey, Method::kPut, "", PutObject, kNoBucket},
    Operation{"ListParts", Level::kKey, Method::kGet, "uploadId", ListParts, kNoUpload, kAborted,
              "encoding-type max-parts part-number-marker"},
    Operation{"GetObjectTagging", Level::kKey, Method::kGet, "tagging", GetObjectTagging, kNoKey},
    Operation{"GetObject", Level::kKey, Method::kGet, "", GetObject, kNoKey, kAborted, kOverrides},
    Operation{"HeadObject", Level::kKey, Method::kHead, "", HeadObject, kNoKey, kAborted,
              kOverrides},
    Operation{"AbortMultipartUpload", Level::kKey, Method::kDelete, "uploadId",
              AbortMultipartUpload, kNoUpload},
    Operation{"DeleteObject", Level::kKey, Method::kDelete, "", DeleteObject, kNoBucket},
    Operation{"CreateMultipartUpload", Level::kKey, Method::kPost, "uploads", CreateMultipartUpload,
              kNoBucket},
    Operation{"CompleteMultipartUpload", Level::kKey, Method::kPost, "uploadId",
              CompleteMultipartUpload, kNoUpload},
};

// Query parameters that name operations of S3 which this server does not have.
struct Absent {
  std::string_view subresource;
  std::string_view what;
};
constexpr std::array kAbsent = {
    Absent{"accelerate", "BucketAccelerateConfiguration"},
    Absent{"acl", "Acl"},
    Absent{"analytics", "BucketAnalyticsConfiguration"},
    Absent{"attributes", "GetObjectAttributes"},
    Absent{"cors", "BucketCors"},
    Absent{"encryption", "BucketEncryption"},
    Absent{"intelligent-tiering", "BucketIntelligentTieringConfiguration"},
    Absent{"inventory", "BucketInventoryConfiguration"},
    Absent{"legal-hold", "ObjectLegalHold"},
    Absent{"lifecycle", "BucketLifecycleConfiguration"},
    Absent{"logging", "BucketLogging"},
    Absent{"metadataTable", "BucketMetadataTableConfiguration"},
    Absent{"metrics", "BucketMetricsConfiguration"},
    Absent{"notification", "BucketNotificationConfiguration"},
    Absent{"object-lock", "ObjectLockConfiguration"},
    Absent{"ownershipControls", "BucketOwnershipControls"},
    Absent{"policy", "BucketPolicy"},
    Absent{"policyStatus", "GetBucketPolicyStatus"},
    Absent{"publicAccessBlock", "PublicAccessBlock"},
    Absent{"renameObject", "RenameObject"},
    Absent{"replication", "BucketReplication"},
    Absent{"requestPayment", "BucketRequestPayment"},
    Absent{"restore", "RestoreObject"},
    Absent{"retention", "ObjectRetention"},
    Absent{"select", "SelectObjectContent"},
    Absent{"session", "CreateSession"},
    Absent{"torrent", "GetObjectTorrent"},
    Absent{"versionId", "Versions"},
    Absent{"versioning", "BucketVersioning"},
    Absent{"versions", "ListObjectVersions"},
    Absent{"website", "BucketWebsite"},
};

// Header fields that ask for what this server does not do, with the values that ask for nothing.
struct Refused {
  std::string_view prefix;
  std::string_view harmless;
  std::string_view harmless_too;
};
constexpr std::array kRefusedHeaders = {
    Refused{"x-amz-acl", "private", "bucket-owner-full-control"},
    Refused{"x-amz-bucket-object-lock-enabled", "false", "False"},
    Refused{"x-amz-copy-source-server-side-encryption", "", ""},
    Refused{"x-amz-grant-", "", ""},
    Refused{"x-amz-object-lock-", "", ""},
    Refused{"x-amz-object-ownership", "BucketOwnerEnforced", "BucketOwnerEnforced"},
    Refused{"x-amz-rename-source", "", ""},
    Refused{"x-amz-server-side-encryption", "", ""},
    Refused{"x-amz-storage-class", "STANDARD", "STANDARD"},
    Refused{"x-amz-tagging", "", ""},
    Refused{"x-amz-website-redirect-location", "", ""},
    Refused{"x-amz-write-offset-bytes", "", ""},
};

// Who calls, and whether they may. Every credential is accepted today, and none as well: listeners
// take loopback addresses only. Signatures are to be verified here (crypto/sigv4.h), before
// anything else of the request is looked at.
S3Status Authenticate(const http::Request&) { return Unit{}; }

bool IsSigning(std::string_view parameter) { return parameter.starts_with("X-Amz-"); }

// Whether `list`, separated by spaces, holds `name`.
bool Lists(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::string_view one = list.substr(0, list.find(' '));
    if (one == name) return true;
    list.remove_prefix(std::min(list.size(), one.size() + 1));
  }
  return false;
}

S3Status CheckParameters(const Call& call, const Operation& operation) {
  for (const auto& [name, value] : call.query) {
    // SDKs name the operation in x-id, for access logs.
    if (name == "x-id" || name == operation.subresource || IsSigning(name)) continue;
    const bool known = Lists(operation.parameters, name);
    if (!known) {
      return NotImplemented("query parameter " + name.substr(0, 64) + " of " +
                            std::string(operation.name));
    }
  }
  return Unit{};
}

S3Status CheckHeaders(const Call& call) {
  for (const auto& [field, value] : call.request.headers.fields()) {
    std::string name = field;
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    if (!name.starts_with("x-amz-")) continue;
    for (const Refused& refused : kRefusedHeaders) {
      if (name.starts_with(refused.prefix) && value != refused.harmless &&
          value != refused.harmless_too) {
        return NotImplemented(name);
      }
    }
  }
  return Unit{};
}

S3Result<const Operation*> FindOperation(const Call& call, Level level) {
  const bool reads_tags = level == Level::kKey && call.request.method == Method::kGet;
  for (const auto& parameter : call.query) {
    if (parameter.first == "tagging" && !reads_tags) return NotImplemented("Tagging");
    for (const Absent& absent : kAbsent) {
      if (parameter.first == absent.subresource) return NotImplemented(absent.what);
    }
  }
  const bool copies = !call.Header("x-amz-copy-source").empty();
  for (const Operation& operation : kOperations) {
    if (operation.level != level || operation.method != call.request.method) continue;
    if (!operation.subresource.empty() && call.Parameter(operation.subresource) == nullptr)
      continue;
    if (level == Level::kKey && operation.method == Method::kPut && operation.copies != copies) {
      continue;
    }
    return &operation;
  }
  if (level == Level::kBucket && call.request.method == Method::kPost) {
    return NotImplemented("PostObject");
  }
  return S3Failure{S3Code::kMethodNotAllowed,
                   "The specified method is not allowed against this resource."};
}

S3Status CheckNames(const Call& call, Level level) {
  if (level == Level::kService) return Unit{};
  const Status bucket = objects::CheckBucketName(call.bucket);
  if (!bucket.ok()) return S3Failure{S3Code::kInvalidBucketName, bucket.error().detail};
  if (level == Level::kBucket) return Unit{};
  if (call.key.size() > objects::kKeyBytesMax) {
    return S3Failure{S3Code::kKeyTooLong, "Your key is too long"};
  }
  const Status key = objects::CheckKey(call.key);
  if (!key.ok()) return S3Failure{S3Code::kInvalidUri, key.error().detail};
  return Unit{};
}

// The failure in the operation's own words.
S3Failure Explain(const Call& call, const Operation& operation, S3Failure failure) {
  if (failure.code == S3Code::kNoSuchKey || failure.code == S3Code::kNoSuchUpload) {
    if (failure.code == S3Code::kNoSuchKey) failure.code = operation.missing;
    if (!call.bucket.empty() && !call.store.HeadBucket(call.bucket).ok()) {
      failure.code = S3Code::kNoSuchBucket;
    }
  }
  if (failure.code == S3Code::kOperationAborted) failure.code = operation.conflict;
  switch (failure.code) {
    case S3Code::kNoSuchBucket:
      failure.message = "The specified bucket does not exist";
      break;
    case S3Code::kNoSuchKey:
      failure.message = "The specified key does not exist.";
      break;
    case S3Code::kNoSuchUpload:
      failure.message = "The specified multipart upload does not exist.";
      break;
    default:
      break;
  }
  return failure;
}

OperationResult Run(Call& call) {
  TRY(Authenticate(call.request));
  Level level = call.bucket.empty() ? Level::kService : Level::kBucket;
  if (!call.key.empty()) level = Level::kKey;
  TRY(CheckNames(call, level));
  Result<QueryParameters> query = ParseQuery(call.request.query);
  if (!query.ok()) return S3Failure{S3Code::kInvalidUri, query.error().detail};
  call.query = std::move(query).value();
  for (const auto& [name, value] : call.query) {
    // They come back in XML, which holds neither.
    if (!IsUtf8(name) || !IsUtf8(value) || value.find('\0') != std::string::npos) {
      return S3Failure{S3Code::kInvalidArgument, "a query parameter is not UTF-8 without NUL"};
    }
  }
  TRY(const Operation* operation, FindOperation(call, level));
  TRY(CheckParameters(call, *operation));
  TRY(CheckHeaders(call));
  OperationResult result = operation->run(call);
  if (!result.ok()) return Explain(call, *operation, std::move(result).error());
  return result;
}

// The server's own errors in S3's form.
S3Code CodeOfStatus(int status) {
  switch (status) {
    case 403:
      return S3Code::kAccessDenied;
    case 404:
      return S3Code::kInvalidUri;
    case 405:
      return S3Code::kMethodNotAllowed;
    case 408:
      return S3Code::kRequestTimeout;
    case 413:
      return S3Code::kEntityTooLarge;
    case 429:
    case 503:
      return S3Code::kSlowDown;
    case 431:
      return S3Code::kRequestHeaderTooLarge;
    case 500:
      return S3Code::kInternalError;
    case 501:
      return S3Code::kNotImplemented;
    default:
      return S3Code::kInvalidRequest;
  }
}

}  // namespace

S3Endpoint::S3Endpoint(objects::ObjectStore& store, S3EndpointOptions options)
    : store_(store), options_(std::move(options)) {}

http::Response S3Endpoint::Serve(http::Request& request) const {
  const std::string* bucket = FindParameter(request.path_parameters, "bucket");
  const std::string* key = FindParameter(request.path_parameters, "key");
  Call call{store_, options_, request, bucket == nullptr ? "" : *bucket, key == nullptr ? "" : *key,
            {}};
  OperationResult result = Run(call);
  http::Response response = result.ok()
                                ? std::move(result).value()
                                : ErrorResponse(result.error(), request.path, request.request_id);
  response.headers.Add("x-amz-request-id", request.request_id);
  return response;
}

void S3Endpoint::AddRoutes(http::Router* router) {
  const auto handler = [this](http::Request& request) { return Serve(request); };
  const auto add = [&](Method method, std::string_view pattern, uint64_t body_bytes_max,
                       std::string name) {
    router->Add(method, pattern, {.body_bytes_max = body_bytes_max, .name = std::move(name)},
                handler);
  };
  add(Method::kGet, "/", 0, "s3.service");
  for (const std::string_view pattern : {"/{bucket}", "/{bucket}/"}) {
    add(Method::kGet, pattern, 0, "s3.bucket.get");
    add(Method::kHead, pattern, 0, "s3.bucket.head");
    add(Method::kPut, pattern, kXmlBodyBytesMax, "s3.bucket.put");
    add(Method::kPost, pattern, kXmlBodyBytesMax, "s3.bucket.post");
    add(Method::kDelete, pattern, 0, "s3.bucket.delete");
  }
  const std::string_view pattern = "/{bucket}/{key...}";
  add(Method::kGet, pattern, 0, "s3.object.get");
  add(Method::kHead, pattern, 0, "s3.object.head");
  add(Method::kPut, pattern, kObjectBodyBytesMax, "s3.object.put");
  add(Method::kPost, pattern, kXmlBodyBytesMax, "s3.object.post");
  add(Method::kDelete, pattern, 0, "s3.object.delete");
  router->SetErrorFormatter(
      [](int status, const http::Request& head, std::string_view message) -> http::Response {
        http::Response response =
            ErrorResponse({CodeOfStatus(status), std::string(message)}, head.path, head.request_id);
        response.status = status;
        return response;
      });
}

}  // namespace tarn::s3_endpoint
