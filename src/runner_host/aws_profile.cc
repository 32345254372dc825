#include "runner_host/aws_profile.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/uri.h"
#include "json/value.h"
#include "runner_host/masker.h"

namespace tarn::runner_host {
namespace {

using arazzo::OutgoingRequest;

// Medical Imaging service model 2023-07-19: operations with the host prefix `runtime-`, and the
// member that is the payload (httpPayload) where a description wraps it.
struct DataOperation {
  std::string_view id, payload;
};
constexpr std::array<DataOperation, 8> kDataOperations = {{
    {"CopyImageSet", "copyImageSetInformation"},
    {"DeleteImageSet", ""},
    {"GetImageFrame", "imageFrameInformation"},
    {"GetImageSet", ""},
    {"GetImageSetMetadata", ""},
    {"ListImageSetVersions", ""},
    {"SearchImageSets", "searchCriteria"},
    {"UpdateImageSetMetadata", "updateImageSetMetadataUpdates"},
}};

void SetHeader(OutgoingRequest* request, std::string_view name, std::string value) {
  for (auto& [key, old] : request->headers) {
    if (!SameIgnoringCase(key, name)) continue;
    old = std::move(value);
    return;
  }
  request->headers.emplace_back(name, std::move(value));
}

bool HasTarget(const OutgoingRequest& request) {
  return std::ranges::any_of(request.headers, [](const auto& field) {
    return SameIgnoringCase(field.first, "X-Amz-Target");
  });
}

// JSON 1.0 has no query: what stands there becomes members of the body, numbers as numbers.
Status MoveQueryToBody(OutgoingRequest* request) {
  const size_t question = request->url.find('?');
  if (question == std::string::npos) return Ok();
  TRY(const QueryParameters query, ParseQuery(std::string_view(request->url).substr(question + 1)));
  auto body = json::ParseValue(request->has_body ? request->body : "{}");
  if (!body.ok() || !body.value().IsObject()) {
    return Invalid("the request's body is no JSON object, so its query has nowhere to go");
  }
  for (const auto& [name, text] : query) {
    const auto number = json::ParseValue(text);
    const bool is_number = number.ok() && number.value().IsNumber() && name == "MaxResults";
    body.value().Set(name, is_number ? number.value() : json::Value::String(text));
  }
  request->body = json::ToText(body.value());
  request->has_body = true;
  request->url.resize(question);
  return Ok();
}

Status Unwrap(std::string_view member, OutgoingRequest* request) {
  if (member.empty() || !request->has_body) return Ok();
  const auto body = json::ParseValue(request->body);
  if (!body.ok()) return Invalid("the request's body is no JSON");
  const json::Value* inner = body.value().Find(member);
  if (inner != nullptr && body.value().members().size() == 1) request->body = json::ToText(*inner);
  return Ok();
}

}  // namespace

bool IsAwsHost(std::string_view host) {
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

std::string RegionOfHost(std::string_view host) {
  if (!IsAwsHost(host)) return "";
  host = host.substr(0, host.rfind(".amazonaws.com"));
  const size_t dot = host.rfind('.');
  const std::string_view last = dot == host.npos ? std::string_view() : host.substr(dot + 1);
  return std::ranges::count(last, '-') >= 2 ? std::string(last) : "";
}

Status ApplyAwsProfile(const arazzo::ApiOperation& operation, OutgoingRequest* request) {
  if (HasTarget(*request)) {
    SetHeader(request, "Content-Type", "application/x-amz-json-1.0");
    return MoveQueryToBody(request);
  }
  const auto* found =
      std::ranges::find(kDataOperations, std::string_view(operation.id), &DataOperation::id);
  if (found == kDataOperations.end() || operation.signing_name != "medical-imaging") return Ok();
  TRY(Unwrap(found->payload, request));
  TRY(const Url url, ParseUrl(request->url));
  if (IsAwsHost(url.host) && !url.host.starts_with("runtime-")) {
    request->url.insert(request->url.find("://") + 3, "runtime-");
  }
  return Ok();
}

}  // namespace tarn::runner_host
