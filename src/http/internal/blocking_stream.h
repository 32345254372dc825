// Streamed bodies on a streaming worker: blocking reads and writes over a non-blocking socket, with
// back-pressure by the socket itself and a minimum rate.
// Threads: the streaming worker's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/internal/body_decoder.h"
#include "http/internal/transport.h"
#include "http/message.h"
#include "http/server.h"

namespace tarn::http {

// A socket whose client must move a minimum of bytes in every window of waiting for it. Time that
// a handler spends on its own work does not count against the client.
class PacedSocket {
 public:
  PacedSocket(Transport& transport, const Clock& clock, const ServerLimits& limits)
      : transport_(transport), clock_(clock), limits_(limits) {}

  // At least one byte, or 0 at the end. Errors: kTimeout, kUnavailable.
  Result<size_t> Read(std::span<char> out);
  // All of the parts, in order.
  Status Write(std::string_view first, std::string_view second = {});

  uint64_t received_bytes() const { return received_bytes_; }
  uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  Status Wait(IoResult::Kind want);

  Transport& transport_;
  const Clock& clock_;
  const ServerLimits& limits_;
  int64_t waited_ns_ = 0;
  uint64_t window_bytes_ = 0;
  uint64_t received_bytes_ = 0;
  uint64_t sent_bytes_ = 0;
};

class SocketBodyReader final : public BodyReader {
 public:
  struct Source {
    PacedSocket& socket;
    BodyDecoder& decoder;
    std::string prefix;           // Content that was decoded before.
    std::string input;            // Received and not yet decoded.
    bool sends_continue = false;  // Before the first read: "100 Continue".
    uint64_t body_bytes_max = 0;
  };
  explicit SocketBodyReader(Source source) : source_(std::move(source)) {}

  Result<size_t> Read(std::span<char> out) override;

  // True when the body was read to its end, if need be by dropping a small rest of it.
  bool Finish();
  // What was received beyond the body.
  std::string TakeLeftover();

 private:
  Result<size_t> ReadSome(std::span<char> out);

  Source source_;
  size_t prefix_used_ = 0;
  std::string_view pending_;  // Of input or of buffer_.
  bool started_ = false;
  std::unique_ptr<char[]> buffer_;  // kReadBytes; chunked bodies only.
  uint64_t content_bytes_ = 0;
  std::optional<Error> failure_;
};

class SocketBodyWriter final : public BodyWriter {
 public:
  enum class Mode : uint8_t { kChunked, kLength, kUntilClose };
  // `head` leaves together with the first bytes of the body.
  SocketBodyWriter(PacedSocket& socket, Mode mode, uint64_t length, std::string head)
      : socket_(socket), mode_(mode), length_left_(length), buffer_(std::move(head)) {}

  Status Write(std::string_view bytes) override;
  // Sends what waits and the end of the body. Errors: also kInternal when a body of stated length
  // was not complete.
  Status Finish();

 private:
  Status Send(std::string_view bytes);

  PacedSocket& socket_;
  const Mode mode_;
  uint64_t length_left_;
  std::string buffer_;    // Framed bytes: the head at first, finished chunks.
  std::string gathered_;  // Content of a chunk in the making.
  std::optional<Error> failure_;
};

}  // namespace tarn::http
