// A plain scanner of RFC 8259: one byte at a time, no lookahead, nothing shared with simdjson.
//
// It finds where and why a text is wrong after simdjson refused it as a whole (it does not say
// where), and it is the oracle that the fuzzer compares the fast walk with. It knows the grammar,
// UTF-8 and escapes; it does not know duplicate keys and limits, but for the depth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tarn::json::internal {

struct ScanFault {
  size_t offset = 0;
  std::string_view what;  // Empty: the text is valid. Static storage.
};

ScanFault StrictScan(std::string_view text, uint32_t depth_max);

inline constexpr std::string_view kTooDeep = "nested too deep";

}  // namespace tarn::json::internal
