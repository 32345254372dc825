#include "objects/internal/record.h"

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/digest.h"

namespace tarn::objects {
namespace {

constexpr std::string_view kObjectMagic = "TARNOBJ1";
constexpr std::string_view kUploadMagic = "TARNUPL1";
constexpr std::string_view kPartMagic = "TARNPRT1";
constexpr uint32_t kPairsMax = 512;
constexpr uint8_t kObjectRecordsMax = 2;

using Pairs = std::vector<std::pair<std::string, std::string>>;

Error Corrupt(std::string_view what) {
  return {ErrorKind::kCorrupt, std::string(what) + " record is damaged"};
}

void AppendText(std::string* out, std::string_view text) {
  AppendBe32(out, static_cast<uint32_t>(text.size()));
  out->append(text);
}

void AppendPairs(std::string* out, const Pairs& pairs) {
  AppendBe32(out, static_cast<uint32_t>(pairs.size()));
  for (const auto& [name, value] : pairs) {
    AppendText(out, name);
    AppendText(out, value);
  }
}

void AppendMetadata(std::string* out, const ObjectMetadata& metadata) {
  AppendText(out, metadata.content_type);
  AppendText(out, metadata.content_encoding);
  AppendPairs(out, metadata.headers);
  AppendPairs(out, metadata.user);
  AppendPairs(out, metadata.checksums);
}

std::string ReadText(ByteReader* reader) { return std::string(reader->Take(reader->Be32())); }

Pairs ReadPairs(ByteReader* reader) {
  Pairs pairs;
  const uint32_t count = reader->Be32();
  if (count > kPairsMax) {
    reader->Take(UINT64_MAX);  // Marks the reader as failed.
    return pairs;
  }
  for (uint32_t i = 0; i < count && reader->ok(); ++i) {
    std::string name = ReadText(reader);
    pairs.emplace_back(std::move(name), ReadText(reader));
  }
  return pairs;
}

ObjectMetadata ReadMetadata(ByteReader* reader) {
  ObjectMetadata metadata;
  metadata.content_type = ReadText(reader);
  metadata.content_encoding = ReadText(reader);
  metadata.headers = ReadPairs(reader);
  metadata.user = ReadPairs(reader);
  metadata.checksums = ReadPairs(reader);
  return metadata;
}

void AppendChecksum(std::string* out) { AppendBe32(out, crypto::Crc32c(0, *out)); }

// The bytes between the magic and the checksum, when both are right.
Result<std::string_view> Open(std::string_view bytes, std::string_view magic,
                              std::string_view what) {
  if (bytes.size() < magic.size() + 4 || bytes.size() > kRecordBytesMax ||
      !bytes.starts_with(magic)) {
    return Corrupt(what);
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - 4);
  if (crypto::Crc32c(0, covered) != LoadBe32(bytes.substr(covered.size()))) return Corrupt(what);
  return covered.substr(magic.size());
}

}  // namespace

std::string EncodeObjectRecords(const std::vector<ObjectRecord>& records) {
  CHECK(records.size() <= kObjectRecordsMax);
  std::string out(kObjectMagic);
  out.push_back(static_cast<char>(records.size()));
  for (const ObjectRecord& record : records) {
    AppendBe64(&out, static_cast<uint64_t>(record.modified_ns));
    AppendBe64(&out, record.bytes);
    AppendText(&out, record.etag);
    AppendMetadata(&out, record.metadata);
  }
  AppendChecksum(&out);
  return out;
}

Result<std::vector<ObjectRecord>> DecodeObjectRecords(std::string_view bytes) {
  TRY(const std::string_view body, Open(bytes, kObjectMagic, "object"));
  ByteReader reader(body);
  const uint8_t count = reader.U8();
  if (count > kObjectRecordsMax) return Corrupt("object");
  std::vector<ObjectRecord> records;
  for (uint8_t i = 0; i < count && reader.ok(); ++i) {
    ObjectRecord record;
    record.modified_ns = static_cast<int64_t>(reader.Be64());
    record.bytes = reader.Be64();
    record.etag = ReadText(&reader);
    record.metadata = ReadMetadata(&reader);
    records.push_back(std::move(record));
  }
  if (!reader.AtEnd()) return Corrupt("object");
  return records;
}

std::string EncodeUploadRecord(const UploadRecord& record) {
  std::string out(kUploadMagic);
  AppendText(&out, record.key);
  AppendBe64(&out, static_cast<uint64_t>(record.initiated_unix_ms));
  AppendMetadata(&out, record.metadata);
  AppendChecksum(&out);
  return out;
}

Result<UploadRecord> DecodeUploadRecord(std::string_view bytes) {
  TRY(const std::string_view body, Open(bytes, kUploadMagic, "upload"));
  ByteReader reader(body);
  UploadRecord record;
  record.key = ReadText(&reader);
  record.initiated_unix_ms = static_cast<int64_t>(reader.Be64());
  record.metadata = ReadMetadata(&reader);
  if (!reader.AtEnd() || !CheckKey(record.key).ok()) return Corrupt("upload");
  return record;
}

std::string EncodePartRecord(const PartRecord& record) {
  std::string out;
  AppendText(&out, record.etag);
  AppendPairs(&out, record.checksums);
  AppendChecksum(&out);
  AppendBe32(&out, static_cast<uint32_t>(out.size() + kPartTrailerBytes));
  out.append(kPartMagic);
  return out;
}

Result<size_t> PartRecordBytes(std::string_view tail) {
  if (tail.size() < kPartTrailerBytes || !tail.ends_with(kPartMagic)) return Corrupt("part");
  const size_t bytes = LoadBe32(tail.substr(tail.size() - kPartTrailerBytes));
  if (bytes < kPartTrailerBytes || bytes > kRecordBytesMax) return Corrupt("part");
  return bytes;
}

Result<PartRecord> DecodePartRecord(std::string_view bytes) {
  TRY(const size_t size, PartRecordBytes(bytes));
  if (size != bytes.size()) return Corrupt("part");
  bytes.remove_suffix(kPartTrailerBytes);
  TRY(const std::string_view body, Open(bytes, "", "part"));
  ByteReader reader(body);
  PartRecord record;
  record.etag = ReadText(&reader);
  record.checksums = ReadPairs(&reader);
  if (!reader.AtEnd()) return Corrupt("part");
  return record;
}

Status CheckMetadata(const ObjectMetadata& metadata) {
  const auto bytes_of = [](const Pairs& pairs) {
    size_t bytes = 0;
    for (const auto& [name, value] : pairs) bytes += name.size() + value.size();
    return bytes;
  };
  if (bytes_of(metadata.user) > kUserMetadataBytesMax) {
    return Error{ErrorKind::kTooLarge,
                 "user metadata of more than " + std::to_string(kUserMetadataBytesMax) + " bytes"};
  }
  if (metadata.content_type.size() + metadata.content_encoding.size() + bytes_of(metadata.headers) +
          bytes_of(metadata.checksums) >
      kHeaderMetadataBytesMax) {
    return Error{ErrorKind::kTooLarge, "header fields of more than " +
                                           std::to_string(kHeaderMetadataBytesMax) + " bytes"};
  }
  // They are sent as header fields again.
  const auto unsafe = [](std::string_view text) {
    return text.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos;
  };
  bool bad = unsafe(metadata.content_type) || unsafe(metadata.content_encoding);
  for (const Pairs* pairs : {&metadata.headers, &metadata.user, &metadata.checksums}) {
    if (pairs->size() > kPairsMax) return Invalid("too many metadata fields");
    for (const auto& [name, value] : *pairs) bad = bad || unsafe(name) || unsafe(value);
  }
  if (bad) return Invalid("a NUL or a line end in metadata");
  return Ok();
}

}  // namespace tarn::objects
