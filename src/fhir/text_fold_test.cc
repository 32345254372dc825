#include "fhir/text_fold.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace tarn::fhir {
namespace {

struct Case {
  std::string_view text, folded;
};

TEST(Folded, IgnoresCaseAccentsPunctuationAndSpaces) {
  for (const Case& c : {
           Case{"", ""},
           Case{"--", ""},
           Case{" \t\r\n", ""},
           Case{"Eve", "eve"},
           Case{"  John \t  Q.  Public ", "john q public"},
           Case{"O'Brien", "obrien"},
           Case{"O\xE2\x80\x99"
                "Brien",
                "obrien"},
           Case{"Jos\xC3\xA9-Mar\xC3\xAD"
                "a",
                "jose maria"},
           Case{"Rene\xCC\x81", "rene"},  // a combining accent
           Case{"M\xC3\xBCLLER", "muller"},
           Case{"Stra\xC3\x9F"
                "e",
                "strasse"},
           Case{"\xC3\x85ngstr\xC3\xB6m", "angstrom"},
           Case{"\xC4\xB0stanbul", "istanbul"},  // a dotted capital I
           Case{"\xCE\x95\xCE\xBB\xCE\xBB\xCE\xAC\xCE\xB4\xCE\xB1\xCF\x82",
                "\xCE\xB5\xCE\xBB\xCE\xBB\xCE\xB1\xCE\xB4\xCE\xB1\xCF\x83"},  // final sigma
           Case{"\xD0\x9C\xD0\xBE\xD1\x81\xD0\xBA\xD0\xB2\xD0\xB0",
                "\xD0\xBC\xD0\xBE\xD1\x81\xD0\xBA\xD0\xB2\xD0\xB0"},
           Case{"\xEF\xAC\x81ne", "fine"},          // the ligature fi
           Case{"\xE2\x85\xA7", "viii"},            // a Roman numeral
           Case{"\xEF\xBC\xA1\xEF\xBC\xA2", "ab"},  // full width
           Case{"co\xC2\xADoperate", "cooperate"},  // a soft hyphen
           Case{"a\xC2\xA0"
                "b",
                "a b"},  // a no-break space
           Case{"123 Main St., Apt. 4", "123 main st apt 4"},
           Case{"C+ $5 <3", "c+ $5 <3"},
           Case{"\xE3\x81\x8C", "\xE3\x81\x8B\xE3\x82\x99"},  // ga is not ka
           Case{"\xFF"
                "a",
                "\xEF\xBF\xBD"
                "a"},
       }) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(Folded(c.text), c.folded);
  }
}

TEST(Folded, AppendsWithoutRegardToWhatStandsBefore) {
  std::string out = "x";
  AppendFolded(&out, " A  b ");
  EXPECT_EQ(out, "xa b");
}

TEST(CaseFolded, ChangesCaseAlone) {
  for (const Case& c : {Case{"HA-125 x", "ha-125 x"}, Case{"\xC3\x84pfel", "\xC3\xA4pfel"},
                        Case{"stra\xC3\x9F"
                             "e",
                             "strasse"},
                        Case{"", ""}}) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(CaseFolded(c.text), c.folded);
  }
}

std::vector<std::string> Words(std::string_view folded) {
  std::vector<std::string> out;
  ForEachWord(folded, [&](std::string_view word) { out.emplace_back(word); });
  return out;
}

TEST(Words, AreWhatStandsBetweenSpaces) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(Words(""), Texts());
  EXPECT_EQ(Words("bone or liver"), (Texts{"bone", "or", "liver"}));
  EXPECT_EQ(Words("\xE8\x82\x9D\xE8\x87\x93 a\xE8\x82\x9D"
                  "b"),
            (Texts{"\xE8\x82\x9D", "\xE8\x87\x93", "a", "\xE8\x82\x9D", "b"}));
  EXPECT_EQ(Words(std::string(kWordBytesMax, 'a')), Texts{std::string(kWordBytesMax, 'a')});
  EXPECT_EQ(Words(std::string(kWordBytesMax + 1, 'a')), Texts{std::string(kWordBytesMax, 'a')});
  // A character is never cut: 1 + 2 * 32 bytes.
  std::string long_word = "a";
  for (int i = 0; i < 32; ++i) long_word += "\xCE\xB1";
  EXPECT_EQ(Words(long_word)[0].size(), kWordBytesMax - 1);
}

RC_GTEST_PROP(Folded, IsStable, (const std::vector<uint32_t>& numbers)) {
  std::string text;
  for (const uint32_t number : numbers) {
    const uint32_t code_point = number % 0x30000;
    if (code_point < 0xD800 || code_point > 0xDFFF) AppendUtf8(&text, code_point);
  }
  const std::string folded = Folded(text);
  RC_ASSERT(IsUtf8(folded));
  RC_ASSERT(Folded(folded) == folded);
  RC_ASSERT(folded.find("  ") == std::string::npos);
  RC_ASSERT(folded.size() <= 18 * text.size());
}

}  // namespace
}  // namespace tarn::fhir
