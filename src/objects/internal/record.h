// The byte formats of what the folder engine stores beside the objects' bytes.
// Layout: docs/internals/objects.md, "Records". Pure. Every record ends in a CRC-32C.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "objects/object_store.h"

namespace tarn::objects {

inline constexpr size_t kRecordBytesMax = 64 * 1024;  // kCorrupt beyond, when read.
// Content type, encoding and the other header fields of one object together.
inline constexpr size_t kHeaderMetadataBytesMax = 8 * 1024;  // kTooLarge

// What is known of one state of an object. It describes a file exactly when size and time of last
// change are the file's: a file that somebody overwrote is no longer described.
struct ObjectRecord {
  int64_t modified_ns = 0;
  uint64_t bytes = 0;
  std::string etag;
  ObjectMetadata metadata;
};
// At most two: the state that is being written and the one before.
std::string EncodeObjectRecords(const std::vector<ObjectRecord>& records);
Result<std::vector<ObjectRecord>> DecodeObjectRecords(std::string_view bytes);

struct UploadRecord {
  std::string key;
  int64_t initiated_unix_ms = 0;
  ObjectMetadata metadata;
};
std::string EncodeUploadRecord(const UploadRecord& record);
Result<UploadRecord> DecodeUploadRecord(std::string_view bytes);

// The end of a part's file, behind its bytes: ETag and checksums, so that a part and what is known
// of it appear in one rename.
struct PartRecord {
  std::string etag;
  std::vector<std::pair<std::string, std::string>> checksums;
};
inline constexpr size_t kPartTrailerBytes = 12;  // Fixed end of the record: its size and a name.
std::string EncodePartRecord(const PartRecord& record);
// `tail`: the last bytes of the file. The size of the whole record; kCorrupt when it is none.
Result<size_t> PartRecordBytes(std::string_view tail);
Result<PartRecord> DecodePartRecord(std::string_view bytes);

// Errors: kTooLarge, kInvalid (NUL or line ends in a value).
Status CheckMetadata(const ObjectMetadata& metadata);

}  // namespace tarn::objects
