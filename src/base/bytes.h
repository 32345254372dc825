// Bytes as text and numbers: big-endian integers (so that keys compare like the numbers they
// hold), hexadecimal, Base64.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tarn {

void AppendBe16(std::string* out, uint16_t value);
void AppendBe32(std::string* out, uint32_t value);
void AppendBe64(std::string* out, uint64_t value);

// Reads from the start of `bytes`, which must be long enough (CHECK).
uint16_t LoadBe16(std::string_view bytes);
uint32_t LoadBe32(std::string_view bytes);
uint64_t LoadBe64(std::string_view bytes);

// A bounded reader for stored bytes: after a read past the end, ok() is false and every read
// returns zero or empty. The bytes must outlive the reader.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}
  uint8_t U8();
  uint16_t Be16();
  uint32_t Be32();
  uint64_t Be64();
  std::string_view Take(uint64_t count);
  std::string_view Rest();
  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

std::string HexEncode(std::string_view bytes);            // Lower case.
Result<std::string> HexDecode(std::string_view text);     // Either case. Errors: kInvalid.
std::string Base64Encode(std::string_view bytes);         // RFC 4648 4, padded.
Result<std::string> Base64Decode(std::string_view text);  // Padding required. Errors: kInvalid.
std::string Base64UrlEncode(std::string_view bytes);      // RFC 4648 5, no padding.
Result<std::string> Base64UrlDecode(std::string_view text);

}  // namespace tarn
