#include "http/internal/response_head.h"

#include <charconv>

#include "http/internal/syntax.h"

namespace tarn::http {
namespace {

void AppendNumber(uint64_t number, std::string* out) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out->append(digits, static_cast<size_t>(end - digits));
}

void AppendField(std::string_view name, std::string_view value, std::string* out) {
  out->append(name).append(": ").append(value).append("\r\n");
}

bool IsFramingField(std::string_view name) {
  return EqualsLower(name, "content-length") || EqualsLower(name, "transfer-encoding") ||
         EqualsLower(name, "connection") || EqualsLower(name, "date");
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  struct Row {
    int status;
    std::string_view phrase;
  };
  static constexpr Row kRows[] = {
      // RFC 9110 15; 428, 429, 431: RFC 6585.
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Content"},
      {424, "Failed Dependency"},
      {428, "Precondition Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
      {507, "Insufficient Storage"},
  };
  for (const Row& row : kRows) {
    if (row.status == status) return row.phrase;
  }
  return "";
}

bool IsSendable(const Response& response) {
  if (response.status < 200 || response.status > 599) return false;
  for (const auto& [name, value] : response.headers.fields()) {
    if (name.empty() || !AreChars(name, kTokenChar) || !AreChars(value, kFieldChar)) return false;
  }
  return true;
}

bool IsBodyless(int status) { return status == 204 || status == 304; }

void AppendResponseHead(const Response& response, const ResponseFacts& facts, std::string* out) {
  out->append("HTTP/1.1 ");
  AppendNumber(static_cast<uint64_t>(response.status), out);
  out->append(" ").append(ReasonPhrase(response.status)).append("\r\n");
  AppendField("Date", facts.date, out);
  bool has_request_id = false;
  bool has_length = false;
  for (const auto& [name, value] : response.headers.fields()) {
    if (IsFramingField(name)) {
      const bool pass = !facts.content_length.has_value() && !facts.chunked && !has_length &&
                        EqualsLower(name, "content-length");
      if (!pass) continue;
      has_length = true;
    }
    if (EqualsLower(name, "x-request-id")) has_request_id = true;
    AppendField(name, value, out);
  }
  if (!has_request_id && !facts.request_id.empty()) {
    AppendField("X-Request-Id", facts.request_id, out);
  }
  if (facts.content_length.has_value()) {
    out->append("Content-Length: ");
    AppendNumber(*facts.content_length, out);
    out->append("\r\n");
  }
  if (facts.chunked) AppendField("Transfer-Encoding", "chunked", out);
  if (!facts.keep_alive) {
    AppendField("Connection", "close", out);
  } else if (facts.minor_version == 0) {
    AppendField("Connection", "keep-alive", out);
  }
  out->append("\r\n");
}

}  // namespace tarn::http
