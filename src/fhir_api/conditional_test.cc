// Conditional creation, update and deletion by header and query, and idempotency keys, over a data
// store in memory; and of many clients at once, exactly one creates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "fhir_api/internal/test_api.h"
#include "json/value.h"

namespace tarn::fhir_api {
namespace {

using json::Value;
using testing::HasSubstr;
using testing::StartsWith;

std::string PatientOf(std::string_view identifier, std::string_view id = "") {
  std::string text = R"({"resourceType":"Patient",)";
  if (!id.empty()) text += R"("id":")" + std::string(id) + "\",";
  return text + R"("identifier":[{"system":"urn:s","value":")" + std::string(identifier) +
         R"("}],"name":[{"family":"Smith"}]})";
}

class ConditionalTest : public FhirApiTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(Put("Patient/p1", PatientOf("1", "p1")).status, 201);
    ASSERT_EQ(Put("Patient/p2", PatientOf("2", "p2")).status, 201);
  }
  int64_t Count(const std::string& query) {
    const Response response = Get("Patient?_summary=count&" + query);
    return json::ParseValue(response.body).value().Find("total")->AsInt().value_or(-1);
  }
};

// Shows: interaction conditional create
TEST_F(ConditionalTest, CreatesWhatDoesNotExist) {
  const http::Headers::Field nobody = {"If-None-Exist", "identifier=urn:s%7C3"};
  const Response created = Post("Patient", PatientOf("3"), nobody);
  EXPECT_EQ(created.status, 201) << created.body;
  const std::string location(created.headers.Get("Location"));
  EXPECT_THAT(location, StartsWith(std::string(kBase) + "Patient/"));
  // The repetition finds it, however the criteria are written, and writes nothing.
  for (const std::string criteria :
       {"identifier=urn:s%7C3", "identifier=urn:s|3", "?identifier=urn:s|3"}) {
    const Response again = Post("Patient", PatientOf("4"), {"If-None-Exist", criteria});
    EXPECT_EQ(again.status, 200) << again.body;
    EXPECT_EQ(again.headers.Get("Location"), location);
    EXPECT_EQ(again.headers.Get("ETag"), "W/\"1\"");
    EXPECT_THAT(again.body, HasSubstr(R"("value":"3")"));
  }
  EXPECT_EQ(Count("identifier=urn:s|4"), 0);
  const Response many = Post("Patient", PatientOf("5"), {"If-None-Exist", "name=smith"});
  EXPECT_EQ(many.status, 412);
  EXPECT_EQ(CodeOf(many), "multiple-matches");
  for (const std::string criteria : {"", "nonsense=1", "_count=1", "birthdate=x"}) {
    SCOPED_TRACE(criteria);
    EXPECT_EQ(Post("Patient", PatientOf("5"), {"If-None-Exist", criteria}).status, 400);
  }
  EXPECT_EQ(Put("Patient/p1", PatientOf("1", "p1"), nobody).status, 501);
  EXPECT_EQ(Post("Patient", "{", {"If-None-Exist", "identifier=urn:s|6"}).status, 400);
  EXPECT_EQ(Count("name=smith"), 3);
}

// Shows: interaction conditional update
TEST_F(ConditionalTest, UpdatesWhatMatches) {
  struct Case {
    std::string criteria;
    std::string body;
    int status;
    std::string_view text;  // In the answer.
  };
  for (const Case& c : {
           // One match: with its id, without any, with another one.
           Case{"identifier=urn:s|1", PatientOf("1", "p1"), 200, R"("versionId":"2")"},
           Case{"identifier=urn:s|1", PatientOf("1"), 200, R"("versionId":"3")"},
           Case{"identifier=urn:s|1", PatientOf("1", "p2"), 400, "resource.id"},
           // None: without id, with a new one, with one that is taken, with one that was deleted.
           Case{"identifier=urn:s|3", PatientOf("3"), 201, R"("versionId":"1")"},
           Case{"identifier=urn:s|4", PatientOf("4", "p4"), 201, R"("id":"p4")"},
           Case{"identifier=urn:s|5", PatientOf("5", "p2"), 409, "resource.id"},
           Case{"identifier=urn:s|6", PatientOf("6", "gone"), 201, R"("versionId":"3")"},
           Case{"name=smith", PatientOf("1"), 412, "multiple-matches"},
           Case{"", PatientOf("1"), 400, "criteria"},
           Case{"nonsense=1", PatientOf("1"), 400, "nonsense"},
           Case{"identifier=urn:s|1", "{", 400, "invalid"},
           Case{"identifier=urn:s|1", R"({"resourceType":"Basic"})", 400, "resourceType"},
       }) {
    SCOPED_TRACE(c.criteria + " " + c.body);
    if (c.criteria == "identifier=urn:s|6") {
      ASSERT_EQ(Put("Patient/gone", PatientOf("x", "gone")).status, 201);
      ASSERT_EQ(Remove("Patient/gone").status, 204);
    }
    const Response response = Put("Patient?" + c.criteria, c.body);
    EXPECT_EQ(response.status, c.status) << response.body;
    EXPECT_THAT(response.body, HasSubstr(c.text));
    EXPECT_EQ(response.headers.Find("Location") != nullptr, c.status == 201);
  }
  EXPECT_EQ(Put("Patient?identifier=urn:s|1", PatientOf("1"), {"If-Match", "W/\"1\""}).status, 412);
  EXPECT_EQ(Put("Patient?identifier=urn:s|1", PatientOf("1"), {"If-None-Match", "*"}).status, 412);
  EXPECT_EQ(Put("Patient?identifier=urn:s|1", PatientOf("1"), {"If-Match", "W/\"3\""}).status, 200);
  EXPECT_EQ(Put("AuditEvent?_id=x", R"({"resourceType":"AuditEvent"})").status, 405);
  EXPECT_EQ(Put("Cat?_id=x", R"({"resourceType":"Cat"})").status, 404);
}

// Shows: interaction conditional delete of one
TEST_F(ConditionalTest, DeletesTheOneThatMatches) {
  EXPECT_EQ(Remove("Patient?name=smith").status, 412);
  EXPECT_EQ(Remove("Patient?name=nobody").status, 404);
  EXPECT_EQ(Remove("Patient").status, 400);
  EXPECT_EQ(Remove("Patient?_count=1&name=smith").status, 400);
  // HealthLake: the id is there and the rest does not hold.
  EXPECT_EQ(Remove("Patient?_id=p1&identifier=urn:s|2").status, 409);
  EXPECT_EQ(Remove("Patient?_id=never&identifier=urn:s|2").status, 404);
  EXPECT_EQ(Remove("Patient?identifier=urn:s|1", {"If-Match", "W/\"7\""}).status, 412);
  const Response deleted = Remove("Patient?identifier=urn:s|1");
  EXPECT_EQ(deleted.status, 204);
  EXPECT_EQ(deleted.headers.Get("ETag"), "W/\"2\"");
  EXPECT_EQ(Get("Patient/p1").status, 410);
  EXPECT_EQ(Remove("Patient?identifier=urn:s|1").status, 404);
  EXPECT_EQ(Remove("AuditEvent?_id=x").status, 405);
}

// Shows: general x-amz-fhir-idempotency-key
TEST_F(ConditionalTest, IdempotencyKeysAreGoodOnce) {
  const std::string key = "01234567-89ab-CDEF-0123-456789abcdef";
  const http::Headers::Field header = {"x-amz-fhir-idempotency-key", key};
  const Response created = Post("Patient", PatientOf("3"), header);
  ASSERT_EQ(created.status, 201) << created.body;
  for (const std::string& same : {key, std::string("01234567-89AB-cdef-0123-456789ABCDEF")}) {
    const Response again = Post("Patient", PatientOf("3"), {header.first, same});
    EXPECT_EQ(again.status, 409);
    EXPECT_EQ(CodeOf(again), "duplicate");
    EXPECT_EQ(again.headers.Get("Location"), created.headers.Get("Location"));
  }
  EXPECT_EQ(Count("identifier=urn:s|3"), 1);
  for (const std::string bad :
       {"", "x", "0123456789abcdef0123456789abcdef0123", "g1234567-89ab-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdef0"}) {
    EXPECT_EQ(Post("Patient", PatientOf("4"), {header.first, bad}).status, 400) << bad;
  }
  // A creation that failed has not used its key.
  const http::Headers::Field other = {header.first, "11234567-89ab-cdef-0123-456789abcdef"};
  EXPECT_EQ(Post("Patient", "{", other).status, 400);
  EXPECT_EQ(Post("Patient", PatientOf("4"), other).status, 201);
  EXPECT_EQ(Put("Patient/p1", PatientOf("1", "p1"), header).status, 501);
}

// N clients that create the same what does not exist make exactly one resource; each is told which.
TEST_F(ConditionalTest, OfManyClientsOneCreates) {
  constexpr int kClients = 8;
  const auto ask = [this](int round, int client) -> Response {
    const std::string value = "r" + std::to_string(round);
    const std::string criteria = "identifier=urn:s|" + value;
    const std::string entry = R"({"resource":)" + PatientOf(value) + R"(,"request":{)";
    const auto send = [this](std::string_view type, const std::string& one) {
      return Post("", R"({"resourceType":"Bundle","type":")" + std::string(type) +
                          R"(","entry":[)" + one + "]}");
    };
    switch (client % 4) {
      case 0:
        return Post("Patient", PatientOf(value), {"If-None-Exist", criteria});
      case 1:
        return Put("Patient?" + criteria, PatientOf(value));
      case 2:
        return send("transaction", entry + R"("method":"POST","url":"Patient","ifNoneExist":")" +
                                       criteria + "\"}}");
      default:
        return send("batch", entry + R"("method":"PUT","url":"Patient?)" + criteria + "\"}}");
    }
  };
  for (int round = 0; round < 20; ++round) {
    std::vector<int> statuses(kClients);
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client) {
      clients.emplace_back(
          [&, client] { statuses[static_cast<size_t>(client)] = ask(round, client).status; });
    }
    for (std::thread& client : clients) client.join();
    for (const int status : statuses) EXPECT_THAT(status, testing::AnyOf(200, 201));
    EXPECT_EQ(Count("identifier=urn:s|r" + std::to_string(round)), 1) << round;
  }
  // The same with one idempotency key.
  std::vector<int> statuses(kClients);
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      statuses[static_cast<size_t>(client)] =
          Post("Patient", PatientOf("once"),
               {"x-amz-fhir-idempotency-key", "21234567-89ab-cdef-0123-456789abcdef"})
              .status;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 201), 1);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 409), kClients - 1);
  EXPECT_EQ(Count("identifier=urn:s|once"), 1);
}

// One transaction does not make two by the same criteria either.
TEST_F(ConditionalTest, OneTransactionCreatesOnce) {
  const std::string entry =
      R"({"resource":)" + PatientOf("9") +
      R"(,"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:s|9"}})";
  const Response response = Post("", R"({"resourceType":"Bundle","type":"transaction","entry":[)" +
                                         entry + "," + entry + "]}");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(CodeOf(response), "duplicate");
  EXPECT_EQ(Count("identifier=urn:s|9"), 0);
}

}  // namespace
}  // namespace tarn::fhir_api
