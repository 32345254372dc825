// What handlers see of HTTP: requests, responses and streams, free of any library's types.
// Spec: RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/uri.h"

namespace tarn::http {

enum class Method : uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };
std::string_view MethodName(Method method);  // "GET"; "OTHER" for kOther.

// Header fields in order. Names compare without regard to case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;
  void Add(std::string name, std::string value);
  void Set(std::string_view name, std::string value);  // Replaces every field of that name.
  void Clear() { fields_.clear(); }
  // The first value of `name`, or nullptr.
  const std::string* Find(std::string_view name) const;
  // As Find, or empty.
  std::string_view Get(std::string_view name) const;
  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

// A body that arrives while the handler runs. One thread at a time.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // Waits for bytes and copies at most out.size() of them; 0 is the end of the body.
  // Errors: kTimeout (slower than the minimum rate), kTooLarge (the route's limit, chunked bodies),
  // kInvalid (broken chunking), kUnavailable (the client left).
  virtual Result<size_t> Read(std::span<char> out) = 0;
};

// A body that leaves while the handler runs. One thread at a time.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  // Takes all of `bytes`, waiting while the client is slow. Errors: kTimeout, kUnavailable.
  virtual Status Write(std::string_view bytes) = 0;
};

struct Request {
  Method method = Method::kGet;
  std::string method_text;  // As sent.
  std::string target;       // As sent: path and query, still encoded.
  std::string path;         // The part before '?', still encoded. Begins with '/'.
  std::string query;        // The part after '?', still encoded; without '?'.
  // Whom the request is for, "host:port" as sent: that of an absolute target, else Host (RFC 9112
  // 3.2.2). Empty with an empty Host, and without one in HTTP/1.0.
  std::string authority;
  Headers headers;
  // Complete when `body_reader` is null: bodies of up to kBufferedBodyBytesMax.
  std::string body;
  // Set for larger ones, on routes that take them; a chunked body is buffered until it passes that
  // size. Lives as long as the handler runs.
  BodyReader* body_reader = nullptr;
  std::optional<uint64_t> content_length;
  QueryParameters path_parameters;  // {name} parts of the route's pattern, decoded.
  std::string request_id;           // Random UUID; also in the access log.
  std::string peer;                 // "127.0.0.1:54321"
  bool tls = false;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  // When set, the body is what this writes, and `body` is ignored. Runs on a streaming worker.
  // An error ends the connection, so that the client sees a broken body rather than a short one.
  std::function<Status(BodyWriter&)> stream;
  // The streamed body's length when it is known; else the body is sent chunked.
  std::optional<uint64_t> stream_bytes;
};

}  // namespace tarn::http
