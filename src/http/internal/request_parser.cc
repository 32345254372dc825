#include "http/internal/request_parser.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "http/internal/syntax.h"
#include "http/limits.h"

namespace tarn::http {
namespace {

Method MethodOf(std::string_view text) {
  for (const Method method : {Method::kGet, Method::kHead, Method::kPost, Method::kPut,
                              Method::kPatch, Method::kDelete, Method::kOptions}) {
    if (text == MethodName(method)) return method;
  }
  return Method::kOther;
}

// Calls `visit` with each trimmed member of a comma-separated list (RFC 9110 5.6.1).
template <typename Visit>
void ForEachMember(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::string_view member = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), member.size() + 1));
    visit(TrimSpace(member));
  }
}

}  // namespace

void RequestParser::Reset() { *this = RequestParser(head_bytes_max_); }

void RequestParser::Fail(int status, std::string_view message) {
  if (state_ == State::kFailed) return;
  state_ = State::kFailed;
  error_status_ = status;
  error_message_ = message;
}

size_t RequestParser::Feed(std::string_view bytes, Request* request) {
  size_t consumed = 0;
  while (state_ == State::kNeedMore) {
    const std::string_view rest = bytes.substr(consumed);
    // What cannot begin a method is refused at once: a TLS hello sent to a plain port would
    // otherwise wait for its deadline.
    if (!have_request_line_ && !rest.empty() && rest[0] != '\r' && !IsChar(rest[0], kTokenChar)) {
      Fail(400, "the request does not begin with a method");
      break;
    }
    const size_t newline = rest.find('\n');
    const size_t line_bytes = newline == std::string_view::npos ? rest.size() : newline + 1;
    if (head_bytes_ + line_bytes > head_bytes_max_) {
      Fail(431, "the request line and header fields are too large");
      break;
    }
    if (newline == std::string_view::npos) break;
    consumed += line_bytes;
    head_bytes_ += line_bytes;
    if (newline == 0 || rest[newline - 1] != '\r') {
      Fail(400, "a line ends without CR");
      break;
    }
    const std::string_view line = rest.substr(0, newline - 1);
    if (!have_request_line_) {
      if (!line.empty()) {
        ParseRequestLine(line, request);
      } else if (++empty_lines_ > kLeadingEmptyLinesMax) {
        Fail(400, "empty lines before the request");
      }
    } else if (line.empty()) {
      Finish();
    } else {
      ParseField(line, request);
    }
  }
  return consumed;
}

void RequestParser::ParseRequestLine(std::string_view line, Request* request) {
  have_request_line_ = true;
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return Fail(400, "the request line is not method, target and version");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (method.empty() || method.size() > kMethodBytesMax || !AreChars(method, kTokenChar)) {
    return Fail(400, "bad method");
  }
  // A space inside the target is refused here too.
  if (target.empty() || !AreChars(target, kTargetChar)) return Fail(400, "bad request target");
  const bool version_form = version.size() == 8 && version.starts_with("HTTP/") &&
                            version[5] >= '0' && version[5] <= '9' && version[6] == '.' &&
                            version[7] >= '0' && version[7] <= '9';
  if (!version_form) return Fail(400, "bad HTTP version");
  request->method = MethodOf(method);
  request->method_text = method;
  request->target = target;
  if (version[5] != '1') return Fail(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  minor_version_ = static_cast<uint8_t>(version[7] == '0' ? 0 : 1);
  ParseTarget(request);
}

// RFC 9112 3.2: origin-form, absolute-form (which servers must accept), asterisk-form for OPTIONS.
// authority-form belongs to CONNECT, which only proxies offer.
void RequestParser::ParseTarget(Request* request) {
  std::string_view rest = request->target;
  if (rest == "*") {
    if (request->method != Method::kOptions) return Fail(400, "bad request target");
    request->path = "*";
    return;
  }
  if (rest[0] != '/') {
    const size_t scheme = rest.find("://");
    const bool known =
        scheme != std::string_view::npos && (EqualsLower(rest.substr(0, scheme), "http") ||
                                             EqualsLower(rest.substr(0, scheme), "https"));
    if (!known) return Fail(400, "bad request target");
    rest.remove_prefix(scheme + 3);
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    if (authority.empty() || !AreChars(authority, kHostChar)) {
      return Fail(400, "bad authority in the request target");
    }
    request->authority = authority;
    rest.remove_prefix(authority.size());
  }
  const size_t question = rest.find('?');
  request->path = rest.substr(0, question);
  if (request->path.empty()) request->path = "/";
  if (question != std::string_view::npos) request->query = rest.substr(question + 1);
}

void RequestParser::ParseField(std::string_view line, Request* request) {
  if (line[0] == ' ' || line[0] == '\t') return Fail(400, "folded header fields are not allowed");
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 ||
      !AreChars(line.substr(0, colon), kTokenChar)) {
    return Fail(400, "bad header field name");
  }
  const std::string_view value = TrimSpace(line.substr(colon + 1));
  if (!AreChars(value, kFieldChar)) return Fail(400, "control characters in a header field");
  if (request->headers.fields().size() >= kHeaderFieldsMax) {
    return Fail(431, "too many header fields");
  }
  const std::string_view name = line.substr(0, colon);
  request->headers.Add(std::string(name), std::string(value));
  InterpretField(name, value, request);
}

void RequestParser::InterpretField(std::string_view name, std::string_view value,
                                   Request* request) {
  if (EqualsLower(name, "host")) {
    if (have_host_) return Fail(400, "more than one Host");
    have_host_ = true;
    if (!AreChars(value, kHostChar)) return Fail(400, "bad Host");
    // RFC 9112 3.2.2: beside an absolute target, Host is ignored.
    if (request->authority.empty()) request->authority = value;
  } else if (EqualsLower(name, "content-length")) {
    if (have_length_) return Fail(400, "more than one Content-Length");
    have_length_ = true;
    uint64_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (value.empty() || error != std::errc() || end != value.data() + value.size() ||
        length > INT64_MAX) {
      return Fail(400, "bad Content-Length");
    }
    request->content_length = length;
  } else if (EqualsLower(name, "transfer-encoding")) {
    if (have_encoding_) return Fail(400, "more than one Transfer-Encoding");
    have_encoding_ = true;
    // RFC 9112 6.1 wants 501 for codings that are not understood.
    if (!EqualsLower(value, "chunked")) return Fail(501, "only the chunked coding is understood");
  } else if (EqualsLower(name, "connection")) {
    ForEachMember(value, [this](std::string_view member) {
      if (!AreChars(member, kTokenChar)) Fail(400, "bad Connection");
      if (EqualsLower(member, "close")) says_close_ = true;
      if (EqualsLower(member, "keep-alive")) says_keep_alive_ = true;
    });
  } else if (EqualsLower(name, "expect")) {
    // Other expectations are ignored, as RFC 9110 10.1.1 allows.
    if (EqualsLower(value, "100-continue")) expect_continue_ = true;
  }
}

void RequestParser::Finish() {
  if (have_encoding_ && have_length_) {
    return Fail(400, "Content-Length beside Transfer-Encoding");
  }
  if (have_encoding_ && minor_version_ == 0) {
    return Fail(400, "Transfer-Encoding in HTTP/1.0");
  }
  // RFC 9112 3.2.
  if (!have_host_ && minor_version_ > 0) return Fail(400, "no Host");
  if (have_encoding_) {
    framing_ = Framing::kChunked;
  } else if (have_length_) {
    framing_ = Framing::kLength;
  }
  keep_alive_ = !says_close_ && (minor_version_ > 0 || says_keep_alive_);
  state_ = State::kDone;
}

}  // namespace tarn::http
