#include <array>

#include "fhir/internal/fhirpath_syntax.h"

namespace tarn::fhir::internal {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsName(char c) { return IsNameStart(c) || IsDigit(c); }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

void AppendUtf8(std::string* out, uint32_t code) {
  if (code < 0x80) {
    *out += static_cast<char>(code);
  } else if (code < 0x800) {
    *out += static_cast<char>(0xC0 | (code >> 6));
    *out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *out += static_cast<char>(0xE0 | (code >> 12));
    *out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    *out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    *out += static_cast<char>(0xF0 | (code >> 18));
    *out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    *out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    *out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Lexeme>> Run() {
    std::vector<Lexeme> lexemes;
    do {
      TRY(SkipSpace());
      TRY(Lexeme lexeme, Next());
      lexemes.push_back(std::move(lexeme));
    } while (lexemes.back().token != Token::kEnd);
    return lexemes;
  }

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool Starts(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }
  Error Fail(size_t position, std::string_view what) const {
    return PathError(ErrorKind::kInvalid, text_, static_cast<uint32_t>(position), what);
  }

  Status SkipSpace() {
    while (at_ < text_.size()) {
      if (IsSpace(text_[at_])) {
        ++at_;
      } else if (Starts("//")) {
        const size_t end = text_.find('\n', at_);
        at_ = end == std::string_view::npos ? text_.size() : end;
      } else if (Starts("/*")) {
        const size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return Fail(at_, "the comment does not end");
        at_ = end + 2;
      } else {
        break;
      }
    }
    return Ok();
  }

  Result<Lexeme> Next() {
    Lexeme lexeme;
    lexeme.position = static_cast<uint32_t>(at_);
    if (at_ >= text_.size()) return lexeme;
    const char c = text_[at_];
    if (IsNameStart(c)) {
      lexeme.token = Token::kIdentifier;
      lexeme.text = TakeName();
      return lexeme;
    }
    if (IsDigit(c)) {
      lexeme.token = Token::kNumber;
      lexeme.text = TakeNumber();
      return lexeme;
    }
    if (c == '\'' || c == '`' || c == '"') {
      lexeme.token = c == '\'' ? Token::kString : Token::kDelimited;
      TRY(lexeme.text, TakeQuoted());
      return lexeme;
    }
    if (c == '@') return TakeTime(std::move(lexeme));
    if (c == '%' || c == '$') return TakeSigil(std::move(lexeme));
    return TakeSymbol(std::move(lexeme));
  }

  std::string TakeName() {
    const size_t begin = at_;
    while (IsName(Peek())) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string TakeNumber() {
    const size_t begin = at_;
    while (IsDigit(Peek())) ++at_;
    if (Peek() == '.' && IsDigit(Peek(1))) {
      ++at_;
      while (IsDigit(Peek())) ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::string> TakeQuoted() {
    const size_t begin = at_;
    const char quote = text_[at_++];
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] != '\\') {
        out += text_[at_++];
        continue;
      }
      ++at_;
      TRY(TakeEscape(&out));
    }
    if (at_ >= text_.size()) return Fail(begin, "the text in quotes does not end");
    ++at_;
    return out;
  }

  Status TakeEscape(std::string* out) {
    struct Escape {
      char written, meant;
    };
    constexpr std::array<Escape, 9> kEscapes = {{{'\'', '\''},
                                                 {'"', '"'},
                                                 {'`', '`'},
                                                 {'r', '\r'},
                                                 {'n', '\n'},
                                                 {'t', '\t'},
                                                 {'f', '\f'},
                                                 {'\\', '\\'},
                                                 {'/', '/'}}};
    const char c = Peek();
    for (const Escape& escape : kEscapes) {
      if (escape.written != c) continue;
      *out += escape.meant;
      ++at_;
      return Ok();
    }
    if (c != 'u') return Fail(at_ - 1, "an escape that FHIRPath does not have");
    ++at_;
    TRY(uint32_t code, TakeHex());
    if (code >= 0xD800 && code < 0xDC00 && Starts("\\u")) {
      at_ += 2;
      TRY(const uint32_t low, TakeHex());
      if (low < 0xDC00 || low > 0xDFFF) return Fail(at_ - 4, "half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code >= 0xD800 && code <= 0xDFFF) return Fail(at_ - 4, "half of a surrogate pair");
    AppendUtf8(out, code);
    return Ok();
  }

  Result<uint32_t> TakeHex() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = Peek();
      uint32_t digit = 16;
      if (IsDigit(c)) digit = static_cast<uint32_t>(c - '0');
      if (c >= 'a' && c <= 'f') digit = static_cast<uint32_t>(c - 'a' + 10);
      if (c >= 'A' && c <= 'F') digit = static_cast<uint32_t>(c - 'A' + 10);
      if (digit == 16) return Fail(at_, "\\u needs four hexadecimal digits");
      code = code * 16 + digit;
    }
    return code;
  }

  bool Digits(size_t count) const {
    for (size_t i = 0; i < count; ++i) {
      if (!IsDigit(Peek(i))) return false;
    }
    return true;
  }

  // Takes hh[:mm[:ss[.f]]] when it is there.
  void TakeTimeOfDay() {
    if (!Digits(2)) return;
    at_ += 2;
    for (int part = 0; part < 2; ++part) {
      if (Peek() != ':' || !IsDigit(Peek(1)) || !IsDigit(Peek(2))) return;
      at_ += 3;
    }
    if (Peek() != '.' || !IsDigit(Peek(1))) return;
    ++at_;
    while (IsDigit(Peek())) ++at_;
  }

  void TakeZone() {
    if (Peek() == 'Z') {
      ++at_;
    } else if ((Peek() == '+' || Peek() == '-') && IsDigit(Peek(1)) && IsDigit(Peek(2)) &&
               Peek(3) == ':' && IsDigit(Peek(4)) && IsDigit(Peek(5))) {
      at_ += 6;
    }
  }

  // @2014, @2014-01, @2014-01-25, and with T and a time a date-time; @T14:30 a time.
  Result<Lexeme> TakeTime(Lexeme lexeme) {
    const size_t at = at_++;
    if (Peek() == 'T') {
      ++at_;
      const size_t begin = at_;
      TakeTimeOfDay();
      lexeme.token = Token::kTime;
      lexeme.text = text_.substr(begin, at_ - begin);
      if (lexeme.text.empty()) return Fail(at, "a time needs an hour: @T14:30");
      return lexeme;
    }
    const size_t begin = at_;
    if (!Digits(4)) return Fail(at, "a date begins with a year of four digits: @2014-01-25");
    at_ += 4;
    for (int part = 0; part < 2 && Peek() == '-' && IsDigit(Peek(1)) && IsDigit(Peek(2)); ++part) {
      at_ += 3;
    }
    lexeme.token = Token::kDate;
    if (Peek() == 'T') {
      ++at_;
      lexeme.token = Token::kDateTime;
      const size_t before = at_;
      TakeTimeOfDay();
      if (at_ > before) TakeZone();
    }
    lexeme.text = text_.substr(begin, at_ - begin);
    return lexeme;
  }

  Result<Lexeme> TakeSigil(Lexeme lexeme) {
    const size_t at = at_;
    const bool variable = text_[at_++] == '%';
    lexeme.token = variable ? Token::kVariable : Token::kSpecial;
    if (variable && (Peek() == '`' || Peek() == '\'')) {
      TRY(lexeme.text, TakeQuoted());
    } else {
      lexeme.text = TakeName();
      while (variable && Peek() == '-' && IsName(Peek(1))) {  // %vs-name, as R4 writes them.
        ++at_;
        lexeme.text += "-" + TakeName();
      }
    }
    if (lexeme.text.empty()) return Fail(at, "a name must follow");
    return lexeme;
  }

  Result<Lexeme> TakeSymbol(Lexeme lexeme) {
    lexeme.token = Token::kSymbol;
    for (std::string_view two : {"<=", ">=", "!=", "!~"}) {
      if (!Starts(two)) continue;
      lexeme.text = two;
      at_ += 2;
      return lexeme;
    }
    constexpr std::string_view kOnes = ".()[]{}+-*/&|<>=~,";
    if (kOnes.find(text_[at_]) == std::string_view::npos) {
      return Fail(at_, "a character that no FHIRPath token begins with");
    }
    lexeme.text = text_[at_++];
    return lexeme;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<Lexeme>> LexPath(std::string_view text) { return Lexer(text).Run(); }

Error PathError(ErrorKind kind, std::string_view text, uint32_t position, std::string_view what) {
  uint32_t line = 1;
  uint32_t column = 1;
  for (size_t i = 0; i < position && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) {
      ++column;
    }
  }
  std::string detail = "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
  detail += what;
  return {kind, std::move(detail)};
}

}  // namespace tarn::fhir::internal
