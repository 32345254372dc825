// Stage 1 of an import: files are read and transcoded by several threads and staged in the order of
// their keys. See docs/internals/image-storage.md, "Import".
//
//   coordinator (the caller)                     workers
//   gives out objects, bounded in number     ─▶  OpenInput, InstanceReader::Read into a sink
//   takes results in order  ◀─────────────────   outcome and frames
//   appends frames to the pack; commits pack, units, frames, staged files and checkpoint
#pragma once

#include <functional>

#include "base/result.h"
#include "image_store/import.h"
#include "image_store/internal/import_checkpoint.h"
#include "image_store/internal/state.h"
#include "jobs/queue.h"

namespace tarn::image_store {

// Goes on behind checkpoint->last_key until all files are staged; the checkpoint is then, and after
// every commit, what is stored. False when `stop` ended it. Errors: those of ListInput; kConflict
// (the claim is lost), kUnavailable.
Result<bool> StageFiles(ImageStoreState& state, const jobs::Job& job, const ImportRequest& request,
                        const std::function<bool()>& stop, ImportCheckpoint* checkpoint);

// Runs `step` again after kUnavailable, with pauses, and asks the store to take up writing again.
Status WithRetries(ImageStoreState& state, const std::function<Status()>& step);

// What a FAILURE record says of an error.
struct FailureText {
  std::string exception_type;
  bool server_error = false;
};
FailureText FailureOf(const Error& error);

}  // namespace tarn::image_store
