#include "http/client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <thread>

#include "http/internal/egress.h"
#include "http/internal/test_server.h"

namespace tarn::http {
namespace {

// Answers with what it was asked.
Response Mirror(Request& request) {
  uint64_t streamed = 0;
  if (request.body_reader != nullptr) {
    std::string block(100'000, 0);
    for (;;) {
      const auto got = request.body_reader->Read(block);
      if (!got.ok()) return TextResponse(got.error().detail, 400);
      if (got.value() == 0) break;
      streamed += got.value();
    }
  }
  std::string text = request.method_text + " " + request.target + "\n";
  for (const auto& [name, value] : request.headers.fields()) text += name + "=" + value + "\n";
  text += "body=" + request.body + " streamed=" + std::to_string(streamed);
  return TextResponse(text, request.path == "/gone" ? 410 : 200);
}

Router MirrorRouter() {
  Router router;
  router.Add(Method::kOther, "/{path...}", OnWorkers("mirror", 1 << 30), Mirror);
  router.Add(Method::kGet, "/large", OnWorkers("large"),
             [](Request&) { return TextResponse(std::string(3 << 20, 'x')); });
  router.Add(Method::kGet, "/fields", OnWorkers("fields"), [](Request&) {
    Response response;
    for (int i = 0; i < 400; ++i) response.headers.Add("X-" + std::to_string(i), "v");
    return response;
  });
  router.Add(Method::kGet, "/redirect", OnLoop("redirect"), [](Request&) {
    Response response;
    response.status = 302;
    response.headers.Add("Location", "/large");
    return response;
  });
  router.Add(Method::kGet, "/stream", OnWorkers("stream"), [](Request&) {
    Response response;
    response.stream = [](BodyWriter& writer) -> Status {
      const std::string block(10'000, 'y');
      for (int i = 0; i < 1000; ++i) TRY(writer.Write(block));
      return Ok();
    };
    return response;
  });
  return router;
}

Result<ClientResponse> Get(Client& client, const std::string& url) {
  ClientRequest request;
  request.url = url;
  return client.Send(request);
}

TEST(Client, SendsMethodPathAndFieldsAsGiven) {
  TestServer server(MirrorRouter());
  Client client({.egress = Egress::kLoopbackOnly});
  ClientRequest request;
  request.method = Method::kPut;
  request.url = server.Url("/a/../b//%7Ec?x=a%2Bb&y=|");
  request.headers.Add("X-Amz-Date", "20260102T030405Z");
  request.headers.Add("X-Empty", "");
  request.body = "some body";
  const auto response = client.Send(request);
  ASSERT_TRUE(response.ok()) << response.error().detail;
  EXPECT_EQ(response.value().status, 200);
  EXPECT_EQ(response.value().headers.Get("content-type"), "text/plain");
  const std::string& body = response.value().body;
  EXPECT_THAT(body, ::testing::StartsWith("PUT /a/../b//%7Ec?x=a%2Bb&y=|\n"));
  EXPECT_THAT(body, ::testing::HasSubstr("X-Amz-Date=20260102T030405Z\n"));
  EXPECT_THAT(body, ::testing::HasSubstr("X-Empty=\n"));
  EXPECT_THAT(body, ::testing::HasSubstr("body=some body"));
  EXPECT_THAT(body, ::testing::Not(::testing::HasSubstr("Expect")));
  EXPECT_THAT(body, ::testing::Not(::testing::HasSubstr("Content-Type")));
}

TEST(Client, SendsEveryMethod) {
  TestServer server(MirrorRouter());
  Client client({});
  for (const Method method : {Method::kGet, Method::kPost, Method::kPut, Method::kPatch,
                              Method::kDelete, Method::kOptions}) {
    for (const std::string_view body : {"", "content"}) {
      SCOPED_TRACE(MethodName(method));
      ClientRequest request;
      request.method = method;
      request.url = server.Url("/m");
      request.body = body;
      const auto response = client.Send(request);
      ASSERT_TRUE(response.ok()) << response.error().detail;
      EXPECT_THAT(response.value().body,
                  ::testing::StartsWith(std::string(MethodName(method)) + " /m\n"));
      EXPECT_THAT(response.value().body, ::testing::HasSubstr("body=" + std::string(body) + " "));
    }
  }
  ClientRequest head;
  head.method = Method::kHead;
  head.url = server.Url("/large");
  const auto response = client.Send(head);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response.value().body, "");
  EXPECT_EQ(response.value().headers.Get("Content-Length"), std::to_string(3 << 20));
}

TEST(Client, ReusesConnectionsAcrossThreads) {
  TestServer server(MirrorRouter());
  Client client({});
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) EXPECT_TRUE(Get(client, server.Url("/x")).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  const uint64_t accepted =
      server.metrics.GetCounter("tarn_http_connections_accepted_total", "", {{"server", "test"}})
          .Value();
  EXPECT_LE(accepted, 4u);
}

// Answers the first request of a connection when its method may be repeated, and closes without an
// answer at any other: what a server does whose patience with a kept connection is over.
class Impatient {
 public:
  Impatient() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    CHECK(listen(listener_, 8) == 0);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    thread_ = std::thread([this] { Serve(); });
  }
  ~Impatient() { close(listener_); }
  std::string url;

  // Ends it when the clients are gone; returns the methods as they arrived, by connection.
  std::vector<std::string> Finish() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (std::thread& one : connections_) one.join();
    return {seen_.begin(), seen_.end()};
  }

 private:
  void Serve() {
    for (;;) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      std::string* seen = &seen_.emplace_back();
      connections_.emplace_back([connection, seen] { Converse(connection, seen); });
    }
  }

  static void Converse(int connection, std::string* seen) {
    for (bool first = true;; first = false) {
      char buffer[4096];
      // Requests of these tests have no body and arrive whole.
      const ssize_t got = recv(connection, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      const std::string method(buffer, std::string_view(buffer, 8).find(' '));
      *seen += method + " ";
      if (!first || method == "POST" || method == "PATCH") break;
      constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      if (send(connection, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) < 0) break;
    }
    close(connection);
  }

  const int listener_;
  std::thread thread_;
  std::vector<std::thread> connections_;
  std::deque<std::string> seen_;  // Each of its connection's thread, until that has ended.
};

// A request is sent again by itself only when that does no harm.
TEST(Client, SendsPostAndPatchOnce) {
  Impatient server;
  {
    Client client({});
    EXPECT_TRUE(Get(client, server.url).ok());
    EXPECT_TRUE(Get(client, server.url).ok());  // By itself over a new connection.
    for (const Method method : {Method::kPost, Method::kPatch}) {
      bool begun = false;
      ClientRequest request;
      request.method = method;
      request.url = server.url;
      request.begins = [&] { begun = true; };
      const auto lost = client.Send(request);
      EXPECT_FALSE(lost.ok());
      EXPECT_TRUE(begun);
    }
  }
  EXPECT_THAT(server.Finish(), ::testing::ElementsAre("GET GET ", "GET ", "POST ", "PATCH "));
}

TEST(Client, PostAndPatchDoNotUseKeptConnections) {
  TestServer server(MirrorRouter());
  const auto accepted = [&] {
    return server.metrics
        .GetCounter("tarn_http_connections_accepted_total", "", {{"server", "test"}})
        .Value();
  };
  Client client({});
  for (const Method method : {Method::kGet, Method::kPut, Method::kDelete}) {
    ClientRequest request;
    request.method = method;
    request.url = server.Url("/");
    ASSERT_TRUE(client.Send(request).ok());
  }
  EXPECT_EQ(accepted(), 1u);
  for (const Method method : {Method::kPost, Method::kPatch, Method::kPost}) {
    ClientRequest request;
    request.method = method;
    request.url = server.Url("/");
    ASSERT_TRUE(client.Send(request).ok());
  }
  EXPECT_EQ(accepted(), 4u);
}

// Nothing is said to begin where nobody can be reached.
TEST(Client, BeginsWhenTheConnectionStands) {
  uint16_t port = 0;
  {
    const TestServer gone(MirrorRouter());
    port = gone.port();
  }
  Client client({});
  ClientRequest request;
  request.url = "http://127.0.0.1:" + std::to_string(port) + "/";
  bool begun = false;
  request.begins = [&] { begun = true; };
  EXPECT_FALSE(client.Send(request).ok());
  EXPECT_FALSE(begun);
  TestServer server(MirrorRouter());
  request.url = server.Url("/");
  EXPECT_TRUE(client.Send(request).ok());
  EXPECT_TRUE(begun);
}

TEST(Client, StatusesAndRedirectsAreResponses) {
  TestServer server(MirrorRouter());
  Client client({});
  EXPECT_EQ(Get(client, server.Url("/gone")).value().status, 410);
  EXPECT_EQ(Get(client, server.Url("/redirect")).value().status, 302);
}

TEST(Client, BoundsResponses) {
  TestServer server(MirrorRouter());
  Client client({});
  ClientRequest request;
  request.url = server.Url("/large");
  request.response_bytes_max = 3 << 20;
  EXPECT_EQ(client.Send(request).value().body.size(), 3u << 20);
  request.response_bytes_max -= 1;
  EXPECT_EQ(client.Send(request).error().kind, ErrorKind::kTooLarge);
  request.url = server.Url("/stream");  // Chunked: its size is not known before.
  EXPECT_EQ(client.Send(request).error().kind, ErrorKind::kTooLarge);
  request.url = server.Url("/fields");
  EXPECT_EQ(client.Send(request).error().kind, ErrorKind::kTooLarge);
}

TEST(Client, StreamsBothWays) {
  TestServer server(MirrorRouter());
  Client client({});
  ClientRequest download;
  download.url = server.Url("/stream");
  uint64_t received = 0;
  download.body_sink = [&](std::string_view bytes) -> Status {
    received += bytes.size();
    return Ok();
  };
  ASSERT_TRUE(client.Send(download).ok());
  EXPECT_EQ(received, 10'000'000u);

  ClientRequest upload;
  upload.method = Method::kPut;
  upload.url = server.Url("/up");
  upload.upload_bytes = 5'000'000;
  uint64_t left = upload.upload_bytes;
  upload.upload = [&](std::span<char> out) -> Result<size_t> {
    const auto count = static_cast<size_t>(std::min<uint64_t>(left, out.size()));
    std::memset(out.data(), 'z', count);
    left -= count;
    return count;
  };
  const auto response = client.Send(upload);
  ASSERT_TRUE(response.ok()) << response.error().detail;
  EXPECT_THAT(response.value().body, ::testing::HasSubstr("streamed=5000000"));
}

TEST(Client, ReportsWhatSinksAndSourcesReport) {
  TestServer server(MirrorRouter());
  Client client({});
  ClientRequest download;
  download.url = server.Url("/stream");
  download.body_sink = [](std::string_view) -> Status {
    return Error{ErrorKind::kConflict, "enough"};
  };
  EXPECT_EQ(client.Send(download).error().kind, ErrorKind::kConflict);
  ClientRequest upload;
  upload.method = Method::kPut;
  upload.url = server.Url("/up");
  upload.upload_bytes = 10;
  upload.upload = [](std::span<char>) -> Result<size_t> {
    return Error{ErrorKind::kCorrupt, "cannot read"};
  };
  EXPECT_EQ(client.Send(upload).error().kind, ErrorKind::kCorrupt);
}

TEST(Client, RefusesBadRequests) {
  Client client({});
  struct Case {
    std::string_view url, field_value;
  };
  for (const Case& c :
       {Case{"ftp://127.0.0.1/", "x"}, Case{"http://u:p@127.0.0.1/", "x"}, Case{"not a url", "x"},
        Case{"http://127.0.0.1/a b", "x"}, Case{"http://127.0.0.1/\r\nX: y", "x"},
        Case{"http://127.0.0.1/", "a\r\nb"}, Case{"file:///etc/passwd", "x"}}) {
    SCOPED_TRACE(c.url);
    ClientRequest request;
    request.url = c.url;
    request.headers.Add("X-Field", std::string(c.field_value));
    EXPECT_EQ(client.Send(request).error().kind, ErrorKind::kInvalid);
  }
}

TEST(Client, FailsWhereNobodyListens) {
  uint16_t port = 0;
  {
    TestServer server(MirrorRouter());
    port = server.port();
  }
  Client client({});
  EXPECT_EQ(Get(client, "http://127.0.0.1:" + std::to_string(port) + "/").error().kind,
            ErrorKind::kUnavailable);
}

TEST(Client, KeepsToItsEgressRule) {
  TestServer server(MirrorRouter());
  Client outward({.egress = Egress::kPublicOnly});
  for (const std::string_view host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"}) {
    SCOPED_TRACE(host);
    const std::string url = "http://" + std::string(host) + ":" + std::to_string(server.port());
    EXPECT_EQ(Get(outward, url + "/").error().kind, ErrorKind::kForbidden);
  }
  Client inward({.egress = Egress::kLoopbackOnly});
  EXPECT_EQ(Get(inward, "http://169.254.169.254/latest/meta-data").error().kind,
            ErrorKind::kForbidden);
  EXPECT_TRUE(Get(inward, "http://localhost:" + std::to_string(server.port()) + "/").ok());
}

TEST(Egress, KnowsSpecialAddresses) {
  struct Case {
    const char* address;
    AddressKind kind;
  };
  using enum AddressKind;
  for (const Case& c : {
           Case{"127.0.0.1", kLoopback},
           Case{"127.255.255.255", kLoopback},
           Case{"8.8.8.8", kPublic},
           Case{"0.0.0.0", kSpecial},
           Case{"10.0.0.1", kSpecial},
           Case{"11.0.0.0", kPublic},
           Case{"100.63.255.255", kPublic},
           Case{"100.64.0.0", kSpecial},
           Case{"100.127.255.255", kSpecial},
           Case{"100.128.0.0", kPublic},
           Case{"169.254.169.254", kSpecial},
           Case{"172.15.255.255", kPublic},
           Case{"172.16.0.0", kSpecial},
           Case{"172.31.255.255", kSpecial},
           Case{"172.32.0.0", kPublic},
           Case{"192.168.1.1", kSpecial},
           Case{"198.18.0.1", kSpecial},
           Case{"198.20.0.0", kPublic},
           Case{"224.0.0.1", kSpecial},
           Case{"255.255.255.255", kSpecial},
           Case{"::1", kLoopback},
           Case{"::", kSpecial},
           Case{"::ffff:127.0.0.1", kLoopback},
           Case{"::ffff:10.0.0.1", kSpecial},
           Case{"::ffff:8.8.8.8", kPublic},
           Case{"::10.0.0.1", kSpecial},
           Case{"64:ff9b::a00:1", kSpecial},
           Case{"fe80::1", kSpecial},
           Case{"fd00::1", kSpecial},
           Case{"ff02::1", kSpecial},
           Case{"2001::1", kSpecial},
           Case{"2001:db8::1", kSpecial},
           Case{"2002:a00:1::", kSpecial},
           Case{"2606:4700::1111", kPublic},
           Case{"3fff::1", kSpecial},
       }) {
    SCOPED_TRACE(c.address);
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET, c.address, &v4.sin_addr) == 1) {
      v4.sin_family = AF_INET;
      EXPECT_EQ(KindOfAddress(reinterpret_cast<const sockaddr&>(v4), sizeof v4), c.kind);
    } else {
      ASSERT_EQ(inet_pton(AF_INET6, c.address, &v6.sin6_addr), 1);
      v6.sin6_family = AF_INET6;
      EXPECT_EQ(KindOfAddress(reinterpret_cast<const sockaddr&>(v6), sizeof v6), c.kind);
    }
  }
}

}  // namespace
}  // namespace tarn::http
