// Stored records: damaged ones are refused, and what is read is written again as the same bytes.
// The input's checksum is put right first, so that the fuzzer gets behind it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/digest.h"
#include "objects/internal/record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tarn::objects;  // NOLINT(google-build-using-namespace)
  std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto objects = DecodeObjectRecords(bytes);
  if (objects.ok()) CHECK(EncodeObjectRecords(objects.value()) == bytes);
  const auto upload = DecodeUploadRecord(bytes);
  if (upload.ok()) CHECK(EncodeUploadRecord(upload.value()) == bytes);
  std::string right = bytes;
  tarn::AppendBe32(&right, tarn::crypto::Crc32c(0, right));
  const auto right_objects = DecodeObjectRecords(right);
  if (right_objects.ok()) CHECK(EncodeObjectRecords(right_objects.value()) == right);
  const auto right_upload = DecodeUploadRecord(right);
  if (right_upload.ok()) CHECK(EncodeUploadRecord(right_upload.value()) == right);
  std::string part = right;
  tarn::AppendBe32(&part, static_cast<uint32_t>(part.size() + kPartTrailerBytes));
  part += "TARNPRT1";
  const auto right_part = DecodePartRecord(part);
  if (right_part.ok()) CHECK(EncodePartRecord(right_part.value()) == part);
  return 0;
}
