// What an image set is grouped, found and shown by, taken from its metadata.
// Threads: functions may be called from any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "dicom/metadata.h"
#include "image_store/properties.h"

namespace tarn::image_store {

GroupAttributes GroupOf(const dicom::InstanceMetadata& instance);
// Of the tree's first series.
GroupAttributes GroupOf(const dicom::MetadataTree& tree);
DicomTags TagsOf(const dicom::MetadataTree& tree);

// The units that the tree's frames belong to, each once, ascending. Errors: kCorrupt.
Result<std::vector<std::string>> UnitsOf(const dicom::MetadataTree& tree);

}  // namespace tarn::image_store
