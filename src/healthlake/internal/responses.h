// Response bodies, member by member as the service model has them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fhir_store/data_stores.h"
#include "jobs/queue.h"
#include "json/value.h"
#include "service_model/validator.h"

namespace tarn::healthlake::internal {

inline constexpr size_t kErrorMessageBytesMax = 4096;  // ErrorMessage: 4,096 characters.
// Cut to that between characters. `message` is UTF-8.
std::string ErrorMessageOf(std::string_view message);

// What Create and Delete answer with.
json::Value StoreSummary(const fhir_store::DataStores& stores, const fhir_store::DataStore& store);
json::Value StoreProperties(const fhir_store::DataStores& stores,
                            const fhir_store::DataStore& store);
json::Value TagList(const std::vector<fhir_store::Tag>& tags);

// What Start answers with.
json::Value JobSummary(const std::string& store_id, const jobs::Job& job);
// `progress`: of a job that has begun. Errors: kCorrupt.
Result<json::Value> ImportProperties(const service_model::Validator& validator,
                                     const std::string& store_id, const jobs::Job& job,
                                     const std::optional<fhir_store::ImportProgress>& progress);
// OutputDataConfig names the job's own folder, as the service does. Errors: kCorrupt.
Result<json::Value> ExportProperties(const service_model::Validator& validator,
                                     const std::string& store_id, const jobs::Job& job);

}  // namespace tarn::healthlake::internal
