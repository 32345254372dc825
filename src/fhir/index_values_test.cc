#include "fhir/index_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "fhir/internal/value_lines.h"
#include "fhir/resource.h"

namespace tarn::fhir {
namespace {

using internal::ValueLines;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

const Extractor& TheExtractor() {
  static const std::unique_ptr<Extractor> kExtractor = [] {
    auto made = Extractor::Make(SearchParameterSet(), {{"https://tarn.example/r4"}});
    CHECK(made.ok());
    return std::move(made).value();
  }();
  return *kExtractor;
}

// One resource's values; owns what they point into.
class Extracted {
 public:
  explicit Extracted(std::string text, const ResourceTimes& times = {})
      : text_(std::move(text)), parser_(ResourceLimits()) {
    const auto document = parser_.Parse(text_);
    CHECK(document.ok());
    const auto envelope = ReadEnvelope(document.value());
    CHECK(envelope.ok());
    status_ = TheExtractor().Extract(document.value(), envelope.value().type, times, &values_);
  }
  std::vector<std::string> Lines(std::string_view code) const { return ValueLines(values_, code); }
  const IndexValues& values() const { return values_; }
  const Status& status() const { return status_; }

 private:
  std::string text_;
  json::Parser parser_;
  IndexValues values_;
  Status status_ = Ok();
};

struct Row {
  std::string_view resource;  // Without resourceType.
  std::string_view type;
  std::string_view code;
  std::vector<std::string> lines;
};

void CheckRows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.type) + " " + std::string(row.code) + " " +
                 std::string(row.resource));
    const Extracted extracted(R"({"resourceType":")" + std::string(row.type) + "\"," +
                              std::string(row.resource) + "}");
    ASSERT_TRUE(extracted.status().ok());
    EXPECT_THAT(extracted.Lines(row.code), ElementsAreArray(row.lines));
  }
}

TEST(IndexValues, Tokens) {
  CheckRows({
      {R"("gender":"male")",
       "Patient",
       "gender",
       {"token http://hl7.org/fhir/administrative-gender|male"}},
      {R"("active":true)", "Patient", "active", {"token |true"}},
      {R"("deceasedDateTime":"2020")", "Patient", "deceased", {"token |true"}},
      {R"("deceasedBoolean":false)", "Patient", "deceased", {"token |false"}},
      {R"("id":"aB")", "Patient", "_id", {"exact |aB"}},
      {R"("identifier":[{"system":"urn:a","value":"X1","type":{"text":"MR number","coding":[
          {"system":"http://t","code":"MR"}]}},{"value":"2"},{"system":"urn:b"}])",
       "Patient",
       "identifier",
       {"token urn:a|X1", "typed http://t|MR|x1", "text mr number", "token |2", "token urn:b|"}},
      {R"("telecom":[{"system":"phone","value":"+1 555"},{"system":"email","value":"A@b.c"}])",
       "Patient",
       "phone",
       {"token |+1 555"}},
      {R"("telecom":[{"system":"phone","value":"+1 555"},{"system":"email","value":"A@b.c"}])",
       "Patient",
       "email",
       {"token |A@b.c"}},
      {R"("code":{"text":"Blood Glucose","coding":[{"system":"http://loinc.org","code":"15074-8",
          "display":"Glucose [Moles/volume]"},{"code":"x"}]})",
       "Observation",
       "code",
       {"token http://loinc.org|15074-8", "text glucose moles volume", "token |x",
        "text blood glucose"}},
      {R"("code":{"text":"only text"})", "Observation", "code", {"text only text"}},
      {R"("code":{"coding":[{"display":"only display"}]})",
       "Observation",
       "code",
       {"text only display"}},
      {R"("code":{"coding":[{"system":"http://unitsofmeasure.org","code":"mG"}]})",
       "Observation",
       "code",
       {"exact http://unitsofmeasure.org|mG"}},
      {R"("meta":{"tag":[{"system":"urn:t","code":"a"}],"security":[{"code":"R"}]})",
       "Patient",
       "_tag",
       {"token urn:t|a"}},
      {R"("meta":{"tag":[{"system":"urn:t","code":"a"}],"security":[{"code":"R"}]})",
       "Patient",
       "_security",
       {"token |R"}},
      {R"("url":"http://a/vs","version":"1.0")", "ValueSet", "version", {"token |1.0"}},
      // A primitive with extensions only has no value.
      {R"("_gender":{"extension":[{"url":"urn:x","valueCode":"y"}]})", "Patient", "gender", {}},
      {R"("identifier":[{"value":"a\u00e9\n\"b"}])",
       "Patient",
       "identifier",
       {"token |a\xC3\xA9\n\"b"}},
  });
}

TEST(IndexValues, References) {
  CheckRows({
      {R"("subject":{"reference":"Patient/1"})", "Observation", "subject", {"local Patient/1"}},
      {R"("subject":{"reference":"Patient/1"})", "Observation", "patient", {"local Patient/1"}},
      {R"("subject":{"reference":"Group/1"})", "Observation", "patient", {}},
      {R"("subject":{"reference":"Patient/1/_history/3"})",
       "Observation",
       "subject",
       {"local Patient/1|3"}},
      {R"("subject":{"reference":"https://tarn.example/r4/Patient/1"})",
       "Observation",
       "subject",
       {"local Patient/1"}},
      {R"("subject":{"reference":"http://other/fhir/Patient/1/_history/2"})",
       "Observation",
       "subject",
       {"url Patient/ http://other/fhir/Patient/1/_history/2"}},
      {R"("subject":{"reference":"urn:uuid:1-2","type":"Group"})",
       "Observation",
       "subject",
       {"url Group/ urn:uuid:1-2"}},
      {R"("subject":{"identifier":{"system":"urn:m","value":"A1"}})",
       "Observation",
       "subject",
       {"identifier urn:m|a1"}},
      {R"("subject":{"reference":"Patient/1","identifier":{"value":"7"},"display":"x"})",
       "Observation",
       "subject",
       {"local Patient/1", "identifier |7"}},
      {R"("contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"})",
       "Observation",
       "subject",
       {"contained p"}},
      {R"("subject":{"display":"somebody"})", "Observation", "subject", {}},
      {R"("instantiatesCanonical":["http://a/p|1.2","http://a/q"])",
       "CarePlan",
       "instantiates-canonical",
       {"canonical http://a/p|1.2", "canonical http://a/q"}},
      {R"("entry":[{"resource":{"resourceType":"Composition","id":"c"}}],"type":"document")",
       "Bundle",
       "composition",
       {"local Composition/c"}},
  });
}

TEST(IndexValues, Uris) {
  CheckRows({
      {R"("url":"http://a/VS")", "ValueSet", "url", {"uri http://a/VS"}},
      {R"("meta":{"profile":["http://p|1.0","http://q"],"source":"urn:s"})",
       "Patient",
       "_profile",
       {"uri http://p|1.0", "uri http://q"}},
      {R"("meta":{"source":"urn:s#1"})", "Patient", "_source", {"uri urn:s#1"}},
  });
}

TEST(IndexValues, Strings) {
  CheckRows({
      {R"("name":[{"family":"Carreño Quinones","given":["José","Maria"],"prefix":["Dr."],
          "text":"J. C."}])",
       "Patient",
       "name",
       {"string carreno quinones", "string quinones (part)", "string jose", "string maria",
        "string dr", "string j c"}},
      {R"("name":[{"family":"Carreño Quinones"}])",
       "Patient",
       "family",
       {"string carreno quinones", "string quinones (part)"}},
      {R"("name":[{"given":["Anna Maria"]}])", "Patient", "given", {"string anna maria"}},
      {R"("address":[{"line":["1 Main St","Apt 2"],"city":"Örebro","postalCode":"70 001",
          "country":"SE","use":"home"}])",
       "Patient",
       "address",
       {"string 1 main st", "string apt 2", "string orebro", "string 70 001", "string se"}},
      {R"("address":[{"city":"Örebro"}])", "Patient", "address-city", {"string orebro"}},
      {R"("description":"**Bold** text")", "ValueSet", "description", {"string bold text"}},
  });
}

TEST(IndexValues, Dates) {
  CheckRows({
      {R"("birthDate":"1970-03")",
       "Patient",
       "birthdate",
       {"date 1970-03-01T00:00:00Z..1970-04-01T00:00:00Z"}},
      {R"("effectiveDateTime":"2013-04-02T09:30:10+01:00")",
       "Observation",
       "date",
       {"date 2013-04-02T08:30:10Z..2013-04-02T08:30:11Z"}},
      {R"("effectivePeriod":{"start":"2013-04-02","end":"2013-04-05"})",
       "Observation",
       "date",
       {"date 2013-04-02T00:00:00Z..2013-04-06T00:00:00Z"}},
      {R"("effectivePeriod":{"start":"2013-04-02"})",
       "Observation",
       "date",
       {"date 2013-04-02T00:00:00Z..inf"}},
      {R"("effectivePeriod":{"end":"2013"})",
       "Observation",
       "date",
       {"date -inf..2014-01-01T00:00:00Z"}},
      {R"("effectivePeriod":{"start":"2014","end":"2013"})",
       "Observation",
       "date",
       {"date 2013-01-01T00:00:00Z..2015-01-01T00:00:00Z"}},
      {R"("effectivePeriod":{})", "Observation", "date", {}},
      {R"("effectiveInstant":"2015-02-07T13:28:17.239Z")",
       "Observation",
       "date",
       {"date 2015-02-07T13:28:17.239Z..2015-02-07T13:28:17.239001Z"}},
      {R"("effectiveTiming":{"event":["2013-04-02","2012"],"repeat":{"boundsPeriod":
          {"start":"2013","end":"2014"}}})",
       "Observation",
       "date",
       {"date 2012-01-01T00:00:00Z..2015-01-01T00:00:00Z"}},
      {R"("effectiveTiming":{"repeat":{"frequency":1}})", "Observation", "date", {}},
      {R"("meta":{"lastUpdated":"2020-01-01T00:00:00Z"})",
       "Patient",
       "_lastUpdated",
       {"date 2020-01-01T00:00:00Z..2020-01-01T00:00:00.000001Z"}},
      {R"("birthDate":"not a date")", "Patient", "birthdate", {}},
  });
}

TEST(IndexValues, Numbers) {
  CheckRows({
      {R"("prediction":[{"probabilityDecimal":0.80},{"probabilityRange":{"low":{"value":0.1},
          "high":{"value":0.2}}},{"probabilityRange":{"low":{"value":5e-1}}}])",
       "RiskAssessment",
       "probability",
       {"number 0.8", "number 0.1..0.2", "number 0.5..inf"}},
      {R"("factorOverride":1.2)", "ChargeItem", "factor-override", {"number 1.2"}},
  });
}

TEST(IndexValues, Quantities) {
  constexpr std::string_view kUcum = R"("system":"http://unitsofmeasure.org")";
  const std::string ucum(kUcum);
  const std::string mg = R"("unit":"mg/dl","code":"mg/dL",)" + ucum;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("valueQuantity":{"value":90,)" + mg + "}",
       "quantity 90 http://unitsofmeasure.org|mg/dL 'mg/dl' = 900 g.m-3"},
      {R"("valueQuantity":{"value":5,"comparator":"<",)" + mg + "}",
       "quantity -inf..5- http://unitsofmeasure.org|mg/dL 'mg/dl' = -inf..50- g.m-3"},
      {R"("valueQuantity":{"value":5,"comparator":">=",)" + mg + "}",
       "quantity 5..inf http://unitsofmeasure.org|mg/dL 'mg/dl' = 50..inf g.m-3"},
      {R"("valueQuantity":{"value":5,"comparator":">","unit":"drops"})",
       "quantity 5+..inf | 'drops'"},
      {R"("valueQuantity":{"value":5,"code":"drops","system":"urn:u"})",
       "quantity 5 urn:u|drops ''"},
      {R"("valueQuantity":{"value":5,"code":"furlong",)" + ucum + "}",
       "quantity 5 http://unitsofmeasure.org|furlong ''"},
      {R"("valueSampledData":{"origin":{"value":10,"code":"mm",)" + ucum +
           R"(},"period":1,"factor":2,"dimensions":1,"upperLimit":40,"data":"0 -2.5 E 3 U"})",
       "quantity 5..40 http://unitsofmeasure.org|mm '' = 0.005..0.04 m"},
  };
  for (const auto& [resource, line] : cases) {
    CheckRows({{resource, "Observation", "value-quantity", {line}}});
  }
  CheckRows({
      {R"("valueQuantity":{"unit":"mg"})", "Observation", "value-quantity", {}},
      {R"("totalNet":{"value":12.50,"currency":"EUR"})",
       "Invoice",
       "totalnet",
       {"quantity 12.5 urn:iso:std:iso:4217|EUR 'EUR'"}},
      {R"("useContext":[{"code":{"code":"age"},"valueRange":{"low":{"value":1,"unit":"a"},
          "high":{"value":3,"unit":"a"}}}])",
       "ValueSet",
       "context-quantity",
       {"quantity 1..3 | 'a'"}},
      {R"("useContext":[{"code":{"code":"age"},"valueRange":{"low":{"value":1,"unit":"mo"},
          "high":{"value":3,"unit":"a"}}}])",
       "ValueSet",
       "context-quantity",
       {"quantity 1 | 'mo'", "quantity 3 | 'a'"}},
  });
}

TEST(IndexValues, CompositesKeepTheirPairs) {
  CheckRows({
      {R"("component":[{"code":{"coding":[{"code":"sys"},{"code":"s2"}]},"valueQuantity":{"value":120}},
          {"code":{"coding":[{"code":"dia"}]},"valueQuantity":{"value":80}},
          {"code":{"coding":[{"code":"none"}]}}])",
       "Observation",
       "component-code-value-quantity",
       {"composite [0 token |sys] [0 token |s2] [1 quantity 120 | '']",
        "composite [0 token |dia] [1 quantity 80 | '']"}},
      {R"("code":{"coding":[{"code":"c"}]},"valueString":"Some Text")",
       "Observation",
       "code-value-string",
       {"composite [0 token |c] [1 string some text]"}},
      {R"("code":{"coding":[{"code":"c"}]},"valueDateTime":"2020")",
       "Observation",
       "code-value-date",
       {"composite [0 token |c] [1 date 2020-01-01T00:00:00Z..2021-01-01T00:00:00Z]"}},
      {R"("code":{"coding":[{"code":"c"}]})", "Observation", "code-value-concept", {}},
  });
}

TEST(IndexValues, Positions) {
  CheckRows({
      {R"("position":{"latitude":42.25475478,"longitude":-83.6945691})",
       "Location",
       "near",
       {"position 42.254755 -83.694569"}},
      {R"("position":{"latitude":91,"longitude":0})", "Location", "near", {}},
      {R"("position":{"latitude":1})", "Location", "near", {}},
  });
}

TEST(IndexValues, Words) {
  const std::string resource =
      R"({"resourceType":"Condition","id":"identity","text":{"status":"generated","div":)"
      R"("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p class=\"hidden\">Bone &amp; liver</p>)"
      R"(<b>Liver</b>&#233;t&eacute;</div>"},"code":{"text":"Métastases, bone"},)"
      R"("subject":{"reference":"Patient/secret","display":"Ann"}})";
  const Extracted extracted(resource);
  EXPECT_THAT(extracted.Lines("_text"), ElementsAre("word bone", "word et", "word liver"));
  EXPECT_THAT(extracted.Lines("_content"),
              ElementsAre("word ann", "word bone", "word et", "word generated", "word liver",
                          "word metastases"));
}

TEST(IndexValues, TimesOfTheStore) {
  const Extracted extracted(
      R"({"resourceType":"Patient","meta":{"lastUpdated":"2020-01-01T00:00:00Z"}})",
      {.created_us = 1'000'000, .last_updated_us = 2'000'000});
  EXPECT_THAT(extracted.Lines("_lastUpdated"),
              ElementsAre("date 1970-01-01T00:00:02Z..1970-01-01T00:00:02.000001Z"));
  EXPECT_THAT(extracted.Lines("createdAt"),
              ElementsAre("date 1970-01-01T00:00:01Z..1970-01-01T00:00:01.000001Z"));
  const auto values = extracted.values().values();
  for (size_t i = 1; i < values.size(); ++i) {
    EXPECT_LE(values[i - 1].parameter, values[i].parameter);
  }
}

// Each given name is a value of `given`, `name` and `phonetic`, and the word of _content is one.
std::string PatientOf(size_t names) {
  std::string out = R"({"resourceType":"Patient","name":[{"given":[)";
  for (size_t i = 0; i < names; ++i) out += i > 0 ? ",\"a\"" : "\"a\"";
  return out + "]}]}";
}

TEST(IndexValues, AreBounded) {
  constexpr size_t kNames = (kIndexValuesMax - 1) / 3;
  EXPECT_TRUE(Extracted(PatientOf(kNames)).status().ok());
  const Extracted over(PatientOf(kNames + 1));
  ASSERT_FALSE(over.status().ok());
  EXPECT_EQ(over.status().error().kind, ErrorKind::kTooLarge);
  EXPECT_THAT(over.status().error().detail, HasSubstr("search parameter "));
}

std::string WordsOf(size_t words) {
  std::string out = R"({"resourceType":"Basic","language":")";
  for (size_t i = 0; i < words; ++i) out += std::to_string(i) + " ";
  return out + "\"}";
}

TEST(IndexValues, BoundWords) {
  EXPECT_TRUE(Extracted(WordsOf(kIndexWordsMax)).status().ok());
  const Extracted over(WordsOf(kIndexWordsMax + 1));
  ASSERT_FALSE(over.status().ok());
  EXPECT_EQ(over.status().error().kind, ErrorKind::kTooLarge);
  EXPECT_THAT(over.status().error().detail, HasSubstr("search parameter _content"));
}

TEST(IndexValues, FindTheFirstWordsOfAFamilyName) {
  std::string family = "w0";
  for (size_t i = 1; i <= kIndexFamilyPartsMax + 1; ++i) family += " w" + std::to_string(i);
  const Extracted extracted(R"({"resourceType":"Patient","name":[{"family":")" + family + "\"}]}");
  EXPECT_EQ(extracted.Lines("family").size(), 1 + kIndexFamilyPartsMax);
}

TEST(IndexValues, RefuseNumbersThatNothingCompares) {
  const Extracted over(R"({"resourceType":"ChargeItem","factorOverride":1e999999})");
  ASSERT_FALSE(over.status().ok());
  EXPECT_EQ(over.status().error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(over.status().error().detail, HasSubstr("search parameter factor-override"));
}

TEST(Extractor, TakesCustomParameters) {
  CustomParameter custom;
  custom.number = kCustomParameterFirst;
  custom.type = SearchType::kString;
  custom.code = "nickname";
  custom.expression = "Patient.name.where(use = 'nickname').given";
  custom.bases = {FindType("Patient")};
  const SearchParameterSet parameters({custom});
  auto extractor = Extractor::Make(parameters, {});
  ASSERT_TRUE(extractor.ok());
  const std::string text =
      R"({"resourceType":"Patient","name":[{"use":"nickname","given":["Bob"]},{"given":["X"]}]})";
  json::Parser parser(ResourceLimits());
  const auto document = parser.Parse(text);
  ASSERT_TRUE(document.ok());
  IndexValues values;
  ASSERT_TRUE(extractor.value()->Extract(document.value(), FindType("Patient"), {}, &values).ok());
  ASSERT_EQ(values.Of(kCustomParameterFirst).size(), 1u);
  EXPECT_EQ(internal::ValueLine(values.Of(kCustomParameterFirst)[0], values), "string bob");

  custom.expression = "Patient.nonsense(";
  const auto wrong = Extractor::Make(SearchParameterSet({custom}), {});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace tarn::fhir
