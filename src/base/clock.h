// Time as an argument: every component that asks for the time is given a Clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tarn {

// Threads: every method may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since 1970-01-01T00:00:00Z. May jump.
  virtual int64_t UnixMs() const = 0;
  // Nanoseconds since an arbitrary point; never goes back. For durations and deadlines.
  virtual int64_t MonotonicNs() const = 0;
};

class SystemClock final : public Clock {
 public:
  int64_t UnixMs() const override;
  int64_t MonotonicNs() const override;
};

// A clock that tests set by hand.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(int64_t unix_ms = 1'700'000'000'000) : unix_ms_(unix_ms) {}
  int64_t UnixMs() const override { return unix_ms_; }
  int64_t MonotonicNs() const override { return unix_ms_ * 1'000'000; }
  void AdvanceMs(int64_t milliseconds) { unix_ms_ += milliseconds; }

 private:
  std::atomic<int64_t> unix_ms_;
};

// The forms of time that our protocols speak. All are UTC; years 0001 to 9999.
std::string FormatFhirInstant(int64_t unix_ms);     // 2026-01-02T03:04:05.678Z (FHIR R4 instant)
std::string FormatIso8601Seconds(int64_t unix_ms);  // 2026-01-02T03:04:05Z
std::string FormatHttpDate(int64_t unix_ms);      // Fri, 02 Jan 2026 03:04:05 GMT (RFC 9110 5.6.7)
std::string FormatAwsBasicTime(int64_t unix_ms);  // 20260102T030405Z (SigV4 x-amz-date)
std::string FormatEpochSeconds(int64_t unix_ms);  // 1767323045.678 (awsJson timestamp)

// Reads RFC 3339 with any offset and 0 to 9 fraction digits. Errors: kInvalid.
Result<int64_t> ParseRfc3339(std::string_view text);
Result<int64_t> ParseHttpDate(std::string_view text);  // IMF-fixdate only.
Result<int64_t> ParseAwsBasicTime(std::string_view text);

}  // namespace tarn
