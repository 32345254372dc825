// Ids, dates and numbers as text. Dates are computed in integers by the era method (400-year
// cycles that begin on 1 March), because the C library's gmtime takes locks and 20 times as long.
#include "synth/internal/text.h"

#include "base/check.h"
#include "synth/internal/random.h"

namespace tarn::synth {
namespace {

constexpr int64_t kDayS = 86'400;
constexpr int64_t kOffsetS = -5 * 3'600;

constexpr auto kTwoDigits = [] {
  std::array<char, 200> table{};
  for (size_t i = 0; i < 100; ++i) {
    table[2 * i] = static_cast<char>('0' + i / 10);
    table[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return table;
}();

constexpr auto kTwoHex = [] {
  std::array<char, 512> table{};
  for (size_t i = 0; i < 256; ++i) {
    table[2 * i] = "0123456789abcdef"[i / 16];
    table[2 * i + 1] = "0123456789abcdef"[i % 16];
  }
  return table;
}();

char* WriteTwo(char* at, uint32_t number) {
  std::memcpy(at, &kTwoDigits[size_t{2} * number], 2);
  return at + 2;
}

char* WriteHex(char* at, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i, at += 2) {
    std::memcpy(at, &kTwoHex[size_t{2} * ((value >> (8 * i)) & 0xff)], 2);
  }
  return at;
}

char* WriteUnsigned(char* at, uint64_t number) {
  std::array<char, 20> digits;
  size_t first = digits.size();
  do {
    digits[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  std::memcpy(at, digits.data() + first, digits.size() - first);
  return at + digits.size() - first;
}

int64_t FloorDiv(int64_t value, int64_t by) {
  return value >= 0 ? value / by : -((by - 1 - value) / by);
}

// `days` since 1970-01-01.
char* WriteDate(char* at, int64_t days) {
  const int64_t shifted = days + 719'468;  // Since 0000-03-01.
  const int64_t era = FloorDiv(shifted, 146'097);
  const auto day_of_era = static_cast<uint32_t>(shifted - era * 146'097);
  const uint32_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const uint32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t march_month = (5 * day_of_year + 2) / 153;
  const uint32_t day = day_of_year - (153 * march_month + 2) / 5 + 1;
  const uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  const auto year = static_cast<uint32_t>(era * 400 + year_of_era + (month <= 2 ? 1 : 0));
  CHECK(year >= 1000 && year <= 9999);
  at = WriteTwo(at, year / 100);
  at = WriteTwo(at, year % 100);
  *at++ = '-';
  at = WriteTwo(at, month);
  *at++ = '-';
  return WriteTwo(at, day);
}

char* WriteSeconds(char* at, int64_t unix_s) {
  const int64_t local = unix_s + kOffsetS;
  const int64_t days = FloorDiv(local, kDayS);
  const auto second = static_cast<uint32_t>(local - days * kDayS);
  at = WriteDate(at, days);
  *at++ = 'T';
  at = WriteTwo(at, second / 3600);
  *at++ = ':';
  at = WriteTwo(at, second / 60 % 60);
  *at++ = ':';
  return WriteTwo(at, second % 60);
}

}  // namespace

Id MakeId(uint64_t key, uint64_t counter) {
  uint64_t high = Mix2(key, counter);
  uint64_t low = Mix2(high ^ key, counter);
  high = (high & ~uint64_t{0xf000}) | 0x8000;               // RFC 9562 5.8: version 8.
  low = (low & 0x3fffffffffffffffu) | 0x8000000000000000u;  // RFC 9562 4.1: variant 10.
  Id id;
  char* at = id.text.data();
  at = WriteHex(at, high >> 32, 4);
  *at++ = '-';
  at = WriteHex(at, (high >> 16) & 0xffff, 2);
  *at++ = '-';
  at = WriteHex(at, high & 0xffff, 2);
  *at++ = '-';
  at = WriteHex(at, low >> 48, 2);
  *at++ = '-';
  WriteHex(at, low & 0xffffffffffffu, 6);
  return id;
}

char* Text::Write(char* at, Day day) {
  return WriteDate(at, FloorDiv(day.unix_s + kOffsetS, kDayS));
}

char* Text::Write(char* at, DateTime time) {
  return Write(WriteSeconds(at, time.unix_s), "-05:00");
}

char* Text::Write(char* at, Instant time) {
  at = WriteSeconds(at, time.unix_s);
  *at++ = '.';
  *at++ = static_cast<char>('0' + time.ms / 100);
  return Write(WriteTwo(at, time.ms % 100), "-05:00");
}

char* Text::Write(char* at, int64_t number) { return Write(at, Decimal{number, 0}); }

char* Text::Write(char* at, Decimal number) {
  static constexpr std::array<uint64_t, 7> kTens = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000};
  CHECK(number.places < kTens.size());
  const uint64_t unit = kTens[number.places];
  if (number.value < 0) *at++ = '-';
  const uint64_t size =
      number.value < 0 ? -static_cast<uint64_t>(number.value) : static_cast<uint64_t>(number.value);
  at = WriteUnsigned(at, size / unit);
  if (number.places == 0) return at;
  *at++ = '.';
  uint64_t rest = size % unit;
  for (uint32_t place = number.places; place-- > 0;) {
    at[place] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  }
  return at + number.places;
}

}  // namespace tarn::synth
