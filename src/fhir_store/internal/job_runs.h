// The two kinds of jobs, from their claim to their end.
#pragma once

#include <functional>
#include <optional>

#include "base/result.h"
#include "fhir_store/internal/state.h"
#include "jobs/queue.h"

namespace tarn::fhir_store {

// The job as it ended; empty when `stop` ended the work, which goes on with the next claim.
// Errors: the work could not go on now, or the claim is lost; the job stays as it is.
Result<std::optional<jobs::Job>> RunImportJob(StoreState& state, const jobs::Job& job,
                                              const std::function<bool()>& stop);
Result<std::optional<jobs::Job>> RunExportJob(StoreState& state, const jobs::Job& job,
                                              const std::function<bool()>& stop);

// Whether a job that met this error is left for later, rather than failed.
bool LeavesJobForLater(const Error& error);

}  // namespace tarn::fhir_store
