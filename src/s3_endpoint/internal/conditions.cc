#include "s3_endpoint/internal/conditions.h"

#include <algorithm>
#include <charconv>

#include "base/clock.h"

namespace tarn::s3_endpoint {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// True when `list` is "*" or names the ETag. S3's clients leave the quotes out at times. Weak tags
// never match: ours are strong.
bool Names(std::string_view list, std::string_view etag) {
  if (Trim(list) == "*") return true;
  while (!list.empty()) {
    const size_t size = std::min(list.find(','), list.size());
    std::string_view tag = Trim(list.substr(0, size));
    list.remove_prefix(std::min(list.size(), size + 1));
    if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') {
      tag = tag.substr(1, tag.size() - 2);
    }
    if (tag == etag) return true;
  }
  return false;
}

// HTTP dates have whole seconds, so the state's time is cut to them.
bool ChangedAfter(const objects::ObjectInfo& info, std::string_view date, bool otherwise) {
  const Result<int64_t> time = ParseHttpDate(date);
  if (!time.ok()) return otherwise;  // RFC 9110 13.1.3: an invalid date is no condition.
  return info.modified_unix_ms / 1000 > time.value() / 1000;
}

// Digits and nothing else. A number past 64 bits is a number all the same: larger than any object.
bool ParseNumber(std::string_view text, uint64_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  if (text.empty() || end != text.data() + text.size()) return false;
  if (error == std::errc::result_out_of_range) *value = UINT64_MAX;
  return error == std::errc() || error == std::errc::result_out_of_range;
}

}  // namespace

Conditions ConditionsOf(const http::Headers& headers) {
  return {headers.Get("if-match"), headers.Get("if-none-match"), headers.Get("if-modified-since"),
          headers.Get("if-unmodified-since")};
}

Conditions CopySourceConditionsOf(const http::Headers& headers) {
  return {headers.Get("x-amz-copy-source-if-match"), headers.Get("x-amz-copy-source-if-none-match"),
          headers.Get("x-amz-copy-source-if-modified-since"),
          headers.Get("x-amz-copy-source-if-unmodified-since")};
}

Verdict Judge(const Conditions& conditions, const objects::ObjectInfo& info) {
  if (!conditions.if_match.empty()) {
    if (!Names(conditions.if_match, info.etag)) return Verdict::kFailed;
  } else if (!conditions.if_unmodified_since.empty() &&
             ChangedAfter(info, conditions.if_unmodified_since, /*otherwise=*/false)) {
    return Verdict::kFailed;
  }
  if (!conditions.if_none_match.empty()) {
    if (Names(conditions.if_none_match, info.etag)) return Verdict::kNotModified;
  } else if (!conditions.if_modified_since.empty() &&
             !ChangedAfter(info, conditions.if_modified_since, /*otherwise=*/true)) {
    return Verdict::kNotModified;
  }
  return Verdict::kGo;
}

RangeResult ParseRange(std::string_view field, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  RangeResult whole;
  if (!field.starts_with(kUnit)) return whole;
  field = Trim(field.substr(kUnit.size()));
  const size_t dash = field.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view first_text = Trim(field.substr(0, dash));
  const std::string_view last_text = Trim(field.substr(dash + 1));
  uint64_t first = 0;
  uint64_t last = 0;
  if (first_text.empty()) {  // The last so many bytes.
    if (!ParseNumber(last_text, &last)) return whole;
    if (last == 0 || size == 0) return {RangeKind::kUnsatisfiable, {}};
    last = std::min(last, size);
    return {RangeKind::kPart, {size - last, last}};
  }
  if (!ParseNumber(first_text, &first)) return whole;
  if (last_text.empty()) {
    last = UINT64_MAX;
  } else if (!ParseNumber(last_text, &last) || last < first) {
    return whole;
  }
  if (first >= size) return {RangeKind::kUnsatisfiable, {}};
  last = std::min(last, size - 1);
  return {RangeKind::kPart, {first, last - first + 1}};
}

}  // namespace tarn::s3_endpoint
