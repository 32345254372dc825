#include "base/bytes.h"

#include <array>

namespace tarn {
namespace {

template <typename T>
void AppendBe(std::string* out, T value) {
  std::array<char, sizeof(T)> bytes;
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  out->append(bytes.data(), bytes.size());
}

template <typename T>
T LoadBe(std::string_view bytes) {
  CHECK(bytes.size() >= sizeof(T));
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((value << 8) | static_cast<uint8_t>(bytes[i]));
  }
  return value;
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string EncodeBase64(std::string_view bytes, std::string_view alphabet) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<uint8_t>(c);
    bit_count += 8;
    while (bit_count >= 6) {
      bit_count -= 6;
      out.push_back(alphabet[(bits >> bit_count) & 63]);
    }
  }
  if (bit_count > 0) out.push_back(alphabet[(bits << (6 - bit_count)) & 63]);
  return out;
}

// Decodes unpadded text. Refuses a last digit that carries stray bits, so that one value has one
// spelling (tokens are compared and authenticated as text).
Result<std::string> DecodeBase64(std::string_view text, std::string_view alphabet) {
  if (text.size() % 4 == 1) return Invalid("not Base64: bad length");
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : text) {
    const size_t digit = alphabet.find(c);
    if (digit == std::string_view::npos) return Invalid("not Base64: bad character");
    bits = (bits << 6) | static_cast<uint32_t>(digit);
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      out.push_back(static_cast<char>(bits >> bit_count));
    }
  }
  if ((bits & ((1u << bit_count) - 1)) != 0) return Invalid("not Base64: stray bits at the end");
  return out;
}

}  // namespace

void AppendBe16(std::string* out, uint16_t value) { AppendBe(out, value); }
void AppendBe32(std::string* out, uint32_t value) { AppendBe(out, value); }
void AppendBe64(std::string* out, uint64_t value) { AppendBe(out, value); }
uint16_t LoadBe16(std::string_view bytes) { return LoadBe<uint16_t>(bytes); }
uint32_t LoadBe32(std::string_view bytes) { return LoadBe<uint32_t>(bytes); }
uint64_t LoadBe64(std::string_view bytes) { return LoadBe<uint64_t>(bytes); }

std::string_view ByteReader::Take(uint64_t count) {
  if (!ok_ || count > bytes_.size()) {
    ok_ = false;
    return {};
  }
  const std::string_view taken = bytes_.substr(0, count);
  bytes_.remove_prefix(count);
  return taken;
}

uint8_t ByteReader::U8() {
  const std::string_view b = Take(1);
  return b.empty() ? 0 : static_cast<uint8_t>(b[0]);
}
uint16_t ByteReader::Be16() {
  const std::string_view b = Take(2);
  return b.empty() ? 0 : LoadBe16(b);
}
uint32_t ByteReader::Be32() {
  const std::string_view b = Take(4);
  return b.empty() ? 0 : LoadBe32(b);
}
uint64_t ByteReader::Be64() {
  const std::string_view b = Take(8);
  return b.empty() ? 0 : LoadBe64(b);
}
std::string_view ByteReader::Rest() { return Take(bytes_.size()); }

std::string HexEncode(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return out;
}

Result<std::string> HexDecode(std::string_view text) {
  if (text.size() % 2 != 0) return Invalid("not hexadecimal: odd length");
  std::string out;
  out.reserve(text.size() / 2);
  int high = -1;
  for (const char c : text) {
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    if (digit < 0) return Invalid("not hexadecimal: bad character");
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<char>(high << 4 | digit));
      high = -1;
    }
  }
  return out;
}

std::string Base64Encode(std::string_view bytes) {
  std::string out = EncodeBase64(bytes, kBase64);
  while (out.size() % 4 != 0) out.push_back('=');
  return out;
}

Result<std::string> Base64Decode(std::string_view text) {
  if (text.size() % 4 != 0) return Invalid("not Base64: bad length");
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  return DecodeBase64(text, kBase64);
}

std::string Base64UrlEncode(std::string_view bytes) { return EncodeBase64(bytes, kBase64Url); }

Result<std::string> Base64UrlDecode(std::string_view text) {
  return DecodeBase64(text, kBase64Url);
}

}  // namespace tarn
