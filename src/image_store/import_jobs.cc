// Import jobs: queued, taken up, staged, settled, reported. Each step begins where the stored
// checkpoint says, so a job that was interrupted is simply run again.
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "image_store/image_sets.h"
#include "image_store/internal/import_checkpoint.h"
#include "image_store/internal/import_groups.h"
#include "image_store/internal/import_output.h"
#include "image_store/internal/import_stage.h"
#include "image_store/internal/state.h"

namespace tarn::image_store {
namespace {

class Exclusive {
 public:
  explicit Exclusive(std::atomic<bool>& flag) : flag_(flag) { CHECK(!flag_.exchange(true)); }
  ~Exclusive() { flag_.store(false); }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  std::atomic<bool>& flag_;
};

// A fault that may pass, or a lost claim: the job stays as it is.
bool LeavesJobForLater(const Error& error) {
  return error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kBusy ||
         error.kind == ErrorKind::kTimeout || error.kind == ErrorKind::kConflict;
}

// All of a job; false when `stop` ended it. Errors: of the whole job.
Result<bool> Work(ImageStoreState& state, const jobs::Job& job, const std::function<bool()>& stop,
                  ImportCheckpoint* checkpoint) {
  TRY(const ImportRequest request, ParseImportRequest(job));
  TRY(*checkpoint, DecodeCheckpoint(job));
  TRY(CheckOutput(state, request));
  if (!checkpoint->all_staged) {
    TRY(const bool staged, StageFiles(state, job, request, stop, checkpoint));
    if (!staged) return false;
  }
  TRY(const bool settled, SettleGroups(state, job, stop, checkpoint));
  if (!settled) return false;
  TRY(WriteOutput(state, job, request, &checkpoint->counts));
  return true;
}

// Empty when it was stopped.
Result<std::optional<jobs::Job>> RunJob(ImageStoreState& state, const jobs::Job& job,
                                        const std::function<bool()>& stop) {
  ImportCheckpoint checkpoint;
  const auto worked = Work(state, job, stop, &checkpoint);
  if (!worked.ok() && LeavesJobForLater(worked.error())) return worked.error();
  if (worked.ok() && !worked.value()) return std::optional<jobs::Job>();
  kv::Batch batch;
  TRY(AddUnstaging(state, job, worked.ok(), &batch));
  jobs::Queue::Outcome outcome;
  outcome.progress = EncodeProgress(checkpoint.counts);
  if (!worked.ok()) {
    outcome.state = jobs::JobState::kFailed;
    outcome.message = worked.error().detail;
    TRY(AddRelease(state, job, outcome.message, &batch));
  }
  TRY(jobs::Job ended, state.queue.Finish(job, outcome, std::move(batch)));
  state.WakeBackground();
  return std::optional<jobs::Job>(std::move(ended));
}

}  // namespace

Result<jobs::Job> ImageSets::SubmitImport(const ImportRequest& request, kv::Batch with,
                                          std::string_view job_id) {
  const std::string text = EncodeRequest(request);
  if (job_id.empty()) return state_->queue.Submit(kImportKind, text, std::move(with));
  return state_->queue.SubmitAs(job_id, kImportKind, text, std::move(with));
}

void ImageSets::RunImportJobs(const std::function<bool()>& stop, const JobChanged& changed) {
  const Exclusive running(state_->import_running);
  while (!stop()) {
    auto claimed = state_->queue.Claim(kImportKind);
    if (!claimed.ok() && claimed.error().kind == ErrorKind::kUnavailable &&
        state_->kv.Resume().ok()) {
      claimed = state_->queue.Claim(kImportKind);  // Space was freed since the last write failed.
    }
    if (!claimed.ok()) {
      LogError("job not claimed", {{"kind", kImportKind}, {"reason", claimed.error().detail}});
      return;
    }
    if (!claimed.value().has_value()) return;
    const jobs::Job job = *std::move(claimed).value();
    LogInfo("job begins", {{"kind", kImportKind}, {"job", job.id}});
    changed(job);
    const auto ended = RunJob(*state_, job, stop);
    if (!ended.ok()) {
      LogError("job left for later",
               {{"kind", kImportKind}, {"job", job.id}, {"reason", ended.error().detail}});
      state_->queue.Release(job);
      return;
    }
    if (!ended.value().has_value()) {
      state_->queue.Release(job);
      return;
    }
    LogInfo(
        "job ended",
        {{"kind", kImportKind}, {"job", job.id}, {"state", JobStateName(ended.value()->state)}});
    changed(*ended.value());
  }
}

}  // namespace tarn::image_store
