// Errors in awsJson1_0's form. Spec: Smithy "AWS JSON 1.0 protocol", "Operation error
// serialization"; statuses: HealthLake API Reference (every client error is 400).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace tarn::healthlake::internal {

struct Failure {
  std::string_view exception;  // "ValidationException"
  std::string message;
};

// The one table from kinds to exceptions.
std::string_view ExceptionOf(ErrorKind kind);
int StatusOf(std::string_view exception);
Failure FailureOf(const Error& error);

inline constexpr std::string_view kJson10 = "application/x-amz-json-1.0";
inline constexpr std::string_view kJson = "application/json";

// The type that a request's Content-Type names, without parameters, if it is one of the two; else
// empty.
std::string_view BodyTypeOf(const http::Request& request);

http::Response FailureResponse(const Failure& failure, const http::Request& request);
http::Response JsonResponse(std::string body, const http::Request& request);

}  // namespace tarn::healthlake::internal
