// What happens at each limit of a listener, and when it stops.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/internal/peers.h"
#include "http/internal/raw_client.h"
#include "http/internal/test_server.h"

namespace tarn::http {
namespace {

using ::testing::HasSubstr;

// Handlers wait here until the test lets them go.
class Gate {
 public:
  void Enter() {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void AwaitInside(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= count; });
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool open_ = false;
};

Router GatedRouter(Gate& gate) {
  Router router;
  router.Add(Method::kGet, "/loop", OnLoop("loop"), [](Request&) { return TextResponse("loop"); });
  router.Add(Method::kPost, "/wait", OnWorkers("wait", 1 << 30), [&gate](Request&) {
    gate.Enter();
    return TextResponse("waited");
  });
  router.Add(Method::kGet, "/stream", OnLoop("stream"), [&gate](Request&) {
    Response response;
    response.stream = [&gate](BodyWriter& writer) {
      gate.Enter();
      return writer.Write("streamed");
    };
    return response;
  });
  router.Add(Method::kGet, "/split", OnLoop("split"), [](Request&) {
    Response response;
    response.headers.Add("X-Field", "a\r\nX-Injected: b");
    return response;
  });
  router.Add(Method::kGet, "/huge", OnLoop("huge"),
             [](Request&) { return TextResponse(std::string(8'000'000, 'h')); });
  return router;
}

std::string Get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n";
}
std::string Post(std::string_view path, uint64_t bytes) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
}

TEST(Limits, AFullQueueIsAnsweredBeforeTheBody) {
  Gate gate;
  ServerOptions options = TestOptions();
  options.loops = 1;  // One loop takes requests in the order in which they were sent.
  options.workers = 1;
  options.limits.handler_queue_max = 1;
  TestServer server(GatedRouter(gate), options);
  RawClient running(server.port());
  running.Send(Post("/wait", 0));
  gate.AwaitInside(1);
  RawClient queued(server.port());
  queued.Send(Get("/loop"));
  EXPECT_EQ(BodyOf(queued.ReadResponse()), "loop");
  queued.Send(Post("/wait", 0));
  RawClient refused(server.port());
  refused.Send(Post("/wait", 1000));  // None of the body follows yet.
  const std::string response = refused.ReadResponse();
  EXPECT_EQ(StatusOf(response), 503);
  EXPECT_THAT(response, HasSubstr("Retry-After: 1\r\n"));
  // The connection lives on, and the body that was announced is dropped.
  refused.Send(std::string(1000, 'b') + Get("/loop"));
  EXPECT_EQ(BodyOf(refused.ReadResponse()), "loop");
  gate.Open();
  EXPECT_EQ(BodyOf(running.ReadResponse()), "waited");
  EXPECT_EQ(BodyOf(queued.ReadResponse()), "waited");
}

TEST(Limits, AFullStreamQueueIsAnswered) {
  Gate gate;
  ServerOptions options = TestOptions();
  options.loops = 1;
  options.stream_workers = 1;
  options.limits.stream_queue_max = 1;
  TestServer server(GatedRouter(gate), options);
  RawClient running(server.port());
  running.Send(Get("/stream"));
  gate.AwaitInside(1);
  RawClient queued(server.port());
  queued.Send(Get("/loop"));
  EXPECT_EQ(BodyOf(queued.ReadResponse()), "loop");
  queued.Send(Get("/stream"));
  RawClient refused(server.port());
  refused.Send(Get("/stream") + Get("/loop") + Post("/wait", 2 << 20));
  EXPECT_EQ(StatusOf(refused.ReadResponse()), 503);
  EXPECT_EQ(BodyOf(refused.ReadResponse()), "loop");
  // A large body would have to be dropped: this connection closes.
  EXPECT_EQ(StatusOf(refused.ReadResponse()), 503);
  EXPECT_TRUE(refused.IsClosedByServer());
  gate.Open();
  EXPECT_EQ(StatusOf(running.ReadResponse()), 200);
  EXPECT_EQ(StatusOf(queued.ReadResponse()), 200);
}

TEST(Limits, ConnectionsBeyondTheBoundAreClosed) {
  Gate gate;
  ServerOptions options = TestOptions();
  options.limits.connections_max = 2;
  TestServer server(GatedRouter(gate), options);
  RawClient first(server.port());
  first.Send(Get("/loop"));
  EXPECT_EQ(StatusOf(first.ReadResponse()), 200);
  {
    RawClient second(server.port());
    second.Send(Get("/loop"));
    EXPECT_EQ(StatusOf(second.ReadResponse()), 200);
    RawClient third(server.port());
    EXPECT_TRUE(third.IsClosedByServer());
    second.FinishSending();
    EXPECT_TRUE(second.IsClosedByServer());
  }
  first.Send(Get("/loop"));
  EXPECT_EQ(StatusOf(first.ReadResponse()), 200);
}

TEST(Limits, OnePeerDoesNotGetAllConnections) {
  Gate gate;
  ServerOptions options = TestOptions();
  options.limits.loopback_connections_max = 2;
  TestServer server(GatedRouter(gate), options);
  const auto serves = [](RawClient& client) {
    client.Send(Get("/loop"));
    return StatusOf(client.ReadResponse()) == 200;
  };
  RawClient first(server.port());
  EXPECT_TRUE(serves(first));
  for (int round = 0; round < 3; ++round) {  // What is closed no longer counts.
    RawClient second(server.port());
    EXPECT_TRUE(serves(second));
    RawClient third(server.port());
    EXPECT_TRUE(third.IsClosedByServer());
    // Another address of the same machine is another peer.
    RawClient other(server.port(), {.source = "127.0.0.2"});
    EXPECT_TRUE(serves(other));
    second.FinishSending();
    EXPECT_TRUE(second.IsClosedByServer());
  }
  EXPECT_TRUE(serves(first));
}

sockaddr_storage AddressOf(const std::string& text) {
  sockaddr_storage address{};
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(80);
    std::memcpy(&address, &v4, sizeof v4);
  } else {
    CHECK(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(80);
    std::memcpy(&address, &v6, sizeof v6);
  }
  return address;
}

TEST(Peers, AreAddressesOrSubnets) {
  struct Case {
    const char* one;
    const char* other;
    bool same;
  };
  for (const Case& c :
       {Case{"192.0.2.1", "192.0.2.1", true}, Case{"192.0.2.1", "192.0.2.2", false},
        Case{"192.0.2.1", "::ffff:192.0.2.1", true},
        Case{"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        Case{"2001:db8::1", "2001:db8::ffff:2", true},
        Case{"2001:db8:0:1::1", "2001:db8:0:2::1", false}, Case{"::1", "192.0.2.1", false}}) {
    EXPECT_EQ(PeerOf(AddressOf(c.one)).key == PeerOf(AddressOf(c.other)).key, c.same)
        << c.one << " " << c.other;
  }
  for (const char* loopback : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(PeerOf(AddressOf(loopback)).is_loopback) << loopback;
  }
  for (const char* other : {"128.0.0.1", "::2", "2001:db8::1", "::ffff:192.0.2.1"}) {
    EXPECT_FALSE(PeerOf(AddressOf(other)).is_loopback) << other;
  }
  EXPECT_EQ(PeerOf(AddressOf("192.0.2.1")).text, "192.0.2.1:80");
  EXPECT_EQ(PeerOf(AddressOf("2001:db8::1")).text, "[2001:db8::1]:80");
}

TEST(Peers, CountUpToTheBound) {
  PeerCounts counts;
  const PeerKey key = PeerOf(AddressOf("192.0.2.1")).key;
  EXPECT_FALSE(counts.TryAdd(key, 0));
  EXPECT_TRUE(counts.TryAdd(key, 2));
  EXPECT_TRUE(counts.TryAdd(key, 2));
  EXPECT_FALSE(counts.TryAdd(key, 2));
  counts.Remove(key);
  EXPECT_TRUE(counts.TryAdd(key, 2));
}

TEST(Limits, SlowHeadsAreDroppedAndOthersServed) {
  Gate gate;
  ServerOptions options = TestOptions();
  options.limits.head_timeout_ms = 200;
  TestServer server(GatedRouter(gate), options);
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<RawClient>(server.port()));
    slow.back()->Send("GET /loop HTTP/1.1\r\nHost: x\r\nX-Sl");
  }
  RawClient fresh(server.port());
  fresh.Send(Get("/loop"));
  EXPECT_EQ(BodyOf(fresh.ReadResponse()), "loop");
  for (const auto& client : slow) {
    client->Send("o");
    EXPECT_EQ(StatusOf(client->ReadResponse()), 408);
    EXPECT_TRUE(client->IsClosedByServer());
  }
}

TEST(Limits, IdleConnectionsAreClosed) {
  Gate gate;
  ServerOptions options = TestOptions();
  options.limits.idle_timeout_ms = 100;
  TestServer server(GatedRouter(gate), options);
  RawClient never(server.port());
  RawClient once(server.port());
  once.Send(Get("/loop"));
  EXPECT_EQ(StatusOf(once.ReadResponse()), 200);
  EXPECT_TRUE(once.IsClosedByServer());
  EXPECT_TRUE(never.IsClosedByServer());
}

TEST(Limits, LargeResponsesLeaveAsTheClientReads) {
  Gate gate;
  TestServer server(GatedRouter(gate));
  RawClient client(server.port(), {.receive_buffer_bytes = 4096});
  client.Send(Get("/huge") + Get("/loop"));
  RawClient other(server.port());
  other.Send(Get("/loop"));
  EXPECT_EQ(BodyOf(other.ReadResponse()), "loop");
  EXPECT_EQ(BodyOf(client.ReadResponse()).size(), 8'000'000u);
  EXPECT_EQ(BodyOf(client.ReadResponse()), "loop");
}

TEST(Limits, ReadersOfResponsesHaveAMinimumRate) {
  Gate gate;
  ServerOptions options = TestOptions();
  options.limits.body_rate_window_ms = 200;
  TestServer server(GatedRouter(gate), options);
  RawClient client(server.port(), {.receive_buffer_bytes = 4096});
  client.Send(Get("/huge"));
  // Reads nothing until the server has given up.
  const Counter& timeouts =
      server.metrics.GetCounter("tarn_http_timeouts_total", "", {{"server", "test"}});
  while (timeouts.Value() == 0) std::this_thread::yield();
  EXPECT_LT(client.ReadToEnd().size(), 8'000'000u);
}

TEST(Errors, AHandlerCannotSplitAResponse) {
  Gate gate;
  TestServer server(GatedRouter(gate));
  RawClient client(server.port());
  client.Send(Get("/split"));
  const std::string response = client.ReadResponse();
  EXPECT_EQ(StatusOf(response), 500);
  EXPECT_EQ(response.find("Injected"), std::string::npos);
}

TEST(Errors, TheFormatterShapesEveryError) {
  Gate gate;
  Router router = GatedRouter(gate);
  router.SetErrorFormatter([](int status, const Request& head, std::string_view message) {
    Response response;
    response.status = status;
    response.headers.Add("Content-Type", "application/json");
    response.body = "{\"status\":" + std::to_string(status) + ",\"id\":\"" + head.request_id +
                    "\",\"path\":\"" + head.path + "\",\"message\":\"" + std::string(message) +
                    "\"}";
    return response;
  });
  ServerOptions options = TestOptions();
  options.limits.head_timeout_ms = 50;
  options.limits.head_bytes_max = 1000;
  TestServer server(std::move(router), options);
  struct Case {
    std::string bytes;
    int status;
    std::string_view path;
  };
  for (const Case& c :
       {Case{Get("/none"), 404, "/none"}, Case{Post("/loop", 0), 405, "/loop"},
        Case{"GET /loop HTTP/1.1\r\n\r\n", 400, "/loop"}, Case{"\x80", 400, ""},
        Case{Post("/wait", 1ull << 40), 413, "/wait"}, Case{Get("/split"), 500, "/split"},
        Case{"GET /" + std::string(1000, 'x'), 431, ""}, Case{"GET /a HTTP/9.9\r\n", 505, ""},
        Case{"GET /loop HTTP/1.1\r\nHost", 408, "/loop"}}) {
    SCOPED_TRACE(c.status);
    RawClient client(server.port());
    client.Send(c.bytes);
    const std::string response = client.ReadResponse();
    EXPECT_EQ(StatusOf(response), c.status);
    EXPECT_THAT(response, HasSubstr("application/json"));
    EXPECT_THAT(response, HasSubstr("\"path\":\"" + std::string(c.path) + "\""));
    const size_t id = response.find("X-Request-Id: ");
    ASSERT_NE(id, std::string::npos);
    EXPECT_THAT(response, HasSubstr("\"id\":\"" + response.substr(id + 14, 36) + "\""));
  }
}

TEST(Stop, FinishesWhatRunsAndClosesWhatIsIdle) {
  Gate gate;
  auto server = std::make_unique<TestServer>(GatedRouter(gate));
  const uint16_t port = server->port();
  RawClient idle(port);
  idle.Send(Get("/loop"));
  EXPECT_EQ(StatusOf(idle.ReadResponse()), 200);
  RawClient working(port);
  working.Send(Post("/wait", 0));
  RawClient streaming(port);
  streaming.Send(Get("/stream"));
  gate.AwaitInside(2);
  std::thread stopper([&] { server->server->Stop(); });
  EXPECT_TRUE(idle.IsClosedByServer());
  EXPECT_FALSE(RawClient(port).connected());
  gate.Open();
  const std::string worked = working.ReadResponse();
  EXPECT_EQ(BodyOf(worked), "waited");
  EXPECT_THAT(worked, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(streaming.ReadToEnd(), ::testing::EndsWith("8\r\nstreamed\r\n0\r\n\r\n"));
  stopper.join();
}

TEST(Stop, DoesNotWaitForever) {
  Gate gate;
  ServerOptions options = TestOptions();
  options.limits.stop_timeout_ms = 50;
  TestServer server(GatedRouter(gate), options);
  RawClient unfinished(server.port());
  unfinished.Send("GET /loop HTTP/1.1\r\nHost");
  RawClient working(server.port());
  working.Send(Post("/wait", 0));
  gate.AwaitInside(1);
  server.server->Stop();
  EXPECT_EQ(StatusOf(working.ReadToEnd()), 0);
  EXPECT_TRUE(unfinished.IsClosedByServer());
  gate.Open();
}

TEST(Stop, RefusesATakenPort) {
  Gate gate;
  TestServer server(GatedRouter(gate));
  ServerOptions options = TestOptions();
  options.port = server.port();
  const auto second =
      Server::Start(options, GatedRouter(gate), server.metrics, server.clock, server.random);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
}

TEST(Log, HoldsNoPathsAndQueries) {
  Gate gate;
  ServerOptions options = TestOptions();
  options.access_log = true;
  testing::internal::CaptureStderr();
  std::string id;
  {
    TestServer server(GatedRouter(gate), options);
    RawClient client(server.port());
    client.Send(Get("/loop?name=Miller"));
    const std::string response = client.ReadResponse();
    id = response.substr(response.find("X-Request-Id: ") + 14, 36);
    client.Send(Get("/Patient/Miller"));
    client.ReadResponse();
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("request_id=" + id));
  EXPECT_THAT(log, HasSubstr("route=loop method=GET status=200 "));
  EXPECT_THAT(log, HasSubstr("route=none method=GET status=404 "));
  EXPECT_EQ(log.find("Miller"), std::string::npos);
}

TEST(Metrics, CountByRouteAndStatusClass) {
  Gate gate;
  TestServer server(GatedRouter(gate));
  RawClient client(server.port());
  client.Send(Get("/loop") + Get("/loop") + Get("/none"));
  for (int i = 0; i < 3; ++i) client.ReadResponse();
  const std::string text = server.metrics.PrometheusText();
  for (const std::string_view line :
       {"tarn_http_requests_total{server=\"test\",route=\"loop\",status=\"2xx\"} 2\n",
        "tarn_http_requests_total{server=\"test\",route=\"none\",status=\"4xx\"} 1\n",
        "tarn_http_request_seconds_count{server=\"test\",route=\"loop\"} 2\n",
        "tarn_http_connections{server=\"test\"} 1\n",
        "tarn_http_connections_accepted_total{server=\"test\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(std::string(line)));
  }
}

TEST(Hosts, LoopbackIsKnown) {
  for (const std::string_view host : {"127.0.0.1", "127.8.8.8", "::1", "localhost", "LocalHost"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const std::string_view host : {"0.0.0.0", "128.0.0.1", "::", "example.org", "", "127.0.0"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

}  // namespace
}  // namespace tarn::http
