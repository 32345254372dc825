#include "jobs/internal/job_codec.h"

#include <algorithm>

#include "base/bytes.h"

namespace tarn::jobs::internal {
namespace {

constexpr std::string_view kRootPrefix = "job/";
constexpr uint8_t kDocumentFormat = 1;
constexpr uint8_t kCheckpointFormat = 1;
constexpr size_t kIdBytes = 32;

Error Corrupt(const char* what) {
  return {ErrorKind::kCorrupt, std::string("job queue: ") + what + " does not decode"};
}

void AppendText(std::string* out, std::string_view text) {
  CHECK(text.size() <= UINT32_MAX);
  AppendBe32(out, static_cast<uint32_t>(text.size()));
  out->append(text);
}

}  // namespace

std::string Prefix(KeyKind key_kind, std::string_view kind) {
  CHECK(!kind.empty() && kind.find('\0') == std::string_view::npos);
  std::string key(kRootPrefix);
  key += static_cast<char>(key_kind);
  key += kind;
  key += '\0';
  return key;
}

std::string IdKey(KeyKind key_kind, std::string_view kind, std::string_view id) {
  return Prefix(key_kind, kind).append(id);
}

std::string OrderKey(KeyKind key_kind, std::string_view kind, uint64_t order) {
  std::string key = Prefix(key_kind, kind);
  AppendBe64(&key, order);
  return key;
}

size_t OrderOffset(std::string_view kind) { return Prefix(KeyKind::kOrder, kind).size(); }

std::string ActivePrefix() {
  return std::string(kRootPrefix) + static_cast<char>(KeyKind::kActive);
}

std::string EncodeDocument(const Document& document) {
  std::string out;
  out.reserve(42 + document.request.size() + document.message.size());
  AppendBe64(&out, document.revision);
  out += static_cast<char>(kDocumentFormat);
  out += static_cast<char>(document.state);
  CHECK(out.size() == kDocumentOrderOffset);
  AppendBe64(&out, document.order);
  AppendBe64(&out, static_cast<uint64_t>(document.submit_unix_ms));
  AppendBe64(&out, static_cast<uint64_t>(document.end_unix_ms));
  AppendText(&out, document.request);
  AppendText(&out, document.message);
  return out;
}

Result<Document> DecodeDocument(std::string_view bytes) {
  ByteReader reader(bytes);
  Document document;
  document.revision = reader.Be64();
  if (reader.U8() != kDocumentFormat) return Corrupt("a document's format");
  const uint8_t state = reader.U8();
  if (state > static_cast<uint8_t>(JobState::kCancelFailed) ||
      state == static_cast<uint8_t>(JobState::kQueued)) {
    return Corrupt("a document's state");
  }
  document.state = static_cast<JobState>(state);
  document.order = reader.Be64();
  document.submit_unix_ms = static_cast<int64_t>(reader.Be64());
  document.end_unix_ms = static_cast<int64_t>(reader.Be64());
  document.request = reader.Take(reader.Be32());
  document.message = reader.Take(reader.Be32());
  if (!reader.AtEnd()) return Corrupt("a document");
  return document;
}

std::string EncodeCheckpoint(std::string_view checkpoint, std::string_view progress) {
  std::string out(1, static_cast<char>(kCheckpointFormat));
  AppendText(&out, checkpoint);
  AppendText(&out, progress);
  return out;
}

Status DecodeCheckpoint(std::string_view bytes, Job* job) {
  ByteReader reader(bytes);
  if (reader.U8() != kCheckpointFormat) return Corrupt("a checkpoint's format");
  job->checkpoint = reader.Take(reader.Be32());
  job->progress = reader.Take(reader.Be32());
  if (!reader.AtEnd()) return Corrupt("a checkpoint");
  return Ok();
}

std::string EncodeOrderEntry(const OrderEntry& entry) {
  std::string out;
  AppendBe64(&out, static_cast<uint64_t>(entry.submit_unix_ms));
  return out.append(entry.id);
}

Result<OrderEntry> DecodeOrderEntry(std::string_view bytes) {
  ByteReader reader(bytes);
  OrderEntry entry;
  entry.submit_unix_ms = static_cast<int64_t>(reader.Be64());
  entry.id = reader.Take(kIdBytes);
  if (!reader.AtEnd()) return Corrupt("an entry of the order index");
  return entry;
}

bool IsJobId(std::string_view id) {
  return id.size() == kIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace tarn::jobs::internal
