// Regular expressions of matches() and replaceMatches(), by RE2: linear time whatever the text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace tarn::fhir::internal {

// Compiled expressions, the latest few kept. Not thread-safe.
class RegexCache {
 public:
  RegexCache();
  ~RegexCache();
  RegexCache(const RegexCache&) = delete;
  RegexCache& operator=(const RegexCache&) = delete;

  // Errors: kInvalid (no regular expression, or one that RE2 does not have, like a look-ahead),
  // kTooLarge.
  Result<bool> Matches(std::string_view text, std::string_view pattern);       // A part of it.
  Result<bool> MatchesFully(std::string_view text, std::string_view pattern);  // All of it.
  // Every match replaced; $1 and ${1} in `with` are groups, \$ is a dollar.
  Result<std::string> Replace(std::string_view text, std::string_view pattern,
                              std::string_view with);

 private:
  Result<const re2::RE2*> Find(std::string_view pattern);

  std::vector<std::pair<std::string, std::unique_ptr<re2::RE2>>> kept_;
  size_t next_ = 0;
};

}  // namespace tarn::fhir::internal
