// URI references and their resolution (RFC 3986 sections 4 and 5), for every scheme: file:, urn:
// and http(s) alike. base/uri.h is for URLs that are dialled.
#pragma once

#include <string>
#include <string_view>

namespace tarn::arazzo {

struct UriReference {
  std::string scheme, authority, path, query, fragment;
  bool has_scheme = false, has_authority = false, has_query = false, has_fragment = false;
};

// Splits by the expression of RFC 3986 appendix B; every text is some reference.
UriReference SplitUri(std::string_view text);
std::string JoinUri(const UriReference& uri);

// RFC 3986 5.2.2 (strict). With an empty base the reference itself, its dot segments removed.
std::string ResolveUri(std::string_view base, std::string_view reference);

// The part before '#', and the part after it (not decoded).
std::string_view WithoutFragment(std::string_view uri);
std::string_view FragmentOf(std::string_view uri);

}  // namespace tarn::arazzo
