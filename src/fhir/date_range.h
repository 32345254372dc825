// Dates and times of any precision as half-open ranges of microseconds.
// Spec: FHIR R4 "date", "dateTime", "instant"; "Search", section date.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tarn::fhir {

inline constexpr int64_t kTimeMin = INT64_MIN;  // Before all times: a Period without start.
inline constexpr int64_t kTimeMax = INT64_MAX;  // After all times: a Period without end.

// [low_us, high_us), microseconds since 1970-01-01T00:00:00Z, proleptic Gregorian calendar without
// leap seconds. 2024-02 is all of February.
struct TimeRange {
  int64_t low_us = kTimeMin;
  int64_t high_us = kTimeMax;
  friend bool operator==(const TimeRange&, const TimeRange&) = default;
};

// "2024", "2024-02", "2024-02-29", "2024-02-29T10:30", "...:12", "...:12.345", with Z, +hh:mm or
// -hh:mm after a time. Without a zone: UTC (the specification leaves the zone to the server). The
// range is as wide as the last written unit; of a fraction's digits the first six count. Second 60
// is the first of the next minute. Errors: kInvalid, saying what is wrong.
Result<TimeRange> ParseTimeRange(std::string_view text);

// 8 bytes that compare like the numbers.
void AppendTimeKey(std::string* out, int64_t time_us);
int64_t DecodeTimeKey(std::string_view key);  // At least 8 bytes (CHECK).

// "2024-02-29T10:30:12.345678Z" without trailing zeros of the fraction, years 1 to 9999 (CHECK).
std::string TimeText(int64_t time_us);

}  // namespace tarn::fhir
