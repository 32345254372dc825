// Objects in buckets, as S3 has them. Engines: folder (objects/folder_store.h); an S3 client later.
// Spec: Amazon S3 API Reference, for names, listing order (UTF-8 bytes), ETags and multipart.
// Threads: an ObjectStore may be used from any thread; readers and writers belong to one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tarn::objects {

inline constexpr size_t kKeyBytesMax = 1024;           // kInvalid
inline constexpr size_t kUserMetadataBytesMax = 2048;  // kTooLarge
inline constexpr uint32_t kListMax = 1000;
inline constexpr uint32_t kPartNumberMax = 10'000;       // kInvalid; the first part is 1
inline constexpr uint64_t kObjectBytesMax = 5ull << 40;  // kTooLarge

// s3://bucket/key; the key may be empty or end in '/' (a prefix).
struct S3Uri {
  std::string bucket;
  std::string key;
};
// Errors: kInvalid, with the rule that is broken.
Result<S3Uri> ParseS3Uri(std::string_view text);
std::string ToText(const S3Uri& uri);
// 3 to 63 of [a-z0-9.-], first and last a letter or digit, no "..".
Status CheckBucketName(std::string_view bucket);
// 1 to kKeyBytesMax bytes of UTF-8 without NUL.
Status CheckKey(std::string_view key);

// What is stored beside the bytes.
struct ObjectMetadata {
  std::string content_type;  // Empty: application/octet-stream.
  std::string content_encoding;
  // cache-control, content-disposition, content-language and expires, as they were sent.
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::pair<std::string, std::string>> user;  // x-amz-meta-*, lower-case names.
  // "crc32" -> Base64, as uploaded; "-N" behind it when it is a checksum of N parts' checksums.
  std::vector<std::pair<std::string, std::string>> checksums;
};

struct ObjectInfo {
  std::string key;
  uint64_t bytes = 0;
  std::string etag;  // Without quotes. Changes whenever the content may have.
  int64_t modified_unix_ms = 0;
  ObjectMetadata metadata;  // Filled by Head and Open; empty in listings.
};

struct BucketInfo {
  std::string name;
  int64_t created_unix_ms = 0;
};

struct ListRequest {
  std::string prefix;
  std::string delimiter;  // Empty, or "/" (others: kUnsupported).
  // Keys after this one; empty from the first. With a delimiter, a common prefix is listed when a
  // key after this one lies under it, unless it is this prefix itself (the last of a page).
  std::string start_after;
  uint32_t max = kListMax;
};

struct ListPage {
  std::vector<ObjectInfo> objects;           // In key order.
  std::vector<std::string> common_prefixes;  // In order, each ends in the delimiter.
  std::string next_start_after;              // For the next page; empty when this is the last.
};

// [offset, offset + bytes), cut at the object's end.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t bytes = UINT64_MAX;
};

class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  virtual const ObjectInfo& info() const = 0;
  // Copies at most out.size() bytes; 0 at the end of the range. Errors: kUnavailable,
  // kPreconditionFailed (the object shrank or was changed while it was read).
  virtual Result<size_t> Read(std::span<char> out) = 0;
};

// Receives an object. Nothing is visible before Finish; destroying an unfinished one drops it.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  virtual Status Write(std::string_view bytes) = 0;
  // Checksums that came behind the bytes (trailers); they replace those of the request's metadata.
  // Before Finish.
  virtual void SetChecksums(std::vector<std::pair<std::string, std::string>> checksums) = 0;
  // Syncs and makes the object visible in one step. Errors: kUnavailable, kNotFound (the bucket or
  // upload is gone), kPreconditionFailed (PutCondition).
  virtual Result<ObjectInfo> Finish() = 0;
};

enum class PutCondition : uint8_t { kNone, kAbsent };  // kAbsent: If-None-Match: *

struct PutRequest {
  ObjectMetadata metadata;
  PutCondition condition = PutCondition::kNone;
};

struct UploadInfo {
  std::string upload_id;
  std::string key;
  int64_t initiated_unix_ms = 0;
};

struct PartInfo {
  uint32_t number = 0;
  uint64_t bytes = 0;
  std::string etag;
  int64_t modified_unix_ms = 0;
  std::vector<std::pair<std::string, std::string>> checksums;
};

struct CompleteRequest {
  std::vector<std::pair<uint32_t, std::string>> parts;         // Number and ETag, ascending.
  std::vector<std::pair<std::string, std::string>> checksums;  // Of the whole object.
  PutCondition condition = PutCondition::kNone;
};

// Errors everywhere: kNotFound (detail says bucket, object or upload), kInvalid (names),
// kUnavailable.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  virtual Status CreateBucket(std::string_view bucket) = 0;  // kConflict: it exists.
  virtual Status HeadBucket(std::string_view bucket) = 0;
  virtual Status DeleteBucket(std::string_view bucket) = 0;  // kConflict: it is not empty.
  virtual Result<std::vector<BucketInfo>> ListBuckets() = 0;

  virtual Result<ListPage> List(std::string_view bucket, const ListRequest& request) = 0;
  virtual Result<ObjectInfo> Head(std::string_view bucket, std::string_view key) = 0;
  // `if_match`: an ETag, or empty. Errors: kPreconditionFailed.
  virtual Result<std::unique_ptr<ObjectReader>> Open(std::string_view bucket, std::string_view key,
                                                     ByteRange range,
                                                     std::string_view if_match) = 0;
  virtual Result<std::unique_ptr<ObjectWriter>> Put(std::string_view bucket, std::string_view key,
                                                    const PutRequest& request) = 0;
  virtual Status Delete(std::string_view bucket, std::string_view key) = 0;  // Missing: fine.

  virtual Result<UploadInfo> CreateUpload(std::string_view bucket, std::string_view key,
                                          const ObjectMetadata& metadata) = 0;
  virtual Result<std::unique_ptr<ObjectWriter>> PutPart(std::string_view bucket,
                                                        std::string_view key,
                                                        std::string_view upload_id,
                                                        uint32_t part_number) = 0;
  virtual Result<std::vector<PartInfo>> ListParts(std::string_view bucket, std::string_view key,
                                                  std::string_view upload_id) = 0;
  // In order of key, then of upload id.
  virtual Result<std::vector<UploadInfo>> ListUploads(std::string_view bucket) = 0;
  // The metadata that CreateUpload was given.
  virtual Result<ObjectMetadata> UploadMetadata(std::string_view bucket, std::string_view key,
                                                std::string_view upload_id) = 0;
  // Errors: kInvalid (unknown part, wrong ETag or order), kPreconditionFailed.
  virtual Result<ObjectInfo> CompleteUpload(std::string_view bucket, std::string_view key,
                                            std::string_view upload_id,
                                            const CompleteRequest& request) = 0;
  virtual Status AbortUpload(std::string_view bucket, std::string_view key,
                             std::string_view upload_id) = 0;
};

// Whole small objects. Errors: kTooLarge beyond `bytes_max`, and those of Open and Put.
Result<std::string> ReadObject(ObjectStore& store, const S3Uri& uri, uint64_t bytes_max);
Result<ObjectInfo> WriteObject(ObjectStore& store, const S3Uri& uri, std::string_view bytes,
                               std::string_view content_type);

}  // namespace tarn::objects
