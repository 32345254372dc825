#include "fhir/internal/fhirpath_regex.h"

#include <re2/re2.h>

namespace tarn::fhir::internal {
namespace {

constexpr size_t kKept = 8;
constexpr size_t kPatternBytesMax = 4096;
constexpr int64_t kProgramBytesMax = 1 << 20;

re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// FHIRPath's replacement as RE2 writes it.
std::string Rewrite(std::string_view with) {
  std::string out;
  for (size_t i = 0; i < with.size(); ++i) {
    const bool dollar = with[i] == '$';
    const bool braced = dollar && i + 3 < with.size() && with[i + 1] == '{' &&
                        IsDigit(with[i + 2]) && with[i + 3] == '}';
    if (braced) {
      out += '\\';
      out += with[i + 2];
      i += 3;
    } else if (dollar && i + 1 < with.size() && IsDigit(with[i + 1])) {
      out += '\\';
      out += with[++i];
    } else if (with[i] == '\\' && i + 1 < with.size() && with[i + 1] == '$') {
      out += with[++i];
    } else {
      if (with[i] == '\\') out += '\\';
      out += with[i];
    }
  }
  return out;
}

}  // namespace

RegexCache::RegexCache() = default;
RegexCache::~RegexCache() = default;

Result<const re2::RE2*> RegexCache::Find(std::string_view pattern) {
  for (const auto& [text, regex] : kept_) {
    if (text == pattern) return regex.get();
  }
  if (pattern.size() > kPatternBytesMax) {
    return Error{ErrorKind::kTooLarge, "the regular expression has more than " +
                                           std::to_string(kPatternBytesMax) + " bytes"};
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);  // The specification: single-line mode.
  options.set_max_mem(kProgramBytesMax);
  auto regex = std::make_unique<re2::RE2>(Piece(pattern), options);
  if (!regex->ok()) return Invalid("not a regular expression: " + regex->error());
  const re2::RE2* found = regex.get();
  if (kept_.size() < kKept) {
    kept_.emplace_back(pattern, std::move(regex));
  } else {
    kept_[next_++ % kKept] = {std::string(pattern), std::move(regex)};
  }
  return found;
}

Result<bool> RegexCache::Matches(std::string_view text, std::string_view pattern) {
  TRY(const re2::RE2* regex, Find(pattern));
  return re2::RE2::PartialMatch(Piece(text), *regex);
}

Result<bool> RegexCache::MatchesFully(std::string_view text, std::string_view pattern) {
  TRY(const re2::RE2* regex, Find(pattern));
  return re2::RE2::FullMatch(Piece(text), *regex);
}

Result<std::string> RegexCache::Replace(std::string_view text, std::string_view pattern,
                                        std::string_view with) {
  TRY(const re2::RE2* regex, Find(pattern));
  const std::string rewrite = Rewrite(with);
  std::string error;
  if (!regex->CheckRewriteString(Piece(rewrite), &error)) {
    return Invalid("the replacement does not fit the regular expression: " + error);
  }
  std::string out(text);
  re2::RE2::GlobalReplace(&out, *regex, Piece(rewrite));
  return out;
}

}  // namespace tarn::fhir::internal
