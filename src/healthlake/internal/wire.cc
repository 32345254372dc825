#include "healthlake/internal/wire.h"

#include <algorithm>

#include "json/writer.h"

namespace tarn::healthlake::internal {
namespace {

constexpr std::string_view kValidation = "ValidationException";
constexpr std::string_view kAccessDenied = "AccessDeniedException";
constexpr std::string_view kNotFoundName = "ResourceNotFoundException";
constexpr std::string_view kConflictName = "ConflictException";
constexpr std::string_view kThrottling = "ThrottlingException";
constexpr std::string_view kInternalServer = "InternalServerException";

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? x + ('a' - 'A') : x) == y;
         });
}

http::Response WithHead(int status, std::string body, const http::Request& request) {
  http::Response response;
  response.status = status;
  const std::string_view type = BodyTypeOf(request);
  response.headers.Add("Content-Type", std::string(type.empty() ? kJson10 : type));
  response.headers.Add("x-amzn-RequestId", request.request_id);
  response.body = std::move(body);
  return response;
}

}  // namespace

std::string_view ExceptionOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kTooLarge:
    case ErrorKind::kUnsupported:
      return kValidation;
    case ErrorKind::kUnauthenticated:
    case ErrorKind::kForbidden:
      return kAccessDenied;
    case ErrorKind::kNotFound:
    case ErrorKind::kGone:
      return kNotFoundName;
    case ErrorKind::kConflict:
    case ErrorKind::kPreconditionFailed:
      return kConflictName;
    case ErrorKind::kBusy:
      return kThrottling;
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      return kInternalServer;
  }
  CHECK(false);
}

int StatusOf(std::string_view exception) { return exception == kInternalServer ? 500 : 400; }

Failure FailureOf(const Error& error) { return {ExceptionOf(error.kind), error.detail}; }

std::string_view BodyTypeOf(const http::Request& request) {
  std::string_view type = request.headers.Get("Content-Type");
  type = type.substr(0, type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  for (const std::string_view known : {kJson10, kJson}) {
    if (EqualsIgnoringCase(type, known)) return known;
  }
  return {};
}

http::Response FailureResponse(const Failure& failure, const http::Request& request) {
  std::string body;
  json::Writer writer(&body);
  writer.BeginObject();
  writer.Key("__type").String(failure.exception);
  writer.Key("Message").String(failure.message);
  writer.EndObject();
  writer.Finish();
  http::Response response = WithHead(StatusOf(failure.exception), std::move(body), request);
  response.headers.Add("x-amzn-ErrorType", std::string(failure.exception));
  return response;
}

http::Response JsonResponse(std::string body, const http::Request& request) {
  return WithHead(200, std::move(body), request);
}

}  // namespace tarn::healthlake::internal
