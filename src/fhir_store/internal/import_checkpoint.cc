#include "fhir_store/internal/import_checkpoint.h"

#include <array>
#include <utility>

namespace tarn::fhir_store {
namespace {

using json::Value;

constexpr int64_t kForm = 1;

struct Count {
  std::string_view name;
  uint64_t ImportProgress::*member;
};
constexpr std::array<Count, 9> kCounts = {{
    {"filesScanned", &ImportProgress::files_scanned},
    {"bytesScanned", &ImportProgress::bytes_scanned},
    {"filesImported", &ImportProgress::files_imported},
    {"resourcesScanned", &ImportProgress::resources_scanned},
    {"resourcesImported", &ImportProgress::resources_imported},
    {"resourcesWithCustomerError", &ImportProgress::resources_with_customer_error},
    {"resourcesWithServerError", &ImportProgress::resources_with_server_error},
    {"filesWithCustomerError", &ImportProgress::files_with_customer_error},
    {"bytesImported", &ImportProgress::bytes_imported},
}};

// Reads members and remembers whether one was missing or of another kind.
class Reader {
 public:
  explicit Reader(const Value& value) : value_(value) {}

  uint64_t Number(std::string_view name) {
    const Value* found = value_.Find(name);
    const auto number = found != nullptr && found->IsNumber() ? found->AsInt() : std::nullopt;
    if (!number.has_value() || *number < 0) ok_ = false;
    return static_cast<uint64_t>(number.value_or(0));
  }
  std::string Text(std::string_view name) {
    const Value* found = value_.Find(name);
    if (found == nullptr || !found->IsString()) {
      ok_ = false;
      return "";
    }
    return found->AsString();
  }
  bool Bool(std::string_view name) {
    const Value* found = value_.Find(name);
    if (found == nullptr || !found->IsBool()) {
      ok_ = false;
      return false;
    }
    return found->AsBool();
  }
  bool ok() const { return ok_; }

 private:
  const Value& value_;
  bool ok_ = true;
};

Error Corrupt() { return {ErrorKind::kCorrupt, "stored import checkpoint does not decode"}; }

Value NumberValue(uint64_t number) { return Value::Int(static_cast<int64_t>(number)); }

Value CountsValue(const ImportProgress& counts) {
  Value value = Value::MakeObject();
  for (const Count& count : kCounts) value.Set(count.name, NumberValue(counts.*count.member));
  return value;
}

bool ReadCounts(const Value& value, ImportProgress* counts) {
  Reader reader(value);
  for (const Count& count : kCounts) counts->*count.member = reader.Number(count.name);
  return reader.ok();
}

Value OpenFileValue(const OpenFile& open) {
  return Value::MakeObject()
      .Set("key", Value::String(open.file.key))
      .Set("name", Value::String(open.file.name))
      .Set("etag", Value::String(open.file.etag))
      .Set("bytes", NumberValue(open.file.bytes))
      .Set("gzip", Value::Bool(open.gzip))
      .Set("offset", NumberValue(open.next.offset))
      .Set("line", NumberValue(open.next.line))
      .Set("successChunks", NumberValue(open.success_chunks))
      .Set("failureChunks", NumberValue(open.failure_chunks))
      .Set("hasHeader", Value::Bool(open.has_header));
}

bool ReadOpenFile(const Value& value, uint64_t number, OpenFile* open) {
  Reader reader(value);
  open->file.number = number;
  open->file.key = reader.Text("key");
  open->file.name = reader.Text("name");
  open->file.etag = reader.Text("etag");
  open->file.bytes = reader.Number("bytes");
  open->gzip = reader.Bool("gzip");
  open->next.offset = reader.Number("offset");
  open->next.line = reader.Number("line");
  open->success_chunks = static_cast<uint32_t>(reader.Number("successChunks"));
  open->failure_chunks = static_cast<uint32_t>(reader.Number("failureChunks"));
  open->has_header = reader.Bool("hasHeader");
  return reader.ok();
}

}  // namespace

std::string EncodeCheckpoint(const ImportCheckpoint& checkpoint) {
  Value value = Value::MakeObject();
  value.Set("form", Value::Int(kForm))
      .Set("counts", CountsValue(checkpoint.counts))
      .Set("elapsedMs", NumberValue(checkpoint.elapsed_ms))
      .Set("readingDone", Value::Bool(checkpoint.reading_done))
      .Set("filesDone", NumberValue(checkpoint.files_done))
      .Set("lastKey", Value::String(checkpoint.last_key))
      .Set("firstFileError", Value::String(checkpoint.first_file_error));
  if (checkpoint.open.has_value()) value.Set("file", OpenFileValue(*checkpoint.open));
  return json::ToText(value);
}

Result<ImportCheckpoint> DecodeCheckpoint(std::string_view text) {
  ImportCheckpoint checkpoint;
  if (text.empty()) return checkpoint;
  const auto parsed = json::ParseValue(text);
  if (!parsed.ok()) return Corrupt();
  const Value& value = parsed.value();
  Reader reader(value);
  if (reader.Number("form") != kForm) return Corrupt();
  checkpoint.elapsed_ms = reader.Number("elapsedMs");
  checkpoint.reading_done = reader.Bool("readingDone");
  checkpoint.files_done = reader.Number("filesDone");
  checkpoint.last_key = reader.Text("lastKey");
  checkpoint.first_file_error = reader.Text("firstFileError");
  const Value* counts = value.Find("counts");
  if (!reader.ok() || counts == nullptr || !ReadCounts(*counts, &checkpoint.counts)) {
    return Corrupt();
  }
  if (const Value* file = value.Find("file"); file != nullptr) {
    checkpoint.open.emplace();
    if (!ReadOpenFile(*file, checkpoint.files_done, &*checkpoint.open)) return Corrupt();
  }
  return checkpoint;
}

double ThroughputOf(const ImportProgress& progress, uint64_t elapsed_ms) {
  if (elapsed_ms == 0) return 0;
  return static_cast<double>(progress.bytes_imported) / 1e3 / static_cast<double>(elapsed_ms);
}

std::string EncodeProgress(const ImportProgress& progress) {
  Value value = CountsValue(progress);
  value.Set("throughputMbPerSecond", Value::Double(progress.throughput_mb_s));
  return json::ToText(value);
}

Result<ImportProgress> DecodeProgress(std::string_view text) {
  ImportProgress progress;
  if (text.empty()) return progress;
  const auto parsed = json::ParseValue(text);
  if (!parsed.ok() || !ReadCounts(parsed.value(), &progress)) return Corrupt();
  const Value* throughput = parsed.value().Find("throughputMbPerSecond");
  if (throughput == nullptr || !throughput->IsNumber()) return Corrupt();
  progress.throughput_mb_s = throughput->AsDouble();
  return progress;
}

}  // namespace tarn::fhir_store
