#include "fhir/date_range.h"

#include <cstdio>

#include "base/bytes.h"
#include "base/check.h"

namespace tarn::fhir {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

// Days since 1970-01-01 of the proleptic Gregorian calendar: years begin in March, so that the leap
// day comes last; 400 years have 146,097 days.
int64_t DaysOf(int year, int month, int day) {
  const int shifted = year - (month <= 2 ? 1 : 0);
  const int era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const int of_era = shifted - era * 400;
  const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
  return static_cast<int64_t>(era) * 146'097 + days - 719'468;
}

int DaysInMonth(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

class TimeScanner {
 public:
  explicit TimeScanner(std::string_view text) : rest_(text) {}

  // Exactly `digits` digits, or -1.
  int Number(size_t digits) {
    if (rest_.size() < digits) return -1;
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return -1;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  bool Skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool AtEnd() const { return rest_.empty(); }
  char Peek() const { return rest_.empty() ? '\0' : rest_[0]; }

 private:
  std::string_view rest_;
};

struct Fraction {
  int64_t us = 0;
  int64_t width_us = kSecond;
};

Result<Fraction> ScanFraction(TimeScanner* scan) {
  Fraction out;
  int digits = 0;
  for (int digit = scan->Number(1); digit >= 0; digit = scan->Number(1)) {
    ++digits;
    if (out.width_us == 1) continue;
    out.width_us /= 10;
    out.us += digit * out.width_us;
  }
  if (digits == 0) return Invalid("digits are missing after the seconds' point");
  return out;
}

Result<int64_t> ScanZone(TimeScanner* scan) {
  if (scan->AtEnd() || scan->Skip('Z')) return int64_t{0};
  const bool west = scan->Peek() == '-';
  // In a query string, a '+' that was not percent-encoded has become a space.
  if (!scan->Skip('+') && !scan->Skip('-') && !scan->Skip(' ')) {
    return Invalid("after the time only Z, +hh:mm or -hh:mm may follow");
  }
  const int hours = scan->Number(2);
  const bool colon = scan->Skip(':');
  const int minutes = scan->Number(2);
  if (hours < 0 || hours > 14 || !colon || minutes < 0 || minutes > 59) {
    return Invalid("the zone is not +hh:mm or -hh:mm with at most 14 hours");
  }
  const int64_t offset = hours * kHour + minutes * kMinute;
  return west ? -offset : offset;
}

// What follows the 'T'; `day_us` is midnight.
Result<TimeRange> ScanTime(TimeScanner* scan, int64_t day_us) {
  const int hour = scan->Number(2);
  const bool colon = scan->Skip(':');
  const int minute = scan->Number(2);
  if (hour < 0 || hour > 23 || !colon || minute < 0 || minute > 59) {
    return Invalid("the time is not hh:mm, hh:mm:ss or hh:mm:ss.fff");
  }
  TimeRange out;
  out.low_us = day_us + hour * kHour + minute * kMinute;
  int64_t width = kMinute;
  if (scan->Skip(':')) {
    const int second = scan->Number(2);
    if (second < 0 || second > 60) return Invalid("the seconds are not two digits up to 60");
    out.low_us += second * kSecond;
    width = kSecond;
    if (scan->Skip('.')) {
      TRY(const Fraction fraction, ScanFraction(scan));
      out.low_us += fraction.us;
      width = fraction.width_us;
    }
  }
  TRY(const int64_t zone_us, ScanZone(scan));
  out.low_us -= zone_us;
  out.high_us = out.low_us + width;
  return out;
}

}  // namespace

Result<TimeRange> ParseTimeRange(std::string_view text) {
  TimeScanner scan(text);
  const int year = scan.Number(4);
  if (year < 1) return Invalid("a date begins with a year of four digits, 0001 to 9999");
  if (scan.AtEnd()) return TimeRange{DaysOf(year, 1, 1) * kDay, DaysOf(year + 1, 1, 1) * kDay};
  if (!scan.Skip('-')) return Invalid("after the year only -mm may follow");
  const int month = scan.Number(2);
  if (month < 1 || month > 12) return Invalid("the month is not 01 to 12");
  if (scan.AtEnd()) {
    const int64_t first = DaysOf(year, month, 1);
    return TimeRange{first * kDay, (first + DaysInMonth(year, month)) * kDay};
  }
  if (!scan.Skip('-')) return Invalid("after the month only -dd may follow");
  const int day = scan.Number(2);
  if (day < 1 || day > DaysInMonth(year, month)) return Invalid("the month has no such day");
  const int64_t day_us = DaysOf(year, month, day) * kDay;
  if (scan.AtEnd()) return TimeRange{day_us, day_us + kDay};
  if (!scan.Skip('T')) return Invalid("after the day only Thh:mm may follow");
  TRY(const TimeRange range, ScanTime(&scan, day_us));
  if (!scan.AtEnd()) return Invalid("something follows the time");
  return range;
}

void AppendTimeKey(std::string* out, int64_t time_us) {
  AppendBe64(out, static_cast<uint64_t>(time_us) ^ (1ull << 63));
}

int64_t DecodeTimeKey(std::string_view key) {
  return static_cast<int64_t>(LoadBe64(key) ^ (1ull << 63));
}

std::string TimeText(int64_t time_us) {
  int64_t days = time_us / kDay - (time_us % kDay < 0 ? 1 : 0);
  const int64_t of_day = time_us - days * kDay;
  // The inverse of DaysOf.
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const int64_t of_era = days - era * 146'097;
  const int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * of_year + 2) / 153;
  const auto day = static_cast<int>(of_year - (153 * shifted_month + 2) / 5 + 1);
  const auto month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  const auto year = static_cast<int>(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
  CHECK(year >= 1 && year <= 9999);
  char text[48];
  const int bytes =
      std::snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day,
                    static_cast<int>(of_day / kHour), static_cast<int>(of_day / kMinute % 60),
                    static_cast<int>(of_day / kSecond % 60));
  std::string out(text, static_cast<size_t>(bytes));
  if (const int64_t fraction = of_day % kSecond; fraction != 0) {
    std::snprintf(text, sizeof(text), ".%06d", static_cast<int>(fraction));
    std::string_view digits = text;
    while (digits.ends_with('0')) digits.remove_suffix(1);
    out += digits;
  }
  return out + "Z";
}

}  // namespace tarn::fhir
