#include "fhir_api/internal/capability.h"

#include <algorithm>
#include <string>
#include <vector>

#include "fhir/definitions.h"
#include "fhir/resource.h"
#include "fhir_api/internal/negotiation.h"
#include "fhir_api/internal/not_built.h"
#include "fhir_api/internal/routes.h"
#include "json/writer.h"

namespace tarn::fhir_api::internal {
namespace {

// When what the statement says last changed (CapabilityStatement.date is required).
constexpr std::string_view kDate = "2026-11-21";
// A header of POST, so that no route tells of it.
constexpr bool kConditionalCreate = true;

// "read vread" one by one.
template <typename Visit>
void ForEachCode(std::string_view codes, const Visit& visit) {
  while (!codes.empty()) {
    const size_t space = std::min(codes.find(' '), codes.size());
    visit(codes.substr(0, space));
    codes.remove_prefix(std::min(space + 1, codes.size()));
  }
}

void AppendCodes(const std::vector<std::string_view>& codes, json::Writer* writer) {
  writer->Key("interaction").BeginArray();
  for (const std::string_view code : codes) {
    writer->BeginObject().Key("code").String(code).EndObject();
  }
  writer->EndArray();
}

void AppendStrings(std::string_view name, const std::vector<std::string>& texts,
                   json::Writer* writer) {
  if (texts.empty()) return;  // FHIR has no empty arrays.
  writer->Key(name).BeginArray();
  for (const std::string& text : texts) writer->String(text);
  writer->EndArray();
}

// "Observation:subject" of every reference parameter that leads to a type; those without targets
// lead anywhere.
struct Links {
  std::vector<std::vector<std::string>> to;  // [TypeId]
  std::vector<std::string> anywhere;
};
Links ReadLinks(const CapabilityFacts& facts) {
  Links links;
  links.to.resize(size_t{fhir::TypeCount()} + 1);
  for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) {
    for (const fhir::ParameterInfo& info : facts.parameters.Of(type)) {
      if (info.type != fhir::SearchType::kReference ||
          !fhir::IsServedParameter(type, info.code, facts.compatibility)) {
        continue;
      }
      const std::string text = std::string(fhir::TypeName(type)) + ":" + std::string(info.code);
      for (const fhir::TypeId target : info.targets) links.to[target].push_back(text);
      if (info.targets.empty()) links.anywhere.push_back(text);
    }
  }
  return links;
}

void AppendParameter(std::string_view name, std::string_view url, std::string_view type,
                     json::Writer* writer) {
  writer->BeginObject().Key("name").String(name);
  if (!url.empty()) writer->Key("definition").String(url);
  writer->Key("type").String(type).EndObject();
}

void AppendParameters(const CapabilityFacts& facts, fhir::TypeId type, json::Writer* writer) {
  std::vector<std::string> includes = {"*", std::string(fhir::TypeName(type)) + ":*"};
  writer->Key("searchParam").BeginArray();
  for (const std::string_view code : facts.parameters.CodesOf(type)) {
    const auto info = facts.parameters.Find(type, code);
    if (!info || !fhir::IsServedParameter(type, code, facts.compatibility)) continue;
    AppendParameter(code, info->url, fhir::SearchTypeName(info->type), writer);
    if (info->type != fhir::SearchType::kReference) continue;
    includes.push_back(std::string(fhir::TypeName(type)) + ":" + std::string(code));
  }
  for (const fhir_store::ParameterProgress& filling : facts.filling) {
    if (std::find(filling.bases.begin(), filling.bases.end(), type) == filling.bases.end()) {
      continue;
    }
    writer->BeginObject().Key("name").String(filling.code);
    writer->Key("definition").String(filling.url);
    writer->Key("type").String(fhir::SearchTypeName(filling.type));
    writer->Key("documentation")
        .String("Not in force yet; being indexed: " + FillingText(filling))
        .EndObject();
  }
  // Parameters of every search that no SearchParameter resource defines.
  if (facts.compatibility == fhir::Compatibility::kFhir) {
    AppendParameter("_filter", {}, "special", writer);
    // What no List can refer to is in none.
    const auto item = facts.parameters.Find(fhir::FindType("List"), "item");
    const bool listed =
        item && (item->targets.empty() || std::find(item->targets.begin(), item->targets.end(),
                                                    type) != item->targets.end());
    if (listed) AppendParameter("_list", {}, "special", writer);
  }
  AppendParameter("_has", {}, "special", writer);
  writer->EndArray();
  AppendStrings("searchInclude", includes, writer);
}

void AppendResource(const CapabilityFacts& facts, const Links& links, fhir::TypeId type,
                    json::Writer* writer) {
  const bool immutable = IsImmutableType(fhir::TypeName(type));
  const auto is_allowed = [immutable](http::Method method) {
    return !immutable || (method != http::Method::kPut && method != http::Method::kDelete &&
                          method != http::Method::kPatch);
  };
  writer->BeginObject().Key("type").String(fhir::TypeName(type));
  std::vector<std::string_view> codes;
  for (const Route& route : kRoutes) {
    if (!is_allowed(route.method)) continue;
    ForEachCode(route.of_type, [&](std::string_view code) { codes.push_back(code); });
  }
  AppendCodes(codes, writer);
  const bool updates = is_allowed(http::Method::kPut);
  writer->Key("versioning").String(updates ? "versioned-update" : "versioned");
  writer->Key("readHistory").Bool(true);
  writer->Key("updateCreate").Bool(updates);
  writer->Key("conditionalCreate").Bool(kConditionalCreate);
  writer->Key("conditionalRead").String("full-support");
  writer->Key("conditionalUpdate").Bool(updates && IsServed(http::Method::kPut, "/{type}"));
  const bool deletes = updates && IsServed(http::Method::kDelete, "/{type}");
  writer->Key("conditionalDelete").String(deletes ? "single" : "not-supported");
  AppendParameters(facts, type, writer);
  std::vector<std::string> reverse = links.to[type];
  reverse.insert(reverse.end(), links.anywhere.begin(), links.anywhere.end());
  AppendStrings("searchRevInclude", reverse, writer);
  writer->EndObject();
}

// "http://hl7.org/fhir/CompartmentDefinition/relatedPerson"
std::vector<std::string> Compartments() {
  std::vector<std::string> out;
  for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) {
    if (!fhir::IsCompartment(type)) continue;
    std::string name(fhir::TypeName(type));
    name[0] = static_cast<char>(name[0] - 'A' + 'a');
    out.push_back("http://hl7.org/fhir/CompartmentDefinition/" + name);
  }
  return out;
}

}  // namespace

std::string FillingText(const fhir_store::ParameterProgress& filling) {
  return std::to_string(filling.done) + " of " + std::to_string(filling.all) + " resources";
}

std::string CapabilityStatementText(const CapabilityFacts& facts) {
  std::string out;
  json::Writer writer(&out);
  writer.BeginObject().Key("resourceType").String("CapabilityStatement");
  writer.Key("status").String("active").Key("date").String(kDate);
  writer.Key("publisher").String("Tarn").Key("kind").String("instance");
  writer.Key("software").BeginObject().Key("name").String("Tarn");
  if (!facts.software_version.empty()) writer.Key("version").String(facts.software_version);
  writer.EndObject();
  writer.Key("implementation").BeginObject().Key("description").String("A FHIR data store of Tarn");
  if (!facts.endpoint.empty()) writer.Key("url").String(facts.endpoint);
  writer.EndObject();
  writer.Key("fhirVersion").String("4.0.1");
  AppendStrings("format", {kFormats.begin(), kFormats.end()}, &writer);
  writer.Key("rest").BeginArray().BeginObject().Key("mode").String("server");
  writer.Key("documentation")
      .String(
          "Resources are checked for JSON, resource type, id and meta; profiles are not validated. "
          "History of a type or the system, patch and operations are not supported.");
  if (facts.smart) {
    writer.Key("security").BeginObject().Key("service").BeginArray().BeginObject();
    writer.Key("coding").BeginArray().BeginObject();
    writer.Key("system").String("http://terminology.hl7.org/CodeSystem/restful-security-service");
    writer.Key("code").String("SMART-on-FHIR").EndObject().EndArray();
    writer.EndObject().EndArray().EndObject();
  }
  writer.Key("resource").BeginArray();
  const Links links = ReadLinks(facts);
  for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) {
    AppendResource(facts, links, type, &writer);
  }
  writer.EndArray();
  std::vector<std::string_view> codes;
  for (const Route& route : kRoutes) {
    ForEachCode(route.of_system, [&](std::string_view code) { codes.push_back(code); });
  }
  AppendCodes(codes, &writer);
  AppendStrings("compartment", Compartments(), &writer);
  writer.EndObject().EndArray().EndObject().Finish();
  return out;
}

}  // namespace tarn::fhir_api::internal
