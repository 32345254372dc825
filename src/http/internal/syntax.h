// Character classes of RFC 9110 5.6 as tables, shared by the parsers and the response writer.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tarn::http {

enum CharClass : uint8_t {
  kTokenChar = 1,   // RFC 9110 5.6.2: tchar
  kFieldChar = 2,   // RFC 9110 5.5: VCHAR, obs-text, SP, HTAB
  kTargetChar = 4,  // VCHAR but '#': RFC 3986 allows fewer, FHIR clients send "|" unescaped
  kHostChar = 8,    // RFC 3986 3.2.2 and 3.2.3 without user information
};

constexpr std::array<uint8_t, 256> MakeCharClasses() {
  constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
  constexpr std::string_view kHostMarks = "-._~%!$&'()*+,;=:[]";
  std::array<uint8_t, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const char text = static_cast<char>(c);
    uint8_t bits = 0;
    if (alnum || (c != 0 && kTokenMarks.find(text) != std::string_view::npos)) bits |= kTokenChar;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kFieldChar;
    if (c > 0x20 && c < 0x7f && c != '#') bits |= kTargetChar;
    if (alnum || (c != 0 && kHostMarks.find(text) != std::string_view::npos)) bits |= kHostChar;
    table[static_cast<size_t>(c)] = bits;
  }
  return table;
}
inline constexpr std::array<uint8_t, 256> kCharClasses = MakeCharClasses();

inline bool IsChar(char c, CharClass wanted) {
  return (kCharClasses[static_cast<uint8_t>(c)] & wanted) != 0;
}

inline bool AreChars(std::string_view text, CharClass wanted) {
  for (const char c : text) {
    if (!IsChar(c, wanted)) return false;
  }
  return true;
}

// Equal without regard to ASCII case; `lower` is in lower case already.
inline bool EqualsLower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) != lower[i]) return false;
  }
  return true;
}

inline std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace tarn::http
