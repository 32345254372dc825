#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <thread>

#include "http/internal/raw_client.h"
#include "http/internal/test_server.h"
#include "http/loop.h"

namespace tarn::http {
namespace {

using ::testing::HasSubstr;

Router EchoRouter() {
  Router router;
  router.Add(Method::kGet, "/hello", OnLoop("hello"),
             [](Request&) { return TextResponse("hello"); });
  router.Add(Method::kGet, "/pool/{id}", OnWorkers("work"),
             [](Request& request) { return TextResponse(request.path_parameters[0].second); });
  router.Add(Method::kPost, "/echo", OnWorkers("echo"),
             [](Request& request) { return TextResponse(request.body); });
  return router;
}

TEST(Server, ServesOnLoopAndWorkersOverOneConnection) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string response = client.ReadResponse();
    EXPECT_EQ(StatusOf(response), 200);
    EXPECT_EQ(BodyOf(response), "hello");
    EXPECT_THAT(response, HasSubstr("X-Request-Id: "));
    client.Send("GET /pool/a%20b HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(BodyOf(client.ReadResponse()), "a b");
    client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_EQ(BodyOf(client.ReadResponse()), "abc");
  }
}

// What would block its loop runs on a worker, though its route is the loop's.
TEST(Server, RequestsThatDoNotFitTheLoopGoToAWorker) {
  const auto thread = [](Request&) {
    std::ostringstream id;
    id << std::this_thread::get_id();
    return TextResponse(id.str());
  };
  Router router;
  router.Add(Method::kGet, "/loop", OnLoop("loop"), thread);
  RouteOptions options = OnLoop("maybe");
  options.fits_loop = [](const Request& request) {
    return request.path_parameters[0].second == "warm";
  };
  router.Add(Method::kGet, "/maybe/{id}", options, thread);
  TestServer server(std::move(router));
  RawClient client(server.port());
  const auto get = [&client](const std::string& path) {
    client.Send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return BodyOf(client.ReadResponse());
  };
  const std::string loop = get("/loop");
  EXPECT_EQ(get("/maybe/warm"), loop);
  EXPECT_NE(get("/maybe/cold"), loop);
  EXPECT_EQ(get("/loop"), loop);
}

// A handler on the loop that would have to wait is called again by a worker, with the same request.
TEST(Server, AHandlerMayAskForAWorker) {
  std::atomic<int> on_loop = 0;
  Router router;
  router.Add(Method::kPost, "/maybe/{id}", OnLoop("maybe"), [&on_loop](Request& request) {
    const bool cold = request.path_parameters[0].second == "cold";
    if (IsLoopThread()) {
      ++on_loop;
      if (cold) return RunOnWorker();
    }
    return TextResponse((IsLoopThread() ? "loop " : "worker ") + request.body);
  });
  router.Add(Method::kGet, "/broken", OnWorkers("broken"), [](Request&) { return RunOnWorker(); });
  TestServer server(std::move(router));
  RawClient client(server.port());
  const auto post = [](const std::string& id, const std::string& body) {
    return "POST /maybe/" + id +
           " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  };
  // Pipelined: the order stays.
  client.Send(post("warm", "1") + post("cold", "2") + post("warm", "3") + post("cold", "4"));
  for (const char* body : {"loop 1", "worker 2", "loop 3", "worker 4"}) {
    const std::string response = client.ReadResponse();
    EXPECT_EQ(StatusOf(response), 200);
    EXPECT_EQ(BodyOf(response), body);
  }
  EXPECT_EQ(on_loop, 4);
  EXPECT_FALSE(IsLoopThread());
  // Off the loops it is no answer.
  client.Send("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(StatusOf(client.ReadResponse()), 500);
}

// Bodies take the memory of bodies that were sent, and nothing but their own bytes shows.
TEST(Server, BodiesAreRecycled) {
  Router router;
  router.Add(Method::kGet, "/bytes/{count}/{letter}", OnLoop("bytes"), [](Request& request) {
    const size_t count = std::stoul(request.path_parameters[0].second);
    Response response = TextResponse("");
    response.body = RecycledBody(count);
    EXPECT_EQ(response.body.size(), count);
    std::fill(response.body.begin(), response.body.end(), request.path_parameters[1].second[0]);
    return response;
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  char letter = 'a';
  for (const size_t count : {0u, 1u, 70'000u, 200'000u, 100'000u, 5u, 300'000u, 66'000u, 65'536u}) {
    client.Send("GET /bytes/" + std::to_string(count) + "/" + letter +
                " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(BodyOf(client.ReadResponse()) == std::string(count, letter)) << count;
    ++letter;
  }
  EXPECT_EQ(RecycledBody(3).size(), 3u);  // Not on a loop.
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  std::string requests;
  for (int i = 0; i < 500; ++i) {
    const std::string id = std::to_string(i);
    requests += "GET /pool/" + id + " HTTP/1.1\r\nHost: x\r\n\r\n";
    requests += "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  client.Send(requests);
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(BodyOf(client.ReadResponse()), std::to_string(i));
    ASSERT_EQ(BodyOf(client.ReadResponse()), "hello");
  }
}

TEST(Server, TellsUnknownPathsFromUnknownMethods) {
  TestServer server(EchoRouter());
  RawClient client(server.port());
  client.Send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(StatusOf(client.ReadResponse()), 404);
  client.Send("DELETE /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string response = client.ReadResponse();
  EXPECT_EQ(StatusOf(response), 405);
  EXPECT_THAT(response, HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"));
  client.Send("OPTIONS /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"));
}

}  // namespace
}  // namespace tarn::http
