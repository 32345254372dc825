// Percent-encoding and query strings (RFC 3986; application/x-www-form-urlencoded of the URL
// standard for queries).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tarn {

// Encodes everything but A-Z a-z 0-9 - . _ ~ (and '/' when `keep_slash`), upper-case digits:
// the form that SigV4 signs.
enum class Slash { kEncode, kKeep };
std::string PercentEncode(std::string_view text, Slash slash = Slash::kEncode);

// Errors: kInvalid for a '%' without two digits. '+' stays '+'.
Result<std::string> PercentDecode(std::string_view text);

using QueryParameters = std::vector<std::pair<std::string, std::string>>;
inline constexpr size_t kQueryParametersMax = 1000;

// Splits "a=1&b=x%20y" and decodes names and values; '+' is a space. Order and repetitions stay.
// Errors: kInvalid (bad escape), kTooLarge (more than kQueryParametersMax).
Result<QueryParameters> ParseQuery(std::string_view query);

// The first value of `name`, or nullptr.
const std::string* FindParameter(const QueryParameters& parameters, std::string_view name);

// The parts of an absolute http(s) URL, as written (still percent-encoded).
struct Url {
  std::string scheme;  // "http" or "https", lower case
  std::string host;    // Without brackets for IPv6.
  uint16_t port = 0;   // The scheme's default when not written.
  std::string path;    // Begins with '/'; "/" when empty.
  std::string query;   // Without '?'.
};
// Errors: kInvalid (other schemes, user information, bad port).
Result<Url> ParseUrl(std::string_view text);

struct HostPort {
  std::string host;
  uint16_t port = 0;
};
// "127.0.0.1:8080", "[::1]:8080", "localhost:0". Errors: kInvalid.
Result<HostPort> ParseHostPort(std::string_view text);

}  // namespace tarn
