// For whom a listener answers: by the host that a request names, and by the web page that sent it.
//
// A server that anybody on the machine may ask without credentials can also be asked by every web
// page that the user's browser shows, in two ways. A page may post forms and plain text to another
// site without asking first ("simple" requests of the Fetch standard), and it may let its own name
// point to 127.0.0.1 and then read as if the server were its own (DNS rebinding). The first is
// known by Origin and Sec-Fetch-Site, the second by Host, none of which a page can forge.
//
// Spec: RFC 9110 7.2 (Host), 15.5.20 (421), RFC 9112 3.2.2 (absolute form); RFC 6454 (origins);
// Fetch standard 3.2 (CORS); Fetch Metadata (Sec-Fetch-Site).
// Threads: every const method from many at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace tarn::http {

struct SitePolicyOptions {
  // Names and addresses, without port, that requests may name beside loopback's.
  std::vector<std::string> allowed_hosts;
  // Origins ("https://app.example:3000") whose pages may call, and get CORS answers.
  std::vector<std::string> allowed_origins;
  // Where clients reach the server, or empty. Its host (also with "runtime-" before it, which AWS
  // SDKs put there) and its origin are allowed.
  std::string endpoint_url;
};

class SitePolicy {
 public:
  // Errors: kInvalid, saying what is wrong with which value ("*" and "null" among the origins).
  static Result<SitePolicy> Create(const SitePolicyOptions& options);

  // Says what most clients will name, so that one comparison decides: "127.0.0.1:8080".
  // Call before the first Judge.
  void SetOwnAuthority(std::string authority) { own_authority_ = std::move(authority); }

  enum class Verdict : uint8_t {
    kAnswer,         // As if there were no policy.
    kAnswerToPage,   // An allowed origin of another site: AddCorsFields to the response.
    kPreflight,      // The same, asking first: answer PreflightResponse instead of routing.
    kWrongHost,      // 421
    kForeignOrigin,  // 403
  };
  Verdict Judge(const Request& head) const;

 private:
  bool IsHostAllowed(std::string_view authority) const;
  bool IsOriginAllowed(std::string_view origin) const;

  std::string own_authority_;
  std::vector<std::string> hosts_;    // In lower case, without port.
  std::vector<std::string> origins_;  // Serialised as browsers do.
};

// What a refused client is told. Not of kAnswer...
int RefusalStatus(SitePolicy::Verdict verdict);
std::string_view RefusalText(SitePolicy::Verdict verdict);

// Lets the page read the response. Credentials mode is never allowed: nothing here knows cookies.
void AddCorsFields(const Request& head, Response* response);
// Allows every method, and the header fields that the page asks for.
Response PreflightResponse(const Request& head);

}  // namespace tarn::http
