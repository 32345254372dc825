// Sends the requests of a run: to hosts that the document and the flags named, signed when the
// description asks for AWS Signature Version 4, credentials never over plain http except to
// loopback. Redirects are answers; they are not followed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "arazzo/program.h"
#include "arazzo/runner.h"
#include "base/clock.h"
#include "base/uri.h"
#include "http/client.h"
#include "runner_host/aws_settings.h"
#include "runner_host/har.h"

namespace tarn::runner_host {

// "https://host:443"
std::string OriginOf(const Url& url);

struct NetworkOptions {
  std::set<std::string> origins;  // Where requests may go.
  AwsSettings aws;
  bool aws_profile = false;  // --profile aws
};

// Threads: Send may be called from any thread.
class NetworkPort final : public arazzo::HttpPort {
 public:
  // `har` may be null. All pointers must outlive the port.
  NetworkPort(NetworkOptions options, const arazzo::SecretMask* masker, const Clock* clock,
              HarFile* har);

  // Errors: as HttpPort::Send.
  Result<arazzo::HttpReply> Send(const arazzo::OutgoingRequest& request,
                                 const arazzo::ApiOperation& operation,
                                 uint64_t timeout_ms) override;

  // A document at an http(s) URL. Errors: as http::Client::Send; kNotFound (no 200).
  static Result<std::string> FetchDocument(http::Client* client, const std::string& url);

 private:
  Status Allow(const Url& url, const arazzo::OutgoingRequest& request) const;
  Status SignRequest(const arazzo::ApiOperation& operation, const Url& url,
                     arazzo::OutgoingRequest* request) const;

  const NetworkOptions options_;
  const arazzo::SecretMask& masker_;
  const Clock& clock_;
  HarFile* const har_;
  http::Client client_;
};

// Every operation that the workflows of a program use, with the step that uses it first.
struct UsedOperation {
  const arazzo::ApiOperation* operation = nullptr;
  const arazzo::Step* step = nullptr;
  const arazzo::LoadedDocument* document = nullptr;
};
std::vector<UsedOperation> OperationsOf(const arazzo::LoadedDocument& root);

// What can be known about servers and credentials without sending: a server that cannot be chosen,
// credentials that are missing or would go over plain http. Adds the origins that may be reached.
struct ReachOptions {
  std::string server;  // --server URL: for every operation.
  std::map<std::string, std::string> server_variables;
  // Of what the next run can still give: a host, credentials.
  arazzo::Severity missing = arazzo::Severity::kError;
};
std::vector<arazzo::Diagnostic> CheckReach(const std::vector<UsedOperation>& operations,
                                           const ReachOptions& reach, const AwsSettings& aws,
                                           std::set<std::string>* origins);

}  // namespace tarn::runner_host
