// Forms of searches over HTTP: contained resources, value sets and hierarchies, references by this
// server's own address, HealthLake's rules, and how what is not served is refused.
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

class SearchModesTest : public FhirApiTest {
 protected:
  SearchModesTest() {
    Write("Patient", "p1", R"("name":[{"family":"Müller"}],"identifier":[{"type":{"coding":[
          {"system":"urn:t","code":"MR"}]},"system":"urn:s","value":"7"}])");
    Write("Patient", "p2", R"("name":[{"family":"muller"}])");
    Write("Observation", "o1", R"("status":"final","code":{"coding":[{"system":"urn:cs",
          "code":"lion","display":"A lion"}]},"subject":{"reference":"Patient/p1"})");
    Write("Observation", "o2", R"("status":"final","code":{"coding":[{"system":"urn:cs",
          "code":"dog"}]},"subject":{"reference":"http://other.example/datastore/plain/r4/Patient/p2"})");
    Write("MedicationRequest", "m1", R"("status":"active","intent":"order","subject":{"reference":
          "Patient/p1"},"contained":[{"resourceType":"Medication","id":"a","code":{"coding":[
          {"system":"urn:drug","code":"x"}]}},{"resourceType":"Medication","id":"b","code":{
          "coding":[{"system":"urn:drug","code":"y"}]}}])");
    Write("Medication", "own", R"("code":{"coding":[{"system":"urn:drug","code":"x"}]})");
    Write("CodeSystem", "cs", R"("url":"urn:cs","content":"complete","concept":[{"code":"animal",
          "concept":[{"code":"cat","concept":[{"code":"lion"}]},{"code":"dog"}]}])");
    Write("ValueSet", "cats", R"("url":"urn:vs:cats","version":"2","compose":{"include":[{
          "system":"urn:cs","filter":[{"property":"concept","op":"is-a","value":"cat"}]}]})");
    Write("Location", "house", R"("name":"House","position":{"latitude":52.5,"longitude":13.4})");
    Write("Location", "ward", R"("partOf":{"reference":"Location/house"})");
    Write("Location", "room", R"("partOf":{"reference":"Location/ward"})");
    Write("Encounter", "e1", R"("status":"finished","location":[{"location":{"reference":
          "Location/room"}}])");
  }
  void Write(const std::string& type, const std::string& id, const std::string& rest) {
    const Response response = Put(
        type + "/" + id, R"({"resourceType":")" + type + R"(","id":")" + id + "\"," + rest + "}");
    EXPECT_EQ(response.status, 201) << response.body;
  }
  static Value Parsed(const Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    auto value = json::ParseValue(response.body);
    return value.ok() ? value.value() : Value::MakeObject();
  }
  // What follows the endpoint in each entry's fullUrl.
  static std::vector<std::string> Found(const Value& bundle) {
    std::vector<std::string> found;
    if (bundle.Find("entry") == nullptr) return found;
    for (const Value& entry : bundle.Find("entry")->items()) {
      const Value* url = entry.Find("fullUrl");
      found.push_back(url == nullptr ? "outcome" : url->AsString().substr(kBase.size()));
    }
    return found;
  }
  std::vector<std::string> FoundBy(const std::string& path) { return Found(Parsed(Get(path))); }
  Response OfLake(const std::string& path) {
    return Send({.path = path, .store = std::string(kLakeStore)});
  }
};

// Shows: result parameter _contained, _containedType
TEST_F(SearchModesTest, FindsContainedResources) {
  EXPECT_THAT(FoundBy("Medication?code=x"), ElementsAre("Medication/own"));
  EXPECT_THAT(FoundBy("Medication?code=x&_contained=false"), ElementsAre("Medication/own"));
  EXPECT_THAT(FoundBy("Medication?code=x&_contained=true"), ElementsAre("MedicationRequest/m1"));
  EXPECT_THAT(FoundBy("Medication?code=x&_contained=both"),
              UnorderedElementsAre("Medication/own", "MedicationRequest/m1"));
  EXPECT_THAT(FoundBy("Medication?code=z&_contained=true"), ElementsAre());
  EXPECT_THAT(FoundBy("Medication?_contained=true&_containedType=contained"),
              ElementsAre("MedicationRequest/m1#a", "MedicationRequest/m1#b"));
  EXPECT_THAT(
      FoundBy("Medication?code=x,y&_contained=both&_containedType=contained"),
      UnorderedElementsAre("Medication/own", "MedicationRequest/m1#a", "MedicationRequest/m1#b"));
  const Value bundle = Parsed(Get("Medication?code=y&_contained=true&_containedType=contained"));
  const Value& resource = *bundle.Find("entry")->items()[0].Find("resource");
  EXPECT_EQ(resource.Find("resourceType")->AsString(), "Medication");
  EXPECT_EQ(resource.Find("id")->AsString(), "b");
  EXPECT_EQ(Parsed(Get("Medication?code=x&_contained=both&_summary=count")).Find("total")->AsInt(),
            2);
  EXPECT_THAT(FoundBy("Medication?code=x&_contained=true&_include=MedicationRequest:subject"),
              ElementsAre("MedicationRequest/m1", "Patient/p1"));
}

TEST_F(SearchModesTest, PagesOverContainedResources) {
  std::vector<std::string> found;
  std::string path = "Medication?_contained=both&_containedType=contained&_count=1";
  for (int pages = 0; !path.empty() && pages < 5; ++pages) {
    const Value bundle = Parsed(Get(path));
    for (const std::string& url : Found(bundle)) found.push_back(url);
    path.clear();
    for (const Value& link : bundle.Find("link")->items()) {
      if (link.Find("relation")->AsString() != "next") continue;
      path = link.Find("url")->AsString().substr(kBase.size());
    }
  }
  EXPECT_THAT(found, UnorderedElementsAre("Medication/own", "MedicationRequest/m1#a",
                                          "MedicationRequest/m1#b"));
}

// Shows: parameter chains into contained resources; result parameter _contained
TEST_F(SearchModesTest, FollowsReferencesWithinAResource) {
  Write("MedicationRequest", "m2", R"("status":"draft","intent":"order","subject":{"reference":
        "Patient/p2"},"medicationReference":{"reference":"#a"},"contained":[{"resourceType":
        "Organization","id":"o","name":"Maker"},{"resourceType":"Medication","id":"a",
        "manufacturer":{"reference":"#o"},"code":{"coding":[{"system":"urn:drug","code":"x"}]}},
        {"resourceType":"Medication","id":"unused","code":{"coding":[{"code":"z"}]}}])");
  Write("MedicationRequest", "m3", R"("status":"active","intent":"order","subject":{"reference":
        "Patient/p2"},"medicationReference":{"reference":"Medication/own"})");
  EXPECT_THAT(FoundBy("MedicationRequest?medication.code=x"),
              UnorderedElementsAre("MedicationRequest/m2", "MedicationRequest/m3"));
  EXPECT_THAT(FoundBy("MedicationRequest?medication:Medication.code=x&_total=accurate&_sort=_id"),
              ElementsAre("MedicationRequest/m2", "MedicationRequest/m3"));
  EXPECT_THAT(FoundBy("MedicationRequest?medication.manufacturer.name=maker"),
              ElementsAre("MedicationRequest/m2"));
  EXPECT_THAT(FoundBy("MedicationRequest?medication.code=z"), ElementsAre());
  // What contains is referred from what it contains by "#".
  Write("Patient", "p4", R"("name":[{"family":"Outer"}],"link":[{"other":{"reference":"#in"}}],
        "contained":[{"resourceType":"Patient","id":"in","name":[{"family":"Inner"}],"link":[
        {"other":{"reference":"#"}}]}])");
  EXPECT_THAT(FoundBy("Patient?link:Patient.name=inner"), ElementsAre("Patient/p4"));
  EXPECT_THAT(FoundBy("Patient?link:Patient.link:Patient.name=outer"), ElementsAre("Patient/p4"));
  EXPECT_THAT(FoundBy("Patient?link:Patient.link:Patient.name=inner"), ElementsAre());
  // Only from there: a resource does not refer to itself so.
  Write("Encounter", "e2", R"("status":"planned","partOf":{"reference":"#"},"contained":[
        {"resourceType":"Encounter","id":"x","status":"arrived"}])");
  EXPECT_THAT(FoundBy("Encounter?part-of.status=planned"), ElementsAre());
  // The same beside _contained: chains lead out of, and _has into, what is contained.
  EXPECT_THAT(FoundBy("Medication?manufacturer.name=maker&_contained=true"),
              ElementsAre("MedicationRequest/m2"));
  EXPECT_THAT(FoundBy("Medication?_has:MedicationRequest:medication:status=draft&_contained=true"
                      "&_containedType=contained"),
              ElementsAre("MedicationRequest/m2#a"));
  EXPECT_THAT(FoundBy("Medication?_has:MedicationRequest:medication:subject.name=muller"
                      "&_contained=both"),
              UnorderedElementsAre("Medication/own", "MedicationRequest/m2"));
  EXPECT_THAT(FoundBy("Medication?_has:MedicationRequest:medication:status=active&_contained=true"),
              ElementsAre());
  EXPECT_THAT(FoundBy("Patient?link:Patient.name=outer&_contained=true"),
              ElementsAre("Patient/p4"));
}

// Shows: refused _contained with sort, compartments, _containedType=contained with totals and
//   includes
TEST_F(SearchModesTest, RefusesByNameWhatContainedDoesNotServe) {
  for (const std::string query :
       {"Medication?_contained=true&_sort=_id", "Patient/p1/Observation?_contained=both",
        "Medication?_contained=true&_containedType=contained&_total=accurate"}) {
    SCOPED_TRACE(query);
    const Response response = Get(query);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(CodeOf(response), "not-supported");
    EXPECT_THAT(response.body, HasSubstr("_contained"));
  }
}

// Shows: modifier :in, :not-in, :below of tokens, :above of tokens, :below of references, :above
//   of references
TEST_F(SearchModesTest, FindsByValueSetsAndHierarchies) {
  EXPECT_THAT(FoundBy("Observation?code:in=urn:vs:cats"), ElementsAre("Observation/o1"));
  EXPECT_THAT(FoundBy("Observation?code:in=urn:vs:cats%7C2"), ElementsAre("Observation/o1"));
  EXPECT_THAT(FoundBy("Observation?code:in=ValueSet/cats"), ElementsAre("Observation/o1"));
  EXPECT_THAT(FoundBy("Observation?code:not-in=urn:vs:cats"), ElementsAre("Observation/o2"));
  EXPECT_THAT(FoundBy("Observation?code:below=urn:cs%7Canimal"),
              ElementsAre("Observation/o1", "Observation/o2"));
  EXPECT_THAT(FoundBy("Observation?code:above=urn:cs%7Clion"), ElementsAre("Observation/o1"));
  // R4's own value sets.
  EXPECT_THAT(FoundBy("Observation?status:in=http://hl7.org/fhir/ValueSet/observation-status"),
              ElementsAre("Observation/o1", "Observation/o2"));
  EXPECT_THAT(FoundBy("Encounter?location:below=house"), ElementsAre("Encounter/e1"));
  EXPECT_THAT(FoundBy("Encounter?location:below=Location/room"), ElementsAre("Encounter/e1"));
  EXPECT_THAT(FoundBy("Location?partof:above=ward"), ElementsAre("Location/ward", "Location/room"));
  EXPECT_THAT(FoundBy("Observation?subject:Patient._has:Encounter:subject:_id=none"),
              ElementsAre());
  EXPECT_THAT(FoundBy("Patient?_has:Observation:subject:code:in=urn:vs:cats"),
              ElementsAre("Patient/p1"));
  EXPECT_THAT(FoundBy("Observation?_filter=code in urn:vs:cats or code eq dog"),
              ElementsAre("Observation/o1", "Observation/o2"));
}

// Shows: refused unknown value sets and code systems, hierarchies that R4 does not define
TEST_F(SearchModesTest, SaysWhichValueSetItLacks) {
  struct Case {
    std::string query, code, names;
  };
  for (const Case& c :
       {Case{"code:in=urn:vs:none", "not-found", "urn:vs:none"},
        Case{"code:in=urn:vs:cats%7C3", "not-found", "urn:vs:cats|3"},
        Case{"code:below=http://snomed.info/sct%7C1", "not-found", "http://snomed.info/sct"},
        Case{"code:below=cat", "invalid", "system|code"},
        Case{"subject:below=Patient/p1", "not-supported", "subject:below"}}) {
    SCOPED_TRACE(c.query);
    const Response response = Get("Observation?" + c.query);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(CodeOf(response), c.code);
    EXPECT_THAT(response.body, HasSubstr(c.names));
  }
}

// Shows: parameter references by this server's address, chains
TEST_F(SearchModesTest, OwnAddressesAreLocal) {
  EXPECT_THAT(FoundBy("Observation?subject=Patient/p2"), ElementsAre("Observation/o2"));
  EXPECT_THAT(FoundBy("Observation?subject=" + std::string(kBase) + "Patient/p1"),
              ElementsAre("Observation/o1"));
  EXPECT_THAT(FoundBy("Observation?subject=https://x.example/datastore/plain/r4/Patient/p2"),
              ElementsAre("Observation/o2"));
  EXPECT_THAT(FoundBy("Observation?subject=https://x.example/datastore/other/r4/Patient/p2"),
              ElementsAre());
  EXPECT_THAT(FoundBy("Observation?_id=o2&_include=Observation:subject"),
              ElementsAre("Observation/o2", "Patient/p2"));
  EXPECT_THAT(FoundBy("Patient?_id=p2&_revinclude=Observation:subject"),
              ElementsAre("Patient/p2", "Observation/o2"));
  EXPECT_THAT(FoundBy("Observation?subject:Patient.name=muller&_id=o2"),
              ElementsAre("Observation/o2"));
  EXPECT_THAT(FoundBy("Patient/p2/Observation"), ElementsAre("Observation/o2"));
}

// Shows: modifier :text, :of-type, :not, :[type]; refused unknown modifiers
TEST_F(SearchModesTest, ModifiersOfTokensAndReferences) {
  EXPECT_THAT(FoundBy("Observation?code:text=a%20lion"), ElementsAre("Observation/o1"));
  EXPECT_THAT(FoundBy("Patient?identifier:of-type=urn:t%7CMR%7C7"), ElementsAre("Patient/p1"));
  EXPECT_THAT(FoundBy("Patient?identifier:not=urn:s%7C7"), ElementsAre("Patient/p2"));
  EXPECT_THAT(FoundBy("Observation?subject:Patient=p1"), ElementsAre("Observation/o1"));
  EXPECT_EQ(Get("Observation?subject:Location=p1").status, 200);
  EXPECT_EQ(Get("Observation?subject:Medication=p1").status, 400);
  EXPECT_EQ(Get("Observation?code:exact=x").status, 400);
  EXPECT_THAT(FoundBy("ValueSet?url:below=urn:vs"), ElementsAre());  // URNs have no hierarchy.
}

// Shows: parameter _list, createdAt, _content, _text, _has, _type; parameter type composite,
//   special (near)
TEST_F(SearchModesTest, ParametersOfAllResourcesAndSpecialOnes) {
  Write("List", "l1", R"("status":"current","mode":"working","entry":[{"item":{"reference":
        "Patient/p2"}}])");
  Write(
      "Observation", "o3",
      R"("status":"final","text":{"status":"generated","div":"<div>Bone scan</div>"},"code":{"coding":[{"system":"urn:cs","code":"x"}]},"valueQuantity":{"value":5}
        )");
  EXPECT_THAT(FoundBy("Patient?_list=l1"), ElementsAre("Patient/p2"));
  EXPECT_THAT(FoundBy("Patient?createdAt=ge2026&_id=p1"), ElementsAre("Patient/p1"));
  EXPECT_THAT(FoundBy("Patient?createdAt=lt2026"), ElementsAre());
  EXPECT_THAT(FoundBy("Observation?_content=lion"), ElementsAre("Observation/o1"));
  EXPECT_THAT(FoundBy("Observation?_text=bon*%20AND%20NOT%20liver"), ElementsAre("Observation/o3"));
  EXPECT_THAT(FoundBy("Location?near=52.5%7C13.41%7C1%7Ckm"), ElementsAre("Location/house"));
  EXPECT_THAT(FoundBy("Location?near=52.6%7C13.4%7C1%7Ckm"), ElementsAre());
  // What only bodies decide has a total, too, when one page has it all.
  EXPECT_EQ(Parsed(Get("Location?near=52.5%7C13.41")).Find("total")->AsInt(), 1);
  EXPECT_THAT(FoundBy("Observation?code-value-quantity=urn:cs%7Cx$gt4"),
              ElementsAre("Observation/o3"));
  EXPECT_THAT(FoundBy("Observation?value-quantity=ap5.2"), ElementsAre("Observation/o3"));
  EXPECT_THAT(FoundBy("Location?_has:Location:partof:_has:Encounter:location:_id=e1"),
              ElementsAre("Location/ward"));
  EXPECT_THAT(FoundBy("Location?_has:Location:partof:_has:Location:partof:_id=room"),
              ElementsAre("Location/house"));
  EXPECT_THAT(FoundBy("?_type=Location,List&_id=l1,room"),
              UnorderedElementsAre("List/l1", "Location/room"));
}

// Shows: general Prefer: handling=strict, Prefer: handling=lenient
TEST_F(SearchModesTest, HandlesUnknownParametersAsPreferred) {
  const http::Headers::Field strict = {"Prefer", "handling=strict"};
  const http::Headers::Field lenient = {"Prefer", "handling=lenient"};
  EXPECT_EQ(Get("Patient?nonsense=1", strict).status, 400);
  EXPECT_EQ(Get("Patient?nonsense=1").status, 400);
  EXPECT_EQ(Get("Patient?nonsense=1", lenient).status, 200);
  // A modifier or a value that is wrong would change what is found.
  EXPECT_EQ(Get("Patient?birthdate=yesterday", lenient).status, 400);
  EXPECT_EQ(Get("Patient?name:nonsense=x", lenient).status, 400);
}

// Shows: healthlake strings with case and accents, _count 1 to 100, no ap, modifiers, parameters
//   left out, sort keys
TEST_F(SearchModesTest, IsHealthLakeWhenTaggedSo) {
  // Strings with case and accents.
  EXPECT_THAT(Found(Parsed(OfLake("Patient?name=muller"))), ElementsAre("Patient/p2"));
  EXPECT_THAT(Found(Parsed(OfLake("Patient?family=M%C3%BCl"))), ElementsAre("Patient/p1"));
  EXPECT_THAT(Found(Parsed(OfLake("Patient?family:contains=ull"))), ElementsAre("Patient/p2"));
  EXPECT_THAT(FoundBy("Patient?name=muller"), ElementsAre("Patient/p1", "Patient/p2"));
  for (const std::string query :
       {"Patient?_count=0", "Patient?_count=101", "Patient?birthdate=ap2020",
        "Patient?_summary=count", "Patient?_total=estimate", "Patient?_list=1",
        "Patient?_filter=name eq x", "Patient?_content=x", "Location?near=52%7C13",
        "Patient?_contained=true", "Observation?code:in=urn:vs:cats",
        "Observation?code:below=urn:cs%7Ccat",
        "Patient?_sort=_id,name,birthdate,gender,family,email",
        "Patient?_elements=name&_summary=true", "Bundle?type=document"}) {
    SCOPED_TRACE(query);
    EXPECT_EQ(OfLake(query).status, 400);
  }
  EXPECT_EQ(OfLake("Patient?_count=100").status, 200);
  EXPECT_EQ(OfLake("Patient?_summary=true").status, 200);
}

// Shows: healthlake next link
TEST_F(SearchModesTest, HealthLakesNextLinkNeedsCountAndPageAlone) {
  const Value first = Parsed(OfLake("Patient?_count=1&_sort=_id"));
  EXPECT_THAT(Found(first), ElementsAre("Patient/p1"));
  std::string next;
  for (const Value& link : first.Find("link")->items()) {
    if (link.Find("relation")->AsString() == "next") next = link.Find("url")->AsString();
  }
  EXPECT_THAT(next, AllOf(StartsWith(std::string(kBase) + "Patient?_count=1&page="),
                          Not(HasSubstr("_sort"))));
  const std::string path = next.substr(kBase.size());
  EXPECT_THAT(Found(Parsed(OfLake(path))), ElementsAre("Patient/p2"));
  EXPECT_THAT(Found(Parsed(OfLake(path + "&_sort=_id"))), ElementsAre("Patient/p2"));
  // Another count, other criteria, an altered token.
  std::string other = path;
  other.replace(other.find("_count=1"), 8, "_count=2");
  for (const std::string& wrong : {other, path + "&_sort=-_id", path + "x", path + "&name=x"}) {
    SCOPED_TRACE(wrong);
    const Response response = OfLake(wrong);
    EXPECT_EQ(response.status, 400);
    EXPECT_THAT(response.body, HasSubstr("Invalid pagination token."));
  }
}

// Shows: healthlake entries of Bundles, steps of chains; general too-costly with the plan
TEST_F(SearchModesTest, HealthLakeBoundsBundlesAndChains) {
  const auto bundle = [this](std::string_view type, size_t entries, std::string_view store) {
    std::string text =
        R"({"resourceType":"Bundle","type":")" + std::string(type) + R"(","entry":[)";
    for (size_t i = 0; i < entries; ++i) {
      text += std::string(i == 0 ? "" : ",") + R"({"request":{"method":"GET","url":"Patient/p1"}})";
    }
    return Send({.method = Method::kPost,
                 .path = "",
                 .body = text + "]}",
                 .store = std::string(store)})
        .status;
  };
  EXPECT_EQ(bundle("transaction", 100, kLakeStore), 200);
  EXPECT_EQ(bundle("transaction", 101, kLakeStore), 422);
  EXPECT_EQ(bundle("transaction", 101, kPlainStore), 200);
  EXPECT_EQ(bundle("batch", 500, kLakeStore), 200);
  EXPECT_EQ(bundle("batch", 501, kLakeStore), 422);
  for (int i = 0; i < 100; ++i) {
    Write("Patient", "many" + std::to_string(i), R"("gender":"other")");
  }
  EXPECT_EQ(OfLake("Observation?subject:Patient.gender=other").status, 200);
  Write("Patient", "many100", R"("gender":"other")");
  const Response refused = OfLake("Observation?subject:Patient.gender=other");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(CodeOf(refused), "too-costly");
  EXPECT_THAT(refused.body, HasSubstr("keysRead"));  // The plan, as far as it got.
  EXPECT_EQ(Get("Observation?subject:Patient.gender=other").status, 200);
}

}  // namespace
}  // namespace tarn::fhir_api
