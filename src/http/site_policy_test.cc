#include "http/site_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/internal/raw_client.h"
#include "http/internal/test_server.h"

namespace tarn::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Verdict = SitePolicy::Verdict;

SitePolicy MakePolicy(const SitePolicyOptions& options = {}) {
  auto policy = SitePolicy::Create(options);
  CHECK(policy.ok());
  policy.value().SetOwnAuthority("127.0.0.1:8080");
  return std::move(policy).value();
}

Request HeadFor(std::string_view host) {
  Request head;
  head.authority = host;
  head.headers.Add("Host", std::string(host));
  return head;
}

TEST(SitePolicy, KnowsLoopbackAndWhatItIsTold) {
  SitePolicyOptions options;
  options.allowed_hosts = {"tarn.example", "192.0.2.7", "2001:db8::1", "[2001:db8::2]"};
  options.endpoint_url = "https://Health.Example:8443/base";
  const SitePolicy policy = MakePolicy(options);
  for (const std::string_view host : {"127.0.0.1:8080",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:1",
                                      "127.255.255.254:8080",
                                      "localhost",
                                      "LocalHost:8080",
                                      "localhost.",
                                      "localhost.:80",
                                      "bucket.localhost:9000",
                                      "a.b.localhost",
                                      "[::1]",
                                      "[::1]:8080",
                                      "[0:0:0:0:0:0:0:1]:80",
                                      "runtime-localhost:8080",
                                      "runtime-127.0.0.1:8080",
                                      "runtime-x.localhost",
                                      "tarn.example",
                                      "TARN.example:443",
                                      "tarn.example.",
                                      "192.0.2.7:80",
                                      "[2001:db8::1]:80",
                                      "[2001:db8::2]",
                                      "health.example",
                                      "health.example:1",
                                      "runtime-health.example"}) {
    EXPECT_EQ(policy.Judge(HeadFor(host)), Verdict::kAnswer) << host;
  }
  for (const std::string_view host : {"",
                                      ":8080",
                                      "x",
                                      "evil.example",
                                      "evil.example:8080",
                                      "localhost.evil.example",
                                      "127.0.0.1.evil.example",
                                      "evillocalhost",
                                      ".localhost",
                                      "localhost..",
                                      "runtime-",
                                      "runtime-evil.example",
                                      "runtime-runtime-localhost",
                                      "runtime-tarn.example",
                                      "x.tarn.example",
                                      "tarn.example.evil",
                                      "0.0.0.0:8080",
                                      "128.0.0.1",
                                      "127.1",
                                      "2130706433",
                                      "0x7f000001",
                                      "0177.0.0.1",
                                      "127.0.0.1:80:80",
                                      "127.0.0.1:8080x",
                                      "::1",
                                      "[::1",
                                      "[::ffff:127.0.0.1]",
                                      "[::2]",
                                      "[127.0.0.1]",
                                      "[::1]x",
                                      "[::1]:80x",
                                      "localhost:123456",
                                      "localhost,evil.example",
                                      "10.0.0.1",
                                      "192.0.2.8"}) {
    EXPECT_EQ(policy.Judge(HeadFor(host)), Verdict::kWrongHost) << host;
  }
  EXPECT_EQ(MakePolicy().Judge(HeadFor("tarn.example")), Verdict::kWrongHost);
  EXPECT_EQ(MakePolicy().Judge(Request()), Verdict::kAnswer) << "HTTP/1.0 without Host";
}

TEST(SitePolicy, JudgesPagesByTheirOrigin) {
  SitePolicyOptions options;
  options.allowed_origins = {"http://localhost:3000", "https://App.Example", "http://[::1]:5173",
                             "http://plain.example:80"};
  options.endpoint_url = "https://health.example";
  const SitePolicy policy = MakePolicy(options);
  struct Case {
    std::string_view host;
    std::string_view origin;
    Verdict verdict;
    bool tls = false;
  };
  for (const Case& c : {
           // The server's own pages.
           Case{"127.0.0.1:8080", "http://127.0.0.1:8080", Verdict::kAnswer},
           Case{"localhost:8080", "http://localhost:8080", Verdict::kAnswer},
           Case{"LOCALHOST:8080", "http://localhost:8080", Verdict::kAnswer},
           Case{"localhost:8080", "https://localhost:8080", Verdict::kAnswer, true},
           Case{"localhost:8080", "https://localhost:8080", Verdict::kForeignOrigin},
           Case{"localhost:8080", "http://localhost:8080", Verdict::kForeignOrigin, true},
           Case{"localhost:8080", "http://127.0.0.1:8080", Verdict::kForeignOrigin},
           Case{"localhost:8080", "http://localhost:8081", Verdict::kForeignOrigin},
           Case{"localhost:8080", "http://localhost", Verdict::kForeignOrigin},
           // Those that it is told about.
           Case{"localhost:8080", "http://localhost:3000", Verdict::kAnswerToPage},
           Case{"localhost:8080", "https://app.example", Verdict::kAnswerToPage},
           Case{"localhost:8080", "http://[::1]:5173", Verdict::kAnswerToPage},
           Case{"localhost:8080", "http://plain.example", Verdict::kAnswerToPage},
           Case{"health.example", "https://health.example", Verdict::kAnswerToPage},
           Case{"localhost:8080", "http://app.example", Verdict::kForeignOrigin},
           Case{"localhost:8080", "https://app.example:444", Verdict::kForeignOrigin},
           Case{"localhost:8080", "https://app.example.evil", Verdict::kForeignOrigin},
           Case{"localhost:8080", "https://evil.example", Verdict::kForeignOrigin},
           Case{"localhost:8080", "null", Verdict::kForeignOrigin},
           Case{"localhost:8080", "", Verdict::kForeignOrigin},
           Case{"localhost:8080", "*", Verdict::kForeignOrigin},
           Case{"evil.example", "http://evil.example", Verdict::kWrongHost},
           Case{"evil.example", "http://localhost:3000", Verdict::kWrongHost},
       }) {
    SCOPED_TRACE(std::string(c.origin) + " at " + std::string(c.host));
    Request head = HeadFor(c.host);
    head.tls = c.tls;
    head.headers.Add("Origin", std::string(c.origin));
    for (const Method method : {Method::kGet, Method::kPost}) {
      head.method = method;
      EXPECT_EQ(policy.Judge(head), c.verdict);
    }
  }
  Request two = HeadFor("localhost:8080");
  two.headers.Add("Origin", "http://localhost:8080");
  two.headers.Add("origin", "https://evil.example");
  EXPECT_EQ(policy.Judge(two), Verdict::kForeignOrigin);
}

TEST(SitePolicy, RefusesChangesFromOtherSitesWithoutOrigin) {
  const SitePolicy policy = MakePolicy();
  struct Case {
    Method method;
    std::string_view site;
    Verdict verdict;
  };
  for (const Case& c : {Case{Method::kPost, "cross-site", Verdict::kForeignOrigin},
                        Case{Method::kPut, "Cross-Site", Verdict::kForeignOrigin},
                        Case{Method::kPatch, "cross-site", Verdict::kForeignOrigin},
                        Case{Method::kDelete, "cross-site", Verdict::kForeignOrigin},
                        Case{Method::kOther, "cross-site", Verdict::kForeignOrigin},
                        Case{Method::kGet, "cross-site", Verdict::kAnswer},
                        Case{Method::kHead, "cross-site", Verdict::kAnswer},
                        Case{Method::kPost, "same-origin", Verdict::kAnswer},
                        Case{Method::kPost, "none", Verdict::kAnswer}}) {
    Request head = HeadFor("127.0.0.1:8080");
    head.method = c.method;
    head.headers.Add("Sec-Fetch-Site", std::string(c.site));
    EXPECT_EQ(policy.Judge(head), c.verdict) << MethodName(c.method) << " " << c.site;
  }
}

TEST(SitePolicy, RefusesOptionsThatSayMoreThanTheyMean) {
  for (const std::string_view host : {"", "*", "*.example", "a b", "http://tarn.example",
                                      "tarn.example:80", "[::1]:80", "[", "a/b", "u@h"}) {
    EXPECT_FALSE(SitePolicy::Create({.allowed_hosts = {std::string(host)}}).ok()) << host;
  }
  for (const std::string_view origin :
       {"", "*", "null", "localhost:3000", "http://localhost:3000/", "http://localhost:3000/app",
        "http://*.example", "ftp://a.example", "http://a.example?", "http://a b", "https://u@h"}) {
    EXPECT_FALSE(SitePolicy::Create({.allowed_origins = {std::string(origin)}}).ok()) << origin;
  }
  // The scheme's own port may be written; browsers leave it out.
  EXPECT_TRUE(SitePolicy::Create({.allowed_origins = {"https://a.example:443"}}).ok());
  EXPECT_FALSE(SitePolicy::Create({.endpoint_url = "tarn"}).ok());
}

Router SiteRouter() {
  Router router;
  router.Add(Method::kGet, "/a", OnLoop("a"), [](Request&) {
    Response response = TextResponse("data");
    response.headers.Add("ETag", "\"1\"");
    response.headers.Add("x-amz-meta-colour", "blue");
    return response;
  });
  router.Add(Method::kPost, "/a", OnWorkers("post"), [](Request&) { return TextResponse("made"); });
  router.Add(Method::kGet, "/stream", OnWorkers("stream"), [](Request&) {
    Response response = TextResponse("");
    response.stream = [](BodyWriter& writer) { return writer.Write("streamed"); };
    return response;
  });
  return router;
}

ServerOptions WithSites() {
  ServerOptions options = TestOptions();
  options.sites = SitePolicyOptions{.allowed_origins = {"http://app.example"}};
  return options;
}

TEST(Sites, AreScreenedBeforeRoutesAndBodies) {
  TestServer server(SiteRouter(), WithSites());
  RawClient client(server.port());
  struct Case {
    std::string_view request;
    int status;
  };
  for (const Case& c : {
           Case{"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
           Case{"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200},
           Case{"GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
           Case{"GET /a HTTP/1.1\r\nHost:\r\n\r\n", 421},
           Case{"GET /nothing HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
           Case{"OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
           // RFC 9112 3.2.2: the target's authority counts, and Host does not.
           Case{"GET http://evil.example/a HTTP/1.1\r\nHost: localhost\r\n\r\n", 421},
           Case{"GET http://localhost/a HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200},
           Case{"GET /a HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n", 403},
           Case{"POST /a HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nContent-Length: "
                "3\r\n\r\nabc",
                403},
           Case{"POST /a HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n"
                "Content-Length: 3\r\n\r\nabc",
                403},
           Case{"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 200},
       }) {
    SCOPED_TRACE(c.request);
    client.Send(c.request);
    const std::string response = client.ReadResponse();
    EXPECT_EQ(StatusOf(response), c.status) << response;
    EXPECT_THAT(response, Not(HasSubstr("Access-Control")));
  }
  // The body is neither waited for nor asked for.
  client.Send(
      "POST /a HTTP/1.1\r\nHost: evil.example\r\nExpect: 100-continue\r\n"
      "Content-Length: 100000000\r\n\r\n");
  EXPECT_EQ(StatusOf(client.ReadResponse()), 421);
}

TEST(Sites, AllowedPagesGetCorsAnswers) {
  TestServer server(SiteRouter(), WithSites());
  RawClient client(server.port());
  const std::string page = " HTTP/1.1\r\nHost: localhost\r\nOrigin: http://app.example\r\n";
  for (const std::string_view target : {"/a", "/stream", "/nothing"}) {
    SCOPED_TRACE(target);
    client.Send("GET " + std::string(target) + page + "\r\n");
    const std::string response = client.ReadResponse();
    EXPECT_THAT(response, HasSubstr("Access-Control-Allow-Origin: http://app.example\r\n"));
    EXPECT_THAT(response, HasSubstr("Vary: Origin\r\n"));
    EXPECT_THAT(response, HasSubstr("Access-Control-Expose-Headers: "));
    EXPECT_THAT(response, HasSubstr(", ETag, "));
    EXPECT_THAT(response, Not(HasSubstr("Allow-Credentials")));
    EXPECT_EQ(response.find(", x-amz-meta-colour\r\n") != std::string::npos, target == "/a");
  }
  client.Send("OPTIONS /a" + page +
              "Access-Control-Request-Method: PUT\r\n"
              "Access-Control-Request-Headers: authorization,x-amz-date\r\n"
              "Access-Control-Request-Private-Network: true\r\n\r\n");
  const std::string preflight = client.ReadResponse();
  EXPECT_EQ(StatusOf(preflight), 204);
  EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Origin: http://app.example\r\n"));
  EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Methods: GET, HEAD, POST, PUT,"));
  EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Headers: authorization,x-amz-date\r\n"));
  EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Private-Network: true\r\n"));
  EXPECT_THAT(preflight, HasSubstr("Vary: Origin, Access-Control-Request-Method"));
  // The next request of the connection is no page's.
  client.Send("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), Not(HasSubstr("Access-Control")));
  client.Send(
      "OPTIONS /a HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
      "Access-Control-Request-Method: PUT\r\n\r\n");
  const std::string refused = client.ReadResponse();
  EXPECT_EQ(StatusOf(refused), 403);
  EXPECT_THAT(refused, Not(HasSubstr("Access-Control")));
  EXPECT_THAT(refused, HasSubstr("--allow-origin"));
}

TEST(Sites, BadOptionsDoNotServe) {
  MetricsRegistry metrics;
  SystemClock clock;
  SystemRandom random;
  ServerOptions options = TestOptions();
  options.sites = SitePolicyOptions{.allowed_origins = {"*"}};
  const auto started = Server::Start(options, SiteRouter(), metrics, clock, random);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace tarn::http
