// The scalar tokens of JSON (RFC 8259 sections 6 and 7), checked byte by byte. Shared by the fast
// walk and by the scanner that finds where a refused text is wrong.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tarn::json::internal {

inline bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The length of the longest number that `text` begins with, or 0 when it begins with none.
size_t NumberBytes(std::string_view text);

inline constexpr size_t kAllValid = static_cast<size_t>(-1);

// The offset of the first escape in the inside of a string that is not one of RFC 8259's, or that
// encodes half a surrogate pair; kAllValid when there is none.
size_t FirstBadEscape(std::string_view inside);

// Appends the string whose inside is `escaped`, in which every escape is valid (CHECK).
void AppendUnescaped(std::string* out, std::string_view escaped);

}  // namespace tarn::json::internal
