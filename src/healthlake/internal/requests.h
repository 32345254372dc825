// From validated request JSON to what the services below take, with the rules that the service
// model states in words only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir_store/data_stores.h"
#include "json/value.h"

namespace tarn::healthlake::internal {

// Errors of all: kInvalid, in the form of a validation error that names the member.
Result<fhir_store::DataStores::CreateRequest> ReadCreate(const json::Value& request);
Result<fhir_store::ImportRequest> ReadImport(const json::Value& request);
Result<fhir_store::ExportRequest> ReadExport(const json::Value& request);
Result<fhir_store::DataStoreFilter> ReadDataStoreFilter(const json::Value& request);
// `kind` as the job queue knows it.
Result<jobs::JobFilter> ReadJobFilter(std::string_view kind, const json::Value& request);
std::vector<fhir_store::Tag> ReadTags(const json::Value& request);
std::vector<std::string> ReadTagKeys(const json::Value& request);
fhir_store::ClientToken ReadClientToken(std::string_view operation, const json::Value& request);

// SMART configuration metadata. Spec: service model, IdentityProviderConfiguration$Metadata.
Status CheckSmartMetadata(std::string_view metadata);

}  // namespace tarn::healthlake::internal
