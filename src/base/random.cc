#include "base/random.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"

namespace tarn {

void SystemRandom::Fill(std::span<char> out) {
  // A system call an id, 0.3 us. OpenSSL's generator needs none but costs every short-lived process
  // 2 ms to seed.
  constexpr size_t kCallBytesMax = 256;
  while (!out.empty()) {
    const std::span<char> part = out.first(std::min(out.size(), kCallBytesMax));
    CHECK(getentropy(part.data(), part.size()) == 0);
    out = out.subspan(part.size());
  }
}

uint64_t SeededRandom::Next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

uint64_t SeededRandom::Below(uint64_t bound) {
  // Multiply-shift; its bias is below bound / 2^64.
  return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
}

double SeededRandom::Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

void SeededRandom::Fill(std::span<char> out) {
  for (size_t i = 0; i < out.size(); i += 8) {
    uint64_t word = Next();
    for (size_t j = i; j < out.size() && j < i + 8; ++j, word >>= 8) {
      out[j] = static_cast<char>(word);
    }
  }
}

std::string NewHexId(RandomSource& random) {
  std::array<char, 16> bytes;
  random.Fill(bytes);
  return HexEncode(std::string_view(bytes.data(), bytes.size()));
}

std::string NewUuid(RandomSource& random) {
  std::array<char, 16> bytes;
  random.Fill(bytes);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string text = HexEncode(std::string_view(bytes.data(), bytes.size()));
  for (const size_t position : {20u, 16u, 12u, 8u}) text.insert(position, 1, '-');
  return text;
}

}  // namespace tarn
