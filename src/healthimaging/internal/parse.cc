#include "healthimaging/internal/parse.h"

#include "base/uri.h"
#include "healthimaging/internal/model.h"
#include "healthimaging/limits.h"

namespace tarn::healthimaging::internal {
namespace {

using json::Value;
using service_model::Member;
using service_model::Place;
using service_model::Shape;
using service_model::ShapeType;

Failure Refused(std::string message) { return {"ValidationException", std::move(message)}; }

// The value of a text from path or query. Text that is not of the type stays a string, and the
// validator refuses it by name.
Value ValueOf(const Shape& shape, const std::string& text) {
  if (shape.type == ShapeType::kBoolean) {
    if (text == "true") return Value::Bool(true);
    if (text == "false") return Value::Bool(false);
  } else if (shape.type == ShapeType::kInteger) {
    auto number = json::ParseValue(text);
    if (number.ok() && number.value().IsNumber()) return std::move(number).value();
  }
  return Value::String(text);
}

void TakeQuery(const Member& member, const QueryParameters& query, Value* out) {
  const auto shapes = ServiceModel().shapes;
  const Shape& shape = shapes[member.shape];
  if (shape.type == ShapeType::kList) {
    Value items = Value::MakeArray();
    for (const auto& [name, text] : query) {
      if (name == member.wire_name) items.Append(ValueOf(shapes[shape.item_shape], text));
    }
    if (!items.items().empty()) out->Set(member.name, std::move(items));
    return;
  }
  const std::string* text = FindParameter(query, member.wire_name);
  if (text != nullptr) out->Set(member.name, ValueOf(shape, *text));
}

Result<Value> ParseBody(const http::Request& request) {
  if (request.body.empty()) return Value::Null();
  json::Limits limits;
  limits.depth_max = kRequestDepthMax;
  limits.nodes_max = kRequestNodesMax;
  auto parsed = json::ParseValue(request.body, limits);
  if (!parsed.ok()) return Invalid("the body is not JSON: " + parsed.error().detail);
  return parsed;
}

Value Unwrapped(const Member& payload, const Value& body) {
  if (!body.IsObject() || body.members().size() != 1) return body;
  const auto& [name, inner] = body.members().front();
  return name == payload.name ? inner : body;
}

}  // namespace

std::variant<Value, Failure> ParseRequest(const service_model::Validator& validator,
                                          const service_model::Operation& operation,
                                          const http::Request& request) {
  auto query = ParseQuery(request.query);
  if (!query.ok()) return Refused("the query: " + query.error().detail);
  const Shape& input = ServiceModel().shapes[operation.input_shape];
  auto parsed = ParseBody(request);
  if (!parsed.ok()) return Refused(std::move(parsed).error().detail);
  Value body = std::move(parsed).value();
  Value out = Value::MakeObject();
  bool takes_body = !input.later.empty();
  for (const Member& member : input.members) {
    switch (member.place) {
      case Place::kPath:
        if (const std::string* text = FindParameter(request.path_parameters, member.wire_name)) {
          out.Set(member.name, Value::String(*text));
        }
        break;
      case Place::kQuery:
        TakeQuery(member, query.value(), &out);
        break;
      case Place::kPayload:
        out.Set(member.name, Unwrapped(member, body));
        break;
      case Place::kBody:
        takes_body = true;
        break;
      case Place::kHeader:
        CHECK(false);  // No request has one.
    }
  }
  if (takes_body && !body.IsNull()) {
    if (!body.IsObject()) return Refused("the body is not a JSON object");
    for (const Member& member : input.members) {
      if (member.place != Place::kBody) continue;
      if (Value* found = body.Find(member.name)) out.Set(member.name, std::move(*found));
    }
    for (const std::string_view later : input.later) {
      if (Value* found = body.Find(later)) out.Set(later, std::move(*found));
    }
  }
  const auto refusal = validator.Check(operation.input_shape, out);
  if (refusal) return Refused(refusal->message);
  return out;
}

}  // namespace tarn::healthimaging::internal
