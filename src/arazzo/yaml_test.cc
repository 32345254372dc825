#include "arazzo/yaml.h"

#include <gtest/gtest.h>

#include <string>

#include "arazzo/limits.h"

namespace tarn::arazzo {
namespace {

std::string AsJson(std::string_view yaml) {
  const auto node = ParseYaml(yaml);
  return node.ok() ? json::ToText(node.value().ToValue()) : "error " + node.error().detail;
}

// YAML 1.2.2 section 10.3.2.
TEST(Yaml, TypesByTheCoreSchema) {
  struct Case {
    std::string_view yaml, json;
  };
  for (const Case& c : {
           Case{"~", "null"},
           Case{"Null", "null"},
           Case{"nULL", R"("nULL")"},
           Case{"true", "true"},
           Case{"FALSE", "false"},
           Case{"yes", R"("yes")"},
           Case{"12", "12"},
           Case{"-0", "-0"},
           Case{"+7", "7"},
           Case{"007", "7"},
           Case{"0o17", "15"},
           Case{"0x1F", "31"},
           Case{"1.5", "1.5"},
           Case{"1.", "1"},
           Case{".5", "0.5"},
           Case{"-1.50e+3", "-1.50e+3"},
           Case{"1.0.1", R"("1.0.1")"},
           Case{"1_000", R"("1_000")"},
           Case{".", R"(".")"},
           Case{"0b1", R"("0b1")"},
           Case{"1e", R"("1e")"},
           Case{"'12'", R"("12")"},
           Case{"!!str 12", R"("12")"},
           Case{"!!int 12", "12"},
           Case{"\"a\\u00e9\"", R"("aé")"},
           Case{"|\n  a\n  b\n", R"("a\nb\n")"},
           Case{">-\n  a\n  b\n", R"("a b")"},
           Case{"a: ", R"({"a":null})"},
           Case{"{a: [1, 'x']}", R"({"a":[1,"x"]})"},
           Case{R"({"a": 1.00})", R"({"a":1.00})"},
           Case{"200: ok", R"({"200":"ok"})"},
           Case{"- a\n- b: 1\n  c: 2", R"(["a",{"b":1,"c":2}])"},
           Case{"a: &x [1]\nb: *x", R"({"a":[1],"b":[1]})"},
           Case{"x: 2024-01-01", R"({"x":"2024-01-01"})"},
           Case{"%YAML 1.2\n---\na: b\n...\n", R"({"a":"b"})"},
           Case{"\xEF\xBB\xBF"
                "a: b",
                R"({"a":"b"})"},
           Case{"/#X-Amz-Target=A.B: 1", R"({"/#X-Amz-Target=A.B":1})"},
       }) {
    EXPECT_EQ(AsJson(c.yaml), c.json) << c.yaml;
  }
}

TEST(Yaml, KnowsPlaces) {
  const auto root = ParseYaml("a: 1\nb:\n  - x\n  - é: {c: 2}\n").value();
  const YamlNode* x = root.At("/b/0");
  ASSERT_NE(x, nullptr);
  EXPECT_EQ(x->place.line, 3u);
  EXPECT_EQ(x->place.column, 5u);
  const YamlNode* c = root.At("/b/1/é/c");
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->place.line, 4u);
  EXPECT_EQ(c->place.column, 12u);
  EXPECT_EQ(root.members[1].place.line, 2u);

  const auto json = ParseYaml("{\n  \"é\": [1,\n   true]}").value();
  EXPECT_EQ(json.At("/é/0")->place.column, 9u);
  EXPECT_EQ(json.At("/é/1")->place.line, 3u);
  EXPECT_EQ(json.members[0].place.line, 2u);
  EXPECT_EQ(json.At("/é/2"), nullptr);
  EXPECT_EQ(json.At("/e"), nullptr);
}

TEST(Yaml, RefusesWithThePlace) {
  struct Case {
    std::string_view yaml, place;
  };
  for (const Case& c : {
           Case{"a: 1\nb: 2\na: 3\n", "3:1: "},
           Case{"{\"a\":1,\"a\":2}", "1:9: "},
           Case{"a: .inf", "1:4: "},
           Case{"a: !foo x", "1:"},
           Case{"a: *nope", "1:"},
           Case{"? [a]\n: b", "1:"},
           Case{"a: b\n---\nc: d", "2:"},
           Case{"a: [1, 2", "2:1: "},
           Case{"a: b: c", "1:"},
           Case{"\tx: 1", "1:"},
           Case{"", "1:1: "},
           Case{"a: \xff", "1:1: "},
           Case{std::string_view("a\0b", 3), "1:1: "},
           Case{"a: &x [*x]", "1:"},
       }) {
    const auto node = ParseYaml(c.yaml);
    ASSERT_FALSE(node.ok()) << c.yaml;
    EXPECT_TRUE(node.error().detail.starts_with(c.place)) << node.error().detail;
  }
}

TEST(Yaml, HasBounds) {
  const auto nested = [](size_t depth, std::string_view inner) {
    return std::string(depth, '[') + std::string(inner) + std::string(depth, ']');
  };
  EXPECT_TRUE(ParseYaml(nested(kYamlDepthMax, "a")).ok());
  EXPECT_EQ(ParseYaml(nested(kYamlDepthMax + 1, "a")).error().kind, ErrorKind::kTooLarge);
  EXPECT_TRUE(ParseYaml(nested(kYamlDepthMax, "1")).ok());
  EXPECT_FALSE(ParseYaml(nested(kYamlDepthMax + 1, "1")).ok());

  // Ten aliases of ten aliases of ...: 10^6 values from a hundred bytes.
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i <= 5; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += before + " ,";
    bomb += "]\n";
  }
  EXPECT_EQ(ParseYaml(bomb).error().kind, ErrorKind::kTooLarge);
  const std::string longest = "a: " + std::string(kYamlBytesMax - 3, 'b');
  EXPECT_TRUE(ParseYaml(longest).ok());
  EXPECT_EQ(ParseYaml(longest + "b").error().kind, ErrorKind::kTooLarge);
}

}  // namespace
}  // namespace tarn::arazzo
