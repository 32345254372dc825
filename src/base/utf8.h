// UTF-8 as RFC 3629 defines it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tarn {

// The length (1 to 4) of the well-formed sequence that `bytes` begins with, or 0 when it begins
// with none: truncated, overlong, surrogate, above U+10FFFF. Empty input gives 0.
size_t Utf8SequenceBytes(std::string_view bytes);

// Appends a scalar value (at most U+10FFFF and no surrogate).
void AppendUtf8(std::string* out, uint32_t code_point);

// True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is
// fine.
bool IsUtf8(std::string_view text);

// The largest size <= `bytes_max` at which well-formed `text` can be cut between characters.
size_t Utf8PrefixBytes(std::string_view text, size_t bytes_max);

}  // namespace tarn
