#include "fhir_api/fhir_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "fhir_api/internal/test_api.h"
#include "fhir_api/limits.h"
#include "json/value.h"

namespace tarn::fhir_api {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// Shows: interaction read
TEST_F(FhirApiTest, ReadsWhatWasWritten) {
  const Response put =
      Put("Patient/p1", R"({ "resourceType":"Patient" , "id":"p1","multipleBirthInteger":1.00 })");
  EXPECT_EQ(put.status, 201);
  const std::string body =
      R"({ "resourceType":"Patient" , "id":"p1","meta":{"versionId":"1",)"
      R"("lastUpdated":"2026-01-02T03:04:05.678Z"},"multipleBirthInteger":1.00 })";
  EXPECT_EQ(put.body, body);
  for (const Method method : {Method::kGet, Method::kHead}) {
    const Response got = Send({.method = method, .path = "Patient/p1"});
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, body);
    EXPECT_EQ(got.headers.Get("ETag"), "W/\"1\"");
    EXPECT_EQ(got.headers.Get("Last-Modified"), "Fri, 02 Jan 2026 03:04:05 GMT");
    EXPECT_EQ(got.headers.Get("Content-Type"), "application/fhir+json");
  }
  EXPECT_EQ(Get("Patient/p1", {"Accept", "application/json"}).headers.Get("Content-Type"),
            "application/json");
  const Response absent = Get("Patient/p2");
  EXPECT_EQ(absent.status, 404);
  EXPECT_EQ(CodeOf(absent), "not-found");
  EXPECT_EQ(Get("Observation/p1").status, 404);
}

// Shows: interaction conditional read
TEST_F(FhirApiTest, ConditionalReads) {
  ASSERT_EQ(Put("Patient/p1", R"({"resourceType":"Patient","id":"p1"})").status, 201);
  struct Case {
    http::Headers::Field header;
    int status;
  };
  for (const Case& c : {
           Case{{"If-None-Match", "W/\"1\""}, 304},
           Case{{"If-None-Match", "W/\"2\", W/\"1\""}, 304},
           Case{{"If-None-Match", "*"}, 304},
           Case{{"If-None-Match", "W/\"2\""}, 200},
           Case{{"If-Modified-Since", "Fri, 02 Jan 2026 03:04:05 GMT"}, 304},
           Case{{"If-Modified-Since", "Fri, 02 Jan 2026 03:04:04 GMT"}, 200},
           Case{{"If-Modified-Since", "yesterday"}, 200},
       }) {
    SCOPED_TRACE(c.header.first + ": " + c.header.second);
    const Response got = Get("Patient/p1", c.header);
    EXPECT_EQ(got.status, c.status);
    EXPECT_EQ(got.body.empty(), c.status == 304);
    EXPECT_EQ(got.headers.Get("ETag"), "W/\"1\"");
  }
}

// Shows: interaction vread
TEST_F(FhirApiTest, ReadsVersions) {
  ASSERT_EQ(Put("Patient/p1", R"({"resourceType":"Patient","id":"p1","active":true})").status, 201);
  clock_.AdvanceMs(1000);
  ASSERT_EQ(Put("Patient/p1", R"({"resourceType":"Patient","id":"p1","active":false})").status,
            200);
  ASSERT_EQ(Remove("Patient/p1").status, 204);
  EXPECT_THAT(Get("Patient/p1/_history/1").body, HasSubstr("\"active\":true"));
  EXPECT_EQ(Get("Patient/p1/_history/1").headers.Get("ETag"), "W/\"1\"");
  EXPECT_THAT(Get("Patient/p1/_history/2").body, HasSubstr("\"active\":false"));
  EXPECT_EQ(Get("Patient/p1/_history/2", {"If-None-Match", "W/\"2\""}).status, 304);
  EXPECT_EQ(Get("Patient/p1/_history/3").status, 410);
  for (const std::string version : {"4", "0", "01", "x", "99999999999999999999", "-1"}) {
    EXPECT_EQ(Get("Patient/p1/_history/" + version).status, 404) << version;
  }
}

// Shows: interaction create
TEST_F(FhirApiTest, Creates) {
  const Response created = Post("Patient", R"({"resourceType":"Patient","id":"mine"})");
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.headers.Get("ETag"), "W/\"1\"");
  const std::string location(created.headers.Get("Location"));
  EXPECT_THAT(location, StartsWith(std::string(kBase) + "Patient/"));
  EXPECT_THAT(location, EndsWith("/_history/1"));
  EXPECT_EQ(created.body.find("mine"), std::string::npos);
  const Response got = Get(location.substr(kBase.size()));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, created.body);
  EXPECT_EQ(Get("Patient/mine").status, 404);
}

// Shows: interaction update, update as create
TEST_F(FhirApiTest, Updates) {
  const std::string text = R"({"resourceType":"Patient","id":"p1"})";
  const Response created = Put("Patient/p1", text);
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.headers.Get("Location"), std::string(kBase) + "Patient/p1/_history/1");
  const Response updated = Put("Patient/p1", text);
  EXPECT_EQ(updated.status, 200);
  EXPECT_EQ(updated.headers.Get("ETag"), "W/\"2\"");
  EXPECT_EQ(updated.headers.Find("Location"), nullptr);
  EXPECT_EQ(Remove("Patient/p1").status, 204);
  EXPECT_EQ(Put("Patient/p1", text).status, 201);  // Created again.
}

TEST_F(FhirApiTest, RefusesWhatIsNoSuchResource) {
  struct Case {
    std::string path, body;
    int status;
    std::string code;
  };
  for (const Case& c : {
           Case{"Patient/p1", "", 400, "invalid"},
           Case{"Patient/p1", "{", 400, "invalid"},
           Case{"Patient/p1", R"({"resourceType":"Patient","id":"p1","id":"p1"})", 400, "invalid"},
           Case{"Patient/p1", R"({"resourceType":"Patient"})", 400, "invalid"},
           Case{"Patient/p1", R"({"resourceType":"Patient","id":"p2"})", 400, "invalid"},
           Case{"Patient/p1", R"({"resourceType":"Basic","id":"p1"})", 400, "invalid"},
           Case{"Patients/p1", R"({"resourceType":"Patient","id":"p1"})", 404, "not-supported"},
           Case{"Patient/p_1", R"({"resourceType":"Patient","id":"p_1"})", 404, "not-found"},
           Case{"Patient/p1",
                R"({"resourceType":"Patient","id":"p1","a":)" + std::string(64, '[') +
                    std::string(64, ']') + "}",
                400, "invalid"},
       }) {
    SCOPED_TRACE(c.body);
    const Response response = Put(c.path, c.body);
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(CodeOf(response), c.code);
  }
  EXPECT_EQ(Get("Patient/p1").status, 404);
  const Response deep = Put("Patient/p1", "{\"a\":\n" + std::string(64, '['));
  EXPECT_EQ(deep.status, 400);
  EXPECT_THAT(deep.body, HasSubstr("line 2, column 64 (byte 69): nested too deep"));
}

TEST_F(FhirApiTest, BoundsBodies) {
  const auto text_of = [](size_t bytes) {
    std::string text = R"({"resourceType":"Patient","id":"p1","x":")";
    text.append(bytes - text.size() - 2, 'x');
    return text + "\"}";
  };
  EXPECT_EQ(Put("Patient/p1", text_of(kBodyBytesMax)).status, 201);
  const Response refused = Put("Patient/p1", text_of(kBodyBytesMax + 1));
  EXPECT_EQ(refused.status, 413);
  EXPECT_EQ(CodeOf(refused), "too-long");
}

// Shows: interaction update with If-Match
TEST_F(FhirApiTest, ConditionalWrites) {
  const std::string text = R"({"resourceType":"Patient","id":"p1"})";
  EXPECT_EQ(Put("Patient/p1", text, {"If-Match", "W/\"1\""}).status, 412);
  EXPECT_EQ(Put("Patient/p1", text, {"If-None-Match", "*"}).status, 201);
  const Response exists = Put("Patient/p1", text, {"If-None-Match", "*"});
  EXPECT_EQ(exists.status, 412);
  EXPECT_EQ(CodeOf(exists), "conflict");
  EXPECT_EQ(Put("Patient/p1", text, {"If-Match", "W/\"1\""}).status, 200);
  EXPECT_EQ(Put("Patient/p1", text, {"If-Match", "W/\"1\""}).status, 412);
  EXPECT_EQ(Put("Patient/p1", text, {"If-Match", "\"2\""}).status, 200);
  for (const std::string tag : {"*", "3", "W/\"2\", W/\"3\"", "W/\"x\"", ""}) {
    EXPECT_EQ(Put("Patient/p1", text, {"If-Match", tag}).status, 400) << tag;
  }
  EXPECT_EQ(Put("Patient/p1", text, {"If-None-Match", "W/\"3\""}).status, 400);
  EXPECT_EQ(Remove("Patient/p1", {"If-Match", "W/\"2\""}).status, 412);
  EXPECT_EQ(Remove("Patient/p1", {"If-Match", "W/\"3\""}).status, 204);
  EXPECT_EQ(Put("Patient/p1", text, {"If-None-Match", "*"}).status, 412);  // It existed.
}

// Shows: interaction delete
TEST_F(FhirApiTest, Deletes) {
  ASSERT_EQ(Put("Patient/p1", R"({"resourceType":"Patient","id":"p1"})").status, 201);
  const Response deleted = Remove("Patient/p1");
  EXPECT_EQ(deleted.status, 204);
  EXPECT_EQ(deleted.body, "");
  EXPECT_EQ(deleted.headers.Get("ETag"), "W/\"2\"");
  const Response gone = Get("Patient/p1");
  EXPECT_EQ(gone.status, 410);
  EXPECT_EQ(CodeOf(gone), "deleted");
  EXPECT_EQ(Remove("Patient/p1").status, 204);
  EXPECT_EQ(Remove("Patient/never").status, 404);
  const Response said = Remove("Patient/p1", {"Prefer", "return=OperationOutcome"});
  EXPECT_EQ(said.status, 200);
  EXPECT_EQ(CodeOf(said), "informational");
}

// Shows: general Prefer: return
TEST_F(FhirApiTest, Preferences) {
  const std::string text = R"({"resourceType":"Patient","id":"p1"})";
  const Response minimal = Put("Patient/p1", text, {"Prefer", "return=minimal"});
  EXPECT_EQ(minimal.status, 201);
  EXPECT_EQ(minimal.body, "");
  EXPECT_EQ(minimal.headers.Find("Content-Type"), nullptr);
  EXPECT_EQ(minimal.headers.Get("Preference-Applied"), "return=minimal");
  EXPECT_EQ(minimal.headers.Get("ETag"), "W/\"1\"");
  const Response outcome = Put("Patient/p1", text, {"Prefer", "return=OperationOutcome"});
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(CodeOf(outcome), "informational");
  const Response whole = Put("Patient/p1", text, {"Prefer", "return=representation"});
  EXPECT_THAT(whole.body, HasSubstr("\"versionId\":\"3\""));
}

// Shows: general Accept, Content-Type, _format; refused formats other than JSON
TEST_F(FhirApiTest, NegotiatesForms) {
  const std::string text = R"({"resourceType":"Patient","id":"p1"})";
  const Response xml = Put("Patient/p1", text, {"Content-Type", "application/fhir+xml"});
  EXPECT_EQ(xml.status, 415);
  EXPECT_EQ(CodeOf(xml), "not-supported");
  for (const auto& [method, path] :
       {std::pair(Method::kPut, "Patient/p1"), std::pair(Method::kPost, "Patient")}) {
    const Response untyped =
        Send({.method = method, .path = path, .body = text, .has_type = false});
    EXPECT_EQ(untyped.status, 415);
    EXPECT_EQ(CodeOf(untyped), "not-supported");
    EXPECT_THAT(untyped.body, HasSubstr("application/fhir+json"));
  }
  EXPECT_EQ(Get("Patient/p1").status, 404);
  EXPECT_EQ(Put("Patient/p1", text, {"Content-Type", "application/json"}).status, 201);
  EXPECT_EQ(Get("Patient/p1", {"Accept", "application/fhir+xml"}).status, 406);
  EXPECT_EQ(Get("Patient/p1?_format=json", {"Accept", "text/html"}).status, 200);
  EXPECT_EQ(Get("Patient/p1?_format=xml").status, 406);
  EXPECT_EQ(Get("Patient/p1?_count=1").status, 400);
  EXPECT_EQ(Get("Patient/p1?_count=1", {"Prefer", "handling=lenient"}).status, 200);
  EXPECT_EQ(Get("Patient/p1?_pretty=true").status, 200);
}

TEST_F(FhirApiTest, NeverIgnoresWhatItDoesNotDo) {
  const std::string text = R"({"resourceType":"Patient","id":"p1"})";
  EXPECT_EQ(Put("Patient/p1", text, {"If-None-Exist", "identifier=1"}).status, 501);
  EXPECT_EQ(Put("Patient/p1", text, {"x-amz-fhir-idempotency-key", "k"}).status, 501);
  EXPECT_EQ(Post("", "{}", {"If-None-Exist", "identifier=1"}).status, 501);
  EXPECT_EQ(Post("Patient", text, {"x-amzn-healthlake-fhir-validation-level", "loose"}).status,
            400);
  EXPECT_EQ(Post("Patient", text, {"x-amzn-healthlake-fhir-validation-level", "minimal"}).status,
            201);
  EXPECT_EQ(Get("Patient/$everything").status, 501);
  EXPECT_EQ(Get("Patient/_search").status, 405);
  EXPECT_EQ(Post("$export", "{}").status, 501);
  const Response audit = Put("AuditEvent/a", R"({"resourceType":"AuditEvent","id":"a"})");
  EXPECT_EQ(audit.status, 405);
  EXPECT_EQ(audit.headers.Get("Allow"), "GET, HEAD");
  EXPECT_EQ(Remove("AuditEvent/a").status, 405);
  EXPECT_EQ(Post("AuditEvent", R"({"resourceType":"AuditEvent"})").status, 201);
}

TEST_F(FhirApiTest, OptionsNameTheMethods) {
  for (const auto& [path, allow] :
       std::vector<std::pair<std::string, std::string>>{{"Patient/p1", "GET, HEAD, PUT, DELETE"},
                                                        {"Patient", "GET, HEAD, POST, PUT, DELETE"},
                                                        {"AuditEvent", "GET, HEAD, POST"},
                                                        {"AuditEvent/a", "GET, HEAD"},
                                                        {"metadata", "GET, HEAD"}}) {
    const Response response = Send({.method = Method::kOptions, .path = path});
    EXPECT_EQ(response.status, 204) << path;
    EXPECT_EQ(response.headers.Get("Allow"), allow);
    EXPECT_EQ(response.body, "");
  }
  EXPECT_EQ(Send({.method = Method::kOptions, .path = "nonsense"}).status, 404);
}

TEST_F(FhirApiTest, DataStoresThatAreNotThere) {
  EXPECT_EQ(Send({.path = "Patient/p1", .store = "none"}).status, 404);
  EXPECT_EQ(Send({.path = "metadata", .store = "none"}).status, 404);
  EXPECT_EQ(Send({.path = "Patient", .store = "none"}).status, 404);
  EXPECT_EQ(Send({.path = "Patient/p1", .store = "creating"}).status, 409);
}

TEST_F(FhirApiTest, AsksWhoCalls) {
  authorized_ = false;
  for (const std::string path : {"Patient/p1", "Patient/p1/_history/1", "Patient", "nonsense"}) {
    const Response refused = Get(path);
    EXPECT_EQ(refused.status, 401) << path;
    EXPECT_EQ(CodeOf(refused), "login");
  }
  EXPECT_EQ(Put("Patient/p1", "{}").status, 401);
  EXPECT_EQ(Post("Patient", "{}").status, 401);
  EXPECT_EQ(Remove("Patient/p1").status, 401);
  EXPECT_EQ(Get("metadata").status, 200);
}

TEST_F(FhirApiTest, SmartDataStores) {
  const std::string smart(kSmartStore);
  for (const std::string path : {"Patient/p1", "Patient/p1/_history/1", "Patient"}) {
    const Response refused = Send({.path = path, .store = smart});
    EXPECT_EQ(refused.status, 401) << path;
    EXPECT_EQ(refused.headers.Get("WWW-Authenticate"), "Bearer");
    EXPECT_EQ(CodeOf(refused), "login");
  }
  const Ask discovery = {.path = ".well-known/smart-configuration", .store = smart};
  EXPECT_EQ(Send(discovery).status, 200);
  EXPECT_EQ(Send(discovery).body, kDiscovery);
  EXPECT_EQ(Send(discovery).headers.Get("Content-Type"), "application/json");
  EXPECT_THAT(Send({.path = "metadata", .store = smart}).body, HasSubstr("SMART-on-FHIR"));
  EXPECT_EQ(Get(".well-known/smart-configuration").status, 404);
  discovery_.clear();
  const Response missing = Send(discovery);
  EXPECT_EQ(missing.status, 404);
  EXPECT_THAT(missing.body, HasSubstr("IdentityProviderConfiguration.Metadata"));
  MakeApi(true);
  EXPECT_EQ(Send({.path = "Patient/p1", .store = smart}).status, 404);
}

// Shows: interaction capabilities
TEST_F(FhirApiTest, Metadata) {
  const Response response = Get("metadata?mode=full");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.Get("Content-Type"), "application/fhir+json");
  EXPECT_THAT(response.body, HasSubstr(kBase));
  EXPECT_EQ(Get("metadata", {"Accept", "text/html"}).status, 406);
}

// A method and pattern that is added twice stops the process.
TEST_F(FhirApiTest, RoutesDoNotCollide) {
  http::Router router;
  api_->AddRoutes(&router);
}

TEST_F(FhirApiTest, StorageFaultsAreSaid) {
  engine_.SetFault({.kind = ErrorKind::kUnavailable});
  const Response response = Put("Patient/p1", R"({"resourceType":"Patient","id":"p1"})");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.Get("Retry-After"), "1");
  EXPECT_EQ(CodeOf(response), "transient");
}

TEST(FhirPaths, AreTold) {
  for (const std::string_view path :
       {"/datastore/x/r4", "/datastore/x/r4/", "/datastore/x/r4/A/b"}) {
    EXPECT_TRUE(IsFhirPath(path)) << path;
  }
  for (const std::string_view path :
       {"/", "/datastore", "/datastore/x", "/datastore/x/r5/", "/datastore/x/r44", "/health"}) {
    EXPECT_FALSE(IsFhirPath(path)) << path;
  }
}

TEST(ErrorResponses, AreOutcomes) {
  for (const int status : {400, 404, 405, 408, 413, 429, 431, 500, 501, 503, 505, 418}) {
    const Response response = ErrorResponse(status, "said");
    EXPECT_EQ(response.status, status);
    EXPECT_THAT(response.body, HasSubstr("OperationOutcome"));
    EXPECT_THAT(response.body, HasSubstr("said"));
  }
}

}  // namespace
}  // namespace tarn::fhir_api
