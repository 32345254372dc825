#include "json/internal/token.h"

#include <cstdint>

#include "base/check.h"
#include "base/utf8.h"

namespace tarn::json::internal {
namespace {

constexpr uint32_t kNotHex = UINT32_MAX;

// The four hexadecimal digits that `text` begins with.
uint32_t Hex4(std::string_view text) {
  if (text.size() < 4) return kNotHex;
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    const char c = text[i];
    uint32_t digit = 0;
    if (IsDigit(c)) {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A') + 10;
    } else {
      return kNotHex;
    }
    value = value * 16 + digit;
  }
  return value;
}

// One escape, beginning at the backslash. bytes == 0: not valid.
struct Escape {
  size_t bytes = 0;
  uint32_t code_point = 0;
};

Escape ReadUnicodeEscape(std::string_view text) {
  const uint32_t first = Hex4(text.substr(2));
  if (first == kNotHex || (first >= 0xDC00 && first <= 0xDFFF)) return {};
  if (first < 0xD800 || first > 0xDBFF) return {6, first};
  if (text.size() < 12 || text[6] != '\\' || text[7] != 'u') return {};
  const uint32_t second = Hex4(text.substr(8));
  if (second < 0xDC00 || second > 0xDFFF) return {};
  return {12, 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)};
}

Escape ReadEscape(std::string_view text) {
  if (text.size() < 2) return {};
  switch (text[1]) {
    case '"':
    case '\\':
    case '/':
      return {2, static_cast<uint32_t>(text[1])};
    case 'b':
      return {2, '\b'};
    case 'f':
      return {2, '\f'};
    case 'n':
      return {2, '\n'};
    case 'r':
      return {2, '\r'};
    case 't':
      return {2, '\t'};
    case 'u':
      return ReadUnicodeEscape(text);
    default:
      return {};
  }
}

size_t DigitsEnd(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

}  // namespace

size_t NumberBytes(std::string_view text) {
  const size_t integer = !text.empty() && text[0] == '-' ? 1 : 0;
  if (integer >= text.size() || !IsDigit(text[integer])) return 0;
  // A leading zero stands alone: "01" is the number 0 followed by something else.
  size_t end = text[integer] == '0' ? integer + 1 : DigitsEnd(text, integer + 1);
  if (end < text.size() && text[end] == '.') {
    const size_t fraction = DigitsEnd(text, end + 1);
    if (fraction == end + 1) return end;
    end = fraction;
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    size_t exponent = end + 1;
    if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) ++exponent;
    const size_t exponent_end = DigitsEnd(text, exponent);
    if (exponent_end == exponent) return end;
    end = exponent_end;
  }
  return end;
}

size_t FirstBadEscape(std::string_view inside) {
  size_t at = inside.find('\\');
  while (at != std::string_view::npos) {
    const Escape escape = ReadEscape(inside.substr(at));
    if (escape.bytes == 0) return at;
    at = inside.find('\\', at + escape.bytes);
  }
  return kAllValid;
}

void AppendUnescaped(std::string* out, std::string_view escaped) {
  size_t at = 0;
  while (at < escaped.size()) {
    const size_t backslash = escaped.find('\\', at);
    if (backslash == std::string_view::npos) break;
    out->append(escaped, at, backslash - at);
    const Escape escape = ReadEscape(escaped.substr(backslash));
    CHECK(escape.bytes != 0);
    AppendUtf8(out, escape.code_point);
    at = backslash + escape.bytes;
  }
  if (at < escaped.size()) out->append(escaped, at);
}

}  // namespace tarn::json::internal
