#include "fhir_store/internal/lake_events.h"

#include <string_view>

#include "json/writer.h"

namespace tarn::fhir_store {
namespace {

std::string_view DetailType(DataStoreStatus status) {
  switch (status) {
    case DataStoreStatus::kCreating:
      return "Data Store Creating";
    case DataStoreStatus::kActive:
      return "Data Store Active";
    case DataStoreStatus::kDeleting:
      return "Data Store Deleting";
    case DataStoreStatus::kDeleted:
      return "Data Store Deleted";
    case DataStoreStatus::kCreateFailed:
      return "Data Store Creation Failed";
  }
  CHECK(false);
}

// After "Import Job " or "Export Job "; empty when there is no event.
std::string_view DetailType(jobs::JobState state) {
  switch (state) {
    case jobs::JobState::kSubmitted:
      return "Submitted";
    case jobs::JobState::kInProgress:
      return "In Progress";
    case jobs::JobState::kCompleted:
      return "Completed";
    case jobs::JobState::kCompletedWithErrors:
      return "Completed With Errors";
    case jobs::JobState::kFailed:
      return "Failed";
    case jobs::JobState::kQueued:
    case jobs::JobState::kCancelSubmitted:
    case jobs::JobState::kCancelInProgress:
    case jobs::JobState::kCancelCompleted:
    case jobs::JobState::kCancelFailed:
      return "";
  }
  CHECK(false);
}

jobs::Event FromOrigin(EventOrigin origin, std::string detail_type, std::string detail) {
  return {.id = std::move(origin.id),
          .detail_type = std::move(detail_type),
          .source = "aws.healthlake",
          .account = std::move(origin.account),
          .region = std::move(origin.region),
          .unix_ms = origin.unix_ms,
          .resources = {std::move(origin.store_arn)},
          .detail = std::move(detail)};
}

}  // namespace

jobs::Event DataStoreEvent(EventOrigin origin, const DataStore& store,
                           const std::string& endpoint) {
  std::string detail;
  json::Writer writer(&detail);
  writer.BeginObject();
  writer.Key("datastoreId").String(store.id);
  if (!store.name.empty()) writer.Key("datastoreName").String(store.name);
  writer.Key("datastoreTypeVersion").String("R4");
  writer.Key("datastoreEndpoint").String(endpoint);
  writer.EndObject();
  writer.Finish();
  return FromOrigin(std::move(origin), std::string(DetailType(store.status)), std::move(detail));
}

std::optional<jobs::Event> JobEvent(EventOrigin origin, const std::string& store_id,
                                    const jobs::Job& job) {
  const std::string_view state = DetailType(job.state);
  if (state.empty()) return std::nullopt;
  const bool import = job.kind == kImportKind;
  std::string detail;
  json::Writer writer(&detail);
  writer.BeginObject();
  writer.Key("datastoreId").String(store_id);
  writer.Key("jobId").String(job.id);
  writer.Key("submitTime").String(FormatFhirInstant(job.submit_unix_ms));
  if (job.end_unix_ms != 0) writer.Key("endTime").String(FormatFhirInstant(job.end_unix_ms));
  if (import) {
    if (const auto request = ParseImportRequest(job); request.ok()) {
      writer.Key("inputDataConfig").BeginObject();
      writer.Key("s3Uri").String(objects::ToText(request.value().input));
      writer.EndObject();
    }
  } else if (const auto request = ParseExportRequest(job); request.ok()) {
    writer.Key("outputDataConfig").BeginObject().Key("s3Configuration").BeginObject();
    writer.Key("s3Uri").String(objects::ToText(request.value().output));
    writer.Key("kmsKeyId").String(request.value().output_kms_key_id);
    writer.EndObject().EndObject();
  }
  writer.EndObject();
  writer.Finish();
  return FromOrigin(std::move(origin),
                    (import ? "Import Job " : "Export Job ") + std::string(state),
                    std::move(detail));
}

}  // namespace tarn::fhir_store
