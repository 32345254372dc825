// One export job: one snapshot, its resources as they are stored, without parsing any; then a
// manifest of what was written, with counts.
//
// The live bitmaps say what to export; they are cut into tasks of a few chunks of ordinals, and
// threads take tasks in order. A task walks family version, where the newest version of each
// ordinal comes first, and writes parts of bounded size.
//
// An export keeps no checkpoint: a snapshot does not outlive the process, and half of one state
// with half of another would be neither. After a crash it begins anew, from a new snapshot, and
// removes what it had written.
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/job_layout.h"
#include "fhir_store/internal/job_runs.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/limits.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

using json::Value;

constexpr size_t kWriteBytes = 1u << 20;  // Gathered before an object is written to.
constexpr size_t kThreads = 2;
constexpr std::chrono::milliseconds kPollPause{50};
constexpr std::string_view kContentType = "application/fhir+ndjson";

struct Chunk {
  uint32_t number = 0;
  kv::Bits live;
};

// Some neighbouring chunks of one type.
struct Task {
  fhir::TypeId type = fhir::kNoType;
  uint32_t range = 0;  // Within the type, from 0: part of the objects' names.
  std::vector<Chunk> chunks;
};

struct WrittenFile {
  fhir::TypeId type = fhir::kNoType;
  uint32_t range = 0;
  uint32_t part = 0;
  std::string key;
  uint64_t count = 0;
};

// The objects of one task.
class PartWriter {
 public:
  PartWriter(StoreState& state, const objects::S3Uri& folder, std::string name_start,
             const Task& task)
      : state_(state), folder_(folder), name_start_(std::move(name_start)), task_(task) {}

  // Where the next resource and its line feed are appended.
  std::string* buffer() { return &buffer_; }
  // After each resource.
  Status Resource() {
    ++count_;
    if (buffer_.size() < kWriteBytes) return Ok();
    return Flush();
  }
  Status Finish() {
    TRY(Flush());
    return FinishPart();
  }
  std::vector<WrittenFile>& files() { return files_; }

 private:
  Status Flush() {
    if (buffer_.empty()) return Ok();
    if (!writer_) {
      key_ = Beneath(folder_, name_start_ + std::to_string(task_.range) + "-" +
                                  std::to_string(part_) + ".ndjson")
                 .key;
      objects::PutRequest request;
      request.metadata.content_type = kContentType;
      TRY(writer_, state_.objects.Put(folder_.bucket, key_, request));
    }
    TRY(writer_->Write(buffer_));
    part_bytes_ += buffer_.size();
    buffer_.clear();
    if (part_bytes_ < state_.options.export_part_bytes_max) return Ok();
    return FinishPart();
  }
  Status FinishPart() {
    if (!writer_) return Ok();
    TRY(writer_->Finish());
    writer_.reset();
    files_.push_back({task_.type, task_.range, part_, key_, count_});
    ++part_;
    part_bytes_ = 0;
    count_ = 0;
    return Ok();
  }

  StoreState& state_;
  const objects::S3Uri& folder_;
  const std::string name_start_;
  const Task& task_;
  std::string buffer_;
  std::unique_ptr<objects::ObjectWriter> writer_;
  std::string key_;
  uint32_t part_ = 0;
  uint64_t part_bytes_ = 0;
  uint64_t count_ = 0;
  std::vector<WrittenFile> files_;
};

class ExportJob {
 public:
  ExportJob(StoreState& state, const jobs::Job& job, ExportRequest request)
      : state_(state),
        job_(job),
        request_(std::move(request)),
        folder_(JobFolder(request_.output, {state.options.data_store_id, "FHIR_EXPORT", job.id})) {}

  enum class Ended { kDone, kStopped, kCancelled };
  Result<Ended> Work(const std::function<bool()>& stop);
  Result<jobs::Job> Finish(Ended ended);
  Result<jobs::Job> Fail(const Error& error);

 private:
  Status RemoveOldFiles();
  Result<std::vector<Task>> PlanTasks(const kv::Snapshot& snapshot) const;
  void RunTasks(const kv::Snapshot& snapshot, const std::vector<Task>& tasks);
  Status RunTask(const kv::Snapshot& snapshot, const Task& task);
  Status WriteChunk(const kv::Snapshot& snapshot, const Task& task, const Chunk& chunk,
                    PartWriter* writer);
  Value FilesValue() const;
  std::string ReportText() const;
  std::string ManifestText() const;
  Result<jobs::Job> FinishCompleted();
  bool Ending();

  StoreState& state_;
  const jobs::Job& job_;
  const ExportRequest request_;
  const objects::S3Uri folder_;
  int64_t transaction_unix_ms_ = 0;

  Mutex mutex_;
  CondVar ended_;
  size_t next_task_ GUARDED_BY(mutex_) = 0;
  size_t threads_left_ GUARDED_BY(mutex_) = 0;
  bool ending_ GUARDED_BY(mutex_) = false;  // Stopped, cancelled or failed.
  Status status_ GUARDED_BY(mutex_) = Ok();
  std::vector<WrittenFile> files_;  // Guarded by mutex_ while threads run.
};

Status ExportJob::RemoveOldFiles() {
  for (;;) {
    TRY(const auto page, state_.objects.List(folder_.bucket, {.prefix = folder_.key}));
    if (page.objects.empty()) return Ok();
    for (const auto& object : page.objects) {
      TRY(state_.objects.Delete(folder_.bucket, object.key));
    }
  }
}

Result<std::vector<Task>> ExportJob::PlanTasks(const kv::Snapshot& snapshot) const {
  constexpr uint32_t kTaskChunks = kExportTaskOrdinals / kChunkOrdinals;
  std::vector<fhir::TypeId> types;
  for (fhir::TypeId type = 1; type <= fhir::TypeCount(); ++type) types.push_back(type);
  std::sort(types.begin(), types.end(),
            [](fhir::TypeId a, fhir::TypeId b) { return fhir::TypeName(a) < fhir::TypeName(b); });
  std::vector<Task> tasks;
  for (const fhir::TypeId type : types) {
    const auto cursor = snapshot.Scan(kLive, kv::PrefixRange(TypePrefix(type)));
    for (; cursor->Valid(); cursor->Next()) {
      TRY(const uint32_t number, ParseLiveKey(cursor->key()));
      TRY(kv::Bits live, kv::Bits::Decode(cursor->value()));
      if (live.IsEmpty()) continue;
      const uint32_t range = number / kTaskChunks;
      if (tasks.empty() || tasks.back().type != type || tasks.back().range != range) {
        tasks.push_back({.type = type, .range = range, .chunks = {}});
      }
      tasks.back().chunks.push_back({number, std::move(live)});
    }
    TRY(cursor->status());
  }
  return tasks;
}

bool ExportJob::Ending() {
  MutexLock lock(mutex_);
  return ending_;
}

Status ExportJob::WriteChunk(const kv::Snapshot& snapshot, const Task& task, const Chunk& chunk,
                             PartWriter* writer) {
  const Ordinal first = chunk.number * kChunkOrdinals;
  const bool last_chunk = chunk.number == UINT16_MAX;
  const auto cursor =
      snapshot.Scan(kVersion, {.begin = IdentKey(task.type, first),
                               .end = last_chunk ? kv::PrefixRange(TypePrefix(task.type)).end
                                                 : IdentKey(task.type, first + kChunkOrdinals)});
  uint32_t written = 0;
  uint64_t done = UINT64_MAX;  // The ordinal whose newest version was seen.
  for (; cursor->Valid(); cursor->Next()) {
    TRY(const VersionKeyParts key, ParseVersionKey(cursor->key()));
    if (key.ordinal == done) continue;
    done = key.ordinal;
    if (!chunk.live.Contains(static_cast<uint16_t>(key.ordinal % kChunkOrdinals))) continue;
    TRY(const BodyHeader header,
        AppendDecodedBody(cursor->value(), *state_.dictionaries, writer->buffer()));
    if (header.deleted) return Error{ErrorKind::kCorrupt, "a deleted resource is marked as live"};
    writer->buffer()->push_back('\n');
    ++written;
    TRY(writer->Resource());
  }
  TRY(cursor->status());
  if (written != chunk.live.Count()) {
    return Error{ErrorKind::kCorrupt, "bodies of live resources are missing"};
  }
  state_.exported_total.Add(written);
  return Ok();
}

Status ExportJob::RunTask(const kv::Snapshot& snapshot, const Task& task) {
  const std::string type(fhir::TypeName(task.type));
  // The number that the service has in these names; ours is made from the job's id.
  TRY(const std::string id_bytes, HexDecode(job_.id));
  const uint64_t number = LoadBe64(id_bytes) >> 1;
  PartWriter writer(state_, folder_, type + "/" + type + "-" + std::to_string(number) + "-", task);
  for (const Chunk& chunk : task.chunks) {
    if (Ending()) return Ok();
    TRY(WriteChunk(snapshot, task, chunk, &writer));
  }
  TRY(writer.Finish());
  MutexLock lock(mutex_);
  for (WrittenFile& file : writer.files()) files_.push_back(std::move(file));
  return Ok();
}

void ExportJob::RunTasks(const kv::Snapshot& snapshot, const std::vector<Task>& tasks) {
  MutexLock lock(mutex_);
  while (next_task_ < tasks.size() && !ending_) {
    const Task& task = tasks[next_task_++];
    mutex_.Unlock();
    const Status status = RunTask(snapshot, task);
    mutex_.Lock();
    if (!status.ok() && status_.ok()) {
      status_ = status;
      ending_ = true;
    }
  }
  --threads_left_;
  ended_.NotifyAll();
}

Result<ExportJob::Ended> ExportJob::Work(const std::function<bool()>& stop) {
  const Status writable = CheckOutput(state_.objects, request_.output);
  if (!writable.ok()) {
    return Error{writable.error().kind,
                 "cannot write to " + ToText(request_.output) + ": " + writable.error().detail};
  }
  TRY(RemoveOldFiles());
  transaction_unix_ms_ = state_.clock.UnixMs();
  const auto snapshot = state_.kv.GetSnapshot();
  TRY(const std::vector<Task> tasks, PlanTasks(*snapshot));
  Ended ended = Ended::kDone;
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    threads_left_ = std::min(kThreads, tasks.size());
    for (size_t i = 0; i < threads_left_; ++i) {
      threads.emplace_back([this, &snapshot, &tasks] { RunTasks(*snapshot, tasks); });
    }
    while (threads_left_ > 0) {
      ended_.WaitFor(mutex_, kPollPause);
      mutex_.Unlock();
      const bool stopped = stop();
      const bool cancelled = !stopped && state_.queue.CancelRequested(job_);
      mutex_.Lock();
      if (!stopped && !cancelled) continue;
      ended = stopped ? Ended::kStopped : Ended::kCancelled;
      ending_ = true;
    }
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(mutex_);
  TRY(status_);
  return ended;
}

Value ExportJob::FilesValue() const {
  Value files = Value::MakeArray();
  for (const WrittenFile& file : files_) {
    files.Append(Value::MakeObject()
                     .Set("type", Value::String(std::string(fhir::TypeName(file.type))))
                     .Set("url", Value::String(ToText(objects::S3Uri{folder_.bucket, file.key})))
                     .Set("count", Value::Int(static_cast<int64_t>(file.count))));
  }
  return files;
}

std::string ExportJob::ReportText() const {
  return json::ToText(Value::MakeObject()
                          .Set("transactionUnixMs", Value::Int(transaction_unix_ms_))
                          .Set("output", FilesValue()));
}

// The members that the service's REST export answers with when it is done.
std::string ExportJob::ManifestText() const {
  Value manifest = Value::MakeObject();
  manifest.Set("transactionTime", Value::String(FormatFhirInstant(transaction_unix_ms_)))
      .Set("requiresAccessToken", Value::Bool(false))
      .Set("output", FilesValue())
      .Set("error", Value::MakeArray());
  return json::ToPrettyText(manifest) + "\n";
}

Result<jobs::Job> ExportJob::FinishCompleted() {
  std::sort(files_.begin(), files_.end(), [](const WrittenFile& a, const WrittenFile& b) {
    return std::tuple(fhir::TypeName(a.type), a.range, a.part) <
           std::tuple(fhir::TypeName(b.type), b.range, b.part);
  });
  // Last of the objects: where there is a manifest, the export is whole.
  TRY(objects::WriteObject(state_.objects, Beneath(folder_, kManifestName), ManifestText(),
                           "application/json"));
  return state_.queue.Finish(
      job_, {.state = jobs::JobState::kCompleted, .message = {}, .progress = ReportText()}, {});
}

Result<jobs::Job> ExportJob::Finish(Ended ended) {
  if (ended == Ended::kCancelled) {
    TRY(RemoveOldFiles());
    return state_.queue.Finish(job_, {.state = jobs::JobState::kCancelCompleted}, {});
  }
  return FinishCompleted();
}

Result<jobs::Job> ExportJob::Fail(const Error& error) {
  return state_.queue.Finish(
      job_, {.state = jobs::JobState::kFailed, .message = error.detail, .progress = {}}, {});
}

}  // namespace

Result<std::optional<jobs::Job>> RunExportJob(StoreState& state, const jobs::Job& job,
                                              const std::function<bool()>& stop) {
  auto request = ParseExportRequest(job);
  if (!request.ok()) {
    TRY(auto ended,
        state.queue.Finish(
            job, {.state = jobs::JobState::kFailed, .message = request.error().detail}, {}));
    return std::optional(std::move(ended));
  }
  ExportJob work(state, job, std::move(request).value());
  auto ended = work.Work(stop);
  if (!ended.ok()) {
    if (LeavesJobForLater(ended.error())) return ended.error();
    TRY(auto failed, work.Fail(ended.error()));
    return std::optional(std::move(failed));
  }
  if (ended.value() == ExportJob::Ended::kStopped) return std::optional<jobs::Job>();
  auto finished = work.Finish(ended.value());
  if (!finished.ok() && !LeavesJobForLater(finished.error())) {
    finished = work.Fail(finished.error());
  }
  if (!finished.ok()) return finished.error();
  return std::optional(std::move(finished).value());
}

Result<ExportReport> ParseExportReport(const jobs::Job& job) {
  ExportReport report;
  if (job.state != jobs::JobState::kCompleted) return report;
  const Error corrupt{ErrorKind::kCorrupt, "stored export report does not decode"};
  const auto parsed = json::ParseValue(job.progress);
  if (job.kind != kExportKind || !parsed.ok()) return corrupt;
  const Value* time = parsed.value().Find("transactionUnixMs");
  const Value* output = parsed.value().Find("output");
  if (time == nullptr || !time->IsNumber() || output == nullptr || !output->IsArray()) {
    return corrupt;
  }
  report.transaction_unix_ms = time->AsInt().value_or(0);
  for (const Value& item : output->items()) {
    const Value* type = item.Find("type");
    const Value* url = item.Find("url");
    const Value* count = item.Find("count");
    if (type == nullptr || url == nullptr || count == nullptr || !type->IsString() ||
        !url->IsString() || !count->IsNumber()) {
      return corrupt;
    }
    TRY(auto uri, objects::ParseS3Uri(url->AsString()));
    report.files.push_back(
        {type->AsString(), std::move(uri), static_cast<uint64_t>(count->AsInt().value_or(0))});
  }
  return report;
}

}  // namespace tarn::fhir_store
