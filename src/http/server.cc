#include "http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <strings.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "http/internal/connection.h"
#include "http/internal/listener.h"
#include "http/internal/route_table.h"
#include "http/internal/server_core.h"
#include "http/internal/server_loop.h"

namespace tarn::http {
namespace {

ServerMetrics MakeMetrics(const ServerOptions& options, const RouteTable& router,
                          MetricsRegistry& registry) {
  ServerMetrics metrics;
  const auto make_route = [&](const std::string& name) {
    RouteMetrics route;
    for (size_t status_class = 2; status_class <= 5; ++status_class) {
      route.by_class[status_class] = &registry.GetCounter(
          "tarn_http_requests_total", "Requests answered, by route and class of status.",
          {{"server", options.name},
           {"route", name},
           {"status", std::to_string(status_class) + "xx"}});
    }
    route.seconds = &registry.GetHistogram("tarn_http_request_seconds",
                                           "From the end of the head to the response, by route.",
                                           {{"server", options.name}, {"route", name}});
    return route;
  };
  for (const Route* route : router.routes)
    metrics.routes.push_back(make_route(route->options.name));
  metrics.routes.push_back(make_route("none"));
  const MetricLabels labels = {{"server", options.name}};
  metrics.connections =
      &registry.GetGauge("tarn_http_connections", "Open client connections.", labels);
  metrics.handlers_queued =
      &registry.GetGauge("tarn_http_handlers_queued", "Requests waiting for a worker.", labels);
  metrics.streams_queued = &registry.GetGauge("tarn_http_streams_queued",
                                              "Requests waiting for a streaming worker.", labels);
  metrics.connections_accepted = &registry.GetCounter("tarn_http_connections_accepted_total",
                                                      "Client connections accepted.", labels);
  metrics.connections_refused = &registry.GetCounter(
      "tarn_http_connections_refused_total",
      "Closed at once: the server, or the peer, had as many as it may.", labels);
  metrics.timeouts = &registry.GetCounter("tarn_http_timeouts_total",
                                          "Connections ended for being slow or idle.", labels);
  metrics.received_bytes =
      &registry.GetCounter("tarn_http_received_bytes_total", "Bytes read from clients.", labels);
  metrics.sent_bytes =
      &registry.GetCounter("tarn_http_sent_bytes_total", "Bytes written to clients.", labels);
  return metrics;
}

std::string AuthorityOf(const std::string& host, uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace

struct Server::State {
  State(ServerOptions options, Router router, const Clock& clock, RandomSource& random)
      : core(std::move(options), RouterAccess::Take(std::move(router)), clock, random) {}

  void Accept(int descriptor, Peer peer);

  ServerCore core;
  std::unique_ptr<Listener> listener;
  std::vector<std::unique_ptr<ServerLoop>> loops;
  std::vector<std::thread> threads;
  std::atomic<bool> stop_called{false};
};

void Server::State::Accept(int descriptor, Peer peer) {
  const ServerLimits& limits = core.options.limits;
  const uint32_t peer_max =
      peer.is_loopback ? limits.loopback_connections_max : limits.peer_connections_max;
  const bool room = core.connections.fetch_add(1) < limits.connections_max;
  if (!room || !core.peers.TryAdd(peer.key, peer_max)) {
    core.connections.fetch_sub(1);
    core.metrics.connections_refused->Add();
    close(descriptor);
    return;
  }
  core.metrics.connections_accepted->Add();
  core.metrics.connections->Add(1);
  ServerLoop* least = loops.front().get();
  for (const auto& loop : loops) {
    if (loop->connection_count() < least->connection_count()) least = loop.get();
  }
  least->Adopt(descriptor, std::move(peer));
}

// Runs `task` on the loop's thread and returns when it is done.
void RunOnLoop(ServerLoop& loop, const std::function<void()>& task) {
  Mutex mutex;
  CondVar done_wake;
  bool done = false;
  loop.events().Post([&] {
    task();
    MutexLock lock(mutex);
    done = true;
    done_wake.NotifyAll();
  });
  MutexLock lock(mutex);
  while (!done) done_wake.Wait(mutex);
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, Router router,
                                              MetricsRegistry& metrics, const Clock& clock,
                                              RandomSource& random) {
  CHECK(options.loops > 0 && options.workers > 0 && options.stream_workers > 0);
  auto state = std::make_unique<State>(std::move(options), std::move(router), clock, random);
  ServerCore& core = state->core;
  core.metrics = MakeMetrics(core.options, *core.router, metrics);
  if (!core.options.tls_certificate_file.empty() || !core.options.tls_key_file.empty()) {
    TRY(core.tls, TlsContext::Load(core.options.tls_certificate_file, core.options.tls_key_file));
  }
  if (core.options.sites.has_value()) {
    TRY(core.sites, SitePolicy::Create(*core.options.sites));
  }
  TRY(state->listener, Listener::Bind(core.options.host, core.options.port));
  if (core.sites.has_value()) {
    core.sites->SetOwnAuthority(AuthorityOf(core.options.host, state->listener->port()));
  }
  for (size_t i = 0; i < core.options.loops; ++i) {
    TRY(std::unique_ptr<ServerLoop> loop, ServerLoop::Create(core));
    state->loops.push_back(std::move(loop));
  }
  Listener* listener = state->listener.get();
  TRY(listener->Start(state->loops.front()->events(),
                      [raw = state.get()](int descriptor, Peer peer) {
                        raw->Accept(descriptor, std::move(peer));
                      }));
  state->loops.front()->set_on_sweep([listener, &core] {
    listener->Resume();
    if (core.pools_closed.load()) return;
    core.metrics.handlers_queued->Set(static_cast<int64_t>(core.workers->queued()));
    core.metrics.streams_queued->Set(static_cast<int64_t>(core.stream_workers->queued()));
  });
  // Every write of ours says MSG_NOSIGNAL; this is for what other libraries write.
  std::signal(SIGPIPE, SIG_IGN);
  core.workers = std::make_unique<WorkerPool>(
      WorkerPool::Options{.name = core.options.name + "-work",
                          .threads = core.options.workers,
                          .queued_max = core.options.limits.handler_queue_max});
  core.stream_workers = std::make_unique<WorkerPool>(
      WorkerPool::Options{.name = core.options.name + "-flow",
                          .threads = core.options.stream_workers,
                          .queued_max = core.options.limits.stream_queue_max});
  for (size_t i = 0; i < state->loops.size(); ++i) {
    state->threads.emplace_back([loop = state->loops[i].get()] { loop->Run(); });
    const std::string name = (core.options.name + "-loop").substr(0, 11) + "-" + std::to_string(i);
    pthread_setname_np(state->threads.back().native_handle(), name.substr(0, 15).c_str());
  }
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

uint16_t Server::port() const { return state_->listener->port(); }

void Server::Stop() {
  if (state_->stop_called.exchange(true)) return;
  ServerCore& core = state_->core;
  RunOnLoop(*state_->loops.front(), [this] { state_->listener->Stop(); });
  {
    MutexLock lock(core.mutex);
    core.stopping = true;
  }
  for (const auto& loop : state_->loops) loop->BeginStop();
  const auto wait_closed = [&core](std::chrono::milliseconds at_most) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    MutexLock lock(core.mutex);
    while (core.connections.load() > 0) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return false;
      core.all_closed.WaitFor(core.mutex, left);
    }
    return true;
  };
  if (wait_closed(std::chrono::milliseconds(core.options.limits.stop_timeout_ms))) return;
  LogWarning("connections were closed before they had finished",
             {{"server", core.options.name},
              {"connections", static_cast<long long>(core.connections.load())}});
  for (const auto& loop : state_->loops) loop->ForceClose();
}

Server::~Server() {
  Stop();
  for (const auto& loop : state_->loops) loop->ForceClose();
  state_->core.pools_closed = true;
  for (const auto& loop : state_->loops) RunOnLoop(*loop, [] {});
  // Handlers finish before the loops do: each posts its end to its loop.
  state_->core.workers.reset();
  state_->core.stream_workers.reset();
  for (const auto& loop : state_->loops) loop->events().Quit();
  for (std::thread& thread : state_->threads) thread.join();
}

bool IsLoopbackHost(std::string_view host) {
  const std::string text(host);
  if (strcasecmp(text.c_str(), "localhost") == 0) return true;
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6) != 0;
}

}  // namespace tarn::http
