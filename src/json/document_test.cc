#include "json/document.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "json/internal/strict_scan.h"
#include "json/value.h"

namespace tarn::json {
namespace {

std::string Repeat(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string ErrorOf(std::string_view text, const Limits& limits = {}) {
  Parser parser(limits);
  const auto document = parser.Parse(text);
  return document.ok() ? "" : document.error().detail;
}

ErrorKind KindOf(std::string_view text, const Limits& limits = {}) {
  Parser parser(limits);
  const auto document = parser.Parse(text);
  return document.ok() ? ErrorKind::kInternal : document.error().kind;
}

TEST(Document, NodesAreAsTheHeaderShows) {
  Parser parser;
  const auto result = parser.Parse(R"({"a":[1,2]})");
  ASSERT_TRUE(result.ok());
  const Document& document = result.value();
  ASSERT_EQ(document.nodes().size(), 4u);
  EXPECT_EQ(document.at(0).next, 4u);
  EXPECT_EQ(document.at(0).end, 11u);
  EXPECT_EQ(document.at(1).begin, 5u);
  EXPECT_EQ(document.at(1).end, 10u);
  EXPECT_EQ(document.at(1).next, 4u);
  EXPECT_EQ(document.Key(1), "a");
  EXPECT_EQ(document.Raw(2), "1");
  EXPECT_EQ(document.at(2).next, 3u);
  EXPECT_EQ(document.Raw(3), "2");
  EXPECT_EQ(document.at(3).next, 4u);
}

TEST(Document, KeepsWhatIsWritten) {
  Parser parser;
  const auto result = parser.Parse(
      " {\"n\" : 1.00 ,\t\"s\":\"a\\u00e9\\n\\ud83d\\ude00\",\r\n \"e\":{},\"z\":[ ],\"t\":true} ");
  ASSERT_TRUE(result.ok());
  const Document& document = result.value();
  const uint32_t number = document.Find(kRoot, "n");
  EXPECT_EQ(document.Raw(number), "1.00");
  const uint32_t text = document.Find(kRoot, "s");
  EXPECT_EQ(document.Raw(text), "\"a\\u00e9\\n\\ud83d\\ude00\"");
  EXPECT_EQ(document.String(text), "a\u00e9\n\U0001F600");
  bool escaped = false;
  EXPECT_EQ(document.PlainString(text, &escaped), "");
  EXPECT_TRUE(escaped);
  EXPECT_EQ(document.Raw(document.Find(kRoot, "e")), "{}");
  EXPECT_EQ(document.Raw(document.Find(kRoot, "z")), "[ ]");
  EXPECT_EQ(document.kind(document.Find(kRoot, "t")), Kind::kTrue);
  EXPECT_EQ(document.Find(kRoot, "absent"), kNoNode);
  EXPECT_EQ(document.Find(number, "n"), kNoNode);
  EXPECT_EQ(document.Raw(kRoot).front(), '{');
  EXPECT_EQ(document.Raw(kRoot).back(), '}');
}

TEST(Document, WalksChildrenInOrder) {
  Parser parser;
  const auto result = parser.Parse(R"([[1,[2]],{"x":{"y":3}},"end"])");
  ASSERT_TRUE(result.ok());
  const Document& document = result.value();
  std::vector<std::string> seen;
  for (uint32_t n = document.FirstChild(kRoot); n != kNoNode; n = document.NextSibling(kRoot, n)) {
    seen.emplace_back(document.Raw(n));
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"[1,[2]]", R"({"x":{"y":3}})", "\"end\""}));
  const auto empty = parser.Parse("{}");
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(empty.value().FirstChild(kRoot), kNoNode);
}

TEST(Document, FindsEscapedNames) {
  Parser parser;
  const auto result = parser.Parse(R"({"\u0069d":1,"b\"c":2})");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().Raw(result.value().Find(kRoot, "id")), "1");
  EXPECT_EQ(result.value().Raw(result.value().Find(kRoot, "b\"c")), "2");
  EXPECT_EQ(result.value().Key(1), "id");
}

TEST(Parser, AcceptsWhatTheGrammarAllows) {
  for (const std::string_view text : {"0",
                                      "-0",
                                      "10",
                                      "-0.5",
                                      "1.00",
                                      "1e400",
                                      "1E+5",
                                      "1e-05",
                                      "12345678901234567890123",
                                      "\"\"",
                                      "\"\\\\\"",
                                      "\"\\\"\"",
                                      "\"a/b\\/\"",
                                      "true",
                                      "false",
                                      "null",
                                      "[]",
                                      "{}",
                                      " [ ] ",
                                      "{\"\":0}",
                                      "[[],{}]",
                                      "\"\\u0000\"",
                                      "\"\\uDBFF\\uDFFF\"",
                                      "\"\x7f\"",
                                      "\t\r\n 1 \t\r\n",
                                      "[\"]\",\"}\",\",\"]",
                                      "{\"a\":{\"a\":{\"a\":1}}}",
                                      "\"\xf4\x8f\xbf\xbf\"",
                                      "[1 ,2\t,3\n]",
                                      "\"ends with space  \"  "}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(ErrorOf(text), "");
    EXPECT_EQ(internal::StrictScan(text, 64).what, "");
  }
}

TEST(Parser, RefusesWhatTheGrammarDoesNot) {
  struct Case {
    std::string_view text;
    std::string_view position;
  };
  for (const Case& c : {
           Case{"", "line 1, column 1 (byte 0)"},
           Case{"  ", "line 1, column 3 (byte 2)"},
           Case{"01", "line 1, column 2 (byte 1)"},
           Case{"-", "line 1, column 1 (byte 0)"},
           Case{"[-]", "line 1, column 2 (byte 1)"},
           Case{"+1", "line 1, column 1 (byte 0)"},
           Case{"1.", "line 1, column 2 (byte 1)"},
           Case{".5", "line 1, column 1 (byte 0)"},
           Case{"1e", "line 1, column 2 (byte 1)"},
           Case{"1e+", "line 1, column 2 (byte 1)"},
           Case{"0x10", "line 1, column 2 (byte 1)"},
           Case{"1_0", "line 1, column 2 (byte 1)"},
           Case{"NaN", "line 1, column 1 (byte 0)"},
           Case{"Infinity", "line 1, column 1 (byte 0)"},
           Case{"nul", "line 1, column 1 (byte 0)"},
           Case{"nulll", "line 1, column 5 (byte 4)"},
           Case{"True", "line 1, column 1 (byte 0)"},
           Case{"tru", "line 1, column 1 (byte 0)"},
           Case{"[1,]", "line 1, column 4 (byte 3)"},
           Case{"[,1]", "line 1, column 2 (byte 1)"},
           Case{"[1 2]", "line 1, column 4 (byte 3)"},
           Case{"[1", "line 1, column 3 (byte 2)"},
           Case{"[1}", "line 1, column 3 (byte 2)"},
           Case{"]", "line 1, column 1 (byte 0)"},
           Case{"{\"a\":1", "line 1, column 7 (byte 6)"},
           Case{"{\"a\":1,}", "line 1, column 8 (byte 7)"},
           Case{"{\"a\" 1}", "line 1, column 6 (byte 5)"},
           Case{"{\"a\":}", "line 1, column 6 (byte 5)"},
           Case{"{\"a\"}", "line 1, column 5 (byte 4)"},
           Case{"{a:1}", "line 1, column 2 (byte 1)"},
           Case{"{1:1}", "line 1, column 2 (byte 1)"},
           Case{"{,}", "line 1, column 2 (byte 1)"},
           Case{"{'a':1}", "line 1, column 2 (byte 1)"},
           Case{"1 2", "line 1, column 3 (byte 2)"},
           Case{"{} {}", "line 1, column 4 (byte 3)"},
           Case{"{}x", "line 1, column 3 (byte 2)"},
           Case{"[] // no", "line 1, column 4 (byte 3)"},
           Case{"\"abc", "line 1, column 1 (byte 0)"},
           Case{"\"abc\\\"", "line 1, column 1 (byte 0)"},
           Case{"[1\"a\"]", "line 1, column 3 (byte 2)"},
           Case{"[\"a\"1]", "line 1, column 5 (byte 4)"},
           Case{"[\"a\"\"b\"]", "line 1, column 5 (byte 4)"},
           Case{"\"\\q\"", "line 1, column 2 (byte 1)"},
           Case{"\"\\u12G4\"", "line 1, column 2 (byte 1)"},
           Case{"\"\\u123\"", "line 1, column 2 (byte 1)"},
           Case{"\"a\\uD800\"", "line 1, column 3 (byte 2)"},
           Case{"\"\\uD800\\u0041\"", "line 1, column 2 (byte 1)"},
           Case{"\"\\uDC00\"", "line 1, column 2 (byte 1)"},
           Case{"{\"\\x\":1}", "line 1, column 3 (byte 2)"},
           Case{"\\\"a\"", "line 1, column 1 (byte 0)"},
           Case{"[\\\"a\"]", "line 1, column 2 (byte 1)"},
           Case{"\"a\nb\"", "line 1, column 3 (byte 2)"},
           Case{"\"a\\\nb\"", "line 1, column 4 (byte 3)"},
           Case{"[1,\x0c 2]", "line 1, column 4 (byte 3)"},
           Case{"[1\x1a 2]", "line 1, column 3 (byte 2)"},
           Case{"\xEF\xBB\xBF{}", "line 1, column 1 (byte 0)"},
           Case{"\xC2\xA0{}", "line 1, column 1 (byte 0)"},
           Case{"\"\xff\"", "line 1, column 2 (byte 1)"},
           Case{"\"\xc0\xaf\"", "line 1, column 2 (byte 1)"},
           Case{"\"\xed\xa0\x80\"", "line 1, column 2 (byte 1)"},
           Case{"\"\xf4\x90\x80\x80\"", "line 1, column 2 (byte 1)"},
           Case{"\"\xe2\x82\"", "line 1, column 2 (byte 1)"},
           Case{"{\n  \"a\": \"\xC3\xA9\xC3\xA9\", 1}", "line 2, column 14 (byte 17)"},
       }) {
    SCOPED_TRACE(c.text);
    const std::string error = ErrorOf(c.text);
    EXPECT_EQ(error.substr(0, c.position.size() + 1), std::string(c.position) + ":") << error;
    EXPECT_EQ(KindOf(c.text), ErrorKind::kInvalid);
    EXPECT_NE(internal::StrictScan(c.text, 64).what, "");
  }
  EXPECT_NE(ErrorOf(std::string_view("[1]\0", 4)), "");
  EXPECT_NE(ErrorOf(std::string_view("\0", 1)), "");
}

TEST(Parser, ErrorsNeverQuoteTheText) {
  const std::string error = ErrorOf(R"({"name":"Jane Roe",,})");
  EXPECT_EQ(error.find("Jane"), std::string::npos);
  EXPECT_NE(error, "");
}

TEST(Parser, RefusesDuplicateNames) {
  for (const std::string_view text :
       {R"({"a":1,"a":2})", R"({"a":1,"b":2,"a":3})", R"({"a":1,"\u0061":2})",
        R"({"\u0061":1,"a":2})", R"({"\u0061":1,"\u0061":2})", R"({"":1,"":2})",
        R"([{"x":{"k":1,"l":{},"k":2}}])", R"({"a\n":1,"a\u000a":2})"}) {
    SCOPED_TRACE(text);
    EXPECT_NE(ErrorOf(text).find("already has"), std::string::npos);
  }
  for (const std::string_view text :
       {R"({"a":1,"A":2})", R"([{"a":1},{"a":1}])", R"({"a":{"a":1}})", R"({"\u0061":1,"b":2})",
        R"({"\\u0061":1,"a":2})"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(ErrorOf(text), "");
  }
}

// Sizes around the change from comparing pairs to sorting; the repeated name at every place.
TEST(Parser, RefusesDuplicateNamesInLargeObjects) {
  for (const size_t members : {15u, 16u, 17u, 18u, 40u}) {
    for (size_t twin = 0; twin + 1 < members; ++twin) {
      for (const bool escape : {false, true}) {
        std::string unique = "{";
        for (size_t i = 0; i + 1 < members; ++i) {
          unique += "\"k" + std::to_string(i) + "\":{\"k0\":" + std::to_string(i) + "},";
        }
        const std::string name =
            escape ? "\\u006b" + std::to_string(twin) : "k" + std::to_string(twin);
        EXPECT_EQ(ErrorOf(unique + "\"" + name + "x\":0}"), "");
        const std::string error = ErrorOf(unique + "\"" + name + "\":0}");
        EXPECT_NE(error.find("already has"), std::string::npos);
        EXPECT_NE(error.find("(byte " + std::to_string(unique.size()) + ")"), std::string::npos);
      }
    }
  }
}

TEST(Parser, ManyMembersAreNotQuadratic) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) {
    text += "\"" + std::string(i % 7, 'a') + std::to_string(i) + "\":0,";
  }
  text += "\"last\":0}";
  EXPECT_EQ(ErrorOf(text), "");
}

TEST(Parser, BoundsDepth) {
  Limits limits;
  limits.depth_max = 5;
  for (const char* open : {"[", "{\"a\":"}) {
    const std::string close = open[0] == '[' ? "]" : "}";
    EXPECT_EQ(ErrorOf(Repeat(open, 5) + "1" + Repeat(close, 5), limits), "");
    EXPECT_EQ(KindOf(Repeat(open, 6) + "1" + Repeat(close, 6), limits), ErrorKind::kInvalid);
  }
  EXPECT_EQ(ErrorOf(Repeat("[", 5) + Repeat("]", 5), limits), "");
  EXPECT_EQ(KindOf(Repeat("[", 6) + Repeat("]", 6), limits), ErrorKind::kInvalid);
  EXPECT_EQ(KindOf(Repeat("[", 1'000'000), limits), ErrorKind::kInvalid);
  // Whether the fault is found by the walk or by the slow scanner, it has its place.
  EXPECT_EQ(ErrorOf("[[[[\n [[1]]]]]]", limits), "line 2, column 3 (byte 7): nested too deep");
  EXPECT_EQ(ErrorOf("[[[[\n [[\"", limits), "line 2, column 3 (byte 7): nested too deep");
  EXPECT_EQ(ErrorOf(Repeat("[", 64) + Repeat("]", 64)), "");
  EXPECT_EQ(KindOf(Repeat("[", 65) + Repeat("]", 65)), ErrorKind::kInvalid);
}

TEST(Parser, BoundsNodes) {
  Limits limits;
  limits.nodes_max = 4;
  EXPECT_EQ(ErrorOf("[1,2,{}]", limits), "");
  EXPECT_EQ(KindOf("[1,2,3,4]", limits), ErrorKind::kInvalid);
}

TEST(Parser, BoundsText) {
  Limits limits;
  limits.text_bytes_max = 10;
  EXPECT_EQ(ErrorOf("[1,2     ]", limits), "");
  EXPECT_EQ(KindOf("[1,2      ]", limits), ErrorKind::kTooLarge);
}

TEST(Parser, BoundsNumbers) {
  Limits limits;
  limits.number_bytes_max = 6;
  EXPECT_EQ(ErrorOf("[-12345]", limits), "");
  EXPECT_EQ(KindOf("[-123456]", limits), ErrorKind::kInvalid);
}

TEST(Parser, ParsesSlicesOfOneBuffer) {
  const std::string lines = "{\"a\":1}\n22\n\"x\"\ntrue\n" + std::string(kPadding, '7');
  Parser parser;
  const std::vector<std::string_view> texts = {
      std::string_view(lines).substr(0, 7), std::string_view(lines).substr(8, 2),
      std::string_view(lines).substr(8, 1), std::string_view(lines).substr(11, 3),
      std::string_view(lines).substr(15, 4)};
  for (const std::string_view text : texts) {
    const auto document = parser.ParsePadded(text);
    ASSERT_TRUE(document.ok()) << document.error().detail;
    EXPECT_EQ(document.value().Raw(kRoot), text);
    EXPECT_EQ(document.value().text().data(), text.data());
  }
  EXPECT_FALSE(parser.ParsePadded(std::string_view(lines).substr(15, 3)).ok());
}

TEST(Parser, RecoversAfterErrorsAndLargeTexts) {
  Parser parser;
  const std::string large = "[\"" + std::string(9u << 20, 'x') + "\"]";
  ASSERT_TRUE(parser.Parse(large).ok());
  EXPECT_FALSE(parser.Parse("[1").ok());
  const auto small = parser.Parse("[1]");
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(small.value().nodes().size(), 2u);
  ASSERT_TRUE(parser.Parse(large).ok());
}

TEST(Parser, OwnsWhatParseWasGiven) {
  Parser parser;
  std::string text = "[\"kept\"]";
  const auto document = parser.Parse(text);
  ASSERT_TRUE(document.ok());
  text.assign(text.size(), '#');
  EXPECT_EQ(document.value().String(1), "kept");
}

// Random mutations of a valid text: the fast walk and the plain scanner must agree, but for
// duplicate names, which the scanner does not know.
RC_GTEST_PROP(Parser, AgreesWithTheScanner, ()) {
  std::string text =
      R"( {"a":[1.00,-2e5,"x\n\u00e9",{"b":true,"c":null}],"d":{},"e":[[],[0]],"f":"é"} )";
  const int edits = *rc::gen::inRange(1, 5);
  for (int i = 0; i < edits; ++i) {
    const size_t at = *rc::gen::inRange<size_t>(0, text.size());
    const std::string_view alphabet = "{}[]:,\"\\ \n\t01-.eEtfnu\x0c\x1a\x80\xc3\xff";
    const char c = alphabet[*rc::gen::inRange<size_t>(0, alphabet.size())];
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        text[at] = c;
        break;
      case 1:
        text.insert(at, 1, c);
        break;
      default:
        text.erase(at, 1);
    }
  }
  const std::string error = ErrorOf(text);
  if (error.find("already has") != std::string::npos) return;
  RC_ASSERT(error.empty() == internal::StrictScan(text, 64).what.empty());
}

}  // namespace
}  // namespace tarn::json
