// One client connection: the state machine between socket, parser, handlers and workers.
//
//            head complete            body complete          handler done
//   kReading ------------> (kReading) ------------> kBusy -------------------> kReading | kWriting
//      |                     body too large, stream      \-- streaming worker owns the socket --/
//      | error, close                                                   all written
//      v                                               kWriting -----------------------> kReading
//   kLingering -> kClosed
//
// Threads: the loop's. While `state_` is kBusy, request_ and response_ belong to a worker; while a
// streaming worker runs, so do transport_, body_, input_ and output_. The worker gives them back
// with a task posted to the loop; only the loop closes the socket or destroys the connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/internal/blocking_stream.h"
#include "http/internal/body_decoder.h"
#include "http/internal/event_loop.h"
#include "http/internal/request_parser.h"
#include "http/internal/server_loop.h"
#include "http/internal/transport.h"
#include "http/message.h"

namespace tarn::http {

class Connection final : public EventLoop::Watcher {
 public:
  Connection(ServerLoop& loop, int descriptor, size_t index, Peer peer);
  ~Connection() override;

  void Start();
  void OnEvents(uint32_t epoll_events) override;
  void OnDeadline();
  void BeginStop();
  void ForceClose();

  size_t index() const { return index_; }
  void set_index(size_t index) { index_ = index; }
  const PeerKey& peer_key() const { return peer_.key; }

 private:
  enum class State : uint8_t { kHandshake, kReading, kBusy, kWriting, kLingering, kClosed };
  enum class Phase : uint8_t { kIdle, kHead, kBody };  // Within kReading.
  // What a streaming worker hands back.
  struct StreamOutcome {
    bool must_respond = false;  // The handler's response is not a stream: the loop sends it.
    bool complete = false;      // The streamed response was sent whole.
    uint64_t received_bytes = 0;
    uint64_t sent_bytes = 0;
  };
  enum class Dispatch : uint8_t { kNone, kWorker, kStream, kStreamResponse };

  // Reading.
  void OnReadable();
  void ContinueHandshake();
  bool ReadPending();
  void Linger();
  void Pump(std::string_view in);
  void Resume();  // Pump with what was received before.
  // Why Consume stopped.
  enum class Next : uint8_t { kContinue, kReadMore, kYield };
  size_t Consume(std::string_view in, Next* next);
  size_t ConsumeBody(std::string_view in);
  size_t BufferBody(std::string_view in);
  void BeginRequest();
  void Identify();
  bool Screen();
  bool FindRoute();
  bool Admit();
  void StartBody();
  void AfterBody();

  // Running handlers.
  bool Submit();
  void RefuseWhenStopping();
  void RunHandlerOnWorker();
  void RunUploadOnWorker();
  void RunDownloadOnWorker();
  void SendStream(PacedSocket& socket, StreamOutcome* outcome);
  bool IsStreamed() const;
  void OnStreamDone(const StreamOutcome& outcome);

  // Answering.
  enum class After : uint8_t { kKeep, kClose };  // What becomes of the connection.
  bool WantsClose() const;
  void Respond();
  void Fail(int status, std::string_view message, After after);
  void FinishRequest(int status, uint64_t sent_bytes);
  void ResetForNext();
  bool Flush();
  void ReleaseBody();
  void BorrowOutput();
  void ReturnOutput();
  void CloseAfterWrite();
  void Close();

  void Watch(uint32_t epoll_events);
  void SetDeadlineIn(int64_t milliseconds);
  void StartRateWindow();
  bool IsRateTooLow() const;

  ServerLoop& loop_;
  ServerCore& core_;
  Transport transport_;
  size_t index_;
  const Peer peer_;

  State state_ = State::kReading;
  Phase phase_ = Phase::kIdle;
  Dispatch dispatch_ = Dispatch::kNone;
  uint32_t watched_ = 0;     // What epoll tells us about.
  bool registered_ = false;  // False after a hang-up while busy.
  bool keep_alive_ = true;
  bool close_after_write_ = false;
  bool unread_input_ = false;   // The client may still be sending: linger before closing.
  bool discards_body_ = false;  // Already answered: what is left of the body is dropped.

  RequestParser parser_;
  BodyDecoder body_;
  Request request_;
  Response response_;
  const Route* route_ = nullptr;
  bool answers_page_ = false;  // Of another origin, which is allowed to read the response.
  uint64_t body_bytes_max_ = 0;
  int64_t request_start_ns_ = 0;
  int64_t body_charged_ = 0;  // Our part of ServerCore::buffered_body_bytes.
  uint64_t request_bytes_ = 0;
  std::string allow_;  // For a 405.

  std::string input_;   // Received and not yet consumed.
  std::string output_;  // To be sent, from output_sent_ on; then output_body_.
  size_t output_sent_ = 0;
  std::string output_body_;
  size_t output_body_sent_ = 0;

  uint32_t requests_begun_ = 0;
  uint64_t window_bytes_ = 0;  // Moved in this window of the rate check.
  uint64_t lingered_bytes_ = 0;
};

}  // namespace tarn::http
