#include "base/clock.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace tarn {
namespace {

constexpr int64_t kMsPerDay = 86'400'000;
constexpr std::array<const char*, 7> kWeekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Civil {
  int year, month, day, hour, minute, second, millisecond, weekday;
};

Civil ToCivil(int64_t unix_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds{unix_ms}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const int64_t rest = (time - day).count();
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(rest / 3'600'000),
          static_cast<int>(rest / 60'000 % 60),
          static_cast<int>(rest / 1000 % 60),
          static_cast<int>(rest % 1000),
          static_cast<int>(weekday{day}.c_encoding())};
}

template <typename... Args>
std::string Format(const char* format, Args... args) {
  std::array<char, 64> buffer;
  const int length = std::snprintf(buffer.data(), buffer.size(), format, args...);
  CHECK(length > 0 && static_cast<size_t>(length) < buffer.size());
  return std::string(buffer.data(), static_cast<size_t>(length));
}

// Reads digits and literal characters; every failure is sticky.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  int Digits(int count) {
    int value = 0;
    for (int i = 0; i < count; ++i) {
      if (text_.empty() || text_[0] < '0' || text_[0] > '9') {
        failed_ = true;
        return 0;
      }
      value = value * 10 + (text_[0] - '0');
      text_.remove_prefix(1);
    }
    return value;
  }
  void Literal(std::string_view literal) {
    if (text_.substr(0, literal.size()) != literal) {
      failed_ = true;
      return;
    }
    text_.remove_prefix(literal.size());
  }
  char Peek() const { return text_.empty() ? '\0' : text_[0]; }
  void Skip() {
    if (!text_.empty()) text_.remove_prefix(1);
  }
  std::string_view Take(size_t count) {
    const std::string_view taken = text_.substr(0, count);
    if (taken.size() < count) failed_ = true;
    text_.remove_prefix(taken.size());
    return taken;
  }
  bool Done() const { return !failed_ && text_.empty(); }

 private:
  std::string_view text_;
  bool failed_ = false;
};

Result<int64_t> FromCivil(const Civil& c) {
  using namespace std::chrono;
  const year_month_day date{year{c.year}, month{static_cast<unsigned>(c.month)},
                            day{static_cast<unsigned>(c.day)}};
  if (c.year < 1 || !date.ok() || c.hour > 23 || c.minute > 59 || c.second > 60) {
    return Invalid("not a date and time");
  }
  const int64_t days_since = sys_days{date}.time_since_epoch().count();
  return days_since * kMsPerDay + c.hour * 3'600'000LL + c.minute * 60'000LL + c.second * 1000LL +
         c.millisecond;
}

}  // namespace

int64_t SystemClock::UnixMs() const {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

int64_t SystemClock::MonotonicNs() const {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string FormatFhirInstant(int64_t unix_ms) {
  const Civil c = ToCivil(unix_ms);
  return Format("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour, c.minute,
                c.second, c.millisecond);
}

std::string FormatIso8601Seconds(int64_t unix_ms) {
  const Civil c = ToCivil(unix_ms);
  return Format("%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute,
                c.second);
}

std::string FormatHttpDate(int64_t unix_ms) {
  const Civil c = ToCivil(unix_ms);
  return Format("%s, %02d %s %04d %02d:%02d:%02d GMT", kWeekdays[static_cast<size_t>(c.weekday)],
                c.day, kMonths[static_cast<size_t>(c.month - 1)], c.year, c.hour, c.minute,
                c.second);
}

std::string FormatAwsBasicTime(int64_t unix_ms) {
  const Civil c = ToCivil(unix_ms);
  return Format("%04d%02d%02dT%02d%02d%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

std::string FormatEpochSeconds(int64_t unix_ms) {
  const int64_t seconds = unix_ms / 1000;
  const int64_t fraction = unix_ms % 1000;
  CHECK(fraction >= 0);  // No time before 1970 is ever sent.
  if (fraction == 0) return std::to_string(seconds);
  return Format("%lld.%03d", static_cast<long long>(seconds), static_cast<int>(fraction));
}

Result<int64_t> ParseRfc3339(std::string_view text) {
  Scanner in(text);
  Civil c{};
  c.year = in.Digits(4);
  in.Literal("-");
  c.month = in.Digits(2);
  in.Literal("-");
  c.day = in.Digits(2);
  in.Literal("T");
  c.hour = in.Digits(2);
  in.Literal(":");
  c.minute = in.Digits(2);
  in.Literal(":");
  c.second = in.Digits(2);
  if (in.Peek() == '.') {
    in.Skip();
    int scale = 100;
    int digits = 0;
    for (; in.Peek() >= '0' && in.Peek() <= '9'; ++digits, scale /= 10) {
      c.millisecond += in.Digits(1) * scale;
    }
    if (digits == 0 || digits > 9) return Invalid("not an RFC 3339 time");
  }
  int64_t offset_ms = 0;
  if (in.Peek() == 'Z') {
    in.Skip();
  } else {
    const char sign = in.Peek();
    if (sign != '+' && sign != '-') return Invalid("not an RFC 3339 time: no offset");
    in.Skip();
    const int hours = in.Digits(2);
    in.Literal(":");
    const int minutes = in.Digits(2);
    if (hours > 23 || minutes > 59) return Invalid("not an RFC 3339 time: bad offset");
    offset_ms = (hours * 60LL + minutes) * 60'000 * (sign == '-' ? -1 : 1);
  }
  if (!in.Done()) return Invalid("not an RFC 3339 time");
  TRY(int64_t local_ms, FromCivil(c));
  return local_ms - offset_ms;
}

Result<int64_t> ParseHttpDate(std::string_view text) {
  Scanner in(text);
  Civil c{};
  in.Take(3);
  in.Literal(", ");
  c.day = in.Digits(2);
  in.Literal(" ");
  const std::string_view month = in.Take(3);
  for (size_t i = 0; i < kMonths.size(); ++i) {
    if (month == kMonths[i]) c.month = static_cast<int>(i) + 1;
  }
  in.Literal(" ");
  c.year = in.Digits(4);
  in.Literal(" ");
  c.hour = in.Digits(2);
  in.Literal(":");
  c.minute = in.Digits(2);
  in.Literal(":");
  c.second = in.Digits(2);
  in.Literal(" GMT");
  if (!in.Done()) return Invalid("not an HTTP date");
  return FromCivil(c);
}

Result<int64_t> ParseAwsBasicTime(std::string_view text) {
  Scanner in(text);
  Civil c{};
  c.year = in.Digits(4);
  c.month = in.Digits(2);
  c.day = in.Digits(2);
  in.Literal("T");
  c.hour = in.Digits(2);
  c.minute = in.Digits(2);
  c.second = in.Digits(2);
  in.Literal("Z");
  if (!in.Done()) return Invalid("not a time of the form 20260102T030405Z");
  return FromCivil(c);
}

}  // namespace tarn
