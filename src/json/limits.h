// json/limits.h: every bound of this module. Beyond any of them: kTooLarge, with the position.
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
