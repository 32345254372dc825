#include "fhir/fhirpath.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace tarn::fhir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kPatient = R"({"resourceType":"Patient","id":"p1","active":true,
"contained":[{"resourceType":"Organization","id":"org","name":"Clinic"}],
"managingOrganization":{"reference":"#org"},"generalPractitioner":[{"reference":"Practitioner/7"}],
"birthDate":"1970-03-30","_birthDate":{"extension":[{"url":"http://x/time","valueDateTime":
"1970-03-30T10:11:12+02:00"}]},"_gender":{"extension":[{"url":"http://x/why","valueCode":"unknown"}]},
"name":[{"use":"official","family":"Fa\u006dily","given":["Ann","Bo"],"_given":[null,{"id":"g2"}]},
{"use":"usual","given":["Ann"]}],"multipleBirthInteger":2,
"contact":[{"name":{"family":"Contact"}}]})";
constexpr std::string_view kObservation = R"({"resourceType":"Observation","status":"final",
"valueQuantity":{"value":185.00,"unit":"lbs","system":"http://unitsofmeasure.org","code":"[lb_av]"},
"component":[{"valueQuantity":{"value":1,"code":"g"}},{"valueQuantity":{"value":900,"code":"mg"}}]})";

// The result as texts, or "error: ..." .
struct Path {
  json::Parser parser{ResourceLimits()};
  PathEvaluator evaluator;
  PathEnvironment environment;

  std::vector<std::string> Run(std::string_view expression, std::string_view resource = kPatient,
                               PathOptions options = {}) {
    const auto document = parser.Parse(resource);
    if (!document.ok()) return {"error: " + document.error().detail};
    options.context = ResourceItem(document.value()).value().type;
    const auto program = CompilePath(expression, options);
    if (!program.ok()) return {"error: " + program.error().detail};
    const auto items = evaluator.Evaluate(program.value(), document.value(), environment);
    if (!items.ok()) return {"error: " + items.error().detail};
    std::vector<std::string> out;
    for (const PathItem& item : items.value()) out.push_back(PathItemText(item));
    return out;
  }
};

struct Case {
  std::string_view expression;
  std::vector<std::string> result;
};

void Check(const std::vector<Case>& cases, std::string_view resource = kPatient) {
  Path path;
  for (const Case& each : cases) {
    EXPECT_EQ(path.Run(each.expression, resource), each.result) << each.expression;
  }
}

TEST(FhirPath, WalksElements) {
  Check({{"name.given", {"Ann", "Bo", "Ann"}},
         {"Patient.name.family", {"Family"}},
         {"multipleBirth", {"2"}},
         {"multipleBirth.is(integer)", {"true"}},
         {"Resource.id", {"p1"}},
         {"contact.name.family", {"Contact"}},
         {"contact is BackboneElement", {"true"}},
         {"name[1].use", {"usual"}},
         {"name.where(use = 'official').given", {"Ann", "Bo"}},
         {"`name`.`use`.first()", {"official"}},
         {"contained.name", {"Clinic"}},
         {"contained.ofType(Organization).name", {"Clinic"}},
         {"%resource.id | %context.id | %rootResource.id", {"p1"}}});
}

TEST(FhirPath, SeesExtensionsOfPrimitives) {
  Check({{"birthDate.extension('http://x/time').value", {"1970-03-30T10:11:12+02:00"}},
         {"birthDate.extension.url", {"http://x/time"}},
         {"gender.exists()", {"true"}},
         {"gender.hasValue()", {"false"}},
         {"gender.extension('http://x/why').value", {"unknown"}},
         {"gender = 'male'", {"false"}},
         {"name.given.id", {"g2"}},
         {"name.given.where(id = 'g2')", {"Bo"}},
         {"birthDate.hasValue()", {"true"}}});
}

TEST(FhirPath, ComparesQuantitiesAcrossUnits) {
  Check({{"value.value", {"185.00"}},
         {"value > 80 'kg'", {"true"}},
         {"value = 185 '[lb_av]'", {"true"}},
         {"component[0].value > component[1].value", {"true"}},
         {"component.value.where($this < 1 'g').code", {"mg"}},
         {"value > 1 's'", {}},
         {"value = 185", {}},
         {"1 'g' + 500 'mg'", {"1.5 'g'"}},
         {"2 'm' * 3 'm' = 6 'm2'", {"true"}},
         {"1 year = 12 months", {"true"}},
         {"1 year = 1 'a'", {}},
         {"1 year ~ 1 'a'", {"true"}},
         {"1 'furlong' = 1 'furlong'", {"true"}},
         {"1 'furlong' = 1 'm'", {}}},
        kObservation);
}

TEST(FhirPath, CountsWithDecimals) {
  Check({{"0.1 + 0.2 = 0.3", {"true"}},
         {"1.00.toString()", {"1.00"}},
         {"1 / 3", {"0.3333333333333333"}},
         {"10 div 3 | 10 mod 3", {"3", "1"}},
         {"-7 div 2", {"-3"}},
         {"5 / 0", {}},
         {"9223372036854775807 + 1", {}},
         {"99999999999999999999 + 1", {"100000000000000000000"}},
         {"2.5.round() | (-2.5).round()", {"3", "-3"}},
         {"1.2345.round(2)", {"1.23"}},
         {"2.power(62)", {"4611686018427387904"}},
         {"2.power(63)", {}},
         {"(-1).power(9223372036854775807)", {"-1"}},
         {"(-1).sqrt()", {}},
         {"1.5.ceiling() | 1.5.floor() | (-1.5).truncate()", {"2", "1", "-1"}}});
}

TEST(FhirPath, KeepsThePrecisionOfTimes) {
  Check({{"@2014 + 23 months", {"2015"}},
         {"@2016 + 365 days", {"2017"}},
         {"@2014-01-31 + 1 month", {"2014-02-28"}},
         {"@2014-03-01 - 1 day", {"2014-02-28"}},
         {"@T23:30 + 1 hour", {"00:30"}},
         {"@2014-01-01T10:00:00Z = @2014-01-01T12:00:00+02:00", {"true"}},
         {"@2014-01-01T10:00:00 = @2014-01-01T10:00:00Z", {}},
         {"@2014-01-05T10:00:00 > @2014-01-01T10:00:00Z", {"true"}},
         {"@2014-01 = @2014-01-05", {}},
         {"@2014-01 < @2014-02-05", {"true"}},
         {"birthDate < @1970-04", {"true"}},
         {"@9999-12-31 + 1 day", {}},
         {"@2014-06.lowBoundary() | @2014-06.highBoundary()", {"2014-06-01", "2014-06-30"}},
         {"@T10.highBoundary()", {"10:59:59.999"}}});
}

TEST(FhirPath, HasThreeValuedLogic) {
  struct Row {
    std::string_view a, b, conjunction, disjunction, exclusive, implication;
  };
  Path path;
  for (const Row& row :
       {Row{"true", "true", "true", "true", "false", "true"},
        Row{"true", "false", "false", "true", "true", "false"},
        Row{"true", "{}", "", "true", "", ""},
        Row{"false", "true", "false", "true", "true", "true"},
        Row{"false", "false", "false", "false", "false", "true"},
        Row{"false", "{}", "false", "", "", "true"}, Row{"{}", "true", "", "true", "", "true"},
        Row{"{}", "false", "false", "", "", ""}, Row{"{}", "{}", "", "", "", ""}}) {
    const auto result = [&](std::string_view op) {
      const auto items =
          path.Run(std::string(row.a) + " " + std::string(op) + " " + std::string(row.b));
      return items.empty() ? std::string() : items[0];
    };
    SCOPED_TRACE(std::string(row.a) + ", " + std::string(row.b));
    EXPECT_EQ(result("and"), row.conjunction);
    EXPECT_EQ(result("or"), row.disjunction);
    EXPECT_EQ(result("xor"), row.exclusive);
    EXPECT_EQ(result("implies"), row.implication);
  }
}

TEST(FhirPath, WorksOnTexts) {
  Check({{"'M\\u00fcller'.length()", {"6"}},
         {"'M\\u00fcller'.upper()", {"M\xc3\x9cLLER"}},
         {"'M\\u00fcller'.substring(1, 2)", {"\xc3\xbcl"}},
         {"'abc'.indexOf('c') | 'abcabc'.lastIndexOf('c')", {"2", "5"}},
         {"'aXbX'.replace('X', '--')", {"a--b--"}},
         {"'ab'.replace('', '.')", {".a.b."}},
         {"'2014-05'.replaceMatches('(\\\\d+)-(\\\\d+)', '$2/$1')", {"05/2014"}},
         {"'a\\nb'.matches('a.b')", {"true"}},
         {"'It''s'", {"error: line 1, column 5: the expression should end here"}},
         {"name.given.join('+')", {"Ann+Bo+Ann"}},
         {"'%' & {} & 'x'", {"%x"}}});
}

TEST(FhirPath, WorksOnCollections) {
  Check({{"(1 | 2 | 2 | 3).count()", {"3"}},
         {"(3 | 1 | 2).sort()", {"1", "2", "3"}},
         {"('b' | 'a' | 'c').sort(-$this)", {"c", "b", "a"}},
         {"(1 | 2 | 3).aggregate($this + $total, 0)", {"6"}},
         {"(1 | 2 | 3).select($this * $index)", {"0", "2", "6"}},
         {"1.repeat(iif($this < 4, $this + 1, {}))", {"2", "3", "4"}},
         {"(1 | 2).combine(2 | 3)", {"1", "2", "2", "3"}},
         {"(1 | 2).intersect(2 | 3) | (1 | 2).exclude(2 | 3)", {"2", "1"}},
         {"name.given.isDistinct()", {"false"}},
         {"name.given.distinct()", {"Ann", "Bo"}},
         {"descendants().ofType(HumanName).count()", {"3"}},
         {"name.all(given.exists())", {"true"}},
         {"(1 | 2 | 3).skip(1).take(1)", {"2"}}});
}

TEST(FhirPath, KnowsTypes) {
  Check({{"active.type().namespace & '.' & active.type().name", {"FHIR.boolean"}},
         {"true.type()", {"System.Boolean"}},
         {"contact.type().name", {"BackboneElement"}},
         {"active is System.Boolean", {"false"}},
         {"active is boolean", {"true"}},
         {"Patient is DomainResource", {"true"}},
         {"name.first() is HumanName", {"true"}},
         {"conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", {"true"}},
         {"'1'.toInteger() | '1.50'.toDecimal() | '2014'.toDate()", {"1", "1.50", "2014"}},
         {"'yes'.toBoolean()", {"true"}},
         {"'4 days'.toQuantity()", {"4 days"}}});
}

TEST(FhirPath, SaysWhereAnErrorIs) {
  Check({{"name.given1", {"error: line 1, column 6: HumanName has no element 'given1'"}},
         {"Observation.value",
          {"error: line 1, column 1: the expression begins at Patient, not at Observation"}},
         {"name\n  .\n  nope()", {"error: line 3, column 3: there is no function 'nope'"}},
         {"name.where()", {"error: line 1, column 6: where() takes 1 argument, not 0"}},
         {"name is Nope", {"error: line 1, column 6: there is no type 'Nope'"}},
         {"%nope",
          {"error: line 1, column 1: there is no variable %nope; %context, %resource, "
           "%rootResource, %ucum, %sct, %loinc, %vs-..., %ext-... exist"}},
         {"birthDate + 1",
          {"error: line 1, column 11: operator '+' cannot be applied to date and Integer"}},
         {"name.single()", {"error: line 1, column 6: single() finds 2 items"}},
         {"name.given + 'x'", {"error: line 1, column 12: one item is expected here, there are 3"}},
         {"'a' < 1",
          {"error: line 1, column 5: operator '<' cannot compare System.String with "
           "System.Integer"}},
         {"('a' | 1).sort()",
          {"error: line 1, column 11: sort() cannot compare System.Integer with System.String"}},
         {"'a'.matches('(')", {"error: line 1, column 5: not a regular expression: missing ): ("}},
         {"1 + ",
          {"error: line 1, column 5: the expression ends too early: a value, a name or '(' "
           "should stand here"}},
         {"'abc", {"error: line 1, column 1: the text in quotes does not end"}},
         {"@2014-13", {"error: line 1, column 1: no such date or time"}},
         {"/* x", {"error: line 1, column 1: the comment does not end"}}});
}

TEST(FhirPath, SaysWhatIsNotSupported) {
  for (std::string_view text : {"name.memberOf('http://x')", "name.subsumes('x')",
                                "slice('a', 'b')", "name.htmlChecks()"}) {
    const auto program = CompilePath(text, {.context = kTypes.patient});
    ASSERT_FALSE(program.ok()) << text;
    EXPECT_EQ(program.error().kind, ErrorKind::kUnsupported);
    EXPECT_THAT(program.error().detail, HasSubstr("which is not supported"));
  }
}

TEST(FhirPath, ResolvesThroughItsPort) {
  class Resolver : public ReferenceResolver {
   public:
    Resolver() : document_(parser_.Parse(R"({"resourceType":"Practitioner","id":"7"})").value()) {}
    const json::Document* Resolve(std::string_view reference) override {
      return reference == "Practitioner/7" ? &document_ : nullptr;
    }

   private:
    json::Parser parser_;
    json::Document document_;
  };
  Path path;
  EXPECT_THAT(path.Run("managingOrganization.resolve().name"), ElementsAre("Clinic"));
  EXPECT_THAT(path.Run("generalPractitioner.resolve().id"), ElementsAre());
  EXPECT_THAT(path.Run("generalPractitioner.where(resolve() is Practitioner).reference"),
              ElementsAre("Practitioner/7"));
  Resolver resolver;
  path.environment.resolver = &resolver;
  EXPECT_THAT(path.Run("generalPractitioner.resolve().id"), ElementsAre("7"));
  EXPECT_THAT(path.Run("(generalPractitioner | managingOrganization).resolve().id"),
              ElementsAre("7", "org"));
}

TEST(FhirPath, TakesTheTimeFromItsEnvironment) {
  Path path;
  path.environment.now_unix_us = 1'700'000'000'123'456;  // 2023-11-14T22:13:20.123456Z
  path.environment.zone_minutes = 120;
  EXPECT_THAT(path.Run("now() | today() | timeOfDay()"),
              ElementsAre("2023-11-15T00:13:20.123+02:00", "2023-11-15", "00:13:20.123"));
}

TEST(FhirPath, TracesThroughItsEnvironment) {
  Path path;
  std::map<std::string, size_t> traced;
  path.environment.trace = [&](std::string_view name, std::span<const PathItem> items) {
    traced[std::string(name)] = items.size();
  };
  EXPECT_EQ(path.Run("name.trace('names', given).given.trace('given').count()"),
            std::vector<std::string>{"3"});
  EXPECT_EQ(traced, (std::map<std::string, size_t>{{"given", 3}, {"names", 3}}));
}

std::string Repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(FhirPathLimits, AreSharp) {
  PathOptions options;
  options.context = kTypes.patient;
  options.limits.depth_max = 20;
  options.limits.operations_max = 100;
  options.limits.text_bytes_max = 1000;
  const auto kind = [&](const std::string& text) {
    const auto program = CompilePath(text, options);
    return program.ok() ? "ok" : std::string(ErrorKindName(program.error().kind));
  };
  EXPECT_EQ(kind("1" + Repeated(" + 1", 19)), "ok");
  EXPECT_EQ(kind("1" + Repeated(" + 1", 20)), "too-large");
  EXPECT_EQ(kind(Repeated("-", 18) + "1"), "ok");
  EXPECT_EQ(kind(Repeated("-", 500) + "1"), "too-large");
  EXPECT_EQ(kind(Repeated("(", 9) + "1" + Repeated(")", 9)), "ok");
  EXPECT_EQ(kind(Repeated("(", 400) + "1" + Repeated(")", 400)), "too-large");
  EXPECT_EQ(kind("1" + Repeated(" ", 999)), "ok");
  EXPECT_EQ(kind("1" + Repeated(" ", 1000)), "too-large");
  EXPECT_EQ(kind("iif(true, " + Repeated("(1|1)|(1|1)|", 4) + "1)"), "ok");
  options.limits.operations_max = 10;
  EXPECT_EQ(kind("iif(true, " + Repeated("(1|1)|(1|1)|", 4) + "1)"), "too-large");
}

TEST(FhirPathLimits, BoundAnEvaluation) {
  PathLimits limits;
  limits.steps_max = 10'000;
  limits.items_max = 1000;
  limits.text_memory_bytes_max = 10'000;
  PathEvaluator evaluator(limits);
  json::Parser parser;
  const auto document = parser.Parse(kPatient);
  const auto outcome = [&](std::string_view text) -> std::string {
    const auto program = CompilePath(text, {.context = kTypes.patient});
    EXPECT_TRUE(program.ok()) << program.error().detail;
    const auto items = evaluator.Evaluate(program.value(), document.value(), {});
    if (items.ok()) return "ok";
    EXPECT_EQ(items.error().kind, ErrorKind::kTooLarge);
    return items.error().detail;
  };
  EXPECT_EQ(outcome("name"), "ok");
  EXPECT_THAT(outcome("1.repeat($this + 1)"), HasSubstr("steps"));
  EXPECT_THAT(outcome("name.given.select(toChars()).select(%resource.descendants())"
                      ".select(%resource.descendants())"),
              HasSubstr("items"));
  EXPECT_THAT(outcome("'x'.repeat($this & $this).count()"), HasSubstr("bytes"));
  EXPECT_EQ(outcome("name"), "ok");  // An evaluator goes on after an error.
}

TEST(FhirPath, ListsItsProgram) {
  const auto program = CompilePath("Patient.name.where(use = 'official').given", {});
  ASSERT_TRUE(program.ok());
  EXPECT_EQ(program.value().text(), "Patient.name.where(use = 'official').given");
  EXPECT_EQ(program.value().Listing(),
            "0 root Patient\n1 member name #0\n2 where-text use #1\n3 member given #2\n");
}

}  // namespace
}  // namespace tarn::fhir
