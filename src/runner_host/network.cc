#include "runner_host/network.h"

#include <algorithm>
#include <array>
#include <utility>

#include "arazzo/limits.h"
#include "base/bytes.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "http/server.h"
#include "runner_host/aws_profile.h"
#include "runner_host/limits.h"
#include "runner_host/masker.h"

namespace tarn::runner_host {
namespace {

using arazzo::ApiOperation;
using arazzo::HttpReply;
using arazzo::OutgoingRequest;

constexpr std::string_view kRegionOfLoopback = "us-east-1";

bool IsDefaultPort(const Url& url) { return url.port == (url.scheme == "https" ? 443 : 80); }

// What the client sends as Host: without the scheme's own port.
std::string HostHeader(const Url& url) {
  const bool is_ipv6 = url.host.find(':') != std::string::npos;
  std::string out = is_ipv6 ? "[" + url.host + "]" : url.host;
  return IsDefaultPort(url) ? out : out + ":" + std::to_string(url.port);
}

Result<http::Method> MethodOf(std::string_view name) {
  using http::Method;
  for (const Method method : {Method::kGet, Method::kHead, Method::kPost, Method::kPut,
                              Method::kPatch, Method::kDelete, Method::kOptions}) {
    if (http::MethodName(method) == name) return method;
  }
  return Error{ErrorKind::kUnsupported, "the method " + std::string(name) + " is not supported"};
}

bool IsSigned(std::string_view name) {
  return SameIgnoringCase(name, "Content-Type") ||
         (name.size() > 6 && SameIgnoringCase(name.substr(0, 6), "x-amz-"));
}

// What HttpPort's kinds tell apart: what a server may have seen may have been done.
ErrorKind KindOf(const Error& error, bool begun) {
  const bool may_be_done = error.kind == ErrorKind::kTimeout || error.kind == ErrorKind::kTooLarge;
  if (begun) return may_be_done ? error.kind : ErrorKind::kTimeout;
  return may_be_done ? ErrorKind::kUnavailable : error.kind;
}

Error Forbidden(std::string detail) { return {ErrorKind::kForbidden, std::move(detail)}; }

}  // namespace

std::string OriginOf(const Url& url) {
  return url.scheme + "://" + url.host + ":" + std::to_string(url.port);
}

NetworkPort::NetworkPort(NetworkOptions options, const arazzo::SecretMask* masker,
                         const Clock* clock, HarFile* har)
    : options_(std::move(options)), masker_(*masker), clock_(*clock), har_(har), client_({}) {}

Status NetworkPort::Allow(const Url& url, const OutgoingRequest& request) const {
  if (!options_.origins.contains(OriginOf(url))) {
    return Forbidden("the host " + url.host + " is not named by the document or by a flag");
  }
  if (url.scheme == "https" || http::IsLoopbackHost(url.host)) return Ok();
  for (const auto& [name, value] : request.headers) {
    if (IsCredentialHeader(name)) {
      return Forbidden("the header " + name + " may not go over plain http to " + url.host);
    }
    if (HoldsSecret(masker_, value))
      return Forbidden("a secret may not go over plain http to " + url.host);
  }
  if (HoldsSecret(masker_, request.url) || HoldsSecret(masker_, request.body)) {
    return Forbidden("a secret may not go over plain http to " + url.host);
  }
  return Ok();
}

Status NetworkPort::SignRequest(const ApiOperation& operation, const Url& url,
                                OutgoingRequest* request) const {
  if (!operation.sigv4) return Ok();
  const bool loopback = http::IsLoopbackHost(url.host);
  if (!options_.aws.credentials.has_value()) {
    if (loopback) return Ok();
    return Forbidden("there are no AWS credentials for " + url.host + ": " + options_.aws.missing);
  }
  if (url.scheme != "https" && !loopback) {
    return Forbidden("credentials may not go over plain http to " + url.host);
  }
  crypto::SigningScope scope;
  scope.service = operation.signing_name;
  scope.region = RegionOfHost(url.host);
  if (scope.region.empty()) scope.region = options_.aws.region;
  if (scope.region.empty() && loopback) scope.region = kRegionOfLoopback;
  if (scope.service.empty() || scope.region.empty()) {
    return Invalid("the request cannot be signed: " +
                   std::string(scope.service.empty() ? "the description names no service"
                                                     : "give --region or AWS_REGION"));
  }
  crypto::SigningInput input;
  input.method = request->method;
  input.path = url.path;
  input.query = url.query;
  input.headers.emplace_back("host", HostHeader(url));
  for (const auto& field : request->headers) {
    if (IsSigned(field.first)) input.headers.push_back(field);
  }
  input.payload_hash = HexEncode(crypto::Sha256(request->body));
  for (auto& field : crypto::Sign(input, scope, *options_.aws.credentials, clock_.UnixMs())) {
    request->headers.push_back(std::move(field));
  }
  return Ok();
}

Result<HttpReply> NetworkPort::Send(const OutgoingRequest& planned, const ApiOperation& operation,
                                    uint64_t timeout_ms) {
  OutgoingRequest request = planned;
  {
    TRY(const Url named, ParseUrl(request.url));
    TRY(Allow(named, request));
  }
  if (options_.aws_profile) TRY(ApplyAwsProfile(operation, &request));
  TRY(const Url url, ParseUrl(request.url));
  TRY(SignRequest(operation, url, &request));
  http::ClientRequest out;
  TRY(out.method, MethodOf(request.method));
  // A fragment is never sent.
  out.url = request.url.substr(0, request.url.find('#'));
  for (const auto& [name, value] : request.headers) out.headers.Add(name, value);
  out.body = request.body;
  out.connect_timeout_ms = kConnectTimeoutMs;
  out.timeout_ms =
      timeout_ms == 0
          ? kExchangeTimeoutMs
          : static_cast<uint32_t>(std::min<uint64_t>(timeout_ms, kExchangeTimeoutMostMs));
  out.response_bytes_max = arazzo::kOutputBytesMax;
  bool begun = false;
  out.begins = [&begun] { begun = true; };
  const int64_t started_ms = clock_.UnixMs();
  const int64_t begin_ns = clock_.MonotonicNs();
  auto answer = client_.Send(out);
  if (har_ != nullptr) {
    HarExchange exchange;
    exchange.started_unix_ms = started_ms;
    exchange.duration_ms = (clock_.MonotonicNs() - begin_ns) / 1'000'000;
    exchange.step = operation.id;
    exchange.method = request.method;
    exchange.url = out.url;
    exchange.request_headers = request.headers;
    exchange.request_body = request.body;
    if (answer.ok()) {
      exchange.status = answer.value().status;
      exchange.response_headers = answer.value().headers.fields();
      exchange.response_body = answer.value().body;
    } else {
      exchange.failure = answer.error().detail;
    }
    // The answer counts, whatever becomes of its copy: a request that was done is not done again.
    const Status kept = har_->Add(exchange);
    if (!kept.ok()) LogWarning("the HAR file lacks an exchange", {{"detail", kept.error().detail}});
  }
  if (!answer.ok()) {
    return Error{KindOf(answer.error(), begun), HostHeader(url) + ": " + answer.error().detail};
  }
  HttpReply reply;
  reply.status = answer.value().status;
  reply.headers = answer.value().headers.fields();
  reply.body = std::move(answer.value().body);
  return reply;
}

Result<std::string> NetworkPort::FetchDocument(http::Client* client, const std::string& url) {
  http::ClientRequest request;
  request.url = url.substr(0, url.find('#'));
  request.connect_timeout_ms = kConnectTimeoutMs;
  request.timeout_ms = kSourceTimeoutMs;
  request.response_bytes_max = arazzo::kYamlBytesMax;
  TRY(http::ClientResponse response, client->Send(request));
  if (response.status != 200) {
    return NotFound(url + " answers with status " + std::to_string(response.status));
  }
  return std::move(response.body);
}

std::vector<UsedOperation> OperationsOf(const arazzo::LoadedDocument& root) {
  std::vector<UsedOperation> out;
  for (const arazzo::LoadedWorkflow& workflow : root.workflows) {
    for (size_t i = 0; i < workflow.operations.size(); ++i) {
      const ApiOperation* operation = workflow.operations[i];
      if (operation == nullptr ||
          std::ranges::find(out, operation, &UsedOperation::operation) != out.end()) {
        continue;
      }
      out.push_back({operation, &workflow.workflow->steps[i], &root});
    }
  }
  for (const auto& child : root.children) {
    for (const UsedOperation& used : OperationsOf(*child)) out.push_back(used);
  }
  return out;
}

std::vector<arazzo::Diagnostic> CheckReach(const std::vector<UsedOperation>& operations,
                                           const ReachOptions& reach, const AwsSettings& aws,
                                           std::set<std::string>* origins) {
  std::vector<arazzo::Diagnostic> out;
  for (const UsedOperation& used : operations) {
    const auto complain = [&](const std::string& message,
                              arazzo::Severity severity = arazzo::Severity::kError) {
      const std::string name =
          used.operation->id.empty() ? used.operation->path_key : used.operation->id;
      const bool said = std::ranges::any_of(
          out, [&](const arazzo::Diagnostic& old) { return old.message.ends_with(message); });
      if (said) return;  // The same for each operation of a server.
      out.push_back({severity, used.document->document.file, used.step->place,
                     "the operation " + name + ": " + message});
    };
    const auto server = reach.server.empty()
                            ? arazzo::ChooseServer(used.operation->servers, reach.server_variables)
                            : Result<std::string>(reach.server);
    const auto url = server.ok() ? ParseUrl(server.value()) : Result<Url>(server.error());
    if (!url.ok()) {
      const bool missing = url.error().kind == ErrorKind::kNotFound;
      complain(url.error().detail, missing ? reach.missing : arazzo::Severity::kError);
      continue;
    }
    origins->insert(OriginOf(url.value()));
    if (!used.operation->sigv4 || http::IsLoopbackHost(url.value().host)) continue;
    if (url.value().scheme != "https") {
      complain("its requests are signed, and credentials are never sent over plain http to " +
               url.value().host);
    } else if (!aws.credentials.has_value()) {
      complain("there are no AWS credentials for " + url.value().host + ": " + aws.missing,
               reach.missing);
    }
  }
  return out;
}

}  // namespace tarn::runner_host
