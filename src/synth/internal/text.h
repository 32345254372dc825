// A reusable buffer that JSON is written into, and the forms that values take in it. A resource is
// a few hundred pieces of text, so the cost of generating is the cost of appending: Add() makes
// room once for all its pieces, and literals are copied with their length known at compile time.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tarn::synth {

// The logical id of a resource: a UUID (RFC 9562, version 8: made by our own rule), as text.
struct Id {
  std::array<char, 36> text{};
  std::string_view view() const { return {text.data(), text.size()}; }
};

// The id number `counter` of the sequence `key`.
Id MakeId(uint64_t key, uint64_t counter);

// Seconds since 1970 in the three precisions of FHIR, in the time zone of all our patients, which
// is five hours behind UTC: 2020-02-03, 2020-02-03T04:05:06-05:00, 2020-02-03T04:05:06.789-05:00.
// Years 1000 to 9999.
struct Day {
  int64_t unix_s;
};
struct DateTime {
  int64_t unix_s;
};
struct Instant {
  int64_t unix_s;
  uint32_t ms;  // Below 1000.
};

// value / 10^places, written with exactly that many digits after the point. `places` is 0 to 6.
struct Decimal {
  int64_t value;
  uint32_t places;
};

class Text {
 public:
  void Clear() { size_ = 0; }
  std::string_view view() const { return {bytes_.data(), size_}; }

  template <typename... Parts>
  void Add(const Parts&... parts) {
    const size_t most = (size_t{0} + ... + SizeMax(parts));
    if (bytes_.size() - size_ < most) bytes_.resize(2 * bytes_.size() + most);
    char* at = bytes_.data() + size_;
    ((at = Write(at, parts)), ...);
    size_ = static_cast<size_t>(at - bytes_.data());
  }

 private:
  template <size_t kSize>
  static constexpr size_t SizeMax(const char (&)[kSize]) {
    return kSize - 1;
  }
  static size_t SizeMax(std::string_view text) { return text.size(); }
  static constexpr size_t SizeMax(const Id&) { return 36; }
  static constexpr size_t SizeMax(Day) { return 10; }
  static constexpr size_t SizeMax(DateTime) { return 25; }
  static constexpr size_t SizeMax(Instant) { return 29; }
  static constexpr size_t SizeMax(Decimal) { return 28; }
  static constexpr size_t SizeMax(int64_t) { return 20; }

  template <size_t kSize>
  static char* Write(char* at, const char (&text)[kSize]) {
    std::memcpy(at, text, kSize - 1);
    return at + kSize - 1;
  }
  static char* Write(char* at, std::string_view text) {
    std::memcpy(at, text.data(), text.size());
    return at + text.size();
  }
  static char* Write(char* at, const Id& id) {
    std::memcpy(at, id.text.data(), id.text.size());
    return at + id.text.size();
  }
  static char* Write(char* at, Day day);
  static char* Write(char* at, DateTime time);
  static char* Write(char* at, Instant time);
  static char* Write(char* at, Decimal number);
  static char* Write(char* at, int64_t number);

  std::string bytes_;
  size_t size_ = 0;
};

}  // namespace tarn::synth
