#include <atomic>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/import_checkpoint.h"
#include "fhir_store/internal/import_loop.h"
#include "fhir_store/internal/import_source.h"
#include "fhir_store/internal/job_runs.h"
#include "fhir_store/internal/state.h"

namespace tarn::fhir_store {
namespace {

// CHECKs that a kind's jobs run once at a time.
class Exclusive {
 public:
  explicit Exclusive(std::atomic<bool>& flag) : flag_(flag) { CHECK(!flag_.exchange(true)); }
  ~Exclusive() { flag_.store(false); }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  std::atomic<bool>& flag_;
};

// A load has no checkpoint and no output; a line that does not import is the generator's fault.
class LoadSink final : public ImportSink {
 public:
  explicit LoadSink(StoreState& state) : state_(state) {}
  Status Added(const ImportBlock& block) override {
    if (!block.failures.empty()) {
      return Error{block.failures[0].kind, "generated resource: " + block.failures[0].detail};
    }
    state_.imported_total.Add(block.lines.size());
    return Ok();
  }
  bool WantsCommit() const override { return false; }
  void FillPublish(bool, kv::Batch*) override {}
  Status Committed() override { return Ok(); }

 private:
  StoreState& state_;
};

}  // namespace

bool LeavesJobForLater(const Error& error) {
  return error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kBusy ||
         error.kind == ErrorKind::kTimeout || error.kind == ErrorKind::kConflict;
}

void FhirStore::RunJobs(std::string_view kind, const std::function<bool()>& stop,
                        const JobChanged& changed) {
  CHECK(kind == kImportKind || kind == kExportKind);
  const bool import = kind == kImportKind;
  const Exclusive running(import ? state_->import_jobs_running : state_->export_jobs_running);
  while (!stop()) {
    auto claimed = state_->queue.Claim(kind);
    if (!claimed.ok() && claimed.error().kind == ErrorKind::kUnavailable &&
        state_->kv.Resume().ok()) {
      claimed = state_->queue.Claim(kind);  // Space was freed since the last write failed.
    }
    if (!claimed.ok()) {
      LogError("job not claimed", {{"kind", kind}, {"reason", claimed.error().detail}});
      return;
    }
    if (!claimed.value().has_value()) return;
    const jobs::Job job = *std::move(claimed).value();
    LogInfo("job begins", {{"kind", kind}, {"job", job.id}});
    changed(job);
    auto ended = import ? RunImportJob(*state_, job, stop) : RunExportJob(*state_, job, stop);
    if (!ended.ok()) {
      LogError("job left for later",
               {{"kind", kind}, {"job", job.id}, {"reason", ended.error().detail}});
      state_->queue.Release(job);
      return;
    }
    if (!ended.value().has_value()) {
      state_->queue.Release(job);
      return;
    }
    LogInfo("job ended",
            {{"kind", kind}, {"job", job.id}, {"state", JobStateName(ended.value()->state)}});
    changed(*ended.value());
  }
}

Result<ImportProgress> FhirStore::Progress(const jobs::Job& job) const {
  {
    RunningImport& running = state_->running_import;
    MutexLock lock(running.mutex);
    if (!running.job_id.empty() && running.job_id == job.id) return running.progress;
  }
  return DecodeProgress(job.progress);
}

Status FhirStore::Load(const std::function<bool(std::string* block)>& next) {
  GeneratedSource source(next);
  LoadSink sink(*state_);
  TRY(RunImportLoop(*state_, source, sink, nullptr, [] { return false; }));
  return Ok();
}

}  // namespace tarn::fhir_store
