// Changes of an image set's metadata: what UpdateImageSetMetadata and CopyImageSet may do to the
// tree and what they must refuse (docs/reference: image sets).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dicom/metadata.h"
#include "json/value.h"

namespace tarn::dicom {

// DICOMUpdates of one request. Either payload may be absent.
struct MetadataUpdates {
  json::Value updatable;  // null: absent.
  json::Value removable;
  // Something below Study.Series is addressed: then it cannot apply to other image sets.
  bool addresses_series = false;
};

// Parses the payloads: JSON objects of the document's shape with SchemaVersion 1.1, string or
// number. `removable` and `updatable` are empty when absent; not both may be.
// Errors: kInvalid (not JSON, an unknown member, wrong shape), kTooLarge.
struct UpdatePayloads {
  std::string_view updatable;
  std::string_view removable;
};
Result<MetadataUpdates> ParseUpdates(const UpdatePayloads& payloads);

struct EditOptions {
  bool force = false;
  bool is_primary = true;
};

// Applies removals, then updates.
// Refused with kInvalid: an attribute that does not belong to the level at which it stands, an
// unknown keyword, a series or instance that the tree does not have, anything but DICOM and
// DICOMVRs; PixelData; force on a primary image set. Without force also: UIDs, StudyID, sequences,
// attributes of several values, private elements, values that their VR does not allow, removal of
// an instance. An attribute that is to be removed and is absent is no error.
// With force, a new Study, Series or SOP Instance UID renames the node.
// Errors: as above; kConflict (a new UID that the tree has already). After an error the tree is in
// no defined state.
Status ApplyUpdates(const MetadataUpdates& updates, const EditOptions& options, MetadataTree* tree);

// A subset of instances: copiableAttributes. Empty text is all of them.
struct InstanceName {
  std::string series_instance_uid;
  std::string sop_instance_uid;
};
// Errors: kInvalid, kTooLarge.
Result<std::vector<InstanceName>> ParseCopySelection(std::string_view copiable);

// Copies the named instances (all when `names` is empty) of `source` into `destination`, which may
// have none yet. Errors: kNotFound (a name that the source lacks); kConflict (a SOP Instance UID
// that the destination has; Patient, Study or Series attributes that differ, unless `force`: then
// the destination's win). After an error the destination is in no defined state.
struct CopyOptions {
  bool force = false;
};
Status CopyInstances(const MetadataTree& source, const std::vector<InstanceName>& names,
                     const CopyOptions& options, MetadataTree* destination);

}  // namespace tarn::dicom
