#include "http/internal/connection.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "http/internal/loop_thread.h"
#include "http/internal/response_head.h"
#include "http/internal/route_table.h"
#include "http/internal/syntax.h"
#include "http/limits.h"

namespace tarn::http {

Connection::Connection(ServerLoop& loop, int descriptor, size_t index, Peer peer)
    : loop_(loop),
      core_(loop.core()),
      transport_(descriptor, loop.core().tls.get()),
      index_(index),
      peer_(std::move(peer)),
      parser_(loop.core().options.limits.head_bytes_max) {}

Connection::~Connection() { ReleaseBody(); }

void Connection::Start() {
  state_ = transport_.is_tls() ? State::kHandshake : State::kReading;
  const ServerLimits& limits = core_.options.limits;
  SetDeadlineIn(transport_.is_tls() ? limits.head_timeout_ms : limits.idle_timeout_ms);
  Watch(EPOLLIN);
}

// ---- Events.

void Connection::OnEvents(uint32_t epoll_events) {
  switch (state_) {
    case State::kClosed:
      return;
    case State::kBusy:
      // Input that waits for its turn, or a client that left. Epoll reports a hang-up whether or
      // not it is asked for, so only leaving it silences it.
      if ((epoll_events & (EPOLLHUP | EPOLLERR)) != 0) {
        loop_.events().Remove(transport_.descriptor());
        registered_ = false;
        watched_ = 0;
      } else {
        Watch(0);
      }
      return;
    case State::kHandshake:
      return ContinueHandshake();
    case State::kReading:
      return OnReadable();
    case State::kWriting:
      if (!Flush()) return;
      state_ = State::kReading;
      phase_ == Phase::kBody ? StartRateWindow()
                             : SetDeadlineIn(core_.options.limits.idle_timeout_ms);
      return Resume();
    case State::kLingering:
      return Linger();
  }
}

void Connection::ContinueHandshake() {
  const IoResult io = transport_.Handshake();
  switch (io.kind) {
    case IoResult::Kind::kWantRead:
      return Watch(EPOLLIN);
    case IoResult::Kind::kWantWrite:
      return Watch(EPOLLOUT);
    case IoResult::Kind::kBytes:
      state_ = State::kReading;
      SetDeadlineIn(core_.options.limits.idle_timeout_ms);
      Watch(EPOLLIN);
      return OnReadable();
    default:
      return Close();
  }
}

void Connection::OnReadable() {
  const std::span<char> buffer = loop_.read_buffer();
  const IoResult io = transport_.Read(buffer);
  switch (io.kind) {
    case IoResult::Kind::kBytes: {
      core_.metrics.received_bytes->Add(io.bytes);
      window_bytes_ += io.bytes;
      const std::string_view got(buffer.data(), io.bytes);
      if (input_.empty()) return Pump(got);
      std::string held = std::exchange(input_, {});
      held.append(got);
      return Pump(held);
    }
    case IoResult::Kind::kWantRead:
      return Watch(EPOLLIN);
    case IoResult::Kind::kWantWrite:
      return Watch(EPOLLOUT);
    default:
      return Close();
  }
}

// Takes what TLS has decrypted and the socket's readiness does not show: a streaming worker reads
// as little as its handler asks for, and may leave the rest of a record.
bool Connection::ReadPending() {
  if (!transport_.HasPending()) return false;
  const std::span<char> buffer = loop_.read_buffer();
  const IoResult io = transport_.Read(buffer);
  if (io.kind != IoResult::Kind::kBytes) return false;  // The next event tells what it is.
  core_.metrics.received_bytes->Add(io.bytes);
  input_.append(buffer.data(), io.bytes);
  return true;
}

void Connection::Linger() {
  const std::span<char> buffer = loop_.read_buffer();
  const IoResult io = transport_.Read(buffer);
  if (io.kind == IoResult::Kind::kWantRead) return;
  lingered_bytes_ += io.bytes;
  if (io.kind != IoResult::Kind::kBytes || lingered_bytes_ > kLingerBytesMax) Close();
}

void Connection::OnDeadline() {
  switch (state_) {
    case State::kClosed:
    case State::kBusy:
      loop_.SetDeadline(index_, INT64_MAX);
      return;
    case State::kReading:
      if (phase_ == Phase::kIdle) break;
      if (phase_ == Phase::kBody && !IsRateTooLow()) return StartRateWindow();
      core_.metrics.timeouts->Add();
      if (discards_body_) return Close();
      if (phase_ == Phase::kHead) Identify();
      Fail(408,
           phase_ == Phase::kHead ? "the request head took too long"
                                  : "the request body came too slowly",
           After::kClose);
      return Resume();
    case State::kWriting:
      if (!IsRateTooLow()) return StartRateWindow();
      break;
    case State::kHandshake:
    case State::kLingering:
      break;
  }
  core_.metrics.timeouts->Add();
  Close();
}

void Connection::BeginStop() {
  // What is not idle closes when it would next wait for a request.
  const bool idle = state_ == State::kReading && phase_ == Phase::kIdle && input_.empty();
  if (state_ == State::kHandshake || idle) Close();
}

void Connection::ForceClose() {
  // A worker that is at the socket finds it closed; the loop hears of it when the worker is done.
  if (state_ == State::kBusy) return transport_.Interrupt();
  Close();
}

// ---- From input to requests.

void Connection::Resume() {
  const std::string held = std::exchange(input_, {});
  Pump(held);
}

// Takes requests from `in` until it needs more input, a worker has the request, or output must
// drain first. Iterates rather than recurses: a client may pipeline thousands of requests.
void Connection::Pump(std::string_view in) {
  std::string held;
  for (;;) {
    BorrowOutput();
    Next next = Next::kContinue;
    const size_t used = Consume(in, &next);
    input_.assign(in.substr(used));
    if (!Flush()) return;
    if (close_after_write_) return CloseAfterWrite();
    if (dispatch_ != Dispatch::kNone) {
      if (Submit()) return;  // From here on a worker may be at work.
    } else if (next == Next::kReadMore) {
      const bool idle = phase_ == Phase::kIdle && input_.empty();
      if (idle && core_.stopping.load(std::memory_order_relaxed)) return Close();
      if (!ReadPending()) return Watch(EPOLLIN);
    } else if (next == Next::kYield) {
      // The socket can be written to, so the next batch of events brings us back, after the other
      // connections.
      state_ = State::kWriting;
      return Watch(EPOLLOUT);
    }
    held = std::exchange(input_, {});
    in = held;
  }
}

size_t Connection::Consume(std::string_view in, Next* next) {
  size_t used = 0;
  *next = Next::kContinue;
  const uint32_t turn_end = requests_begun_ + kRequestsPerTurn;
  while (dispatch_ == Dispatch::kNone && !close_after_write_) {
    if (requests_begun_ == turn_end) {
      *next = Next::kYield;
      break;
    }
    if (!output_body_.empty() || output_.size() - output_sent_ >= kOutputBacklogBytes) break;
    const std::string_view rest = in.substr(used);
    if (phase_ == Phase::kBody) {
      if (rest.empty()) {
        *next = Next::kReadMore;
        break;
      }
      used += ConsumeBody(rest);
      continue;
    }
    used += parser_.Feed(rest, &request_);
    if (parser_.state() == RequestParser::State::kDone) {
      BeginRequest();
    } else if (parser_.state() == RequestParser::State::kFailed) {
      Identify();
      Fail(parser_.error_status(), parser_.error_message(), After::kClose);
    } else {
      const bool begun = used < in.size() || parser_.head_bytes() > 0;
      if (begun && phase_ == Phase::kIdle) {
        phase_ = Phase::kHead;
        SetDeadlineIn(core_.options.limits.head_timeout_ms);
      }
      *next = Next::kReadMore;
      break;
    }
  }
  return used;
}

void Connection::Identify() {
  request_start_ns_ = core_.clock.MonotonicNs();
  request_.request_id = NewUuid(loop_.random());
  request_.peer = peer_.text;
  request_.tls = transport_.is_tls();
  request_bytes_ = parser_.head_bytes();
}

void Connection::BeginRequest() {
  Identify();
  ++requests_begun_;
  keep_alive_ = parser_.keep_alive();
  if (parser_.framing() == Framing::kLength) {
    body_.StartLength(*request_.content_length);
  } else if (parser_.framing() == Framing::kChunked) {
    body_.StartChunked();
  }
  if (Screen() && FindRoute() && Admit()) StartBody();
}

// Refuses what names another host or comes from a page of another origin, and answers a page that
// asks whether it may send a request.
bool Connection::Screen() {
  if (!core_.sites.has_value()) return true;
  const SitePolicy::Verdict verdict = core_.sites->Judge(request_);
  switch (verdict) {
    case SitePolicy::Verdict::kAnswer:
      return true;
    case SitePolicy::Verdict::kAnswerToPage:
      answers_page_ = true;
      return true;
    case SitePolicy::Verdict::kPreflight:
      response_ = PreflightResponse(request_);
      Respond();
      return false;
    case SitePolicy::Verdict::kWrongHost:
    case SitePolicy::Verdict::kForeignOrigin:
      Fail(RefusalStatus(verdict), RefusalText(verdict), After::kKeep);
      return false;
  }
  CHECK(false);
}

// Finds the route, or answers.
bool Connection::FindRoute() {
  const auto answer_options = [this](std::string allow) {
    response_ = Response();
    response_.status = 204;
    response_.headers.Add("Allow", std::move(allow));
    Respond();
    return false;
  };
  if (request_.path == "*") return answer_options("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  RouteMatch match = core_.router->Match(request_.method, request_.path);
  if (match.route != nullptr) {
    route_ = match.route;
    request_.path_parameters = std::move(match.parameters);
    body_bytes_max_ = route_->options.body_bytes_max;
    return true;
  }
  if (match.bad_path) {
    Fail(400, "the path has a bad percent-encoding", After::kKeep);
  } else if (match.allow.empty()) {
    Fail(404, "there is nothing at this path", After::kKeep);
  } else if (request_.method == Method::kOptions) {
    return answer_options(std::move(match.allow));
  } else {
    allow_ = std::move(match.allow);
    Fail(405, "this path does not take this method", After::kKeep);
  }
  return false;
}

// Refuses, before the body is read, what is too large or would find a full queue.
bool Connection::Admit() {
  if (core_.pools_closed.load()) {
    Fail(503, "the server is stopping", After::kClose);
    return false;
  }
  const uint64_t length = request_.content_length.value_or(0);
  if (length > body_bytes_max_) {
    Fail(413, "the body is larger than this path takes", After::kClose);
    return false;
  }
  const ServerLimits& limits = core_.options.limits;
  if (length > kBufferedBodyBytesMax) {
    if (core_.stream_workers->queued() < limits.stream_queue_max) return true;
  } else {
    if (route_->options.run_on == RunOn::kLoop) return true;
    if (core_.workers->queued() < limits.handler_queue_max) return true;
  }
  Fail(503, "too many requests are waiting; try again later", After::kKeep);
  return false;
}

void Connection::StartBody() {
  if (body_.done()) return AfterBody();
  if (request_.content_length.value_or(0) > kBufferedBodyBytesMax) {
    dispatch_ = Dispatch::kStream;
    return;
  }
  phase_ = Phase::kBody;
  StartRateWindow();
  if (parser_.expect_continue()) output_.append("HTTP/1.1 100 Continue\r\n\r\n");
}

size_t Connection::ConsumeBody(std::string_view in) {
  size_t used = 0;
  if (discards_body_) {
    char dropped[4096];
    used = body_.Decode(in, dropped).consumed;
    if (body_.failed()) {
      close_after_write_ = unread_input_ = true;
    } else if (body_.done()) {
      ResetForNext();
    }
    return used;
  }
  used = BufferBody(in);
  if (close_after_write_ || dispatch_ != Dispatch::kNone) return used;
  if (body_.failed()) {
    Fail(400, body_.error(), After::kClose);
  } else if (body_.done()) {
    AfterBody();
  }
  return used;
}

// Adds to the buffered body; may fail the request, or dispatch it as a stream when a chunked body
// grows past what is buffered.
size_t Connection::BufferBody(std::string_view in) {
  const size_t before = request_.body.size();
  const auto growth = static_cast<int64_t>(
      body_.chunked() ? in.size() : std::min<uint64_t>(in.size(), body_.remaining()));
  const int64_t held = core_.buffered_body_bytes.fetch_add(growth) + growth;
  body_charged_ += growth;
  if (held > kBufferedBodyBytesTotalMax && before + static_cast<size_t>(growth) > kSmallBodyBytes) {
    Fail(503, "too many request bodies are in memory; try again later", After::kClose);
    return 0;
  }
  size_t used = 0;
  if (!body_.chunked()) {
    used = static_cast<size_t>(growth);
    // Beyond one read the client has shown that it means its Content-Length.
    if (before > 0 || body_.remaining() == in.size()) {
      request_.body.reserve(static_cast<size_t>(*request_.content_length));
    }
    request_.body.append(in.substr(0, used));
    body_.Skip(used);
  } else {
    request_.body.resize(before + in.size());
    const auto progress = body_.Decode(in, std::span(request_.body).subspan(before));
    request_.body.resize(before + progress.produced);
    used = progress.consumed;
  }
  // A chunk says in advance how large it will be.
  if (request_.body.size() + body_.chunk_remaining() > body_bytes_max_) {
    Fail(413, "the body is larger than this path takes", After::kClose);
  } else if (request_.body.size() > kBufferedBodyBytesMax && !body_.failed()) {
    dispatch_ = Dispatch::kStream;
  }
  request_bytes_ += used;
  return used;
}

void Connection::AfterBody() {
  const RouteOptions& options = route_->options;
  if (options.run_on == RunOn::kWorkers || (options.fits_loop && !options.fits_loop(request_))) {
    dispatch_ = Dispatch::kWorker;
    return;
  }
  response_ = route_->handler(request_);
  if (WantsWorker(response_)) {
    response_ = Response();
    dispatch_ = Dispatch::kWorker;
  } else if (IsStreamed()) {
    dispatch_ = Dispatch::kStreamResponse;
  } else {
    Respond();
  }
}

// ---- Workers.

bool Connection::IsStreamed() const {
  return response_.stream != nullptr && request_.method != Method::kHead &&
         !IsBodyless(response_.status);
}

// Hands the request over. False: the queue was full, and that is answered now.
bool Connection::Submit() {
  const Dispatch dispatch = std::exchange(dispatch_, Dispatch::kNone);
  state_ = State::kBusy;
  loop_.SetDeadline(index_, INT64_MAX);
  bool taken = false;
  switch (core_.pools_closed.load() ? Dispatch::kNone : dispatch) {
    case Dispatch::kNone:
      break;
    case Dispatch::kWorker:
      taken = core_.workers->TrySubmit([this] { RunHandlerOnWorker(); });
      break;
    case Dispatch::kStream:
      taken = core_.stream_workers->TrySubmit([this] { RunUploadOnWorker(); });
      break;
    case Dispatch::kStreamResponse:
      taken = core_.stream_workers->TrySubmit([this] { RunDownloadOnWorker(); });
      break;
  }
  if (taken) return true;
  state_ = State::kReading;
  Fail(503, "too many requests are waiting; try again later",
       dispatch == Dispatch::kStream ? After::kClose : After::kKeep);
  return false;
}

// What still waits for a worker when the server's patience is over is not begun.
void Connection::RefuseWhenStopping() {
  response_ = core_.router->formatter(503, request_, "the server is stopping");
  response_.stream = nullptr;
}

void Connection::RunHandlerOnWorker() {
  if (core_.pools_closed.load()) {
    RefuseWhenStopping();
  } else {
    response_ = route_->handler(request_);
  }
  loop_.events().Post([this] {
    state_ = State::kReading;
    if (IsStreamed()) {
      dispatch_ = Dispatch::kStreamResponse;
    } else {
      Respond();
    }
    Resume();
  });
}

void Connection::RunUploadOnWorker() {
  PacedSocket socket(transport_, core_.clock, core_.options.limits);
  SocketBodyReader reader({.socket = socket,
                           .decoder = body_,
                           .prefix = std::exchange(request_.body, {}),
                           .input = std::exchange(input_, {}),
                           .sends_continue = parser_.expect_continue() && !body_.chunked(),
                           .body_bytes_max = body_bytes_max_});
  request_.body_reader = &reader;
  if (core_.pools_closed.load()) {
    RefuseWhenStopping();
  } else {
    response_ = route_->handler(request_);
  }
  StreamOutcome outcome;
  if (!reader.Finish()) {
    keep_alive_ = false;
    unread_input_ = true;
  }
  request_.body_reader = nullptr;
  input_ = reader.TakeLeftover();
  outcome.received_bytes = socket.received_bytes();
  outcome.must_respond = !IsStreamed();
  if (!outcome.must_respond) SendStream(socket, &outcome);
  loop_.events().Post([this, outcome] { OnStreamDone(outcome); });
}

void Connection::RunDownloadOnWorker() {
  PacedSocket socket(transport_, core_.clock, core_.options.limits);
  StreamOutcome outcome;
  if (core_.pools_closed.load()) {
    RefuseWhenStopping();
    outcome.must_respond = true;
  } else {
    SendStream(socket, &outcome);
  }
  loop_.events().Post([this, outcome] { OnStreamDone(outcome); });
}

void Connection::SendStream(PacedSocket& socket, StreamOutcome* outcome) {
  if (!IsSendable(response_)) {
    outcome->must_respond = true;  // The loop will answer 500.
    return;
  }
  if (answers_page_) AddCorsFields(request_, &response_);
  using Mode = SocketBodyWriter::Mode;
  const bool chunked = !response_.stream_bytes.has_value() && parser_.minor_version() > 0;
  const Mode mode = chunked                              ? Mode::kChunked
                    : response_.stream_bytes.has_value() ? Mode::kLength
                                                         : Mode::kUntilClose;
  if (mode == Mode::kUntilClose || WantsClose()) keep_alive_ = false;
  const std::string date = FormatHttpDate(core_.clock.UnixMs());
  std::string head;
  AppendResponseHead(response_,
                     {.date = date,
                      .request_id = request_.request_id,
                      .keep_alive = keep_alive_,
                      .minor_version = parser_.minor_version(),
                      .chunked = chunked,
                      .content_length = response_.stream_bytes},
                     &head);
  SocketBodyWriter writer(socket, mode, response_.stream_bytes.value_or(0), std::move(head));
  Status done = response_.stream(writer);
  if (done.ok()) done = writer.Finish();
  outcome->sent_bytes = socket.sent_bytes();
  outcome->complete = done.ok();
  if (done.ok()) return;
  LogWarning("a streamed response ended early", {{"request_id", request_.request_id},
                                                 {"route", route_->options.name},
                                                 {"error", ErrorKindName(done.error().kind)}});
}

void Connection::OnStreamDone(const StreamOutcome& outcome) {
  state_ = State::kReading;
  core_.metrics.received_bytes->Add(outcome.received_bytes);
  request_bytes_ += outcome.received_bytes;
  if (outcome.must_respond) {
    Respond();
    return Resume();
  }
  core_.metrics.sent_bytes->Add(outcome.sent_bytes);
  FinishRequest(response_.status, outcome.sent_bytes);
  // A broken body must look broken: no more bytes may follow what was sent of it.
  if (!outcome.complete) return Close();
  if (!keep_alive_) close_after_write_ = true;
  ResetForNext();
  Resume();
}

// ---- Answering.

// What ends the connection after this response.
bool Connection::WantsClose() const {
  return !keep_alive_ || core_.stopping.load(std::memory_order_relaxed) ||
         EqualsLower(response_.headers.Get("connection"), "close");
}

void Connection::Fail(int status, std::string_view message, After after) {
  response_ = core_.router->formatter(status, request_, message);
  if (response_.status == 200) response_.status = status;
  response_.stream = nullptr;
  if (status == 405) response_.headers.Set("Allow", std::exchange(allow_, {}));
  if ((status == 503 || status == 429) && response_.headers.Find("retry-after") == nullptr) {
    response_.headers.Add("Retry-After", "1");
  }
  if (after == After::kClose) {
    keep_alive_ = false;
    unread_input_ = true;
  }
  Respond();
}

// Appends response_ to the output and makes ready for the next request.
void Connection::Respond() {
  if (!IsSendable(response_)) {
    LogError("a handler's response cannot be sent",
             {{"request_id", request_.request_id},
              {"route", route_ == nullptr ? "none" : route_->options.name}});
    response_ = core_.router->formatter(500, request_, "the response could not be sent");
    response_.status = 500;
    response_.stream = nullptr;
    CHECK(IsSendable(response_));
  }
  if (answers_page_) AddCorsFields(request_, &response_);
  // A small rest of the body can be dropped and the connection kept, unless the client waits for
  // leave to send it: then it may or may not come.
  const bool droppable =
      body_.done() || (!body_.failed() && !body_.chunked() && !parser_.expect_continue() &&
                       body_.remaining() <= kDrainBytesMax);
  if (!droppable) {
    keep_alive_ = false;
    unread_input_ = true;
  }
  if (WantsClose()) {
    keep_alive_ = false;
    close_after_write_ = true;
  }
  const bool is_head = request_.method == Method::kHead;
  const bool is_stream = response_.stream != nullptr;
  ResponseFacts facts{.date = loop_.Date(),
                      .request_id = request_.request_id,
                      .keep_alive = keep_alive_,
                      .minor_version = parser_.minor_version()};
  if (is_stream) {
    facts.content_length = response_.stream_bytes;
    facts.chunked = !response_.stream_bytes.has_value() && parser_.minor_version() > 0;
  } else if (!IsBodyless(response_.status) &&
             !(is_head && response_.headers.Find("content-length") != nullptr)) {
    facts.content_length = response_.body.size();
  }
  const size_t before = output_.size();
  AppendResponseHead(response_, facts, &output_);
  size_t sent_bytes = output_.size() - before;
  if (!is_head && !IsBodyless(response_.status)) {
    sent_bytes += response_.body.size();
    if (response_.body.size() < kCoalesceBytes) {
      output_.append(response_.body);
    } else {
      output_body_ = std::move(response_.body);
    }
  }
  FinishRequest(response_.status, sent_bytes);
  if (body_.done() || close_after_write_) {
    ResetForNext();
  } else if (!discards_body_) {
    discards_body_ = true;
    phase_ = Phase::kBody;
    StartRateWindow();
  }
}

void Connection::FinishRequest(int status, uint64_t sent_bytes) {
  const int64_t duration_ns = core_.clock.MonotonicNs() - request_start_ns_;
  auto& routes = core_.metrics.routes;
  RouteMetrics& metrics = route_ == nullptr ? routes.back() : routes[route_->index];
  metrics.by_class[static_cast<size_t>(status) / 100]->Add();
  metrics.seconds->ObserveNs(duration_ns);
  if (!core_.options.access_log || !LogEnabled(LogLevel::kInfo)) return;
  LogInfo("request", {{"server", core_.options.name},
                      {"request_id", request_.request_id},
                      {"route", route_ == nullptr ? std::string_view("none")
                                                  : std::string_view(route_->options.name)},
                      {"method", MethodName(request_.method)},
                      {"status", status},
                      {"received_bytes", request_bytes_},
                      {"sent_bytes", sent_bytes},
                      {"duration_us", duration_ns / 1000}});
}

void Connection::ReleaseBody() {
  if (body_charged_ != 0) core_.buffered_body_bytes.fetch_sub(body_charged_);
  body_charged_ = 0;
}

void Connection::ResetForNext() {
  ReleaseBody();
  parser_.Reset();
  body_ = BodyDecoder();
  discards_body_ = false;
  route_ = nullptr;
  answers_page_ = false;
  // Piece by piece, so that small strings keep their memory and large ones give it back.
  request_.method_text.clear();
  request_.target.clear();
  request_.path.clear();
  request_.query.clear();
  request_.authority.clear();
  request_.headers.Clear();
  std::string().swap(request_.body);
  request_.content_length.reset();
  request_.path_parameters.clear();
  response_ = Response();
  phase_ = Phase::kIdle;
  SetDeadlineIn(core_.options.limits.idle_timeout_ms);
}

// Sends what waits. False: the client is slow (kWriting) or gone (kClosed).
bool Connection::Flush() {
  while (output_sent_ < output_.size() || output_body_sent_ < output_body_.size()) {
    const IoResult io = transport_.Write(std::string_view(output_).substr(output_sent_),
                                         std::string_view(output_body_).substr(output_body_sent_));
    switch (io.kind) {
      case IoResult::Kind::kBytes: {
        core_.metrics.sent_bytes->Add(io.bytes);
        window_bytes_ += io.bytes;
        const size_t of_output = std::min(io.bytes, output_.size() - output_sent_);
        output_sent_ += of_output;
        output_body_sent_ += io.bytes - of_output;
        break;
      }
      case IoResult::Kind::kWantRead:
      case IoResult::Kind::kWantWrite:
        if (state_ != State::kWriting) {
          state_ = State::kWriting;
          StartRateWindow();
        }
        Watch(io.kind == IoResult::Kind::kWantRead ? EPOLLIN : EPOLLOUT);
        return false;
      default:
        Close();
        return false;
    }
  }
  output_.clear();
  output_sent_ = 0;
  if (output_body_sent_ > 0) RecycleBody(std::exchange(output_body_, {}));
  output_body_sent_ = 0;
  ReturnOutput();
  return true;
}

// The loop lends its connections one buffer, so that those without unsent output own none.
void Connection::BorrowOutput() {
  if (output_.capacity() < loop_.spare_output().capacity() && output_.empty()) {
    output_.swap(loop_.spare_output());
  }
}

void Connection::ReturnOutput() {
  if (loop_.spare_output().capacity() < output_.capacity()) output_.swap(loop_.spare_output());
  if (output_.capacity() > sizeof(std::string)) std::string().swap(output_);
}

// ---- Ends.

void Connection::CloseAfterWrite() {
  if (!unread_input_ && input_.empty()) {
    if (transport_.is_tls()) transport_.ShutdownWrite();
    return Close();
  }
  state_ = State::kLingering;
  std::string().swap(input_);
  transport_.ShutdownWrite();
  SetDeadlineIn(kLingerMs);
  Watch(EPOLLIN);
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  CHECK(state_ != State::kBusy);
  state_ = State::kClosed;
  if (registered_) loop_.events().Remove(transport_.descriptor());
  registered_ = false;
  loop_.Retire(this);
}

void Connection::Watch(uint32_t epoll_events) {
  if (!registered_) {
    if (!loop_.events().Add(transport_.descriptor(), epoll_events, this).ok()) return Close();
    registered_ = true;
  } else if (watched_ != epoll_events) {
    loop_.events().Change(transport_.descriptor(), epoll_events, this);
  }
  watched_ = epoll_events;
}

void Connection::SetDeadlineIn(int64_t milliseconds) {
  loop_.SetDeadline(index_, loop_.now_ns() + milliseconds * 1'000'000);
}

void Connection::StartRateWindow() {
  window_bytes_ = 0;
  SetDeadlineIn(core_.options.limits.body_rate_window_ms);
}

bool Connection::IsRateTooLow() const {
  const ServerLimits& limits = core_.options.limits;
  return window_bytes_ * 1000 < uint64_t{limits.body_rate_min} * limits.body_rate_window_ms;
}

}  // namespace tarn::http
