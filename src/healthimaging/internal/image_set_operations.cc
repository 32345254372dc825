#include "base/bytes.h"
#include "healthimaging/internal/operations.h"
#include "healthimaging/internal/wire.h"
#include "healthimaging/limits.h"
#include "service_model/request.h"

namespace tarn::healthimaging::internal {
namespace {

using image_store::ImageSetProperties;
using json::Value;
using service_model::FlagOf;
using service_model::Present;
using service_model::TextOf;

// Members that answers about an image set have in common, whatever they call its version.
Value StateOf(const ImageSetProperties& from) {
  Value out = Value::MakeObject();
  out.Set("imageSetId", Text(from.image_set_id));
  out.Set("imageSetState", Text(image_store::ImageSetStateName(from.state)));
  return out;
}

void SetTimes(const ImageSetProperties& from, Value* out) {
  out->Set("createdAt", Timestamp(from.created_unix_ms));
  out->Set("updatedAt", Timestamp(from.updated_unix_ms));
}

// What a version shows beside its state and times.
void SetVersionFacts(const service_model::Validator& validator, const ImageSetProperties& from,
                     Value* out) {
  out->Set("versionId", Text(std::to_string(from.version)));
  SetTimes(from, out);
  if (from.deleted_unix_ms != 0) out->Set("deletedAt", Timestamp(from.deleted_unix_ms));
  const std::string message = validator.Fit("Message", from.message);
  if (!message.empty()) out->Set("message", Text(message));
  if (from.forced) {
    Value overrides = Value::MakeObject();
    overrides.Set("forced", Value::Bool(true));
    out->Set("overrides", std::move(overrides));
  }
  out->Set("isPrimary", Value::Bool(from.is_primary));
}

Value CopyProperties(const image_store::DataStores& stores, const std::string& store_id,
                     const ImageSetProperties& from) {
  Value out = StateOf(from);
  out.Set("latestVersionId", Text(std::to_string(from.version)));
  out.Set("imageSetWorkflowStatus", Text(image_store::WorkflowStatusName(from.status)));
  SetTimes(from, &out);
  out.Set("imageSetArn", Text(stores.ArnOf({store_id, from.image_set_id})));
  return out;
}

// JSON in a blob: text in Base64. Empty when the member is missing.
std::string BlobOf(const Value& object, std::string_view name) {
  const Value* found = Present(object, name);
  return found == nullptr ? "" : Base64Decode(found->AsString()).value();  // Validated.
}

}  // namespace

std::string_view Operations::StorageTier(const ImageSetProperties& properties) const {
  const int64_t idle_ms = clock_.UnixMs() - properties.last_accessed_unix_ms;
  return idle_ms > kArchiveAfterMs ? "ARCHIVE_INSTANT_ACCESS" : "FREQUENT_ACCESS";
}

Result<http::Response> Operations::GetImageSet(const Call& call) const {
  TRY(const auto store, Use(call));
  const uint32_t version =
      Present(call.request, "versionId") == nullptr ? 0 : VersionOf(call.request, "versionId");
  TRY(const ImageSetProperties found,
      store->images->Get(TextOf(call.request, "imageSetId"), version));
  Value out = StateOf(found);
  out.Set("datastoreId", Text(store->id));
  out.Set("imageSetWorkflowStatus", Text(image_store::WorkflowStatusName(found.status)));
  SetVersionFacts(validator_, found, &out);
  out.Set("imageSetArn", Text(stores_.ArnOf({store->id, found.image_set_id})));
  if (found.last_accessed_unix_ms != 0) {
    out.Set("lastAccessedAt", Timestamp(found.last_accessed_unix_ms));
    out.Set("storageTier", Text(StorageTier(found)));
  }
  return JsonResponse(json::ToText(out), call.http);
}

Result<http::Response> Operations::ListImageSetVersions(const Call& call) const {
  TRY(const auto store, Use(call));
  TRY(const std::string position, PositionOf(call));
  CHECK(position.empty() || position.size() == 4);  // Authenticated: we made it.
  const uint32_t before = position.empty() ? 0 : LoadBe32(position);
  TRY(const image_store::VersionPage page,
      store->images->ListVersions(TextOf(call.request, "imageSetId"), before, PageSize(call)));
  Value list = Value::MakeArray();
  for (const ImageSetProperties& version : page.versions) {
    Value item = StateOf(version);
    // With a capital I, as the model has it here and nowhere else.
    item.Set("ImageSetWorkflowStatus", Text(image_store::WorkflowStatusName(version.status)));
    SetVersionFacts(validator_, version, &item);
    list.Append(std::move(item));
  }
  Value out = Value::MakeObject();
  out.Set("imageSetPropertiesList", std::move(list));
  if (page.next_before != 0) {
    std::string next;
    AppendBe32(&next, page.next_before);
    SetNextToken(call, next, &out);
  }
  return JsonResponse(json::ToText(out), call.http);
}

Result<http::Response> Operations::UpdateImageSetMetadata(const Call& call) const {
  const Value& updates = *Present(call.request, "updateImageSetMetadataUpdates");
  image_store::UpdateRequest update;
  update.latest_version = VersionOf(call.request, "latestVersionId");
  update.force = FlagOf(call.request, "force");
  update.include_study_image_sets = FlagOf(call.request, "includeStudyImageSets");
  if (const Value* attributes = Present(updates, "DICOMUpdates")) {
    update.updatable_attributes = BlobOf(*attributes, "updatableAttributes");
    update.removable_attributes = BlobOf(*attributes, "removableAttributes");
    if (update.updatable_attributes.empty() && update.removable_attributes.empty()) {
      return service_model::MissingMember("updateImageSetMetadataUpdates.DICOMUpdates",
                                          "must have updatableAttributes or removableAttributes");
    }
  } else {
    update.revert_to_version = VersionOf(updates, "revertToVersionId");
  }
  TRY(const auto store, Use(call));
  TRY(const ImageSetProperties updating,
      store->images->Update(TextOf(call.request, "imageSetId"), update));
  Value out = StateOf(updating);
  out.Set("datastoreId", Text(store->id));
  out.Set("latestVersionId", Text(std::to_string(updating.version)));
  out.Set("imageSetWorkflowStatus", Text(image_store::WorkflowStatusName(updating.status)));
  SetTimes(updating, &out);
  return JsonResponse(json::ToText(out), call.http);
}

Result<http::Response> Operations::CopyImageSet(const Call& call) const {
  const Value& information = *Present(call.request, "copyImageSetInformation");
  const Value& source = *Present(information, "sourceImageSet");
  image_store::CopyRequest copy;
  copy.source_id = TextOf(call.request, "sourceImageSetId");
  copy.source_latest_version = VersionOf(source, "latestVersionId");
  if (const Value* copies = Present(source, "DICOMCopies")) {
    copy.copiable_attributes = TextOf(*copies, "copiableAttributes");
  }
  if (const Value* destination = Present(information, "destinationImageSet")) {
    copy.destination_id = TextOf(*destination, "imageSetId");
    copy.destination_latest_version = VersionOf(*destination, "latestVersionId");
  }
  copy.force = FlagOf(call.request, "force");
  copy.promote_to_primary = FlagOf(call.request, "promoteToPrimary");
  TRY(const auto store, Use(call));
  TRY(const image_store::CopyOutcome outcome, store->images->Copy(copy));
  Value out = Value::MakeObject();
  out.Set("datastoreId", Text(store->id));
  out.Set("sourceImageSetProperties", CopyProperties(stores_, store->id, outcome.source));
  out.Set("destinationImageSetProperties", CopyProperties(stores_, store->id, outcome.destination));
  return JsonResponse(json::ToText(out), call.http);
}

Result<http::Response> Operations::DeleteImageSet(const Call& call) const {
  const std::string store_id = TextOf(call.request, "datastoreId");
  TRY(const ImageSetProperties deleting,
      stores_.DeleteImageSet(store_id, TextOf(call.request, "imageSetId")));
  Value out = StateOf(deleting);
  out.Set("datastoreId", Text(store_id));
  out.Set("imageSetWorkflowStatus", Text(image_store::WorkflowStatusName(deleting.status)));
  return JsonResponse(json::ToText(out), call.http);
}

}  // namespace tarn::healthimaging::internal
