// Feeds bytes to the parsing layers of a connection: whole, byte by byte and in random pieces,
// which must all find the same requests. What is accepted must mean the same to another parser
// (Beast's): if two parsers disagree about where a request ends, one can be smuggled inside
// another.
#include <algorithm>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "http/internal/body_decoder.h"
#include "http/internal/request_parser.h"

namespace tarn::http {
namespace {

constexpr uint32_t kHeadBytesMax = 4096;

struct Parsed {
  Request request;
  std::string body;
  bool keep_alive = false;
  size_t end = 0;  // Where it ends in the input.
};

struct Outcome {
  std::vector<Parsed> requests;
  int error_status = 0;  // 0: the input ended first. 1: a broken body.
};

// What a connection does with its input, without sockets, routes and limits of routes.
class Session {
 public:
  // Takes more input; what a parser leaves is given again with the next piece.
  void Feed(std::string_view bytes) {
    held_.append(bytes);
    size_t used = 0;
    while (outcome_.error_status == 0) {
      const std::string_view rest = std::string_view(held_).substr(used);
      const size_t step = in_body_ ? FeedBody(rest) : FeedHead(rest);
      used += step;
      position_ += step;
      if (!advanced_) break;
    }
    held_.erase(0, used);
  }
  const Outcome& outcome() const { return outcome_; }

 private:
  size_t FeedHead(std::string_view rest) {
    const size_t used = parser_.Feed(rest, &current_.request);
    CHECK(used <= rest.size());
    advanced_ = parser_.state() != RequestParser::State::kNeedMore;
    if (parser_.state() == RequestParser::State::kFailed) {
      outcome_.error_status = parser_.error_status();
      CHECK(outcome_.error_status >= 400 && !parser_.error_message().empty());
    }
    if (parser_.state() != RequestParser::State::kDone) return used;
    CHECK(parser_.head_bytes() <= kHeadBytesMax);
    body_ = BodyDecoder();
    if (parser_.framing() == Framing::kLength) body_.StartLength(*current_.request.content_length);
    if (parser_.framing() == Framing::kChunked) body_.StartChunked();
    in_body_ = true;
    return used;
  }

  size_t FeedBody(std::string_view rest) {
    std::string room(rest.size(), 0);
    const auto progress = body_.Decode(rest, room);
    CHECK(progress.consumed <= rest.size() && progress.produced <= progress.consumed);
    current_.body.append(room, 0, progress.produced);
    advanced_ = body_.done() || body_.failed();
    if (body_.failed()) outcome_.error_status = 1;
    if (body_.done()) {
      current_.keep_alive = parser_.keep_alive();
      current_.end = position_ + progress.consumed;
      outcome_.requests.push_back(std::move(current_));
      current_ = Parsed();
      parser_.Reset();
      in_body_ = false;
    }
    return progress.consumed;
  }

  RequestParser parser_{kHeadBytesMax};
  BodyDecoder body_;
  bool in_body_ = false;
  bool advanced_ = false;
  std::string held_;
  size_t position_ = 0;
  Parsed current_;
  Outcome outcome_;
};

void CheckSame(const Outcome& a, const Outcome& b) {
  CHECK(a.error_status == b.error_status);
  CHECK(a.requests.size() == b.requests.size());
  for (size_t i = 0; i < a.requests.size(); ++i) {
    const Parsed& x = a.requests[i];
    const Parsed& y = b.requests[i];
    CHECK(x.request.method_text == y.request.method_text && x.request.target == y.request.target);
    CHECK(x.request.path == y.request.path && x.request.query == y.request.query);
    CHECK(x.request.headers.fields() == y.request.headers.fields());
    CHECK(x.body == y.body && x.keep_alive == y.keep_alive && x.end == y.end);
  }
}

// True when the last line of a chunked message is a trailer field.
bool HasTrailers(std::string_view bytes) {
  bytes.remove_suffix(std::min<size_t>(bytes.size(), 4));
  const std::string_view line = bytes.substr(bytes.rfind('\n') + 1);
  return line.find(':') < line.find(';');
}

void CheckAgainstBeast(const Parsed& parsed, std::string_view bytes) {
  while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);  // RFC 9112 2.2; Beast takes none.
  // RFC 9110 6.2 has later minor versions read as the highest one known; Beast refuses them.
  const std::string_view line = bytes.substr(0, bytes.find('\r'));
  if (!line.ends_with("HTTP/1.0") && !line.ends_with("HTTP/1.1")) return;
  // Beast takes trailers for header fields, and so refuses, say, a Transfer-Encoding among them.
  if (parsed.request.headers.Find("transfer-encoding") != nullptr && HasTrailers(bytes)) return;
  boost::beast::http::request_parser<boost::beast::http::string_body> beast;
  beast.eager(true);
  beast.header_limit(1 << 20);
  beast.body_limit(boost::none);
  boost::beast::error_code error;
  size_t used = 0;
  while (used < bytes.size() && !beast.is_done()) {
    const size_t step =
        beast.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
    if (error == boost::beast::http::error::need_more) error = {};
    CHECK(!error);
    if (step == 0) break;
    used += step;
  }
  CHECK(beast.is_done() && used == bytes.size());
  const auto& message = beast.get();
  CHECK(message.method_string() == parsed.request.method_text);
  CHECK(message.target() == parsed.request.target);
  CHECK(message.body() == parsed.body);
  // Beast groups fields of one name, so they are compared as sets.
  std::vector<Headers::Field> theirs;
  for (const auto& field : message) {
    theirs.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  std::vector<Headers::Field> ours = parsed.request.headers.fields();
  std::sort(theirs.begin(), theirs.end());
  std::sort(ours.begin(), ours.end());
  CHECK(theirs == ours);
}

}  // namespace
}  // namespace tarn::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tarn::http;
  if (size == 0) return 0;
  tarn::SeededRandom random(data[0]);
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  Session whole;
  whole.Feed(input);
  Session bytes;
  for (const char& c : input) bytes.Feed(std::string_view(&c, 1));
  Session pieces;
  for (size_t at = 0; at < input.size();) {
    const size_t count = std::min<size_t>(input.size() - at, 1 + random.Below(40));
    pieces.Feed(input.substr(at, count));
    at += count;
  }
  CheckSame(whole.outcome(), bytes.outcome());
  CheckSame(whole.outcome(), pieces.outcome());
  size_t begin = 0;
  for (const Parsed& parsed : whole.outcome().requests) {
    CheckAgainstBeast(parsed, input.substr(begin, parsed.end - begin));
    begin = parsed.end;
  }
  return 0;
}
