// Rejected: multipart uploads in place of the spool. Parts of S3 have a least size and a largest
// number, unfinished uploads must be found and removed after a crash, and the end of an upload is
// not repeatable. The spool costs about 25 bytes a resource for the length of its file, and 1 us.
#include "fhir_store/internal/import_output.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "fhir/operation_outcome.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/gzip.h"
#include "fhir_store/internal/job_layout.h"

namespace tarn::fhir_store {
namespace {

constexpr size_t kChunkBytes = 256u << 10;      // Lines of one chunk, before compression.
constexpr size_t kChunkBytesMax = 16u << 20;    // What one may decompress to: a bound only.
constexpr size_t kPendingBytesMax = 32u << 20;  // Compressed; a commit is due.
constexpr size_t kPendingChunksMax = 100'000;   // Many small files; a commit is due.
constexpr size_t kDeletesPerBatch = 100'000;
constexpr std::string_view kContentType = "application/x-ndjson";

void AppendNumber(uint64_t number, std::string* out) { out->append(std::to_string(number)); }

}  // namespace

ImportOutput::ImportOutput(StoreState& state, const std::string& job_id, objects::S3Uri folder)
    : state_(state), folder_(std::move(folder)) {
  const auto packed = HexDecode(job_id);
  CHECK(packed.ok() && packed.value().size() == 16);
  job_prefix_ = packed.value();
}

std::string ImportOutput::SpoolKey(uint64_t file, Kind kind, uint32_t chunk) const {
  std::string key = job_prefix_;
  CHECK(file <= UINT32_MAX);
  AppendBe32(&key, static_cast<uint32_t>(file));
  key.push_back(static_cast<char>(kind));
  AppendBe32(&key, chunk);
  return key;
}

void ImportOutput::Resume(const OpenFile& open) {
  file_number_ = open.file.number;
  file_name_ = open.file.name;
  gzip_ = open.gzip;
  has_header_ = open.has_header;
  success_.chunks = open.success_chunks;
  failure_.chunks = open.failure_chunks;
}

void ImportOutput::Add(const ImportBlock& block) {
  file_number_ = block.file->number;
  file_name_ = block.file->name;
  gzip_ = block.gzip;
  for (const ImportLine& line : block.lines) {
    if (line.outcome == LineOutcome::kFailed) {
      AddFailure(line.number, block.failures[line.failure]);
    } else {
      AddSuccess(block, line);
    }
  }
  if (!block.file_error.empty()) {
    AddFailure(block.after.line, Invalid("reading ended here: " + block.file_error));
  }
  if (!block.file_end) return;
  CloseChunk(Kind::kSuccess, &success_);
  CloseChunk(Kind::kFailure, &failure_);
  success_ = {};
  failure_ = {};
  has_header_ = false;
}

// Written by hand: this runs once for every resource, and neither a type name nor an id has
// anything to escape.
void ImportOutput::AddSuccess(const ImportBlock& block, const ImportLine& line) {
  std::string* out = &success_.lines;
  out->append(R"({"lineId":)");
  AppendNumber(line.number, out);
  out->append(R"(,"UpdateResourceResponse":{"jsonBlob":{"resourceType":")");
  out->append(fhir::TypeName(line.type));
  out->append(R"(","id":")");
  out->append(block.Id(line));
  out->append(R"(","meta":{"versionId":")");
  AppendNumber(line.version, out);
  out->append(line.version == 1 && line.outcome == LineOutcome::kNew
                  ? std::string_view(R"("}},"statusCode":201}})")
                  : std::string_view(R"("}},"statusCode":200}})"));
  out->push_back('\n');
  if (out->size() >= kChunkBytes) CloseChunk(Kind::kSuccess, &success_);
}

void ImportOutput::AddFailure(uint64_t line_number, const Error& error) {
  std::string* out = &failure_.lines;
  out->append(R"({"lineId":)");
  AppendNumber(line_number, out);
  out->append(R"(,"UpdateResourceResponse":{"jsonBlob":)");
  out->append(fhir::OperationOutcomeText(error));
  out->append(R"(,"statusCode":400}})");
  out->push_back('\n');
  if (out->size() >= kChunkBytes) CloseChunk(Kind::kFailure, &failure_);
}

void ImportOutput::AddHeader() {
  if (has_header_) return;
  has_header_ = true;
  pending_.push_back(
      {SpoolKey(file_number_, Kind::kHeader, 0), std::string(1, gzip_ ? '\1' : '\0') + file_name_});
}

void ImportOutput::CloseChunk(Kind kind, Stream* stream) {
  if (stream->lines.empty()) return;
  AddHeader();
  std::string value;
  AppendCompressed(stream->lines, &value);
  value.shrink_to_fit();
  pending_bytes_ += value.size();
  pending_.push_back({SpoolKey(file_number_, kind, stream->chunks++), std::move(value)});
  stream->lines.clear();
}

void ImportOutput::FillPublish(OpenFile* open, kv::Batch* batch) {
  if (open != nullptr) {
    CloseChunk(Kind::kSuccess, &success_);
    CloseChunk(Kind::kFailure, &failure_);
    open->success_chunks = success_.chunks;
    open->failure_chunks = failure_.chunks;
    open->has_header = has_header_;
  }
  for (const Pending& pending : pending_) batch->Put(kSpool, pending.key, pending.value);
}

void ImportOutput::Committed() {
  pending_.clear();
  pending_bytes_ = 0;
}

bool ImportOutput::IsLarge() const {
  return pending_bytes_ >= kPendingBytesMax || pending_.size() >= kPendingChunksMax;
}

Status ImportOutput::AddDiscard(kv::Batch* batch) const {
  const auto snapshot = state_.kv.GetSnapshot();
  const auto cursor = snapshot->Scan(kSpool, kv::PrefixRange(job_prefix_));
  for (; cursor->Valid() && batch->changes().size() < kDeletesPerBatch; cursor->Next()) {
    batch->Delete(kSpool, cursor->key());
  }
  return cursor->status();
}

Status ImportOutput::WriteFinished(uint64_t files_done) {
  const auto snapshot = state_.kv.GetSnapshot();
  const auto cursor =
      snapshot->Scan(kSpool, {.begin = job_prefix_, .end = SpoolKey(files_done, Kind::kHeader, 0)});
  kv::Batch deletes;
  while (cursor->Valid()) {
    TRY(WriteFile(cursor.get(), &deletes));
    // A file's keys go together: half of them would make another object.
    if (deletes.changes().size() >= kDeletesPerBatch) {
      TRY(state_.kv.Commit(deletes));
      deletes = {};
    }
  }
  TRY(cursor->status());
  if (!deletes.IsEmpty()) TRY(state_.kv.Commit(deletes));
  return Ok();
}

Status ImportOutput::WriteFile(kv::Cursor* cursor, kv::Batch* deletes) {
  const size_t file_bytes = job_prefix_.size() + 4;
  const std::string header_key(cursor->key());
  const std::string header(cursor->value());
  if (header_key.size() != file_bytes + 5 || header.empty() ||
      header_key[file_bytes] != static_cast<char>(Kind::kHeader)) {
    return Error{ErrorKind::kCorrupt, "stored import output does not decode"};
  }
  const bool gzip = header[0] != '\0';
  const std::string name = header.substr(1);
  deletes->Delete(kSpool, header_key);
  cursor->Next();
  std::unique_ptr<objects::ObjectWriter> writer;
  Kind writing = Kind::kHeader;
  for (; cursor->Valid() &&
         cursor->key().substr(0, file_bytes) == std::string_view(header_key).substr(0, file_bytes);
       cursor->Next()) {
    const auto kind = static_cast<Kind>(cursor->key()[file_bytes]);
    if (kind != writing) {
      if (writer) TRY(writer->Finish());
      const objects::S3Uri uri = Beneath(
          folder_, std::string(kind == Kind::kSuccess ? kSuccessFolder : kFailureFolder) + name);
      objects::PutRequest request;
      request.metadata.content_type = kContentType;
      TRY(writer, state_.objects.Put(uri.bucket, uri.key, request));
      writing = kind;
    }
    TRY(const std::string lines, Decompress(cursor->value(), kChunkBytesMax));
    TRY(writer->Write(gzip ? GzipMember(lines) : lines));
    deletes->Delete(kSpool, cursor->key());
  }
  if (writer) TRY(writer->Finish());
  return Ok();
}

}  // namespace tarn::fhir_store
