#include "image_store/internal/search_index.h"

#include "base/bytes.h"
#include "base/check.h"

namespace tarn::image_store {
namespace {

constexpr uint8_t kForm = 1;
constexpr size_t kDateDigits = 8;
constexpr std::array kOrders = {SortField::kUpdatedAt, SortField::kCreatedAt,
                                SortField::kStudyDateAndTime};

// The digits of a text, cut or filled with zeros.
void AppendDigits(std::string* out, std::string_view text, size_t count) {
  size_t taken = 0;
  for (const char c : text) {
    if (taken == count) return;
    if (c < '0' || c > '9') continue;
    *out += c;
    ++taken;
  }
  out->append(count - taken, '0');
}

std::array<const std::string*, kIdentifierCount> IdentifiersOf(const DicomTags& tags) {
  return {&tags.patient_id, &tags.accession_number, &tags.study_id, &tags.study_instance_uid,
          &tags.series_instance_uid};
}

IndexEntry EntryOf(const crypto::SipHash& hash, const SetRecord& record) {
  IndexEntry entry;
  entry.updated_unix_ms = record.latest.updated_unix_ms;
  entry.created_unix_ms = record.latest.created_unix_ms;
  entry.study_time = StudyTimeDigits(record.tags.study_date, record.tags.study_time);
  entry.is_primary = record.latest.is_primary;
  const auto identifiers = IdentifiersOf(record.tags);
  for (size_t i = 0; i < identifiers.size(); ++i)
    entry.hashes[i] = ShortHash(hash, *identifiers[i]);
  return entry;
}

std::string EncodeIndexEntry(const IndexEntry& entry) {
  CHECK(entry.study_time.size() == kStudyTimeBytes);
  std::string out;
  out += static_cast<char>(kForm);
  AppendBe64(&out, static_cast<uint64_t>(entry.updated_unix_ms));
  AppendBe64(&out, static_cast<uint64_t>(entry.created_unix_ms));
  out += entry.study_time;
  out += entry.is_primary ? '\1' : '\0';
  for (const uint64_t one : entry.hashes) AppendBe64(&out, one);
  return out;
}

}  // namespace

Result<IndexEntry> DecodeIndexEntry(std::string_view bytes) {
  ByteReader in(bytes);
  const uint8_t form = in.U8();
  IndexEntry entry;
  entry.updated_unix_ms = static_cast<int64_t>(in.Be64());
  entry.created_unix_ms = static_cast<int64_t>(in.Be64());
  entry.study_time = std::string(in.Take(kStudyTimeBytes));
  const uint8_t primary = in.U8();
  entry.is_primary = primary == 1;
  for (uint64_t& one : entry.hashes) one = in.Be64();
  if (form != kForm || primary > 1 || !in.AtEnd()) {
    return Error{ErrorKind::kCorrupt, "image store: an index entry does not decode"};
  }
  return entry;
}

std::string StudyTimeDigits(std::string_view date, std::string_view time) {
  std::string out;
  out.reserve(kStudyTimeBytes);
  AppendDigits(&out, date, kDateDigits);
  AppendDigits(&out, date.empty() ? std::string_view() : time, kStudyTimeBytes - kDateDigits);
  return out;
}

uint64_t ShortHash(const crypto::SipHash& hash, std::string_view value) {
  const auto bytes = hash(value);
  return LoadBe64({bytes.data(), bytes.size()});
}

std::string TimeValue(int64_t unix_ms) {
  std::string out;
  // The sign bit is flipped, so that times before 1970 come first.
  AppendBe64(&out, static_cast<uint64_t>(unix_ms) ^ (uint64_t{1} << 63));
  return out;
}

std::string OrderValue(const IndexEntry& entry, SortField order) {
  switch (order) {
    case SortField::kUpdatedAt:
      return TimeValue(entry.updated_unix_ms);
    case SortField::kCreatedAt:
      return TimeValue(entry.created_unix_ms);
    case SortField::kStudyDateAndTime:
      return entry.study_time;
  }
  CHECK(false);
}

std::string IndexPrefix(const crypto::SipHash& hash, IndexAttribute attribute,
                        std::string_view value, SortField order) {
  std::string prefix;
  prefix += static_cast<char>(attribute);
  if (attribute == IndexAttribute::kIsPrimary) {
    prefix += value == "1" ? '\1' : '\0';
  } else if (attribute != IndexAttribute::kAll) {
    const auto bytes = hash(value);
    prefix.append(bytes.data(), bytes.size());
  }
  prefix += static_cast<char>(order);
  return prefix;
}

IndexKeys KeysOf(const crypto::SipHash& hash, std::string_view set, const SetRecord& record) {
  IndexKeys keys;
  if (record.latest.state == ImageSetState::kDeleted || record.metadata_version == 0) return keys;
  const IndexEntry entry = EntryOf(hash, record);
  keys.value = EncodeIndexEntry(entry);
  for (const SortField order : kOrders) {
    const std::string end = OrderValue(entry, order).append(set);
    const auto add = [&](IndexAttribute attribute, std::string_view value) {
      keys.keys.push_back(IndexPrefix(hash, attribute, value, order) + end);
    };
    add(IndexAttribute::kAll, {});
    add(IndexAttribute::kIsPrimary, entry.is_primary ? "1" : "0");
    const auto identifiers = IdentifiersOf(record.tags);
    for (size_t i = 0; i < identifiers.size(); ++i) {
      if (!identifiers[i]->empty()) add(static_cast<IndexAttribute>(i + 1), *identifiers[i]);
    }
  }
  return keys;
}

}  // namespace tarn::image_store
