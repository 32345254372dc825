#include "healthimaging/internal/wire.h"

#include <algorithm>

#include "healthimaging/internal/model.h"
#include "json/writer.h"

namespace tarn::healthimaging::internal {
namespace {

constexpr std::string_view kValidation = "ValidationException";
constexpr std::string_view kInternalServer = "InternalServerException";

// kPreconditionFailed is a latestVersionId that is not the latest: the service says
// ResourceNotFoundException.
std::string_view Fitting(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kUnsupported:
      return kValidation;
    case ErrorKind::kTooLarge:
      return "ServiceQuotaExceededException";
    case ErrorKind::kUnauthenticated:
    case ErrorKind::kForbidden:
      return "AccessDeniedException";
    case ErrorKind::kNotFound:
    case ErrorKind::kGone:
    case ErrorKind::kPreconditionFailed:
      return "ResourceNotFoundException";
    case ErrorKind::kConflict:
      return "ConflictException";
    case ErrorKind::kBusy:
      return "ThrottlingException";
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      return kInternalServer;
  }
  CHECK(false);
}

http::Response WithHead(int status, std::string body, const http::Request& request) {
  http::Response response;
  response.status = status;
  response.headers.Add("Content-Type", "application/json");
  response.headers.Add("x-amzn-RequestId", request.request_id);
  response.body = std::move(body);
  return response;
}

}  // namespace

std::string_view ExceptionOf(ErrorKind kind, const service_model::Operation& operation) {
  const std::string_view fitting = Fitting(kind);
  const auto& errors = operation.errors;
  return std::find(errors.begin(), errors.end(), fitting) != errors.end() ? fitting : kValidation;
}

Failure FailureOf(const Error& error, const service_model::Operation& operation) {
  return {ExceptionOf(error.kind, operation), error.detail};
}

int StatusOf(std::string_view exception) {
  return service_model::ShapeNamed(ServiceModel(), exception).status;
}

http::Response FailureResponse(const Failure& failure, const http::Request& request) {
  std::string body;
  json::Writer writer(&body);
  writer.BeginObject();
  writer.Key("message").String(failure.message);
  writer.EndObject();
  writer.Finish();
  http::Response response = WithHead(StatusOf(failure.exception), std::move(body), request);
  response.headers.Add("x-amzn-ErrorType", std::string(failure.exception));
  return response;
}

http::Response JsonResponse(std::string body, const http::Request& request) {
  return WithHead(200, std::move(body), request);
}

}  // namespace tarn::healthimaging::internal
