// The index that searches walk: for each image set a few small keys, one per order and per value
// that it may be looked for by.
//
//   key    | attribute 1 | value | order 1 | order value | image set 16 |
//   value  | form 1 | updated 8 | created 8 | study date and time 20 | primary 1 | 5 hashes of 8 |
//
// value: nothing (all), the keyed hash of an identifier (16), or 0 or 1 (isPrimary). order value:
// milliseconds (8), or study date and time as YYYYMMDDHHMMSSFFFFFF.
// Threads: functions may be called from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/siphash.h"
#include "image_store/internal/records.h"
#include "image_store/search.h"

namespace tarn::image_store {

// Stored as numbers: never renumber.
enum class IndexAttribute : uint8_t {
  kAll = 0,
  kPatientId = 1,
  kAccessionNumber = 2,
  kStudyId = 3,
  kStudyInstanceUid = 4,
  kSeriesInstanceUid = 5,
  kIsPrimary = 6,
};
inline constexpr size_t kIdentifierCount = 5;  // kPatientId to kSeriesInstanceUid.

// The orders, numbered as SortField is: kUpdatedAt 0, kCreatedAt 1, kStudyDateAndTime 2.
inline constexpr size_t kStudyTimeBytes = 20;

struct IndexEntry {
  int64_t updated_unix_ms = 0;
  int64_t created_unix_ms = 0;
  std::string study_time;  // kStudyTimeBytes digits; all zero when there is no date.
  bool is_primary = false;
  std::array<uint64_t, kIdentifierCount> hashes{};
};
// Errors: kCorrupt.
Result<IndexEntry> DecodeIndexEntry(std::string_view bytes);

// YYYYMMDD and HHMMSS.FFFFFF (or its beginning) as 20 digits; other characters are passed over.
std::string StudyTimeDigits(std::string_view date, std::string_view time);

// The beginning of the keys of one value. `value`: an identifier's text, or "0" or "1".
std::string IndexPrefix(const crypto::SipHash& hash, IndexAttribute attribute,
                        std::string_view value, SortField order);
std::string OrderValue(const IndexEntry& entry, SortField order);
std::string TimeValue(int64_t unix_ms);
uint64_t ShortHash(const crypto::SipHash& hash, std::string_view value);

struct IndexKeys {
  std::vector<std::string> keys;
  std::string value;  // The same for all.
};
// All keys of an image set; none when searches do not find it.
IndexKeys KeysOf(const crypto::SipHash& hash, std::string_view set, const SetRecord& record);

}  // namespace tarn::image_store
