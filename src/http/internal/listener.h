// The listening socket of a server: accepts on one loop and hands sockets to the loop with the
// fewest connections. One socket for all loops, so that port 0 means one port; SO_REUSEPORT would
// spread by hash and leave a few busy connections on one loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/internal/event_loop.h"
#include "http/internal/peers.h"

namespace tarn::http {

class Listener final : public EventLoop::Watcher {
 public:
  // Takes over the accepted, non-blocking socket of `peer`.
  using OnAccept = std::function<void(int descriptor, Peer peer)>;

  // Errors: kConflict (address in use), kInvalid (host), kUnavailable.
  static Result<std::unique_ptr<Listener>> Bind(const std::string& host, uint16_t port);
  ~Listener() override;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  uint16_t port() const { return port_; }
  // Before the loop runs.
  Status Start(EventLoop& loop, OnAccept on_accept);
  // The loop's thread: when accepting paused for want of descriptors, tries again.
  void Resume();
  // The loop's thread: no more is accepted, and the port is free.
  void Stop();

  void OnEvents(uint32_t epoll_events) override;

 private:
  Listener(int descriptor, uint16_t port) : descriptor_(descriptor), port_(port) {}

  int descriptor_;
  const uint16_t port_;
  EventLoop* loop_ = nullptr;
  OnAccept on_accept_;
  bool paused_ = false;
  bool warned_ = false;  // Said once until the backlog is empty again.
};

}  // namespace tarn::http
