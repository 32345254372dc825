#include "crypto/siphash.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace tarn::crypto {
namespace {

uint64_t LoadLe64(const char* bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
  return value;
}

void StoreLe64(uint64_t value, char* bytes) {
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
  std::memcpy(bytes, &value, sizeof value);
}

// The state of the paper, section 2.
struct Lanes {
  uint64_t v0, v1, v2, v3;

  void Rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  }
  void Absorb(uint64_t word) {
    v3 ^= word;
    Rounds(2);
    v0 ^= word;
  }
  uint64_t Out() const { return v0 ^ v1 ^ v2 ^ v3; }
};

}  // namespace

SipHash::SipHash(std::string_view key) {
  CHECK(key.size() == kSipKeyBytes);
  key_[0] = LoadLe64(key.data());
  key_[1] = LoadLe64(key.data() + 8);
}

std::array<char, 16> SipHash::operator()(std::string_view bytes) const {
  Lanes lanes{key_[0] ^ 0x736f6d6570736575u, key_[1] ^ 0x646f72616e646f6du ^ 0xee,
              key_[0] ^ 0x6c7967656e657261u, key_[1] ^ 0x7465646279746573u};
  const uint64_t size = bytes.size();
  while (bytes.size() >= 8) {
    lanes.Absorb(LoadLe64(bytes.data()));
    bytes.remove_prefix(8);
  }
  // The last word: what is left, and the size modulo 256 in its top byte.
  char last[8] = {};
  if (!bytes.empty()) std::memcpy(last, bytes.data(), bytes.size());
  lanes.Absorb(LoadLe64(last) | size << 56);
  std::array<char, 16> out;
  lanes.v2 ^= 0xee;
  lanes.Rounds(4);
  StoreLe64(lanes.Out(), out.data());
  lanes.v1 ^= 0xdd;
  lanes.Rounds(4);
  StoreLe64(lanes.Out(), out.data() + 8);
  return out;
}

}  // namespace tarn::crypto
