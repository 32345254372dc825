// Reading image sets, and adding one change of one to a batch with all that follows from it: its
// version, index, primary marks and event.
// Threads: functions may be called from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dicom/metadata.h"
#include "image_store/internal/records.h"
#include "image_store/internal/state.h"
#include "kv/store.h"

namespace tarn::image_store {

// Errors: kNotFound, kCorrupt, kUnavailable.
Result<SetRecord> ReadSet(const kv::Snapshot& snapshot, std::string_view set);
Result<VersionRecord> ReadVersion(const kv::Snapshot& snapshot, std::string_view set,
                                  uint32_t version);
// The metadata that a version has. Errors: kNotFound (none), kCorrupt.
Result<std::string> ReadMetadata(const kv::Snapshot& snapshot, std::string_view set,
                                 uint32_t metadata_version);
Result<dicom::MetadataTree> ReadTree(const kv::Snapshot& snapshot, std::string_view set,
                                     uint32_t metadata_version);

// Replaces `before` (null: it is new) by `after` under the condition that the record is still
// `before`. The batch conflicts otherwise.
struct SetChange {
  std::string_view set;  // Packed id.
  const SetRecord* before = nullptr;
  SetRecord after;
  std::string source_image_set_id;  // For the event, while copying.
};
void AddSetChange(const ImageStoreState& state, SetChange change, kv::Batch* batch);

// Gives the record new metadata under its present version: the tree's facts and its gzip.
// Errors: kTooLarge.
Status AddContent(std::string_view set, const dicom::MetadataTree& tree, SetRecord* record,
                  kv::Batch* batch);
// Adds references to the units.
void AddReferences(std::string_view set, const std::vector<std::string>& units, kv::Batch* batch);

// Properties as the API gives them, of the latest version.
ImageSetProperties PropertiesOf(const ImageStoreState& state, std::string_view set,
                                const SetRecord& record);

// The service allows few characters in messages; others become '.'. Cut at kMessageBytesMax.
std::string MessageText(std::string_view detail);

}  // namespace tarn::image_store
