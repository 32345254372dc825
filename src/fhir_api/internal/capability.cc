#include "fhir_api/internal/capability.h"

#include "fhir/definitions.h"
#include "fhir/resource.h"
#include "fhir_api/internal/not_built.h"
#include "json/writer.h"

namespace tarn::fhir_api::internal {
namespace {

// When what the statement says last changed (CapabilityStatement.date is required).
constexpr std::string_view kDate = "2026-11-21";

void AppendResource(std::string_view type, json::Writer* writer) {
  const bool immutable = IsImmutableType(type);
  writer->BeginObject().Key("type").String(type);
  writer->Key("interaction").BeginArray();
  for (const std::string_view code :
       {"read", "vread", "history-instance", "create", "update", "delete", "search-type"}) {
    if (immutable && (code == "update" || code == "delete")) continue;
    writer->BeginObject().Key("code").String(code).EndObject();
  }
  writer->EndArray();
  writer->Key("versioning").String(immutable ? "versioned" : "versioned-update");
  writer->Key("readHistory").Bool(true);
  writer->Key("updateCreate").Bool(!immutable);
  writer->Key("conditionalCreate").Bool(false);
  writer->Key("conditionalRead").String("full-support");
  writer->Key("conditionalUpdate").Bool(false);
  writer->Key("conditionalDelete").String("not-supported");
  // What searches know: the definitions themselves.
  writer->Key("searchParam").BeginArray();
  for (const uint16_t index : fhir::SearchParametersOf(fhir::FindType(type))) {
    const fhir::SearchParameter& parameter = fhir::SearchParameters()[index];
    writer->BeginObject().Key("name").String(parameter.code);
    writer->Key("definition").String(parameter.url);
    writer->Key("type").String(fhir::SearchTypeName(parameter.type)).EndObject();
  }
  writer->EndArray();
  writer->EndObject();
}

}  // namespace

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
  writer.Key("format").BeginArray().String("application/fhir+json").String("json").EndArray();
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
  for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) {
    AppendResource(fhir::TypeName(type), &writer);
  }
  writer.EndArray();
  writer.Key("interaction").BeginArray();
  for (const std::string_view code : {"transaction", "batch", "search-system"}) {
    writer.BeginObject().Key("code").String(code).EndObject();
  }
  writer.EndArray();
  writer.EndObject().EndArray().EndObject().Finish();
  return out;
}

}  // namespace tarn::fhir_api::internal
