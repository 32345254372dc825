// The union of many stored sets of one chunk, without making a set of each.
// Threads: a value type; no sharing while one thread changes it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kv/bits.h"

namespace tarn::kv {

class BitsSum {
 public:
  // `bytes`: as Bits::Encode gives them. Errors: as Bits::Decode's; the union is as it was.
  Status Add(std::string_view bytes);
  // The union of what was added; nothing is left.
  Bits Take();

 private:
  Bits large_;                   // What was added first, and sets of many members.
  std::vector<uint64_t> words_;  // The small ones that followed: a bit for each value.
  std::vector<uint16_t> values_;
};

// How many members an encoded set says it has; its bytes are not checked further.
uint32_t CountOfEncoded(std::string_view bytes);

}  // namespace tarn::kv
