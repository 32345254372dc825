#include "fhir_api/internal/history.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "fhir/date_range.h"
#include "fhir_api/internal/answer.h"
#include "fhir_api/internal/view.h"
#include "fhir_api/limits.h"
#include "json/writer.h"

namespace tarn::fhir_api::internal {
namespace {

std::optional<uint32_t> NumberOf(std::string_view text) {
  uint32_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// Versions have milliseconds: the first one at or after a time.
int64_t MsAtOrAfter(int64_t time_us) { return time_us / 1000 + (time_us % 1000 > 0 ? 1 : 0); }

Fault BadParameter(std::string_view name, std::string_view expected) {
  return {400, "invalid", std::string(name) + ": must be " + std::string(expected)};
}

// Those that make the page, in one order.
std::string LinkUrl(const HistoryCall& call, uint64_t next_before) {
  std::string url = std::string(call.scope.endpoint) + std::string(fhir::TypeName(call.type)) +
                    "/" + std::string(call.id) + "/_history";
  char separator = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    url.append(1, separator).append(name).append("=").append(PercentEncode(value));
    separator = '&';
  };
  for (const std::string_view name : kHistoryParameters) {
    const std::string* value = FindParameter(call.parameters, name);
    if (name == "page" && next_before > 0) {
      add(name, std::to_string(next_before));
    } else if (value != nullptr) {
      add(name, *value);
    }
  }
  return url;
}

void AppendEntry(std::string_view endpoint, const fhir_store::Version& version,
                 json::Writer* writer) {
  const std::string path = std::string(fhir::TypeName(version.type)) + "/" + version.id;
  writer->BeginObject();
  writer->Key("fullUrl").String(std::string(endpoint) + path);
  if (!version.deleted) writer->Key("resource").Raw(version.body);
  // How a version was written is not kept; every one of them could have been by PUT.
  writer->Key("request").BeginObject();
  writer->Key("method").String(version.deleted ? "DELETE" : "PUT").Key("url").String(path);
  writer->EndObject();
  writer->Key("response").BeginObject();
  writer->Key("status").String(version.deleted           ? "204 No Content"
                               : version.version_id == 1 ? "201 Created"
                                                         : "200 OK");
  writer->Key("etag").String(TagOf(version.version_id));
  writer->Key("lastModified").String(FormatFhirInstant(version.last_updated_unix_ms));
  writer->EndObject().EndObject();
}

std::optional<Fault> ReadHistoryQuery(const QueryParameters& parameters,
                                      fhir_store::HistoryRequest* out) {
  out->count_max = kHistoryCountDefault;
  if (const std::string* count = FindParameter(parameters, "_count")) {
    const auto number = NumberOf(*count);
    if (!number.has_value()) return BadParameter("_count", "a number from 0 on");
    out->count_max = std::min(*number, kHistoryCountMax);
  }
  if (const std::string* page = FindParameter(parameters, "page")) {
    const auto number = NumberOf(*page);
    if (!number.has_value() || *number == 0) return BadParameter("page", "as the next link has it");
    out->before_version = *number;
  }
  if (const std::string* since = FindParameter(parameters, "_since")) {
    const auto range = fhir::ParseTimeRange(*since);
    if (!range.ok()) return BadParameter("_since", "an instant, as 2026-01-02T03:04:05Z");
    out->since_unix_ms = MsAtOrAfter(range.value().low_us);
  }
  if (const std::string* at = FindParameter(parameters, "_at")) {
    const auto range = fhir::ParseTimeRange(*at);
    if (!range.ok()) return BadParameter("_at", "a date or time, as 2026-01-02");
    out->current_from_unix_ms = range.value().low_us / 1000;
    out->current_until_unix_ms = MsAtOrAfter(range.value().high_us);
  }
  return std::nullopt;
}

std::string HistoryBundleText(const HistoryCall& call, const fhir_store::HistoryPage& page) {
  std::string out;
  json::Writer writer(&out);
  writer.BeginObject().Key("resourceType").String("Bundle");
  writer.Key("id").String(call.scope.store->NewId()).Key("type").String("history");
  const bool selects = FindParameter(call.parameters, "_since") != nullptr ||
                       FindParameter(call.parameters, "_at") != nullptr;
  if (!selects) writer.Key("total").Int(static_cast<int64_t>(page.total));
  writer.Key("link").BeginArray();
  writer.BeginObject().Key("relation").String("self");
  writer.Key("url").String(LinkUrl(call, 0)).EndObject();
  if (page.next_before > 0) {
    writer.BeginObject().Key("relation").String("next");
    writer.Key("url").String(LinkUrl(call, page.next_before)).EndObject();
  }
  writer.EndArray();
  if (!page.versions.empty()) {
    writer.Key("entry").BeginArray();
    for (const fhir_store::Version& version : page.versions) {
      AppendEntry(call.scope.endpoint, version, &writer);
    }
    writer.EndArray();
  }
  writer.EndObject().Finish();
  return out;
}

}  // namespace

http::Response RunHistory(const HistoryCall& call, Media media) {
  fhir_store::HistoryRequest asked;
  if (auto fault = ReadHistoryQuery(call.parameters, &asked)) return FaultResponse(*fault);
  fhir::View view;
  const auto errors = ReadView(call.parameters, call.type, call.handling, &view);
  if (!errors.empty()) return IssuesResponse(400, errors);
  if (view.summary == fhir::Summary::kCount) asked.count_max = 0;
  auto page = call.scope.store->History(call.type, call.id, asked);
  if (!page.ok()) return ErrorToResponse(page.error());
  for (fhir_store::Version& version : page.value().versions) {
    const Status cut = ApplyView(view, &version);
    if (!cut.ok()) return ErrorToResponse(cut.error());
  }
  http::Response response;
  response.headers.Add("Content-Type", std::string(MediaText(media)));
  response.body = HistoryBundleText(call, page.value());
  return response;
}

}  // namespace tarn::fhir_api::internal
