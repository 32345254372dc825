// Any bytes as what this module reads back from storage, and as a gzip stream: decoders refuse or
// accept, never crash, and what they accept comes back when it is written again.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/body_codec.h"
#include "fhir_store/internal/dictionaries.h"
#include "fhir_store/internal/gzip.h"
#include "fhir_store/internal/import_checkpoint.h"
#include "fhir_store/internal/keys.h"
#include "jobs/queue.h"
#include "kv/fake_engine.h"

namespace {

using namespace tarn;
using namespace tarn::fhir_store;

const Dictionaries& EmptyDictionaries() {
  static kv::FakeEngine engine;
  static const auto store = engine.Open("fuzz", DataStoreSchema());
  static const auto dictionaries = Dictionaries::Open(*store.value());
  return *dictionaries.value();
}

void TryKeys(std::string_view bytes) {
  const auto current = DecodeCurrent(bytes);
  if (current.ok()) CHECK(EncodeCurrent(current.value()) == bytes);
  const auto log = DecodeLog(bytes);
  if (log.ok()) CHECK(EncodeLog(log.value()) == bytes);
  const auto version = ParseVersionKey(bytes);
  if (version.ok()) {
    const VersionKeyParts& parts = version.value();
    CHECK(VersionKey(parts.type, parts.ordinal, parts.version) == bytes);
  }
  const auto id = UnpackId(bytes);
  if (!id.ok()) return;
  std::string packed;
  AppendPackedId(&packed, id.value());
  CHECK(UnpackId(packed).value() == id.value());
}

void TryBody(std::string_view bytes) {
  std::string text;
  const auto header = DecodeBody(bytes, EmptyDictionaries(), &text);
  if (!header.ok() || header.value().deleted) return;
  std::string body;
  AppendBody(text, header.value().last_updated_unix_ms, nullptr, &body);
  std::string again;
  CHECK(DecodeBody(body, EmptyDictionaries(), &again).ok());
  CHECK(again == text);
}

void TryCheckpoint(std::string_view bytes) {
  const auto checkpoint = DecodeCheckpoint(bytes);
  if (checkpoint.ok()) {
    const std::string text = EncodeCheckpoint(checkpoint.value());
    CHECK(EncodeCheckpoint(DecodeCheckpoint(text).value()) == text);
  }
  const auto progress = DecodeProgress(bytes);
  if (progress.ok()) CHECK(DecodeProgress(EncodeProgress(progress.value())).ok());
}

void TryJob(std::string_view bytes) {
  jobs::Job job;
  job.request = bytes;
  job.progress = bytes;
  job.state = jobs::JobState::kCompleted;
  for (const std::string_view kind : {kImportKind, kExportKind}) {
    job.kind = kind;
    (void)ParseImportRequest(job).ok();
    (void)ParseExportRequest(job).ok();
    (void)ParseExportReport(job).ok();
  }
}

// Fed whole and in two pieces, a stream gives the same bytes or fails both times.
void TryGzip(std::string_view bytes) {
  const auto inflate = [bytes](size_t cut) {
    Inflater inflater;
    std::string text;
    std::string out(4096, '\0');
    for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
      if (!piece.empty()) inflater.Feed(piece);
      for (;;) {
        const auto read = inflater.Read(out);
        if (!read.ok()) return std::string("damaged");
        if (read.value() == 0) break;
        text.append(out, 0, read.value());
        if (text.size() > (1u << 20)) return std::string("large");
      }
    }
    return text + (inflater.Finish().ok() ? "" : "ends early");
  };
  CHECK(inflate(0) == inflate(bytes.size() / 2));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      TryKeys(bytes);
      break;
    case 1:
      TryBody(bytes);
      break;
    case 2:
      TryCheckpoint(bytes);
      break;
    case 3:
      TryJob(bytes);
      break;
    default:
      TryGzip(bytes);
  }
  return 0;
}
