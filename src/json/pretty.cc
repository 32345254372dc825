#include "json/pretty.h"

#include <algorithm>

namespace tarn::json {
namespace {

constexpr size_t kIndent = 2;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The end of the string that begins at `begin`, behind its closing quote.
size_t EndOfString(std::string_view text, size_t begin) {
  size_t at = begin + 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

size_t SkipSpace(std::string_view text, size_t at) {
  while (at < text.size() && IsSpace(text[at])) ++at;
  return at;
}

void BreakLine(size_t depth, std::string* out) {
  out->push_back('\n');
  out->append(depth * kIndent, ' ');
}

}  // namespace

std::string Pretty(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  size_t depth = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (IsSpace(c)) {
      ++at;
    } else if (c == '"') {
      const size_t end = EndOfString(text, at);
      out.append(text.substr(at, end - at));
      at = end;
    } else if (c == '{' || c == '[') {
      out.push_back(c);
      at = SkipSpace(text, at + 1);
      const bool empty = at < text.size() && (text[at] == '}' || text[at] == ']');
      if (empty) {
        out.push_back(text[at++]);
      } else {
        BreakLine(++depth, &out);
      }
    } else if (c == '}' || c == ']') {
      if (depth > 0) --depth;
      BreakLine(depth, &out);
      out.push_back(c);
      ++at;
    } else {
      out.push_back(c);
      if (c == ':') out.push_back(' ');
      if (c == ',') BreakLine(depth, &out);
      ++at;
    }
  }
  out.push_back('\n');
  return out;
}

}  // namespace tarn::json
