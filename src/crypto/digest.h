// Digests, checksums and MACs, over OpenSSL and zlib.
// Threads: functions may be called from any thread; an object belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tarn::crypto {

// Raw bytes, not hexadecimal.
std::string Sha256(std::string_view bytes);
std::string Sha1(std::string_view bytes);
std::string Md5(std::string_view bytes);  // For S3's ETag and Content-MD5 only.
std::string HmacSha256(std::string_view key, std::string_view bytes);

uint32_t Crc32(uint32_t start, std::string_view bytes);      // IEEE 802.3 (zlib's).
uint32_t Crc32c(uint32_t start, std::string_view bytes);     // Castagnoli.
uint64_t Crc64Nvme(uint64_t start, std::string_view bytes);  // NVMe, as S3 uses it.

// The checksum of a text from the checksums of its two parts and the size of the second.
uint32_t CombineCrc32(uint32_t first, uint32_t second, uint64_t second_bytes);
uint32_t CombineCrc32c(uint32_t first, uint32_t second, uint64_t second_bytes);
uint64_t CombineCrc64Nvme(uint64_t first, uint64_t second, uint64_t second_bytes);

enum class DigestKind : uint8_t { kSha256, kSha1, kMd5 };

// A digest fed piece by piece.
class Digest {
 public:
  explicit Digest(DigestKind kind);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  void Update(std::string_view bytes);
  std::string Finish();  // Raw bytes; the object is then used up.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Compares without revealing by its time where two secrets differ.
bool ConstantTimeEquals(std::string_view a, std::string_view b);

}  // namespace tarn::crypto
