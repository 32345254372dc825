#include "image_store/internal/image_events.h"

#include <string_view>

#include "json/writer.h"

namespace tarn::image_store {
namespace {

std::string_view DetailType(DataStoreStatus status) {
  switch (status) {
    case DataStoreStatus::kCreating:
      return "Data Store Creating";
    case DataStoreStatus::kActive:
      return "Data Store Created";
    case DataStoreStatus::kDeleting:
      return "Data Store Deleting";
    case DataStoreStatus::kDeleted:
      return "Data Store Deleted";
    case DataStoreStatus::kCreateFailed:
      return "Data Store Creation Failed";
  }
  CHECK(false);
}

// Empty when there is no event.
std::string_view DetailType(jobs::JobState state) {
  switch (state) {
    case jobs::JobState::kSubmitted:
      return "Import Job Submitted";
    case jobs::JobState::kInProgress:
      return "Import Job In Progress";
    case jobs::JobState::kCompleted:
    case jobs::JobState::kCompletedWithErrors:
      return "Import Job Completed";
    case jobs::JobState::kFailed:
      return "Import Job Failed";
    case jobs::JobState::kQueued:
    case jobs::JobState::kCancelSubmitted:
    case jobs::JobState::kCancelInProgress:
    case jobs::JobState::kCancelCompleted:
    case jobs::JobState::kCancelFailed:
      return "";
  }
  CHECK(false);
}

// Empty when there is no event. The service's list knows no import: what an import makes is
// Created, what it changes is Updated.
std::string_view DetailType(WorkflowStatus status, uint32_t version) {
  switch (status) {
    case WorkflowStatus::kCreated:
      return "Image Set Created";
    case WorkflowStatus::kImported:
      return version == 1 ? "Image Set Created" : "Image Set Updated";
    case WorkflowStatus::kCopied:
      return "Image Set Copied";
    case WorkflowStatus::kCopying:
      return "Image Set Copying";
    case WorkflowStatus::kCopyingWithReadOnlyAccess:
      return "Image Set Copying With Read Only Access";
    case WorkflowStatus::kCopyFailed:
      return "Image Set Copy Failed";
    case WorkflowStatus::kUpdating:
    case WorkflowStatus::kUpdatingForStudyConsistency:
      return "Image Set Updating";
    case WorkflowStatus::kUpdated:
      return "Image Set Updated";
    case WorkflowStatus::kUpdateFailed:
      return "Image Set Update Failed";
    case WorkflowStatus::kDeleting:
      return "Image Set Deleting";
    case WorkflowStatus::kDeleted:
      return "Image Set Deleted";
    case WorkflowStatus::kImporting:
    case WorkflowStatus::kImportFailed:
      return "";
  }
  CHECK(false);
}

jobs::Event FromOrigin(EventOrigin origin, std::string_view detail_type, std::string detail) {
  return {.id = std::move(origin.id),
          .detail_type = std::string(detail_type),
          .source = "aws.medical-imaging",
          .account = std::move(origin.account),
          .region = std::move(origin.region),
          .unix_ms = origin.unix_ms,
          .resources = {std::move(origin.resource_arn)},
          .detail = std::move(detail)};
}

json::Writer& Begin(json::Writer& writer, const std::string& store_id) {
  writer.BeginObject();
  writer.Key("imagingVersion").String("1.0");
  return writer.Key("datastoreId").String(store_id);
}

}  // namespace

jobs::Event StoreEvent(EventOrigin origin, const DataStore& store) {
  std::string detail;
  json::Writer writer(&detail);
  Begin(writer, store.id);
  writer.Key("datastoreName").String(store.name);
  writer.Key("datastoreStatus").String(jobs::DataStoreStatusName(store.status));
  writer.EndObject();
  writer.Finish();
  return FromOrigin(std::move(origin), DetailType(store.status), std::move(detail));
}

std::optional<jobs::Event> ImportEvent(EventOrigin origin, const std::string& store_id,
                                       const jobs::Job& job) {
  const std::string_view type = DetailType(job.state);
  const auto request = ParseImportRequest(job);
  if (type.empty() || !request.ok()) return std::nullopt;
  std::string detail;
  json::Writer writer(&detail);
  Begin(writer, store_id);
  writer.Key("jobId").String(job.id);
  writer.Key("jobName").String(request.value().job_name);
  writer.Key("jobStatus").String(ImportStatusName(job.state));
  writer.Key("inputS3Uri").String(objects::ToText(request.value().input));
  writer.Key("outputS3Uri")
      .String(objects::ToText(JobOutputFolder(request.value(), store_id, job.id)));
  writer.EndObject();
  writer.Finish();
  return FromOrigin(std::move(origin), type, std::move(detail));
}

std::optional<jobs::Event> ImageSetEvent(EventOrigin origin, const std::string& store_id,
                                         const ImageSetProperties& image_set,
                                         const std::string& source_arn) {
  const std::string_view type = DetailType(image_set.status, image_set.version);
  if (type.empty()) return std::nullopt;
  std::string detail;
  json::Writer writer(&detail);
  Begin(writer, store_id);
  writer.Key("imagesetId").String(image_set.image_set_id);
  writer.Key("imageSetState").String(ImageSetStateName(image_set.state));
  writer.Key("imageSetWorkflowStatus").String(WorkflowStatusName(image_set.status));
  writer.Key("isPrimary").Bool(image_set.is_primary);
  writer.Key("imageSetVersion").String(std::to_string(image_set.version));
  if (!source_arn.empty()) writer.Key("sourceImageSetArn").String(source_arn);
  writer.EndObject();
  writer.Finish();
  return FromOrigin(std::move(origin), type, std::move(detail));
}

}  // namespace tarn::image_store
