// UTF-8 (RFC 3629), one sequence at a time: for error positions, escapes and output. Bulk
// validation is simdjson's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tarn::json::internal {

// The length (1 to 4) of the well-formed sequence that `bytes` begins with, or 0 when it begins
// with none: truncated, overlong, surrogate, above U+10FFFF. Empty input gives 0.
size_t Utf8SequenceBytes(std::string_view bytes);

// Appends a scalar value (not a surrogate, at most U+10FFFF).
void AppendUtf8(std::string* out, uint32_t code_point);

}  // namespace tarn::json::internal
