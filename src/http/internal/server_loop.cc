#include "http/internal/server_loop.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/internal/connection.h"

namespace tarn::http {

void BufferedRandom::Fill(std::span<char> out) {
  if (out.size() > bytes_.size()) return source_.Fill(out);
  if (out.size() > bytes_.size() - used_) {
    source_.Fill(bytes_);
    used_ = 0;
  }
  std::memcpy(out.data(), bytes_.data() + used_, out.size());
  used_ += out.size();
}

ServerLoop::ServerLoop(ServerCore& core, std::unique_ptr<EventLoop> events)
    : core_(core),
      events_(std::move(events)),
      // Not initialised: pages that are never used stay unmapped.
      read_buffer_(new char[kReadBytes]),
      random_(core.random) {}

ServerLoop::~ServerLoop() = default;

Result<std::unique_ptr<ServerLoop>> ServerLoop::Create(ServerCore& core) {
  TRY(std::unique_ptr<EventLoop> events, EventLoop::Create());
  return std::unique_ptr<ServerLoop>(new ServerLoop(core, std::move(events)));
}

void ServerLoop::Run() {
  const ServerLimits& limits = core_.options.limits;
  const uint32_t shortest = std::min(
      {limits.head_timeout_ms, limits.idle_timeout_ms, limits.body_rate_window_ms, uint32_t{1000}});
  EventLoop::Hooks hooks;
  hooks.sweep_interval_ms = static_cast<int>(std::max(shortest / 4, uint32_t{5}));
  hooks.before_batch = [this] { now_ns_ = core_.clock.MonotonicNs(); };
  hooks.sweep = [this] {
    Sweep();
    on_sweep_();
  };
  hooks.after_batch = [this] { retired_.clear(); };
  events_->Run(hooks);
}

void ServerLoop::Adopt(int descriptor, Peer peer) {
  connection_count_.fetch_add(1, std::memory_order_relaxed);
  events_->Post([this, descriptor, peer = std::move(peer)] {
    connections_.push_back(
        std::make_unique<Connection>(*this, descriptor, connections_.size(), peer));
    deadlines_.push_back(INT64_MAX);
    connections_.back()->Start();
  });
}

void ServerLoop::Retire(Connection* connection) {
  const size_t index = connection->index();
  retired_.push_back(std::move(connections_[index]));
  if (index + 1 != connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->set_index(index);
    deadlines_[index] = deadlines_.back();
  }
  connections_.pop_back();
  deadlines_.pop_back();
  connection_count_.fetch_sub(1, std::memory_order_relaxed);
  core_.peers.Remove(connection->peer_key());
  core_.metrics.connections->Add(-1);
  if (core_.connections.fetch_sub(1) == 1 && core_.stopping.load()) {
    MutexLock lock(core_.mutex);
    core_.all_closed.NotifyAll();
  }
}

void ServerLoop::Sweep() {
  // Backwards: a connection that retires is replaced by one that was looked at.
  for (size_t i = deadlines_.size(); i-- > 0;) {
    if (i < deadlines_.size() && deadlines_[i] <= now_ns_) connections_[i]->OnDeadline();
  }
}

void ServerLoop::BeginStop() {
  events_->Post([this] {
    for (size_t i = connections_.size(); i-- > 0;) connections_[i]->BeginStop();
  });
}

void ServerLoop::ForceClose() {
  events_->Post([this] {
    for (size_t i = connections_.size(); i-- > 0;) connections_[i]->ForceClose();
  });
}

std::string_view ServerLoop::Date() {
  const int64_t unix_ms = core_.clock.UnixMs();
  if (unix_ms / 1000 != date_second_) {
    date_second_ = unix_ms / 1000;
    date_ = FormatHttpDate(unix_ms);
  }
  return date_;
}

}  // namespace tarn::http
