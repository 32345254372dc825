// What the loops, connections and workers of one server share.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/worker_pool.h"
#include "http/internal/peers.h"
#include "http/internal/route_table.h"
#include "http/internal/transport.h"
#include "http/server.h"

namespace tarn::http {

struct RouteMetrics {
  std::array<Counter*, 6> by_class{};  // [status / 100]; 2 to 5 are used.
  Histogram* seconds = nullptr;
};

struct ServerMetrics {
  std::vector<RouteMetrics> routes;  // By Route::index; the last one is for "no route".
  Gauge* connections = nullptr;
  Gauge* handlers_queued = nullptr;  // Set at every sweep.
  Gauge* streams_queued = nullptr;
  Counter* connections_accepted = nullptr;
  Counter* connections_refused = nullptr;
  Counter* received_bytes = nullptr;
  Counter* sent_bytes = nullptr;
  Counter* timeouts = nullptr;  // Connections dropped for being slow or idle.
};

struct ServerCore {
  ServerCore(ServerOptions options_in, std::unique_ptr<RouteTable> router_in, const Clock& clock_in,
             RandomSource& random_in)
      : options(std::move(options_in)),
        router(std::move(router_in)),
        clock(clock_in),
        random(random_in) {}

  const ServerOptions options;
  const std::unique_ptr<const RouteTable> router;
  const Clock& clock;
  RandomSource& random;
  ServerMetrics metrics;
  std::unique_ptr<TlsContext> tls;  // Null: plain.
  std::optional<SitePolicy> sites;  // Nothing: every host and page.
  std::unique_ptr<WorkerPool> workers;
  std::unique_ptr<WorkerPool> stream_workers;

  std::atomic<bool> stopping{false};
  // Once true (and every loop has finished the batch it was in), no loop touches the pools again.
  std::atomic<bool> pools_closed{false};
  std::atomic<int64_t> buffered_body_bytes{0};
  // Also guarded by the mutex when it falls while stopping, so that Stop() can wait for zero.
  std::atomic<int64_t> connections{0};
  PeerCounts peers;
  Mutex mutex;
  CondVar all_closed;
};

}  // namespace tarn::http
