#include "healthlake/internal/responses.h"

#include "base/clock.h"
#include "base/utf8.h"

namespace tarn::healthlake::internal {
namespace {

using json::Value;
using service_model::Validator;

constexpr double kBytesPerMegabyte = 1e6;

Value Timestamp(int64_t unix_ms) { return Value::Number(FormatEpochSeconds(unix_ms)); }

Value Count(uint64_t value) { return Value::Int(static_cast<int64_t>(value)); }

Value S3Output(const std::string& uri, const std::string& key) {
  Value s3 = Value::MakeObject();
  s3.Set("S3Uri", Value::String(uri)).Set("KmsKeyId", Value::String(key));
  Value config = Value::MakeObject();
  config.Set("S3Configuration", std::move(s3));
  return config;
}

Value ProgressReport(const fhir_store::ImportProgress& from) {
  Value report = Value::MakeObject();
  report.Set("TotalNumberOfScannedFiles", Count(from.files_scanned))
      .Set("TotalSizeOfScannedFilesInMB",
           Value::Double(static_cast<double>(from.bytes_scanned) / kBytesPerMegabyte))
      .Set("TotalNumberOfImportedFiles", Count(from.files_imported))
      .Set("TotalNumberOfResourcesScanned", Count(from.resources_scanned))
      .Set("TotalNumberOfResourcesImported", Count(from.resources_imported))
      .Set("TotalNumberOfResourcesWithCustomerError", Count(from.resources_with_customer_error))
      .Set("TotalNumberOfFilesReadWithCustomerError", Count(from.files_with_customer_error))
      .Set("Throughput", Value::Double(from.throughput_mb_s));
  return report;
}

// The members that both kinds of jobs begin with.
Value JobHead(const std::string& store_id, const jobs::Job& job, const std::string& name) {
  Value out = Value::MakeObject();
  out.Set("JobId", Value::String(job.id));
  if (!name.empty()) out.Set("JobName", Value::String(name));
  out.Set("JobStatus", Value::String(std::string(jobs::JobStateName(job.state))));
  out.Set("SubmitTime", Timestamp(job.submit_unix_ms));
  if (job.end_unix_ms != 0) out.Set("EndTime", Timestamp(job.end_unix_ms));
  out.Set("DatastoreId", Value::String(store_id));
  return out;
}

void SetTail(const Validator& validator, const jobs::Job& job, const std::string& role,
             Value* out) {
  if (!role.empty()) out->Set("DataAccessRoleArn", Value::String(role));
  if (job.message.empty()) return;
  const std::string message = validator.Fit("Message", job.message);
  if (!message.empty()) out->Set("Message", Value::String(message));
}

}  // namespace

std::string ErrorMessageOf(std::string_view message) {
  return std::string(message.substr(0, Utf8PrefixBytes(message, kErrorMessageBytesMax)));
}

Value StoreSummary(const fhir_store::DataStores& stores, const fhir_store::DataStore& store) {
  Value out = Value::MakeObject();
  out.Set("DatastoreId", Value::String(store.id))
      .Set("DatastoreArn", Value::String(stores.ArnOf(store.id)))
      .Set("DatastoreStatus",
           Value::String(std::string(fhir_store::DataStoreStatusName(store.status))))
      .Set("DatastoreEndpoint", Value::String(stores.EndpointOf(store.id)));
  return out;
}

Value StoreProperties(const fhir_store::DataStores& stores, const fhir_store::DataStore& store) {
  Value out = StoreSummary(stores, store);
  if (!store.name.empty()) out.Set("DatastoreName", Value::String(store.name));
  out.Set("CreatedAt", Timestamp(store.created_unix_ms));
  out.Set("DatastoreTypeVersion", Value::String("R4"));
  // A store without a key of the customer's has the service's own.
  const fhir_store::Encryption encryption = store.encryption.value_or(fhir_store::Encryption{});
  Value kms = Value::MakeObject();
  kms.Set("CmkType", Value::String(encryption.customer_managed ? "CUSTOMER_MANAGED_KMS_KEY"
                                                               : "AWS_OWNED_KMS_KEY"));
  if (!encryption.kms_key_id.empty()) kms.Set("KmsKeyId", Value::String(encryption.kms_key_id));
  Value sse = Value::MakeObject();
  sse.Set("KmsEncryptionConfig", std::move(kms));
  out.Set("SseConfiguration", std::move(sse));
  if (store.preload) {
    Value preload = Value::MakeObject();
    preload.Set("PreloadDataType", Value::String("SYNTHEA"));
    out.Set("PreloadDataConfig", std::move(preload));
  }
  if (store.identity_provider) {
    const fhir_store::IdentityProvider& from = *store.identity_provider;
    Value provider = Value::MakeObject();
    provider.Set("AuthorizationStrategy", Value::String(from.strategy));
    if (from.fine_grained) {
      provider.Set("FineGrainedAuthorizationEnabled", Value::Bool(*from.fine_grained));
    }
    if (from.metadata) provider.Set("Metadata", Value::String(*from.metadata));
    if (from.lambda_arn) provider.Set("IdpLambdaArn", Value::String(*from.lambda_arn));
    out.Set("IdentityProviderConfiguration", std::move(provider));
  }
  if (store.error) {
    Value cause = Value::MakeObject();
    cause.Set("ErrorMessage", Value::String(ErrorMessageOf(store.error->message)))
        .Set("ErrorCategory",
             Value::String(store.error->retryable ? "RETRYABLE_ERROR" : "NON_RETRYABLE_ERROR"));
    out.Set("ErrorCause", std::move(cause));
  }
  return out;
}

Value TagList(const std::vector<fhir_store::Tag>& tags) {
  Value list = Value::MakeArray();
  for (const fhir_store::Tag& tag : tags) {
    Value item = Value::MakeObject();
    item.Set("Key", Value::String(tag.key)).Set("Value", Value::String(tag.value));
    list.Append(std::move(item));
  }
  return list;
}

Value JobSummary(const std::string& store_id, const jobs::Job& job) {
  Value out = Value::MakeObject();
  out.Set("JobId", Value::String(job.id))
      .Set("JobStatus", Value::String(std::string(jobs::JobStateName(job.state))))
      .Set("DatastoreId", Value::String(store_id));
  return out;
}

Result<Value> ImportProperties(const Validator& validator, const std::string& store_id,
                               const jobs::Job& job,
                               const std::optional<fhir_store::ImportProgress>& progress) {
  TRY(const fhir_store::ImportRequest request, fhir_store::ParseImportRequest(job));
  Value out = JobHead(store_id, job, request.job_name);
  Value input = Value::MakeObject();
  input.Set("S3Uri", Value::String(objects::ToText(request.input)));
  out.Set("InputDataConfig", std::move(input));
  out.Set("JobOutputDataConfig",
          S3Output(objects::ToText(request.output), request.output_kms_key_id));
  if (progress) out.Set("JobProgressReport", ProgressReport(*progress));
  SetTail(validator, job, request.data_access_role_arn, &out);
  if (!request.validation_level.empty()) {
    out.Set("ValidationLevel", Value::String(request.validation_level));
  }
  return out;
}

Result<Value> ExportProperties(const Validator& validator, const std::string& store_id,
                               const jobs::Job& job) {
  TRY(const fhir_store::ExportRequest request, fhir_store::ParseExportRequest(job));
  TRY(const objects::S3Uri folder, fhir_store::JobOutputFolder(store_id, job));
  Value out = JobHead(store_id, job, request.job_name);
  out.Set("OutputDataConfig", S3Output(objects::ToText(folder), request.output_kms_key_id));
  SetTail(validator, job, request.data_access_role_arn, &out);
  return out;
}

}  // namespace tarn::healthlake::internal
