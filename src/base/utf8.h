// UTF-8 as RFC 3629 defines it.
#pragma once

#include <cstddef>
#include <string_view>

namespace tarn {

// True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is fine.
bool IsUtf8(std::string_view text);

// The largest size <= `bytes_max` at which well-formed `text` can be cut between characters.
size_t Utf8PrefixBytes(std::string_view text, size_t bytes_max);

}  // namespace tarn
