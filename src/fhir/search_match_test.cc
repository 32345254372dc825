// The tables of FHIR R4 "Search", row by row: a resource, a query, and whether it is found.
#include "fhir/search_match.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/uri.h"
#include "fhir/resource.h"

namespace tarn::fhir {
namespace {

struct Case {
  std::string_view query;
  bool found;
};

class Judge {
 public:
  explicit Judge(Compatibility compatibility = Compatibility::kFhir) : parser_(ResourceLimits()) {
    auto made = Extractor::Make(parameters_, {{"https://tarn.example/r4/"}});
    CHECK(made.ok());
    extractor_ = std::move(made).value();
    context_.parameters = &parameters_;
    context_.compatibility = compatibility;
    context_.now_us = ParseTimeRange("2024-01-01").value().low_us;
    context_.base_urls = {"https://tarn.example/r4/"};
    match_.compatibility = compatibility;
  }

  MatchContext& match() { return match_; }

  // `resource` without braces and resourceType.
  Result<bool> Found(std::string_view type, std::string_view resource, std::string_view query) {
    text_ = R"({"resourceType":")" + std::string(type) + "\"" + (resource.empty() ? "" : ",") +
            std::string(resource) + "}";
    const auto document = parser_.Parse(text_);
    CHECK(document.ok());
    CHECK(extractor_->Extract(document.value(), FindType(type), {}, &values_).ok());
    const size_t equals = query.find('=');
    const std::string encoded =
        PercentEncode(query.substr(0, equals)) + "=" + PercentEncode(query.substr(equals + 1));
    const ParsedSearch parsed = ParseCriteria(encoded, FindType(type), context_);
    if (!parsed.errors.empty()) return Invalid(parsed.errors[0].diagnostics);
    return Matches(parsed.query.criteria[0].criterion, values_, match_);
  }

  void Check(std::string_view type, std::string_view resource, const std::vector<Case>& cases) {
    for (const Case& c : cases) {
      SCOPED_TRACE(std::string(resource) + " " + std::string(c.query));
      const auto found = Found(type, resource, c.query);
      ASSERT_TRUE(found.ok()) << found.error().detail;
      EXPECT_EQ(found.value(), c.found);
    }
  }

 private:
  SearchParameterSet parameters_;
  std::unique_ptr<Extractor> extractor_;
  SearchContext context_;
  MatchContext match_;
  json::Parser parser_;
  IndexValues values_;
  std::string text_;
};

// Shows: parameter type number; prefix eq, ne, gt, lt, ge, le, sa, eb, ap
TEST(Match, Numbers) {
  Judge judge;
  judge.Check("RiskAssessment", R"("prediction":[{"probabilityDecimal":100}])",
              {{"probability=100", true},
               {"probability=100.4", false},
               {"probability=99.5", false},
               {"probability=1e2", true},
               {"probability=ne100", false},
               {"probability=ne101", true},
               {"probability=lt100", false},
               {"probability=le100", true},
               {"probability=gt100", false},
               {"probability=ge100", true},
               {"probability=gt99.9", true},
               {"probability=sa99", true},
               {"probability=sa100", false},
               {"probability=eb101", true},
               {"probability=eb100", false},
               {"probability=ap91", true},
               {"probability=ap90", false},
               {"probability=ap110", true},
               {"probability=1,100", true}});
  judge.Check("RiskAssessment", R"("prediction":[{"probabilityDecimal":99.5}])",
              {{"probability=100", true}, {"probability=1e2", true}, {"probability=100.0", false}});
  judge.Check("RiskAssessment", R"("prediction":[{"probabilityDecimal":100.5}])",
              {{"probability=100", false}, {"probability=101", true}});
  judge.Check("RiskAssessment",
              R"("prediction":[{"probabilityRange":{"low":{"value":10},"high":{"value":20}}}])",
              {{"probability=15", false},
               {"probability=gt15", true},
               {"probability=lt15", true},
               {"probability=sa9", true},
               {"probability=sa10", false},
               {"probability=eb20", false},
               {"probability=eb21", true},
               {"probability=ap15", true}});
}

// Shows: parameter type date; prefix eq, ne, gt, lt, ge, le, sa, eb, ap; parameter _lastUpdated
TEST(Match, Dates) {
  Judge judge;
  // R4, section date: the examples of each prefix.
  judge.Check(
      "Observation", R"("effectiveDateTime":"2013-01-14T00:00Z")",
      {{"date=eq2013-01-14", true}, {"date=2013-01-14", true}, {"date=ne2013-01-14", false}});
  judge.Check("Observation", R"("effectiveDateTime":"2013-01-14T10:00Z")",
              {{"date=eq2013-01-14", true},
               {"date=ne2013-01-14", false},
               {"date=2013-01", true},
               {"date=2013", true},
               {"date=2013-01-14T10:00", true}});
  judge.Check("Observation", R"("effectiveDateTime":"2013-01-15T00:00Z")",
              {{"date=eq2013-01-14", false}, {"date=ne2013-01-14", true}});
  judge.Check("Observation", R"("effectiveDateTime":"2013-01-14")",
              {{"date=lt2013-01-14T10:00Z", true},
               {"date=gt2013-01-14T10:00Z", true},
               {"date=2013-01-14T10:00Z", false},
               {"date=ge2013-01-14", true},
               {"date=le2013-01-14", true},
               {"date=gt2013-01-14", false},
               {"date=lt2013-01-14", false},
               {"date=gt2013-01-13", true},
               {"date=sa2013-01-13", true},
               {"date=eb2013-01-15", true}});
  judge.Check("Observation", R"("effectivePeriod":{"start":"2013-01-21"})",
              {{"date=ge2013-03-14", true},
               {"date=le2013-03-14", true},
               {"date=sa2013-03-14", false},
               {"date=eb2013-03-14", false}});
  judge.Check("Observation", R"("effectivePeriod":{"start":"2013-03-15"})",
              {{"date=sa2013-03-14", true}, {"date=eb2013-03-14", false}});
  judge.Check("Observation", R"("effectivePeriod":{"end":"2013-01-21"})",
              {{"date=sa2013-03-14", false}, {"date=eb2013-03-14", true}});
  judge.Check(
      "Observation", R"("effectiveDateTime":"2013-03-14")",
      {{"date=ap2013-03-14", true}, {"date=ap2014-01-14", true}, {"date=ap2023-03-14", false}});
  // Zones: 23:30 at +02:00 is 21:30 in UTC.
  judge.Check("Observation", R"("effectiveDateTime":"2013-01-14T23:30:00+02:00")",
              {{"date=2013-01-14T21:30Z", true},
               {"date=2013-01-14T21:30", true},
               {"date=2013-01-14T22:30+01:00", true},
               {"date=2013-01-14T23:30Z", false}});
  judge.Check("Patient", R"("meta":{"lastUpdated":"2020-05-05T10:00:00.123Z"})",
              {{"_lastUpdated=gt2020-05-05T10:00:00.122Z", true},
               {"_lastUpdated=2020-05-05T10:00:00Z", true},
               {"_lastUpdated=lt2020-05-06", true}});
}

// Shows: parameter type string; modifier :exact, :contains, :missing; parameter _filter;
//   healthlake strings with case and accents
TEST(Match, Strings) {
  Judge judge;
  const std::string_view names =
      R"("name":[{"family":"Carreño Quinones","given":["Eve","Séverine"]}])";
  judge.Check("Patient", names,
              {{"given=eve", true},
               {"given=EV", true},
               {"given=ve", false},
               {"given:contains=eve", true},
               {"given:contains=ever", true},
               {"given:exact=Eve", true},
               {"given:exact=eve", false},
               {"given:exact=Ev", false},
               {"given=severine", true},
               {"family=carreno", true},
               {"family=Quiñones", true},
               {"family:exact=Quinones", false},
               {"family=carreno  quinones", true},
               {"name=eve,adam", true},
               {"name:missing=false", true},
               {"name:missing=true", false}});
  judge.Check("Patient", "", {{"name:missing=true", true}, {"name=a", false}});
  judge.Check("Patient", names,
              {{"_filter=given eq eve", true},
               {"_filter=given eq ev", false},
               {"_filter=given ew ine", true},
               {"_filter=not (given sw x)", true},
               {"_filter=given pr true and family pr false", false}});
  Judge healthlake(Compatibility::kHealthLake);
  healthlake.Check("Patient", names,
                   {{"given=Eve", true},
                    {"given=eve", false},
                    {"family=Carreño", true},
                    {"family=Carreno", false},
                    {"family=Quinones", false}});
}

// Shows: parameter type token; modifier :not, :text, :of-type, :below of MIME types; parameter
//   _id
TEST(Match, Tokens) {
  Judge judge;
  judge.Check("Observation",
              R"("code":{"coding":[{"system":"http://acme","code":"Ha125","display":"Head ache"},
                  {"code":"none"}],"text":"Cephalgia"})",
              {{"code=ha125", true},
               {"code=http://acme|HA125", true},
               {"code=|ha125", false},
               {"code=|none", true},
               {"code=http://acme|", true},
               {"code=http://other|ha125", false},
               {"code=x,ha125", true},
               {"code:not=ha125", false},
               {"code:not=x", true},
               {"code:text=head", true},
               {"code:text=ache", false},
               {"code:text=ceph", true}});
  judge.Check("Patient", R"("gender":"male")",
              {{"gender=male", true},
               {"gender=http://hl7.org/fhir/administrative-gender|male", true},
               {"gender=http://other|male", false},
               {"gender:not=female", true}});
  judge.Check("Patient", "", {{"gender:not=male", true}, {"gender=male", false}});
  judge.Check(
      "Patient", R"("id":"aB","active":true)",
      {{"_id=aB", true}, {"_id=ab", false}, {"active=true", true}, {"active=false", false}});
  judge.Check("Patient",
              R"("identifier":[{"system":"urn:a","value":"446053","type":{"coding":[
                  {"system":"http://v2","code":"MR"}]}}])",
              {{"identifier=urn:a|446053", true},
               {"identifier:of-type=http://v2|MR|446053", true},
               {"identifier:of-type=http://v2|SS|446053", false},
               {"identifier=446", false}});
  judge.Check("DocumentReference",
              R"("content":[{"attachment":{"contentType":"text/xml; charset=UTF-8"}}])",
              {{"contenttype=text/xml", false},
               {"contenttype:below=text/xml", true},
               {"contenttype:below=text/x", false}});
}

// Shows: parameter type quantity; prefix eq, lt, gt, ge, le, ap
TEST(Match, QuantitiesInCanonicalUnits) {
  Judge judge;
  judge.Check("Observation",
              R"("valueQuantity":{"value":5.4,"unit":"milligram","code":"mg",
                  "system":"http://unitsofmeasure.org"})",
              {{"value-quantity=5.4|http://unitsofmeasure.org|mg", true},
               {"value-quantity=5.40e-3|http://unitsofmeasure.org|g", true},
               {"value-quantity=5.40|http://unitsofmeasure.org|mg", true},
               {"value-quantity=5.5|http://unitsofmeasure.org|mg", false},
               {"value-quantity=5.4||mg", true},
               {"value-quantity=5.4||milligram", true},
               {"value-quantity=5.4||g", false},
               {"value-quantity=5.4", true},
               {"value-quantity=le5.4|http://unitsofmeasure.org|mg", true},
               {"value-quantity=lt5.4|http://unitsofmeasure.org|mg", false},
               {"value-quantity=gt5300|http://unitsofmeasure.org|ug", true},
               {"value-quantity=5.4|http://unitsofmeasure.org|mL", false},
               {"value-quantity=ap5|http://unitsofmeasure.org|mg", true},
               {"value-quantity=5.4|urn:other|mg", false}});
  judge.Check(
      "Observation",
      R"("valueQuantity":{"value":98.6,"code":"[degF]","system":"http://unitsofmeasure.org"})",
      {{"value-quantity=37.0|http://unitsofmeasure.org|Cel", true},
       {"value-quantity=gt37.1|http://unitsofmeasure.org|Cel", false}});
  judge.Check("Observation", R"("valueQuantity":{"value":5,"comparator":"<","unit":"x"})",
              {{"value-quantity=lt5", true},
               {"value-quantity=ge5", false},
               {"value-quantity=lt3", true},
               {"value-quantity=5", false}});
}

// Shows: parameter type reference; modifier :[type], :identifier, :below of canonicals
TEST(Match, References) {
  Judge judge;
  judge.Check("Observation", R"("subject":{"reference":"Patient/1/_history/3",
                  "identifier":{"system":"urn:m","value":"A1"}})",
              {{"subject=1", true},
               {"subject=Patient/1", true},
               {"subject:Patient=1", true},
               {"subject=Group/1", false},
               {"subject:Group=1", false},
               {"subject=https://tarn.example/r4/Patient/1", true},
               {"subject=Patient/1/_history/3", true},
               {"subject=Patient/1/_history/4", false},
               {"subject:identifier=urn:m|a1", true},
               {"subject:identifier=|A1", false},
               {"subject=http://other/Patient/1", false}});
  judge.Check("Observation", R"("subject":{"reference":"http://other/Patient/1"})",
              {{"subject=http://other/Patient/1", true}, {"subject=Patient/1", false}});
  judge.Check("CarePlan", R"("instantiatesCanonical":["http://acme/p|1.1"])",
              {{"instantiates-canonical=http://acme/p", true},
               {"instantiates-canonical=http://acme/p|1.1", true},
               {"instantiates-canonical=http://acme/p|1", false},
               {"instantiates-canonical:below=http://acme/p|1", true},
               {"instantiates-canonical:below=http://acme/p|2", false},
               {"instantiates-canonical=http://acme/q", false}});
}

// Shows: parameter type uri; modifier :below of uris, :above of uris
TEST(Match, Uris) {
  Judge judge;
  judge.Check("ValueSet", R"("url":"http://acme.org/fhir/ValueSet/123","version":"2")",
              {{"url=http://acme.org/fhir/ValueSet/123", true},
               {"url=http://acme.org/fhir/ValueSet/123|2", true},
               {"url=http://acme.org/fhir/ValueSet/123|3", false},
               {"url=http://acme.org/fhir/valueset/123", false},
               {"url:below=http://acme.org/fhir/", true},
               {"url:below=http://acme.org/fhir", true},
               {"url:below=http://acme.org/f", false},
               {"url:above=http://acme.org/fhir/ValueSet/123/_history/5", true},
               {"url:above=http://acme.org/fhir/ValueSet/1234", false}});
  judge.Check("ValueSet", R"("url":"urn:oid:1.2.3")",
              {{"url=urn:oid:1.2.3", true}, {"url:below=urn:oid:1.2", false}});
}

// Shows: parameter type composite
TEST(Match, Composites) {
  Judge judge;
  judge.Check("Observation",
              R"("component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},
                  "valueQuantity":{"value":120}},{"code":{"coding":[{"code":"dia"}]},
                  "valueQuantity":{"value":50}}])",
              {{"component-code-value-quantity=http://loinc.org|8480-6$gt100", true},
               {"component-code-value-quantity=http://loinc.org|8480-6$lt60", false},
               {"component-code-value-quantity=dia$lt60", true},
               {"combo-code-value-quantity=dia$50", true}});
}

// Shows: parameter type special (near); parameter _text, _content
TEST(Match, PositionsAndWords) {
  Judge judge;
  judge.Check("Location", R"("position":{"latitude":42.256500,"longitude":-83.694810})",
              {{"near=42.256500|-83.694810|0.001|km", true},
               {"near=42.3|-83.7|5|km", true},
               {"near=42.3|-83.7|4|km", false},
               {"near=42.3|-83.7", true},
               {"near=43|-83.7", false}});
  judge.Check("Condition",
              R"("text":{"status":"generated","div":"<div>Metastases in the bone</div>"})",
              {{"_text=(bone OR liver) and metastases", true},
               {"_text=liver", false},
               {"_text=bone not liver", true},
               {"_text=met*", true},
               {"_text=met", false},
               {"_content=BONE", true},
               {"_text=liver,bone", true}});
}

TEST(Match, AsksOthersForWhatOthersDecide) {
  Judge judge;
  const std::string_view resource = R"("subject":{"reference":"Patient/1"},
      "code":{"coding":[{"code":"a"}]},"encounter":{"reference":"Encounter/1"})";
  for (const std::string_view query :
       {"subject:Patient.name=x", "_has:Provenance:target:_id=1", "code:in=http://vs",
        "code:below=a", "encounter:above=Encounter/2"}) {
    SCOPED_TRACE(query);
    const auto found = judge.Found("Observation", resource, query);
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().kind, ErrorKind::kUnsupported);
  }
  judge.match().related = [](const Criterion&, const IndexValues&) -> Result<bool> { return true; };
  judge.match().terminology = [](Modifier, const QueryTerm&,
                                 const TokenValue& token) -> Result<bool> {
    return token.code == "a";
  };
  judge.Check("Observation", resource,
              {{"subject:Patient.name=x", true},
               {"_has:Provenance:target:_id=1", true},
               {"code:in=http://vs", true},
               {"code:not-in=http://vs", false},
               {"code:below=a", true}});
}

}  // namespace
}  // namespace tarn::fhir
