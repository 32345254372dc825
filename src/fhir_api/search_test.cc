// Searches over HTTP, and the interactions that rest on them, over a data store in memory. What
// searches find is FhirStore::Search's and tested there.
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
using testing::StartsWith;
using testing::UnorderedElementsAre;

class SearchApiTest : public FhirApiTest {
 protected:
  SearchApiTest() {
    PutPatient("p1", "Smith", "1");
    PutPatient("p2", "Jones", "2");
    PutPatient("p3", "Smithers", "3");
    EXPECT_EQ(Put("Observation/o1", R"({"resourceType":"Observation","id":"o1","status":"final",
                  "subject":{"reference":"Patient/p1"},"valueQuantity":{"value":1.00}})")
                  .status,
              201);
  }
  void PutPatient(const std::string& id, const std::string& family, const std::string& number) {
    const std::string text = R"({"resourceType":"Patient","id":")" + id + R"(","identifier":[)" +
                             R"({"system":"urn:s","value":")" + number +
                             R"("}],"name":[{"family":")" + family + "\"}]}";
    EXPECT_EQ(Put("Patient/" + id, text).status, 201);
  }
  static Value Parsed(const Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    auto value = json::ParseValue(response.body);
    return value.ok() ? value.value() : Value::MakeObject();
  }
  // "mode id" of each entry of a searchset; "outcome" of an OperationOutcome.
  static std::vector<std::string> Found(const Value& bundle) {
    std::vector<std::string> found;
    if (bundle.Find("entry") == nullptr) return found;
    for (const Value& entry : bundle.Find("entry")->items()) {
      const std::string mode = entry.Find("search")->Find("mode")->AsString();
      const Value* id = entry.Find("resource")->Find("id");
      found.push_back(id == nullptr ? mode : mode + " " + id->AsString());
    }
    return found;
  }
  std::vector<std::string> FoundBy(const std::string& path) { return Found(Parsed(Get(path))); }
  static std::string LinkOf(const Value& bundle, std::string_view relation) {
    for (const Value& link : bundle.Find("link")->items()) {
      if (link.Find("relation")->AsString() == relation) return link.Find("url")->AsString();
    }
    return "";
  }
  Response SendEntry(std::string_view type, const std::string& entry) {
    return Post("", R"({"resourceType":"Bundle","type":")" + std::string(type) + R"(","entry":[)" +
                        entry + "]}");
  }
};

// Shows: interaction search-type, search-system, search of a compartment
TEST_F(SearchApiTest, FindsByTypeSystemAndCompartment) {
  const Response response = Get("Patient?name=smith&_sort=_id");
  const Value bundle = Parsed(response);
  EXPECT_EQ(bundle.Find("type")->AsString(), "searchset");
  EXPECT_THAT(Found(bundle), ElementsAre("match p1", "match p3"));
  EXPECT_EQ(bundle.Find("entry")->items()[0].Find("fullUrl")->AsString(),
            std::string(kBase) + "Patient/p1");
  EXPECT_THAT(LinkOf(bundle, "self"), StartsWith(std::string(kBase) + "Patient?"));
  // The stored bytes are in it as they are.
  EXPECT_THAT(response.body, HasSubstr(Get("Patient/p1").body));
  EXPECT_THAT(FoundBy("?_type=Patient,Observation&_id=p1,o1"),
              UnorderedElementsAre("match p1", "match o1"));
  EXPECT_THAT(FoundBy("Patient/p1/Observation"), ElementsAre("match o1"));
  EXPECT_THAT(FoundBy("Patient/p2/Observation"), ElementsAre());
  EXPECT_THAT(FoundBy("Observation?_id=o1&_include=Observation:subject"),
              ElementsAre("match o1", "include p1"));
  EXPECT_EQ(Get("Cat?name=x").status, 404);
  EXPECT_EQ(Get("Group/g/Observation").status, 404);
}

// Shows: interaction search by POST
TEST_F(SearchApiTest, TakesForms) {
  const http::Headers::Field form = {"Content-Type", "application/x-www-form-urlencoded"};
  EXPECT_THAT(Found(Parsed(Post("Patient/_search", "name=jones", form))), ElementsAre("match p2"));
  EXPECT_THAT(Found(Parsed(Post("Patient/_search?_count=5", "name=jones", form))),
              ElementsAre("match p2"));
  EXPECT_THAT(Found(Parsed(Post("_search", "_type=Patient&name=jones", form))),
              ElementsAre("match p2"));
  EXPECT_EQ(Post("Patient/_search", "{}").status, 415);
  // Within a compartment.
  EXPECT_THAT(Found(Parsed(Post("Patient/p1/Observation/_search?_count=5", "_id=o1", form))),
              ElementsAre("match o1"));
  EXPECT_THAT(Found(Parsed(Post("Patient/p2/Observation/_search", "", form))), ElementsAre());
  for (const std::string path : {"Patient/p1/_search", "Patient/p1/*/_search"}) {
    EXPECT_THAT(Found(Parsed(Post(path, "_type=Patient,Observation", form))),
                UnorderedElementsAre("match p1", "match o1"));
  }
  EXPECT_EQ(Post("Group/g/_search", "", form).status, 404);
  EXPECT_EQ(Post("Patient/p1/Cat/_search", "", form).status, 404);
}

// What is asked for as nothing is said to be wrong, not taken as something.
TEST_F(SearchApiTest, RefusesWhatItCannotRead) {
  for (const std::string query :
       {"_pretty=yes", "_sort=", "name=", "_elements=", "page=", "name=%"}) {
    EXPECT_EQ(Get("Patient?" + query).status, 400) << query;
  }
  EXPECT_THAT(Get("Patient?_sort=none").body,
              AllOf(HasSubstr("birthdate"), HasSubstr("createdAt"), Not(HasSubstr("_content"))));
  EXPECT_EQ(Get("Patient?_pretty=yes", {"Prefer", "handling=lenient"}).status, 200);
}

// Shows: result parameter page, _count
TEST_F(SearchApiTest, Pages) {
  std::vector<std::string> found;
  std::string path = "Patient?_sort=_id&_count=2";
  for (int pages = 1; !path.empty(); ++pages) {
    ASSERT_LE(pages, 2);
    const Value bundle = Parsed(Get(path));
    for (const std::string& entry : Found(bundle)) found.push_back(entry);
    const std::string next = LinkOf(bundle, "next");
    path = next.empty() ? "" : next.substr(kBase.size());
  }
  EXPECT_THAT(found, ElementsAre("match p1", "match p2", "match p3"));
  EXPECT_EQ(Get("Patient?_count=2&page=nonsense").status, 400);
}

// Shows: result parameter _total, _summary=count
TEST_F(SearchApiTest, SaysTotals) {
  const Value counted = Parsed(Get("Patient?_summary=count"));
  EXPECT_EQ(counted.Find("total")->AsInt(), 3);
  EXPECT_EQ(counted.Find("entry"), nullptr);
  EXPECT_EQ(Parsed(Get("Patient?_total=accurate&_count=1")).Find("total")->AsInt(), 3);
  // A count is nothing but its total.
  EXPECT_EQ(Parsed(Get("Patient?_total=none&_summary=count")).Find("total")->AsInt(), 3);
  EXPECT_EQ(Parsed(Get("Patient?_total=none")).Find("total"), nullptr);
}

// Shows: general Prefer: handling=lenient; refused unknown parameters
TEST_F(SearchApiTest, RefusesOrIgnoresWhatItDoesNotKnow) {
  const Response refused = Get("Patient?nonsense=1");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("nonsense"));
  EXPECT_THAT(Found(Parsed(Get("Patient?nonsense=1&name=jones", {"Prefer", "handling=lenient"}))),
              ElementsAre("match p2", "outcome"));
  authorized_ = false;
  EXPECT_EQ(Get("Patient?name=x").status, 401);
}

// Shows: interaction search in a Bundle
TEST_F(SearchApiTest, BundlesSearch) {
  const Value answer =
      Parsed(SendEntry("transaction", R"({"request":{"method":"GET","url":"Patient?name=jones"}},
                        {"request":{"method":"GET","url":"Patient/p1/Observation"}},
                        {"request":{"method":"GET","url":"Patient?nonsense=1"}})"));
  const auto& entries = answer.Find("entry")->items();
  EXPECT_THAT(Found(*entries[0].Find("resource")), ElementsAre("match p2"));
  EXPECT_THAT(Found(*entries[1].Find("resource")), ElementsAre("match o1"));
  EXPECT_THAT(entries[2].Find("response")->Find("status")->AsString(), StartsWith("400"));
  EXPECT_EQ(entries[2].Find("resource"), nullptr);
}

// Shows: interaction conditional create in a Bundle, conditional update in a Bundle, conditional
//   delete in a Bundle
TEST_F(SearchApiTest, ConditionalEntries) {
  struct Case {
    std::string_view entry;
    int status;            // Of the transaction when it fails, else of the entry.
    std::string location;  // Beginning of it.
  };
  const std::string post = R"({"resource":{"resourceType":"Patient"},"request":{"method":"POST",
      "url":"Patient","ifNoneExist":")";
  const std::string put = R"({"resource":{"resourceType":"Patient"},"request":{"method":"PUT",
      "url":"Patient?identifier=urn:s|)";
  const std::string put_id = R"({"resource":{"resourceType":"Patient","id":"p9"},"request":{
      "method":"PUT","url":"Patient?identifier=urn:s|)";
  const std::string remove = R"({"request":{"method":"DELETE","url":"Patient?name=)";
  const std::string matched = post + "identifier=urn:s|1\"}}";
  const std::string many = post + "name=smith\"}}";
  const std::string none = post + "\"}}";
  const std::string updated = put + "2\"}}";
  const std::string other_id = put_id + "2\"}}";
  const std::string new_id = put_id + "9\"}}";
  const std::string removes_none = remove + "nobody\"}}";
  const std::string removes_many = remove + "smith\"}}";
  for (const Case& c :
       {Case{matched, 200, "Patient/p1/_history/1"}, Case{many, 412, ""}, Case{none, 400, ""},
        Case{other_id, 400, ""}, Case{updated, 200, "Patient/p2/_history/2"},
        Case{new_id, 201, "Patient/p9/_history/1"}, Case{removes_none, 404, ""},
        Case{removes_many, 412, ""}}) {
    SCOPED_TRACE(c.entry);
    const Response response = SendEntry("transaction", std::string(c.entry));
    if (c.status >= 400) {
      EXPECT_EQ(response.status, c.status) << response.body;
      continue;
    }
    ASSERT_EQ(response.status, 200) << response.body;
    const Value answer = Parsed(response);
    const Value& entry = *answer.Find("entry")->items()[0].Find("response");
    EXPECT_THAT(entry.Find("status")->AsString(), StartsWith(std::to_string(c.status)));
    EXPECT_EQ(entry.Find("location")->AsString(), c.location);
  }
  PutPatient("p4", "Brown", "4");
  EXPECT_THAT(
      SendEntry("batch", R"({"request":{"method":"DELETE","url":"Patient?name=brown"}})").body,
      HasSubstr("204"));
  EXPECT_EQ(Get("Patient/p4").status, 410);
}

// Shows: interaction conditional references
TEST_F(SearchApiTest, ConditionalReferences) {
  const auto entry = [](std::string_view reference) {
    return R"({"resource":{"resourceType":"Observation","id":"x","subject":{"reference":")" +
           std::string(reference) + R"("}},"request":{"method":"PUT","url":"Observation/x"}})";
  };
  EXPECT_EQ(SendEntry("transaction", entry("Patient?identifier=urn:s|nobody")).status, 412);
  EXPECT_EQ(SendEntry("transaction", entry("Patient?name=smith")).status, 412);
  EXPECT_EQ(SendEntry("transaction", entry("Patient?nonsense=1")).status, 400);
  EXPECT_EQ(Get("Observation/x").status, 404);
  EXPECT_EQ(SendEntry("transaction", entry("Patient?identifier=urn:s|2")).status, 200);
  EXPECT_THAT(Get("Observation/x").body, HasSubstr(R"("reference":"Patient/p2")"));
}

}  // namespace
}  // namespace tarn::fhir_api
