// From an HTTP request to a request that keeps to the service model: members of path, query and
// body in one object. Pure, so that it can be fuzzed.
#pragma once

#include <variant>

#include "healthimaging/internal/wire.h"
#include "http/message.h"
#include "json/value.h"
#include "service_model/model.h"
#include "service_model/validator.h"

namespace tarn::healthimaging::internal {

// `request.path_parameters` are those of the operation's path. Every failure is a
// ValidationException, which is all that the model has for bad input.
//
// The whole body is the value of an operation's payload member; what workflows made from older
// descriptions of the service send, an object with only that member ({"searchCriteria":{...}}),
// means the same.
std::variant<json::Value, Failure> ParseRequest(const service_model::Validator& validator,
                                                const service_model::Operation& operation,
                                                const http::Request& request);

}  // namespace tarn::healthimaging::internal
