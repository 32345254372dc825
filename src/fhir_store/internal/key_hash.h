// A keyed 64-bit hash of short keys, for tables whose keys come from outside: without the key
// nobody can choose ids that collide. Not for storage: the key differs from process to process.
// Folded 64x64-bit multiplication, as wyhash does it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/random.h"

namespace tarn::fhir_store {

class KeyHash {
 public:
  explicit KeyHash(RandomSource& random) {
    random.Fill({reinterpret_cast<char*>(seeds_), sizeof seeds_});
  }

  uint64_t operator()(std::string_view key) const {
    uint64_t state = seeds_[0] ^ key.size();
    while (key.size() > 8) {
      state = Mix(state ^ Load(key, 8), seeds_[1]);
      key.remove_prefix(8);
    }
    return Mix(state ^ Load(key, key.size()), seeds_[2]);
  }

 private:
  static uint64_t Load(std::string_view bytes, size_t count) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data(), count);
    return value;
  }
  static uint64_t Mix(uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * (b | 1);
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  uint64_t seeds_[3];
};

}  // namespace tarn::fhir_store
