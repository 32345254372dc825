// Text of data sets to UTF-8: Specific Character Set (0008,0005), PS3.3 C.12.1.1.2 and PS3.5 6.1.
// All defined terms: ISO_IR 6, 13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 192, 203,
// their ISO 2022 forms with escapes, ISO 2022 IR 58, 87, 149, 159, GBK, GB18030.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dicom/dictionary.h"

namespace tarn::dicom {

namespace internal {
struct CodeSet;
}

class CharacterSet {
 public:
  CharacterSet() = default;  // ISO_IR 6: ASCII.
  // `value` is the attribute's value with its backslashes. A term that is not known counts as
  // ASCII and clears known().
  explicit CharacterSet(std::string_view value);

  bool known() const { return known_; }
  // True when the value is the same bytes in UTF-8: printable ASCII, whatever the character set.
  static bool IsPlain(std::string_view raw);

  // Appends the whole value in UTF-8. A backslash that delimits values stays one; bytes that are
  // no character become U+FFFD. False when there was such a byte.
  bool Append(std::string_view raw, Vr vr, std::string* out) const;

 private:
  bool AppendIso2022(std::string_view raw, Vr vr, std::string* out) const;
  const internal::CodeSet* g0_ = nullptr;  // Null: ASCII.
  const internal::CodeSet* g1_ = nullptr;  // Null: none.
  enum class Form : uint8_t { kSingle, kIso2022, kUtf8, kGbk, kGb18030 };
  Form form_ = Form::kSingle;
  bool known_ = true;
};

}  // namespace tarn::dicom
