#include "objects/object_store.h"

#include <algorithm>

#include "base/utf8.h"

namespace tarn::objects {

Status CheckBucketName(std::string_view bucket) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (bucket.size() < 3 || bucket.size() > 63) {
    return Invalid("a bucket name has 3 to 63 characters");
  }
  if (!std::all_of(bucket.begin(), bucket.end(),
                   [&](char c) { return alphanumeric(c) || c == '.' || c == '-'; })) {
    return Invalid("a bucket name holds only a-z, 0-9, '.' and '-'");
  }
  if (!alphanumeric(bucket.front()) || !alphanumeric(bucket.back())) {
    return Invalid("a bucket name begins and ends with a letter or a digit");
  }
  if (bucket.find("..") != std::string_view::npos) {
    return Invalid("a bucket name does not hold \"..\"");
  }
  return Ok();
}

Status CheckKey(std::string_view key) {
  if (key.empty()) return Invalid("an object key is empty");
  if (key.size() > kKeyBytesMax) {
    return Invalid("an object key of more than " + std::to_string(kKeyBytesMax) + " bytes");
  }
  if (key.find('\0') != std::string_view::npos) return Invalid("an object key holds a NUL");
  if (!IsUtf8(key)) return Invalid("an object key is not UTF-8");
  return Ok();
}

Result<S3Uri> ParseS3Uri(std::string_view text) {
  static constexpr std::string_view kScheme = "s3://";
  if (!text.starts_with(kScheme)) return Invalid("an S3 URI begins with s3://");
  text.remove_prefix(kScheme.size());
  const size_t slash = text.find('/');
  S3Uri uri;
  uri.bucket = text.substr(0, slash);
  TRY(CheckBucketName(uri.bucket));
  if (slash != std::string_view::npos) uri.key = text.substr(slash + 1);
  if (!uri.key.empty()) TRY(CheckKey(uri.key));
  return uri;
}

std::string ToText(const S3Uri& uri) { return "s3://" + uri.bucket + "/" + uri.key; }

Result<std::string> ReadObject(ObjectStore& store, const S3Uri& uri, uint64_t bytes_max) {
  TRY(std::unique_ptr<ObjectReader> reader, store.Open(uri.bucket, uri.key, ByteRange{}, ""));
  const uint64_t size = reader->info().bytes;
  if (size > bytes_max) {
    return Error{ErrorKind::kTooLarge,
                 ToText(uri) + ": more than " + std::to_string(bytes_max) + " bytes"};
  }
  std::string bytes(size, '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    TRY(const size_t count, reader->Read(std::span(bytes).subspan(filled)));
    if (count == 0) return Internal(ToText(uri) + ": ended early");
    filled += count;
  }
  return bytes;
}

Result<ObjectInfo> WriteObject(ObjectStore& store, const S3Uri& uri, std::string_view bytes,
                               std::string_view content_type) {
  PutRequest request;
  request.metadata.content_type = content_type;
  TRY(std::unique_ptr<ObjectWriter> writer, store.Put(uri.bucket, uri.key, request));
  TRY(writer->Write(bytes));
  return writer->Finish();
}

}  // namespace tarn::objects
