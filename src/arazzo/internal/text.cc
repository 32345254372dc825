#include "arazzo/internal/text.h"

#include <algorithm>

namespace tarn::arazzo {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

uint32_t NextCodePoint(std::string_view text, size_t* position) {
  const size_t at = *position;
  if (at >= text.size()) return kNoCodePoint;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) {
    *position = at + 1;
    return first;
  }
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return kNoCodePoint;
  uint32_t code = first & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return kNoCodePoint;
    code = code << 6 | (byte(i) & 0x3F);
  }
  const uint32_t least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
  if (code < least || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return kNoCodePoint;
  *position = at + length;
  return code;
}

uint64_t CodePointCount(std::string_view text) {
  return static_cast<uint64_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

bool ReadHex4(std::string_view text, size_t position, uint32_t* value) {
  if (position + 4 > text.size()) return false;
  uint32_t out = 0;
  for (size_t i = position; i < position + 4; ++i) {
    const char c = Lower(text[i]);
    if (c >= '0' && c <= '9') {
      out = out << 4 | static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      out = out << 4 | static_cast<uint32_t>(c - 'a' + 10);
    } else {
      return false;
    }
  }
  *value = out;
  return true;
}

bool EqualsIgnoreAsciiCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return Lower(x) == Lower(y); });
}

int CompareIgnoreAsciiCase(std::string_view a, std::string_view b) {
  return AsciiLower(a).compare(AsciiLower(b));
}

std::string AsciiLower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = Lower(c);
  return out;
}

}  // namespace tarn::arazzo
