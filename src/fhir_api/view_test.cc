// _summary, _elements, _pretty and _format on every interaction that answers resources. What is cut
// is fhir::CutDown's and tested there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "fhir_api/internal/test_api.h"
#include "json/value.h"

namespace tarn::fhir_api {
namespace {

using json::Value;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ViewTest : public FhirApiTest {
 protected:
  ViewTest() {
    EXPECT_EQ(Put("Patient/p1", R"({"resourceType":"Patient","id":"p1","text":{"status":"empty",
                  "div":"<div/>"},"birthDate":"2020-01-02","multipleBirthInteger":1.00})")
                  .status,
              201);
    EXPECT_EQ(Put("Observation/o1", R"({"resourceType":"Observation","id":"o1","status":"final",
                  "code":{"text":"c"},"subject":{"reference":"Patient/p1"},
                  "note":[{"text":"n"}]})")
                  .status,
              201);
  }

  static Value Parsed(const Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    auto value = json::ParseValue(response.body);
    return value.ok() ? value.value() : Value::MakeObject();
  }
  // The names of a resource's members; SUBSETTED beside them when it is tagged so.
  static std::vector<std::string> Names(const Value& resource) {
    std::vector<std::string> names;
    for (const auto& [name, value] : resource.members()) names.push_back(name);
    const Value* tags = resource.Find("meta")->Find("tag");
    if (tags != nullptr) names.push_back(tags->items()[0].Find("code")->AsString());
    return names;
  }
  std::vector<std::string> NamesOf(const std::string& path) { return Names(Parsed(Get(path))); }
};

// Shows: result parameter _summary=true, _summary=text, _summary=data, _summary=false, _elements
TEST_F(ViewTest, ReadsGiveWhatIsAskedFor) {
  for (const std::string path : {"Patient/p1", "Patient/p1/_history/1"}) {
    SCOPED_TRACE(path);
    EXPECT_THAT(NamesOf(path + "?_summary=true"),
                ElementsAre("resourceType", "id", "meta", "birthDate", "SUBSETTED"));
    EXPECT_THAT(NamesOf(path + "?_summary=text"),
                ElementsAre("resourceType", "id", "meta", "text", "SUBSETTED"));
    EXPECT_THAT(NamesOf(path + "?_summary=data"),
                ElementsAre("resourceType", "id", "meta", "birthDate", "multipleBirthInteger",
                            "SUBSETTED"));
    EXPECT_EQ(Get(path + "?_summary=false").body, Get(path).body);
    EXPECT_THAT(NamesOf(path + "?_elements=multipleBirth"),
                ElementsAre("resourceType", "id", "meta", "multipleBirthInteger", "SUBSETTED"));
    EXPECT_THAT(Get(path + "?_elements=multipleBirth").body, HasSubstr("1.00"));
    EXPECT_EQ(Get(path + "?_summary=true").headers.Get("ETag"), "W/\"1\"");
    EXPECT_EQ(Get(path + "?_summary=true", {"If-None-Match", "W/\"1\""}).status, 304);
  }
}

TEST_F(ViewTest, RefusesWhatMakesNoSense) {
  for (const std::string query :
       {"_summary=count", "_summary=maybe", "_elements=nonsense", "_elements=name&_summary=true",
        "_pretty=maybe", "_summary=true&_summary=text"}) {
    const Response response = Get("Patient/p1?" + query);
    EXPECT_EQ(response.status, 400) << query;
  }
  EXPECT_EQ(Get("Patient?_elements=nonsense").status, 400);
  EXPECT_EQ(Get("Patient/p1?_elements=nonsense,birthDate", {"Prefer", "handling=lenient"}).status,
            200);
  EXPECT_EQ(Get("?_type=Patient,Observation&_elements=birthDate,note").status, 200);
}

// Shows: result parameter _elements, _summary=count
TEST_F(ViewTest, HistoriesGiveIt) {
  const Value history = Parsed(Get("Patient/p1/_history?_elements=birthDate"));
  EXPECT_THAT(Names(*history.Find("entry")->items()[0].Find("resource")),
              ElementsAre("resourceType", "id", "meta", "birthDate", "SUBSETTED"));
  EXPECT_THAT(history.Find("link")->items()[0].Find("url")->AsString(),
              HasSubstr("_elements=birthDate"));
  const Value counted = Parsed(Get("Patient/p1/_history?_summary=count"));
  EXPECT_EQ(counted.Find("total")->AsInt(), 1);
  EXPECT_EQ(counted.Find("entry"), nullptr);
}

// Shows: result parameter _summary=true, _elements
TEST_F(ViewTest, SearchesGiveIt) {
  const auto resources = [&](const std::string& path) {
    std::vector<std::vector<std::string>> out;
    const Value bundle = Parsed(Get(path));
    for (const Value& entry : bundle.Find("entry")->items()) {
      out.push_back(Names(*entry.Find("resource")));
    }
    return out;
  };
  const std::vector<std::string> summary = {"resourceType", "id",      "meta",     "status",
                                            "code",         "subject", "SUBSETTED"};
  EXPECT_THAT(resources("Observation?_summary=true"), ElementsAre(summary));
  // _summary is for all resources of the answer, _elements for matches alone.
  const std::vector<std::string> patient = {"resourceType", "id", "meta", "birthDate", "SUBSETTED"};
  EXPECT_THAT(resources("Observation?_summary=true&_include=Observation:subject"),
              ElementsAre(summary, patient));
  const std::vector<std::string> elements = {"resourceType", "id",   "meta",     "status",
                                             "code",         "note", "SUBSETTED"};
  const std::vector<std::string> whole = {"resourceType", "id",        "meta",
                                          "text",         "birthDate", "multipleBirthInteger"};
  EXPECT_THAT(resources("Observation?_elements=note&_include=Observation:subject"),
              ElementsAre(elements, whole));
  EXPECT_EQ(Get("Observation?_summary=text&_include=Observation:subject").status, 400);
}

// Shows: general _pretty
TEST_F(ViewTest, IsLaidOutWhenAskedFor) {
  EXPECT_THAT(Get("Patient/p1?_pretty=true").body,
              AllOf(HasSubstr("{\n  \"resourceType\": \"Patient\",\n"), HasSubstr(": 1.00")));
  EXPECT_THAT(Get("Patient/p1?_pretty=false").body, Not(HasSubstr("{\n  ")));
  EXPECT_THAT(Get("Patient?_pretty=true").body, HasSubstr("\n  \"type\": \"searchset\""));
  EXPECT_THAT(Get("Patient/p1/_history?_pretty=true").body, HasSubstr("\n  \"type\": \"history\""));
  EXPECT_THAT(Get("metadata?_pretty=true").body, HasSubstr("\n  \"status\": \"active\""));
  EXPECT_THAT(Get("Patient/none?_pretty=true").body, HasSubstr("\n  \"issue\": ["));
}

// Shows: general _format, Accept; refused formats other than JSON
TEST_F(ViewTest, SpeaksJsonAlone) {
  for (const std::string path :
       {"Patient/p1", "Patient/p1/_history/1", "Patient/p1/_history", "Patient", "metadata"}) {
    SCOPED_TRACE(path);
    EXPECT_EQ(Get(path + "?_format=xml").status, 406);
    EXPECT_EQ(Get(path, {"Accept", "application/fhir+xml"}).status, 406);
    EXPECT_EQ(Get(path + "?_format=json", {"Accept", "application/fhir+xml"}).status, 200);
    EXPECT_EQ(Get(path + "?_format=application/json").headers.Get("Content-Type"),
              "application/json");
  }
  const http::Headers::Field form = {"Content-Type", "application/x-www-form-urlencoded"};
  EXPECT_EQ(Post("Patient/_search", "_format=xml", form).status, 406);
  EXPECT_EQ(Post("Patient/_search", "_format=application/json", form).headers.Get("Content-Type"),
            "application/json");
}

}  // namespace
}  // namespace tarn::fhir_api
