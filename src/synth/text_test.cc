#include "synth/internal/text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/clock.h"

namespace tarn::synth {
namespace {

template <typename T>
std::string Written(const T& value) {
  Text text;
  text.Add(value);
  return std::string(text.view());
}

TEST(Text, WritesDecimals) {
  struct Case {
    Decimal number;
    std::string_view text;
  };
  for (const Case& c :
       {Case{{0, 0}, "0"}, Case{{0, 2}, "0.00"}, Case{{5, 1}, "0.5"}, Case{{-5, 1}, "-0.5"},
        Case{{-1234, 2}, "-12.34"}, Case{{100, 2}, "1.00"}, Case{{-71'003'420, 6}, "-71.003420"},
        Case{{INT64_MAX, 6}, "9223372036854.775807"},
        Case{{INT64_MIN, 0}, "-9223372036854775808"}}) {
    EXPECT_EQ(Written(c.number), c.text);
  }
}

TEST(Text, WritesIntegers) {
  EXPECT_EQ(Written(int64_t{0}), "0");
  EXPECT_EQ(Written(int64_t{-7}), "-7");
  EXPECT_EQ(Written(INT64_MAX), "9223372036854775807");
  EXPECT_EQ(Written(INT64_MIN), "-9223372036854775808");
}

// Our own calendar against the one of base, over twelve centuries.
TEST(Text, TimesAgreeWithTheClock) {
  rc::check("written times read back", [] {
    const auto unix_s = *rc::gen::inRange<int64_t>(-30'000'000'000, 30'000'000'000);
    const auto ms = *rc::gen::inRange<uint32_t>(0, 1000);
    auto time = ParseRfc3339(Written(DateTime{unix_s}));
    RC_ASSERT((time.ok() && time.value() == unix_s * 1000));
    auto instant = ParseRfc3339(Written(Instant{unix_s, ms}));
    RC_ASSERT((instant.ok() && instant.value() == unix_s * 1000 + ms));
    RC_ASSERT(Written(Day{unix_s}) == Written(DateTime{unix_s}).substr(0, 10));
  });
}

TEST(Text, GrowsAndKeepsWhatItHas) {
  Text text;
  std::string expected;
  for (int64_t i = 0; i < 5000; ++i) {
    text.Add("<", i, std::string_view(">"));
    expected += "<" + std::to_string(i) + ">";
  }
  EXPECT_EQ(text.view(), expected);
  text.Clear();
  EXPECT_EQ(text.view(), "");
}

// RFC 9562 5.8: version 8, variant 10.
TEST(MakeId, IsUuid) {
  rc::check("an id has the form of a UUID of version 8", [] {
    const Id id = MakeId(*rc::gen::arbitrary<uint64_t>(), *rc::gen::arbitrary<uint64_t>());
    for (size_t i = 0; i < 36; ++i) {
      const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
      const std::string_view allowed = dash ? "-" : "0123456789abcdef";
      RC_ASSERT(allowed.find(id.text[i]) != std::string_view::npos);
    }
    RC_ASSERT(id.text[14] == '8');
    RC_ASSERT(std::string_view("89ab").find(id.text[19]) != std::string::npos);
  });
}

}  // namespace
}  // namespace tarn::synth
