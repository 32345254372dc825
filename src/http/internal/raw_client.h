// A socket that says exactly what a test tells it to. For tests of this module only.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/check.h"

namespace tarn::http {

class RawClient {
 public:
  struct Options {
    int receive_buffer_bytes = 0;  // 0: the system's.
    const char* source = nullptr;  // The IPv4 address to connect from.
  };
  explicit RawClient(uint16_t port) : RawClient(port, Options()) {}
  RawClient(uint16_t port, const Options& options)
      : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    CHECK(descriptor_ >= 0);
    const int receive_buffer_bytes = options.receive_buffer_bytes;
    if (receive_buffer_bytes > 0) {
      setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(int));
    }
    if (options.source != nullptr) {
      sockaddr_in from{};
      from.sin_family = AF_INET;
      CHECK(inet_pton(AF_INET, options.source, &from.sin_addr) == 1);
      CHECK(bind(descriptor_, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(descriptor_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }

  // False when the server closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void FinishSending() { shutdown(descriptor_, SHUT_WR); }

  // Reads one whole response (head and body); empty when the server closed without one. A test
  // that would hang fails here after 20 s.
  std::string ReadResponse(bool is_head = false) {
    size_t head_end = std::string::npos;
    while ((head_end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return TakeAll();
    }
    head_end += 4;
    const std::string_view head(buffer_.data(), head_end);
    if (head.starts_with("HTTP/1.1 100")) return Take(head_end);
    if (is_head || head.starts_with("HTTP/1.1 204")) return Take(head_end);
    if (head.find("Transfer-Encoding: chunked") != std::string_view::npos) {
      size_t end = std::string::npos;
      while ((end = buffer_.find("\r\n0\r\n\r\n", head_end - 2)) == std::string::npos) {
        if (!Receive()) return TakeAll();
      }
      return Take(end + 7);
    }
    const size_t at = head.find("Content-Length: ");
    if (at == std::string_view::npos) return ReadToEnd();
    const size_t length = std::strtoull(buffer_.c_str() + at + 16, nullptr, 10);
    while (buffer_.size() < head_end + length) {
      if (!Receive()) return TakeAll();
    }
    return Take(head_end + length);
  }

  // Everything until the server closes.
  std::string ReadToEnd() {
    while (Receive()) {
    }
    return TakeAll();
  }

  bool IsClosedByServer() { return ReadToEnd().empty() && ended_; }

 private:
  bool Receive() {
    pollfd entry{descriptor_, POLLIN, 0};
    if (poll(&entry, 1, 20'000) != 1) return false;
    char bytes[65536];
    const ssize_t got = recv(descriptor_, bytes, sizeof bytes, 0);
    if (got <= 0) ended_ = true;
    if (got > 0) buffer_.append(bytes, static_cast<size_t>(got));
    return got > 0;
  }
  std::string Take(size_t count) {
    std::string taken = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return taken;
  }
  std::string TakeAll() { return Take(buffer_.size()); }

  const int descriptor_;
  bool connected_ = false;
  bool ended_ = false;
  std::string buffer_;
};

// The status of a response, 0 for none, and its body as sent.
inline int StatusOf(std::string_view response) {
  return response.size() < 12 ? 0 : std::atoi(std::string(response.substr(9, 3)).c_str());
}
inline std::string BodyOf(std::string_view response) {
  const size_t end = response.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(response.substr(end + 4));
}

}  // namespace tarn::http
