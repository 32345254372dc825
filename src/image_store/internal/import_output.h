// What an import job writes into its output folder: a manifest, and one record per input file.
// Spec: HealthImaging Developer Guide, "Understanding import jobs".
#pragma once

#include "base/result.h"
#include "image_store/import.h"
#include "image_store/internal/import_checkpoint.h"
#include "image_store/internal/state.h"
#include "jobs/queue.h"

namespace tarn::image_store {

// Errors: kNotFound, kForbidden (the bucket), kUnavailable.
Status CheckOutput(ImageStoreState& state, const ImportRequest& request);

// Writes all objects from what is staged; the same ones when it is called again. The manifest comes
// last. Counts the image sets, and corrects the counts for files that failed in stage 2.
Status WriteOutput(ImageStoreState& state, const jobs::Job& job, const ImportRequest& request,
                   ImportProgress* counts);

// Adds to the batch what removes everything that is staged; `keep_units` is false when the job
// failed and its frames are to be collected.
Status AddUnstaging(const ImageStoreState& state, const jobs::Job& job, bool keep_units,
                    kv::Batch* batch);

}  // namespace tarn::image_store
