// The head of a response, from values to bytes. Spec: RFC 9112 4 and 6, RFC 9110 6.6.1 and 8.6.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace tarn::http {

std::string_view ReasonPhrase(int status);  // Empty for unknown ones.

// False when a name or a value could end its line early (a bug of a handler: response splitting)
// or when the status is not 200 to 599.
bool IsSendable(const Response& response);

// True for responses that never have a body: 204 and 304.
bool IsBodyless(int status);

struct ResponseFacts {
  std::string_view date;        // RFC 9110 5.6.7
  std::string_view request_id;  // Empty: no X-Request-Id.
  bool keep_alive = true;
  int minor_version = 1;  // Of the request.
  bool chunked = false;
  // Absent when chunked, and for bodies that end with the connection.
  std::optional<uint64_t> content_length;
};

// Fields that frame the message are this writer's: of the handler's fields, Transfer-Encoding,
// Connection and Date are dropped, and Content-Length too unless `facts` has none of its own
// (responses to HEAD).
void AppendResponseHead(const Response& response, const ResponseFacts& facts, std::string* out);

}  // namespace tarn::http
