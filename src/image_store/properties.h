// What an image set is, apart from its content.
// Spec: HealthImaging API, GetImageSet and SearchImageSets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tarn::image_store {

// Stored as numbers: never renumber. Names as HealthImaging's ImageSetState.
enum class ImageSetState : uint8_t { kActive = 0, kLocked = 1, kDeleted = 2 };
inline constexpr int kImageSetStateCount = 3;
std::string_view ImageSetStateName(ImageSetState state);  // "ACTIVE", ...

// Stored as numbers: never renumber. Names as HealthImaging's ImageSetWorkflowStatus.
enum class WorkflowStatus : uint8_t {
  kCreated = 0,
  kCopied = 1,
  kCopying = 2,
  kCopyingWithReadOnlyAccess = 3,
  kCopyFailed = 4,
  kUpdating = 5,
  kUpdatingForStudyConsistency = 6,
  kUpdated = 7,
  kUpdateFailed = 8,
  kDeleting = 9,
  kDeleted = 10,
  kImporting = 11,
  kImported = 12,
  kImportFailed = 13,
};
inline constexpr int kWorkflowStatusCount = 14;
std::string_view WorkflowStatusName(WorkflowStatus status);  // "CREATED", ...

// What searches find an image set by and show of it. Text is UTF-8 without padding; empty: absent.
struct DicomTags {
  std::string patient_id;
  std::string patient_name;
  std::string patient_birth_date;
  std::string patient_sex;
  std::string study_instance_uid;
  std::string study_id;
  std::string study_description;
  std::string accession_number;
  std::string study_date;  // As stored: usually YYYYMMDD.
  std::string study_time;
  std::string series_instance_uid;
  std::string series_modality;
  std::string series_body_part;
  std::optional<int32_t> series_number;
  // As stored: of this image set. In a search result: of all primary image sets of the study, if
  // there is one.
  uint32_t study_related_series = 0;
  uint32_t study_related_instances = 0;

  friend bool operator==(const DicomTags& a, const DicomTags& b) = default;
};

// The seven attributes that decide which image set an instance belongs to. Text without padding;
// empty when absent.
// Spec: Developer Guide, "Understanding image sets".
struct GroupAttributes {
  std::string study_date;
  std::string accession_number;
  std::string patient_id;
  std::string study_instance_uid;
  std::string study_id;
  std::string series_instance_uid;
  std::string series_number;

  friend bool operator==(const GroupAttributes& a, const GroupAttributes& b) = default;
};

// One version of an image set.
struct ImageSetProperties {
  std::string image_set_id;  // 32 of [0-9a-f].
  uint32_t version = 0;      // From 1.
  ImageSetState state = ImageSetState::kActive;
  WorkflowStatus status = WorkflowStatus::kCreated;
  int64_t created_unix_ms = 0;
  int64_t updated_unix_ms = 0;
  int64_t deleted_unix_ms = 0;        // 0: it is not deleted.
  int64_t last_accessed_unix_ms = 0;  // Of the image set; correct within half a minute.
  std::string message;                // Why the last change failed; may be empty.
  bool forced = false;                // This version was made with `force`.
  bool is_primary = false;
};

}  // namespace tarn::image_store
