// Answers and errors in rest-json's form. Spec: Smithy "AWS restJson1 protocol", "Operation error
// serialization"; statuses: the service model.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "service_model/model.h"

namespace tarn::healthimaging::internal {

struct Failure {
  std::string_view exception;  // "ValidationException"
  std::string message;
};

// The one table from kinds to exceptions; an operation that does not declare the fitting one
// answers with a ValidationException (it never declares less than that and
// InternalServerException).
std::string_view ExceptionOf(ErrorKind kind, const service_model::Operation& operation);
Failure FailureOf(const Error& error, const service_model::Operation& operation);

// The status that the model gives the exception.
int StatusOf(std::string_view exception);

http::Response FailureResponse(const Failure& failure, const http::Request& request);
http::Response JsonResponse(std::string body, const http::Request& request);

}  // namespace tarn::healthimaging::internal
