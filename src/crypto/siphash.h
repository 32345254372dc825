// SipHash-2-4 with 128 bits of output: a keyed hash of short inputs that nobody without the key can
// find collisions of, at a tenth of the cost of HMAC. For keys of indexes, not for signatures.
// Spec: Aumasson and Bernstein, "SipHash: a fast short-input PRF"; the 128-bit variant of its
// authors' reference implementation.
// Threads: functions may be called from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tarn::crypto {

inline constexpr size_t kSipKeyBytes = 16;

class SipHash {
 public:
  // `key`: 16 bytes (CHECK).
  explicit SipHash(std::string_view key);
  // 16 bytes, in the order of the reference implementation.
  std::array<char, 16> operator()(std::string_view bytes) const;

 private:
  uint64_t key_[2];
};

}  // namespace tarn::crypto
