// Bundles and the history of an instance, over a data store in memory.
#include "fhir/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "fhir_api/internal/test_api.h"
#include "fhir_api/limits.h"
#include "json/value.h"

namespace tarn::fhir_api {
namespace {

using json::Value;
using testing::HasSubstr;
using testing::StartsWith;

class BundleApiTest : public FhirApiTest {
 protected:
  Response SendBundle(std::string_view type, const std::vector<std::string>& entries,
                      const http::Headers::Field& header = {}) {
    std::string body =
        R"({"resourceType":"Bundle","type":")" + std::string(type) + "\",\"entry\":[";
    for (size_t i = 0; i < entries.size(); ++i) body += (i > 0 ? "," : "") + entries[i];
    return Post("", body + "]}", header);
  }
  // The entries of an answer that must be a Bundle.
  static std::vector<Value> EntriesOf(const Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    auto value = json::ParseValue(response.body);
    if (!value.ok() || value.value().Find("entry") == nullptr) return {};
    return value.value().Find("entry")->items();
  }
  static std::string Text(const Value& entry, std::string_view name) {
    const Value* found = entry.Find("response")->Find(name);
    return found == nullptr ? "" : found->AsString();
  }
  static std::vector<std::string> StatusesOf(const Response& response) {
    std::vector<std::string> statuses;
    for (const Value& entry : EntriesOf(response)) {
      statuses.push_back(Text(entry, "status").substr(0, 3));
    }
    return statuses;
  }
  static std::string ExpressionOf(const Response& response) {
    const auto value = json::ParseValue(response.body);
    const Value* expression = value.value().Find("issue")->items()[0].Find("expression");
    return expression == nullptr ? "" : expression->items()[0].AsString();
  }
};
using Statuses = std::vector<std::string>;

std::string PutPatient(std::string_view id, std::string_view more = "") {
  return R"({"resource":{"resourceType":"Patient","id":")" + std::string(id) +
         R"("},"request":{"method":"PUT","url":"Patient/)" + std::string(id) + "\"" +
         std::string(more) + "}}";
}
std::string Only(std::string_view method, std::string_view url, std::string_view more = "") {
  return R"({"request":{"method":")" + std::string(method) + R"(","url":")" + std::string(url) +
         "\"" + std::string(more) + "}}";
}

constexpr std::string_view kPostPatient =
    R"({"fullUrl":"urn:uuid:aaaaaaaa-0000-4000-8000-000000000001",
        "resource":{"resourceType":"Patient","active":true},
        "request":{"method":"POST","url":"Patient"}})";
constexpr std::string_view kPostObservation =
    R"({"resource":{"resourceType":"Observation","valueQuantity":{"value":1.00},
        "subject":{"reference":"urn:uuid:aaaaaaaa-0000-4000-8000-000000000001"}},
        "request":{"method":"POST","url":"Observation"}})";

// Shows: interaction transaction
TEST_F(BundleApiTest, TransactionResolvesAndCommitsTogether) {
  ASSERT_EQ(Put("Patient/gone", R"({"resourceType":"Patient","id":"gone"})").status, 201);
  const Response response =
      SendBundle("transaction", {std::string(kPostObservation), std::string(kPostPatient),
                                 PutPatient("p"), Only("DELETE", "Patient/gone"),
                                 Only("GET", "Patient/p"), Only("GET", "Patient/p/_history/1")});
  EXPECT_EQ(StatusesOf(response), (Statuses{"201", "201", "201", "204", "200", "200"}));
  EXPECT_EQ(response.headers.Get("Content-Type"), "application/fhir+json");
  const auto entries = EntriesOf(response);
  EXPECT_THAT(response.body, HasSubstr(R"("type":"transaction-response")"));
  const std::string observation = Text(entries[0], "location");
  const std::string patient = Text(entries[1], "location");
  EXPECT_THAT(observation, StartsWith("Observation/"));
  EXPECT_THAT(observation, testing::EndsWith("/_history/1"));
  EXPECT_EQ(Text(entries[0], "etag"), "W/\"1\"");
  EXPECT_EQ(Text(entries[0], "lastModified"), FormatFhirInstant(clock_.UnixMs()));
  EXPECT_EQ(entries[0].Find("resource"), nullptr);
  EXPECT_EQ(Text(entries[3], "etag"), "W/\"2\"");
  EXPECT_EQ(Text(entries[3], "location"), "");
  EXPECT_EQ(entries[4].Find("resource")->Find("id")->AsString(), "p");
  const Response stored = Get(observation.substr(0, observation.find("/_history")));
  EXPECT_THAT(stored.body, HasSubstr("\"value\":1.00"));
  EXPECT_THAT(stored.body,
              HasSubstr(R"("reference":")" + patient.substr(0, patient.find("/_history")) + "\""));
  EXPECT_EQ(Get("Patient/gone").status, 410);
}

TEST_F(BundleApiTest, TransactionThatFailsDoesNothing) {
  ASSERT_EQ(Put("Patient/there", R"({"resourceType":"Patient","id":"there"})").status, 201);
  struct Case {
    std::string entry;
    int status;
    std::string_view code;
  };
  for (const Case& c : {
           Case{PutPatient("there", R"(,"ifMatch":"W/\"7\"")"), 412, "conflict"},
           Case{PutPatient("there", R"(,"ifMatch":"7")"), 400, "invalid"},
           Case{PutPatient("there", R"(,"ifNoneMatch":"*")"), 412, "conflict"},
           Case{PutPatient("new"), 400, "duplicate"},
           Case{Only("DELETE", "Patient/never"), 404, "not-found"},
           Case{Only("GET", "Patient/never"), 404, "not-found"},
           Case{Only("GET", "Patient/$everything"), 501, "not-supported"},
           Case{Only("PATCH", "Patient/there"), 501, "not-supported"},
           Case{Only("DELETE", "AuditEvent/a"), 405, "not-supported"},
           Case{Only("PUT", "Patient/x"), 400, "invalid"},
           Case{R"({"resource":{"resourceType":"Patient"},"request":{"method":"POST",
                "url":"Patient","ifNoneExist":"nonsense=1"}})",
                400, "invalid"},
       }) {
    SCOPED_TRACE(c.entry);
    const Response response = SendBundle("transaction", {PutPatient("new"), c.entry});
    EXPECT_EQ(response.status, c.status) << response.body;
    EXPECT_EQ(CodeOf(response), c.code) << response.body;
    EXPECT_EQ(ExpressionOf(response), "Bundle.entry[1]");
    EXPECT_EQ(Get("Patient/new").status, 404);
    EXPECT_EQ(Get("Patient/there").headers.Get("ETag"), "W/\"1\"");
  }
}

// Shows: interaction batch
TEST_F(BundleApiTest, BatchEntriesStandAlone) {
  const Response response = SendBundle(
      "batch",
      {Only("GET", "Patient/b"), PutPatient("a"), Only("DELETE", "Patient/never"), PutPatient("b"),
       PutPatient("b"), PutPatient("a", R"(,"ifMatch":"W/\"9\"")"),
       R"({"request":{"method":"PUT"}})", std::string(kPostObservation),
       Only("GET", "Patient/never"), Only("GET", "Patient/a", R"(,"ifNoneMatch":"W/\"1\"")")});
  EXPECT_EQ(StatusesOf(response),
            (Statuses{"200", "201", "404", "201", "200", "412", "400", "201", "404", "304"}));
  EXPECT_THAT(response.body, HasSubstr(R"("type":"batch-response")"));
  const auto entries = EntriesOf(response);
  EXPECT_EQ(entries[2].Find("response")->Find("outcome")->Find("resourceType")->AsString(),
            "OperationOutcome");
  // References between entries of a batch are none.
  const std::string observation = Text(entries[7], "location");
  EXPECT_THAT(Get(observation.substr(0, observation.find("/_history"))).body,
              HasSubstr("urn:uuid:aaaaaaaa-0000-4000-8000-000000000001"));
  EXPECT_EQ(entries[9].Find("resource"), nullptr);
}

// More failures than a group is tried again for.
TEST_F(BundleApiTest, BatchWithManyFailures) {
  std::vector<std::string> entries;
  Statuses expected;
  for (size_t i = 0; i < 3 * kBatchGroupAttemptsMax; ++i) {
    const bool fails = i % 2 == 0;
    entries.push_back(PutPatient("p" + std::to_string(i), fails ? R"(,"ifMatch":"W/\"1\"")" : ""));
    expected.push_back(fails ? "412" : "201");
  }
  EXPECT_EQ(StatusesOf(SendBundle("batch", entries)), expected);
}

TEST_F(BundleApiTest, ReturnsWhatIsPreferred) {
  const auto send = [&](std::string_view what) {
    return EntriesOf(SendBundle("transaction", {PutPatient("p")},
                                {"Prefer", "return=" + std::string(what)}))
        .at(0);
  };
  const Value representation = send("representation");
  EXPECT_EQ(representation.Find("resource")->Find("id")->AsString(), "p");
  EXPECT_EQ(representation.Find("fullUrl")->AsString(), std::string(kBase) + "Patient/p");
  EXPECT_EQ(send("minimal").Find("resource"), nullptr);
  EXPECT_EQ(send("minimal").Find("response")->Find("outcome"), nullptr);
  const Value outcome = send("OperationOutcome");
  EXPECT_EQ(outcome.Find("resource"), nullptr);
  EXPECT_NE(outcome.Find("response")->Find("outcome"), nullptr);
  EXPECT_EQ(SendBundle("transaction", {}, {"Prefer", "respond-async"}).status, 501);
}

TEST_F(BundleApiTest, RefusesOtherBodies) {
  EXPECT_EQ(Post("", R"({"resourceType":"Patient"})").status, 400);
  EXPECT_EQ(Post("", R"({"resourceType":"Bundle","type":"collection"})").status, 400);
  EXPECT_EQ(Post("", "{").status, 400);
  EXPECT_EQ(Post("", "{}", {"Content-Type", "text/plain"}).status, 415);
  EXPECT_EQ(Post("", "{}", {"Accept", "text/plain"}).status, 406);
  EXPECT_EQ(Post("?x=1", "{}").status, 400);
  EXPECT_EQ(SendBundle("batch", {}).status, 200);
  authorized_ = false;
  EXPECT_EQ(SendBundle("batch", {}).status, 401);
}

TEST_F(BundleApiTest, BoundsEntriesAndBytes) {
  const std::vector<std::string> most(fhir::kBundleEntriesMax, Only("GET", "Patient/p"));
  EXPECT_EQ(EntriesOf(SendBundle("batch", most)).size(), fhir::kBundleEntriesMax);
  std::vector<std::string> over = most;
  over.push_back(over[0]);
  EXPECT_EQ(SendBundle("batch", over).status, 413);
  const std::string large(fhir::kBundleBytesMax - 100, ' ');
  EXPECT_EQ(Post("", R"({"resourceType":"Bundle","type":"batch"})" + large).status, 200);
  EXPECT_EQ(Post("", R"({"resourceType":"Bundle","type":"batch"})" + large + large).status, 413);
  const std::string note(kBodyBytesMax, 'x');
  EXPECT_EQ(
      StatusesOf(SendBundle("batch", {R"({"resource":{"resourceType":"Patient","x":")" + note +
                                      R"("},"request":{"method":"POST","url":"Patient"}})"})),
      Statuses{"413"});
}

// Shows: interaction history-instance
TEST_F(BundleApiTest, HistoryOfAnInstance) {
  for (int i = 1; i <= 3; ++i) {
    ASSERT_LT(Put("Patient/p", R"({"resourceType":"Patient","id":"p","x":1.0})").status, 300);
    clock_.AdvanceMs(1000);
  }
  ASSERT_EQ(Remove("Patient/p").status, 204);
  const auto read = [&](const std::string& query) {
    const Response response = Get("Patient/p/_history" + query);
    EXPECT_EQ(response.status, 200) << response.body;
    return json::ParseValue(response.body).value();
  };
  const auto tags = [](const Value& bundle) {
    std::string text;
    const Value* entries = bundle.Find("entry");
    if (entries == nullptr) return text;
    for (const Value& entry : entries->items()) text += Text(entry, "etag").substr(3, 1);
    return text;
  };
  const Value all = read("");
  EXPECT_EQ(all.Find("type")->AsString(), "history");
  EXPECT_EQ(all.Find("total")->AsInt(), 4);
  EXPECT_EQ(tags(all), "4321");
  EXPECT_EQ(all.Find("link")->items().size(), 1u);
  const auto& entries = all.Find("entry")->items();
  EXPECT_EQ(entries[0].Find("resource"), nullptr);
  EXPECT_EQ(entries[0].Find("request")->Find("method")->AsString(), "DELETE");
  EXPECT_EQ(entries[1].Find("request")->Find("method")->AsString(), "PUT");
  EXPECT_EQ(entries[1].Find("fullUrl")->AsString(), std::string(kBase) + "Patient/p");
  EXPECT_EQ(Text(entries[3], "status"), "201 Created");
  EXPECT_THAT(Get("Patient/p/_history").body, HasSubstr("\"x\":1.0"));

  Value page = read("?_count=3");
  EXPECT_EQ(tags(page), "432");
  const std::string next = page.Find("link")->items().at(1).Find("url")->AsString();
  ASSERT_THAT(next, StartsWith(std::string(kBase)));
  const Response last = Get(next.substr(kBase.size()));
  EXPECT_EQ(tags(json::ParseValue(last.body).value()), "1");
  EXPECT_EQ(tags(read("?_count=0")), "");
  EXPECT_EQ(tags(read("?_since=2026-01-02T03:04:07Z")), "43");
  EXPECT_EQ(read("?_since=2026").Find("total"), nullptr);
  EXPECT_EQ(tags(read("?_at=2026-01-02T03:04:06Z")), "21");
  EXPECT_EQ(tags(read("?_at=2025")), "");

  for (const std::string query : {"?_count=-1", "?_count=x", "?_since=x", "?_at=x", "?page=0",
                                  "?page=x", "?_sort=x", "?_count=1&_count=2"}) {
    EXPECT_EQ(Get("Patient/p/_history" + query).status, 400) << query;
  }
  EXPECT_EQ(Get("Patient/never/_history").status, 404);
  EXPECT_EQ(Get("Cat/p/_history").status, 404);
  authorized_ = false;
  EXPECT_EQ(Get("Patient/p/_history").status, 401);
}

// Shows: interaction read and history in a Bundle
TEST_F(BundleApiTest, EntriesReadAsSingleReadsDo) {
  ASSERT_EQ(Put("Patient/p", R"({"resourceType":"Patient","id":"p","active":true,"name":[{
                "family":"x"}],"photo":[{"title":"me"}]})")
                .status,
            201);
  const std::vector<std::string> paths = {"Patient/p?_summary=true",
                                          "Patient/p?_elements=photo&_pretty=true",
                                          "Patient/p/_history/1?_summary=data",
                                          "Patient/p/_history?_elements=active",
                                          "Patient/p/_history?_summary=count",
                                          "Patient?_id=p&_elements=photo"};
  std::vector<std::string> entries;
  for (const std::string& path : paths) entries.push_back(Only("GET", path));
  for (const std::string type : {"batch", "transaction"}) {
    const Response response = SendBundle(type, entries);
    const auto answers = EntriesOf(response);
    ASSERT_EQ(answers.size(), paths.size()) << response.body;
    for (size_t i = 0; i < paths.size(); ++i) {
      SCOPED_TRACE(paths[i]);
      Value alone = json::ParseValue(Get(paths[i]).body).value();
      Value within = *answers[i].Find("resource");
      EXPECT_EQ(Text(answers[i], "status"), "200 OK");
      const bool bundle = alone.Find("resourceType")->AsString() == "Bundle";
      if (!bundle) {
        EXPECT_EQ(json::ToText(within), json::ToText(alone));
        continue;
      }
      // Bundles have ids of their own.
      EXPECT_EQ(within.Find("type")->AsString(), alone.Find("type")->AsString());
      EXPECT_EQ(within.Find("total")->AsInt(), alone.Find("total")->AsInt());
      ASSERT_EQ(within.Find("entry") == nullptr, alone.Find("entry") == nullptr);
      if (within.Find("entry") != nullptr) {
        EXPECT_EQ(json::ToText(*within.Find("entry")), json::ToText(*alone.Find("entry")));
      }
    }
  }
}

TEST_F(BundleApiTest, EntriesRefuseAsSingleReadsDo) {
  ASSERT_EQ(Put("Patient/p", R"({"resourceType":"Patient","id":"p"})").status, 201);
  EXPECT_EQ(
      StatusesOf(SendBundle(
          "batch",
          {Only("GET", "Patient/p?_summary=count"), Only("GET", "Patient/p?_elements=nothing"),
           Only("GET", "Patient/p?_elements=name&_summary=true"), Only("GET", "Patient/p?name=x"),
           Only("GET", "Patient/p/_history?_at=x"), Only("GET", "Patient/never/_history"),
           Only("GET", "metadata"), Only("GET", "Cat?name=x"),
           Only("GET", "http://elsewhere/Patient/p"), Only("GET", "Patient/bad_id"),
           Only("GET", "Group/g/Observation")})),
      (Statuses{"400", "400", "400", "400", "400", "404", "501", "404", "404", "404", "404"}));
  const http::Headers::Field lenient = {"Prefer", "handling=lenient"};
  EXPECT_EQ(StatusesOf(SendBundle(
                "batch",
                {Only("GET", "Patient/p?name=x"), Only("GET", "Patient/p?_elements=nothing,id"),
                 Only("GET", "Patient/p?_summary=nothing")},
                lenient)),
            (Statuses{"200", "200", "400"}));
  // As a missing resource fails a transaction, so do parameters that nobody knows.
  EXPECT_EQ(SendBundle("transaction", {Only("GET", "Patient/p?name=x")}).status, 400);
}

}  // namespace
}  // namespace tarn::fhir_api
