// A server with the routes that the tests of this module ask. For tests only.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "http/server.h"

namespace tarn::http {

inline ServerOptions TestOptions() {
  ServerOptions options;
  options.name = "test";
  options.loops = 2;
  options.workers = 2;
  options.stream_workers = 4;
  options.access_log = false;
  return options;
}

class TestServer {
 public:
  explicit TestServer(Router router, ServerOptions options = TestOptions()) {
    auto started = Server::Start(std::move(options), std::move(router), metrics, clock, random);
    CHECK(started.ok());
    server = std::move(started).value();
  }
  uint16_t port() const { return server->port(); }
  std::string Url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port()) + std::string(path);
  }

  MetricsRegistry metrics;
  SystemClock clock;
  SystemRandom random;
  std::unique_ptr<Server> server;
};

inline Response TextResponse(std::string body, int status = 200) {
  Response response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain");
  response.body = std::move(body);
  return response;
}

inline RouteOptions OnLoop(std::string name) {
  return {.run_on = RunOn::kLoop, .name = std::move(name)};
}
inline RouteOptions OnWorkers(std::string name, uint64_t body_bytes_max = kBufferedBodyBytesMax) {
  return {.run_on = RunOn::kWorkers, .body_bytes_max = body_bytes_max, .name = std::move(name)};
}

}  // namespace tarn::http
