// One loop decodes everything that ISO 2022 can do, with or without escapes: bytes below 0x80 are
// looked up in G0, the others in G1. UTF-8, GBK and GB18030 have loops of their own.
//
// G0 and G1 return to those of the first value of Specific Character Set at the end of each line
// and each value, and in names at each component (PS3.5 6.1.2.5.3).
#include "dicom/character_set.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "dicom/internal/tables.h"
#include "dicom/internal/values.h"

namespace tarn::dicom {
namespace internal {

// A set that G0 or G1 can hold.
struct CodeSet {
  enum class Kind : uint8_t { kRomaji, kKatakana, kUpper, kCells };
  Kind kind = Kind::kUpper;
  const uint16_t* table = nullptr;  // kUpperCount or kCellCount code points.
};

}  // namespace internal

namespace {

using internal::CodeSet;

constexpr char kEscape = 0x1B;
constexpr uint32_t kReplacement = 0xFFFD;

constexpr CodeSet kRomaji{CodeSet::Kind::kRomaji, nullptr};      // ISO-IR 14
constexpr CodeSet kKatakana{CodeSet::Kind::kKatakana, nullptr};  // ISO-IR 13
constexpr CodeSet kLatin1{CodeSet::Kind::kUpper, internal::kUpperLatin1};
constexpr CodeSet kLatin2{CodeSet::Kind::kUpper, internal::kUpperLatin2};
constexpr CodeSet kLatin3{CodeSet::Kind::kUpper, internal::kUpperLatin3};
constexpr CodeSet kLatin4{CodeSet::Kind::kUpper, internal::kUpperLatin4};
constexpr CodeSet kCyrillic{CodeSet::Kind::kUpper, internal::kUpperCyrillic};
constexpr CodeSet kArabic{CodeSet::Kind::kUpper, internal::kUpperArabic};
constexpr CodeSet kGreek{CodeSet::Kind::kUpper, internal::kUpperGreek};
constexpr CodeSet kHebrew{CodeSet::Kind::kUpper, internal::kUpperHebrew};
constexpr CodeSet kLatin5{CodeSet::Kind::kUpper, internal::kUpperLatin5};
constexpr CodeSet kLatin9{CodeSet::Kind::kUpper, internal::kUpperLatin9};
constexpr CodeSet kThai{CodeSet::Kind::kUpper, internal::kUpperTis620};
constexpr CodeSet kKanji{CodeSet::Kind::kCells, internal::kJisX0208};            // ISO-IR 87
constexpr CodeSet kKanjiExtra{CodeSet::Kind::kCells, internal::kJisX0212};       // ISO-IR 159
constexpr CodeSet kKorean{CodeSet::Kind::kCells, internal::kKsX1001};            // ISO-IR 149
constexpr CodeSet kSimplifiedChinese{CodeSet::Kind::kCells, internal::kGb2312};  // ISO-IR 58

// PS3.3 tables C.12-2 to C.12-5: the terms' numbers and what they put into G0 and G1.
struct Term {
  std::string_view number;
  const CodeSet* g0;
  const CodeSet* g1;
};
constexpr Term kTerms[] = {
    {"6", nullptr, nullptr},      {"100", nullptr, &kLatin1}, {"101", nullptr, &kLatin2},
    {"109", nullptr, &kLatin3},   {"110", nullptr, &kLatin4}, {"144", nullptr, &kCyrillic},
    {"127", nullptr, &kArabic},   {"126", nullptr, &kGreek},  {"138", nullptr, &kHebrew},
    {"148", nullptr, &kLatin5},   {"203", nullptr, &kLatin9}, {"166", nullptr, &kThai},
    {"13", &kRomaji, &kKatakana},
};
// Only with escapes: as the first term they leave G0 as it is.
constexpr Term kEscapedTerms[] = {
    {"87", nullptr, nullptr},
    {"159", nullptr, nullptr},
    {"149", nullptr, &kKorean},
    {"58", nullptr, &kSimplifiedChinese},
};

// PS3.3 tables C.12-3 and C.12-4: what follows ESC.
struct EscapeSequence {
  std::string_view bytes;
  bool to_g1;
  const CodeSet* set;
};
constexpr EscapeSequence kEscapes[] = {
    {"(B", false, nullptr},
    {"(J", false, &kRomaji},
    {")I", true, &kKatakana},
    {"-A", true, &kLatin1},
    {"-B", true, &kLatin2},
    {"-C", true, &kLatin3},
    {"-D", true, &kLatin4},
    {"-L", true, &kCyrillic},
    {"-G", true, &kArabic},
    {"-F", true, &kGreek},
    {"-H", true, &kHebrew},
    {"-M", true, &kLatin5},
    {"-b", true, &kLatin9},
    {"-T", true, &kThai},
    {"$B", false, &kKanji},
    {"$@", false, &kKanji},
    {"$(D", false, &kKanjiExtra},
    {"$)C", true, &kKorean},
    {"$)A", true, &kSimplifiedChinese},
};

// Takes an escape sequence (without ESC) off `rest`; false when it is none of ours.
bool TakeEscape(std::string_view* rest, const CodeSet** g0, const CodeSet** g1) {
  for (const EscapeSequence& escape : kEscapes) {
    if (rest->substr(0, escape.bytes.size()) != escape.bytes) continue;
    rest->remove_prefix(escape.bytes.size());
    *(escape.to_g1 ? g1 : g0) = escape.set;
    return true;
  }
  return false;
}

// Takes one character that begins with a byte of `set`, with the byte's upper bit removed.
// 0: no character.
uint32_t TakeCharacter(const CodeSet& set, std::string_view* rest) {
  const auto first = static_cast<uint8_t>(rest->front());
  const uint8_t low = first & 0x7F;
  rest->remove_prefix(1);
  switch (set.kind) {
    case CodeSet::Kind::kRomaji:
      return low == 0x5C ? 0xA5 : low == 0x7E ? 0x203E : low;
    case CodeSet::Kind::kKatakana:
      return low >= 0x21 && low <= 0x5F ? 0xFF61u + low - 0x21 : 0;
    case CodeSet::Kind::kUpper:
      return low >= 0x20 ? set.table[low - 0x20] : 0;
    case CodeSet::Kind::kCells:
      break;
  }
  if (low < 0x21 || low > 0x7E || rest->empty()) return 0;
  const auto second = static_cast<uint8_t>(rest->front());
  if ((second ^ first) & 0x80) return 0;
  const uint8_t cell = second & 0x7F;
  if (cell < 0x21 || cell > 0x7E) return 0;
  rest->remove_prefix(1);
  return set.table[(low - 0x21) * 94 + cell - 0x21];
}

uint32_t FourByteCodePoint(std::string_view bytes) {
  const auto b = [&](int i) { return static_cast<uint8_t>(bytes[i]); };
  if (bytes.size() < 4 || b(1) < 0x30 || b(1) > 0x39 || b(2) < 0x81 || b(2) == 0xFF ||
      b(3) < 0x30 || b(3) > 0x39) {
    return 0;
  }
  const uint32_t index =
      ((b(0) - 0x81u) * 10 + b(1) - 0x30) * 1260 + (b(2) - 0x81u) * 10 + b(3) - 0x30;
  constexpr uint32_t kSupplementary = (0x90 - 0x81) * 12600;
  if (index >= kSupplementary) {
    const uint32_t code = index - kSupplementary + 0x10000;
    return code <= 0x10FFFF ? code : 0;
  }
  const internal::Gb18030Range* end = internal::kGb18030Ranges + internal::kGb18030RangeCount;
  const internal::Gb18030Range* next =
      std::upper_bound(internal::kGb18030Ranges, end, index,
                       [](uint32_t value, const auto& range) { return value < range.first; });
  if (next == internal::kGb18030Ranges) return 0;
  const internal::Gb18030Range& range = next[-1];
  return index - range.first < range.count ? range.code_point + index - range.first : 0;
}

bool AppendChinese(std::string_view rest, const uint16_t* table, bool four_bytes,
                   std::string* out) {
  bool whole = true;
  while (!rest.empty()) {
    const auto lead = static_cast<uint8_t>(rest[0]);
    if (lead < 0x80) {
      *out += rest[0];
      rest.remove_prefix(1);
      continue;
    }
    const uint8_t trail = rest.size() > 1 ? static_cast<uint8_t>(rest[1]) : 0;
    uint32_t code = 0;
    size_t bytes = 1;
    if (lead >= 0x81 && lead <= 0xFE && trail >= 0x40 && trail != 0xFF) {
      code = table[(lead - 0x81u) * internal::kGbkTrails + trail - 0x40];
      bytes = 2;
    } else if (four_bytes && lead >= 0x81 && lead <= 0xFE) {
      code = FourByteCodePoint(rest);
      if (code != 0) bytes = 4;
    }
    if (code == 0) {
      whole = false;
      code = kReplacement;
      bytes = 1;
    }
    AppendUtf8(out, code);
    rest.remove_prefix(bytes);
  }
  return whole;
}

bool AppendCheckedUtf8(std::string_view rest, std::string* out) {
  if (IsUtf8(rest)) {
    out->append(rest);
    return true;
  }
  while (!rest.empty()) {
    const size_t bytes = Utf8SequenceBytes(rest);
    if (bytes == 0) {
      AppendUtf8(out, kReplacement);
      rest.remove_prefix(1);
    } else {
      out->append(rest.substr(0, bytes));
      rest.remove_prefix(bytes);
    }
  }
  return false;
}

// Where G0 and G1 return to their first sets.
bool IsReset(char c, Vr vr) {
  if (c == '\n' || c == '\r' || c == '\f' || c == '\t') return true;
  if (c == '\\') return !IsSingleText(vr);
  return vr == Vr::kPn && (c == '^' || c == '=');
}

}  // namespace

CharacterSet::CharacterSet(std::string_view value) {
  bool first = true;
  bool more = true;
  while (more) {
    const size_t end = value.find('\\');
    more = end != std::string_view::npos;
    std::string_view term = internal::Trim(value.substr(0, end));
    if (more) value.remove_prefix(end + 1);
    if (!first || more) form_ = Form::kIso2022;
    bool term_known = term.empty();
    const auto take = [&](const Term& row) {
      term_known = true;
      if (!first) return;
      g0_ = row.g0;
      g1_ = row.g1;
    };
    if (first && (term == "ISO_IR 192" || term == "GBK" || term == "GB18030")) {
      form_ = term == "GBK" ? Form::kGbk : term == "GB18030" ? Form::kGb18030 : Form::kUtf8;
      return;
    }
    // "ISO-IR" and "ISO 2022-IR" are common misspellings; so is a missing "IR".
    const bool escaped = term.substr(0, 8) == "ISO 2022";
    if (escaped) form_ = Form::kIso2022;
    if (term.substr(0, 3) == "ISO") {
      const std::string_view number = term.substr(term.find_last_of(" -_") + 1);
      for (const Term& row : kTerms) {
        if (row.number == number) take(row);
      }
      for (const Term& row : kEscapedTerms) {
        if (escaped && row.number == number) take(row);
      }
    }
    known_ = known_ && term_known;
    first = false;
  }
}

bool CharacterSet::IsPlain(std::string_view raw) {
  // 0x5C and 0x7E are others in JIS X 0201, so they are not plain for certain.
  for (const char c : raw) {
    if (c < 0x20 || c == '\\' || c >= 0x7E) return false;
  }
  return true;
}

bool CharacterSet::Append(std::string_view raw, Vr vr, std::string* out) const {
  switch (form_) {
    case Form::kUtf8:
      return AppendCheckedUtf8(raw, out);
    case Form::kGbk:
      return AppendChinese(raw, internal::kGbk, false, out);
    case Form::kGb18030:
      return AppendChinese(raw, internal::kGb18030, true, out);
    case Form::kSingle:
    case Form::kIso2022:
      break;
  }
  return AppendIso2022(raw, vr, out);
}

bool CharacterSet::AppendIso2022(std::string_view rest, Vr vr, std::string* out) const {
  const CodeSet* g0 = g0_;
  const CodeSet* g1 = g1_;
  bool whole = true;
  while (!rest.empty()) {
    const char c = rest[0];
    const bool high = static_cast<uint8_t>(c) >= 0x80;
    const bool two_bytes = g0 && g0->kind == CodeSet::Kind::kCells;
    if (c == kEscape) {
      rest.remove_prefix(1);
      if (!TakeEscape(&rest, &g0, &g1)) whole = false;
      continue;
    }
    if (!high && (!two_bytes || c <= 0x20) && IsReset(c, vr)) {
      g0 = g0_;
      g1 = g1_;
      *out += c;
      rest.remove_prefix(1);
      continue;
    }
    const CodeSet* set = high ? g1 : g0;
    if (!set && !high) {
      *out += c;
      rest.remove_prefix(1);
      continue;
    }
    if (!high && c <= 0x20) {
      *out += c;
      rest.remove_prefix(1);
      continue;
    }
    uint32_t code = 0;
    if (set) {
      code = TakeCharacter(*set, &rest);
    } else {
      rest.remove_prefix(1);
    }
    if (code == 0) {
      whole = false;
      code = kReplacement;
    }
    AppendUtf8(out, code);
  }
  return whole;
}

}  // namespace tarn::dicom
