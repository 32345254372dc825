// What a journal keeps of inputs, and how they become whole again.
#include "arazzo/runner.h"

namespace tarn::arazzo {
namespace {

using json::Value;

void AddSecrets(const LoadedWorkflow& workflow, const Value& inputs, SecretMask* mask) {
  size_t number = 0;
  for (const std::string& secret : workflow.inputs->Secrets(inputs)) {
    mask->Add("input#" + std::to_string(number++), secret);
  }
}

template <typename Change>
Value ChangeTexts(const Value& value, const Change& change) {
  if (value.IsString()) return Value::String(change(value.AsString()));
  if (value.IsArray()) {
    Value::Array items;
    for (const Value& item : value.items()) items.push_back(ChangeTexts(item, change));
    return Value::MakeArray(std::move(items));
  }
  if (!value.IsObject()) return value;
  Value::Object members;
  for (const auto& [name, member] : value.members()) {
    members.emplace_back(name, ChangeTexts(member, change));
  }
  return Value::MakeObject(std::move(members));
}

// `over` wins; objects are merged, and so are arrays, item by item.
Value Overlay(Value under, const Value& over) {
  if (under.IsObject() && over.IsObject()) {
    for (const auto& [name, member] : over.members()) {
      const Value* below = under.Find(name);
      under.Set(name, below == nullptr ? member : Overlay(*below, member));
    }
    return under;
  }
  if (under.IsArray() && over.IsArray() && over.items().size() <= under.items().size()) {
    for (size_t i = 0; i < over.items().size(); ++i) {
      if (over.items()[i].IsNull()) continue;  // Not given.
      under.items()[i] = Overlay(std::move(under.items()[i]), over.items()[i]);
    }
    return under;
  }
  return over;
}

}  // namespace

KeptInputs InputsToKeep(const LoadedWorkflow& workflow, const Value& inputs) {
  KeptInputs out;
  if (!workflow.inputs.has_value()) {
    out.inputs = inputs;
    return out;
  }
  SecretMask mask;
  AddSecrets(workflow, inputs, &mask);
  const Value rest = workflow.inputs->WithoutSecrets(inputs, &out.secrets);
  out.inputs = ChangeTexts(rest, [&](const std::string& text) { return mask.Seal(text); });
  return out;
}

Value RestoreInputs(const LoadedWorkflow& workflow, const Value& kept, const Value& given) {
  if (!workflow.inputs.has_value()) return Overlay(kept, given);
  SecretMask mask;
  AddSecrets(workflow, Overlay(kept, given), &mask);
  return Overlay(ChangeTexts(kept, [&](const std::string& text) { return mask.Unseal(text); }),
                 given);
}

}  // namespace tarn::arazzo
