#include "healthimaging/internal/frame_request.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/uri.h"
#include "service_model/request.h"

namespace tarn::healthimaging::internal {
namespace {

constexpr size_t kFrameIdBytes = 32;
constexpr size_t kOffsetDigitsMax = 18;  // Fits 64 bits.
constexpr size_t kLevelDigitsMax = 2;    // JPEG 2000 has at most 33 levels.

std::optional<uint64_t> ParseDigits(std::string_view text, size_t digits_max) {
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

// One range of bytes; what is none of those is ignored.
void ReadRange(std::string_view header, image_store::FrameRange* out) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return;
  const std::string_view range = header.substr(kUnit.size());
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return;
  const std::string_view first_text = range.substr(0, dash);
  const std::string_view last_text = range.substr(dash + 1);
  const auto last = ParseDigits(last_text, kOffsetDigitsMax);
  if (first_text.empty()) {
    if (last) out->suffix_bytes = *last;
    return;
  }
  const auto first = ParseDigits(first_text, kOffsetDigitsMax);
  if (!first || (!last && !last_text.empty())) return;
  if (last && *last < *first) return;
  out->bytes = std::pair(*first, last.value_or(UINT64_MAX));
}

// A level's number, or nothing when it is not given. Errors: kInvalid.
Result<std::optional<uint32_t>> ReadLevel(const QueryParameters& query, std::string_view name) {
  const std::string* text = FindParameter(query, name);
  if (text == nullptr) return std::optional<uint32_t>();
  const auto level = ParseDigits(*text, kLevelDigitsMax);
  if (!level) return service_model::Violation(name, "must be a resolution level: 0 or more");
  return std::optional(static_cast<uint32_t>(*level));
}

// Calls `match` for each entity tag of a list, without W/; true when it is true for one.
template <typename Match>
bool AnyTag(std::string_view list, const Match& match) {
  while (!list.empty()) {
    std::string_view one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(one.size() + 1, list.size()));
    while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
    while (one.ends_with(' ') || one.ends_with('\t')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (match(one)) return true;
  }
  return false;
}

}  // namespace

Result<FrameRequest> ReadFrameRequest(const http::Request& request) {
  TRY(const QueryParameters query, ParseQuery(request.query));
  FrameRequest out;
  const std::string* id = FindParameter(query, "imageFrameId");
  if (id == nullptr) return service_model::MissingMember("imageFrameId", "must not be null");
  const bool good = id->size() == kFrameIdBytes && std::all_of(id->begin(), id->end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
                    });
  if (!good) {
    return service_model::Violation("imageFrameId",
                                    "must satisfy regular expression pattern: [0-9a-z]{32}");
  }
  out.frame_id = *id;
  TRY(const auto start, ReadLevel(query, "startLevel"));
  TRY(const auto end, ReadLevel(query, "endLevel"));
  ReadRange(request.headers.Get("Range"), &out.range);
  if (!start && !end) return out;
  if (end && start.value_or(0) > *end) {
    return service_model::Violation("endLevel", "must not be less than startLevel");
  }
  if (out.range.bytes || out.range.suffix_bytes) {
    return service_model::Violation("startLevel", "must not be given together with Range");
  }
  out.range.levels = std::pair(start.value_or(0), end.value_or(UINT32_MAX));
  return out;
}

std::string EntityTag(std::string_view frame_etag, const FrameRequest& request) {
  std::string tag = "\"" + std::string(frame_etag);
  if (request.range.levels) {
    const auto& [first, last] = *request.range.levels;
    tag += "-" + std::to_string(first) + "-" + (last == UINT32_MAX ? "" : std::to_string(last));
  }
  return tag + "\"";
}

bool ClientHas(const http::Request& request, std::string_view etag) {
  return AnyTag(request.headers.Get("If-None-Match"),
                [etag](std::string_view one) { return one == "*" || one == etag; });
}

bool RangeApplies(const http::Request& request, std::string_view etag) {
  const std::string* condition = request.headers.Find("If-Range");
  return condition == nullptr || *condition == etag;  // A date never matches: there is none.
}

}  // namespace tarn::healthimaging::internal
