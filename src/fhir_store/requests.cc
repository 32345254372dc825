// What jobs are asked for, as the JSON text that the queue keeps. Member names are those of
// HealthLake's requests; the queue finds a job's name by them.
#include <utility>

#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/job_layout.h"
#include "fhir_store/internal/state.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

using json::Value;

Error Corrupt() { return {ErrorKind::kCorrupt, "stored job request does not decode"}; }

// Empty members are left out.
void SetText(std::string_view name, const std::string& text, Value* value) {
  if (!text.empty()) value->Set(name, Value::String(text));
}

std::string TextOf(const Value& value, std::string_view name) {
  const Value* found = value.Find(name);
  return found != nullptr && found->IsString() ? found->AsString() : "";
}

Result<objects::S3Uri> UriOf(const Value& value, std::string_view name) {
  auto uri = objects::ParseS3Uri(TextOf(value, name));
  if (!uri.ok()) return Corrupt();
  return uri;
}

Result<Value> ParseRequest(const jobs::Job& job, std::string_view kind) {
  auto value = json::ParseValue(job.request);
  if (job.kind != kind || !value.ok() || !value.value().IsObject()) return Corrupt();
  return value;
}

Result<jobs::Job> Submit(jobs::Queue& queue, std::string_view kind, const Value& request,
                         kv::Batch with, std::string_view job_id) {
  if (job_id.empty()) return queue.Submit(kind, json::ToText(request), std::move(with));
  return queue.SubmitAs(job_id, kind, json::ToText(request), std::move(with));
}

}  // namespace

Result<jobs::Job> FhirStore::SubmitImport(const ImportRequest& request, kv::Batch with,
                                          std::string_view job_id) {
  Value value = Value::MakeObject();
  SetText("JobName", request.job_name, &value);
  SetText("Input", objects::ToText(request.input), &value);
  SetText("Output", objects::ToText(request.output), &value);
  SetText("KmsKeyId", request.output_kms_key_id, &value);
  SetText("DataAccessRoleArn", request.data_access_role_arn, &value);
  SetText("ValidationLevel", request.validation_level, &value);
  return Submit(state_->queue, kImportKind, value, std::move(with), job_id);
}

Result<jobs::Job> FhirStore::SubmitExport(const ExportRequest& request, kv::Batch with,
                                          std::string_view job_id) {
  Value value = Value::MakeObject();
  SetText("JobName", request.job_name, &value);
  SetText("Output", objects::ToText(request.output), &value);
  SetText("KmsKeyId", request.output_kms_key_id, &value);
  SetText("DataAccessRoleArn", request.data_access_role_arn, &value);
  return Submit(state_->queue, kExportKind, value, std::move(with), job_id);
}

Result<ImportRequest> ParseImportRequest(const jobs::Job& job) {
  TRY(const Value value, ParseRequest(job, kImportKind));
  ImportRequest request;
  request.job_name = TextOf(value, "JobName");
  TRY(request.input, UriOf(value, "Input"));
  TRY(request.output, UriOf(value, "Output"));
  request.output_kms_key_id = TextOf(value, "KmsKeyId");
  request.data_access_role_arn = TextOf(value, "DataAccessRoleArn");
  request.validation_level = TextOf(value, "ValidationLevel");
  return request;
}

Result<ExportRequest> ParseExportRequest(const jobs::Job& job) {
  TRY(const Value value, ParseRequest(job, kExportKind));
  ExportRequest request;
  request.job_name = TextOf(value, "JobName");
  TRY(request.output, UriOf(value, "Output"));
  request.output_kms_key_id = TextOf(value, "KmsKeyId");
  request.data_access_role_arn = TextOf(value, "DataAccessRoleArn");
  return request;
}

Result<objects::S3Uri> JobOutputFolder(std::string_view data_store_id, const jobs::Job& job) {
  if (job.kind == kImportKind) {
    TRY(const ImportRequest request, ParseImportRequest(job));
    return JobFolder(request.output, {data_store_id, "FHIR_IMPORT", job.id});
  }
  TRY(const ExportRequest request, ParseExportRequest(job));
  return JobFolder(request.output, {data_store_id, "FHIR_EXPORT", job.id});
}

}  // namespace tarn::fhir_store
