#include "json/writer.h"

#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/utf8.h"

namespace tarn::json {
namespace {

bool IsPlain(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

// RFC 8259 section 7: quote, backslash and everything below U+0020 must be escaped.
void AppendEscape(std::string* out, char c) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      out->append("\\u00");
      out->push_back(kHex[static_cast<uint8_t>(c) >> 4]);
      out->push_back(kHex[static_cast<uint8_t>(c) & 15]);
  }
}

}  // namespace

void AppendString(std::string* out, std::string_view text) {
  out->push_back('"');
  size_t at = 0;
  while (at < text.size()) {
    const size_t begin = at;
    while (at < text.size() && IsPlain(text[at])) ++at;
    out->append(text, begin, at - begin);
    if (at == text.size()) break;
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      AppendEscape(out, text[at++]);
      continue;
    }
    const size_t bytes = Utf8SequenceBytes(text.substr(at));
    if (bytes == 0) {
      out->append("\xEF\xBF\xBD");  // U+FFFD
      ++at;
    } else {
      out->append(text, at, bytes);
      at += bytes;
    }
  }
  out->push_back('"');
}

void Writer::Separate() {
  if (need_comma_) out_->push_back(',');
  need_comma_ = true;
}

Writer& Writer::BeginObject() {
  Separate();
  out_->push_back('{');
  need_comma_ = false;
  ++open_;
  return *this;
}

Writer& Writer::EndObject() {
  CHECK(open_ > 0);
  --open_;
  out_->push_back('}');
  need_comma_ = true;
  return *this;
}

Writer& Writer::BeginArray() {
  Separate();
  out_->push_back('[');
  need_comma_ = false;
  ++open_;
  return *this;
}

Writer& Writer::EndArray() {
  CHECK(open_ > 0);
  --open_;
  out_->push_back(']');
  need_comma_ = true;
  return *this;
}

Writer& Writer::Key(std::string_view name) {
  Separate();
  AppendString(out_, name);
  out_->push_back(':');
  need_comma_ = false;
  return *this;
}

Writer& Writer::String(std::string_view text) {
  Separate();
  AppendString(out_, text);
  return *this;
}

Writer& Writer::Int(int64_t value) {
  char buffer[24];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return Raw(std::string_view(buffer, static_cast<size_t>(result.ptr - buffer)));
}

Writer& Writer::Double(double value) {
  CHECK(std::isfinite(value));
  char buffer[40];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return Raw(std::string_view(buffer, static_cast<size_t>(result.ptr - buffer)));
}

Writer& Writer::Bool(bool value) { return Raw(value ? "true" : "false"); }

Writer& Writer::Null() { return Raw("null"); }

Writer& Writer::Raw(std::string_view json) {
  Separate();
  out_->append(json);
  return *this;
}

void Writer::Finish() const { CHECK(open_ == 0); }

}  // namespace tarn::json
