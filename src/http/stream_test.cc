// Bodies that stream, both ways: content, framing, back-pressure, clients that are slow or leave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "http/internal/raw_client.h"
#include "http/internal/test_server.h"
#include "http/limits.h"

namespace tarn::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kLargeBytes = 3'000'000;

// A byte that depends on its place, so that lost, doubled or swapped blocks show.
char ByteAt(uint64_t position) { return static_cast<char>('!' + position * 7 / 5 % 90); }

std::string Pattern(uint64_t bytes) {
  std::string out(bytes, 0);
  for (uint64_t i = 0; i < bytes; ++i) out[i] = ByteAt(i);
  return out;
}

// "<bytes> <ok|bad> <buffered|streamed>", or the reader's error.
Response CheckBody(Request& request) {
  bool good = true;
  uint64_t bytes = 0;
  const auto check = [&](std::string_view part) {
    for (const char c : part) good = good && c == ByteAt(bytes++);
  };
  check(request.body);
  if (request.body_reader != nullptr) {
    std::string block(70'001, 0);
    for (;;) {
      const auto got = request.body_reader->Read(block);
      if (!got.ok()) return TextResponse(std::string(ErrorKindName(got.error().kind)), 400);
      if (got.value() == 0) break;
      check(std::string_view(block).substr(0, got.value()));
    }
  }
  return TextResponse(std::to_string(bytes) + (good ? " ok " : " bad ") +
                      (request.body_reader == nullptr ? "buffered" : "streamed"));
}

Status WritePattern(BodyWriter& writer, uint64_t bytes, size_t step) {
  const std::string all = Pattern(bytes);
  for (uint64_t i = 0; i < bytes; i += step) {
    TRY(writer.Write(std::string_view(all).substr(i, step)));
  }
  return Ok();
}

Response StreamResponse(uint64_t bytes, size_t step) {
  Response response;
  response.stream = [=](BodyWriter& writer) { return WritePattern(writer, bytes, step); };
  return response;
}

Router StreamRouter() {
  Router router;
  router.Add(Method::kPut, "/check", OnWorkers("check", 1ull << 30), CheckBody);
  router.Add(Method::kPut, "/bounded", OnWorkers("bounded", 2 << 20), CheckBody);
  router.Add(Method::kPut, "/unread", OnWorkers("unread", 1ull << 30),
             [](Request&) { return TextResponse("no thanks", 403); });
  router.Add(Method::kPut, "/partly", OnWorkers("partly", 1ull << 30), [](Request& request) {
    std::string block(kLargeBytes - 1000, 0);
    size_t bytes = 0;
    while (bytes < block.size()) {
      bytes += request.body_reader->Read(std::span(block).subspan(bytes)).value();
    }
    return TextResponse("partly");
  });
  router.Add(Method::kGet, "/small_steps", OnLoop("small_steps"),
             [](Request&) { return StreamResponse(kLargeBytes, 777); });
  router.Add(Method::kGet, "/large_steps", OnWorkers("large_steps"),
             [](Request&) { return StreamResponse(kLargeBytes, 1'000'000); });
  router.Add(Method::kGet, "/sized", OnWorkers("sized"), [](Request&) {
    Response response = StreamResponse(kLargeBytes, 5000);
    response.stream_bytes = kLargeBytes;
    return response;
  });
  router.Add(Method::kGet, "/empty", OnWorkers("empty"),
             [](Request&) { return StreamResponse(0, 1); });
  router.Add(Method::kGet, "/short", OnWorkers("short"), [](Request&) {
    Response response = StreamResponse(1000, 100);
    response.stream_bytes = 1001;
    return response;
  });
  router.Add(Method::kGet, "/long", OnWorkers("long"), [](Request&) {
    Response response = StreamResponse(1000, 100);
    response.stream_bytes = 999;
    return response;
  });
  router.Add(Method::kGet, "/breaks", OnWorkers("breaks"), [](Request&) {
    Response response;
    response.stream = [](BodyWriter& writer) -> Status {
      TRY(WritePattern(writer, 100'000, 100'000));
      return Error{ErrorKind::kCorrupt, "the rest cannot be read"};
    };
    return response;
  });
  router.Add(Method::kPut, "/both", OnWorkers("both", 1ull << 30), [](Request& request) {
    const Response checked = CheckBody(request);
    Response response;
    response.stream = [text = checked.body](BodyWriter& writer) { return writer.Write(text); };
    return response;
  });
  router.Add(Method::kGet, "/endless", OnWorkers("endless"), [](Request&) {
    Response response;
    response.stream = [](BodyWriter& writer) -> Status {
      const std::string block(100'000, 'e');
      for (;;) TRY(writer.Write(block));
    };
    return response;
  });
  router.Add(Method::kGet, "/loop", OnLoop("loop"), [](Request&) { return TextResponse("loop"); });
  router.Add(Method::kGet, "/work", OnWorkers("work"),
             [](Request&) { return TextResponse("work"); });
  return router;
}

std::string Get(std::string_view path, std::string_view version = "1.1") {
  return "GET " + std::string(path) + " HTTP/" + std::string(version) + "\r\nHost: x\r\n\r\n";
}
std::string PutHead(std::string_view path, uint64_t bytes, std::string_view fields = "") {
  return "PUT " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(bytes) + "\r\n\r\n";
}

std::string Chunks(std::string_view body, size_t step) {
  std::string out;
  for (size_t i = 0; i < body.size(); i += step) {
    const std::string_view part = body.substr(i, step);
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    out.append(size).append(part).append("\r\n");
  }
  return out + "0\r\n\r\n";
}

// The content of a chunked body.
std::string Unchunk(std::string_view framed) {
  std::string out;
  for (;;) {
    const size_t size = std::strtoull(std::string(framed.substr(0, 16)).c_str(), nullptr, 16);
    framed.remove_prefix(framed.find("\r\n") + 2);
    if (size == 0) return out;
    out.append(framed.substr(0, size));
    framed.remove_prefix(size + 2);
  }
}

TEST(Upload, LargeBodiesStreamAndTheConnectionLivesOn) {
  TestServer server(StreamRouter());
  RawClient client(server.port());
  const std::string body = Pattern(kLargeBytes);
  for (int i = 0; i < 2; ++i) {
    client.Send(PutHead("/check", body.size()) + body + Get("/loop"));
    EXPECT_EQ(BodyOf(client.ReadResponse()), "3000000 ok streamed");
    EXPECT_EQ(BodyOf(client.ReadResponse()), "loop");
    for (const size_t step : {999u, 65'536u, 2'000'000u}) {
      client.Send("PUT /check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                  Chunks(body, step) + Get("/work"));
      EXPECT_EQ(BodyOf(client.ReadResponse()), "3000000 ok streamed");
      EXPECT_EQ(BodyOf(client.ReadResponse()), "work");
    }
  }
}

TEST(Upload, BuffersUpToTheBound) {
  TestServer server(StreamRouter());
  RawClient client(server.port());
  for (const bool chunked : {false, true}) {
    for (const uint64_t bytes :
         {uint64_t{1000}, kBufferedBodyBytesMax, kBufferedBodyBytesMax + 1}) {
      SCOPED_TRACE(bytes);
      const std::string body = Pattern(bytes);
      if (chunked) {
        client.Send("PUT /check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                    Chunks(body, 100'000));
      } else {
        client.Send(PutHead("/check", bytes) + body);
      }
      EXPECT_EQ(BodyOf(client.ReadResponse()),
                std::to_string(bytes) +
                    (bytes <= kBufferedBodyBytesMax ? " ok buffered" : " ok streamed"));
    }
  }
}

TEST(Upload, HoldsTheRoutesLimit) {
  TestServer server(StreamRouter());
  const std::string body = Pattern((2 << 20) + 1);
  {
    RawClient client(server.port());
    client.Send(PutHead("/bounded", 2 << 20) + body.substr(1));
    EXPECT_EQ(StatusOf(client.ReadResponse()), 200);
    client.Send(PutHead("/bounded", (2 << 20) + 1));
    EXPECT_EQ(StatusOf(client.ReadResponse()), 413);  // Before any of the body was sent.
  }
  for (const size_t excess : {0u, 1u}) {
    RawClient client(server.port());
    client.Send("PUT /bounded HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                Chunks(body.substr(0, (2 << 20) + excess), 50'000));
    EXPECT_EQ(BodyOf(client.ReadResponse()), excess == 0 ? "2097152 ok streamed" : "too-large");
  }
  // A size line that goes too far is refused before anything of its chunk has come, in the buffered
  // part of a body as in the streamed one.
  for (const size_t first : {size_t{1000}, kBufferedBodyBytesMax + 500'000}) {
    RawClient client(server.port());
    const std::string chunks = Chunks(body.substr(0, first), 50'000);
    client.Send("PUT /bounded HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                chunks.substr(0, chunks.size() - 5) + "100000000\r\n");
    const std::string response = client.ReadResponse();
    if (first == 1000) {
      EXPECT_EQ(StatusOf(response), 413);
    } else {
      EXPECT_EQ(BodyOf(response), "too-large");
    }
  }
}

TEST(Upload, AsksForTheBodyOnlyWhenTheHandlerReads) {
  TestServer server(StreamRouter());
  const std::string body = Pattern(kLargeBytes);
  RawClient reads(server.port());
  reads.Send(PutHead("/check", body.size(), "Expect: 100-continue\r\n"));
  EXPECT_EQ(reads.ReadResponse(), "HTTP/1.1 100 Continue\r\n\r\n");
  reads.Send(body);
  EXPECT_EQ(BodyOf(reads.ReadResponse()), "3000000 ok streamed");
  RawClient refused(server.port());
  refused.Send(PutHead("/unread", body.size(), "Expect: 100-continue\r\n"));
  EXPECT_EQ(StatusOf(refused.ReadResponse()), 403);
  EXPECT_TRUE(refused.IsClosedByServer());
}

TEST(Upload, EarlyAnswersReachClientsThatStillSend) {
  TestServer server(StreamRouter());
  RawClient client(server.port());
  // Far more than the socket buffers hold: the client is in the middle of sending.
  client.Send(PutHead("/unread", 20'000'000));
  std::thread sender([&] { client.Send(Pattern(20'000'000)); });
  const std::string response = client.ReadResponse();
  EXPECT_EQ(StatusOf(response), 403);
  EXPECT_THAT(response, HasSubstr("Connection: close\r\n"));
  sender.join();
}

TEST(Upload, SmallRestsAreDroppedAndTheConnectionKept) {
  TestServer server(StreamRouter());
  RawClient client(server.port());
  client.Send(PutHead("/partly", kLargeBytes) + Pattern(kLargeBytes) + Get("/loop"));
  EXPECT_EQ(BodyOf(client.ReadResponse()), "partly");
  EXPECT_EQ(BodyOf(client.ReadResponse()), "loop");
}

TEST(Upload, ReportsBrokenBodies) {
  TestServer server(StreamRouter());
  const std::string chunks = Chunks(Pattern(kLargeBytes), 100'000);
  const std::string head = "PUT /check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  {
    RawClient client(server.port());
    client.Send(head + chunks.substr(0, chunks.size() - 5) + "x\r\n");
    EXPECT_EQ(BodyOf(client.ReadResponse()), "invalid");
    EXPECT_TRUE(client.IsClosedByServer());
  }
  {
    RawClient client(server.port());
    client.Send(PutHead("/check", kLargeBytes) + Pattern(kLargeBytes - 1));
    client.FinishSending();
    EXPECT_EQ(BodyOf(client.ReadResponse()), "unavailable");
  }
}

TEST(Upload, TheAnswerMayStreamToo) {
  TestServer server(StreamRouter());
  RawClient client(server.port());
  client.Send(PutHead("/both", kLargeBytes) + Pattern(kLargeBytes) + Get("/loop"));
  EXPECT_EQ(Unchunk(BodyOf(client.ReadResponse())), "3000000 ok streamed");
  EXPECT_EQ(BodyOf(client.ReadResponse()), "loop");
}

TEST(Download, FramesWhatIsStreamed) {
  TestServer server(StreamRouter());
  RawClient client(server.port());
  const std::string expected = Pattern(kLargeBytes);
  for (const std::string_view path : {"/small_steps", "/large_steps"}) {
    client.Send(Get(path) + Get("/loop"));
    const std::string response = client.ReadResponse();
    EXPECT_THAT(response.substr(0, 400), HasSubstr("Transfer-Encoding: chunked\r\n"));
    EXPECT_TRUE(Unchunk(BodyOf(response)) == expected);
    EXPECT_EQ(BodyOf(client.ReadResponse()), "loop");
  }
  client.Send(Get("/sized") + Get("/empty") + Get("/loop"));
  const std::string response = client.ReadResponse();
  EXPECT_THAT(response.substr(0, 400), Not(HasSubstr("Transfer-Encoding")));
  EXPECT_TRUE(BodyOf(response) == expected);
  EXPECT_EQ(Unchunk(BodyOf(client.ReadResponse())), "");
  EXPECT_EQ(BodyOf(client.ReadResponse()), "loop");
}

TEST(Download, HeadRunsNoStream) {
  TestServer server(StreamRouter());
  RawClient client(server.port());
  client.Send("HEAD /endless HTTP/1.1\r\nHost: x\r\n\r\nHEAD /sized HTTP/1.1\r\nHost: x\r\n\r\n" +
              Get("/loop"));
  EXPECT_THAT(client.ReadResponse(true), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(client.ReadResponse(true), HasSubstr("Content-Length: 3000000\r\n"));
  EXPECT_EQ(BodyOf(client.ReadResponse()), "loop");
}

TEST(Download, OldClientsReadUntilTheEnd) {
  TestServer server(StreamRouter());
  RawClient client(server.port());
  client.Send(Get("/large_steps", "1.0"));
  const std::string response = client.ReadToEnd();
  EXPECT_THAT(response.substr(0, 400), Not(HasSubstr("Transfer-Encoding")));
  EXPECT_TRUE(BodyOf(response) == Pattern(kLargeBytes));
}

TEST(Download, BrokenStreamsLookBroken) {
  TestServer server(StreamRouter());
  for (const std::string_view path : {"/breaks", "/short", "/long"}) {
    SCOPED_TRACE(path);
    RawClient client(server.port());
    client.Send(Get(path) + Get("/loop"));
    const std::string all = client.ReadToEnd();
    EXPECT_THAT(all, Not(EndsWith("0\r\n\r\n")));
    EXPECT_THAT(all, Not(HasSubstr("loop")));
  }
}

ServerOptions ImpatientOptions() {
  ServerOptions options = TestOptions();
  options.limits.body_rate_window_ms = 200;
  return options;
}

uint64_t SecondsToServe(TestServer& server, std::string_view path) {
  RawClient client(server.port());
  const int64_t begin = server.clock.MonotonicNs();
  client.Send(Get(path));
  EXPECT_EQ(StatusOf(client.ReadResponse()), 200);
  return static_cast<uint64_t>(server.clock.MonotonicNs() - begin) / 1'000'000'000;
}

// More slow clients than there are streaming workers, each at a stand-still. Loop and worker
// routes go on at once; the slow are dropped; then streams run again.
TEST(SlowClients, ReadersHoldNobodyUp) {
  TestServer server(StreamRouter(), ImpatientOptions());
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 12; ++i) {
    slow.push_back(std::make_unique<RawClient>(server.port(),
                                               RawClient::Options{.receive_buffer_bytes = 4096}));
    slow.back()->Send(Get("/endless"));
  }
  EXPECT_LT(SecondsToServe(server, "/loop"), 5u);
  EXPECT_LT(SecondsToServe(server, "/work"), 5u);
  // A stream that waits behind them gets its turn when they are dropped.
  RawClient fair(server.port());
  fair.Send(Get("/large_steps"));
  EXPECT_TRUE(Unchunk(BodyOf(fair.ReadResponse())) == Pattern(kLargeBytes));
  // What reaches the slow ones in the end has no end.
  EXPECT_THAT(slow[0]->ReadToEnd(), Not(EndsWith("0\r\n\r\n")));
}

TEST(SlowClients, WritersHoldNobodyUp) {
  TestServer server(StreamRouter(), ImpatientOptions());
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 12; ++i) {
    slow.push_back(std::make_unique<RawClient>(server.port()));
    slow.back()->Send(PutHead("/check", kLargeBytes) + "!");
  }
  EXPECT_LT(SecondsToServe(server, "/loop"), 5u);
  EXPECT_LT(SecondsToServe(server, "/work"), 5u);
  RawClient fair(server.port());
  fair.Send(PutHead("/check", kLargeBytes) + Pattern(kLargeBytes));
  EXPECT_EQ(BodyOf(fair.ReadResponse()), "3000000 ok streamed");
  for (const auto& client : slow) EXPECT_EQ(BodyOf(client->ReadResponse()), "timeout");
}

TEST(SlowClients, BufferedBodiesHaveAMinimumRateToo) {
  TestServer server(StreamRouter(), ImpatientOptions());
  RawClient client(server.port());
  client.Send(PutHead("/check", 1000) + "!");
  EXPECT_EQ(StatusOf(client.ReadResponse()), 408);
  EXPECT_TRUE(client.IsClosedByServer());
}

}  // namespace
}  // namespace tarn::http
