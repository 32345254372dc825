#include "fhir_api/internal/search_run.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/uri.h"
#include "fhir_api/internal/answer.h"
#include "fhir_api/internal/capability.h"
#include "fhir_api/internal/view.h"
#include "fhir_api/limits.h"
#include "json/writer.h"

namespace tarn::fhir_api::internal {
namespace {

using fhir_store::SearchPage;
using fhir_store::Version;

// Resources as the query wants them. _elements is not for what includes add (R4, 3.1.1.5.9).
Status CutPage(const fhir::SearchQuery& query, SearchPage* page) {
  const fhir::View of_matches = {query.summary, query.elements};
  const fhir::View of_includes = {query.summary, {}};
  for (Version& version : page->matches) TRY(ApplyView(of_matches, &version));
  for (Version& version : page->includes) TRY(ApplyView(of_includes, &version));
  return Ok();
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

// HealthLake's next link has _count and page alone, and its clients send no more: so the token
// carries the query. Longer queries have the link of other data stores.
constexpr size_t kCarriedQueryBytesMax = 2000;

std::string NextUrl(const SearchCall& call, const fhir::SearchQuery& query, const std::string& text,
                    const std::string& token) {
  const std::string base = std::string(call.scope.endpoint) + PathOf(call.target) + "?";
  const bool carried = call.scope.compatibility == fhir::Compatibility::kHealthLake &&
                       text.size() <= kCarriedQueryBytesMax;
  if (!carried) return base + text + (text.empty() ? "page=" : "&page=") + PercentEncode(token);
  const std::string count = query.count ? "_count=" + std::to_string(*query.count) + "&" : "";
  return base + count + "page=" + Base64UrlEncode(text) + "." + PercentEncode(token);
}

void AppendLink(std::string_view relation, std::string_view url, json::Writer* writer) {
  writer->BeginObject().Key("relation").String(relation).Key("url").String(url).EndObject();
}

void AppendEntry(std::string_view endpoint, const Version& version, std::string_view mode,
                 json::Writer* writer) {
  std::string url(endpoint);
  url.append(fhir::TypeName(version.type)).append("/").append(version.id);
  // What is contained is named by its container (R4, 3.1.1.5.9).
  if (!version.contained_id.empty()) url.append("#").append(version.contained_id);
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
    AppendLink("next", NextUrl(call, query, text, page.next_token), &writer);
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

// The query as a `page` of HealthLake's form carries it, or an issue.
fhir::ParsedSearch CarriedSearch(const SearchCall& call, const fhir::SearchContext& context,
                                 fhir::ParsedSearch asked) {
  const std::string page = std::move(asked.query.page_token);
  const size_t dot = page.find('.');
  const auto text = Base64UrlDecode(std::string_view(page).substr(0, dot));
  fhir::ParsedSearch carried;
  if (text.ok()) carried = fhir::ParseSearch(text.value(), "", call.target, context);
  const bool same_count = !asked.query.count || asked.query.count == carried.query.count;
  asked.query.page_token.clear();
  asked.query.count = carried.query.count;
  const std::string others = SearchQueryText(asked.query);
  fhir::SearchQuery count_alone;
  count_alone.count = carried.query.count;
  count_alone.system_level = carried.query.system_level;
  const bool alone =
      others == SearchQueryText(count_alone) || others == SearchQueryText(carried.query);
  if (!text.ok() || !carried.errors.empty() || !same_count || !alone) {
    fhir::Issue issue;
    issue.code = "value";
    issue.diagnostics = "Invalid pagination token.";
    issue.expression = "http.page";
    carried.errors = {std::move(issue)};
  }
  carried.query.page_token = page.substr(dot + 1);
  return carried;
}

fhir::ParsedSearch Parse(const SearchCall& call, const fhir::SearchContext& context) {
  fhir::ParsedSearch parsed = fhir::ParseSearch(call.query, call.form, call.target, context);
  const bool carries = context.compatibility == fhir::Compatibility::kHealthLake &&
                       parsed.errors.empty() &&
                       parsed.query.page_token.find('.') != std::string::npos;
  return carries ? CarriedSearch(call, context, std::move(parsed)) : parsed;
}

// A parameter may be unknown because the index is still being filled for it.
void ExplainFilling(const fhir_store::FhirStore& store, std::vector<fhir::Issue>* errors) {
  for (const fhir_store::ParameterProgress& filling : store.FillingParameters()) {
    for (fhir::Issue& error : *errors) {
      const std::string_view name = std::string_view(error.expression);
      const size_t at = name.find(filling.code);
      const size_t end = at == name.npos ? at : at + filling.code.size();
      if (at == name.npos || (at > 0 && name[at - 1] != '.') ||
          (end < name.size() && name[end] != ':' && name[end] != '.')) {
        continue;
      }
      error.diagnostics += "; '" + filling.code + "' is being indexed: " + FillingText(filling);
    }
  }
}

fhir::Issue PlanIssue(std::string plan) {
  fhir::Issue issue;
  issue.severity = "information";
  issue.code = "informational";
  issue.diagnostics = std::move(plan);
  return issue;
}

http::Response FailedSearch(const Error& error, std::string plan) {
  if (error.kind == ErrorKind::kNotFound) {  // A value set, not the path.
    return FaultResponse({400, "not-found", error.detail});
  }
  if (error.kind == ErrorKind::kUnsupported) {
    return FaultResponse({400, "not-supported", error.detail});
  }
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
  const auto definitions = call.scope.store->search_definitions();
  context.parameters = &definitions->parameters;
  context.handling = call.handling;
  context.compatibility = call.scope.compatibility;
  context.now_us = call.scope.now_unix_ms * 1000;
  context.base_urls = {std::string(call.scope.endpoint)};
  context.own_path = call.scope.store->own_path();
  fhir::ParsedSearch parsed = Parse(call, context);
  if (!parsed.errors.empty()) {
    ExplainFilling(*call.scope.store, &parsed.errors);
    return IssuesResponse(400, parsed.errors);
  }
  std::string plan;
  fhir_store::SearchRequest request;
  request.query = &parsed.query;
  request.definitions = definitions;
  request.compatibility = call.scope.compatibility;
  request.plan = &plan;
  auto page = call.scope.store->Search(request);
  if (!page.ok()) return FailedSearch(page.error(), std::move(plan));
  if (const Status cut = CutPage(parsed.query, &page.value()); !cut.ok()) {
    return ErrorToResponse(cut.error());
  }
  std::vector<fhir::Issue> notes = std::move(parsed.warnings);
  for (fhir::Issue& note : page.value().notes) notes.push_back(std::move(note));
  if (parsed.query.explain && !plan.empty()) notes.push_back(PlanIssue(std::move(plan)));
  http::Response response;
  response.headers.Add("Content-Type", std::string(MediaText(media)));
  response.body = SearchsetText(call, parsed.query, page.value(), notes);
  return response;
}

}  // namespace tarn::fhir_api::internal
