#include "http/client.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "base/uri.h"
#include "http/internal/egress.h"
#include "http/internal/syntax.h"
#include "http/limits.h"

namespace tarn::http {
namespace {

constexpr long kReceiveBufferBytes = 64 << 10;
constexpr long kUploadBufferBytes = 256 << 10;
// Transfers without a deadline of their own end when nothing moves for this long.
constexpr long kStalledSecondsMax = 60;
// An easy handle keeps its connections; one is used for one origin at a time.
constexpr long kConnectionsPerHandle = 2;

// libcurl, loaded when the first request is sent and not with the program: with the thirty
// libraries that it brings (Kerberos, LDAP, RTMP, a second TLS) it costs 4 ms and 1.7 MB, which a
// program that sends nothing, or has something else to do meanwhile, need not spend. The name is
// that of its stable binary interface, the package libcurl4.
struct CurlLibrary {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
  std::string missing;  // Why it cannot be used; empty: it can.
};

CurlLibrary LoadCurl() {
  constexpr const char* kName = "libcurl.so.4";
  CurlLibrary out;
  void* const library = dlopen(kName, RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const reason = dlerror();
    out.missing = reason == nullptr ? kName : reason;
    return out;
  }
  const auto find = [&](const char* name, auto* function) {
    *function = reinterpret_cast<std::remove_pointer_t<decltype(function)>>(dlsym(library, name));
    if (*function == nullptr) out.missing = std::string(kName) + " has no " + name;
  };
  find("curl_global_init", &out.global_init);
  find("curl_easy_init", &out.easy_init);
  find("curl_easy_setopt", &out.easy_setopt);
  find("curl_easy_perform", &out.easy_perform);
  find("curl_easy_getinfo", &out.easy_getinfo);
  find("curl_easy_reset", &out.easy_reset);
  find("curl_easy_cleanup", &out.easy_cleanup);
  find("curl_easy_strerror", &out.easy_strerror);
  find("curl_slist_append", &out.slist_append);
  find("curl_slist_free_all", &out.slist_free_all);
  if (out.missing.empty()) {
    CHECK(out.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
  }
  return out;
}

// Loaded by whoever comes first; others wait for it.
const CurlLibrary& Curl() {
  static const CurlLibrary library = LoadCurl();
  return library;
}

// One exchange, as libcurl's callbacks see it.
struct Exchange {
  const ClientRequest* request = nullptr;
  Egress egress = Egress::kAny;
  ClientResponse response;
  size_t head_bytes = 0;
  bool body_begun = false;
  bool egress_refused = false;
  std::optional<Error> failure;  // Why a callback stopped the transfer.
};

// libcurl has the first address that answers win, so each address is judged just before the
// connection goes to it: a name cannot point elsewhere between a check and its use.
curl_socket_t OpenSocket(void* user, curlsocktype, curl_sockaddr* address) {
  auto* exchange = static_cast<Exchange*>(user);
  const AddressKind kind = KindOfAddress(address->addr, address->addrlen);
  if (!IsAllowed(exchange->egress, kind)) {
    exchange->egress_refused = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int OnBegin(void* user, char*, char*, int, int) {
  const auto* exchange = static_cast<Exchange*>(user);
  exchange->request->begins();
  return CURL_PREREQFUNC_OK;
}

size_t OnHeader(char* data, size_t, size_t length, void* user) {
  auto* exchange = static_cast<Exchange*>(user);
  const std::string_view line(data, length);
  if (exchange->body_begun) return length;  // Trailers are not looked at.
  if (line.starts_with("HTTP/")) {
    // A new head: interim responses (100) come before the final one.
    exchange->response.headers.Clear();
    exchange->head_bytes = 0;
  }
  exchange->head_bytes += length;
  if (exchange->head_bytes > kResponseHeadBytesMax ||
      exchange->response.headers.fields().size() >= kResponseFieldsMax) {
    exchange->failure = Error{ErrorKind::kTooLarge, "the response's header is too large"};
    return 0;
  }
  const size_t colon = line.find(':');
  if (line.starts_with("HTTP/") || colon == std::string_view::npos) return length;
  std::string_view value = line.substr(colon + 1);
  while (value.ends_with('\r') || value.ends_with('\n')) value.remove_suffix(1);
  exchange->response.headers.Add(std::string(line.substr(0, colon)), std::string(TrimSpace(value)));
  return length;
}

size_t OnBody(char* data, size_t, size_t length, void* user) {
  auto* exchange = static_cast<Exchange*>(user);
  exchange->body_begun = true;
  const std::string_view bytes(data, length);
  if (exchange->request->body_sink) {
    Status taken = exchange->request->body_sink(bytes);
    if (taken.ok()) return length;
    exchange->failure = std::move(taken).error();
    return 0;
  }
  std::string& body = exchange->response.body;
  if (length > exchange->request->response_bytes_max - body.size()) {
    exchange->failure = Error{ErrorKind::kTooLarge,
                              "the response is larger than " +
                                  std::to_string(exchange->request->response_bytes_max) + " bytes"};
    return 0;
  }
  body.append(bytes);
  return length;
}

size_t OnUpload(char* out, size_t, size_t room, void* user) {
  auto* exchange = static_cast<Exchange*>(user);
  auto got = exchange->request->upload(std::span(out, room));
  if (got.ok()) {
    CHECK(got.value() <= room);
    return got.value();
  }
  exchange->failure = std::move(got).error();
  return CURL_READFUNC_ABORT;
}

Error ErrorOf(CURLcode code, const Exchange& exchange) {
  if (exchange.failure.has_value()) return *exchange.failure;
  if (exchange.egress_refused) {
    return {ErrorKind::kForbidden, "the host's address may not be reached from here"};
  }
  // libcurl's fixed texts, which name no URL.
  const std::string text = Curl().easy_strerror(code);
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Invalid(text);
    case CURLE_OPERATION_TIMEDOUT:
      return {ErrorKind::kTimeout, text};
    case CURLE_FILESIZE_EXCEEDED:
      return {ErrorKind::kTooLarge, text};
    case CURLE_OUT_OF_MEMORY:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return Internal(text);
    default:
      return {ErrorKind::kUnavailable, text};
  }
}

// A request's header fields as libcurl takes them.
class FieldList {
 public:
  FieldList() = default;
  ~FieldList() { Curl().slist_free_all(list_); }
  FieldList(const FieldList&) = delete;
  FieldList& operator=(const FieldList&) = delete;

  void Append(const std::string& line) {
    curl_slist* longer = Curl().slist_append(list_, line.c_str());
    CHECK(longer != nullptr);
    list_ = longer;
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

Status AddFields(const ClientRequest& request, FieldList* list) {
  for (const auto& [name, value] : request.headers.fields()) {
    if (name.empty() || !AreChars(name, kTokenChar) || !AreChars(value, kFieldChar)) {
      return Invalid("a header field has characters that are not allowed");
    }
    // "Name;" is how libcurl is asked for a field with an empty value.
    list->Append(value.empty() ? name + ";" : name + ": " + value);
  }
  // Of libcurl's own additions only Host, User-Agent, Accept and Content-Length remain.
  list->Append("Expect:");
  if (request.headers.Find("content-type") == nullptr) list->Append("Content-Type:");
  return Ok();
}

template <typename T>
void Set(CURL* easy, CURLoption option, T value) {
  CHECK(Curl().easy_setopt(easy, option, value) == CURLE_OK);
}

void SetMethodAndBody(CURL* easy, const ClientRequest& request, Exchange* exchange) {
  if (request.upload) {
    Set(easy, CURLOPT_UPLOAD, 1L);
    Set(easy, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
    Set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.upload_bytes));
    Set(easy, CURLOPT_READFUNCTION, OnUpload);
    Set(easy, CURLOPT_READDATA, exchange);
  } else if (request.method == Method::kHead) {
    Set(easy, CURLOPT_NOBODY, 1L);
  } else if (!request.body.empty() || request.method == Method::kPost ||
             request.method == Method::kPut || request.method == Method::kPatch) {
    Set(easy, CURLOPT_POST, 1L);
    Set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    Set(easy, CURLOPT_POSTFIELDS, request.body.c_str());
  } else {
    Set(easy, CURLOPT_HTTPGET, 1L);
  }
  if (request.method != Method::kHead) {
    Set(easy, CURLOPT_CUSTOMREQUEST, std::string(MethodName(request.method)).c_str());
  }
}

void SetTransfer(CURL* easy, const ClientRequest& request, const Client::Options& options,
                 Exchange* exchange) {
  Set(easy, CURLOPT_URL, request.url.c_str());
  Set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  Set(easy, CURLOPT_PATH_AS_IS, 1L);
  Set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  Set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  Set(easy, CURLOPT_NOSIGNAL, 1L);
  // A proxy of the environment would reach addresses that the egress rule never sees.
  Set(easy, CURLOPT_PROXY, "");
  Set(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  Set(easy, CURLOPT_MAXCONNECTS, kConnectionsPerHandle);
  // libcurl sends a request again when a kept connection ends without an answer, whatever its
  // method: what may not happen twice goes over a new one.
  const bool repeatable = request.method != Method::kPost && request.method != Method::kPatch;
  Set(easy, CURLOPT_FRESH_CONNECT, repeatable ? 0L : 1L);
  Set(easy, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
  Set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout_ms));
  Set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  if (request.timeout_ms == 0) {
    Set(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    Set(easy, CURLOPT_LOW_SPEED_TIME, kStalledSecondsMax);
  }
  if (!options.ca_file.empty()) Set(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  Set(easy, CURLOPT_OPENSOCKETFUNCTION, OpenSocket);
  Set(easy, CURLOPT_OPENSOCKETDATA, exchange);
  if (request.begins) {
    Set(easy, CURLOPT_PREREQFUNCTION, OnBegin);
    Set(easy, CURLOPT_PREREQDATA, exchange);
  }
  Set(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  Set(easy, CURLOPT_HEADERDATA, exchange);
  Set(easy, CURLOPT_WRITEFUNCTION, OnBody);
  Set(easy, CURLOPT_WRITEDATA, exchange);
  if (!request.body_sink && request.method != Method::kHead) {
    // Stops before the body when Content-Length says that it is too large.
    const uint64_t most = std::min<uint64_t>(request.response_bytes_max, INT64_MAX);
    Set(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(most));
  }
}

struct IdleHandle {
  CURL* easy;
  std::string origin;  // "https://host:443"; where its open connection goes.
};

}  // namespace

struct Client::State {
  Options options;
  Mutex mutex;
  std::vector<IdleHandle> idle GUARDED_BY(mutex);  // Least recently used first.

  // A handle that has a connection to `origin` if there is one, else a new one.
  CURL* Take(const std::string& origin) {
    {
      MutexLock lock(mutex);
      for (size_t i = idle.size(); i-- > 0;) {
        if (idle[i].origin != origin) continue;
        CURL* easy = idle[i].easy;
        idle.erase(idle.begin() + static_cast<ptrdiff_t>(i));
        return easy;
      }
    }
    CURL* easy = Curl().easy_init();
    CHECK(easy != nullptr);
    return easy;
  }

  void Give(CURL* easy, std::string origin) {
    Curl().easy_reset(easy);  // Keeps connections.
    CURL* surplus = nullptr;
    {
      MutexLock lock(mutex);
      idle.push_back({easy, std::move(origin)});
      if (idle.size() > options.idle_connections_max) {
        surplus = idle.front().easy;
        idle.erase(idle.begin());
      }
    }
    if (surplus != nullptr) Curl().easy_cleanup(surplus);
  }
};

ClientSetup::ClientSetup() : thread_([] { Curl(); }) {}

ClientSetup::~ClientSetup() { thread_.join(); }

Client::Client(Options options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}

Client::~Client() {
  for (const IdleHandle& handle : state_->idle) Curl().easy_cleanup(handle.easy);
}

Result<ClientResponse> Client::Send(const ClientRequest& request) {
  TRY(const Url url, ParseUrl(request.url));
  if (!AreChars(request.url, kTargetChar) || request.method == Method::kOther) {
    return Invalid("the URL or the method has characters that are not allowed");
  }
  if (!Curl().missing.empty()) return Error{ErrorKind::kUnavailable, Curl().missing};
  FieldList fields;
  TRY(AddFields(request, &fields));
  Exchange exchange;
  exchange.request = &request;
  exchange.egress = state_->options.egress;
  std::string origin = url.scheme + "://" + url.host + ":" + std::to_string(url.port);
  CURL* easy = state_->Take(origin);
  SetTransfer(easy, request, state_->options, &exchange);
  SetMethodAndBody(easy, request, &exchange);
  Set(easy, CURLOPT_HTTPHEADER, fields.get());
  const CURLcode code = Curl().easy_perform(easy);
  long status = 0;
  Curl().easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  state_->Give(easy, std::move(origin));
  if (code != CURLE_OK) return ErrorOf(code, exchange);
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace tarn::http
