// The HTTP client: blocking calls over libcurl, connections kept and reused, but by POST and PATCH.
// libcurl is loaded with the first request; where it cannot be, every request is kUnavailable.
// Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace tarn::http {

struct ClientRequest {
  Method method = Method::kGet;
  std::string url;  // Absolute; the path is sent as written (already encoded).
  Headers headers;
  std::string body;
  // When set: the response's body goes here instead of into ClientResponse::body; an error stops
  // the transfer.
  std::function<Status(std::string_view)> body_sink;
  // When set (with `upload_bytes`): the request's body is read from here; 0 is the end.
  std::function<Result<size_t>(std::span<char>)> upload;
  uint64_t upload_bytes = 0;
  // When set: called when the connection stands and the request is about to leave. Without that
  // call the server has seen nothing of it.
  std::function<void()> begins;
  uint32_t connect_timeout_ms = 5'000;
  uint32_t timeout_ms = 60'000;             // The whole exchange; 0 for none (streams).
  uint64_t response_bytes_max = 64u << 20;  // kTooLarge beyond, when there is no body_sink.
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

// What a client may reach. Names are resolved once and the connection goes to the checked address.
enum class Egress : uint8_t {
  kAny,           // The user named the host on the command line or in the configuration.
  kLoopbackOnly,  // Development.
  kPublicOnly,    // Hosts from requests: private, link-local and metadata ranges are refused.
};

// Loads and sets up what clients of this process share, 5 ms of CPU, beside the caller: a program
// that will send a request makes one first thing. The first request does it otherwise.
class ClientSetup {
 public:
  ClientSetup();
  ~ClientSetup();
  ClientSetup(const ClientSetup&) = delete;
  ClientSetup& operator=(const ClientSetup&) = delete;

 private:
  std::thread thread_;
};

class Client {
 public:
  struct Options {
    Egress egress = Egress::kAny;
    size_t idle_connections_max = 16;
    std::string user_agent = "tarn";
    // PEM file with the certificate authorities to trust; empty: the system's.
    std::string ca_file;
  };
  explicit Client(Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends and waits. Redirects are not followed. A status of 400 or more is a response, not an
  // Error. Errors: kInvalid (URL), kForbidden (egress), kTimeout, kTooLarge, kUnavailable.
  Result<ClientResponse> Send(const ClientRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn::http
