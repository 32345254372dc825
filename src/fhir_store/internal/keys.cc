#include "fhir_store/internal/keys.h"

#include <algorithm>
#include <iterator>

#include "base/bytes.h"
#include "base/check.h"
#include "fhir_store/internal/families.h"

namespace tarn::fhir_store {
namespace {

// Tags of packed ids and forms of records. Stored: never renumber.
constexpr char kTextId = 0;
constexpr char kUuidId = 1;
constexpr char kHexId = 2;
constexpr uint8_t kLiveForm = 1;
constexpr uint8_t kDeletedForm = 2;
constexpr uint8_t kLogForm = 1;
constexpr size_t kUuidBytes = 36;
constexpr int64_t kTimeMax = (int64_t{1} << 48) - 1;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool IsHyphenPlace(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

// Fills 16 bytes from `id`; false when it is not in the canonical form that UnpackId restores.
bool PackHex(std::string_view id, bool hyphens, char* out) {
  size_t digits = 0;
  int high = 0;
  for (size_t i = 0; i < id.size(); ++i) {
    if (hyphens && IsHyphenPlace(i)) {
      if (id[i] != '-') return false;
      continue;
    }
    const int value = HexValue(id[i]);
    if (value < 0) return false;
    if (digits % 2 == 0) {
      high = value;
    } else {
      out[digits / 2] = static_cast<char>(high << 4 | value);
    }
    ++digits;
  }
  return digits == 32;
}

std::string UnpackHex(std::string_view bytes, bool hyphens) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string id;
  id.reserve(kUuidBytes);
  for (const char c : bytes) {
    if (hyphens && IsHyphenPlace(id.size())) id.push_back('-');
    const auto byte = static_cast<uint8_t>(c);
    id.push_back(kDigits[byte >> 4]);
    id.push_back(kDigits[byte & 15]);
  }
  return id;
}

Error Corrupt(std::string_view what) {
  return {ErrorKind::kCorrupt, "stored " + std::string(what) + " does not decode"};
}

void AppendBe48(std::string* out, int64_t value) {
  CHECK(value >= 0 && value <= kTimeMax);
  AppendBe16(out, static_cast<uint16_t>(value >> 32));
  AppendBe32(out, static_cast<uint32_t>(value));
}

}  // namespace

void AppendPackedId(std::string* out, std::string_view id) {
  char packed[16];
  if (id.size() == kUuidBytes && PackHex(id, true, packed)) {
    out->push_back(kUuidId);
    out->append(packed, sizeof packed);
  } else if (id.size() == 32 && PackHex(id, false, packed)) {
    out->push_back(kHexId);
    out->append(packed, sizeof packed);
  } else {
    out->push_back(kTextId);
    out->append(id);
  }
}

Result<std::string> UnpackId(std::string_view packed) {
  if (packed.empty()) return Corrupt("id");
  const char tag = packed[0];
  const std::string_view rest = packed.substr(1);
  if (tag == kTextId) {
    if (!fhir::IsValidId(rest)) return Corrupt("id");
    return std::string(rest);
  }
  if ((tag != kUuidId && tag != kHexId) || rest.size() != 16) return Corrupt("id");
  return UnpackHex(rest, tag == kUuidId);
}

void AppendPackedIdBound(std::string* out, size_t form, std::string_view text, IdBound bound) {
  CHECK(form < kPackedIdForms);
  out->push_back(static_cast<char>(form));
  if (form == kTextId) {
    out->append(text);
    return;
  }
  // As many digits as the text shares with some id of the form; then the least or the greatest.
  const bool hyphens = form == kUuidId;
  char packed[16];
  std::fill(std::begin(packed), std::end(packed), bound == IdBound::kNotAfter ? '\0' : '\xff');
  size_t digits = 0;
  for (size_t i = 0; i < text.size() && digits < 32; ++i) {
    if (hyphens && IsHyphenPlace(i)) {
      if (text[i] != '-') break;
      continue;
    }
    const int value = HexValue(text[i]);
    if (value < 0) break;
    const int shift = digits % 2 == 0 ? 4 : 0;
    char& byte = packed[digits / 2];
    byte = static_cast<char>((byte & ~(0xf << shift)) | value << shift);
    ++digits;
  }
  out->append(packed, sizeof packed);
}

void AppendCurrentKey(std::string* out, fhir::TypeId type, std::string_view id) {
  AppendBe16(out, type);
  AppendPackedId(out, id);
}

std::string CurrentKey(fhir::TypeId type, std::string_view id) {
  std::string key;
  AppendCurrentKey(&key, type, id);
  return key;
}

std::string TypePrefix(fhir::TypeId type) {
  std::string key;
  AppendBe16(&key, type);
  return key;
}

std::string IdentKey(fhir::TypeId type, Ordinal ordinal) {
  std::string key = TypePrefix(type);
  AppendBe32(&key, ordinal);
  return key;
}

std::string VersionKey(fhir::TypeId type, Ordinal ordinal, uint32_t version) {
  std::string key = IdentKey(type, ordinal);
  AppendBe32(&key, ~version);
  return key;
}

std::string LiveKey(fhir::TypeId type, uint32_t chunk) {
  CHECK(chunk <= UINT16_MAX);
  std::string key = TypePrefix(type);
  AppendBe16(&key, static_cast<uint16_t>(chunk));
  return key;
}

Result<VersionKeyParts> ParseVersionKey(std::string_view key) {
  if (key.size() != 10) return Corrupt("version key");
  return VersionKeyParts{LoadBe16(key), LoadBe32(key.substr(2)), ~LoadBe32(key.substr(6))};
}

Result<Ordinal> ParseIdentKey(std::string_view key) {
  if (key.size() != 6) return Corrupt("ident key");
  return LoadBe32(key.substr(2));
}

Result<uint32_t> ParseLiveKey(std::string_view key) {
  if (key.size() != 4) return Corrupt("live key");
  return uint32_t{LoadBe16(key.substr(2))};
}

std::string EncodeCurrent(const CurrentRecord& record) {
  std::string value;
  AppendBe64(&value, record.version);
  value.push_back(static_cast<char>(record.deleted ? kDeletedForm : kLiveForm));
  AppendBe32(&value, record.ordinal);
  AppendBe48(&value, record.last_updated_unix_ms);
  return value;
}

Result<CurrentRecord> DecodeCurrent(std::string_view value) {
  ByteReader reader(value);
  const uint64_t revision = reader.Be64();
  const uint8_t form = reader.U8();
  CurrentRecord record;
  record.ordinal = reader.Be32();
  const uint64_t time_high = reader.Be16();
  record.last_updated_unix_ms = static_cast<int64_t>(time_high << 32 | reader.Be32());
  record.version = static_cast<uint32_t>(revision);
  record.deleted = form == kDeletedForm;
  if (!reader.AtEnd() || revision == 0 || revision > UINT32_MAX ||
      (form != kLiveForm && form != kDeletedForm)) {
    return Corrupt("current record");
  }
  return record;
}

std::string EncodeLog(const std::vector<LogEntry>& entries) {
  std::string value;
  value.push_back(static_cast<char>(kLogForm));
  for (const LogEntry& entry : entries) {
    value.push_back(static_cast<char>(entry.op));
    AppendBe16(&value, entry.type);
    AppendBe32(&value, entry.ordinal);
    AppendBe32(&value, entry.op == LogOp::kCreated ? entry.count : entry.version);
  }
  return value;
}

Result<std::vector<LogEntry>> DecodeLog(std::string_view value) {
  ByteReader reader(value);
  if (reader.U8() != kLogForm) return Corrupt("log record");
  std::vector<LogEntry> entries;
  while (!reader.AtEnd()) {
    LogEntry entry;
    const uint8_t op = reader.U8();
    entry.type = reader.Be16();
    entry.ordinal = reader.Be32();
    const uint32_t number = reader.Be32();
    if (!reader.ok() || op < 1 || op > 3) return Corrupt("log record");
    entry.op = static_cast<LogOp>(op);
    (entry.op == LogOp::kCreated ? entry.count : entry.version) = number;
    entries.push_back(entry);
  }
  return entries;
}

void AddLog(const std::vector<LogEntry>& entries, kv::Batch* batch) {
  batch->PutSequenced(kLog, kv::kSequenceBytes, EncodeLog(entries), {.key_offset = 0});
}

}  // namespace tarn::fhir_store
