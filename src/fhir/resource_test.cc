#include "fhir/resource.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>

#include "base/clock.h"
#include "json/value.h"

namespace tarn::fhir {
namespace {

constexpr int64_t kWhen = 1767323045678;  // 2026-01-02T03:04:05.678Z

std::string Stamped(std::string_view text, const Stamp& stamp) {
  json::Parser parser(ResourceLimits());
  const auto document = parser.Parse(text);
  EXPECT_TRUE(document.ok()) << text;
  const auto envelope = ReadEnvelope(document.value());
  EXPECT_TRUE(envelope.ok()) << text;
  std::string out;
  AppendStamped(document.value(), envelope.value(), stamp, &out);
  return out;
}

std::string Unstamped(std::string_view text) {
  json::Parser parser(ResourceLimits());
  const auto document = parser.Parse(text);
  EXPECT_TRUE(document.ok()) << text;
  const auto envelope = ReadEnvelope(document.value());
  EXPECT_TRUE(envelope.ok()) << text;
  std::string out;
  AppendUnstamped(document.value(), envelope.value(), &out);
  return out;
}

std::string EnvelopeError(std::string_view text) {
  json::Parser parser;
  const auto document = parser.Parse(text);
  EXPECT_TRUE(document.ok()) << text;
  const auto envelope = ReadEnvelope(document.value());
  if (envelope.ok()) return "";
  EXPECT_EQ(envelope.error().kind, ErrorKind::kInvalid);
  return envelope.error().detail;
}

TEST(Types, NumbersAreStable) {
  // Stored numbers: a change here loses data.
  EXPECT_EQ(TypeCount(), 146);
  struct Case {
    TypeId number;
    std::string_view name;
  };
  for (const Case& c : {Case{1, "Account"}, Case{12, "Bundle"}, Case{28, "Condition"},
                        Case{44, "Encounter"}, Case{96, "Observation"}, Case{103, "Patient"},
                        Case{108, "Practitioner"}, Case{146, "VisionPrescription"}}) {
    EXPECT_EQ(TypeName(c.number), c.name);
    EXPECT_EQ(FindType(c.name), c.number);
  }
}

TEST(Types, EveryNameIsFound) {
  for (TypeId type = 1; type <= TypeCount(); ++type) EXPECT_EQ(FindType(TypeName(type)), type);
  for (const std::string_view name :
       {"", "P", "patient", "Patients", "Patien", "Resource", "DomainResource", "Element",
        "Citation", "MedicinalProductUndesirableEffects"}) {
    EXPECT_EQ(FindType(name), kNoType) << name;
  }
}

TEST(Ids, FollowTheGrammar) {
  for (const std::string_view id : {"a", "0", "A-b.9", "-", "."}) EXPECT_TRUE(IsValidId(id)) << id;
  EXPECT_TRUE(IsValidId(std::string(64, 'x')));
  EXPECT_FALSE(IsValidId(std::string(65, 'x')));
  for (const std::string_view id : {"", "a b", "a/b", "a_b", "é", "a\n"}) {
    EXPECT_FALSE(IsValidId(id)) << id;
  }
}

TEST(Envelope, IsRead) {
  json::Parser parser;
  const auto document =
      parser.Parse(R"({"meta":{"profile":[]},"\u0069d":"\u0061b","resourceType":"Patient"})");
  ASSERT_TRUE(document.ok());
  const auto envelope = ReadEnvelope(document.value());
  ASSERT_TRUE(envelope.ok());
  EXPECT_EQ(envelope.value().type, FindType("Patient"));
  EXPECT_EQ(envelope.value().id, "ab");
  EXPECT_EQ(document.value().Raw(envelope.value().meta_node), R"({"profile":[]})");
}

TEST(Envelope, ErrorsNameTheElement) {
  struct Case {
    std::string_view text, detail;
  };
  for (const Case& c : {
           Case{"[]", "a resource must be a JSON object"},
           Case{"\"x\"", "a resource must be a JSON object"},
           Case{"{}", "resourceType: missing"},
           Case{R"({"a":{"resourceType":"Patient"}})", "resourceType: missing"},
           Case{R"({"resourceType":7})", "resourceType: must be a string"},
           Case{R"({"resourceType":"Patients"})", "resourceType: no resource type of FHIR R4"},
           Case{R"({"resourceType":""})", "resourceType: no resource type of FHIR R4"},
           Case{R"({"resourceType":"Patient","id":null})", "Patient.id: must be a string"},
           Case{R"({"resourceType":"Patient","id":""})",
                "Patient.id: must be 1 to 64 letters, digits, '-' or '.'"},
           Case{R"({"resourceType":"Patient","id":"a/b"})",
                "Patient.id: must be 1 to 64 letters, digits, '-' or '.'"},
           Case{R"({"resourceType":"Patient","meta":[]})", "Patient.meta: must be an object"},
           Case{R"({"resourceType":"Patient","meta":null})", "Patient.meta: must be an object"},
           Case{R"({"resourceType":"Patient"})", ""},
       }) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(EnvelopeError(c.text), c.detail);
  }
}

TEST(Stamp, WritesOnlyTheThreeElements) {
  const Stamp stamp = {"p1", 7, kWhen};
  struct Case {
    std::string_view text, stamped;
  };
  for (
      const Case& c : {
          // Everything is missing.
          Case{
              R"({"resourceType":"Patient"})",
              R"({"resourceType":"Patient","id":"p1","meta":{"versionId":"7","lastUpdated":"2026-01-02T03:04:05.678Z"}})"},
          // Meta follows the id, wherever that is; odd white space and numbers stay.
          Case{" { \"a\" : 1.00 ,\"id\":\"p1\" ,\t\"resourceType\" : \"Basic\" } \n",
               "{ \"a\" : 1.00 "
               ",\"id\":\"p1\",\"meta\":{\"versionId\":\"7\",\"lastUpdated\":\"2026-01-02T03:04:"
               "05.678Z\"} ,\t\"resourceType\" : \"Basic\" }"},
          // Another id is replaced; an escaped one that is the same stays as written.
          Case{
              R"({"resourceType":"Patient","id":"other","meta":{}})",
              R"({"resourceType":"Patient","id":"p1","meta":{"versionId":"7","lastUpdated":"2026-01-02T03:04:05.678Z"}})"},
          Case{
              R"({"resourceType":"Patient","id":"\u00701","meta":{ }})",
              R"({"resourceType":"Patient","id":"\u00701","meta":{"versionId":"7","lastUpdated":"2026-01-02T03:04:05.678Z" }})"},
          // Members of meta are replaced where they are, in their order, whatever they hold.
          Case{
              R"({"resourceType":"Patient","id":"p1","meta":{"lastUpdated":[1], "tag":[] ,"versionId" : 3,"extension":[{"url":"u"}]}})",
              R"({"resourceType":"Patient","id":"p1","meta":{"lastUpdated":"2026-01-02T03:04:05.678Z", "tag":[] ,"versionId" : "7","extension":[{"url":"u"}]}})"},
          // The one that is missing goes behind the last.
          Case{
              R"({"meta":{"versionId":"1" , "tag":[] },"resourceType":"Patient","id":"p1"})",
              R"({"meta":{"versionId":"7" , "tag":[],"lastUpdated":"2026-01-02T03:04:05.678Z" },"resourceType":"Patient","id":"p1"})"},
          // Not ours: the same names elsewhere.
          Case{
              R"({"resourceType":"Basic","id":"p1","contained":[{"resourceType":"Basic","id":"x","meta":{"versionId":"9"}}],"meta":{"versionId":"1","lastUpdated":"x"}})",
              R"({"resourceType":"Basic","id":"p1","contained":[{"resourceType":"Basic","id":"x","meta":{"versionId":"9"}}],"meta":{"versionId":"7","lastUpdated":"2026-01-02T03:04:05.678Z"}})"},
      }) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(Stamped(c.text, stamp), c.stamped);
  }
}

TEST(Stamp, AppendsToWhatIsThere) {
  json::Parser parser;
  const auto document = parser.Parse(R"({"resourceType":"Basic","id":"p1"})");
  ASSERT_TRUE(document.ok());
  const auto envelope = ReadEnvelope(document.value());
  ASSERT_TRUE(envelope.ok());
  std::string out = "before\n";
  AppendUnstamped(document.value(), envelope.value(), &out);
  EXPECT_EQ(out, "before\n{\"resourceType\":\"Basic\",\"id\":\"p1\"}");
}

TEST(StampDeathTest, RefusesAnIdThatWouldBreakTheText) {
  EXPECT_DEATH(Stamped(R"({"resourceType":"Basic"})", {"a\"b", 1, 0}), "IsValidId");
}

TEST(Unstamp, TakesTheServersMembersAway) {
  struct Case {
    std::string_view text, unstamped;
  };
  for (
      const Case& c : {
          Case{R"({"resourceType":"Patient"})", R"({"resourceType":"Patient"})"},
          Case{R"({"resourceType":"Patient","meta":{},"a":1})",
               R"({"resourceType":"Patient","a":1})"},
          Case{R"({"meta":{"versionId":"1"} , "resourceType":"Patient"})",
               R"({"resourceType":"Patient"})"},
          Case{R"({"resourceType":"Patient" , "meta" : { "lastUpdated":"x" } })",
               R"({"resourceType":"Patient" })"},
          Case{R"({"resourceType":"Patient","meta":{"versionId":"1","tag":[1.00]}})",
               R"({"resourceType":"Patient","meta":{"tag":[1.00]}})"},
          Case{R"({"resourceType":"Patient","meta":{"versionId":"1","lastUpdated":"x","tag":[]}})",
               R"({"resourceType":"Patient","meta":{"tag":[]}})"},
          Case{R"({"resourceType":"Patient","meta":{"tag":[],"versionId":"1","lastUpdated":"x"}})",
               R"({"resourceType":"Patient","meta":{"tag":[]}})"},
          Case{R"({"resourceType":"Patient","meta":{"versionId":"1","tag":[],"lastUpdated":"x"}})",
               R"({"resourceType":"Patient","meta":{"tag":[]}})"},
          Case{
              R"({"resourceType":"Patient","meta":{"a":1,"versionId":"1","b":2,"lastUpdated":"x"}})",
              R"({"resourceType":"Patient","meta":{"a":1,"b":2}})"},
      }) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(Unstamped(c.text), c.unstamped);
  }
}

// A random resource text: members in any order, with odd white space, numbers and a meta of
// every shape.
std::string RandomResource() {
  const auto space = [] {
    return *rc::gen::elementOf(std::vector<std::string>{"", "", "", " ", "\n\t", " \r\n "});
  };
  const auto join = [&space](std::vector<std::string> members) {
    std::string out = "{" + space();
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += space() + "," + space();
      out += members[i];
    }
    return out + space() + "}";
  };
  const auto shuffled = [](std::vector<std::string> items) {
    for (size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[*rc::gen::inRange<size_t>(0, i)]);
    }
    return items;
  };
  const auto maybe = [](std::vector<std::string>* to, const std::string& member) {
    if (*rc::gen::arbitrary<bool>()) to->push_back(member);
  };
  std::vector<std::string> meta;
  maybe(&meta, "\"versionId\"" + space() + ":" + space() + "\"33\"");
  maybe(&meta, "\"lastUpdated\":" + space() + "\"2020-01-01T00:00:00Z\"");
  maybe(&meta, R"("tag":[{"code":"a,}\"{"}])");
  maybe(&meta, R"("extension":[{"url":"u","valueDecimal":1.00}])");
  std::vector<std::string> members = {"\"resourceType\"" + space() + ":" + space() +
                                      *rc::gen::elementOf(std::vector<std::string>{
                                          "\"Patient\"", "\"Basic\"", "\"Obs\\u0065rvation\""})};
  maybe(&members, "\"id\":\"abc\"");
  maybe(&members, "\"meta\":" + join(shuffled(meta)));
  maybe(&members, "\"value\":" + space() + "1.00e+05");
  maybe(&members, R"("text":{"div":"<div id=\"id\">\u00e9 é</div>","meta":{"versionId":"1"}})");
  maybe(&members, "\"list\":[ 1 ,{}, [ ] ]");
  return space() + join(shuffled(members)) + space();
}

RC_GTEST_PROP(Stamp, IsTakenAwayWithoutATrace, ()) {
  const std::string text = RandomResource();
  const bool has_id = text.find("\"id\":\"abc\"") != std::string::npos;
  const uint64_t version = *rc::gen::arbitrary<uint64_t>();
  const Stamp stamp = {"abc", version, kWhen};
  const std::string stamped = Stamped(text, stamp);
  if (has_id) RC_ASSERT(Unstamped(stamped) == Unstamped(text));
  // Stamping again with the same changes nothing; unstamping twice neither.
  RC_ASSERT(Stamped(stamped, stamp) == stamped);
  RC_ASSERT(Unstamped(Unstamped(text)) == Unstamped(text));
  // A second way: edit a value.
  auto expected = json::ParseValue(text);
  RC_ASSERT(expected.ok());
  expected.value().Set("id", json::Value::String("abc"));
  if (expected.value().Find("meta") == nullptr) {
    expected.value().Set("meta", json::Value::MakeObject());
  }
  expected.value()
      .Find("meta")
      ->Set("versionId", json::Value::String(std::to_string(version)))
      .Set("lastUpdated", json::Value::String(FormatFhirInstant(kWhen)));
  const auto actual = json::ParseValue(stamped);
  RC_ASSERT(actual.ok());
  RC_ASSERT(actual.value() == expected.value());
}

}  // namespace
}  // namespace tarn::fhir
