// The checksums that S3 keeps with objects. Spec: Amazon S3 User Guide, "Checking object
// integrity".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/digest.h"

namespace tarn::s3_endpoint {

enum class ChecksumKind : uint8_t { kCrc32, kCrc32c, kCrc64Nvme, kSha1, kSha256 };

struct ChecksumFacts {
  ChecksumKind kind;
  std::string_view name;       // "crc32", in header names and in stored metadata
  std::string_view algorithm;  // "CRC32", in x-amz-checksum-algorithm
  std::string_view element;    // "ChecksumCRC32", in XML
  size_t bytes;
};
inline constexpr std::array<ChecksumFacts, 5> kChecksums = {{
    {ChecksumKind::kCrc32, "crc32", "CRC32", "ChecksumCRC32", 4},
    {ChecksumKind::kCrc32c, "crc32c", "CRC32C", "ChecksumCRC32C", 4},
    {ChecksumKind::kCrc64Nvme, "crc64nvme", "CRC64NVME", "ChecksumCRC64NVME", 8},
    {ChecksumKind::kSha1, "sha1", "SHA1", "ChecksumSHA1", 20},
    {ChecksumKind::kSha256, "sha256", "SHA256", "ChecksumSHA256", 32},
}};
const ChecksumFacts& FactsOf(ChecksumKind kind);
const ChecksumFacts* FindChecksumByName(std::string_view name);
const ChecksumFacts* FindChecksumByAlgorithm(std::string_view algorithm);  // Any case.

// The raw checksum in its Base64 form. Errors: kInvalid (not Base64, wrong size).
Result<std::string> DecodeChecksum(const ChecksumFacts& facts, std::string_view base64);

// Computes one checksum piece by piece.
class Checksummer {
 public:
  explicit Checksummer(ChecksumKind kind);
  void Update(std::string_view bytes);
  std::string Finish();  // Base64; the object is then used up.

 private:
  const ChecksumKind kind_;
  uint64_t crc_ = 0;
  std::optional<crypto::Digest> digest_;
};

struct PartChecksum {
  std::string base64;
  uint64_t bytes = 0;
};
// The checksum of the parts' checksums, "<Base64>-<parts>". Errors: kInvalid.
Result<std::string> CompositeChecksum(ChecksumKind kind, const std::vector<PartChecksum>& parts);
// The checksum of the whole from those of its parts; only CRCs have one. Errors: kInvalid.
Result<std::string> FullObjectChecksum(ChecksumKind kind, const std::vector<PartChecksum>& parts);

}  // namespace tarn::s3_endpoint
