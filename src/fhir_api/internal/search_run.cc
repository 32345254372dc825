#include "fhir_api/internal/search_run.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/uri.h"
#include "fhir_api/internal/answer.h"
#include "fhir_api/limits.h"
#include "json/writer.h"

namespace tarn::fhir_api::internal {
namespace {

using fhir_store::SearchPage;
using fhir_store::Version;

// What Search finds and this surface cannot cut down yet: said, not ignored.
std::optional<Fault> Unsupported(const fhir::SearchQuery& query) {
  const bool whole =
      query.summary == fhir::Summary::kFalse || query.summary == fhir::Summary::kCount;
  if (!whole) {
    return Fault{501, "not-supported", "_summary: only count and false are supported"};
  }
  if (!query.elements.empty()) return Fault{501, "not-supported", "_elements is not supported"};
  if (query.contained != fhir::Contained::kFalse) {
    return Fault{501, "not-supported", "_contained is not supported"};
  }
  return std::nullopt;
}

// "Patient/1/Observation", "Observation" or nothing: what follows the base.
std::string PathOf(const fhir::SearchTarget& target) {
  std::string path;
  if (target.compartment.has_value()) {
    path = std::string(fhir::TypeName(target.compartment->type)) + "/" + target.compartment->id +
           "/" + (target.type == fhir::kNoType ? "*" : "");
  }
  if (target.type != fhir::kNoType) path += fhir::TypeName(target.type);
  return path;
}

void AppendLink(std::string_view relation, std::string_view url, json::Writer* writer) {
  writer->BeginObject().Key("relation").String(relation).Key("url").String(url).EndObject();
}

void AppendEntry(std::string_view endpoint, const Version& version, std::string_view mode,
                 json::Writer* writer) {
  std::string url(endpoint);
  url.append(fhir::TypeName(version.type)).append("/").append(version.id);
  writer->BeginObject().Key("fullUrl").String(url);
  writer->Key("resource").Raw(version.body);
  writer->Key("search").BeginObject().Key("mode").String(mode).EndObject();
  writer->EndObject();
}

void AppendNotes(const std::vector<fhir::Issue>& notes, json::Writer* writer) {
  writer->BeginObject().Key("resource").Raw(fhir::OperationOutcomeText(notes));
  writer->Key("search").BeginObject().Key("mode").String("outcome").EndObject();
  writer->EndObject();
}

std::string SearchsetText(const SearchCall& call, const fhir::SearchQuery& query,
                          const SearchPage& page, const std::vector<fhir::Issue>& notes) {
  const std::string text = SearchQueryText(query);
  std::string self = std::string(call.scope.endpoint) + PathOf(call.target);
  if (!text.empty()) self += "?" + text;
  std::string out;
  size_t bytes = 1024;
  for (const Version& version : page.matches) bytes += version.body.size() + 256;
  for (const Version& version : page.includes) bytes += version.body.size() + 256;
  out.reserve(bytes);
  json::Writer writer(&out);
  writer.BeginObject().Key("resourceType").String("Bundle");
  writer.Key("id").String(call.scope.store->NewId()).Key("type").String("searchset");
  if (page.total.has_value()) writer.Key("total").Int(static_cast<int64_t>(*page.total));
  writer.Key("link").BeginArray();
  AppendLink("self", self, &writer);
  if (!page.next_token.empty()) {
    AppendLink("next", self + (text.empty() ? "?" : "&") + "page=" + PercentEncode(page.next_token),
               &writer);
  }
  writer.EndArray();
  // FHIR has no empty arrays.
  if (!page.matches.empty() || !page.includes.empty() || !notes.empty()) {
    writer.Key("entry").BeginArray();
    for (const Version& version : page.matches) {
      AppendEntry(call.scope.endpoint, version, "match", &writer);
    }
    for (const Version& version : page.includes) {
      AppendEntry(call.scope.endpoint, version, "include", &writer);
    }
    if (!notes.empty()) AppendNotes(notes, &writer);
    writer.EndArray();
  }
  writer.EndObject().Finish();
  return out;
}

fhir::Issue PlanIssue(std::string plan) {
  fhir::Issue issue;
  issue.severity = "information";
  issue.code = "informational";
  issue.diagnostics = std::move(plan);
  return issue;
}

http::Response FailedSearch(const Error& error, std::string plan) {
  if (error.kind != ErrorKind::kTooLarge) return ErrorToResponse(error);
  // The query is at fault, not the size of the request.
  fhir::Issue issue;
  issue.code = "too-costly";
  issue.diagnostics = error.detail;
  std::vector<fhir::Issue> issues = {std::move(issue)};
  if (!plan.empty()) issues.push_back(PlanIssue(std::move(plan)));
  return IssuesResponse(400, issues);
}

}  // namespace

http::Response RunSearch(const SearchCall& call, Media media) {
  fhir::SearchContext context;
  context.parameters = &call.scope.store->search_parameters();
  context.handling = call.handling;
  context.now_us = call.scope.now_unix_ms * 1000;
  context.base_urls = {std::string(call.scope.endpoint)};
  fhir::ParsedSearch parsed = fhir::ParseSearch(call.query, call.form, call.target, context);
  if (!parsed.errors.empty()) return IssuesResponse(400, parsed.errors);
  if (auto fault = Unsupported(parsed.query)) return FaultResponse(*fault);
  std::string plan;
  fhir_store::SearchRequest request;
  request.query = &parsed.query;
  request.plan = &plan;
  auto page = call.scope.store->Search(request);
  if (!page.ok()) return FailedSearch(page.error(), std::move(plan));
  std::vector<fhir::Issue> notes = std::move(parsed.warnings);
  for (fhir::Issue& note : page.value().notes) notes.push_back(std::move(note));
  if (parsed.query.explain && !plan.empty()) notes.push_back(PlanIssue(std::move(plan)));
  http::Response response;
  response.headers.Add("Content-Type", std::string(MediaText(media)));
  response.body = SearchsetText(call, parsed.query, page.value(), notes);
  return response;
}

}  // namespace tarn::fhir_api::internal
