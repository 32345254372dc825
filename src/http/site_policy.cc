#include "http/site_policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/uri.h"
#include "http/internal/syntax.h"
#include "http/server.h"

namespace tarn::http {
namespace {

constexpr std::string_view kRuntimePrefix = "runtime-";
constexpr std::string_view kLocalSuffix = ".localhost";
constexpr std::string_view kPreflightMaxAgeSeconds = "600";

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

bool AreDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The host of an authority, in lower case, without port, brackets and the root's dot; nothing when
// it is none.
std::optional<std::string> HostOf(std::string_view authority) {
  std::string_view host = authority;
  std::string_view port;
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    port = host.substr(end + 1);
    host = host.substr(1, end - 1);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
  } else if (const size_t colon = host.find(':'); colon != std::string_view::npos) {
    port = host.substr(colon);
    host = host.substr(0, colon);
    if (host.ends_with('.')) host.remove_suffix(1);
  } else if (host.ends_with('.')) {
    host.remove_suffix(1);
  }
  if (host.empty()) return std::nullopt;
  if (!port.empty() && (port[0] != ':' || port.size() > 6 || !AreDigits(port.substr(1)))) {
    return std::nullopt;
  }
  return Lower(host);
}

// RFC 6761 6.3: names below "localhost" are loopback, and browsers resolve them so themselves.
bool IsLocal(std::string_view host) {
  return IsLoopbackHost(host) ||
         (host.size() > kLocalSuffix.size() && host.ends_with(kLocalSuffix));
}

std::string SiteOf(const Url& url) {
  const bool is_ipv6 = url.host.find(':') != std::string::npos;
  return url.scheme + "://" + (is_ipv6 ? "[" + url.host + "]" : Lower(url.host));
}

// An origin as browsers serialise it (RFC 6454 6.1): no default port, no path.
std::string OriginOf(const Url& url) {
  const bool is_default = url.port == (url.scheme == "https" ? 443 : 80);
  return SiteOf(url) + (is_default ? "" : ":" + std::to_string(url.port));
}

// Whether `text` is the URL's origin and nothing more; the scheme's own port may be written.
bool IsOrigin(std::string_view text, const Url& url) {
  return EqualsLower(text, OriginOf(url)) ||
         EqualsLower(text, SiteOf(url) + ":" + std::to_string(url.port));
}

bool ChangesState(Method method) {
  return method != Method::kGet && method != Method::kHead && method != Method::kOptions;
}

// The page was served by this very server.
bool IsSameOrigin(const Request& head, std::string_view origin) {
  const std::string_view scheme = head.tls ? "https://" : "http://";
  return origin.starts_with(scheme) && EqualsLower(head.authority, origin.substr(scheme.size()));
}

}  // namespace

Result<SitePolicy> SitePolicy::Create(const SitePolicyOptions& options) {
  SitePolicy policy;
  for (const std::string& name : options.allowed_hosts) {
    // An IPv6 address may come with or without brackets, but nothing may come with a port: the
    // port of a request is never looked at.
    const bool is_bare_ipv6 = std::count(name.begin(), name.end(), ':') > 1 && name[0] != '[';
    const std::optional<std::string> host = HostOf(is_bare_ipv6 ? "[" + name + "]" : name);
    const bool has_port = !is_bare_ipv6 && !name.ends_with(']') && name.find(':') != name.npos;
    if (!host.has_value() || has_port || !AreChars(name, kHostChar) ||
        name.find('*') != name.npos) {
      return Invalid(name + " is not a host name or address; write for example tarn.example");
    }
    policy.hosts_.push_back(*host);
  }
  for (const std::string& origin : options.allowed_origins) {
    const Result<Url> url = ParseUrl(origin);
    // Compared as it was written, so that "https://a.example/app" or "http://*" is not taken for
    // something that it does not say.
    if (!url.ok() || !IsOrigin(origin, url.value()) || !AreChars(url.value().host, kHostChar) ||
        origin.find('*') != std::string::npos) {
      return Invalid(origin +
                     " is not an origin; write for example http://localhost:3000 (scheme, host, "
                     "and the port unless it is the scheme's own)");
    }
    policy.origins_.push_back(OriginOf(url.value()));
  }
  if (!options.endpoint_url.empty()) {
    TRY(const Url url, ParseUrl(options.endpoint_url));
    policy.hosts_.push_back(Lower(url.host));
    policy.hosts_.push_back(std::string(kRuntimePrefix) + Lower(url.host));
    policy.origins_.push_back(OriginOf(url));
  }
  return policy;
}

bool SitePolicy::IsHostAllowed(std::string_view authority) const {
  if (authority == own_authority_ && !own_authority_.empty()) return true;
  const std::optional<std::string> host = HostOf(authority);
  if (!host.has_value()) return false;
  std::string_view name = *host;
  if (std::find(hosts_.begin(), hosts_.end(), name) != hosts_.end()) return true;
  if (name.starts_with(kRuntimePrefix)) name.remove_prefix(kRuntimePrefix.size());
  return IsLocal(name);
}

bool SitePolicy::IsOriginAllowed(std::string_view origin) const {
  return std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

SitePolicy::Verdict SitePolicy::Judge(const Request& head) const {
  // Only HTTP/1.0 may come without a host, and no browser speaks it.
  const bool has_host = !head.authority.empty() || head.headers.Find("host") != nullptr;
  if (has_host && !IsHostAllowed(head.authority)) return Verdict::kWrongHost;
  Verdict verdict = Verdict::kAnswer;
  bool has_origin = false;
  // Not Find: of two Origin fields, both count.
  for (const auto& [name, value] : head.headers.fields()) {
    if (!EqualsLower(name, "origin")) continue;
    has_origin = true;
    if (IsSameOrigin(head, value)) continue;
    if (!IsOriginAllowed(value)) return Verdict::kForeignOrigin;
    verdict = Verdict::kAnswerToPage;
  }
  // Browsers send Origin with whatever changes state; this is for what keeps it back.
  if (!has_origin && ChangesState(head.method) &&
      EqualsLower(head.headers.Get("sec-fetch-site"), "cross-site")) {
    return Verdict::kForeignOrigin;
  }
  if (verdict == Verdict::kAnswerToPage && head.method == Method::kOptions &&
      head.headers.Find("access-control-request-method") != nullptr) {
    return Verdict::kPreflight;
  }
  return verdict;
}

int RefusalStatus(SitePolicy::Verdict verdict) {
  return verdict == SitePolicy::Verdict::kWrongHost ? 421 : 403;
}

std::string_view RefusalText(SitePolicy::Verdict verdict) {
  if (verdict == SitePolicy::Verdict::kWrongHost) {
    return "this server does not answer for the host that the request names: use localhost or "
           "127.0.0.1, or start it with --allowed-host NAME";
  }
  return "this server does not answer web pages of other origins: start it with --allow-origin "
         "ORIGIN to let a page call it";
}

void AddCorsFields(const Request& head, Response* response) {
  // RFC 9110 12.5.5: caches must not give one origin's answer to another.
  response->headers.Add("Vary", "Origin");
  response->headers.Add("Access-Control-Allow-Origin", std::string(head.headers.Get("origin")));
  std::string exposed =
      "Accept-Ranges, Allow, Content-Encoding, Content-Length, Content-Range, ETag, Last-Modified, "
      "Location, Retry-After, X-Request-Id";
  for (const auto& [name, value] : response->headers.fields()) {
    if (EqualsLower(std::string_view(name).substr(0, 5), "x-amz"))
      exposed.append(", ").append(name);
  }
  response->headers.Add("Access-Control-Expose-Headers", std::move(exposed));
}

Response PreflightResponse(const Request& head) {
  Response response;
  response.status = 204;
  http::Headers& headers = response.headers;
  headers.Add("Vary",
              "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, "
              "Access-Control-Request-Private-Network");
  headers.Add("Access-Control-Allow-Origin", std::string(head.headers.Get("origin")));
  headers.Add("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
  // "*" would not cover Authorization, so what is asked for is named. Its characters were checked
  // with the head.
  const std::string_view asked = head.headers.Get("access-control-request-headers");
  if (!asked.empty()) headers.Add("Access-Control-Allow-Headers", std::string(asked));
  if (EqualsLower(head.headers.Get("access-control-request-private-network"), "true")) {
    headers.Add("Access-Control-Allow-Private-Network", "true");
  }
  headers.Add("Access-Control-Max-Age", std::string(kPreflightMaxAgeSeconds));
  return response;
}

}  // namespace tarn::http
