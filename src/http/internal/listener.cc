#include "http/internal/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace tarn::http {
namespace {

constexpr int kBacklog = 1024;
// Accepted at a time, so that a flood of connections does not starve those that are served.
constexpr int kAcceptBatch = 64;

Result<uint16_t> BoundPort(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return ErrnoError("getsockname", errno);
  }
  // Both families keep the port in the same place.
  sockaddr_in v4;
  std::memcpy(&v4, &address, sizeof v4);
  return ntohs(v4.sin_port);
}

Result<int> BindOne(const addrinfo& address) {
  const int descriptor = socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return ErrnoError("socket", errno);
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(descriptor, address.ai_addr, address.ai_addrlen) != 0 ||
      listen(descriptor, kBacklog) != 0) {
    const int error = errno;
    close(descriptor);
    if (error == EADDRINUSE) return Error{ErrorKind::kConflict, "the address is in use"};
    return ErrnoError("bind", error);
  }
  return descriptor;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::Bind(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0 ||
      found == nullptr) {
    return Invalid("cannot resolve the host to listen on: " + host);
  }
  auto bound = BindOne(*found);
  freeaddrinfo(found);
  if (!bound.ok()) return std::move(bound).error();
  auto bound_port = BoundPort(bound.value());
  if (!bound_port.ok()) {
    close(bound.value());
    return std::move(bound_port).error();
  }
  return std::unique_ptr<Listener>(new Listener(bound.value(), bound_port.value()));
}

Listener::~Listener() {
  if (descriptor_ >= 0) close(descriptor_);
}

Status Listener::Start(EventLoop& loop, OnAccept on_accept) {
  loop_ = &loop;
  on_accept_ = std::move(on_accept);
  return loop.Add(descriptor_, EPOLLIN, this);
}

void Listener::Resume() {
  if (!paused_ || descriptor_ < 0) return;
  paused_ = false;
  loop_->Change(descriptor_, EPOLLIN, this);
}

void Listener::Stop() {
  if (descriptor_ < 0) return;
  loop_->Remove(descriptor_);
  close(descriptor_);
  descriptor_ = -1;
}

void Listener::OnEvents(uint32_t) {
  for (int i = 0; i < kAcceptBatch && descriptor_ >= 0; ++i) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const int accepted = accept4(descriptor_, reinterpret_cast<sockaddr*>(&address), &length,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
      const int error = errno;
      if (error == EAGAIN || error == EWOULDBLOCK) {
        warned_ = false;
        return;
      }
      if (error == EINTR || error == ECONNABORTED) continue;
      // Out of descriptors or memory: the connection stays in the backlog, and asking again at
      // once would only burn the processor. The next sweep resumes.
      paused_ = true;
      loop_->Change(descriptor_, 0, this);
      if (!std::exchange(warned_, true)) {
        LogWarning("accepting connections paused",
                   {{"reason", ErrnoError("accept", error).detail}});
      }
      return;
    }
    const int on = 1;
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    on_accept_(accepted, PeerOf(address));
  }
}

}  // namespace tarn::http
