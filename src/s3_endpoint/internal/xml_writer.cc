#include "s3_endpoint/internal/xml_writer.h"

#include "base/check.h"

namespace tarn::s3_endpoint {
namespace {

// Control characters have no place in XML 1.0, not even as references; S3 writes the references all
// the same for keys that hold them, and clients ask for encoding-type=url to be safe.
void AppendEscaped(std::string* out, std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : text) {
    switch (c) {
      case '&':
        *out += "&amp;";
        break;
      case '<':
        *out += "&lt;";
        break;
      case '>':
        *out += "&gt;";
        break;
      case '"':
        *out += "&quot;";
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
          *out += "&#x";
          if (c >= 0x10) out->push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
          out->push_back(kDigits[c & 15]);
          out->push_back(';');
        } else {
          out->push_back(c);
        }
    }
  }
}

}  // namespace

XmlWriter::XmlWriter() : out_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {}

void XmlWriter::Open(std::string_view name, Namespace name_space) {
  out_.append("<").append(name);
  if (name_space == Namespace::kS3) out_ += " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
  out_.push_back('>');
  open_.emplace_back(name);
}

void XmlWriter::Close() {
  CHECK(!open_.empty());
  out_.append("</").append(open_.back()).append(">");
  open_.pop_back();
}

void XmlWriter::Content(std::string_view value) { AppendEscaped(&out_, value); }

void XmlWriter::Text(std::string_view name, std::string_view value) {
  Open(name);
  Content(value);
  Close();
}

void XmlWriter::Number(std::string_view name, uint64_t value) { Text(name, std::to_string(value)); }

void XmlWriter::Flag(std::string_view name, bool value) { Text(name, value ? "true" : "false"); }

std::string XmlWriter::Finish() {
  CHECK(open_.empty());
  return std::move(out_);
}

}  // namespace tarn::s3_endpoint
