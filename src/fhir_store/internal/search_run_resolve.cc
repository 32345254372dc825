// What a query's value sets and hierarchies are, from the query's own snapshot.
#include <variant>

#include "fhir_store/internal/search_resolve.h"
#include "fhir_store/internal/search_run.h"
#include "json/document.h"

namespace tarn::fhir_store {
namespace {

// The version that a stored resource says, without which it is the empty one.
std::string VersionOf(std::string_view body) {
  json::Parser parser(fhir::ResourceLimits());
  const auto document = parser.Parse(body);
  if (!document.ok()) return {};
  const uint32_t node = document.value().Find(json::kRoot, "version");
  const bool text = node != json::kNoNode && document.value().kind(node) == json::Kind::kString;
  return text ? document.value().String(node) : std::string();
}

}  // namespace

Status SearchRun::Resolve() {
  if (!NeedsResolving(query_)) return Ok();
  ResolveSources sources;
  sources.canonical = [this](fhir::TypeId type, std::string_view url, std::string_view version) {
    return FindCanonical(type, url, version);
  };
  sources.children = [this](fhir::TypeId type, fhir::ParameterNumber parameter,
                            const std::string& id) { return Children(type, parameter, id); };
  sources.parents = [this](fhir::TypeId type, fhir::ParameterNumber parameter,
                           const std::string& id) { return Parents(type, parameter, id); };
  TRY(resolved_, ResolveQuery(query_, definitions_.parameters, sources));
  criteria_ = &resolved_;
  return Ok();
}

// By its canonical url, or as "ValueSet/id", also with this data store's own address before it
// (R4, 3.1.1.5.7: the value may be a literal reference). Of several versions the last one as text.
Result<std::optional<std::string>> SearchRun::FindCanonical(fhir::TypeId type, std::string_view url,
                                                            std::string_view version) {
  std::string_view path = url;
  const size_t own = state_.own_path.empty() ? url.npos : url.find(state_.own_path);
  if (own != url.npos) path = url.substr(own + state_.own_path.size());
  const std::string prefix = std::string(fhir::TypeName(type)) + "/";
  OrdinalSet found;
  if (path.starts_with(prefix)) {
    TRY(const auto ordinal, judge_.FindLive(type, path.substr(prefix.size())));
    if (ordinal.has_value()) found.Add(*ordinal);
  } else {
    const auto parameter = definitions_.parameters.Find(type, "url");
    if (!parameter.has_value()) return Error{ErrorKind::kInternal, "a type without url"};
    fhir::Criterion criterion;
    criterion.type = type;
    criterion.parameter = parameter->number;
    criterion.search_type = parameter->type;
    criterion.code = parameter->code;
    criterion.terms.push_back({fhir::UriTerm{std::string(url), {}}, {}});
    TRY(found, Exact(criterion, type));
  }
  std::optional<std::string> best;
  std::string best_version;
  for (const Ordinal ordinal : found.Values()) {
    TRY(const bool live, judge_.Load(type, ordinal));
    if (!live) continue;
    TRY(Version resource, judge_.TakeVersion());
    std::string stored_version = VersionOf(resource.body);
    if (!version.empty() && stored_version != version) continue;
    if (best.has_value() && stored_version < best_version) continue;
    best = std::move(resource.body);
    best_version = std::move(stored_version);
  }
  return best;
}

Result<std::vector<std::string>> SearchRun::Children(fhir::TypeId type,
                                                     fhir::ParameterNumber parameter,
                                                     const std::string& id) {
  OrdinalSet children;
  TRY(reader_.Read(SpanOfPosting(planner_.ReferenceKey(type, parameter, type, id)), nullptr,
                   &children));
  std::vector<std::string> ids;
  for (const Ordinal ordinal : children.Values()) {
    TRY(budget_.SpendKey());
    TRY(std::string child, judge_.IdOf(type, ordinal));
    ids.push_back(std::move(child));
  }
  return ids;
}

Result<std::vector<std::string>> SearchRun::Parents(fhir::TypeId type,
                                                    fhir::ParameterNumber parameter,
                                                    const std::string& id) {
  std::vector<std::string> ids;
  TRY(const auto ordinal, judge_.FindLive(type, id));
  if (!ordinal.has_value()) return ids;
  TRY(const bool live, judge_.Load(type, *ordinal));
  if (!live) return ids;
  TRY(const fhir::IndexValues* values, judge_.Values());
  for (const fhir::IndexValue& value : values->Of(parameter)) {
    const auto* reference = std::get_if<fhir::ReferenceValue>(&value.value);
    if (reference == nullptr || reference->form != fhir::ReferenceForm::kLocal) continue;
    if (reference->type == type) ids.emplace_back(reference->id);
  }
  return ids;
}

}  // namespace tarn::fhir_store
