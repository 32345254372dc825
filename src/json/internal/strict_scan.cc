#include "json/internal/strict_scan.h"

#include <vector>

#include "base/utf8.h"
#include "json/internal/token.h"

namespace tarn::json::internal {
namespace {

class Scanner {
 public:
  Scanner(std::string_view text, uint32_t depth_max) : text_(text), depth_max_(depth_max) {}

  ScanFault Run() {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") return {0, "a byte order mark"};
    if (!Walk()) return fault_;
    SkipSpace();
    if (at_ < text_.size()) return {at_, "something after the value"};
    return {};
  }

 private:
  bool Fail(std::string_view what) {
    fault_ = {at_, what};
    return false;
  }

  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }

  // The next byte that is no white space, or NUL at the end; a NUL byte in the text is nothing
  // that any caller expects either.
  char Peek() {
    SkipSpace();
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  // One value with everything inside it. `open_` holds the closing byte of each open container.
  bool Walk() {
    for (;;) {
      bool opened = false;
      if (!Value(&opened)) return false;
      if (opened) continue;
      if (!AfterValue()) return false;
      if (open_.empty()) return true;
    }
  }

  // Reads a scalar, or enters a container up to its first value; an empty one is read whole.
  bool Value(bool* opened) {
    const char c = Peek();
    if (at_ >= text_.size()) return Fail("the text ends where a value should be");
    if (c == '"') return String();
    if (c == '-' || IsDigit(c)) return Number();
    if (c == 't') return Literal("true");
    if (c == 'f') return Literal("false");
    if (c == 'n') return Literal("null");
    if (c != '{' && c != '[') return Fail("no value begins like this");
    if (open_.size() >= depth_max_) return Fail(kTooDeep);
    const char close = c == '{' ? '}' : ']';
    ++at_;
    if (Peek() == close) {
      ++at_;
      return true;
    }
    open_.push_back(close);
    *opened = true;
    return c == '{' ? Key() : true;
  }

  // Leaves every container that ends here, or steps over a comma to the next value.
  bool AfterValue() {
    while (!open_.empty()) {
      const char c = Peek();
      if (c == open_.back()) {
        open_.pop_back();
        ++at_;
        continue;
      }
      if (c != ',') return Fail("',' or the end of the array or object should be here");
      ++at_;
      return open_.back() == '}' ? Key() : true;
    }
    return true;
  }

  bool Key() {
    if (Peek() != '"') return Fail("a member name should be here");
    if (!String()) return false;
    if (Peek() != ':') return Fail("':' should be here");
    ++at_;
    return true;
  }

  bool Number() {
    const size_t bytes = NumberBytes(text_.substr(at_));
    if (bytes == 0) return Fail("not a number");
    at_ += bytes;
    return EndOfToken();
  }

  bool Literal(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return Fail("no value begins like this");
    at_ += word.size();
    return EndOfToken();
  }

  bool EndOfToken() {
    if (at_ >= text_.size() || IsSpace(text_[at_])) return true;
    const char c = text_[at_];
    if (c == ',' || c == ']' || c == '}' || c == ':' || c == '[' || c == '{') return true;
    return Fail("the number or word goes on wrongly");
  }

  bool String() {
    const size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<uint8_t>(text_[at_]) < 0x20) return Fail("a control character in a string");
      if (text_[at_] == '\\') {
        if (at_ + 1 >= text_.size()) break;
        ++at_;
        if (static_cast<uint8_t>(text_[at_]) < 0x20) return Fail("a control character in a string");
      }
      const size_t bytes = Utf8SequenceBytes(text_.substr(at_));
      if (bytes == 0) return Fail("not UTF-8");
      at_ += bytes;
    }
    if (at_ >= text_.size() || text_[at_] != '"') {
      at_ = begin - 1;
      return Fail("the string never ends");
    }
    const size_t bad = FirstBadEscape(text_.substr(begin, at_ - begin));
    if (bad != kAllValid) {
      at_ = begin + bad;
      return Fail("not an escape sequence of JSON");
    }
    ++at_;
    return true;
  }

  std::string_view text_;
  uint32_t depth_max_;
  size_t at_ = 0;
  std::vector<char> open_;
  ScanFault fault_;
};

}  // namespace

ScanFault StrictScan(std::string_view text, uint32_t depth_max) {
  return Scanner(text, depth_max).Run();
}

}  // namespace tarn::json::internal
