#include "fhir/date_range.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>

namespace tarn::fhir {
namespace {

TEST(TimeRange, FollowsPrecisionAndZone) {
  struct Case {
    std::string_view text, low, high;
  };
  for (const Case& c : {
           Case{"2024", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"},
           Case{"2024-02", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
           Case{"2023-02", "2023-02-01T00:00:00Z", "2023-03-01T00:00:00Z"},
           Case{"2024-12", "2024-12-01T00:00:00Z", "2025-01-01T00:00:00Z"},
           Case{"2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
           Case{"2024-02-29T10:30", "2024-02-29T10:30:00Z", "2024-02-29T10:31:00Z"},
           Case{"2024-02-29T10:30Z", "2024-02-29T10:30:00Z", "2024-02-29T10:31:00Z"},
           Case{"2024-02-29T10:30:12+02:00", "2024-02-29T08:30:12Z", "2024-02-29T08:30:13Z"},
           Case{"2024-02-29T23:30:12-05:30", "2024-03-01T05:00:12Z", "2024-03-01T05:00:13Z"},
           Case{"2024-02-29T10:30:12.3Z", "2024-02-29T10:30:12.3Z", "2024-02-29T10:30:12.4Z"},
           Case{"2024-02-29T10:30:12.345678Z", "2024-02-29T10:30:12.345678Z",
                "2024-02-29T10:30:12.345679Z"},
           Case{"2024-02-29T10:30:12.3456789Z", "2024-02-29T10:30:12.345678Z",
                "2024-02-29T10:30:12.345679Z"},
           Case{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", "2017-01-01T00:00:01Z"},
           Case{"1900-02", "1900-02-01T00:00:00Z", "1900-03-01T00:00:00Z"},
           Case{"0001", "0001-01-01T00:00:00Z", "0002-01-01T00:00:00Z"},
           Case{"1969-12-31", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"},
           // A '+' that arrived as a space.
           Case{"2024-02-29T10:30:12 02:00", "2024-02-29T08:30:12Z", "2024-02-29T08:30:13Z"},
       }) {
    SCOPED_TRACE(c.text);
    const auto range = ParseTimeRange(c.text);
    ASSERT_TRUE(range.ok());
    EXPECT_EQ(TimeText(range.value().low_us), c.low);
    EXPECT_EQ(TimeText(range.value().high_us), c.high);
  }
}

TEST(TimeRange, KnowsTheEpoch) {
  EXPECT_EQ(ParseTimeRange("1970").value().low_us, 0);
  EXPECT_EQ(ParseTimeRange("2001-09-09T01:46:40Z").value().low_us, 1'000'000'000'000'000);
}

TEST(TimeRange, SaysWhatIsWrong) {
  struct Case {
    std::string_view text, what;
  };
  for (const Case& c : {
           Case{"", "four digits"},
           Case{"24", "four digits"},
           Case{"0000", "four digits"},
           Case{"2024-13", "month"},
           Case{"2024-00", "month"},
           Case{"2024/01", "-mm"},
           Case{"2024-02-30", "no such day"},
           Case{"2023-02-29", "no such day"},
           Case{"2024-2-3", "month"},
           Case{"2024-02-03 10:00", "Thh:mm"},
           Case{"2024-02-03T10", "hh:mm"},
           Case{"2024-02-03T24:00", "hh:mm"},
           Case{"2024-02-03T10:60", "hh:mm"},
           Case{"2024-02-03T10:00:61", "seconds"},
           Case{"2024-02-03T10:00:00.", "point"},
           Case{"2024-02-03T10:00z", "Z, +hh:mm"},
           Case{"2024-02-03T10:00+2:00", "zone"},
           Case{"2024-02-03T10:00+15:00", "zone"},
           Case{"2024-02-03T10:00Zx", "follows the time"},
           Case{"-2024", "four digits"},
       }) {
    SCOPED_TRACE(c.text);
    const auto range = ParseTimeRange(c.text);
    ASSERT_FALSE(range.ok());
    EXPECT_EQ(range.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(range.error().detail.find(c.what), std::string::npos) << range.error().detail;
  }
}

RC_GTEST_PROP(TimeKey, OrdersLikeTimes, (int64_t a, int64_t b)) {
  std::string x;
  std::string y;
  AppendTimeKey(&x, a);
  AppendTimeKey(&y, b);
  RC_ASSERT((a < b) == (x < y));
  RC_ASSERT(DecodeTimeKey(x) == a);
}

RC_GTEST_PROP(TimeText, ReadsBack, ()) {
  const int64_t time_us =
      *rc::gen::inRange<int64_t>(-62'135'596'800'000'000, 253'402'300'799'999'999);
  const auto range = ParseTimeRange(TimeText(time_us));
  RC_ASSERT(range.ok());
  RC_ASSERT(range.value().low_us == time_us);
}

}  // namespace
}  // namespace tarn::fhir
