#include "arazzo/internal/uri_reference.h"

#include <algorithm>
#include <cctype>

namespace tarn::arazzo {
namespace {

bool IsScheme(std::string_view text) {
  return !text.empty() && std::isalpha(static_cast<uint8_t>(text[0])) &&
         std::ranges::all_of(text, [](char c) {
           return std::isalnum(static_cast<uint8_t>(c)) || c == '+' || c == '-' || c == '.';
         });
}

// RFC 3986 5.2.4, segment by segment instead of prefix by prefix.
std::string RemoveDotSegments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const bool slash = path[0] == '/';
    const size_t end = path.find('/', slash ? 1 : 0);
    const std::string_view piece = path.substr(0, end);
    const std::string_view segment = slash ? piece.substr(1) : piece;
    const bool last = end == path.npos;
    path = last ? std::string_view() : path.substr(end);
    if (segment == "." || segment == "..") {
      if (segment == "..") {
        const size_t parent = out.rfind('/');
        out.resize(parent == out.npos ? 0 : parent);
      }
      if (last && slash) out.push_back('/');
      // A relative reference that begins with dots loses the slash that follows them.
      if (!slash && !last) path.remove_prefix(1);
      continue;
    }
    out += piece;
  }
  return out;
}

std::string MergePaths(const UriReference& base, std::string_view path) {
  if (base.has_authority && base.path.empty()) return "/" + std::string(path);
  const size_t slash = base.path.rfind('/');
  const std::string folder = slash == base.path.npos ? "" : base.path.substr(0, slash + 1);
  return folder + std::string(path);
}

}  // namespace

UriReference SplitUri(std::string_view text) {
  UriReference out;
  if (const size_t hash = text.find('#'); hash != text.npos) {
    out.has_fragment = true;
    out.fragment = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  if (const size_t mark = text.find('?'); mark != text.npos) {
    out.has_query = true;
    out.query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  const size_t colon = text.find_first_of(":/");
  if (colon != text.npos && text[colon] == ':' && IsScheme(text.substr(0, colon))) {
    out.has_scheme = true;
    out.scheme = text.substr(0, colon);
    text = text.substr(colon + 1);
  }
  if (text.starts_with("//")) {
    out.has_authority = true;
    const size_t end = text.find('/', 2);
    out.authority = text.substr(2, end == text.npos ? text.npos : end - 2);
    text = end == text.npos ? std::string_view() : text.substr(end);
  }
  out.path = text;
  return out;
}

std::string JoinUri(const UriReference& uri) {
  std::string out;
  if (uri.has_scheme) out += uri.scheme + ":";
  if (uri.has_authority) out += "//" + uri.authority;
  out += uri.path;
  if (uri.has_query) out += "?" + uri.query;
  if (uri.has_fragment) out += "#" + uri.fragment;
  return out;
}

std::string ResolveUri(std::string_view base_text, std::string_view reference) {
  UriReference target = SplitUri(reference);
  const UriReference base = SplitUri(base_text);
  if (target.has_scheme || base_text.empty()) {
    target.path = RemoveDotSegments(target.path);
    return JoinUri(target);
  }
  target.has_scheme = base.has_scheme;
  target.scheme = base.scheme;
  if (target.has_authority) {
    target.path = RemoveDotSegments(target.path);
    return JoinUri(target);
  }
  target.has_authority = base.has_authority;
  target.authority = base.authority;
  if (target.path.empty()) {
    target.path = base.path;
    if (!target.has_query) {
      target.has_query = base.has_query;
      target.query = base.query;
    }
  } else if (target.path[0] == '/') {
    target.path = RemoveDotSegments(target.path);
  } else if (base.path.empty() || base.path[0] == '/' || !base.has_scheme) {
    // A relative base (a file named on the command line) keeps its leading "..", which
    // RFC 3986 does not speak about: nothing is removed from what stays relative.
    const std::string merged = MergePaths(base, target.path);
    target.path = merged.starts_with('/') ? RemoveDotSegments(merged) : merged;
  } else {
    target.path = RemoveDotSegments(MergePaths(base, target.path));
  }
  return JoinUri(target);
}

std::string_view WithoutFragment(std::string_view uri) { return uri.substr(0, uri.find('#')); }

std::string_view FragmentOf(std::string_view uri) {
  const size_t hash = uri.find('#');
  return hash == uri.npos ? std::string_view() : uri.substr(hash + 1);
}

}  // namespace tarn::arazzo
