// Long jobs that survive crashes: a durable queue inside a key-value store, so that a job's
// checkpoint commits in the same batch as the work it describes.
//
// A job's way: Submit (SUBMITTED) -> Claim (IN_PROGRESS) -> any number of checkpoints -> Finish.
// One job of a kind runs at a time per queue, the others wait first in, first out and show QUEUED.
// After a crash Claim returns the job that was running, with its last checkpoint and a new fence.
//
// Stored form: docs/internals/jobs.md. Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "kv/store.h"

namespace tarn::jobs {

// Stored as numbers: never renumber. Names as HealthLake's JobStatus.
enum class JobState : uint8_t {
  kSubmitted = 0,
  kQueued = 1,  // Never stored: shown for a submitted job that waits for another one.
  kInProgress = 2,
  kCompleted = 3,
  kCompletedWithErrors = 4,
  kFailed = 5,
  kCancelSubmitted = 6,
  kCancelInProgress = 7,
  kCancelCompleted = 8,
  kCancelFailed = 9,
};
std::string_view JobStateName(JobState state);  // "SUBMITTED", ...
std::optional<JobState> ParseJobState(std::string_view name);
bool IsFinal(JobState state);

struct Job {
  std::string id;    // 32 hex digits.
  std::string kind;  // "fhir-import"; a queue keeps kinds apart.
  JobState state = JobState::kSubmitted;
  int64_t submit_unix_ms = 0;
  int64_t end_unix_ms = 0;  // 0 until final.
  std::string request;      // What to do, JSON text of the submitter; never changes.
  std::string checkpoint;   // How far it is, bytes of the worker; empty before the first.
  std::string progress;     // For people: JSON text of the worker, as of the last checkpoint.
  std::string message;      // Why it failed; may be empty.
  uint64_t fence = 0;       // Of the present claim; a write under an older fence conflicts.
};

struct JobFilter {
  std::string kind;
  std::vector<JobState> states;  // Any of these; empty: all.
  std::string name;              // Compared with the request's "JobName" member; empty: all.
  int64_t submitted_after_unix_ms = INT64_MIN;   // Inclusive.
  int64_t submitted_before_unix_ms = INT64_MAX;  // Inclusive.
  std::string
      after_job_id;  // The page begins after this one (kInvalid if unknown); empty: at the first.
  uint32_t max = 100;
};

struct JobPage {
  std::vector<Job> jobs;  // Newest first.
  bool more = false;
};

inline constexpr uint32_t kWaitingMax = 25;  // Beyond the running one, unless said otherwise.
inline constexpr size_t kRequestBytesMax = 64 * 1024;  // kTooLarge
inline constexpr size_t kMessageBytesMax = 2048;       // Cut at a character.

class Queue {
 public:
  // Keys live in `family` under the prefix "job/". The references must outlive the queue.
  // `waiting_max`: jobs of one kind beyond the running one; kBusy.
  Queue(kv::Store& store, kv::Family family, const Clock& clock, RandomSource& random,
        uint32_t waiting_max = kWaitingMax);

  // Called with every job state that is about to be committed, to add to its batch: the event that
  // reports it (jobs/events.h). It must be quick, must not call the queue, and may be called again
  // for the same change when a commit has to be retried. Set before the queue is used by others.
  using Recorder = std::function<void(const Job& job, kv::Batch* batch)>;
  void SetRecorder(Recorder recorder) { recorder_ = std::move(recorder); }
  kv::Family family() const { return family_; }

  // Commits the new job together with `with` (idempotency token). Errors: kBusy, kTooLarge,
  // kConflict (an expectation in `with`).
  Result<Job> Submit(std::string_view kind, std::string_view request, kv::Batch with);
  // As Submit, with an id that the caller chose: 32 lower-case hexadecimal digits. Errors also:
  // kInvalid, kConflict (it exists).
  Result<Job> SubmitAs(std::string_view id, std::string_view kind, std::string_view request,
                       kv::Batch with);

  // Errors: kNotFound.
  Result<Job> Get(std::string_view kind, std::string_view id) const;
  Result<JobPage> List(const JobFilter& filter) const;
  // Jobs of any kind that are not final.
  Result<uint32_t> CountActive() const;
  // Those of one kind.
  struct ActiveJobs {
    uint32_t waiting = 0;
    bool running = false;  // Claimed, now or before an interruption.
  };
  Result<ActiveJobs> CountActive(std::string_view kind) const;

  // The job to work on now: the interrupted one first, else the oldest that waits. Empty when there
  // is none or when one of this kind is claimed by this object. The claim ends with Finish or
  // Release.
  Result<std::optional<Job>> Claim(std::string_view kind);

  // Adds to `batch` what records the checkpoint, guarded by the job's fence: the caller commits (or
  // ingests) it with the work. On kConflict the claim is lost and the worker stops.
  void AddCheckpoint(const Job& job, std::string_view checkpoint, std::string_view progress,
                     kv::Batch* batch) const;
  // Ends the job together with `with`. `state` is final (CHECK); an empty `progress` keeps that of
  // the last checkpoint. Errors: kConflict (the claim is lost). After an error the claim stays.
  struct Outcome {
    JobState state = JobState::kCompleted;
    std::string message;
    std::string progress;
  };
  Result<Job> Finish(const Job& job, const Outcome& outcome, kv::Batch with);
  // Lets the claim go without ending the job (the process stops; a fault that may pass).
  void Release(const Job& job);
  // Ends a waiting job as CANCEL_COMPLETED, or asks a running one's worker to end it: it shows
  // CANCEL_SUBMITTED and its worker sees CancelRequested. Errors: kNotFound, kConflict (final).
  Result<Job> Cancel(std::string_view kind, std::string_view id);
  bool CancelRequested(const Job& job) const;

 private:
  Result<std::optional<Job>> ClaimFirst(std::string_view kind);
  void Unclaim(std::string_view kind);
  // What every end of a job has in common.
  void AddEnd(const Job& ended, uint64_t order, std::string_view document,
              uint64_t expected_revision, kv::Batch* batch) const;

  kv::Store& store_;
  const kv::Family family_;
  const Clock& clock_;
  RandomSource& random_;
  const uint32_t waiting_max_;
  Recorder recorder_;
  mutable Mutex mutex_;
  std::vector<std::string> claimed_ GUARDED_BY(mutex_);  // Kinds claimed by this object.
};

}  // namespace tarn::jobs
