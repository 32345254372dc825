#include "fhir/bundle.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/definitions.h"

namespace tarn::fhir {
namespace {

constexpr std::string_view kBase = "http://127.0.0.1/r4/";

class BundleTest : public testing::Test {
 protected:
  const json::Document& Parse(std::string_view text) {
    document_ = parser_.Parse(text).value();
    return *document_;
  }
  BundleRequest Read(std::string_view entries, std::string_view type = "transaction") {
    auto bundle = ReadBundle(Parse(R"({"resourceType":"Bundle","type":")" + std::string(type) +
                                   R"(","entry":[)" + std::string(entries) + "]}"),
                             kBase);
    EXPECT_TRUE(bundle.ok());
    return std::move(bundle).value();
  }
  // The fault of the only entry.
  std::string FaultOf(std::string_view entry) {
    const BundleRequest bundle = Read(entry);
    return bundle.entries.at(0).fault.has_value() ? bundle.entries[0].fault->text : "none";
  }
  std::string Linked(std::string_view resource, std::string_view full_url,
                     const BundleLinks& links) {
    std::string out;
    AppendLinked(Parse(resource), json::kRoot, full_url, links, &out);
    return out;
  }

 private:
  json::Parser parser_{BundleLimits()};
  std::optional<json::Document> document_;
};

TEST_F(BundleTest, ReadsEntries) {
  const BundleRequest bundle = Read(
      R"({"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"},
          "request":{"method":"POST","url":"Patient","ifNoneExist":"?identifier=1"}},
         {"resource":{"resourceType":"Patient","id":"p"},
          "request":{"method":"PUT","url":"Patient/p","ifMatch":"W/\"2\""}},
         {"resource":{"resourceType":"Patient"},
          "request":{"method":"PUT","url":"Patient?identifier=a%7Cb"}},
         {"request":{"method":"DELETE","url":"http://127.0.0.1/r4/Patient/q"}},
         {"request":{"method":"GET","url":"/Patient/q/_history/3","ifNoneMatch":"W/\"3\""}},
         {"request":{"method":"GET","url":"Patient/q/Observation?code=x"}})");
  ASSERT_EQ(bundle.entries.size(), 6u);
  EXPECT_EQ(bundle.type, BundleType::kTransaction);
  for (const BundleEntry& entry : bundle.entries) EXPECT_FALSE(entry.fault.has_value());
  EXPECT_EQ(bundle.entries[0].full_url, "urn:uuid:1");
  EXPECT_EQ(bundle.entries[0].if_none_exist, "identifier=1");
  EXPECT_EQ(bundle.entries[1].id, "p");
  EXPECT_EQ(bundle.entries[1].if_match, "W/\"2\"");
  EXPECT_EQ(bundle.entries[2].query, "identifier=a%7Cb");
  EXPECT_EQ(bundle.entries[2].id, "");
  EXPECT_EQ(bundle.entries[3].id, "q");
  EXPECT_EQ(bundle.entries[3].method, BundleMethod::kDelete);
  EXPECT_EQ(bundle.entries[4].version, "3");
  EXPECT_EQ(bundle.entries[4].if_none_match, "W/\"3\"");
  EXPECT_EQ(bundle.entries[5].rest, "Patient/q/Observation");
  EXPECT_EQ(bundle.entries[5].query, "code=x");
}

TEST_F(BundleTest, NamesWhatIsWrongWithAnEntry) {
  struct Case {
    std::string_view entry, fault;
  };
  const std::string_view patient = R"("resource":{"resourceType":"Patient"})";
  for (
      const Case& c : {
          Case{"1", "must be an object"},
          Case{R"({"fullUrl":1})", "fullUrl: must be a string"},
          Case{"{}", "request: missing"},
          Case{R"({"request":{"url":"Patient/1"}})", "request.method: must be"},
          Case{R"({"request":{"method":"get","url":"Patient/1"}})", "request.method: must be"},
          Case{R"({"request":{"method":"GET"}})", "request.url: missing"},
          Case{R"({"request":{"method":"GET","url":"Patient/1","ifMatch":1}})", "request.ifMatch"},
          Case{R"({"request":{"method":"POST","url":"Patient"}})", "resource: missing"},
          Case{
              R"({"resource":{"resourceType":"Group"},"request":{"method":"POST","url":"Patient"}})",
              "resource.resourceType"},
          Case{R"({"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Cat"}})",
               "request.url: must be a resource type"},
          Case{
              R"({"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient/1"}})",
              "request.url: must be a resource type alone"},
          Case{
              R"({"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient/$x"}})",
              "request.url: only creation"},
          Case{
              R"({"resource":{"resourceType":"Patient"},"request":{"method":"PUT","url":"Patient/1"}})",
              "resource.id: missing"},
          Case{
              R"({"resource":{"resourceType":"Patient","id":"2"},"request":{"method":"PUT","url":"Patient/1"}})",
              "resource.id: differs"},
          Case{
              R"({"resource":{"resourceType":"Patient","id":"a_b"},"request":{"method":"POST","url":"Patient"}})",
              "resource.id: must be"},
          Case{
              R"({"resource":{"resourceType":"Patient","id":"1"},"request":{"method":"PUT","url":"Patient"}})",
              "request.url: must be [type]/[id]"},
          Case{R"({"request":{"method":"DELETE","url":"Patient/1/_history/1"}})",
               "request.url: must be [type]/[id]"},
          Case{R"({"request":{"method":"DELETE","url":"Patient/1?_id=1"}})",
               "request.url: must be [type]/[id]"},
          Case{R"({"request":{"method":"PATCH","url":"Patient/1"}})", "request.method: PATCH"},
      }) {
    SCOPED_TRACE(c.entry);
    EXPECT_TRUE(FaultOf(c.entry).starts_with(c.fault)) << FaultOf(c.entry);
  }
  const std::string post = R"({"fullUrl":"urn:uuid:1",)" + std::string(patient) +
                           R"(,"request":{"method":"POST","url":"Patient"}})";
  const BundleRequest twice = Read(post + "," + post);
  EXPECT_FALSE(twice.entries[0].fault.has_value());
  EXPECT_EQ(twice.entries[1].fault->text, "fullUrl: is that of entry 0");
}

TEST_F(BundleTest, RefusesWhatIsNoSuchBundle) {
  for (const std::string_view text :
       {"[]", "{}", R"({"resourceType":"Patient"})", R"({"resourceType":"Bundle"})",
        R"({"resourceType":"Bundle","type":"collection"})",
        R"({"resourceType":"Bundle","type":"batch","entry":{}})"}) {
    EXPECT_EQ(ReadBundle(Parse(text), kBase).error().kind, ErrorKind::kInvalid) << text;
  }
  EXPECT_TRUE(ReadBundle(Parse(R"({"resourceType":"Bundle","type":"batch"})"), kBase).ok());
}

TEST_F(BundleTest, BoundsEntries) {
  std::string entries = "{}";
  for (size_t i = 1; i < kBundleEntriesMax; ++i) entries += ",{}";
  EXPECT_EQ(Read(entries).entries.size(), kBundleEntriesMax);
  const auto over = ReadBundle(
      Parse(R"({"resourceType":"Bundle","type":"batch","entry":[)" + entries + ",{}]}"), kBase);
  EXPECT_EQ(over.error().kind, ErrorKind::kTooLarge);
}

TEST_F(BundleTest, OrdersByMethod) {
  std::string entries;
  for (const std::string_view method : {"GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "POST"}) {
    if (!entries.empty()) entries += ",";
    entries += R"({"request":{"method":")" + std::string(method) + R"(","url":"Patient/1"}})";
  }
  EXPECT_EQ(ProcessingOrder(Read(entries).entries), (std::vector<size_t>{3, 2, 6, 1, 5, 0, 4}));
}

TEST_F(BundleTest, ChangesLinksAndNothingElse) {
  BundleLinks links;
  links.AddEntry("urn:uuid:11111111-1111-4111-8111-111111111111", "Patient/new");
  links.AddEntry("http://example.org/fhir/Patient/1", "Patient/one");
  links.AddEntry("urn:oid:1.2", "Binary/b");
  links.AddConditional("Patient?identifier=x", "Patient/found");
  const std::string_view from = "http://example.org/fhir/Observation/2";
  struct Case {
    std::string_view in, out;
  };
  for (
      const Case& c : {
          // References of every form.
          Case{
              R"({"resourceType":"Observation","subject":{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"}})",
              R"({"resourceType":"Observation","subject":{"reference":"Patient/new"}})"},
          Case{R"({"resourceType":"Observation","subject":{"reference":"Patient/1"}})",
               R"({"resourceType":"Observation","subject":{"reference":"Patient/one"}})"},
          Case{
              R"({"resourceType":"Observation","subject":{"reference":"http://example.org/fhir/Patient/1"}})",
              R"({"resourceType":"Observation","subject":{"reference":"Patient/one"}})"},
          Case{R"({"resourceType":"Observation","subject":{"reference":"Patient?identifier=x"}})",
               R"({"resourceType":"Observation","subject":{"reference":"Patient/found"}})"},
          // Escapes, order of members, numbers and white space around them.
          Case{
              R"({ "valueQuantity" : {"value": 1.00}, "resourceType":"Observation" , "focus":[ {"reference":"urn:oid:1\u002e2"} ],"status":"x"})",
              R"({ "valueQuantity" : {"value": 1.00}, "resourceType":"Observation" , "focus":[ {"reference":"Binary/b"} ],"status":"x"})"},
          // Attachments, extensions (of primitives too), contained resources, backbone elements.
          Case{
              R"({"resourceType":"DocumentReference","content":[{"attachment":{"url":"urn:oid:1.2"}}]})",
              R"({"resourceType":"DocumentReference","content":[{"attachment":{"url":"Binary/b"}}]})"},
          Case{
              R"({"resourceType":"Patient","_birthDate":{"extension":[{"url":"u","valueReference":{"reference":"Patient/1"}}]}})",
              R"({"resourceType":"Patient","_birthDate":{"extension":[{"url":"u","valueReference":{"reference":"Patient/one"}}]}})"},
          Case{
              R"({"resourceType":"Patient","extension":[{"url":"u","valueUri":"urn:oid:1.2"}],"contained":[{"resourceType":"Group","managingEntity":{"reference":"Patient/1"}}]})",
              R"({"resourceType":"Patient","extension":[{"url":"u","valueUri":"Binary/b"}],"contained":[{"resourceType":"Group","managingEntity":{"reference":"Patient/one"}}]})"},
          // Narratives: a and img, either quote.
          Case{
              R"({"resourceType":"Patient","text":{"div":"<div><a href=\"urn:oid:1.2\">urn:oid:1.2</a><img alt='x' src = 'Patient/1'/></div>"}})",
              R"({"resourceType":"Patient","text":{"div":"<div><a href=\"Binary/b\">urn:oid:1.2</a><img alt='x' src = 'Patient/one'/></div>"}})"},
      }) {
    SCOPED_TRACE(c.in);
    EXPECT_EQ(Linked(c.in, from, links), c.out);
  }
  // No links: canonical, strings, identifiers, other resources, versions, fragments, words in text.
  for (
      const std::string_view same : {
          R"({"resourceType":"Questionnaire","derivedFrom":["urn:oid:1.2"]})",
          R"({"resourceType":"Observation","valueString":"urn:oid:1.2"})",
          R"({"resourceType":"Patient","identifier":[{"value":"urn:oid:1.2"}]})",
          R"({"resourceType":"Observation","subject":{"reference":"Patient/2"}})",
          R"({"resourceType":"Observation","subject":{"reference":"#urn:oid:1.2"}})",
          R"({"resourceType":"Observation","subject":{"reference":"Patient/1/_history/1"}})",
          R"({"resourceType":"Observation","subject":{"display":"Patient/1"}})",
          R"({"resourceType":"Observation","subject":[[{"reference":"Patient/1"}]]})",
          R"({"resourceType":"Patient","text":{"div":"<div>href=\"urn:oid:1.2\" <p xhref=\"urn:oid:1.2\"/></div>"}})",
          R"({"resourceType":"Cat","subject":{"reference":"Patient/1"}})",
      }) {
    EXPECT_EQ(Linked(same, from, links), same);
  }
  // A relative reference from an entry whose fullUrl has no base.
  const std::string_view relative =
      R"({"resourceType":"Observation","subject":{"reference":"Patient/1"}})";
  EXPECT_EQ(Linked(relative, "urn:uuid:2", links), relative);
  EXPECT_EQ(Linked(relative, "", links), relative);
  EXPECT_EQ(Linked(relative, "http://other.org/Observation/2", links), relative);
}

TEST_F(BundleTest, FindsConditionalReferences) {
  std::set<std::string> found;
  CollectConditionalReferences(
      Parse(R"({"resourceType":"Observation","subject":{"reference":"Patient?identifier=a|b"},
               "focus":[{"reference":"Cat?x=1"},{"reference":"Patient/1"},
                        {"reference":"Group?_id=1"}],"valueString":"Patient?x=1"})"),
      json::kRoot, &found);
  EXPECT_EQ(found, (std::set<std::string>{"Group?_id=1", "Patient?identifier=a|b"}));
  const auto parsed = ParseConditionalReference("Patient?identifier=a|b");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->type, FindType("Patient"));
  EXPECT_EQ(parsed->query, "identifier=a|b");
}

}  // namespace
}  // namespace tarn::fhir
