// One import job.
//
//   begin      check the output, list the input, count it          -> first checkpoint
//   reading    blocks -> runs; every commit holds a checkpoint, and the objects of finished files
//              are written after the commit that finished them
//   late       the lines that were postponed to the end (import_postponed.h), in further runs
//   ending     Manifest.json, then the job's end
//
// A crash anywhere resumes at the last checkpoint: what was committed is not read again, what was
// not leaves no trace, and writing an object again gives the same object.
#include <utility>

#include "base/check.h"
#include "fhir_store/internal/import_checkpoint.h"
#include "fhir_store/internal/import_loop.h"
#include "fhir_store/internal/import_output.h"
#include "fhir_store/internal/import_postponed.h"
#include "fhir_store/internal/import_source.h"
#include "fhir_store/internal/job_layout.h"
#include "fhir_store/internal/job_runs.h"
#include "fhir_store/limits.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

using json::Value;

// AWS calls 10^6 bytes a megabyte in its reports.
double MegabytesOf(uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

std::string ManifestText(const ImportRequest& request, const objects::S3Uri& folder,
                         const ImportProgress& counts) {
  const auto number = [](uint64_t n) { return Value::Int(static_cast<int64_t>(n)); };
  const auto uri = [&folder](std::string_view name) {
    return Value::String(ToText(Beneath(folder, name)));
  };
  Value output = Value::MakeObject();
  output.Set("s3Uri", Value::String(ToText(folder)));
  if (!request.output_kms_key_id.empty()) {
    output.Set("encryptionKeyID", Value::String(request.output_kms_key_id));
  }
  Value manifest = Value::MakeObject();
  manifest
      .Set("inputDataConfig",
           Value::MakeObject().Set("s3Uri", Value::String(ToText(request.input))))
      .Set("outputDataConfig", std::move(output))
      .Set("successOutput", Value::MakeObject().Set("successOutputS3Uri", uri(kSuccessFolder)))
      .Set("failureOutput", Value::MakeObject().Set("failureOutputS3Uri", uri(kFailureFolder)))
      .Set("numberOfScannedFiles", number(counts.files_scanned))
      .Set("numberOfFilesImported", number(counts.files_imported))
      .Set("sizeOfScannedFilesInMB", Value::Double(MegabytesOf(counts.bytes_scanned)))
      .Set("sizeOfDataImportedSuccessfullyInMB", Value::Double(MegabytesOf(counts.bytes_imported)))
      .Set("numberOfResourcesScanned", number(counts.resources_scanned))
      .Set("numberOfResourcesImportedSuccessfully", number(counts.resources_imported))
      .Set("numberOfResourcesWithCustomerError", number(counts.resources_with_customer_error))
      .Set("numberOfResourcesWithServerError", number(counts.resources_with_server_error));
  return json::ToPrettyText(manifest) + "\n";
}

class ImportJob final : public ImportSink {
 public:
  ImportJob(StoreState& state, const jobs::Job& job, ImportRequest request,
            ImportCheckpoint checkpoint)
      : state_(state),
        job_(job),
        request_(std::move(request)),
        folder_(JobFolder(request_.output, {state.options.data_store_id, "FHIR_IMPORT", job.id})),
        checkpoint_(std::move(checkpoint)),
        elapsed_before_ms_(checkpoint_.elapsed_ms),
        begin_ns_(state.clock.MonotonicNs()),
        listing_(state.objects, request_.input, folder_),
        output_(state, job.id, folder_),
        postponed_(state, job.id) {}
  ~ImportJob() override {
    MutexLock lock(state_.running_import.mutex);
    state_.running_import.job_id.clear();
  }
  ImportJob(const ImportJob&) = delete;
  ImportJob& operator=(const ImportJob&) = delete;

  // False when `stop` ended it.
  Result<bool> Work(const std::function<bool()>& stop);
  Result<jobs::Job> End();
  Result<jobs::Job> Fail(const Error& error);

  Status Added(const ImportBlock& block) override;
  bool WantsCommit() const override { return output_.IsLarge() || postponed_.IsLarge(); }
  void FillPublish(bool all_read, kv::Batch* batch) override;
  Status Committed() override;

 private:
  Status Begin();
  Status CountInput();
  Result<LoopEnd> ReadFiles(const std::function<bool()>& stop);
  Result<LoopEnd> WritePostponed(const std::function<bool()>& stop);
  void CountLines(const ImportBlock& block);
  void EndFile(const ImportBlock& block);
  ImportProgress CurrentProgress() const;
  void ShowProgress();

  StoreState& state_;
  const jobs::Job& job_;
  const ImportRequest request_;
  const objects::S3Uri folder_;
  ImportCheckpoint checkpoint_;  // As of the blocks added; committed by FillPublish.
  const uint64_t elapsed_before_ms_;
  const int64_t begin_ns_;
  ImportProgress committed_;  // The counts that the last commit made durable.
  ImportListing listing_;
  ImportOutput output_;
  PostponedLines postponed_;
};

Status ImportJob::CountInput() {
  ImportListing listing(state_.objects, request_.input, folder_);
  const Status started = listing.Start();
  if (!started.ok()) {
    return Error{started.error().kind,
                 "cannot read " + ToText(request_.input) + ": " + started.error().detail};
  }
  ImportProgress& counts = checkpoint_.counts;
  for (;;) {
    TRY(const auto file, listing.Next());
    if (file == nullptr) break;
    ++counts.files_scanned;
    counts.bytes_scanned += file->bytes;
    if (counts.files_scanned > kImportFilesMax || counts.bytes_scanned > kImportJobBytesMax) {
      return Error{ErrorKind::kTooLarge, "the input has more than " +
                                             std::to_string(kImportFilesMax) + " files or " +
                                             std::to_string(kImportJobBytesMax) + " bytes"};
    }
  }
  if (counts.files_scanned == 0) {
    return NotFound("there are no files at " + ToText(request_.input));
  }
  return Ok();
}

Status ImportJob::Begin() {
  const Status writable = CheckOutput(state_.objects, request_.output);
  if (!writable.ok()) {
    return Error{writable.error().kind,
                 "cannot write to " + ToText(request_.output) + ": " + writable.error().detail};
  }
  TRY(CountInput());
  kv::Batch batch;
  FillPublish(false, &batch);
  TRY(WithRetries(state_, [&]() -> Status {
    TRY(state_.kv.Commit(batch));
    return Ok();
  }));
  return Ok();
}

Result<bool> ImportJob::Work(const std::function<bool()>& stop) {
  if (job_.checkpoint.empty()) TRY(Begin());
  committed_ = checkpoint_.counts;
  ShowProgress();
  // What a crash left between a commit and its objects.
  TRY(output_.WriteFinished(checkpoint_.files_done));
  TRY(postponed_.Load());
  if (!checkpoint_.reading_done) {
    TRY(const LoopEnd read, ReadFiles(stop));
    if (read == LoopEnd::kStopped) return false;
  }
  TRY(const LoopEnd written, WritePostponed(stop));
  return written == LoopEnd::kAllRead;
}

Result<LoopEnd> ImportJob::ReadFiles(const std::function<bool()>& stop) {
  TRY(listing_.Start());
  FilesSource source(state_.objects, request_.input.bucket, &listing_);
  if (!checkpoint_.last_key.empty()) {
    listing_.SkipTo(checkpoint_.files_done + (checkpoint_.open.has_value() ? 1 : 0),
                    checkpoint_.last_key);
  }
  if (checkpoint_.open.has_value()) {
    source.ResumeAt(std::make_shared<const ImportFile>(checkpoint_.open->file),
                    checkpoint_.open->next);
    output_.Resume(*checkpoint_.open);
  }
  return RunImportLoop(state_, source, *this, &postponed_, stop);
}

Result<LoopEnd> ImportJob::WritePostponed(const std::function<bool()>& stop) {
  if (postponed_.IsEmpty()) return LoopEnd::kAllRead;
  Status read = Ok();
  const auto next = postponed_.Reader(&read);
  GeneratedSource source(next);
  TRY(const LoopEnd end, RunImportLoop(state_, source, *this, nullptr, stop));
  TRY(read);
  return end;
}

void ImportJob::CountLines(const ImportBlock& block) {
  ImportProgress& counts = checkpoint_.counts;
  for (const ImportLine& line : block.lines) {
    ++counts.resources_scanned;
    if (line.outcome == LineOutcome::kFailed) {
      ++counts.resources_with_customer_error;
    } else {
      ++counts.resources_imported;
      counts.bytes_imported += line.text_bytes + 1;
    }
  }
}

void ImportJob::EndFile(const ImportBlock& block) {
  ImportProgress& counts = checkpoint_.counts;
  checkpoint_.open.reset();
  ++checkpoint_.files_done;
  if (block.file_error.empty()) {
    ++counts.files_imported;
    return;
  }
  ++counts.files_with_customer_error;
  if (checkpoint_.first_file_error.empty()) {
    checkpoint_.first_file_error = block.file->key + ": " + block.file_error;
  }
}

Status ImportJob::Added(const ImportBlock& block) {
  if (block.file == nullptr) {
    // Postponed lines: they were counted and reported when they were read.
    if (!block.failures.empty()) return block.failures.front();
    for (const ImportLine& line : block.lines) postponed_.Settle(block, line);
    return Ok();
  }
  output_.Add(block);
  CountLines(block);
  checkpoint_.last_key = block.file->key;
  if (block.file_end) {
    EndFile(block);
  } else {
    if (!checkpoint_.open.has_value()) checkpoint_.open.emplace();
    checkpoint_.open->file = *block.file;
    checkpoint_.open->gzip = block.gzip;
    checkpoint_.open->next = block.after;
  }
  ShowProgress();
  return Ok();
}

// What was read is told at once, what was imported only when it is durable.
ImportProgress ImportJob::CurrentProgress() const {
  ImportProgress progress = checkpoint_.counts;
  progress.throughput_mb_s = ThroughputOf(progress, checkpoint_.elapsed_ms);
  return progress;
}

void ImportJob::ShowProgress() {
  checkpoint_.elapsed_ms =
      elapsed_before_ms_ +
      static_cast<uint64_t>(state_.clock.MonotonicNs() - begin_ns_) / 1'000'000;
  ImportProgress progress = CurrentProgress();
  progress.resources_imported = committed_.resources_imported;
  progress.files_imported = committed_.files_imported;
  progress.bytes_imported = committed_.bytes_imported;
  MutexLock lock(state_.running_import.mutex);
  state_.running_import.job_id = job_.id;
  state_.running_import.progress = progress;
}

void ImportJob::FillPublish(bool all_read, kv::Batch* batch) {
  checkpoint_.reading_done |= all_read;
  output_.FillPublish(checkpoint_.open.has_value() ? &*checkpoint_.open : nullptr, batch);
  postponed_.FillPublish(batch);
  state_.queue.AddCheckpoint(job_, EncodeCheckpoint(checkpoint_), EncodeProgress(CurrentProgress()),
                             batch);
}

Status ImportJob::Committed() {
  output_.Committed();
  postponed_.Committed();
  state_.imported_total.Add(checkpoint_.counts.resources_imported - committed_.resources_imported);
  committed_ = checkpoint_.counts;
  ShowProgress();
  return WithRetries(state_, [this] { return output_.WriteFinished(checkpoint_.files_done); });
}

Result<jobs::Job> ImportJob::End() {
  TRY(WithRetries(state_, [this]() -> Status {
    TRY(objects::WriteObject(state_.objects, Beneath(folder_, kManifestName),
                             ManifestText(request_, folder_, checkpoint_.counts),
                             "application/json"));
    return Ok();
  }));
  const ImportProgress& counts = checkpoint_.counts;
  jobs::Queue::Outcome outcome;
  outcome.progress = EncodeProgress(CurrentProgress());
  if (counts.files_imported == 0 && counts.resources_imported == 0) {
    outcome.state = jobs::JobState::kFailed;
    outcome.message = "No file could be read. First: " + checkpoint_.first_file_error;
  } else if (counts.resources_with_customer_error > 0 || counts.files_with_customer_error > 0) {
    outcome.state = jobs::JobState::kCompletedWithErrors;
    if (!checkpoint_.first_file_error.empty()) {
      outcome.message =
          "Files that could not be read: " + std::to_string(counts.files_with_customer_error) +
          ". First: " + checkpoint_.first_file_error;
    }
  } else {
    outcome.state = jobs::JobState::kCompleted;
  }
  return state_.queue.Finish(job_, outcome, {});
}

Result<jobs::Job> ImportJob::Fail(const Error& error) {
  jobs::Queue::Outcome outcome;
  outcome.state = jobs::JobState::kFailed;
  outcome.message = error.detail;
  // Lines that were reported as imported take effect, whatever ended the reading.
  TRY(postponed_.Load());
  const auto late = WritePostponed([] { return false; });
  if (!late.ok()) {
    if (LeavesJobForLater(late.error())) return late.error();
    outcome.message += "; postponed lines are not written: " + late.error().detail;
  }
  outcome.progress = EncodeProgress(CurrentProgress());
  kv::Batch discard;
  TRY(output_.AddDiscard(&discard));
  return state_.queue.Finish(job_, outcome, std::move(discard));
}

}  // namespace

Result<std::optional<jobs::Job>> RunImportJob(StoreState& state, const jobs::Job& job,
                                              const std::function<bool()>& stop) {
  auto request = ParseImportRequest(job);
  auto checkpoint = DecodeCheckpoint(job.checkpoint);
  if (!request.ok() || !checkpoint.ok()) {
    const Error& error = request.ok() ? checkpoint.error() : request.error();
    TRY(auto ended,
        state.queue.Finish(job, {.state = jobs::JobState::kFailed, .message = error.detail}, {}));
    return std::optional(std::move(ended));
  }
  ImportJob import(state, job, std::move(request).value(), std::move(checkpoint).value());
  auto worked = import.Work(stop);
  if (!worked.ok()) {
    if (LeavesJobForLater(worked.error())) return worked.error();
    TRY(auto ended, import.Fail(worked.error()));
    return std::optional(std::move(ended));
  }
  if (!worked.value()) return std::optional<jobs::Job>();
  auto ended = import.End();
  if (!ended.ok() && !LeavesJobForLater(ended.error())) ended = import.Fail(ended.error());
  if (!ended.ok()) return ended.error();
  return std::optional(std::move(ended).value());
}

}  // namespace tarn::fhir_store
