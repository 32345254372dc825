// S3 URIs from outside: what parses has a bucket and a key of the promised form, and its text is
// the same URI again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "objects/object_store.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using tarn::objects::ParseS3Uri;
  using tarn::objects::S3Uri;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const tarn::Result<S3Uri> uri = ParseS3Uri(text);
  if (!uri.ok()) return 0;
  const S3Uri& value = uri.value();
  CHECK(tarn::objects::CheckBucketName(value.bucket).ok());
  CHECK(value.bucket.find('/') == std::string::npos && value.bucket.front() != '.');
  CHECK(value.key.size() <= tarn::objects::kKeyBytesMax && tarn::IsUtf8(value.key));
  const std::string again_text = ToText(value);
  const tarn::Result<S3Uri> again = ParseS3Uri(again_text);
  CHECK(again.ok());
  CHECK(again.value().bucket == value.bucket && again.value().key == value.key);
  CHECK(text == again_text || std::string(text) + "/" == again_text);
  return 0;
}
