// Dates and times of partial precision: reading, writing, comparing, adding.
#include <chrono>
#include <cstdio>

#include "fhir/internal/fhirpath_value.h"

namespace tarn::fhir::internal {
namespace {

constexpr int64_t kUsPerSecond = 1'000'000;
constexpr int64_t kUsPerMinute = 60 * kUsPerSecond;
constexpr int64_t kUsPerHour = 60 * kUsPerMinute;
constexpr int64_t kUsPerDay = 24 * kUsPerHour;
constexpr int kYearMin = 1;
constexpr int kYearMax = 9999;
constexpr int16_t kZoneMinutesMax = 14 * 60;

// A time without a zone may stand for any instant within this much of itself.
constexpr int64_t kZoneSpanUs = kZoneMinutesMax * kUsPerMinute;

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

struct Civil {
  int year = 1970;
  int month = 1;
  int day = 1;
};

constexpr int64_t DaysOf(const Civil& civil) {
  const auto date = std::chrono::year(civil.year) / civil.month / civil.day;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

Civil CivilOf(int64_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  return {static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day()))};
}

int LastDay(int year, int month) {
  const std::chrono::year_month_day_last last{std::chrono::year(year) / month / std::chrono::last};
  return static_cast<int>(static_cast<unsigned>(last.day()));
}

// Reads texts of digits and separators from the front.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  bool Skip(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly `digits` digits; -1 when they are not there.
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
  // A fraction of a second in microseconds; further digits are cut off. -1: no digit.
  int64_t Fraction() {
    int64_t us = 0;
    int64_t weight = kUsPerSecond / 10;
    size_t digits = 0;
    while (digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9') {
      us += weight * (rest_[digits] - '0');
      weight /= 10;
      ++digits;
    }
    rest_.remove_prefix(digits);
    return digits == 0 ? -1 : us;
  }

 private:
  std::string_view rest_;
};

// hh, hh:mm, hh:mm:ss, hh:mm:ss.f
bool ReadTimeOfDay(Reader* reader, int64_t* us, uint8_t* precision) {
  const int hour = reader->Number(2);
  if (hour < 0 || hour > 23) return false;
  *us += hour * kUsPerHour;
  *precision = kHour;
  if (!reader->Skip(':')) return true;
  const int minute = reader->Number(2);
  if (minute < 0 || minute > 59) return false;
  *us += minute * kUsPerMinute;
  *precision = kMinute;
  if (!reader->Skip(':')) return true;
  const int second = reader->Number(2);
  if (second < 0 || second > 60) return false;  // 60: a leap second, the next minute's first.
  *us += second * kUsPerSecond;
  *precision = kSecond;
  if (!reader->Skip('.')) return true;
  const int64_t fraction = reader->Fraction();
  if (fraction < 0) return false;
  *us += fraction;
  *precision = kMillisecond;
  return true;
}

bool ReadZone(Reader* reader, PathItem::Instant* instant) {
  instant->has_zone = true;
  if (reader->Skip('Z')) {
    instant->zone_minutes = 0;
    return true;
  }
  const bool east = reader->Skip('+');
  if (!east && !reader->Skip('-')) return false;
  const int hours = reader->Number(2);
  if (hours < 0 || !reader->Skip(':')) return false;
  const int minutes = reader->Number(2);
  if (minutes < 0 || minutes > 59) return false;
  const int total = hours * 60 + minutes;
  if (total > kZoneMinutesMax) return false;
  instant->zone_minutes = static_cast<int16_t>(east ? total : -total);
  return true;
}

// YYYY, YYYY-MM, YYYY-MM-DD
bool ReadDate(Reader* reader, int64_t* us, uint8_t* precision) {
  Civil civil{reader->Number(4)};
  if (civil.year < kYearMin) return false;
  *precision = kYear;
  if (reader->Skip('-')) {
    civil.month = reader->Number(2);
    if (civil.month < 1 || civil.month > 12) return false;
    *precision = kMonth;
    if (reader->Skip('-')) {
      civil.day = reader->Number(2);
      if (civil.day < 1 || civil.day > LastDay(civil.year, civil.month)) return false;
      *precision = kDay;
    }
  }
  *us = DaysOf(civil) * kUsPerDay;
  return true;
}

PathItem TimeItem(PathKind kind, uint8_t precision, const PathItem::Instant& instant) {
  PathItem item;
  item.kind = kind;
  item.type = kind == PathKind::kDate       ? kTypes.system_date
              : kind == PathKind::kDateTime ? kTypes.system_date_time
                                            : kTypes.system_time;
  item.detail = precision;
  item.instant = instant;
  return item;
}

void AppendNumber(std::string* out, int64_t value, int digits) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "%0*lld", digits, static_cast<long long>(value));
  *out += buffer;
}

void AppendTimeOfDay(std::string* out, int64_t us, uint8_t precision) {
  AppendNumber(out, us / kUsPerHour, 2);
  if (precision >= kMinute) *out += ':', AppendNumber(out, us / kUsPerMinute % 60, 2);
  if (precision >= kSecond) *out += ':', AppendNumber(out, us / kUsPerSecond % 60, 2);
  if (precision < kMillisecond) return;
  const int64_t fraction = us % kUsPerSecond;
  *out += '.';
  if (fraction % 1000 == 0) {
    AppendNumber(out, fraction / 1000, 3);
  } else {
    AppendNumber(out, fraction, 6);
  }
}

}  // namespace

std::optional<PathItem> ParseTimeItem(std::string_view text, PathKind kind) {
  Reader reader(text);
  PathItem::Instant instant{0, 0, false};
  uint8_t precision = 0;
  if (kind == PathKind::kTime) {
    if (!ReadTimeOfDay(&reader, &instant.local_us, &precision)) return std::nullopt;
  } else {
    if (!ReadDate(&reader, &instant.local_us, &precision)) return std::nullopt;
    if (kind == PathKind::kDateTime && reader.Skip('T') && !reader.done()) {
      if (precision != kDay) return std::nullopt;
      if (!ReadTimeOfDay(&reader, &instant.local_us, &precision)) return std::nullopt;
      if (!reader.done() && !ReadZone(&reader, &instant)) return std::nullopt;
    }
  }
  if (!reader.done()) return std::nullopt;
  return TimeItem(kind, precision, instant);
}

std::string TimeItemText(const PathItem& item) {
  std::string out;
  const int64_t us = item.instant.local_us;
  if (item.kind == PathKind::kTime) {
    AppendTimeOfDay(&out, us, item.detail);
    return out;
  }
  const Civil civil = CivilOf(FloorDiv(us, kUsPerDay));
  AppendNumber(&out, civil.year, 4);
  if (item.detail >= kMonth) out += '-', AppendNumber(&out, civil.month, 2);
  if (item.detail >= kDay) out += '-', AppendNumber(&out, civil.day, 2);
  if (item.detail < kHour) return out;
  out += 'T';
  AppendTimeOfDay(&out, us - FloorDiv(us, kUsPerDay) * kUsPerDay, item.detail);
  if (!item.instant.has_zone) return out;
  int zone = item.instant.zone_minutes;
  if (zone == 0) return out + "Z";
  out += zone < 0 ? '-' : '+';
  if (zone < 0) zone = -zone;
  AppendNumber(&out, zone / 60, 2);
  out += ':';
  AppendNumber(&out, zone % 60, 2);
  return out;
}

int64_t InstantUs(const PathItem& item) {
  const int64_t zone = item.instant.has_zone ? item.instant.zone_minutes : 0;
  return item.instant.local_us - zone * kUsPerMinute;
}

namespace {

int Sign(int64_t a, int64_t b) { return a < b ? -1 : (a > b ? 1 : 0); }

// The start of the unit `precision` that a local time lies in.
int64_t Truncated(int64_t us, uint8_t precision) {
  if (precision >= kSecond) return us;  // Fractions count: seconds are decimal.
  if (precision == kMinute) return FloorDiv(us, kUsPerMinute) * kUsPerMinute;
  if (precision == kHour) return FloorDiv(us, kUsPerHour) * kUsPerHour;
  Civil civil = CivilOf(FloorDiv(us, kUsPerDay));
  if (precision < kDay) civil.day = 1;
  if (precision < kMonth) civil.month = 1;
  return DaysOf(civil) * kUsPerDay;
}

}  // namespace

std::optional<int> CompareTimes(const PathItem& a, const PathItem& b) {
  int64_t left = a.instant.local_us;
  int64_t right = b.instant.local_us;
  const bool both_timed = a.detail >= kHour && b.detail >= kHour && a.kind != PathKind::kTime;
  if (both_timed && a.instant.has_zone && b.instant.has_zone) {
    left = InstantUs(a);
    right = InstantUs(b);
  } else if (both_timed && a.instant.has_zone != b.instant.has_zone) {
    // Which instant the one without a zone means is open, within the span of all zones.
    const int64_t difference = InstantUs(a) - InstantUs(b);
    if (difference > kZoneSpanUs) return 1;
    if (difference < -kZoneSpanUs) return -1;
    return std::nullopt;
  }
  const uint8_t precision_a = a.detail >= kSecond ? uint8_t{kSecond} : a.detail;
  const uint8_t precision_b = b.detail >= kSecond ? uint8_t{kSecond} : b.detail;
  const uint8_t common = std::min(precision_a, precision_b);
  const int sign = Sign(Truncated(left, common), Truncated(right, common));
  if (sign == 0 && precision_a != precision_b) return std::nullopt;
  return sign;
}

PathItem NowItem(PathKind kind, int64_t now_unix_us, int16_t zone_minutes) {
  const int64_t local = now_unix_us + zone_minutes * kUsPerMinute;
  const int64_t midnight = FloorDiv(local, kUsPerDay) * kUsPerDay;
  const int64_t local_ms = FloorDiv(local, 1000) * 1000;
  if (kind == PathKind::kDate) return TimeItem(kind, kDay, {midnight, 0, false});
  if (kind == PathKind::kTime) return TimeItem(kind, kMillisecond, {local_ms - midnight, 0, false});
  return TimeItem(kind, kMillisecond, {local_ms, zone_minutes, true});
}

namespace {

constexpr int64_t kAmountMax = 100'000'000'000'000;  // Years to milliseconds: beyond is overflow.

// Lengths for converting a finer unit to the precision of the operand, as the specification has
// them: a month is 30 days, a year 365 days or 12 months.
struct UnitRow {
  uint8_t precision;
  int64_t us;
};
constexpr UnitRow kUnits[] = {
    {0, 0},
    {kYear, 365 * kUsPerDay},
    {kMonth, 30 * kUsPerDay},
    {kDay, 7 * kUsPerDay},
    {kDay, kUsPerDay},
    {kHour, kUsPerHour},
    {kMinute, kUsPerMinute},
    {kSecond, kUsPerSecond},
    {kMillisecond, 1000},
};

std::optional<PathItem> AddMonths(PathItem item, int64_t months) {
  const int64_t day_number = FloorDiv(item.instant.local_us, kUsPerDay);
  Civil civil = CivilOf(day_number);
  const int64_t total = static_cast<int64_t>(civil.year) * 12 + civil.month - 1 + months;
  const int64_t year = FloorDiv(total, 12);
  if (year < kYearMin || year > kYearMax) return std::nullopt;
  const int month = static_cast<int>(total - year * 12) + 1;
  civil = {static_cast<int>(year), month,
           std::min(civil.day, LastDay(static_cast<int>(year), month))};
  item.instant.local_us += (DaysOf(civil) - day_number) * kUsPerDay;
  return item;
}

// The whole number of units at the operand's own precision.
int64_t AtPrecision(int64_t amount, TimeUnit unit, uint8_t precision) {
  if (unit == TimeUnit::kMonth) return amount / 12;  // Only a year is coarser.
  const __int128 us = static_cast<__int128>(amount) * kUnits[static_cast<size_t>(unit)].us;
  constexpr int64_t kPerPrecision[] = {1,          365 * kUsPerDay, 30 * kUsPerDay, kUsPerDay,
                                       kUsPerHour, kUsPerMinute,    kUsPerSecond};
  return static_cast<int64_t>(us / kPerPrecision[precision]);
}

std::optional<PathItem> AddMicroseconds(PathItem item, __int128 us) {
  if (item.kind == PathKind::kTime) {
    const int64_t day = static_cast<int64_t>((item.instant.local_us + us) % kUsPerDay);
    item.instant.local_us = day < 0 ? day + kUsPerDay : day;
    return item;
  }
  constexpr int64_t kFirst = DaysOf({kYearMin, 1, 1}) * kUsPerDay;
  constexpr int64_t kEnd = DaysOf({kYearMax + 1, 1, 1}) * kUsPerDay;
  const __int128 sum = item.instant.local_us + us;
  if (sum < kFirst || sum >= kEnd) return std::nullopt;
  item.instant.local_us = static_cast<int64_t>(sum);
  return item;
}

}  // namespace

std::optional<PathItem> AddTime(const PathItem& item, const Decimal& amount, TimeUnit unit,
                                int sign) {
  const bool seconds = unit == TimeUnit::kSecond;
  // Fractions count for seconds alone, down to the millisecond.
  const Decimal scaled = seconds ? Multiply(amount, {1000, 0}) : amount;
  const auto whole = IntegerOfDecimal(TruncateDecimal(scaled));
  if (!whole || *whole > kAmountMax || *whole < -kAmountMax) return std::nullopt;
  int64_t count = *whole * sign;
  TimeUnit in = seconds ? TimeUnit::kMs : unit;
  uint8_t precision = kUnits[static_cast<size_t>(in)].precision;
  if (precision == kMillisecond && item.detail >= kSecond) {
    const bool below = count % 1000 != 0;
    auto moved = AddMicroseconds(item, static_cast<__int128>(count) * 1000);
    if (moved && below) moved->detail = kMillisecond;
    return moved;
  }
  if (precision > item.detail) {
    count = AtPrecision(count, in, item.detail);
    constexpr TimeUnit kOfPrecision[] = {TimeUnit::kNone,  TimeUnit::kYear, TimeUnit::kMonth,
                                         TimeUnit::kDay,   TimeUnit::kHour, TimeUnit::kMinute,
                                         TimeUnit::kSecond};
    in = kOfPrecision[item.detail];
  }
  if (in == TimeUnit::kYear) return AddMonths(item, count * 12);
  if (in == TimeUnit::kMonth) return AddMonths(item, count);
  return AddMicroseconds(item, static_cast<__int128>(count) * kUnits[static_cast<size_t>(in)].us);
}

}  // namespace tarn::fhir::internal
