#include "json/value.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "json/writer.h"

namespace tarn::json {
namespace {

Value Parsed(std::string_view text) {
  auto value = ParseValue(text);
  EXPECT_TRUE(value.ok()) << text;
  return value.ok() ? std::move(value).value() : Value();
}

TEST(Value, KeepsOrderAndNumbers) {
  for (
      const std::string_view text :
      {R"({"z":1.00,"a":[1e5,-0,"x\"\\\n\u0001é"],"m":{"k":null,"t":true,"f":false},"e":{},"l":[]})",
       "12345678901234567890123", "\"\"", "null"}) {
    EXPECT_EQ(ToText(Parsed(text)), text);
  }
}

TEST(Value, PrettyText) {
  EXPECT_EQ(ToPrettyText(Parsed(R"({"a":[1,{"b":2}],"c":{},"d":[]})")),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n  \"c\": {},\n  \"d\": "
            "[]\n}");
}

TEST(Value, NumbersAreEqualByValue) {
  struct Case {
    std::string_view a, b;
    bool equal;
  };
  for (const Case& c :
       {Case{"1", "1.0", true}, Case{"1", "1e0", true}, Case{"100", "1e2", true},
        Case{"0.001", "1E-3", true}, Case{"0", "-0.00e7", true}, Case{"1", "-1", false},
        Case{"1", "1.0000000000000000000000001", false}, Case{"10", "1", false},
        Case{"1e400", "10e399", true}, Case{"1e999999999999999999", "1e999999999999999999", true},
        Case{"1e999999999999999999", "10e999999999999999998", false},
        Case{"1e0000000000000000000002", "100", true}, Case{"0.10", "0.1", true},
        Case{"12345678901234567890123", "12345678901234567890124", false}}) {
    SCOPED_TRACE(std::string(c.a) + " " + std::string(c.b));
    EXPECT_EQ(Parsed(c.a) == Parsed(c.b), c.equal);
    EXPECT_EQ(Parsed(c.b) == Parsed(c.a), c.equal);
  }
}

TEST(Value, ObjectsAreEqualInAnyOrder) {
  EXPECT_TRUE(Parsed(R"({"a":1,"b":[2]})") == Parsed(R"({"b":[2.0],"a":1})"));
  EXPECT_FALSE(Parsed(R"({"a":1})") == Parsed(R"({"a":1,"b":2})"));
  EXPECT_FALSE(Parsed(R"({"a":1})") == Parsed(R"({"b":1})"));
  EXPECT_FALSE(Parsed("[1,2]") == Parsed("[2,1]"));
  EXPECT_FALSE(Parsed("true") == Parsed("false"));
  Value forward = Value::MakeObject();
  Value backward = Value::MakeObject();
  for (int i = 0; i < 40; ++i) {
    forward.Set("k" + std::to_string(i), Value::Int(i));
    backward.Set("k" + std::to_string(39 - i), Value::Int(39 - i));
  }
  EXPECT_TRUE(forward == backward);
  backward.Set("k7", Value::Int(8));
  EXPECT_FALSE(forward == backward);
}

TEST(Value, Integers) {
  EXPECT_EQ(Parsed("9223372036854775807").AsInt(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Parsed("-9223372036854775808").AsInt(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(Parsed("9223372036854775808").AsInt(), std::nullopt);
  EXPECT_EQ(Parsed("1.0").AsInt(), std::nullopt);
  EXPECT_EQ(Parsed("1e2").AsInt(), std::nullopt);
  EXPECT_EQ(Parsed("\"1\"").AsInt(), std::nullopt);
  EXPECT_EQ(Parsed("-0").AsInt(), 0);
}

TEST(Value, Doubles) {
  EXPECT_EQ(Parsed("1e400").AsDouble(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(Parsed("-1.5e2").AsDouble(), -150.0);
  EXPECT_EQ(ToText(Value::Double(0.1)), "0.1");
  EXPECT_EQ(ToText(Value::Double(1e22)), "1e+22");
}

TEST(Value, Edits) {
  Value value = Value::MakeObject();
  value.Set("a", Value::Int(1)).Set("b", Value::MakeArray()).Set("a", Value::Bool(true));
  value.Find("b")->Append(Value::String("x"));
  EXPECT_EQ(ToText(value), R"({"a":true,"b":["x"]})");
  value.Remove("a");
  value.Remove("absent");
  EXPECT_EQ(ToText(value), R"({"b":["x"]})");
  EXPECT_EQ(value.Find("a"), nullptr);
  EXPECT_EQ(Value::Int(1).Find("a"), nullptr);
}

TEST(ValueDeathTest, KindsAreChecked) {
  EXPECT_DEATH((void)Value::Int(1).AsString(), "IsString");
  EXPECT_DEATH((void)Value::Number("01"), "NumberBytes");
  EXPECT_DEATH((void)Value::Double(NAN), "isfinite");
}

TEST(Writer, WritesEveryForm) {
  std::string out;
  Writer writer(&out);
  writer.BeginObject().Key("a").BeginArray().Int(-1).Double(2.5).Bool(true).Null().EndArray();
  writer.Key("b\"").String("x\ty").Key("c").Raw("1.00").Key("d").BeginObject().EndObject();
  writer.Key("e").BeginArray().BeginArray().EndArray().BeginObject().EndObject().EndArray();
  writer.EndObject().Finish();
  EXPECT_EQ(out, R"({"a":[-1,2.5,true,null],"b\"":"x\ty","c":1.00,"d":{},"e":[[],{}]})");
}

TEST(WriterDeathTest, BalanceIsChecked) {
  std::string out;
  EXPECT_DEATH(Writer(&out).EndArray(), "open_");
  EXPECT_DEATH(Writer(&out).BeginArray().Finish(), "open_");
}

TEST(AppendString, ReplacesWhatIsNotUtf8) {
  std::string out;
  AppendString(&out, "a\xff\xe2\x82z\xed\xa0\x80");
  EXPECT_EQ(out, "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

RC_GTEST_PROP(AppendString, ReadsBack, (std::u32string points)) {
  std::string text;
  for (const char32_t point : points) text.push_back(static_cast<char>(point & 0x7F));
  std::string out;
  AppendString(&out, text);
  RC_ASSERT(Parsed(out).AsString() == text);
}

RC_GTEST_PROP(Value, DoublesReadBack, (double number)) {
  RC_ASSERT(Parsed(ToText(Value::Double(number))).AsDouble() == number);
}

}  // namespace
}  // namespace tarn::json
