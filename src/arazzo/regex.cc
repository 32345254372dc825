// The translators walk the pattern once and write RE2 syntax. They check only what must be changed
// or refused; RE2's own parser is the judge of the rest.
#include "arazzo/regex.h"

#include <re2/re2.h>

#include <utility>

#include "arazzo/internal/text.h"
#include "arazzo/limits.h"
#include "base/utf8.h"

namespace tarn::arazzo {
namespace {

// ECMAScript's \s: WhiteSpace and LineTerminator (ECMA-262 12.2, 12.3).
constexpr std::string_view kEcmaSpace =
    R"(\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";

// Long names of general categories (Unicode PropertyValueAliases) that people write in \p{...}.
struct CategoryName {
  std::string_view name, code;
};
constexpr CategoryName kCategoryNames[] = {
    {"Letter", "L"},
    {"Cased_Letter", "LC"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Control", "Cc"},
    {"Format", "Cf"},
    {"Private_Use", "Co"},
};

bool IsHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendCodePoint(std::string* out, uint32_t code) {
  static constexpr char kHexDigits[] = "0123456789abcdef";
  std::string digits;
  do {
    digits.insert(digits.begin(), kHexDigits[code & 15]);
    code >>= 4;
  } while (code != 0);
  *out += "\\x{" + digits + "}";
}

Error Unsupported(std::string_view what) {
  return {ErrorKind::kUnsupported, "the regular expression uses " + std::string(what) +
                                       ", which is not available here (linear-time engine)"};
}

class EcmaTranslator {
 public:
  explicit EcmaTranslator(std::string_view text) : text_(text) {}

  Result<std::string> Run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\\') {
        TRY(Escape());
      } else if (in_class_) {
        ClassCharacter(c);
      } else {
        TRY(Outside(c));
      }
    }
    if (in_class_) return Invalid("the regular expression has an unclosed '['");
    return std::move(out_);
  }

 private:
  char Peek(size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void Copy(size_t count) {
    out_ += text_.substr(at_, count);
    at_ += count;
  }

  Status Outside(char c) {
    switch (c) {
      case '[':
        return OpenClass();
      case '(':
        return OpenGroup();
      case '.':  // Everything but line terminators.
        out_ += R"([^\n\r\x{2028}\x{2029}])";
        ++at_;
        return Ok();
      default:
        Copy(1);
        return Ok();
    }
  }

  Status OpenClass() {
    if (Peek(1) == ']') {  // [] matches nothing.
      out_ += R"([^\x{0}-\x{10ffff}])";
      at_ += 2;
      return Ok();
    }
    if (Peek(1) == '^' && Peek(2) == ']') {  // [^] matches everything.
      out_ += R"([\x{0}-\x{10ffff}])";
      at_ += 3;
      return Ok();
    }
    in_class_ = true;
    Copy(Peek(1) == '^' ? 2 : 1);
    return Ok();
  }

  void ClassCharacter(char c) {
    if (c == ']') in_class_ = false;
    if (c == '[') out_.push_back('\\');  // RE2 would read [:name:].
    Copy(1);
  }

  Status OpenGroup() {
    if (Peek(1) != '?') {
      Copy(1);
      return Ok();
    }
    const char kind = Peek(2);
    if (kind == ':') {
      Copy(3);
      return Ok();
    }
    if (kind == '=' || kind == '!') return Unsupported("a lookahead");
    if (kind != '<') return Invalid("the regular expression has an unknown group '(?'");
    if (Peek(3) == '=' || Peek(3) == '!') return Unsupported("a lookbehind");
    out_ += "(?P<";
    at_ += 3;
    return Ok();
  }

  Status Escape() {
    const char c = Peek(1);
    switch (c) {
      case '\0':
        if (at_ + 1 >= text_.size()) {
          return Invalid("the regular expression ends with a backslash");
        }
        break;
      case 'd':
        Emit(in_class_ ? "0-9" : "[0-9]");
        return Ok();
      case 'D':
        Emit(in_class_ ? R"(\D)" : "[^0-9]");
        return Ok();
      case 's':
        Emit(in_class_ ? std::string(kEcmaSpace) : "[" + std::string(kEcmaSpace) + "]");
        return Ok();
      case 'S':
        if (in_class_) return Unsupported("\\S inside a character class");
        Emit("[^" + std::string(kEcmaSpace) + "]");
        return Ok();
      case 'b':
        Emit(in_class_ ? R"(\x{8})" : R"(\b)");
        return Ok();
      case 'B':
        if (in_class_) return Invalid("the regular expression has \\B inside a class");
        Emit(R"(\B)");
        return Ok();
      case 'k':
        return Unsupported("a backreference");
      case 'c':
        return Control();
      case 'x':
        return Hex2();
      case 'u':
        return Unicode();
      case 'p':
      case 'P':
        return Property();
      default:
        break;
    }
    return OtherEscape(c);
  }

  void Emit(std::string_view text, size_t consumed = 2) {
    out_ += text;
    at_ += consumed;
  }

  Status OtherEscape(char c) {
    if (c == '0' && !IsDigit(Peek(2))) {
      Emit(R"(\x{0})");
      return Ok();
    }
    if (IsDigit(c)) return Unsupported("a backreference");
    static constexpr std::string_view kSame = "wWtnvfr";
    static constexpr std::string_view kSyntax = "^$\\.*+?()[]{}|/-";
    if (kSame.find(c) != kSame.npos) {
      Copy(2);
      return Ok();
    }
    if (kSyntax.find(c) != kSyntax.npos) {
      AppendCodePoint(&out_, static_cast<uint8_t>(c));
      at_ += 2;
      return Ok();
    }
    // Without the u flag an unknown escape of a symbol stands for itself; a letter is a mistake.
    const auto byte = static_cast<uint8_t>(c);
    if (byte > 0x20 && byte < 0x7F && !std::isalnum(byte)) {
      AppendCodePoint(&out_, byte);
      at_ += 2;
      return Ok();
    }
    return Invalid("the regular expression has an unknown escape at byte " + std::to_string(at_));
  }

  Status Control() {
    const auto letter = static_cast<uint8_t>(Peek(2));
    if (!std::isalpha(letter)) return Invalid("the regular expression has \\c without a letter");
    AppendCodePoint(&out_, letter % 32);
    at_ += 3;
    return Ok();
  }

  Status Hex2() {
    if (!IsHex(Peek(2)) || !IsHex(Peek(3))) {
      return Invalid("the regular expression has \\x without two digits");
    }
    uint32_t code = 0;
    const std::string digits = "00" + std::string(text_.substr(at_ + 2, 2));
    ReadHex4(digits, 0, &code);
    AppendCodePoint(&out_, code);
    at_ += 4;
    return Ok();
  }

  Status Unicode() {
    uint32_t code = 0;
    if (Peek(2) == '{') {
      size_t end = at_ + 3;
      while (end < text_.size() && IsHex(text_[end]) && code <= 0x10FFFF) {
        const std::string digit = "000" + std::string(1, text_[end++]);
        uint32_t value = 0;
        ReadHex4(digit, 0, &value);
        code = code << 4 | value;
      }
      if (end == at_ + 3 || end >= text_.size() || text_[end] != '}' || code > 0x10FFFF) {
        return Invalid("the regular expression has a malformed \\u{...}");
      }
      AppendCodePoint(&out_, code);
      at_ = end + 1;
      return Ok();
    }
    if (!ReadHex4(text_, at_ + 2, &code)) {
      return Invalid("the regular expression has \\u without four digits");
    }
    at_ += 6;
    uint32_t low = 0;
    if (code >= 0xD800 && code < 0xDC00 && Peek(0) == '\\' && Peek(1) == 'u' &&
        ReadHex4(text_, at_ + 2, &low) && low >= 0xDC00 && low < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      at_ += 6;
    }
    if (code >= 0xD800 && code < 0xE000) return Unsupported("a lone surrogate");
    AppendCodePoint(&out_, code);
    return Ok();
  }

  Status Property() {
    const size_t close = text_.find('}', at_);
    if (Peek(2) != '{' || close == text_.npos) {
      return Invalid("the regular expression has \\p without {name}");
    }
    std::string_view name = text_.substr(at_ + 3, close - at_ - 3);
    for (const std::string_view prefix :
         {std::string_view("General_Category="), std::string_view("gc="),
          std::string_view("Script="), std::string_view("sc=")}) {
      if (name.starts_with(prefix)) {
        name.remove_prefix(prefix.size());
        break;
      }
    }
    for (const CategoryName& category : kCategoryNames) {
      if (category.name == name) name = category.code;
    }
    const std::string sign(1, Peek(1));
    if (name == "ASCII") {
      const bool negative = sign == "P";
      Emit(in_class_ ? (negative ? R"(\x{80}-\x{10ffff})" : R"(\x{0}-\x{7f})")
                     : (negative ? R"([^\x{0}-\x{7f}])" : R"([\x{0}-\x{7f}])"),
           close + 1 - at_);
    } else if (name == "Any") {
      Emit(in_class_ ? R"(\x{0}-\x{10ffff})" : R"([\x{0}-\x{10ffff}])", close + 1 - at_);
    } else {
      Emit("\\" + sign + "{" + std::string(name) + "}", close + 1 - at_);
    }
    return Ok();
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string out_;
  bool in_class_ = false;
};

// I-Regexp (RFC 9485): a small grammar, so it is parsed in full and anything outside is refused.
class IRegexpTranslator {
 public:
  explicit IRegexpTranslator(std::string_view text) : text_(text) {}

  Result<std::string> Run() {
    TRY(Alternatives(0));
    if (at_ < text_.size()) return Malformed();
    return std::move(out_);
  }

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool AtEnd() const { return at_ >= text_.size(); }
  Error Malformed() const { return Invalid("not an I-Regexp at byte " + std::to_string(at_)); }

  Status Alternatives(uint32_t depth) {
    if (depth > kRegexDepthMax) return Error{ErrorKind::kTooLarge, "groups nested too deep"};
    while (!AtEnd() && Peek() != ')') {
      if (Peek() == '|') {
        out_.push_back('|');
        ++at_;
        continue;
      }
      TRY(Atom(depth));
      TRY(Quantifier());
    }
    return Ok();
  }

  Status Atom(uint32_t depth) {
    const char c = Peek();
    if (c == '(') {
      ++at_;
      out_ += "(?:";
      TRY(Alternatives(depth + 1));
      if (Peek() != ')') return Malformed();
      ++at_;
      out_.push_back(')');
      return Ok();
    }
    if (c == '[') return CharacterClass();
    if (c == '\\') return Escape(false);
    if (c == '.') {
      out_ += R"([^\n\r])";
      ++at_;
      return Ok();
    }
    if (c == '^' || c == '$') {
      out_.push_back(c);
      ++at_;
      return Ok();
    }
    static constexpr std::string_view kNotNormal = "()*+?[]{}|";
    if (kNotNormal.find(c) != kNotNormal.npos && !AtEnd()) return Malformed();
    return Literal();
  }

  Status Literal() {
    const uint32_t code = NextCodePoint(text_, &at_);
    if (code == kNoCodePoint) return Malformed();
    AppendCodePoint(&out_, code);
    return Ok();
  }

  // SingleCharEsc and catEsc / complEsc.
  Status Escape(bool in_class) {
    const char c = Peek(1);
    static constexpr std::string_view kSingle = "()*+-.?[\\]^{|}$";
    if (c == 'n' || c == 'r' || c == 't') {
      out_ += {'\\', c};
      at_ += 2;
      return Ok();
    }
    if (c != '\0' && kSingle.find(c) != kSingle.npos) {
      AppendCodePoint(&out_, static_cast<uint8_t>(c));
      at_ += 2;
      return Ok();
    }
    if (c != 'p' && c != 'P') return Malformed();
    const size_t close = text_.find('}', at_);
    if (Peek(2) != '{' || close == text_.npos) return Malformed();
    const std::string name(text_.substr(at_ + 3, close - at_ - 3));
    static constexpr std::string_view kCategories =
        " L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps Z Zl Zp Zs S Sc Sk Sm So "
        "C Cc Cf Cn Co ";
    if (name.empty() || kCategories.find(" " + name + " ") == kCategories.npos) return Malformed();
    at_ = close + 1;
    // RE2 knows no Cn (unassigned), which C includes.
    static constexpr std::string_view kAssigned = R"(\pL\pM\pN\pP\pZ\pS)";
    static constexpr std::string_view kOthers = R"(\p{Cc}\p{Cf}\p{Co}\p{Cs})";
    const bool positive = c == 'p';
    if (name == "C" || name == "Cn") {
      const std::string inside =
          std::string(kAssigned) + (name == "Cn" ? std::string(kOthers) : std::string());
      if (in_class && positive) return Unsupported("\\p{C} inside a character class");
      out_ += in_class ? inside : (positive ? "[^" : "[") + inside + "]";
    } else {
      out_ += (positive ? "\\p{" : "\\P{") + name + "}";
    }
    return Ok();
  }

  // charClassExpr = "[" [ "^" ] ( "-" / CCE1 ) *CCE1 [ "-" ] "]"
  Status CharacterClass() {
    ++at_;
    out_.push_back('[');
    if (Peek() == '^') {
      ++at_;
      out_.push_back('^');
    }
    bool first = true;
    while (Peek() != ']' || AtEnd()) {
      if (AtEnd()) return Malformed();
      if (Peek() == '-') {
        if (!first && Peek(1) != ']') return Malformed();
        out_ += R"(\x{2d})";
        ++at_;
      } else {
        TRY(ClassItem());
      }
      first = false;
    }
    if (first) return Malformed();
    ++at_;
    out_.push_back(']');
    return Ok();
  }

  Status ClassItem() {
    const bool category = Peek() == '\\' && (Peek(1) == 'p' || Peek(1) == 'P');
    TRY(ClassCharacter());
    if (category || Peek() != '-' || Peek(1) == ']') return Ok();
    ++at_;
    out_.push_back('-');
    if (Peek() == '-') return Malformed();
    return ClassCharacter();
  }

  Status ClassCharacter() {
    if (Peek() == '\\') return Escape(true);
    if (Peek() == '[') return Malformed();
    return Literal();
  }

  Status Quantifier() {
    const char c = Peek();
    if (c == '*' || c == '+' || c == '?') {
      out_.push_back(c);
      ++at_;
      return Ok();
    }
    if (c != '{') return Ok();
    const size_t close = text_.find('}', at_);
    if (close == text_.npos) return Malformed();
    const std::string_view body = text_.substr(at_ + 1, close - at_ - 1);
    size_t digits = 0;
    while (digits < body.size() && IsDigit(body[digits])) ++digits;
    const bool has_comma = digits < body.size() && body[digits] == ',';
    const std::string_view rest = has_comma ? body.substr(digits + 1) : std::string_view();
    if (digits == 0 || (!has_comma && digits != body.size()) ||
        rest.find_first_not_of("0123456789") != rest.npos) {
      return Malformed();
    }
    out_ += "{" + std::string(body) + "}";
    at_ = close + 1;
    return Ok();
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string out_;
};

Status CheckPattern(std::string_view pattern) {
  if (pattern.size() > kRegexBytesMax) {
    return Error{ErrorKind::kTooLarge,
                 "a regular expression may have " + std::to_string(kRegexBytesMax) + " bytes"};
  }
  if (!IsUtf8(pattern)) return Invalid("the regular expression is not UTF-8");
  return Ok();
}

}  // namespace

Result<Regex> Regex::Compile(const std::string& translated) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryMax);
  options.set_dot_nl(true);  // Every dot has been translated already.
  auto re = std::make_shared<const re2::RE2>(translated, options);
  if (!re->ok()) {
    const bool large = re->error_code() == re2::RE2::ErrorPatternTooLarge;
    return Error{large ? ErrorKind::kTooLarge : ErrorKind::kInvalid,
                 "the regular expression is refused: " + re->error()};
  }
  return Regex(std::move(re));
}

Result<Regex> Regex::FromEcma(std::string_view pattern) {
  TRY(CheckPattern(pattern));
  TRY(const std::string translated, EcmaTranslator(pattern).Run());
  return Compile(translated);
}

Result<Regex> Regex::FromIRegexp(std::string_view pattern) {
  TRY(CheckPattern(pattern));
  TRY(const std::string translated, IRegexpTranslator(pattern).Run());
  return Compile(translated);
}

bool Regex::Matches(std::string_view subject) const {
  return subject.size() <= kRegexSubjectMax && re2::RE2::FullMatch(subject, *re_);
}

bool Regex::IsFoundIn(std::string_view subject) const {
  return subject.size() <= kRegexSubjectMax && re2::RE2::PartialMatch(subject, *re_);
}

Result<std::string> Regex::ReplaceAll(std::string_view subject,
                                      std::string_view replacement) const {
  // In RE2's words: \1 for a group, \\ for a backslash.
  std::string rewrite;
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char c = replacement[i];
    const char next = i + 1 < replacement.size() ? replacement[i + 1] : '\0';
    if (c == '$') {
      if (next < '0' || next > '9') return Invalid("a $ in a replacement needs a digit after it");
      rewrite.append("\\").push_back(next);
      ++i;
    } else if (c == '\\') {
      if (next != '\\' && next != '$') return Invalid("a replacement escapes only \\ and $");
      rewrite += next == '$' ? "$" : "\\\\";
      ++i;
    } else {
      rewrite.push_back(c);
    }
  }
  std::string why;
  if (!re_->CheckRewriteString(rewrite, &why)) {
    return Invalid("the replacement names a group that the pattern does not have");
  }
  if (subject.size() * (1 + replacement.size()) > kRenderedBytesMax) {
    return Error{ErrorKind::kTooLarge, "the replaced text would be too long"};
  }
  std::string out(subject);
  re2::RE2::GlobalReplace(&out, *re_, rewrite);
  return out;
}

}  // namespace tarn::arazzo
