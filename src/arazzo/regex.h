// Regular expressions over RE2, which is linear in the subject: no pattern can hang a run.
//
// Two dialects are read and translated:
// - ECMAScript with the `u` flag (JSON Schema `pattern`, Arazzo criteria of type regex). What RE2
//   cannot express (lookaround, backreferences) is an error that says so.
// - I-Regexp (RFC 9485), for JSONPath's match() and search(). Beyond the RFC, `^` and `$` are
//   anchors, as the JSONPath compliance suite expects.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace tarn::arazzo {

class Regex {
 public:
  // Errors: kInvalid (not a pattern), kUnsupported (RE2 cannot express it), kTooLarge.
  static Result<Regex> FromEcma(std::string_view pattern);
  static Result<Regex> FromIRegexp(std::string_view pattern);

  bool Matches(std::string_view subject) const;    // The whole subject.
  bool IsFoundIn(std::string_view subject) const;  // Any part of it.
  // Every match replaced; $0 to $9 stand for groups, \\ and \$ for themselves (XPath's replace).
  // Errors: kInvalid (another escape, a group that is not there), kTooLarge (kRenderedBytesMax).
  Result<std::string> ReplaceAll(std::string_view subject, std::string_view replacement) const;

 private:
  explicit Regex(std::shared_ptr<const re2::RE2> re) : re_(std::move(re)) {}
  static Result<Regex> Compile(const std::string& translated);
  std::shared_ptr<const re2::RE2> re_;  // Immutable, so copies of a Regex share it.
};

}  // namespace tarn::arazzo
