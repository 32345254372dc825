// json/limits.h: every bound of this module. Beyond that of the whole text: kTooLarge; beyond the
// others: kInvalid, with the position. What is within its size is not too large, but not what is
// asked for either.
#pragma once

#include <cstdint>

namespace tarn::json {

struct Limits {
  uint32_t depth_max = 64;              // Nested arrays and objects.
  uint32_t nodes_max = 1'000'000;       // Values of every kind.
  uint32_t text_bytes_max = 64u << 20;  // The whole text; offsets below are 32 bits.
  uint32_t number_bytes_max = 1024;     // One number token.
};

}  // namespace tarn::json
