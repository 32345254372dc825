// From an HTTP request to an operation and a request that keeps to the service model. Pure, so that
// it can be fuzzed.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "healthlake/internal/wire.h"
#include "http/message.h"
#include "json/value.h"
#include "service_model/model.h"
#include "service_model/validator.h"

namespace tarn::healthlake::internal {

// The operation that an X-Amz-Target header names ("HealthLake.ListFHIRDatastores"), or nullptr and
// in `*failure` why not.
const service_model::Operation* FindTarget(std::string_view target, std::string* failure);

// The request's members, MaxResults and NextToken of the query among them; or what is wrong.
std::variant<json::Value, Failure> ParseRequest(const service_model::Validator& validator,
                                                const service_model::Operation& operation,
                                                const http::Request& request);

}  // namespace tarn::healthlake::internal
