#include "runner_host/inputs.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "arazzo/limits.h"
#include "arazzo/secrets.h"
#include "arazzo/yaml.h"
#include "base/file.h"
#include "base/utf8.h"
#include "runner_host/limits.h"

namespace tarn::runner_host {
namespace {

using json::Value;

// The value at a JSON Pointer, or nullptr.
const Value* At(const Value& root, std::string_view pointer) {
  const Value* at = &root;
  while (at != nullptr && !pointer.empty()) {
    pointer.remove_prefix(1);
    const size_t end = std::min(pointer.find('/'), pointer.size());
    std::string token;
    for (size_t i = 0; i < end; ++i) {
      const bool escape = pointer[i] == '~' && i + 1 < end;
      token.push_back(!escape ? pointer[i] : pointer[++i] == '1' ? '/' : '~');
    }
    pointer.remove_prefix(end);
    if (!at->IsArray()) {
      at = at->Find(token);
      continue;
    }
    size_t index = 0;
    const auto parsed = std::from_chars(token.data(), token.data() + token.size(), index);
    at = parsed.ec == std::errc() && index < at->items().size() ? &at->items()[index] : nullptr;
  }
  return at;
}

// Follows local references; nullptr where one leads nowhere or in a circle.
const Value* Resolve(const Value& root, const Value* schema) {
  for (uint32_t hops = 0; schema != nullptr && hops < arazzo::kReferenceHopsMax; ++hops) {
    const Value* reference = schema->Find("$ref");
    if (reference == nullptr || !reference->IsString()) return schema;
    const std::string& text = reference->AsString();
    schema = text.starts_with("#/") ? At(root, std::string_view(text).substr(1)) : nullptr;
  }
  return nullptr;
}

std::string TextOf(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  return value != nullptr && value->IsString() ? value->AsString() : "";
}

std::vector<std::string> TypesOf(const Value& schema) {
  std::vector<std::string> out;
  const Value* type = schema.Find("type");
  if (type == nullptr) return out;
  if (type->IsString()) return {type->AsString()};
  if (!type->IsArray()) return out;
  for (const Value& item : type->items()) {
    if (item.IsString()) out.push_back(item.AsString());
  }
  return out;
}

void Declare(const Value& root, const Value* schema, uint32_t depth,
             std::vector<DeclaredInput>* out) {
  schema = Resolve(root, schema);
  if (schema == nullptr || depth > arazzo::kReferenceHopsMax) return;
  const Value* properties = schema->Find("properties");
  if (properties != nullptr && properties->IsObject()) {
    for (const auto& [name, written] : properties->members()) {
      const Value* property = Resolve(root, &written);
      if (property == nullptr || std::ranges::count(*out, name, &DeclaredInput::name) > 0) continue;
      DeclaredInput input;
      input.name = name;
      input.description = TextOf(*property, "description");
      input.types = TypesOf(*property);
      input.has_default = property->Find("default") != nullptr;
      const Value* marked = property->Find("x-secret");
      input.secret = TextOf(*property, "format") == "password" ||
                     (marked != nullptr && marked->IsBool() && marked->AsBool());
      out->push_back(std::move(input));
    }
  }
  const Value* all = schema->Find("allOf");
  if (all != nullptr && all->IsArray()) {
    for (const Value& part : all->items()) Declare(root, &part, depth + 1, out);
  }
  const Value* required = schema->Find("required");
  if (required == nullptr || !required->IsArray()) return;
  for (const Value& name : required->items()) {
    if (!name.IsString()) continue;
    const auto found = std::ranges::find(*out, name.AsString(), &DeclaredInput::name);
    if (found != out->end()) {
      found->required = true;
    } else {
      out->push_back({name.AsString(), "", {}, true, false, false});
    }
  }
}

bool FitsType(const Value& value, std::string_view type) {
  if (type == "integer") return value.IsNumber();
  if (type == "number") return value.IsNumber();
  if (type == "boolean") return value.IsBool();
  if (type == "null") return value.IsNull();
  if (type == "array") return value.IsArray();
  return type == "object" && value.IsObject();
}

// A string stays one wherever the schema allows strings.
Result<Value> FromText(const DeclaredInput* input, const std::string& name,
                       const std::string& text) {
  if (input == nullptr || input->types.empty() ||
      std::ranges::find(input->types, "string") != input->types.end()) {
    return Value::String(text);
  }
  auto value = json::ParseValue(text);
  if (value.ok()) {
    for (const std::string& type : input->types) {
      if (FitsType(value.value(), type)) return std::move(value).value();
    }
  }
  std::string types;
  for (const std::string& type : input->types) types += (types.empty() ? "" : " or ") + type;
  return Invalid("the input " + name + " is no " + types +
                 (input->secret ? "" : ": " + text.substr(0, 80)));
}

Result<std::string> ReadStandardInput() {
  std::string out;
  char buffer[65536];
  for (;;) {
    const ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError("standard input", errno);
    if (count == 0) return out;
    out.append(buffer, static_cast<size_t>(count));
    if (out.size() > kInputsBytesMax) {
      return Error{ErrorKind::kTooLarge, "standard input: too many bytes for inputs"};
    }
  }
}

Result<Value> ReadInputsFile(const std::string& path) {
  TRY(const std::string text, path == "-" ? ReadStandardInput() : ReadFile(path, kInputsBytesMax));
  const auto tree = arazzo::ParseYaml(text);
  if (!tree.ok()) return Error{tree.error().kind, path + ":" + tree.error().detail};
  if (!tree.value().IsObject()) return Invalid(path + ": the inputs must be an object");
  return tree.value().ToValue();
}

// ", not 2": the value at a place, secrets masked before it is cut.
std::string Seen(const Value& inputs, const std::string& pointer, const arazzo::SecretMask& mask) {
  constexpr size_t kSeenBytes = 100;
  const Value* value = At(inputs, pointer);
  if (value == nullptr || value->IsObject() || value->IsArray()) return "";
  std::string text = json::ToText(mask.Mask(*value));
  if (text.size() <= kSeenBytes) return ", not " + text;
  text.resize(Utf8PrefixBytes(text, kSeenBytes));
  return ", not " + text + "...";
}

}  // namespace

std::vector<DeclaredInput> DeclaredInputs(const arazzo::Document& document,
                                          const arazzo::Workflow& workflow) {
  std::vector<DeclaredInput> out;
  if (workflow.inputs_pointer.empty()) return out;
  Declare(document.whole, At(document.whole, workflow.inputs_pointer), 0, &out);
  return out;
}

std::string InputVariable(std::string_view name) {
  std::string out = "TARN_INPUT_";
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out.push_back(plain ? c : '_');
  }
  return out;
}

Result<Value> GatherInputs(const std::vector<DeclaredInput>& declared, const InputFlags& flags,
                           const Value& known, const Environment& environment,
                           const AskInput& ask) {
  Value out = Value::MakeObject();
  const auto declared_as = [&](const std::string& name) -> const DeclaredInput* {
    const auto found = std::ranges::find(declared, name, &DeclaredInput::name);
    return found == declared.end() ? nullptr : &*found;
  };
  // The least of them first: each source replaces what was there.
  for (const DeclaredInput& input : declared) {
    const auto text = environment(InputVariable(input.name));
    if (!text.has_value()) continue;
    TRY(Value value, FromText(&input, input.name, *text));
    out.Set(input.name, std::move(value));
  }
  for (const auto& [name, value] : known.members()) out.Set(name, value);
  if (!flags.file.empty()) {
    TRY(const Value file, ReadInputsFile(flags.file));
    for (const auto& [name, value] : file.members()) out.Set(name, value);
  }
  for (const std::string& pair : flags.pairs) {
    const size_t equals = pair.find('=');
    if (equals == pair.npos || equals == 0)
      return Invalid("--input " + pair + ": write name=value");
    const std::string name = pair.substr(0, equals);
    TRY(Value value, FromText(declared_as(name), name, pair.substr(equals + 1)));
    out.Set(name, std::move(value));
  }
  for (const DeclaredInput& input : declared) {
    if (!input.required || input.has_default || out.Find(input.name) != nullptr) continue;
    const auto text = ask(input);
    if (!text.has_value()) continue;
    TRY(Value value, FromText(&input, input.name, *text));
    out.Set(input.name, std::move(value));
  }
  return out;
}

std::vector<std::string> ListViolations(const arazzo::LoadedWorkflow& workflow,
                                        const std::vector<DeclaredInput>& declared,
                                        const Value& inputs) {
  std::vector<std::string> out;
  if (!workflow.inputs.has_value()) return out;
  const Value whole = workflow.inputs->WithDefaults(inputs);
  const auto report = workflow.inputs->Validate(whole);
  if (!report.ok()) return {report.error().detail};
  for (const DeclaredInput& input : declared) {
    if (!input.required || whole.Find(input.name) != nullptr) continue;
    out.push_back("the input " + input.name + " is missing" +
                  (input.description.empty() ? "" : ": " + input.description));
  }
  arazzo::SecretMask mask;
  for (const std::string& secret : workflow.inputs->Secrets(whole)) mask.Add("input", secret);
  for (const arazzo::Violation& violation : report.value().violations) {
    if (violation.keyword == "required" && violation.instance.empty()) continue;  // Said above.
    out.push_back(
        "the input " +
        (violation.instance.empty() ? std::string("object") : violation.instance.substr(1)) + ": " +
        violation.message + Seen(whole, violation.instance, mask));
  }
  const uint64_t more = report.value().violations_total - report.value().violations.size();
  if (more > 0) out.push_back(std::to_string(more) + " more");
  return out;
}

}  // namespace tarn::runner_host
