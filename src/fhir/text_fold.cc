// Unicode through utf8proc: its tables are 300 kB of constants, read without any start-up work.
// ICU does the same and costs 30 MB of address space; the figures are in
// docs/internals/fhir-search.md. Texts of ASCII, nearly all, never reach the library.
#include "fhir/text_fold.h"

#include <utf8proc.h>

#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace tarn::fhir {
namespace {

enum class Fate : uint8_t { kKeep, kDrop, kSpace };

constexpr std::string_view kAsciiPunctuation = "!\"#%&()*,-./:;?@[\\]_{}";

constexpr std::array<char, 128> MakeAsciiTable() {
  std::array<char, 128> out{};
  for (int c = 0; c < 128; ++c) {
    const char byte = static_cast<char>(c);
    out[c] = byte;
    if (c >= 'A' && c <= 'Z') out[c] = static_cast<char>(c + 32);
    if (c <= ' ' || c == 127 || kAsciiPunctuation.find(byte) != kAsciiPunctuation.npos)
      out[c] = ' ';
    if (c == '\'') out[c] = '\0';
  }
  return out;
}
// The folded character, a space for what separates words, NUL for what is dropped.
constexpr std::array<char, 128> kAscii = MakeAsciiTable();

bool IsApostrophe(int32_t code_point) {
  return code_point == 0x2018 || code_point == 0x2019 || code_point == 0x02BC ||
         code_point == 0x02B9 || code_point == 0xFF07;
}

// Accents are marks with a combining class. Vowel signs of Indic scripts have none and stay, and so
// do signs that make another letter: nukta (7), the voicing marks of kana (8), virama (9).
bool IsAccent(const utf8proc_property_t& property) {
  const auto combining = property.combining_class;
  return combining != 0 && (combining < 7 || combining > 9);
}

Fate FateOf(int32_t code_point) {
  const utf8proc_property_t& property = *utf8proc_get_property(code_point);
  switch (property.category) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return IsAccent(property) ? Fate::kDrop : Fate::kKeep;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
      return Fate::kSpace;
    case UTF8PROC_CATEGORY_CF:
      return Fate::kDrop;
    default:
      return Fate::kKeep;
  }
}

// The next code point of `text`, which it shortens; U+FFFD for a byte that begins none.
int32_t TakeCodePoint(std::string_view* text) {
  constexpr int32_t kReplacement = 0xFFFD;
  utf8proc_int32_t code_point = kReplacement;
  const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text->data()),
                                      static_cast<utf8proc_ssize_t>(text->size()), &code_point);
  text->remove_prefix(bytes > 0 ? static_cast<size_t>(bytes) : 1);
  return bytes > 0 ? code_point : kReplacement;
}

// The longest decomposition, U+FDFA, has 18 code points.
struct CodePoints {
  std::array<utf8proc_int32_t, 32> at{};
  size_t count = 0;
};

CodePoints Decompose(int32_t code_point, int options) {
  CodePoints out;
  int last_boundary = 0;
  const auto count = utf8proc_decompose_char(
      code_point, out.at.data(), static_cast<utf8proc_ssize_t>(out.at.size()),
      static_cast<utf8proc_option_t>(options), &last_boundary);
  out.count = count < 0 ? 0 : static_cast<size_t>(count);
  return out;
}

// Appends words with one space between them: a space is written before the next character only.
class Folder {
 public:
  explicit Folder(std::string* out) : out_(out), begin_(out->size()) {}

  void Space() { space_ = out_->size() > begin_; }
  void Ascii(char c) {
    const char folded = kAscii[static_cast<uint8_t>(c)];
    if (folded == ' ') return Space();
    if (folded == '\0') return;
    Separate();
    out_->push_back(folded);
  }
  void CodePoint(int32_t code_point) {
    if (code_point < 128) return Ascii(static_cast<char>(code_point));
    if (IsApostrophe(code_point)) return;
    const Fate fate = FateOf(code_point);
    if (fate == Fate::kSpace) return Space();
    if (fate == Fate::kDrop) return;
    Separate();
    AppendUtf8(out_, static_cast<uint32_t>(code_point));
  }

 private:
  void Separate() {
    if (space_) out_->push_back(' ');
    space_ = false;
  }

  std::string* out_;
  size_t begin_;
  bool space_ = false;
};

// Written without spaces between words: one character is one word.
bool IsOwnWord(int32_t code_point) {
  return (code_point >= 0x3040 && code_point <= 0x30FF) ||  // kana
         (code_point >= 0x3400 && code_point <= 0x4DBF) ||  // ideographs, extension A
         (code_point >= 0x4E00 && code_point <= 0x9FFF) ||  // ideographs
         (code_point >= 0x20000 && code_point <= 0x3FFFF);  // their further extensions
}

void EmitWord(std::string_view word, const std::function<void(std::string_view)>& emit) {
  if (!word.empty()) emit(word.substr(0, Utf8PrefixBytes(word, kWordBytesMax)));
}

}  // namespace

void AppendFolded(std::string* out, std::string_view text) {
  Folder folder(out);
  while (!text.empty()) {
    if (static_cast<uint8_t>(text[0]) < 128) {
      folder.Ascii(text[0]);
      text.remove_prefix(1);
      continue;
    }
    const int32_t code_point = TakeCodePoint(&text);
    if (IsApostrophe(code_point)) continue;
    constexpr int kOptions = UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD;
    const CodePoints parts = Decompose(code_point, kOptions);
    for (size_t i = 0; i < parts.count; ++i) {
      // Decomposition may uncover a capital: the bold capital alpha of mathematics is an alpha.
      const CodePoints again = Decompose(parts.at[i], kOptions);
      for (size_t j = 0; j < again.count; ++j) folder.CodePoint(again.at[j]);
    }
  }
}

std::string Folded(std::string_view text) {
  std::string out;
  AppendFolded(&out, text);
  return out;
}

void AppendCaseFolded(std::string* out, std::string_view text) {
  while (!text.empty()) {
    const char c = text[0];
    if (static_cast<uint8_t>(c) < 128) {
      out->push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
      text.remove_prefix(1);
      continue;
    }
    const CodePoints parts = Decompose(TakeCodePoint(&text), UTF8PROC_CASEFOLD);
    for (size_t i = 0; i < parts.count; ++i) {
      AppendUtf8(out, static_cast<uint32_t>(parts.at[i]));
    }
  }
}

std::string CaseFolded(std::string_view text) {
  std::string out;
  AppendCaseFolded(&out, text);
  return out;
}

void ForEachWord(std::string_view folded, const std::function<void(std::string_view)>& word) {
  size_t begin = 0;
  size_t at = 0;
  while (at < folded.size()) {
    if (static_cast<uint8_t>(folded[at]) < 128) {
      if (folded[at] == ' ') {
        EmitWord(folded.substr(begin, at - begin), word);
        begin = at + 1;
      }
      ++at;
      continue;
    }
    std::string_view rest = folded.substr(at);
    const bool own = IsOwnWord(TakeCodePoint(&rest));
    const size_t end = folded.size() - rest.size();
    if (own) {
      EmitWord(folded.substr(begin, at - begin), word);
      EmitWord(folded.substr(at, end - at), word);
      begin = end;
    }
    at = end;
  }
  EmitWord(folded.substr(begin), word);
}

}  // namespace tarn::fhir
