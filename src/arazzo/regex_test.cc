#include "arazzo/regex.h"

#include <gtest/gtest.h>

#include <string>

#include "arazzo/limits.h"

namespace tarn::arazzo {
namespace {

TEST(Regex, TranslatesEcmaScript) {
  struct Case {
    std::string pattern;
    std::string_view subject;
    bool found;
  };
  for (const Case& c : {
           Case{"^a+$", "aaa", true},
           Case{"^a+$", "aab", false},
           Case{R"(\u0041\x42\u{43}\cI\0?)", "ABC\t", true},
           Case{R"(^\ud83d\ude00$)", "\xF0\x9F\x98\x80", true},
           Case{R"(^[\d\s]+$)", "1 2\xC2\xA0", true},
           Case{R"(^\d$)", "\xD9\xA1", false},  // Arabic digit one.
           Case{R"(^\S$)", "\xE2\x80\xA8", false},
           Case{R"(^\w+\b)", "word.", true},
           Case{R"(^.$)", "\n", false},
           Case{R"(^.$)", "\xE2\x80\xA8", false},
           Case{R"(^[^]$)", "\n", true},
           Case{R"([])", "a", false},
           Case{R"(^(?<year>\d{4})-(?:x|y)$)", "2024-y", true},
           Case{R"(^\p{Letter}\P{Lu}\p{Script=Greek}$)", "aa\xCE\xB1", true},
           Case{R"(^\p{ASCII}+$)", "abc", true},
           Case{R"(^a\/b\-c$)", "a/b-c", true},
           Case{R"(^[[:a]+$)", "[a:", true},
           Case{R"(^[\b]$)", "\b", true},
       }) {
    SCOPED_TRACE(c.pattern);
    const auto regex = Regex::FromEcma(c.pattern);
    ASSERT_TRUE(regex.ok()) << regex.error().detail;
    EXPECT_EQ(regex.value().IsFoundIn(c.subject), c.found);
  }
}

TEST(Regex, SaysWhatItCannotExpress) {
  struct Case {
    std::string pattern;
    ErrorKind kind;
  };
  for (const Case& c : {
           Case{"a(?=b)", ErrorKind::kUnsupported},
           Case{"a(?!b)", ErrorKind::kUnsupported},
           Case{"(?<=a)b", ErrorKind::kUnsupported},
           Case{"(?<!a)b", ErrorKind::kUnsupported},
           Case{R"((a)\1)", ErrorKind::kUnsupported},
           Case{R"((?<n>a)\k<n>)", ErrorKind::kUnsupported},
           Case{R"([\S])", ErrorKind::kUnsupported},
           Case{"[a", ErrorKind::kInvalid},
           Case{"(a", ErrorKind::kInvalid},
           Case{"a\\", ErrorKind::kInvalid},
           Case{R"(\u12)", ErrorKind::kInvalid},
           Case{R"(\u{110000})", ErrorKind::kInvalid},
           Case{R"(\y)", ErrorKind::kInvalid},
           Case{R"(\p{Nonsense})", ErrorKind::kInvalid},
           Case{"\xff", ErrorKind::kInvalid},
           Case{std::string(kRegexBytesMax + 1, 'a'), ErrorKind::kTooLarge},
       }) {
    SCOPED_TRACE(c.pattern.substr(0, 20));
    const auto regex = Regex::FromEcma(c.pattern);
    ASSERT_FALSE(regex.ok());
    EXPECT_EQ(regex.error().kind, c.kind) << regex.error().detail;
  }
  EXPECT_TRUE(Regex::FromEcma(std::string(kRegexBytesMax, 'a')).ok());
}

TEST(Regex, ReadsIRegexpStrictly) {
  struct Case {
    std::string_view pattern, subject;
    bool matches;
  };
  for (const Case& c : {
           Case{"a.c", "abc", true},
           Case{"a.c", "a\nc", false},
           Case{"a|b{2,3}", "bbb", true},
           Case{"[^a-c\\-]+", "xyz", true},
           Case{"[-a]+", "-a-", true},
           Case{"[a-]+", "-a-", true},
           Case{"\\p{Lu}[\\p{Nd}x]*", "A1x", true},
           Case{"\\p{C}", "\x01", true},
           Case{"\\P{C}", "a", true},
           Case{"\\p{Cn}", "a", false},
           Case{"(a|)", "", true},
       }) {
    SCOPED_TRACE(c.pattern);
    const auto regex = Regex::FromIRegexp(c.pattern);
    ASSERT_TRUE(regex.ok()) << regex.error().detail;
    EXPECT_EQ(regex.value().Matches(c.subject), c.matches);
  }
  for (const std::string_view bad : {"\\d", "\\w", "a**", "(?:a)", "[a-c-e]", "[]", "a{", "a{,2}",
                                     "\\p{IsGreek}", "\\u0041", "(a", "a)", "[a", "\\"}) {
    EXPECT_FALSE(Regex::FromIRegexp(bad).ok()) << bad;
  }
}

TEST(Regex, BoundsNesting) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '(') + "a" + std::string(depth, ')');
  };
  EXPECT_TRUE(Regex::FromIRegexp(nested(kRegexDepthMax)).ok());
  EXPECT_EQ(Regex::FromIRegexp(nested(kRegexDepthMax + 1)).error().kind, ErrorKind::kTooLarge);
}

// Exponential for backtracking engines.
TEST(Regex, IsLinear) {
  const auto regex = Regex::FromEcma("^(a+)+$").value();
  EXPECT_FALSE(regex.IsFoundIn(std::string(200'000, 'a') + "b"));
}

}  // namespace
}  // namespace tarn::arazzo
