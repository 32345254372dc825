#include "base/utf8.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

TEST(Utf8, WellFormed) {
  struct Case {
    std::string_view text;
    bool valid;
  };
  for (const Case& c :
       {Case{"", true}, Case{"plain", true}, Case{std::string_view("\0", 1), true},
        Case{"\xc3\xbc", true}, Case{"\xe2\x82\xac", true}, Case{"\xf0\x9f\x98\x80", true},
        Case{"\xf4\x8f\xbf\xbf", true}, Case{"\x80", false}, Case{"\xc3", false},
        Case{"\xc0\x80", false}, Case{"\xc1\xbf", false}, Case{"\xe0\x9f\xbf", false},
        Case{"\xed\xa0\x80", false}, Case{"\xf0\x8f\xbf\xbf", false},
        Case{"\xf4\x90\x80\x80", false}, Case{"\xf5\x80\x80\x80", false}, Case{"\xe2\x82", false},
        Case{"\xe2\x28\xa1", false}, Case{"\xff", false}}) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(IsUtf8(c.text), c.valid);
  }
}

TEST(Utf8, SequencesHaveALength) {
  EXPECT_EQ(Utf8SequenceBytes(""), 0u);
  EXPECT_EQ(Utf8SequenceBytes("ab"), 1u);
  EXPECT_EQ(Utf8SequenceBytes("\xc3\xbcx"), 2u);
  EXPECT_EQ(Utf8SequenceBytes("\xe2\x82\xacx"), 3u);
  EXPECT_EQ(Utf8SequenceBytes("\xf0\x9f\x98\x80x"), 4u);
  EXPECT_EQ(Utf8SequenceBytes("\xe2\x82"), 0u);
  EXPECT_EQ(Utf8SequenceBytes("\x80"), 0u);
}

TEST(Utf8, EveryScalarValueIsAppendedWellFormed) {
  for (uint32_t point = 0; point <= 0x10FFFF; ++point) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(&text, point);
    ASSERT_EQ(Utf8SequenceBytes(text), text.size()) << point;
  }
}

TEST(Utf8, PrefixEndsBetweenCharacters) {
  const std::string_view text = "a\xc3\xbc\xe2\x82\xac";  // 1 + 2 + 3 bytes
  const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6};
  for (size_t max = 0; max < 8; ++max) EXPECT_EQ(Utf8PrefixBytes(text, max), expected[max]) << max;
}

}  // namespace
}  // namespace tarn
