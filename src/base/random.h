// Randomness as an argument: ids, tokens and keys come from a RandomSource.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace tarn {

// Threads: every method may be called from any thread.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void Fill(std::span<char> out) = 0;
};

// The operating system's generator; stops the process if that fails.
class SystemRandom final : public RandomSource {
 public:
  void Fill(std::span<char> out) override;
};

// A repeatable sequence for tests and generated data. Not for secrets. Not thread-safe.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void Fill(std::span<char> out) override;
  uint64_t Next();                 // SplitMix64.
  uint64_t Below(uint64_t bound);  // Uniform in [0, bound); bound > 0.
  double Unit();                   // Uniform in [0, 1).

 private:
  uint64_t state_;
};

// 128 random bits as 32 lower-case hexadecimal digits: the form of data store and job ids.
std::string NewHexId(RandomSource& random);
// A random UUID, version 4 (RFC 9562 5.4), lower case with hyphens.
std::string NewUuid(RandomSource& random);

}  // namespace tarn
