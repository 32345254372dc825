// The generator's randomness: counter-based and in integers only, so that the same seed gives the
// same bytes whatever the machine, the compiler and its floating-point settings.
#pragma once

#include <cstdint>

namespace tarn::synth {

// The finaliser of SplitMix64: a bijection in which every input bit reaches every output bit.
constexpr uint64_t Mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// The key of one independent sequence among many.
constexpr uint64_t Mix2(uint64_t a, uint64_t b) {
  return Mix(Mix(a + 0x9e3779b97f4a7c15u) + 0xd1b54a32d192ed03u * (b + 1));
}

// A draw of the standard normal distribution in thousandths, by the sum of four uniform numbers:
// between -3464 and 3464, close enough for body heights and blood values.
constexpr int32_t NormalOf(uint64_t bits) {
  const uint64_t sum =
      (bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48);
  return static_cast<int32_t>((static_cast<int64_t>(sum) - 131070) * 1000 / 37837);
}

class Random {
 public:
  explicit Random(uint64_t key) : state_(key) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    return Mix(state_);
  }
  // Uniform in [0, count); `count` must be positive.
  uint32_t Below(uint32_t count) { return static_cast<uint32_t>(((Next() >> 32) * count) >> 32); }
  // Uniform in [low, high].
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<uint32_t>(high - low + 1)));
  }
  bool Permille(uint32_t chance) { return Below(1000) < chance; }
  int32_t Normal() { return NormalOf(Next()); }

 private:
  uint64_t state_;
};

}  // namespace tarn::synth
