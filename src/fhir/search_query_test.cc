#include "fhir/search_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/uri.h"

namespace tarn::fhir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const SearchParameterSet& Parameters() {
  static const SearchParameterSet kParameters;
  return kParameters;
}

SearchContext Context(Compatibility compatibility = Compatibility::kFhir,
                      Handling handling = Handling::kStrict) {
  SearchContext out;
  out.parameters = &Parameters();
  out.compatibility = compatibility;
  out.handling = handling;
  out.now_us = ParseTimeRange("2024-01-01").value().low_us;
  out.base_urls = {"https://tarn.example/r4/"};
  return out;
}

// `query` is written readably; what separates parameters is '&'.
std::string Encoded(std::string_view query) {
  std::string out;
  for (const char c : query) {
    const bool kept = c == '&' || c == '=' || c == ':' || c == '_' || c == ',';
    out += kept ? std::string(1, c) : PercentEncode(std::string_view(&c, 1));
  }
  return out;
}

ParsedSearch Parse(std::string_view type, std::string_view query,
                   const SearchContext& context = Context()) {
  SearchTarget target;
  target.type = FindType(type);
  return ParseSearch(Encoded(query), "", target, context);
}

// A criterion as one line: "Observation.subject>(Patient.name{peter})".
std::string Show(const Criterion& criterion) {
  const auto list = [&](std::string_view separator) {
    std::string out;
    for (const Criterion& operand : criterion.operands) {
      out += (out.empty() ? "" : std::string(separator)) + Show(operand);
    }
    return out;
  };
  std::string name = criterion.type == kNoType ? "*" : std::string(TypeName(criterion.type));
  name += "." + criterion.code;
  switch (criterion.kind) {
    case Criterion::Kind::kCompare: {
      std::string out = name;
      if (criterion.modifier != Modifier::kNone)
        out += ":" + std::string(ModifierText(criterion.modifier));
      if (criterion.modifier == Modifier::kMissing) return out + (criterion.missing ? "+" : "-");
      std::string terms;
      for (const QueryTerm& term : criterion.terms)
        terms += (terms.empty() ? "" : " ; ") + term.text;
      return out + "{" + terms + "}";
    }
    case Criterion::Kind::kChain:
      return name + ">(" + list(" | ") + ")";
    case Criterion::Kind::kHas:
      return name + "<(" + list(" | ") + ")";
    case Criterion::Kind::kAnd:
      return "(" + list(" & ") + ")";
    case Criterion::Kind::kOr:
      return "(" + list(" | ") + ")";
    case Criterion::Kind::kNot:
      return "!" + list("");
  }
  return "?";
}

TEST(SearchQuery, CriteriaAreTrees) {
  struct Case {
    std::string_view type, query, shown;
  };
  for (const Case& c : {
           Case{"Observation", "code=a,b", "Observation.code{a ; b}"},
           Case{"Observation", R"(code=a\,b)", R"(Observation.code{a\,b})"},
           Case{"Patient", "name:exact=Eve", "Patient.name:exact{Eve}"},
           Case{"Patient", "gender:missing=true", "Patient.gender:missing+"},
           Case{"Patient", "gender:missing=false", "Patient.gender:missing-"},
           Case{"Patient", "gender:not=male", "Patient.gender:not{male}"},
           Case{"Patient", "identifier:of-type=http://t|MR|1",
                "Patient.identifier:of-type{http://t|MR|1}"},
           Case{"Observation", "subject:Patient=23", "Observation.subject{23}"},
           Case{"Observation", "subject:identifier=urn:m|1",
                "Observation.subject:identifier{urn:m|1}"},
           Case{"Observation", "subject:Patient.name=peter",
                "Observation.subject>(Patient.name{peter})"},
           Case{"Observation", "patient.name=peter", "Observation.patient>(Patient.name{peter})"},
           Case{"Observation", "patient.organization.name:contains=x",
                "Observation.patient>(Patient.organization>(Organization.name:contains{x}))"},
           Case{"Patient", "_has:Observation:patient:code=1234-5",
                "Patient.patient<(Observation.code{1234-5})"},
           Case{"Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent-name=u",
                "Patient.patient<(Observation.entity<(AuditEvent.agent-name{u}))"},
           Case{"Encounter", "subject:Patient._has:Group:member:_id=g",
                "Encounter.subject>(Patient.member<(Group._id{g}))"},
           Case{"Patient", "_list=42,List/43", "Patient.item<(List._id{42 ; 43})"},
           Case{"Observation", "code-value-quantity=http://loinc.org|2823-3$gt5.4||mmol/L",
                "Observation.code-value-quantity{http://loinc.org|2823-3$gt5.4||mmol/L}"},
           Case{"Condition", "_text=(bone OR liver) and metast*",
                "((Condition._text{bone} | Condition._text{liver}) & Condition._text{metast})"},
           Case{"Condition", "_content=x-ray not bone",
                "((Condition._content{x} & Condition._content{ray}) & !Condition._content{bone})"},
           Case{"ValueSet", "url=http://x|2", "((ValueSet.version{2} & ValueSet.url{http://x|2}))"},
           Case{"", "_id=1", "*._id{1}"},
           Case{"", "_type=Condition,Procedure&code=x", "*.code{x}"},
           Case{"", "_type=Encounter,Condition&patient=1", "*.patient{1}"},
           Case{"", "_type=Patient,Encounter&status=finished", ""},
       }) {
    SCOPED_TRACE(c.query);
    const ParsedSearch parsed = Parse(c.type, c.query);
    if (c.shown.empty()) {
      EXPECT_FALSE(parsed.errors.empty());
      continue;
    }
    ASSERT_TRUE(parsed.errors.empty()) << parsed.errors[0].diagnostics;
    ASSERT_EQ(parsed.query.criteria.size(), 1u);
    EXPECT_EQ(Show(parsed.query.criteria[0].criterion), c.shown);
  }
}

TEST(SearchQuery, AnUntypedChainAsksEveryTypeThatHasTheParameter) {
  const ParsedSearch parsed = Parse("Observation", "subject.name=peter");
  ASSERT_TRUE(parsed.errors.empty());
  EXPECT_EQ(Show(parsed.query.criteria[0].criterion),
            "Observation.subject>(Location.name{peter} | Patient.name{peter})");
}

// Shows: parameter _filter
TEST(SearchQuery, FiltersAreTrees) {
  struct Case {
    std::string_view type, filter, shown;
  };
  for (const Case& c : {
           Case{"Observation",
                "code eq http://loinc.org|1234-5 and subject:Patient.name co \"peter\"",
                "(Observation.code{http://loinc.org|1234-5} & "
                "Observation.subject>(Patient.name:contains{peter}))"},
           // From left to right, without precedence.
           Case{"Patient", "gender eq male or gender eq female and active eq true",
                "((Patient.gender{male} | Patient.gender{female}) & Patient.active{true})"},
           Case{"Patient", "gender eq male or (gender eq female and active eq true)",
                "(Patient.gender{male} | (Patient.gender{female} & Patient.active{true}))"},
           Case{"Patient", "not (gender eq male)", "!Patient.gender{male}"},
           Case{"Patient", "gender ne male", "!Patient.gender{male}"},
           Case{"Patient", "name eq \"a, b\"", R"(Patient.name:equals{a\, b})"},
           Case{"Patient", "family sw x and family ew y",
                "(Patient.family{x} & Patient.family:ends-with{y})"},
           Case{"Patient", "birthdate ge 1974-12-25", "Patient.birthdate{ge1974-12-25}"},
           Case{"Patient", "birthdate po 1974", "Patient.birthdate{1974}"},
           Case{"Patient", "birthdate pr false", "Patient.birthdate:missing+"},
           Case{"Observation", "value-quantity lt 5.4|http://unitsofmeasure.org|mg",
                "Observation.value-quantity{lt5.4|http://unitsofmeasure.org|mg}"},
           Case{"Observation", "code in http://vs", "Observation.code:in{http://vs}"},
           Case{"Observation", "code ss snomed|1",
                "Observation.code:above{http://snomed.info/sct|1}"},
           Case{"Observation", "patient re Patient/1", "Observation.patient{Patient/1}"},
           Case{"Observation", "patient[gender eq male].birthdate lt 1970",
                "Observation.patient>((Patient.gender{male} & Patient.birthdate{lt1970}))"},
       }) {
    SCOPED_TRACE(c.filter);
    const ParsedSearch parsed =
        ParseSearch("_filter=" + PercentEncode(c.filter), "", {FindType(c.type), {}}, Context());
    ASSERT_TRUE(parsed.errors.empty()) << parsed.errors[0].diagnostics;
    EXPECT_EQ(Show(parsed.query.criteria[0].criterion), c.shown);
  }
}

// Shows: result parameter _sort, _count, _total, _elements, _include, _revinclude, _contained,
//   _containedType
TEST(SearchQuery, ReadsResultParameters) {
  const ParsedSearch parsed =
      Parse("MedicationRequest",
            "status=active&_sort=-authoredon,status&_sort=_id&_count=20&_total=accurate&_elements="
            "id,status"
            "&_contained=both&_containedType=contained&_include=MedicationRequest:subject:Patient"
            "&_include:iterate=Patient:organization&_revinclude=Provenance:target&_include=*"
            "&_explain=true&_format=json&_pretty=true");
  ASSERT_TRUE(parsed.errors.empty()) << parsed.errors[0].diagnostics;
  const SearchQuery& query = parsed.query;
  ASSERT_EQ(query.sort.size(), 3u);
  EXPECT_EQ(query.sort[0].code, "authoredon");
  EXPECT_TRUE(query.sort[0].descending);
  EXPECT_EQ(query.sort[0].search_type, SearchType::kDate);
  EXPECT_FALSE(query.sort[1].descending);
  EXPECT_EQ(query.count, 20u);
  EXPECT_EQ(query.total, Total::kAccurate);
  EXPECT_THAT(query.elements, ElementsAre("id", "status"));
  EXPECT_EQ(query.contained, Contained::kBoth);
  EXPECT_EQ(query.contained_type, ContainedType::kContained);
  ASSERT_EQ(query.includes.size(), 4u);
  EXPECT_EQ(query.includes[0].target, FindType("Patient"));
  EXPECT_TRUE(query.includes[1].iterate);
  EXPECT_TRUE(query.includes[2].reverse);
  EXPECT_EQ(query.includes[3].source, kNoType);
  EXPECT_TRUE(query.explain);
  EXPECT_EQ(Parse("Patient", "_count=0").query.summary, Summary::kCount);
  EXPECT_EQ(Parse("Patient", "_summary=text").query.summary, Summary::kText);
  EXPECT_EQ(Parse("Patient", "page=abc").query.page_token, "abc");
}

TEST(SearchQuery, UsesQueryAndFormTogether) {
  SearchTarget target;
  target.type = FindType("Patient");
  const ParsedSearch parsed = ParseSearch("gender=male", "name=a+b&_count=5", target, Context());
  ASSERT_TRUE(parsed.errors.empty());
  ASSERT_EQ(parsed.query.criteria.size(), 2u);
  EXPECT_EQ(parsed.query.criteria[1].value, "a b");
  EXPECT_EQ(parsed.query.count, 5u);
}

TEST(SearchQuery, NormalisesTerms) {
  const auto term = [](std::string_view type, std::string_view query) {
    const ParsedSearch parsed = Parse(type, query);
    CHECK(parsed.errors.empty());
    return parsed.query.criteria[0].criterion.terms[0].value;
  };
  const auto token = std::get<TokenTerm>(term("Observation", "code=|AbC"));
  EXPECT_EQ(token.match, SystemMatch::kNone);
  EXPECT_EQ(token.code, "AbC");
  EXPECT_EQ(token.key, "abc");
  EXPECT_EQ(std::get<TokenTerm>(term("Observation", "code=urn:s|")).match, SystemMatch::kThis);
  const auto reference = std::get<ReferenceTerm>(
      term("Observation", "subject=https://tarn.example/r4/Patient/1/_history/2"));
  EXPECT_EQ(reference.form, ReferenceForm::kLocal);
  EXPECT_THAT(reference.types, ElementsAre(FindType("Patient")));
  EXPECT_EQ(reference.version, "2");
  EXPECT_EQ(std::get<ReferenceTerm>(term("Observation", "subject=1")).types.size(), 4u);
  EXPECT_EQ(std::get<ReferenceTerm>(term("CarePlan", "instantiates-canonical=http://a|1")).form,
            ReferenceForm::kCanonical);
  const auto quantity = std::get<QuantityTerm>(
      term("Observation", "value-quantity=5.4|http://unitsofmeasure.org|mg"));
  EXPECT_EQ(quantity.canonical_unit, "g");
  EXPECT_EQ(DecimalText(DecodeDecimalKey(quantity.canonical.low).value()), "0.00535");
  EXPECT_EQ(DecimalText(DecodeDecimalKey(quantity.number.high).value()), "5.45");
  const auto text = std::get<StringTerm>(term("Patient", "name=  É. "));
  EXPECT_EQ(text.folded, "e");
  const auto near = std::get<NearTerm>(term("Location", "near=42.25|-83.69|11.2|[mi_i]"));
  EXPECT_NEAR(near.distance_m, 18024.65, 0.01);
  const auto date = std::get<DateTerm>(term("Patient", "birthdate=ap2014-01-01"));
  EXPECT_EQ(TimeText(date.range.low_us), "2012-12-31T19:12:00Z");
}

struct ErrorCase {
  std::string_view type, query, name, code, says;
};
constexpr ErrorCase kErrorCases[] = {
    {"Patient", "foo=1", "foo", "not-supported", "Patient has no such search parameter; it has"},
    {"Patient", "name:fuzzy=a", "name:fuzzy", "not-supported", "missing, exact, contains"},
    {"Patient", "gender:exact=a", "gender:exact", "not-supported", "type token"},
    {"Observation", "code-value-quantity:missing=true", "code-value-quantity:missing",
     "not-supported", "supported: none"},
    {"Patient", "gender:missing=maybe", "gender:missing", "value", "true or false"},
    {"Patient", "gender=", "gender", "value", "missing"},
    {"Patient", "gender=a,,b", "gender", "value", "missing"},
    {"Patient", "gender=a|b|c", "gender", "value", "system|code"},
    {"Patient", "gender=|", "gender", "value", "system|code"},
    {"Patient", "name=--", "name", "value", "letter or digit"},
    {"Patient", R"(name=a\b)", "name", "value", "backslash"},
    {"Patient", R"(name=a\)", "name", "value", "backslash"},
    {"Patient", "birthdate=zz2012", "birthdate", "value", "eq, ne, gt"},
    {"Patient", "birthdate=2012-13", "birthdate", "value", "month"},
    {"Patient", "birthdate.name=x", "birthdate.name", "value", "only reference"},
    {"RiskAssessment", "probability=abc", "probability", "value", "prefix"},
    {"RiskAssessment", "probability=1,5x", "probability", "value", "not a number"},
    {"Observation", "value-quantity=1|x", "value-quantity", "value", "number|system|code"},
    {"Observation", "subject:Medication=1", "subject:Medication", "not-supported", "refers to"},
    {"Observation", "subject=a b", "subject", "value", "Type/id"},
    {"Observation", "subject:Patient=Group/1", "subject:Patient", "value", "modifier"},
    {"Observation", "subject:identifier.name=x", "subject:identifier.name", "not-supported",
     "chain"},
    {"Observation", "patient.nosuch=x", "patient.nosuch", "not-supported", "Patient has no such"},
    {"Observation", "patient.birthdate=x", "patient.birthdate", "value", "prefix"},
    {"Patient", "_has:Observation:code=1", "_has:Observation:code", "value", "_has:Type"},
    {"Patient", "_has:Nothing:patient:code=1", "_has:Nothing:patient:code", "value",
     "resource type"},
    {"Patient", "_has:Observation:code:code=1", "_has:Observation:code:code", "value",
     "no reference"},
    {"Patient", "_has:Observation:encounter:code=1", "_has:Observation:encounter:code", "value",
     "not to Patient"},
    {"Patient", "_query=x", "_query", "not-supported", "named queries"},
    {"Patient", "_list=$current-allergies", "_list", "not-supported", "functional lists"},
    {"Patient", "identifier:of-type=a|b", "identifier:of-type", "value", "system|code|value"},
    {"Condition", "_text=(a", "_text", "value", "not closed"},
    {"Condition", "_text=a)", "_text", "value", "closed"},
    {"Condition", "_text=a or", "_text", "value", "expected words"},
    {"Condition", "_text=\"a b\"", "_text", "not-supported", "phrases"},
    {"Condition", "_filter=code xx a", "_filter", "value", "operator"},
    {"Condition", "_filter=code gt a", "_filter", "not-supported", "operator gt"},
    {"Condition", "_filter=(code eq a", "_filter", "value", "expected )"},
    {"Condition", "_filter=code eq a b", "_filter", "value", "goes on"},
    {"Condition", "_filter=code eq \"a", "_filter", "value", "not closed"},
    {"Patient", "_count=-1", "_count", "value", "whole number"},
    {"Patient", "_count=1&_count=2", "_count", "value", "twice"},
    {"Patient", "_summary=no", "_summary", "value", "true, text, data, count, false"},
    {"Patient", "_total=all", "_total", "value", "none, estimate, accurate"},
    {"Patient", "_sort=nothing", "_sort", "not-supported", "expected search parameters"},
    {"Observation", "_sort=code-value-quantity", "_sort", "not-supported", "no order"},
    {"Patient", "_elements=a.b", "_elements", "value", "first level"},
    {"Patient", "_include=Patient", "_include", "value", "Type:parameter"},
    {"Patient", "_include=Patient:name", "_include", "value",
     "general-practitioner, link, organization"},
    {"Patient", "_include:all=*", "_include:all", "not-supported", ":iterate"},
    {"Patient", "_summary=text&_include=*", "_summary", "invalid", "_include"},
    {"Patient", "_summary=true&_elements=id", "_elements", "invalid", "_summary"},
    {"Patient", "_type=Group", "_type", "value", "path"},
    {"", "_type=Nothing", "_type", "value", "resource type"},
    {"", "gender=male", "gender", "not-supported", "search over all types"},
    {"Location", "near=91|0", "near", "value", "latitude"},
    {"Location", "near=1|0|5|kg", "near", "value", "length"},
};

// Shows: refused _query, functional lists of _list, phrases of _text, sorting by a composite,
//   modifiers of chains, unknown parameters, unknown modifiers
TEST(SearchQuery, ErrorsNameWhatWouldBeAccepted) {
  for (const ErrorCase& c : kErrorCases) {
    SCOPED_TRACE(std::string(c.type) + "?" + std::string(c.query));
    const ParsedSearch parsed = Parse(c.type, c.query);
    ASSERT_EQ(parsed.errors.size(), 1u);
    EXPECT_EQ(parsed.errors[0].code, c.code);
    EXPECT_EQ(parsed.errors[0].severity, "error");
    EXPECT_EQ(parsed.errors[0].expression, "http." + std::string(c.name));
    EXPECT_THAT(parsed.errors[0].diagnostics, HasSubstr(std::string(c.name) + ": "));
    EXPECT_THAT(parsed.errors[0].diagnostics, HasSubstr(std::string(c.says)));
  }
}

TEST(SearchQuery, TellsAllErrorsAtOnceAndNoValues) {
  const ParsedSearch parsed = Parse("Patient", "foo=Secret1&birthdate=Secret2&name=ok");
  ASSERT_EQ(parsed.errors.size(), 2u);
  for (const Issue& issue : parsed.errors) EXPECT_THAT(issue.diagnostics, Not(HasSubstr("Secret")));
}

// Shows: general Prefer: handling=strict, Prefer: handling=lenient
TEST(SearchQuery, LenientHandlingIgnoresUnknownParametersAlone) {
  const SearchContext lenient = Context(Compatibility::kFhir, Handling::kLenient);
  const ParsedSearch parsed = Parse("Patient", "foo=1&gender=male", lenient);
  EXPECT_TRUE(parsed.errors.empty());
  ASSERT_EQ(parsed.warnings.size(), 1u);
  EXPECT_EQ(parsed.warnings[0].severity, "warning");
  EXPECT_THAT(parsed.warnings[0].diagnostics, HasSubstr("foo"));
  EXPECT_EQ(parsed.query.criteria.size(), 1u);
  EXPECT_EQ(Parse("Patient", "name:fuzzy=1", lenient).errors.size(), 1u);
  EXPECT_EQ(Parse("Patient", "birthdate=x", lenient).errors.size(), 1u);
  // Of lists, what is known stays.
  const ParsedSearch lists = Parse("Patient", "_sort=foo,-birthdate&_elements=foo,name", lenient);
  EXPECT_TRUE(lists.errors.empty());
  EXPECT_EQ(lists.warnings.size(), 2u);
  EXPECT_EQ(SearchQueryText(lists.query), "_sort=-birthdate&_elements=name");
  EXPECT_EQ(Parse("Patient", "_sort=foo,-birthdate").errors.size(), 1u);
}

// Shows: healthlake _count 1 to 100, no ap, modifiers, parameters left out, sort keys
TEST(SearchQuery, HealthLakeHasItsOwnLimits) {
  const SearchContext healthlake = Context(Compatibility::kHealthLake);
  for (const std::string_view query :
       {"_count=0", "_count=101", "birthdate=ap2012", "identifier:of-type=a|b|c", "_summary=count",
        "_total=estimate", "_filter=gender eq male", "_content=x", "_list=1",
        "_sort=_id,name,gender,birthdate,family,given"}) {
    SCOPED_TRACE(query);
    EXPECT_TRUE(Parse("Patient", query).errors.empty());
    EXPECT_EQ(Parse("Patient", query, healthlake).errors.size(), 1u);
  }
  EXPECT_EQ(Parse("Location", "near=1|2", healthlake).errors.size(), 1u);
  EXPECT_EQ(Parse("Bundle", "type=batch", healthlake).errors.size(), 1u);
  for (const std::string_view query :
       {"_count=1", "_count=100", "birthdate=sa2012", "identifier:missing=true", "name:contains=x",
        "gender:not=male", "_profile:below=http://x", "createdAt=ge2020"}) {
    SCOPED_TRACE(query);
    EXPECT_TRUE(Parse("Patient", query, healthlake).errors.empty());
  }
}

TEST(SearchQuery, ConditionsTakeCriteriaAlone) {
  EXPECT_TRUE(ParseCriteria("identifier=a", FindType("Patient"), Context()).errors.empty());
  EXPECT_EQ(ParseCriteria("identifier=a&_count=1", FindType("Patient"), Context()).errors.size(),
            1u);
}

TEST(SearchQuery, IsBounded) {
  const auto chain = [](size_t steps) {
    std::string name;
    for (size_t i = 0; i < steps; ++i) name += "partof:Location.";
    return Parse("Location", name + "name=x");
  };
  EXPECT_TRUE(chain(kQueryDepthMax).errors.empty());
  ASSERT_EQ(chain(kQueryDepthMax + 1).errors.size(), 1u);
  EXPECT_EQ(chain(kQueryDepthMax + 1).errors[0].code, "too-costly");

  const auto list = [](size_t count) {
    std::string query = "_id=1";
    for (size_t i = 1; i < count; ++i) query += ",1";
    return Parse("Patient", query);
  };
  EXPECT_TRUE(list(kQueryTermsMax).errors.empty());
  EXPECT_EQ(list(kQueryTermsMax + 1).errors[0].code, "too-costly");

  const auto filter = [](size_t depth) {
    return Parse("Patient",
                 "_filter=" + std::string(depth, '(') + "gender eq male" + std::string(depth, ')'));
  };
  EXPECT_TRUE(filter(kQueryDepthMax).errors.empty());
  EXPECT_EQ(filter(kQueryDepthMax + 1).errors[0].code, "too-costly");

  EXPECT_EQ(Parse("Patient", "name=" + std::string(kQueryBytesMax, 'a')).errors[0].code,
            "too-costly");
  // Chains without types over many steps would ask everything of everything.
  EXPECT_EQ(Parse("Provenance", "target.target.target._id=1").errors[0].code, "too-costly");
}

TEST(SearchQuery, TextReadsBackAsTheSameQuery) {
  for (const auto& [type, query] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"Observation",
            R"(code=a\,b,c|d&subject:Patient.name=p&date=ap2020&_sort=-date&_count=3)"},
           {"Patient", "_has:Observation:patient:code=x&_list=4&_summary=count&_total=none"},
           {"Patient", "name=a=c+d&_count=0&_elements=id,name&_explain=true"},
           {"", "_type=Patient,Group&_id=1&_contained=true"},
           {"Condition",
            "_filter=code eq a or (code eq b)&_text=x OR y&_revinclude:iterate=Provenance:target"},
           {"Location", "near=1.5|2.5|3|km&_include=*"}}) {
    SCOPED_TRACE(query);
    const ParsedSearch first = Parse(type, query);
    ASSERT_TRUE(first.errors.empty()) << first.errors[0].diagnostics;
    const std::string text = SearchQueryText(first.query);
    SearchTarget target;
    target.type = FindType(type);
    const ParsedSearch second = ParseSearch(text, "", target, Context());
    ASSERT_TRUE(second.errors.empty()) << text;
    EXPECT_TRUE(first.query == second.query) << text;
    EXPECT_EQ(SearchQueryText(second.query), text);
  }
  EXPECT_EQ(SearchQueryText(Parse("Observation", "_count=2&code=http://l|1&_sort=-date").query),
            "code=http://l%7C1&_sort=-date&_count=2");
}

}  // namespace
}  // namespace tarn::fhir
