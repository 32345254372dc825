#include "fhir_api/internal/negotiation.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

#include "base/uri.h"
#include "fhir_api/limits.h"

namespace tarn::fhir_api::internal {
namespace {

bool SameText(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the text up to `separator` off `rest`, trimmed. Separators inside quotes do not count.
std::string_view TakePart(std::string_view* rest, char separator) {
  bool quoted = false;
  size_t end = 0;
  for (; end < rest->size(); ++end) {
    const char c = (*rest)[end];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') ++end;
    if (c == separator && !quoted) break;
  }
  const std::string_view part = Trim(rest->substr(0, end));
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return part;
}

std::string_view Unquote(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

struct Parameter {
  std::string_view name;
  std::string_view value;
};

Parameter TakeParameter(std::string_view* rest) {
  const std::string_view part = TakePart(rest, ';');
  const size_t equals = part.find('=');
  if (equals == std::string_view::npos) return {part, {}};
  return {Trim(part.substr(0, equals)), Unquote(Trim(part.substr(equals + 1)))};
}

// FHIR R4 3.1.0.1.10.1: fhirVersion is the publication without patch.
bool IsR4(std::string_view version) { return version == "4.0" || version == "4.0.1"; }

// The weight of RFC 9110 12.4.2 in thousandths; a broken one counts as none given.
int WeightOf(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 1000;
  if (text.size() > 1 && text[1] != '.') return 1000;
  int weight = (text[0] - '0') * 1000;
  int unit = 100;
  for (size_t i = 2; i < text.size(); ++i, unit /= 10) {
    if (text[i] < '0' || text[i] > '9') return 1000;
    weight += (text[i] - '0') * unit;
  }
  return std::min(weight, 1000);
}

struct MediaRange {
  std::optional<Media> media;
  int weight = 1000;
};

MediaRange ReadRange(std::string_view range) {
  MediaRange result;
  const std::string_view type = TakePart(&range, ';');
  if (SameText(type, "application/fhir+json") || type == "*/*" || SameText(type, "application/*")) {
    result.media = Media::kFhirJson;
  } else if (SameText(type, "application/json")) {
    result.media = Media::kJson;
  }
  while (!range.empty()) {
    const Parameter parameter = TakeParameter(&range);
    if (SameText(parameter.name, "q")) result.weight = WeightOf(parameter.value);
    if (SameText(parameter.name, "fhirVersion") && !IsR4(parameter.value)) result.media.reset();
  }
  return result;
}

// The short names of FHIR R4 3.1.0.1.10 are valid for _format only.
std::optional<Media> FormatMedia(std::string_view format) {
  if (SameText(format, "json")) return Media::kFhirJson;
  // A '+' that was not escaped arrives as a space.
  if (SameText(format, "application/fhir json")) return Media::kFhirJson;
  return ReadRange(format).media;
}

}  // namespace

std::string_view MediaText(Media media) {
  return media == Media::kJson ? "application/json" : "application/fhir+json";
}

std::optional<Media> AnswerMedia(std::string_view accept, const std::string* format) {
  if (format != nullptr) return FormatMedia(*format);
  if (accept.empty()) return Media::kFhirJson;
  std::optional<Media> best;
  int best_weight = 0;
  for (size_t i = 0; i < kMediaRangesMax && !accept.empty(); ++i) {
    const MediaRange range = ReadRange(TakePart(&accept, ','));
    if (!range.media.has_value() || range.weight <= best_weight) continue;
    best = range.media;
    best_weight = range.weight;
  }
  return best;
}

bool IsResourceMedia(std::string_view content_type) {
  std::string_view rest = content_type;
  const std::string_view type = TakePart(&rest, ';');
  if (!SameText(type, "application/fhir+json") && !SameText(type, "application/json")) return false;
  while (!rest.empty()) {
    const Parameter parameter = TakeParameter(&rest);
    if (SameText(parameter.name, "charset") && !SameText(parameter.value, "utf-8")) return false;
    if (SameText(parameter.name, "fhirVersion") && !IsR4(parameter.value)) return false;
  }
  return true;
}

bool IsFormMedia(std::string_view content_type) {
  return SameText(TakePart(&content_type, ';'), "application/x-www-form-urlencoded");
}

Preferences ReadPreferences(const http::Headers& headers) {
  Preferences preferences;
  for (const auto& [name, value] : headers.fields()) {
    if (!SameText(name, "prefer")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      std::string_view part = TakePart(&rest, ',');
      const Parameter preference = TakeParameter(&part);
      if (SameText(preference.name, "handling")) {
        preferences.lenient = SameText(preference.value, "lenient");
      } else if (SameText(preference.name, "respond-async")) {
        preferences.respond_async = true;
      } else if (SameText(preference.name, "return")) {
        preferences.said = true;
        if (SameText(preference.value, "minimal")) {
          preferences.what = Return::kMinimal;
        } else if (SameText(preference.value, "OperationOutcome")) {
          preferences.what = Return::kOutcome;
        } else {
          preferences.what = Return::kRepresentation;
          preferences.said = SameText(preference.value, "representation");
        }
      }
    }
  }
  return preferences;
}

std::optional<uint64_t> VersionOfTag(std::string_view tag) {
  tag = Trim(tag);
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  if (tag.size() < 3 || tag.front() != '"' || tag.back() != '"') return std::nullopt;
  tag = tag.substr(1, tag.size() - 2);
  uint64_t version = 0;
  const auto result = std::from_chars(tag.data(), tag.data() + tag.size(), version);
  if (result.ec != std::errc() || result.ptr != tag.data() + tag.size()) return std::nullopt;
  // "03" is another tag than "3".
  if (tag.front() == '0') return std::nullopt;
  return version;
}

bool TagListHolds(std::string_view list, uint64_t version_id) {
  while (!list.empty()) {
    const std::string_view tag = TakePart(&list, ',');
    if (tag == "*" || VersionOfTag(tag) == version_id) return true;
  }
  return false;
}

std::optional<Fault> ReadQuery(const http::Request& request, bool lenient, Query* query,
                               std::span<const std::string_view> known) {
  if (request.query.empty()) return std::nullopt;
  auto parameters = ParseQuery(request.query);
  if (!parameters.ok()) {
    return Fault{400, "invalid", "the query: " + std::move(parameters).error().detail};
  }
  for (auto& [name, value] : parameters.value()) {
    if (name == "_format") {
      query->format = value;
      query->has_format = true;
    } else if (name == "_pretty") {
      if (value != "true" && value != "false" && !lenient) {
        return Fault{400, "value", "_pretty: expected true or false"};
      }
    } else if (std::find(known.begin(), known.end(), name) != known.end()) {
      if (FindParameter(query->parameters, name) != nullptr) {
        return Fault{400, "invalid", "the query parameter " + Echo(name) + " is there twice"};
      }
      query->parameters.emplace_back(name, value);
    } else if (!lenient) {
      return Fault{400, "not-supported",
                   "the query parameter " + Echo(name) +
                       " is not supported by this interaction; send Prefer: handling=lenient to "
                       "have it ignored"};
    }
  }
  return std::nullopt;
}

std::string Echo(std::string_view word) {
  const bool fit = !word.empty() && word.size() <= kEchoBytesMax &&
                   std::all_of(word.begin(), word.end(), [](char c) {
                     return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
                            c == '$' || c == ':';
                   });
  return fit ? std::string(word) : "(...)";
}

}  // namespace tarn::fhir_api::internal
