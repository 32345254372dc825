#include "image_store/internal/import_output.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "image_store/internal/families.h"
#include "image_store/internal/import_groups.h"
#include "image_store/internal/import_stage.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/records.h"
#include "json/value.h"
#include "json/writer.h"

namespace tarn::image_store {
namespace {

constexpr std::string_view kManifestName = "job-output-manifest.json";
constexpr std::string_view kSuccessFolder = "SUCCESS/";
constexpr std::string_view kSuccessName = "SUCCESS/success.ndjson";
constexpr std::string_view kFailureFolder = "FAILURE/";
constexpr std::string_view kFailureName = "FAILURE/failure.ndjson";
constexpr std::string_view kWarningFolder = "WARNING/";
constexpr std::string_view kWarningName = "WARNING/warning.ndjson";
constexpr size_t kLinesBytes = 256u << 10;

objects::S3Uri Beneath(const objects::S3Uri& folder, std::string_view name) {
  return {folder.bucket, folder.key + std::string(name)};
}

// An object of lines that is written piece by piece.
class Lines {
 public:
  static Result<Lines> Begin(objects::ObjectStore& objects, const objects::S3Uri& uri) {
    objects::PutRequest put;
    put.metadata.content_type = "application/x-ndjson";
    Lines lines;
    TRY(lines.writer_, objects.Put(uri.bucket, uri.key, put));
    return lines;
  }
  std::string* text() { return &text_; }
  Status EndLine() {
    text_ += '\n';
    return text_.size() < kLinesBytes ? Ok() : Flush();
  }
  Status Finish() {
    TRY(Flush());
    TRY(writer_->Finish());
    return Ok();
  }

 private:
  Status Flush() {
    TRY(writer_->Write(text_));
    text_.clear();
    return Ok();
  }
  std::unique_ptr<objects::ObjectWriter> writer_;
  std::string text_;
};

// What became of the files, by number.
struct Settled {
  std::map<uint32_t, GroupOutcome> outcomes;  // By the number of their first file.
  std::map<uint32_t, uint32_t> outcome_of;    // File to outcome.
  const GroupOutcome* Find(uint32_t number) const {
    const auto found = outcome_of.find(number);
    return found == outcome_of.end() ? nullptr : &outcomes.at(found->second);
  }
};

const GroupOutcome::Note* NoteOf(const GroupOutcome& outcome, uint32_t number) {
  for (const GroupOutcome::Note& note : outcome.notes) {
    if (note.number == number) return &note;
  }
  return nullptr;
}

Result<Settled> ReadSettled(const kv::Snapshot& snapshot, std::string_view job) {
  Settled settled;
  const auto cursor = snapshot.Scan(kStaging, StagedOutcomes(job));
  for (; cursor->Valid(); cursor->Next()) {
    TRY(GroupOutcome outcome, DecodeOutcome(cursor->value()));
    settled.outcomes.emplace(NumberOfStagingKey(cursor->key()), std::move(outcome));
  }
  TRY(cursor->status());
  TRY(const std::vector<ImportGroup> groups, GroupStagedFiles(snapshot, job));
  for (const ImportGroup& group : groups) {
    if (!settled.outcomes.contains(group.files.front())) {
      return Error{ErrorKind::kCorrupt, "a group of the import is not settled"};
    }
    for (const uint32_t number : group.files) settled.outcome_of[number] = group.files.front();
  }
  return settled;
}

void WriteFailure(const std::string& key, const std::string& type, const std::string& message,
                  std::string* out) {
  json::Writer writer(out);
  writer.BeginObject().Key("inputFile").String(key);
  writer.Key("exception").BeginObject().Key("exceptionType").String(type);
  writer.Key("message").String(message).EndObject().EndObject();
}

void WriteSuccess(const std::string& key, const GroupOutcome& outcome, std::string* out) {
  json::Writer writer(out);
  writer.BeginObject().Key("inputFile").String(key).Key("importResponse").BeginObject();
  writer.Key("imageSetId").String(SetIdText(outcome.set));
  writer.Key("isPrimary").Bool(outcome.is_primary).EndObject().EndObject();
}

void WriteWarning(const std::string& key, const GroupOutcome& outcome,
                  const std::vector<dicom::Warning>& warnings, std::string* out) {
  json::Writer writer(out);
  writer.BeginObject().Key("inputFile").String(key).Key("importResponse").BeginObject();
  writer.Key("imageSetId").String(SetIdText(outcome.set));
  writer.Key("imageSetVersion").Int(outcome.version);
  writer.Key("isPrimary").Bool(outcome.is_primary).Key("warnings").BeginArray();
  for (const dicom::Warning& warning : warnings) {
    writer.BeginObject().Key("warning_reason_code").Int(static_cast<int64_t>(warning.code));
    writer.Key("type").String(dicom::WarningType(warning.code));
    writer.Key("message").String(warning.message).EndObject();
  }
  writer.EndArray().EndObject().EndObject();
}

class OutputWriter {
 public:
  OutputWriter(Lines success, Lines failure, Lines warning)
      : success_(std::move(success)), failure_(std::move(failure)), warning_(std::move(warning)) {}

  Status Add(StagedFile file, uint32_t number, const Settled& settled) {
    if (!file.exception_type.empty()) {
      WriteFailure(file.key, file.exception_type, file.message, failure_.text());
      return failure_.EndLine();
    }
    const GroupOutcome* outcome = settled.Find(number);
    if (outcome == nullptr) return Error{ErrorKind::kCorrupt, "a staged file has no group"};
    const GroupOutcome::Note* note = NoteOf(*outcome, number);
    if (note != nullptr && note->kind != NoteKind::kCoercion) {
      const bool ours = note->kind == NoteKind::kServerFailure;
      ++(ours ? failed_here_ : failed_late_);
      WriteFailure(file.key, ours ? "InternalServerException" : "ValidationException",
                   note->message, failure_.text());
      return failure_.EndLine();
    }
    WriteSuccess(file.key, *outcome, success_.text());
    TRY(success_.EndLine());
    if (note != nullptr) AddCoercion(note->message, &file.warnings);
    if (file.warnings.empty()) return Ok();
    WriteWarning(file.key, *outcome, file.warnings, warning_.text());
    return warning_.EndLine();
  }

  Status Finish() {
    TRY(success_.Finish());
    TRY(failure_.Finish());
    return warning_.Finish();
  }
  // Files that were read well and failed when they were added: for what is in them, and for what
  // is stored here.
  uint64_t failed_late() const { return failed_late_; }
  uint64_t failed_here() const { return failed_here_; }

 private:
  // At most one warning of each code.
  static void AddCoercion(const std::string& message, std::vector<dicom::Warning>* warnings) {
    for (dicom::Warning& warning : *warnings) {
      if (warning.code != dicom::WarningCode::kCoercion) continue;
      warning.message += "; " + message;
      return;
    }
    warnings->push_back({dicom::WarningCode::kCoercion, message});
  }

  Lines success_;
  Lines failure_;
  Lines warning_;
  uint64_t failed_late_ = 0;
  uint64_t failed_here_ = 0;
};

std::string ManifestText(const ImageStoreState& state, const jobs::Job& job,
                         const ImportRequest& request, const ImportProgress& counts,
                         const Settled& settled) {
  using json::Value;
  const objects::S3Uri folder = JobOutputFolder(request, state.options.data_store_id, job.id);
  const auto number = [](uint64_t n) { return Value::Int(static_cast<int64_t>(n)); };
  const auto uri = [&folder](std::string_view name) {
    return Value::String(ToText(Beneath(folder, name)));
  };
  Value sets = Value::MakeArray();
  for (const auto& [first, outcome] : settled.outcomes) {
    if (outcome.set.empty()) continue;
    sets.Append(Value::MakeObject()
                    .Set("imageSetId", Value::String(SetIdText(outcome.set)))
                    .Set("imageSetVersion", number(outcome.version))
                    .Set("isPrimary", Value::Bool(outcome.is_primary))
                    .Set("numberOfMatchedSOPInstances", number(outcome.instances)));
  }
  Value summary = Value::MakeObject();
  summary.Set("jobId", Value::String(job.id))
      .Set("datastoreId", Value::String(state.options.data_store_id))
      .Set("inputS3Uri", Value::String(ToText(request.input)))
      .Set("outputS3Uri", Value::String(ToText(folder)))
      .Set("successOutputS3Uri", uri(kSuccessFolder))
      .Set("failureOutputS3Uri", uri(kFailureFolder))
      .Set("warningsOutputS3Uri", uri(kWarningFolder))
      .Set("numberOfScannedFiles", number(counts.files_scanned))
      .Set("numberOfImportedFiles", number(counts.files_imported))
      .Set("numberOfFilesWithCustomerError", number(counts.files_with_customer_error))
      .Set("numberOfFilesWithServerError", number(counts.files_with_server_error))
      .Set("numberOfGeneratedImageSets", number(counts.image_sets))
      .Set("imageSetsSummary", std::move(sets));
  return json::ToPrettyText(Value::MakeObject().Set("jobSummary", std::move(summary))) + "\n";
}

}  // namespace

Status CheckOutput(ImageStoreState& state, const ImportRequest& request) {
  return state.objects.HeadBucket(request.output.bucket);
}

Status WriteOutput(ImageStoreState& state, const jobs::Job& job, const ImportRequest& request,
                   ImportProgress* counts) {
  const auto snapshot = state.kv.GetSnapshot();
  TRY(const Settled settled, ReadSettled(*snapshot, job.id));
  const objects::S3Uri folder = JobOutputFolder(request, state.options.data_store_id, job.id);
  TRY(Lines success, Lines::Begin(state.objects, Beneath(folder, kSuccessName)));
  TRY(Lines failure, Lines::Begin(state.objects, Beneath(folder, kFailureName)));
  TRY(Lines warning, Lines::Begin(state.objects, Beneath(folder, kWarningName)));
  OutputWriter writer(std::move(success), std::move(failure), std::move(warning));
  const auto cursor = snapshot->Scan(kStaging, StagedFiles(job.id));
  for (; cursor->Valid(); cursor->Next()) {
    TRY(StagedFile file, DecodeStaged(cursor->value()));
    TRY(writer.Add(std::move(file), NumberOfStagingKey(cursor->key()), settled));
  }
  TRY(cursor->status());
  TRY(writer.Finish());
  for (const auto& [first, outcome] : settled.outcomes) {
    if (!outcome.set.empty()) ++counts->image_sets;
  }
  counts->files_imported -= writer.failed_late() + writer.failed_here();
  counts->files_with_customer_error += writer.failed_late();
  counts->files_with_server_error += writer.failed_here();
  TRY(objects::WriteObject(state.objects, Beneath(folder, kManifestName),
                           ManifestText(state, job, request, *counts, settled),
                           "application/json"));
  return Ok();
}

Status AddUnstaging(const ImageStoreState& state, const jobs::Job& job, bool keep_units,
                    kv::Batch* batch) {
  const auto snapshot = state.kv.GetSnapshot();
  const auto cursor = snapshot->Scan(kStaging, kv::PrefixRange(StagingPrefix(job.id)));
  const std::string files_end = StagedFiles(job.id).end;
  for (; cursor->Valid(); cursor->Next()) {
    if (!keep_units && cursor->key() < files_end) {
      TRY(const StagedFile file, DecodeStaged(cursor->value()));
      // The collector keeps what an image set refers to.
      if (!file.unit.empty()) batch->Put(kWork, DeadUnitKey(file.unit), {});
    }
    batch->Delete(kStaging, cursor->key());
  }
  return cursor->status();
}

}  // namespace tarn::image_store
