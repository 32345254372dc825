// The document "search-parameters" as JSON text (custom_parameters.cc has an example).
#include <utility>

#include "fhir_store/internal/custom_parameters.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

using json::Value;

Error Corrupt() { return {ErrorKind::kCorrupt, "the document of search parameters"}; }

Value TypesValue(const std::vector<fhir::TypeId>& types) {
  Value list = Value::MakeArray();
  for (const fhir::TypeId type : types) list.Append(Value::Int(type));
  return list;
}

Value ParameterValue(const StoredParameter& stored) {
  const fhir::CustomParameter& definition = stored.definition;
  Value components = Value::MakeArray();
  for (const auto& component : definition.components) {
    components.Append(Value::MakeObject()
                          .Set("parameter", Value::Int(component.parameter))
                          .Set("expression", Value::String(component.expression)));
  }
  return Value::MakeObject()
      .Set("number", Value::Int(definition.number))
      .Set("state", Value::Int(static_cast<int64_t>(stored.state)))
      .Set("id", Value::String(stored.id))
      .Set("url", Value::String(definition.url))
      .Set("code", Value::String(definition.code))
      .Set("type", Value::Int(static_cast<int64_t>(definition.type)))
      .Set("expression", Value::String(definition.expression))
      .Set("bases", TypesValue(definition.bases))
      .Set("targets", TypesValue(definition.targets))
      .Set("components", std::move(components));
}

Result<int64_t> IntOf(const Value& object, std::string_view name, int64_t low, int64_t high) {
  const Value* member = object.Find(name);
  const auto number = member == nullptr ? std::nullopt : member->AsInt();
  if (!number.has_value() || *number < low || *number > high) return Corrupt();
  return *number;
}

Result<std::string> TextOf(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  if (member == nullptr || !member->IsString()) return Corrupt();
  return member->AsString();
}

Result<const Value::Array*> ListOf(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  if (member == nullptr || !member->IsArray()) return Corrupt();
  return &member->items();
}

Result<std::vector<fhir::TypeId>> TypesOf(const Value& object, std::string_view name) {
  TRY(const Value::Array* list, ListOf(object, name));
  std::vector<fhir::TypeId> types;
  for (const Value& item : *list) {
    const auto type = item.AsInt();
    if (!type.has_value() || *type < 1 || *type > fhir::TypeCount()) return Corrupt();
    types.push_back(static_cast<fhir::TypeId>(*type));
  }
  return types;
}

Result<StoredParameter> ParameterOf(const Value& value) {
  StoredParameter stored;
  fhir::CustomParameter& definition = stored.definition;
  TRY(const int64_t number, IntOf(value, "number", fhir::kCustomParameterFirst, UINT16_MAX));
  TRY(const int64_t state, IntOf(value, "state", 1, 3));
  TRY(const int64_t type, IntOf(value, "type", 0, static_cast<int64_t>(fhir::SearchType::kUri)));
  definition.number = static_cast<fhir::ParameterNumber>(number);
  stored.state = static_cast<ParameterState>(state);
  definition.type = static_cast<fhir::SearchType>(type);
  TRY(stored.id, TextOf(value, "id"));
  TRY(definition.url, TextOf(value, "url"));
  TRY(definition.code, TextOf(value, "code"));
  TRY(definition.expression, TextOf(value, "expression"));
  TRY(definition.bases, TypesOf(value, "bases"));
  TRY(definition.targets, TypesOf(value, "targets"));
  TRY(const Value::Array* components, ListOf(value, "components"));
  for (const Value& item : *components) {
    fhir::CustomParameter::Component component;
    TRY(const int64_t of, IntOf(item, "parameter", 1, UINT16_MAX));
    component.parameter = static_cast<fhir::ParameterNumber>(of);
    TRY(component.expression, TextOf(item, "expression"));
    definition.components.push_back(std::move(component));
  }
  return stored;
}

}  // namespace

std::string EncodeStoredParameters(const StoredParameters& stored) {
  Value list = Value::MakeArray();
  for (const StoredParameter& parameter : stored.parameters) list.Append(ParameterValue(parameter));
  return ToText(
      Value::MakeObject().Set("next", Value::Int(stored.next_number)).Set("parameters", list));
}

Result<StoredParameters> DecodeStoredParameters(std::string_view value) {
  const auto parsed = json::ParseValue(value);
  if (!parsed.ok() || !parsed.value().IsObject()) return Corrupt();
  StoredParameters stored;
  TRY(const int64_t next,
      IntOf(parsed.value(), "next", fhir::kCustomParameterFirst, UINT16_MAX + 1));
  stored.next_number = static_cast<uint32_t>(next);
  TRY(const Value::Array* list, ListOf(parsed.value(), "parameters"));
  for (const Value& item : *list) {
    TRY(StoredParameter parameter, ParameterOf(item));
    if (parameter.definition.number >= stored.next_number) return Corrupt();
    stored.parameters.push_back(std::move(parameter));
  }
  return stored;
}

}  // namespace tarn::fhir_store
