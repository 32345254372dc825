// The text level of queries: separators, escapes, lists for messages.
#include <algorithm>

#include "fhir/internal/query_parser.h"

namespace tarn::fhir::internal {

std::string_view IssueCode(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUnsupported:
    case ErrorKind::kNotFound:
      return "not-supported";
    case ErrorKind::kTooLarge:
      return "too-costly";
    case ErrorKind::kInvalid:
      return "value";
    default:
      return "exception";
  }
}

std::vector<std::string_view> SplitEscaped(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == separator) {
      out.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  out.push_back(text.substr(begin));
  return out;
}

Result<std::string> UnescapeTerm(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
      if (i == text.size() || std::string_view("\\,$|").find(text[i]) == std::string_view::npos) {
        return Invalid("a backslash stands before \\ , $ or | only");
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

std::string EscapeTerm(std::string_view text, Bars bars) {
  std::string out;
  for (const char c : text) {
    const bool escape = c == '\\' || c == ',' || c == '$' || (c == '|' && bars == Bars::kEscape);
    if (escape) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

std::string Listed(const std::vector<std::string_view>& texts) {
  constexpr size_t kShown = 100;
  std::string out;
  for (size_t i = 0; i < std::min(texts.size(), kShown); ++i) {
    if (i > 0) out += ", ";
    out += texts[i];
  }
  if (texts.size() > kShown) out += ", ...";
  return out.empty() ? "none" : out;
}

std::string TypeList(std::span<const TypeId> types) {
  std::vector<std::string_view> names;
  for (const TypeId type : types) names.push_back(TypeName(type));
  return names.empty() ? "any type" : Listed(names);
}

Result<TypeId> ParseType(std::string_view name) {
  const TypeId type = FindType(name);
  if (type == kNoType) return Invalid("expected the name of a resource type of R4, as Patient");
  return type;
}

}  // namespace tarn::fhir::internal
