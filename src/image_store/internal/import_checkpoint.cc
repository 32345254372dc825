#include "image_store/internal/import_checkpoint.h"

#include <array>
#include <utility>

#include "base/bytes.h"
#include "json/value.h"

namespace tarn::image_store {
namespace {

using json::Value;

Error Corrupt(const char* what) {
  return {ErrorKind::kCorrupt, std::string("import job: ") + what + " does not decode"};
}

// The counters by their stored names: one list for writing and reading.
template <typename Progress>
auto Counters(Progress& p) {
  using Entry = std::pair<const char*, decltype(&p.files_scanned)>;
  return std::array<Entry, 7>{{{"filesScanned", &p.files_scanned},
                               {"filesDone", &p.files_done},
                               {"filesImported", &p.files_imported},
                               {"filesWithCustomerError", &p.files_with_customer_error},
                               {"filesWithServerError", &p.files_with_server_error},
                               {"imageSets", &p.image_sets},
                               {"bytesRead", &p.bytes_read}}};
}

Value ProgressValue(const ImportProgress& progress) {
  Value value = Value::MakeObject();
  for (const auto& [name, counter] : Counters(progress)) {
    value.Set(name, Value::Int(static_cast<int64_t>(*counter)));
  }
  return value;
}

Result<ImportProgress> ProgressOf(const Value& value) {
  ImportProgress progress;
  for (const auto& [name, counter] : Counters(progress)) {
    const Value* number = value.Find(name);
    const auto read = number == nullptr ? std::nullopt : number->AsInt();
    if (!read.has_value() || *read < 0) return Corrupt("a counter");
    *counter = static_cast<uint64_t>(*read);
  }
  return progress;
}

std::string TextOf(const Value& value, std::string_view name) {
  const Value* text = value.Find(name);
  return text != nullptr && text->IsString() ? text->AsString() : std::string();
}

}  // namespace

std::string EncodeProgress(const ImportProgress& progress) {
  return json::ToText(ProgressValue(progress));
}

std::string EncodeCheckpoint(const ImportCheckpoint& checkpoint) {
  Value value = Value::MakeObject();
  // A key is any bytes of UTF-8; JSON text takes them all.
  value.Set("lastKey", Value::String(checkpoint.last_key))
      .Set("allStaged", Value::Bool(checkpoint.all_staged))
      .Set("counts", ProgressValue(checkpoint.counts));
  return json::ToText(value);
}

Result<ImportCheckpoint> DecodeCheckpoint(const jobs::Job& job) {
  ImportCheckpoint checkpoint;
  if (job.checkpoint.empty()) return checkpoint;
  const auto parsed = json::ParseValue(job.checkpoint);
  if (!parsed.ok()) return Corrupt("the checkpoint");
  const Value* staged = parsed.value().Find("allStaged");
  const Value* counts = parsed.value().Find("counts");
  if (staged == nullptr || !staged->IsBool() || counts == nullptr) return Corrupt("the checkpoint");
  checkpoint.last_key = TextOf(parsed.value(), "lastKey");
  checkpoint.all_staged = staged->AsBool();
  TRY(checkpoint.counts, ProgressOf(*counts));
  return checkpoint;
}

std::string EncodeRequest(const ImportRequest& request) {
  Value value = Value::MakeObject();
  value.Set("JobName", Value::String(request.job_name))
      .Set("InputS3Uri", Value::String(ToText(request.input)))
      .Set("OutputS3Uri", Value::String(ToText(request.output)))
      .Set("DataAccessRoleArn", Value::String(request.data_access_role_arn))
      .Set("InputOwnerAccountId", Value::String(request.input_owner_account_id));
  return json::ToText(value);
}

Result<ImportRequest> ParseImportRequest(const jobs::Job& job) {
  const auto parsed = json::ParseValue(job.request);
  if (!parsed.ok()) return Corrupt("the request");
  ImportRequest request;
  request.job_name = TextOf(parsed.value(), "JobName");
  const auto input = objects::ParseS3Uri(TextOf(parsed.value(), "InputS3Uri"));
  const auto output = objects::ParseS3Uri(TextOf(parsed.value(), "OutputS3Uri"));
  if (!input.ok() || !output.ok()) return Corrupt("the request");
  request.input = input.value();
  request.output = output.value();
  request.data_access_role_arn = TextOf(parsed.value(), "DataAccessRoleArn");
  request.input_owner_account_id = TextOf(parsed.value(), "InputOwnerAccountId");
  return request;
}

Result<ImportProgress> ParseImportProgress(const jobs::Job& job) {
  if (job.progress.empty()) return ImportProgress();
  const auto parsed = json::ParseValue(job.progress);
  if (!parsed.ok()) return Corrupt("the progress");
  return ProgressOf(parsed.value());
}

objects::S3Uri JobOutputFolder(const ImportRequest& request, std::string_view data_store_id,
                               std::string_view job_id) {
  objects::S3Uri folder = request.output;
  if (!folder.key.empty() && !folder.key.ends_with('/')) folder.key += '/';
  folder.key.append(data_store_id).append("-DicomImport-").append(job_id).append("/");
  return folder;
}

}  // namespace tarn::image_store
