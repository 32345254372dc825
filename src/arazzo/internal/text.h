// UTF-8 by code points (what base/utf8.h has not), and letters of ASCII: what the parsers of this
// module share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tarn::arazzo {

inline constexpr uint32_t kNoCodePoint = UINT32_MAX;

// Decodes the code point at text[*position] and moves past it. At the end, or for bytes that are
// no UTF-8 (overlong forms and surrogates included), kNoCodePoint and *position stays.
uint32_t NextCodePoint(std::string_view text, size_t* position);

uint64_t CodePointCount(std::string_view text);  // Of valid UTF-8.

// Reads four hexadecimal digits of a \uXXXX escape. False when they are not there.
bool ReadHex4(std::string_view text, size_t position, uint32_t* value);

bool EqualsIgnoreAsciiCase(std::string_view a, std::string_view b);
int CompareIgnoreAsciiCase(std::string_view a, std::string_view b);
std::string AsciiLower(std::string_view text);

}  // namespace tarn::arazzo
