// The queue is a few families of small keys beside the data that its jobs change, so that one batch
// can hold both. Three decisions carry it:
//
// - A job's document is written by Submit, Claim, Cancel and Finish only; its revision is the fence
//   of the present claim. Checkpoints go to a key of their own and merely *expect* that revision:
//   many checkpoints share one claim, and a worker whose claim was lost cannot commit any work.
// - Order is the commit sequence of the submission, substituted into keys and document by the
//   store. First in, first out thus needs no counter and no clock.
// - Submissions of a kind are serialized by a guard key's revision, or two at once could both see
//   room for the last waiting job.
//
// Rejected: storing QUEUED (every end of a job would have to touch the next one), and a lock held
// over reading and committing.
#include "jobs/queue.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/utf8.h"
#include "jobs/internal/job_codec.h"
#include "json/document.h"

namespace tarn::jobs {
namespace {

using internal::Document;
using internal::KeyKind;

constexpr std::array<std::string_view, 10> kStateNames = {"SUBMITTED",
                                                          "QUEUED",
                                                          "IN_PROGRESS",
                                                          "COMPLETED",
                                                          "COMPLETED_WITH_ERRORS",
                                                          "FAILED",
                                                          "CANCEL_SUBMITTED",
                                                          "CANCEL_IN_PROGRESS",
                                                          "CANCEL_COMPLETED",
                                                          "CANCEL_FAILED"};

// Lost races of short transactions against each other: each try means that another one won.
constexpr int kTriesMax = 64;

Error NoSuchJob() { return NotFound("there is no such job"); }

Job ToJob(std::string_view kind, std::string_view id, Document document) {
  Job job;
  job.id = id;
  job.kind = kind;
  job.state = document.state;
  job.submit_unix_ms = document.submit_unix_ms;
  job.end_unix_ms = document.end_unix_ms;
  job.request = std::move(document.request);
  job.message = std::move(document.message);
  job.fence = document.revision;
  return job;
}

// Errors: kNotFound, kCorrupt, kUnavailable.
Result<Document> ReadDocument(const kv::Snapshot& snapshot, kv::Family family,
                              std::string_view kind, std::string_view id) {
  if (!internal::IsJobId(id)) return NoSuchJob();
  std::string bytes;
  TRY(const bool found,
      snapshot.Get(family, internal::IdKey(KeyKind::kDocument, kind, id), &bytes));
  if (!found) return NoSuchJob();
  return internal::DecodeDocument(bytes);
}

// The order number of the first job of a kind that is not final: the one that runs or is next.
Result<std::optional<uint64_t>> FirstActive(const kv::Snapshot& snapshot, kv::Family family,
                                            std::string_view kind, std::string* id) {
  const std::string prefix = internal::Prefix(KeyKind::kActive, kind);
  auto cursor = snapshot.Scan(family, kv::PrefixRange(prefix));
  TRY(cursor->status());
  if (!cursor->Valid()) return std::optional<uint64_t>();
  if (cursor->key().size() != prefix.size() + 8) {
    return Error{ErrorKind::kCorrupt, "job queue: an active entry does not decode"};
  }
  if (id != nullptr) *id = cursor->value();
  return std::optional<uint64_t>(LoadBe64(cursor->key().substr(prefix.size())));
}

Result<uint32_t> CountKeys(const kv::Snapshot& snapshot, kv::Family family,
                           std::string_view prefix) {
  auto cursor = snapshot.Scan(family, kv::PrefixRange(prefix));
  uint32_t count = 0;
  for (; cursor->Valid(); cursor->Next()) ++count;
  TRY(cursor->status());
  return count;
}

// Completes a job with what its document does not hold: checkpoint, progress, and how it shows.
Status FillJob(const kv::Snapshot& snapshot, kv::Family family, uint64_t order,
               std::optional<uint64_t> first_active, Job* job) {
  std::string bytes;
  TRY(const bool has_checkpoint,
      snapshot.Get(family, internal::IdKey(KeyKind::kCheckpoint, job->kind, job->id), &bytes));
  if (has_checkpoint) TRY(internal::DecodeCheckpoint(bytes, job));
  if (job->state == JobState::kSubmitted && first_active && *first_active != order) {
    job->state = JobState::kQueued;
  }
  if (job->state == JobState::kInProgress) {
    TRY(const bool cancelled,
        snapshot.Get(family, internal::IdKey(KeyKind::kCancel, job->kind, job->id), &bytes));
    if (cancelled) job->state = JobState::kCancelSubmitted;
  }
  return Ok();
}

bool HasName(const Job& job, const std::string& name) {
  json::Parser parser;
  const auto document = parser.Parse(job.request);
  if (!document.ok()) return false;
  const uint32_t node = document.value().Find(json::kRoot, "JobName");
  return node != json::kNoNode && document.value().kind(node) == json::Kind::kString &&
         document.value().String(node) == name;
}

}  // namespace

std::string_view JobStateName(JobState state) {
  const size_t index = static_cast<size_t>(state);
  CHECK(index < kStateNames.size());
  return kStateNames[index];
}

std::optional<JobState> ParseJobState(std::string_view name) {
  const auto* found = std::find(kStateNames.begin(), kStateNames.end(), name);
  if (found == kStateNames.end()) return std::nullopt;
  return static_cast<JobState>(found - kStateNames.begin());
}

bool IsFinal(JobState state) {
  switch (state) {
    case JobState::kSubmitted:
    case JobState::kQueued:
    case JobState::kInProgress:
    case JobState::kCancelSubmitted:
    case JobState::kCancelInProgress:
      return false;
    case JobState::kCompleted:
    case JobState::kCompletedWithErrors:
    case JobState::kFailed:
    case JobState::kCancelCompleted:
    case JobState::kCancelFailed:
      return true;
  }
  CHECK(false);
}

Queue::Queue(kv::Store& store, kv::Family family, const Clock& clock, RandomSource& random,
             uint32_t waiting_max)
    : store_(store), family_(family), clock_(clock), random_(random), waiting_max_(waiting_max) {}

Result<Job> Queue::Submit(std::string_view kind, std::string_view request, kv::Batch with) {
  return SubmitAs(NewHexId(random_), kind, request, std::move(with));
}

Result<Job> Queue::SubmitAs(std::string_view id, std::string_view kind, std::string_view request,
                            kv::Batch with) {
  if (!internal::IsJobId(id)) return Invalid("a job id is 32 lower-case hexadecimal digits");
  if (request.size() > kRequestBytesMax) {
    return Error{ErrorKind::kTooLarge, "a job's request may have 65536 bytes"};
  }
  const std::string guard_key = internal::Prefix(KeyKind::kGuard, kind);
  const kv::Batch of_caller = std::move(with);  // Each try begins with it.
  for (int tries = 0;; ++tries) {
    const auto snapshot = store_.GetSnapshot();
    TRY(const uint32_t active,
        CountKeys(*snapshot, family_, internal::Prefix(KeyKind::kActive, kind)));
    if (active > waiting_max_) {
      return Error{ErrorKind::kBusy,
                   std::to_string(waiting_max_) +
                       " jobs of this kind wait already; try again when one ended"};
    }
    std::string guard;
    TRY(const bool guarded, snapshot->Get(family_, guard_key, &guard));
    if (guarded && guard.size() != 8) {
      return Error{ErrorKind::kCorrupt, "job queue: the guard does not decode"};
    }
    const uint64_t guard_revision = guarded ? LoadBe64(guard) : 0;

    Document document{
        .revision = 1, .submit_unix_ms = clock_.UnixMs(), .request = std::string(request)};
    Job job = ToJob(kind, id, document);
    kv::Batch batch = of_caller;
    if (guarded) {
      batch.ExpectRevision(family_, guard_key, guard_revision);
    } else {
      batch.ExpectAbsent(family_, guard_key);
    }
    std::string next_guard;
    AppendBe64(&next_guard, guard_revision + 1);
    batch.Put(family_, guard_key, next_guard);
    const std::string document_key = internal::IdKey(KeyKind::kDocument, kind, id);
    batch.ExpectAbsent(family_, document_key);
    batch.PutSequenced(family_, document_key, internal::EncodeDocument(document),
                       {.value_offset = internal::kDocumentOrderOffset});
    const size_t order_offset = internal::OrderOffset(kind);
    batch.PutSequenced(family_, internal::OrderKey(KeyKind::kOrder, kind, 0),
                       internal::EncodeOrderEntry({document.submit_unix_ms, job.id}),
                       {.key_offset = order_offset});
    batch.PutSequenced(family_, internal::OrderKey(KeyKind::kActive, kind, 0), id,
                       {.key_offset = order_offset});
    if (recorder_) recorder_(job, &batch);

    const auto committed = store_.Commit(batch);
    if (committed.ok()) return job;
    if (committed.error().kind != ErrorKind::kConflict || tries >= kTriesMax) {
      return committed.error();
    }
    // Only a lost race for the guard is worth another try; other expectations stay broken.
    std::string now;
    TRY(const bool exists, store_.GetSnapshot()->Get(family_, guard_key, &now));
    if (exists == guarded && now == guard) return committed.error();
  }
}

Result<Job> Queue::Get(std::string_view kind, std::string_view id) const {
  const auto snapshot = store_.GetSnapshot();
  TRY(Document document, ReadDocument(*snapshot, family_, kind, id));
  const uint64_t order = document.order;
  TRY(const auto first_active, FirstActive(*snapshot, family_, kind, nullptr));
  Job job = ToJob(kind, id, std::move(document));
  TRY(FillJob(*snapshot, family_, order, first_active, &job));
  return job;
}

Result<JobPage> Queue::List(const JobFilter& filter) const {
  const auto snapshot = store_.GetSnapshot();
  TRY(const auto first_active, FirstActive(*snapshot, family_, filter.kind, nullptr));
  kv::KeyRange range = kv::PrefixRange(internal::Prefix(KeyKind::kOrder, filter.kind));
  if (!filter.after_job_id.empty()) {
    auto after = ReadDocument(*snapshot, family_, filter.kind, filter.after_job_id);
    if (!after.ok() && after.error().kind == ErrorKind::kNotFound) {
      return Invalid("the page begins after a job that does not exist");
    }
    TRY(const Document document, std::move(after));
    range.end = internal::OrderKey(KeyKind::kOrder, filter.kind, document.order);
  }
  JobPage page;
  auto cursor = snapshot->Scan(family_, range, kv::Direction::kReverse);
  for (; cursor->Valid(); cursor->Next()) {
    TRY(const internal::OrderEntry entry, internal::DecodeOrderEntry(cursor->value()));
    if (entry.submit_unix_ms < filter.submitted_after_unix_ms ||
        entry.submit_unix_ms > filter.submitted_before_unix_ms) {
      continue;
    }
    TRY(Document document, ReadDocument(*snapshot, family_, filter.kind, entry.id));
    const uint64_t order = document.order;
    Job job = ToJob(filter.kind, entry.id, std::move(document));
    if (!filter.name.empty() && !HasName(job, filter.name)) continue;
    TRY(FillJob(*snapshot, family_, order, first_active, &job));
    if (!filter.states.empty() &&
        std::find(filter.states.begin(), filter.states.end(), job.state) == filter.states.end()) {
      continue;
    }
    if (page.jobs.size() == filter.max) {
      page.more = true;
      break;
    }
    page.jobs.push_back(std::move(job));
  }
  TRY(cursor->status());
  return page;
}

Result<uint32_t> Queue::CountActive() const {
  return CountKeys(*store_.GetSnapshot(), family_, internal::ActivePrefix());
}

Result<Queue::ActiveJobs> Queue::CountActive(std::string_view kind) const {
  const auto snapshot = store_.GetSnapshot();
  TRY(const uint32_t active,
      CountKeys(*snapshot, family_, internal::Prefix(KeyKind::kActive, kind)));
  if (active == 0) return ActiveJobs{};
  // Only the first one can run.
  std::string id;
  TRY(FirstActive(*snapshot, family_, kind, &id));
  TRY(const Document document, ReadDocument(*snapshot, family_, kind, id));
  if (document.state == JobState::kSubmitted) return ActiveJobs{.waiting = active};
  return ActiveJobs{.waiting = active - 1, .running = true};
}

Result<std::optional<Job>> Queue::Claim(std::string_view kind) {
  {
    const MutexLock lock(mutex_);
    if (std::find(claimed_.begin(), claimed_.end(), kind) != claimed_.end()) {
      return std::optional<Job>();
    }
    claimed_.emplace_back(kind);
  }
  auto job = ClaimFirst(kind);
  if (!job.ok() || !job.value()) Unclaim(kind);
  return job;
}

Result<std::optional<Job>> Queue::ClaimFirst(std::string_view kind) {
  for (int tries = 0;; ++tries) {
    const auto snapshot = store_.GetSnapshot();
    std::string id;
    TRY(const auto first_active, FirstActive(*snapshot, family_, kind, &id));
    if (!first_active) return std::optional<Job>();
    TRY(Document document, ReadDocument(*snapshot, family_, kind, id));
    const uint64_t revision = document.revision;
    const bool was_waiting = document.state == JobState::kSubmitted;
    document.revision = revision + 1;
    document.state = JobState::kInProgress;
    const std::string encoded = internal::EncodeDocument(document);
    Job job = ToJob(kind, id, std::move(document));
    std::string bytes;
    TRY(const bool has_checkpoint,
        snapshot->Get(family_, internal::IdKey(KeyKind::kCheckpoint, kind, id), &bytes));
    if (has_checkpoint) TRY(internal::DecodeCheckpoint(bytes, &job));

    kv::Batch batch;
    const std::string document_key = internal::IdKey(KeyKind::kDocument, kind, id);
    batch.ExpectRevision(family_, document_key, revision);
    batch.Put(family_, document_key, encoded);
    // Taking an interrupted job up again is no change of its state.
    if (recorder_ && was_waiting) recorder_(job, &batch);
    const auto committed = store_.Commit(batch);
    if (committed.ok()) return std::optional<Job>(std::move(job));
    if (committed.error().kind != ErrorKind::kConflict || tries >= kTriesMax) {
      return committed.error();
    }
  }
}

void Queue::Unclaim(std::string_view kind) {
  const MutexLock lock(mutex_);
  const auto found = std::find(claimed_.begin(), claimed_.end(), kind);
  if (found != claimed_.end()) claimed_.erase(found);
}

void Queue::AddCheckpoint(const Job& job, std::string_view checkpoint, std::string_view progress,
                          kv::Batch* batch) const {
  batch->ExpectRevision(family_, internal::IdKey(KeyKind::kDocument, job.kind, job.id), job.fence);
  batch->Put(family_, internal::IdKey(KeyKind::kCheckpoint, job.kind, job.id),
             internal::EncodeCheckpoint(checkpoint, progress));
}

Result<Job> Queue::Finish(const Job& job, const Outcome& outcome, kv::Batch with) {
  CHECK(IsFinal(outcome.state));
  const auto snapshot = store_.GetSnapshot();
  TRY(Document document, ReadDocument(*snapshot, family_, job.kind, job.id));
  if (document.revision != job.fence) {
    return Error{ErrorKind::kConflict, "the job was taken over by another worker"};
  }
  Job ended = job;
  std::string bytes;
  TRY(const bool has_checkpoint,
      snapshot->Get(family_, internal::IdKey(KeyKind::kCheckpoint, job.kind, job.id), &bytes));
  if (has_checkpoint) TRY(internal::DecodeCheckpoint(bytes, &ended));
  if (!outcome.progress.empty()) ended.progress = outcome.progress;
  ended.state = document.state = outcome.state;
  ended.message = document.message =
      outcome.message.substr(0, Utf8PrefixBytes(outcome.message, kMessageBytesMax));
  ended.end_unix_ms = document.end_unix_ms = std::max(clock_.UnixMs(), document.submit_unix_ms);
  ended.fence = document.revision = job.fence + 1;

  // The checkpoint has done its work: only the progress stays.
  ended.checkpoint.clear();
  kv::Batch batch = std::move(with);
  AddEnd(ended, document.order, internal::EncodeDocument(document), job.fence, &batch);
  batch.Put(family_, internal::IdKey(KeyKind::kCheckpoint, job.kind, job.id),
            internal::EncodeCheckpoint({}, ended.progress));
  TRY(store_.Commit(batch));
  Unclaim(job.kind);
  return ended;
}

void Queue::AddEnd(const Job& ended, uint64_t order, std::string_view document,
                   uint64_t expected_revision, kv::Batch* batch) const {
  const std::string document_key = internal::IdKey(KeyKind::kDocument, ended.kind, ended.id);
  batch->ExpectRevision(family_, document_key, expected_revision);
  batch->Put(family_, document_key, document);
  batch->Delete(family_, internal::OrderKey(KeyKind::kActive, ended.kind, order));
  batch->Delete(family_, internal::IdKey(KeyKind::kCancel, ended.kind, ended.id));
  if (recorder_) recorder_(ended, batch);
}

void Queue::Release(const Job& job) { Unclaim(job.kind); }

Result<Job> Queue::Cancel(std::string_view kind, std::string_view id) {
  for (int tries = 0;; ++tries) {
    const auto snapshot = store_.GetSnapshot();
    TRY(Document document, ReadDocument(*snapshot, family_, kind, id));
    if (IsFinal(document.state)) {
      return Error{ErrorKind::kConflict, "the job has ended"};
    }
    const uint64_t revision = document.revision;
    kv::Batch batch;
    Job job;
    if (document.state == JobState::kSubmitted) {
      document.revision = revision + 1;
      document.state = JobState::kCancelCompleted;
      document.end_unix_ms = std::max(clock_.UnixMs(), document.submit_unix_ms);
      job = ToJob(kind, id, document);
      AddEnd(job, document.order, internal::EncodeDocument(document), revision, &batch);
    } else {
      // The running worker's fence stays: it must be able to end the job.
      job = ToJob(kind, id, document);
      job.state = JobState::kCancelSubmitted;
      batch.ExpectRevision(family_, internal::IdKey(KeyKind::kDocument, kind, id), revision);
      batch.Put(family_, internal::IdKey(KeyKind::kCancel, kind, id), {});
    }
    const auto committed = store_.Commit(batch);
    if (committed.ok()) return job;
    if (committed.error().kind != ErrorKind::kConflict || tries >= kTriesMax) {
      return committed.error();
    }
  }
}

bool Queue::CancelRequested(const Job& job) const {
  std::string bytes;
  const auto found = store_.GetSnapshot()->Get(
      family_, internal::IdKey(KeyKind::kCancel, job.kind, job.id), &bytes);
  return found.ok() && found.value();
}

}  // namespace tarn::jobs
