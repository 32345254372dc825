// What the headers and the query of a FHIR request ask for.
// Spec: FHIR R4 "RESTful API" sections 3.1.0.1 (headers, content types); RFC 9110 12.5 (Accept), 13
// (conditions), 8.8.3 (ETag); RFC 7240 (Prefer).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/uri.h"
#include "http/message.h"

namespace tarn::fhir_api::internal {

// A refusal: status, issue code and text.
struct Fault {
  int status = 400;
  std::string_view code;  // Static storage.
  std::string text;
};

enum class Media : uint8_t { kFhirJson, kJson };
std::string_view MediaText(Media media);
// What Accept, _format and Content-Type may name, the preferred one first.
inline constexpr std::array<std::string_view, 3> kFormats = {"application/fhir+json",
                                                             "application/json", "json"};

// The form of the answer from Accept (and `format`, the _format parameter, which wins); nothing
// when no form that we speak is acceptable (406).
std::optional<Media> AnswerMedia(std::string_view accept, const std::string* format);

// Whether a Content-Type names FHIR JSON of R4. Empty names nothing: a body of no stated form is
// what a web page can send anywhere without asking.
bool IsResourceMedia(std::string_view content_type);

// Whether a Content-Type names the form in which POST _search has its parameters.
bool IsFormMedia(std::string_view content_type);

enum class Return : uint8_t { kRepresentation, kMinimal, kOutcome };
struct Preferences {
  Return what = Return::kRepresentation;
  bool said = false;     // `what` was asked for, and is not the default.
  bool lenient = false;  // handling=lenient: unknown parameters may be ignored.
  bool respond_async = false;
};
Preferences ReadPreferences(const http::Headers& headers);

// An entity tag that may be one of our versions: W/"3" or "3". Nothing when it is none of ours.
std::optional<uint64_t> VersionOfTag(std::string_view tag);
// Whether an If-None-Match list holds `*` or the version's tag.
bool TagListHolds(std::string_view list, uint64_t version_id);

// Reads and checks a query. Every interaction knows _format and _pretty; `known` are its others,
// each of which may be there once.
struct Query {
  std::string format;
  bool has_format = false;
  QueryParameters parameters;  // Those of `known`.
};
std::optional<Fault> ReadQuery(const http::Request& request, bool lenient, Query* query,
                               std::span<const std::string_view> known = {});

// A client's word as it may be repeated to it: short, and of letters, digits and -_.$: only; else
// "(...)".
std::string Echo(std::string_view word);

}  // namespace tarn::fhir_api::internal
