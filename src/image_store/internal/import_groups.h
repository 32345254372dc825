// Stage 2 of an import: what is staged becomes image sets, one commit each; and what the output
// objects say of it. See docs/internals/image-storage.md, "Import".
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image_store/import.h"
#include "image_store/internal/import_checkpoint.h"
#include "image_store/internal/records.h"
#include "image_store/internal/state.h"
#include "jobs/queue.h"

namespace tarn::image_store {

// The staged files of one image set, by number, ascending.
struct ImportGroup {
  GroupAttributes attributes;
  std::vector<uint32_t> files;
};
// In the order of their first files. Errors: kCorrupt, kUnavailable.
Result<std::vector<ImportGroup>> GroupStagedFiles(const kv::Snapshot& snapshot,
                                                  std::string_view job);

// Makes the image sets of all groups that are not settled yet. False when `stop` ended it.
// Errors: kConflict (the claim is lost), kBusy (an image set stays LOCKED), kUnavailable, kCorrupt.
Result<bool> SettleGroups(ImageStoreState& state, const jobs::Job& job,
                          const std::function<bool()>& stop, ImportCheckpoint* checkpoint);

// Adds to the batch what gives image sets free that the job has locked and will not change any
// more: ACTIVE, IMPORT_FAILED. Errors: kCorrupt, kUnavailable.
Status AddRelease(const ImageStoreState& state, const jobs::Job& job, std::string_view message,
                  kv::Batch* batch);

}  // namespace tarn::image_store
