#include "healthlake/internal/parse.h"

#include <algorithm>

#include "base/uri.h"
#include "healthlake/internal/model.h"
#include "healthlake/limits.h"

namespace tarn::healthlake::internal {
namespace {

using json::Value;
using service_model::Member;
using service_model::Operation;
using service_model::Validator;

constexpr std::string_view kSerialization = "SerializationException";

// Puts MaxResults and NextToken of the query into the request when the operation has them.
Status MergeQuery(const Operation& operation, std::string_view query, Value* request) {
  if (query.empty() || !request->IsObject()) return Ok();
  TRY(const QueryParameters parameters, ParseQuery(query));
  const auto members = ServiceModel().shapes[operation.input_shape].members;
  for (const std::string_view name : {"MaxResults", "NextToken"}) {
    const std::string* text = FindParameter(parameters, name);
    if (text == nullptr) continue;
    if (std::none_of(members.begin(), members.end(),
                     [name](const Member& member) { return member.name == name; })) {
      continue;
    }
    Value value = Value::String(*text);
    if (name == "MaxResults") {
      // Text that is no number stays a string and is refused as one.
      auto number = json::ParseValue(*text);
      if (number.ok() && number.value().IsNumber()) value = std::move(number).value();
    }
    const Value* in_body = request->Find(name);
    if (in_body != nullptr && !in_body->IsNull() && !(*in_body == value)) {
      return Invalid(std::string(name) + " differs between the query and the body");
    }
    request->Set(name, std::move(value));
  }
  return Ok();
}

}  // namespace

const Operation* FindTarget(std::string_view target, std::string* failure) {
  const service_model::Model& model = ServiceModel();
  const size_t dot = target.find('.');
  const std::string_view name =
      dot == std::string_view::npos ? std::string_view() : target.substr(dot + 1);
  if (dot == std::string_view::npos || target.substr(0, dot) != model.target_prefix) {
    *failure = "the X-Amz-Target header must be HealthLake.<operation>";
    return nullptr;
  }
  const Operation* operation = FindOperation(model, name);
  if (operation != nullptr) return operation;
  const bool later = std::find(model.later_operations.begin(), model.later_operations.end(),
                               name) != model.later_operations.end();
  *failure = later
                 ? std::string(name) + " belongs to a newer version of the API and is not supported"
                 : "HealthLake has no such operation";
  return nullptr;
}

std::variant<Value, Failure> ParseRequest(const Validator& validator, const Operation& operation,
                                          const http::Request& request) {
  if (BodyTypeOf(request).empty()) {
    return Failure{kSerialization,
                   "the Content-Type must be application/x-amz-json-1.0 or application/json"};
  }
  Value value = Value::MakeObject();
  if (!request.body.empty()) {
    json::Limits limits;
    limits.depth_max = kRequestDepthMax;
    limits.nodes_max = kRequestNodesMax;
    auto parsed = json::ParseValue(request.body, limits);
    if (!parsed.ok()) return Failure{kSerialization, std::move(parsed).error().detail};
    value = std::move(parsed).value();
  }
  const Status merged = MergeQuery(operation, request.query, &value);
  if (!merged.ok()) return FailureOf(merged.error());
  const auto refusal = validator.Check(operation.input_shape, value);
  if (refusal) return Failure{refusal->exception, refusal->message};
  return value;
}

}  // namespace tarn::healthlake::internal
