#include "arazzo/json_schema.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "arazzo/internal/decimal.h"
#include "arazzo/internal/uri_reference.h"
#include "arazzo/limits.h"
#include "base/file.h"
#include "json/value.h"

namespace tarn::arazzo {
namespace {

using json::Value;

Value Parse(std::string_view text) {
  auto value = json::ParseValue(text, json::Limits{.depth_max = 1000});
  CHECK(value.ok());
  return std::move(value).value();
}

JsonSchema Compile(std::string_view text, std::string_view pointer = "") {
  auto schema = JsonSchema::Compile(Parse(text), pointer);
  CHECK(schema.ok());
  return std::move(schema).value();
}

// These need a document from elsewhere; refRemote.json does throughout.
bool NeedsRemote(const std::string& file, const std::string& group) {
  struct Row {
    std::string_view file, group;
  };
  static constexpr Row kRemote[] = {
      {"vocabulary.json", "schema that uses custom metaschema with with no validation vocabulary"},
      {"dynamicRef.json", "strict-tree schema, guards against misspelled properties"},
      {"dynamicRef.json", "tests for implementation dynamic anchor and reference link"},
      {"dynamicRef.json", "$ref and $dynamicAnchor are independent of order - $defs first"},
      {"dynamicRef.json", "$ref and $dynamicAnchor are independent of order - $ref first"},
      {"dynamicRef.json", "$ref to $dynamicRef finds detached $dynamicAnchor"},
  };
  for (const Row& row : kRemote) {
    if (row.file == file && row.group == group) return true;
  }
  return file == "refRemote.json";
}

TEST(JsonSchema, PassesTheTestSuite) {
  const std::filesystem::path folder =
      TARN_SOURCE_DIR "/../shared/conformance/json-schema/draft2020-12";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the test suite is not here";
  int passed = 0;
  int remote = 0;
  int total = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string file = entry.path().filename();
    const Value groups = Parse(ReadFile(entry.path(), 16u << 20).value());
    for (const Value& group : groups.items()) {
      const std::string& name = group.Find("description")->AsString();
      const auto& tests = group.Find("tests")->items();
      total += static_cast<int>(tests.size());
      if (NeedsRemote(file, name)) {
        remote += static_cast<int>(tests.size());
        continue;
      }
      SCOPED_TRACE(file + ": " + name);
      const auto schema = JsonSchema::Compile(*group.Find("schema"));
      EXPECT_TRUE(schema.ok()) << schema.error().detail;
      if (!schema.ok()) continue;
      for (const Value& test : tests) {
        const auto report = schema.value().Validate(*test.Find("data"));
        ASSERT_TRUE(report.ok()) << report.error().detail;
        const bool right = report.value().valid() == test.Find("valid")->AsBool();
        EXPECT_TRUE(right) << test.Find("description")->AsString();
        passed += right ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(passed, total - remote);
  RecordProperty("passed", passed);
  RecordProperty("need_a_remote_document", remote);
}

TEST(JsonSchema, ListsEveryViolation) {
  const JsonSchema schema = Compile(R"({
    "type": "object", "required": ["a", "b", "c"], "additionalProperties": false,
    "properties": {"a": {"type": "string", "enum": ["R4"]},
                   "list": {"items": {"minimum": 1, "maxLength": 2}}}})");
  const auto report =
      schema.Validate(Parse(R"({"a": 7, "list": [0, "abc", 5], "x/y": 1})")).value();
  std::string all;
  for (const Violation& v : report.violations) {
    all += v.instance + " " + v.keyword + ": " + v.message + "\n";
  }
  EXPECT_EQ(all,
            " required: the member \"b\" is missing\n"
            " required: the member \"c\" is missing\n"
            "/a type: must be of type string\n"
            "/a enum: must be one of [\"R4\"]\n"
            "/list/0 minimum: must be at least 1\n"
            "/list/1 maxLength: must have at most 2 characters\n"
            "/x~1y additionalProperties: is not a known member\n");
}

TEST(JsonSchema, ReadsASchemaInsideADocument) {
  const JsonSchema schema = Compile(
      R"({"components": {"inputs": {"page": {"type": "integer", "default": 5}}},
          "workflows": [{"inputs": {"type": "object", "properties": {
             "page": {"$ref": "#/components/inputs/page"},
             "key": {"type": "string", "format": "password"},
             "o": {"properties": {"x": {"default": null}}}}}}]})",
      "/workflows/0/inputs");
  EXPECT_FALSE(schema.Validate(Parse(R"({"page": "x"})")).value().valid());
  const Value with = schema.WithDefaults(Parse(R"({"key": "s3cret", "o": {}})"));
  // A default beside a $ref applies; one behind it does not: `properties` names no default there.
  EXPECT_EQ(json::ToText(with), R"({"key":"s3cret","o":{"x":null}})");
  EXPECT_EQ(schema.Secrets(with), std::vector<std::string>{"s3cret"});
}

TEST(JsonSchema, RefusesWhatItCannotUse) {
  struct Case {
    std::string_view schema;
    ErrorKind kind;
  };
  for (const Case& c : {
           Case{R"({"$ref": "#/nowhere"})", ErrorKind::kInvalid},
           Case{R"({"$ref": "#anchor"})", ErrorKind::kInvalid},
           Case{R"({"$ref": "http://example.com/other"})", ErrorKind::kInvalid},
           Case{R"({"allOf": {}})", ErrorKind::kInvalid},
           Case{R"({"properties": []})", ErrorKind::kInvalid},
           Case{R"({"not": 5})", ErrorKind::kInvalid},
           Case{R"({"pattern": "("})", ErrorKind::kInvalid},
           Case{R"~({"patternProperties": {"(?=a)": true}})~", ErrorKind::kUnsupported},
           Case{"[]", ErrorKind::kInvalid},
       }) {
    SCOPED_TRACE(c.schema);
    const auto schema = JsonSchema::Compile(Parse(c.schema));
    ASSERT_FALSE(schema.ok());
    EXPECT_EQ(schema.error().kind, c.kind);
  }
}

TEST(JsonSchema, BoundsDepthAndWork) {
  const JsonSchema endless = Compile(R"({"$ref": "#"})");
  EXPECT_EQ(endless.Validate(Value()).error().kind, ErrorKind::kTooLarge);

  const auto nested = [](size_t depth) {
    std::string text = "true";
    for (size_t i = 0; i < depth; ++i) text = R"({"not":)" + text + "}";
    return Parse(text);
  };
  EXPECT_TRUE(JsonSchema::Compile(nested(kSchemaDepthMax)).ok());
  EXPECT_EQ(JsonSchema::Compile(nested(kSchemaDepthMax + 2)).error().kind, ErrorKind::kTooLarge);

  // 2^n applications of n + 1 schemas.
  std::string doubling = R"({"$defs": {"s0": {"type": "null"})";
  for (int i = 1; i <= 24; ++i) {
    const std::string ref = R"({"$ref":"#/$defs/s)" + std::to_string(i - 1) + R"("})";
    doubling += ",\"s" + std::to_string(i) + "\":{\"allOf\":[" + ref + "," + ref + "]}";
  }
  const JsonSchema wide = Compile(doubling + R"(}, "$ref": "#/$defs/s24"})");
  EXPECT_EQ(wide.Validate(Value()).error().kind, ErrorKind::kTooLarge);

  std::string many = "[0";
  for (uint32_t i = 0; i < kViolationsMax; ++i) many += ",0";
  const auto report = Compile(R"({"items": {"minimum": 1}})").Validate(Parse(many + "]")).value();
  EXPECT_EQ(report.violations.size(), kViolationsMax);
  EXPECT_EQ(report.violations_total, kViolationsMax + 1);
}

TEST(Decimal, IsExact) {
  struct Case {
    std::string_view value, divisor;
    bool multiple;
  };
  for (const Case& c : {Case{"0.0075", "0.0001", true}, Case{"0.00751", "0.0001", false},
                        Case{"1e308", "0.5", true}, Case{"1e308", "0.123456789", false},
                        Case{"12391239123", "1e-8", true}, Case{"35", "10", false},
                        Case{"-30", "1e1", true}, Case{"0", "7", true}, Case{"1e400", "3", false},
                        Case{"9007199254740993", "9007199254740993", true}}) {
    EXPECT_EQ(IsMultipleOf(ParseDecimal(c.value), ParseDecimal(c.divisor)), c.multiple) << c.value;
  }
  EXPECT_EQ(CompareDecimals(ParseDecimal("9007199254740993"), ParseDecimal("9007199254740992")), 1);
  EXPECT_EQ(CompareDecimals(ParseDecimal("-1.50"), ParseDecimal("-15e-1")), 0);
  EXPECT_EQ(CompareDecimals(ParseDecimal("-2"), ParseDecimal("1e-9")), -1);
  EXPECT_TRUE(ParseDecimal("1.20e1").IsInteger());
  EXPECT_FALSE(ParseDecimal("1.25e1").IsInteger());
}

// RFC 3986 5.4.
TEST(UriReference, Resolves) {
  struct Case {
    std::string_view reference, result;
  };
  for (const Case& c :
       {Case{"g:h", "g:h"}, Case{"g", "http://a/b/c/g"}, Case{"./g/", "http://a/b/c/g/"},
        Case{"/g", "http://a/g"}, Case{"//g", "http://g"}, Case{"?y", "http://a/b/c/d;p?y"},
        Case{"g?y#s", "http://a/b/c/g?y#s"}, Case{"#s", "http://a/b/c/d;p?q#s"},
        Case{"", "http://a/b/c/d;p?q"}, Case{".", "http://a/b/c/"}, Case{"..", "http://a/b/"},
        Case{"../g", "http://a/b/g"}, Case{"../../../g", "http://a/g"}, Case{"/./g", "http://a/g"},
        Case{"g.", "http://a/b/c/g."}, Case{"./../g", "http://a/b/g"},
        Case{"g;x=1/../y", "http://a/b/c/y"}}) {
    EXPECT_EQ(ResolveUri("http://a/b/c/d;p?q", c.reference), c.result) << c.reference;
  }
  EXPECT_EQ(ResolveUri("seeds/a.yml", "../openapi/b.yaml"), "seeds/../openapi/b.yaml");
  EXPECT_EQ(ResolveUri("/x/seeds/a.yml", "../openapi/b.yaml"), "/x/openapi/b.yaml");
  EXPECT_EQ(ResolveUri("urn:example:root", "#a"), "urn:example:root#a");
}

}  // namespace
}  // namespace tarn::arazzo
