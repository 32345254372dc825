// The keys of a data store and the small records under them. All integers are big-endian, so keys
// compare like the numbers they hold.
//
//   current   | type 2 | packed id           |   -> | revision 8 | form 1 | ordinal 4 | time 6 |
//   ident     | type 2 | ordinal 4           |   -> | packed id |
//   version   | type 2 | ordinal 4 | ~ver 4  |   -> a body (internal/body_codec.h)
//   live      | type 2 | ordinal / 65,536  2 |   -> kv::Bits
//   log       | sequence 8                   |   -> | form 1 | entries |
//
// A packed id is a tag and the id: a lower-case UUID or 32 lower-case hexadecimal digits shrink to
// 16 bytes, everything else stays text. The tag keeps the three apart, so that no id of 16
// characters can be taken for a UUID.
//
// Records carry no checksum of their own: the engine verifies every block it reads, and a record
// that does not decode is kCorrupt. Bodies do carry one, as they alone pass through a codec.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource.h"
#include "kv/store.h"

namespace tarn::fhir_store {

// A resource's number within its data store and type, in order of arrival, never reused.
using Ordinal = uint32_t;
inline constexpr uint32_t kChunkOrdinals = 65536;

void AppendPackedId(std::string* out, std::string_view id);
// Errors: kCorrupt.
Result<std::string> UnpackId(std::string_view packed);
// Packed ids have one of these forms, numbered from 0; within a form they sort like their texts.
inline constexpr size_t kPackedIdForms = 3;
// Appends the bytes of `form` that no id before (after) `text` sorts behind (in front of): the
// place to look for `text` and what follows it in either direction, whatever `text` is.
enum class IdBound : uint8_t { kNotAfter, kNotBefore };
void AppendPackedIdBound(std::string* out, size_t form, std::string_view text, IdBound bound);

std::string CurrentKey(fhir::TypeId type, std::string_view id);
void AppendCurrentKey(std::string* out, fhir::TypeId type, std::string_view id);
std::string IdentKey(fhir::TypeId type, Ordinal ordinal);
std::string VersionKey(fhir::TypeId type, Ordinal ordinal, uint32_t version);
std::string LiveKey(fhir::TypeId type, uint32_t chunk);
std::string TypePrefix(fhir::TypeId type);

struct VersionKeyParts {
  fhir::TypeId type = fhir::kNoType;
  Ordinal ordinal = 0;
  uint32_t version = 0;
};
// Errors: kCorrupt.
Result<VersionKeyParts> ParseVersionKey(std::string_view key);
Result<Ordinal> ParseIdentKey(std::string_view key);
Result<uint32_t> ParseLiveKey(std::string_view key);  // The chunk.

// The newest version of one resource. Its number is also the revision that conditional batches
// compare, as every write, deletion included, adds one.
struct CurrentRecord {
  uint32_t version = 0;
  Ordinal ordinal = 0;
  bool deleted = false;
  int64_t last_updated_unix_ms = 0;  // 0 to 2^48 - 1.
};
std::string EncodeCurrent(const CurrentRecord& record);
Result<CurrentRecord> DecodeCurrent(std::string_view value);  // Errors: kCorrupt.

// What one commit changed. Stored as numbers: never renumber.
enum class LogOp : uint8_t {
  kPut = 1,     // One version that is not a deletion.
  kDelete = 2,  // One version that is a deletion.
  kCreated = 3  // `count` first versions of ascending ordinals, from an import.
};
struct LogEntry {
  LogOp op = LogOp::kPut;
  fhir::TypeId type = fhir::kNoType;
  Ordinal ordinal = 0;
  uint32_t version = 1;
  uint32_t count = 1;
};
std::string EncodeLog(const std::vector<LogEntry>& entries);
Result<std::vector<LogEntry>> DecodeLog(std::string_view value);  // Errors: kCorrupt.
// Adds the record to the commit, under its sequence.
void AddLog(const std::vector<LogEntry>& entries, kv::Batch* batch);

}  // namespace tarn::fhir_store
