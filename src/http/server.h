// The HTTP/1.1 server: event loops of its own, one route table, worker pools for what takes long.
// Spec: RFC 9110, RFC 9112. How it works inside: docs/internals/http.md.
//
// A request's way: a loop reads the head, matches the route, refuses what is too large or finds a
// full queue before reading the body, buffers bodies up to kBufferedBodyBytesMax, and then runs the
// handler: right there (RunOn::kLoop, for handlers that never block: they may read storage that is
// in memory, up to a millisecond) or on the worker pool. Larger bodies, and responses with
// `stream`, are moved by handlers on the streaming pool, with back-pressure and a minimum rate, so
// that slow clients never hold the workers that others need.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "http/message.h"
#include "http/site_policy.h"

namespace tarn::http {

// Bodies up to this size are complete before a handler sees them.
inline constexpr uint64_t kBufferedBodyBytesMax = 1u << 20;

// Must not throw. Threads: called from many at once.
using Handler = std::function<Response(Request&)>;

enum class RunOn : uint8_t { kLoop, kWorkers };

struct RouteOptions {
  RunOn run_on = RunOn::kWorkers;
  // Asked on the loop about each request of a route with kLoop; false: a worker takes this one, as
  // it would block. Null: none does.
  std::function<bool(const Request&)> fits_loop = {};
  // Beyond it: 413 before the body is read. Above kBufferedBodyBytesMax the handler must use
  // Request::body_reader when it is set.
  uint64_t body_bytes_max = kBufferedBodyBytesMax;
  std::string name;  // For metrics and the access log: "fhir.read". No request data.
};

// Which handler answers which method and path. Filled before the server starts, then immutable.
class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // `pattern`: "/health", "/datastore/{id}/r4/{type}", "/{bucket}/{key...}" ({x...} takes the rest
  // of the path, slashes included and possibly empty). Literal segments win over {parts}.
  // Adding one method and pattern twice is a bug (CHECK). `method` kOther matches every method.
  void Add(Method method, std::string_view pattern, RouteOptions options, Handler handler);

  // How requests that match no route, and errors that the server itself answers, look on this
  // listener. `status`: 400, 403, 404, 405, 408, 413, 421, 429, 431, 500, 501, 503, 505; a
  // formatter must accept any. Of a request whose head is broken, `head` holds what was read before
  // the fault.
  using ErrorFormatter =
      std::function<Response(int status, const Request& head, std::string_view message)>;
  void SetErrorFormatter(ErrorFormatter formatter);

 private:
  friend class Server;
  friend struct RouterAccess;
  struct State;
  std::unique_ptr<State> state_;
};

struct ServerLimits {
  uint32_t head_bytes_max = 16 * 1024;  // 431
  uint32_t connections_max = 10'000;    // Beyond it new connections are closed at once.
  // Those of one peer: an IPv4 address, or the /64 of an IPv6 address; beyond it the same. A
  // loopback address is every program of this machine, proxies among them, so it has a bound of its
  // own, which by default is no narrower than that of all.
  uint32_t peer_connections_max = 2'500;
  uint32_t loopback_connections_max = 10'000;
  uint32_t head_timeout_ms = 10'000;   // From the first byte of a head to its end.
  uint32_t idle_timeout_ms = 75'000;   // Keep-alive connections without a request.
  uint32_t body_rate_min = 16 * 1024;  // Bytes a second, over body_rate_window_ms, both ways.
  uint32_t body_rate_window_ms = 10'000;
  uint32_t handler_queue_max = 1024;  // Waiting for a worker; beyond it 503 at once.
  uint32_t stream_queue_max = 256;    // Waiting for a streaming worker; beyond it 503.
  uint32_t stop_timeout_ms = 10'000;  // Graceful stop: then connections are closed.
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  // 0: the system picks one; see Server::port().
  std::string name;   // For logs and metrics: "api", "s3".
  size_t loops = 2;
  size_t workers = 4;
  size_t stream_workers = 16;
  ServerLimits limits;
  bool access_log = true;  // One line a request: id, route name, status, bytes, time; no paths.
  // For which hosts and pages it answers, loopback's always; nothing: for all.
  std::optional<SitePolicyOptions> sites;
  // PEM files; both empty: plain HTTP.
  std::string tls_certificate_file;
  std::string tls_key_file;
};

class Server {
 public:
  // Binds and serves. The metrics, clock and random source must outlive the server.
  // Errors: kConflict (address in use), kInvalid, kUnavailable.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, Router router,
                                               MetricsRegistry& metrics, const Clock& clock,
                                               RandomSource& random);
  // Stop(), and then joins.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;
  // Stops accepting, lets running requests finish, closes idle connections; returns when all are
  // closed or after stop_timeout_ms.
  void Stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// True for 127.0.0.0/8, ::1 and "localhost".
bool IsLoopbackHost(std::string_view host);

}  // namespace tarn::http
