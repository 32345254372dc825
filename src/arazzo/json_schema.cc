// Compilation in two passes: first every subschema that a keyword holds is visited to learn the
// identifiers, then references are resolved. A reference by JSON Pointer may lead to a place that
// no keyword of ours holds (`#/components/inputs/x`); such places are indexed when first met.
#include "arazzo/json_schema.h"

#include <array>
#include <utility>

#include "arazzo/internal/schema_compiled.h"
#include "arazzo/internal/uri_reference.h"
#include "arazzo/limits.h"
#include "base/uri.h"

namespace tarn::arazzo {
namespace schema {
namespace {

using json::Value;

constexpr std::array<std::string_view, 11> kOneSchema = {"additionalProperties",
                                                         "contains",
                                                         "propertyNames",
                                                         "not",
                                                         "if",
                                                         "then",
                                                         "else",
                                                         "items",
                                                         "unevaluatedItems",
                                                         "contentSchema",
                                                         "unevaluatedProperties"};
constexpr std::array<std::string_view, 4> kSchemaLists = {"allOf", "anyOf", "oneOf", "prefixItems"};
constexpr std::array<std::string_view, 5> kSchemaMaps = {
    "properties", "patternProperties", "dependentSchemas", "$defs", "definitions"};

const std::string* TextOf(const Value& schema, std::string_view keyword) {
  const Value* value = schema.Find(keyword);
  return value != nullptr && value->IsString() ? &value->AsString() : nullptr;
}

class Compiler {
 public:
  explicit Compiler(Compiled* compiled) : compiled_(*compiled) {}

  Status Run(std::string_view pointer, std::string_view base_uri) {
    Resource document;
    document.uri = WithoutFragment(base_uri);
    document.root = &compiled_.document;
    compiled_.resources.push_back(std::move(document));
    compiled_.root = AtPointer(compiled_.document, pointer);
    if (compiled_.root == nullptr) {
      return Invalid("there is no schema at " + std::string(pointer));
    }
    TRY(Index(*compiled_.root, 0, 0));
    // Resolving may index more schemas, whose references join the list.
    for (size_t i = 0; i < references_.size(); ++i) {
      TRY(ResolveReferences(*references_[i]));
    }
    return Ok();
  }

 private:
  Status Index(const Value& schema, uint32_t resource, uint32_t depth) {
    if (depth > kSchemaDepthMax) {
      return Error{ErrorKind::kTooLarge,
                   "schemas nest more than " + std::to_string(kSchemaDepthMax) + " deep"};
    }
    if (schema.IsBool()) return Ok();
    if (!schema.IsObject()) return Invalid("a schema must be an object, true or false");
    if (compiled_.subschemas.contains(&schema)) return Ok();
    if (compiled_.subschemas.size() >= kSchemaResourcesMax) {
      return Error{ErrorKind::kTooLarge,
                   "more than " + std::to_string(kSchemaResourcesMax) + " subschemas"};
    }
    if (const std::string* id = TextOf(schema, "$id")) {
      Resource own;
      own.uri = WithoutFragment(ResolveUri(compiled_.resources[resource].uri, *id));
      own.root = &schema;
      resource = static_cast<uint32_t>(compiled_.resources.size());
      compiled_.resources.push_back(std::move(own));
    }
    Resource& home = compiled_.resources[resource];
    if (const std::string* anchor = TextOf(schema, "$anchor")) home.anchors[*anchor] = &schema;
    if (const std::string* anchor = TextOf(schema, "$dynamicAnchor")) {
      home.anchors[*anchor] = &schema;
      home.dynamic_anchors[*anchor] = &schema;
    }
    compiled_.subschemas[&schema].resource = resource;
    if (TextOf(schema, "$ref") != nullptr || TextOf(schema, "$dynamicRef") != nullptr) {
      references_.push_back(&schema);
    }
    TRY(CompilePatterns(schema));
    return IndexChildren(schema, resource, depth);
  }

  Status IndexChildren(const Value& schema, uint32_t resource, uint32_t depth) {
    for (const std::string_view keyword : kOneSchema) {
      if (const Value* child = schema.Find(keyword)) {
        TRY(Index(*child, resource, depth + 1));
      }
    }
    for (const std::string_view keyword : kSchemaLists) {
      const Value* list = schema.Find(keyword);
      if (list == nullptr) continue;
      if (!list->IsArray()) return Invalid(std::string(keyword) + " must be an array of schemas");
      for (const Value& child : list->items()) {
        TRY(Index(child, resource, depth + 1));
      }
    }
    for (const std::string_view keyword : kSchemaMaps) {
      const Value* map = schema.Find(keyword);
      if (map == nullptr) continue;
      if (!map->IsObject()) return Invalid(std::string(keyword) + " must be an object of schemas");
      for (const Value::Member& member : map->members()) {
        TRY(Index(member.second, resource, depth + 1));
      }
    }
    return Ok();
  }

  Status CompilePatterns(const Value& schema) {
    if (const std::string* pattern = TextOf(schema, "pattern")) {
      TRY(CompilePattern(*pattern));
    }
    const Value* map = schema.Find("patternProperties");
    if (map == nullptr || !map->IsObject()) return Ok();
    for (const Value::Member& member : map->members()) {
      TRY(CompilePattern(member.first));
    }
    return Ok();
  }

  Status CompilePattern(const std::string& pattern) {
    if (compiled_.patterns.contains(pattern)) return Ok();
    TRY(Regex regex, Regex::FromEcma(pattern));
    compiled_.patterns.emplace(pattern, std::move(regex));
    return Ok();
  }

  Status ResolveReferences(const Value& schema) {
    const uint32_t resource = compiled_.subschemas.at(&schema).resource;
    if (const std::string* ref = TextOf(schema, "$ref")) {
      TRY(const Value* target, Resolve(*ref, resource));
      compiled_.subschemas.at(&schema).ref = target;
    }
    if (const std::string* ref = TextOf(schema, "$dynamicRef")) {
      TRY(const Value* target, Resolve(*ref, resource));
      Subschema& own = compiled_.subschemas.at(&schema);
      own.dynamic_ref = target;
      // Dynamic only when the first target is itself a dynamic anchor of that name (core 8.2.3.2).
      const std::string* anchor = TextOf(*target, "$dynamicAnchor");
      if (anchor != nullptr && *anchor == FragmentOf(*ref)) own.dynamic_name = *anchor;
    }
    return Ok();
  }

  Result<const Value*> Resolve(std::string_view reference, uint32_t from) {
    const std::string uri = ResolveUri(compiled_.resources[from].uri, reference);
    const auto unresolved = [&](std::string_view why) {
      return Invalid("the schema reference " + std::string(reference) + " " + std::string(why));
    };
    auto fragment = PercentDecode(FragmentOf(uri));
    if (!fragment.ok()) return unresolved("has a malformed fragment");
    TRY(const uint32_t resource, FindResource(uri, reference));
    const std::string& name = fragment.value();
    const Value* target = compiled_.resources[resource].root;
    if (!name.empty() && name[0] != '/') {
      const auto& anchors = compiled_.resources[resource].anchors;
      const auto found = anchors.find(name);
      if (found == anchors.end()) return unresolved("names an anchor that does not exist");
      return found->second;
    }
    target = AtPointer(*target, name);
    if (target == nullptr) return unresolved("leads nowhere");
    TRY(Index(*target, resource, 0));
    return target;
  }

  Result<uint32_t> FindResource(std::string_view uri, std::string_view reference) {
    const std::string_view absolute = WithoutFragment(uri);
    for (uint32_t i = 0; i < compiled_.resources.size(); ++i) {
      if (compiled_.resources[i].uri == absolute) return i;
    }
    if (absolute != kMetaschemaUri) {
      return Error{ErrorKind::kInvalid, "the schema reference " + std::string(reference) +
                                            " leads to another document; none is fetched"};
    }
    static const Value metaschema = [] {
      auto parsed = json::ParseValue(MetaschemaText());
      CHECK(parsed.ok());
      return std::move(parsed).value();
    }();
    TRY(Index(metaschema, 0, 0));
    return compiled_.subschemas.at(&metaschema).resource;
  }

  Compiled& compiled_;
  std::vector<const Value*> references_;
};

// kCertain: schemas that describe a value whatever it is ($ref, allOf, properties, items).
// kPossible: also those that may (anyOf, oneOf, conditions, other members and items).
enum class Describes : uint8_t { kCertain, kPossible };

// Calls visit(schema, instance) for every schema that describes a part of an instance. `Instance`
// is Value or const Value. References may multiply, so the visits are bounded; what lies beyond the
// bounds is refused by validation, which has the same ones.
template <typename Instance, typename Visit>
class DescribedWalk {
 public:
  DescribedWalk(const Compiled& compiled, Describes which, const Visit& visit)
      : compiled_(compiled), which_(which), visit_(visit) {}

  void Walk(const Value& schema, Instance& instance, uint32_t depth) {
    if (depth > kSchemaDepthMax || ++visits_ > kSchemaVisitsMax || !schema.IsObject()) return;
    visit_(schema, instance);
    const auto known = compiled_.subschemas.find(&schema);
    if (known != compiled_.subschemas.end() && known->second.ref != nullptr) {
      Walk(*known->second.ref, instance, depth + 1);
    }
    WalkEach(schema.Find("allOf"), instance, depth);
    if (which_ == Describes::kPossible) {
      for (const std::string_view name : {"anyOf", "oneOf"}) {
        WalkEach(schema.Find(name), instance, depth);
      }
      for (const std::string_view name : {"if", "then", "else"}) {
        if (const Value* part = schema.Find(name)) Walk(*part, instance, depth + 1);
      }
    }
    if (instance.IsObject()) WalkMembers(schema, instance, depth);
    if (instance.IsArray()) WalkItems(schema, instance, depth);
  }

 private:
  void WalkEach(const Value* list, Instance& instance, uint32_t depth) {
    if (list == nullptr || !list->IsArray()) return;
    for (const Value& part : list->items()) Walk(part, instance, depth + 1);
  }

  void WalkMembers(const Value& schema, Instance& instance, uint32_t depth) {
    const Value* properties = schema.Find("properties");
    if (properties != nullptr && properties->IsObject()) {
      for (const Value::Member& property : properties->members()) {
        if (auto* child = instance.Find(property.first)) Walk(property.second, *child, depth + 1);
      }
    }
    const Value* others = schema.Find("additionalProperties");
    if (which_ != Describes::kPossible || others == nullptr) return;
    for (auto& member : instance.members()) Walk(*others, member.second, depth + 1);
  }

  void WalkItems(const Value& schema, Instance& instance, uint32_t depth) {
    const Value* items = schema.Find("items");
    if (items != nullptr) {
      for (auto& item : instance.items()) Walk(*items, item, depth + 1);
    }
    const Value* prefix = schema.Find("prefixItems");
    if (which_ != Describes::kPossible || prefix == nullptr || !prefix->IsArray()) return;
    for (size_t i = 0; i < std::min(prefix->items().size(), instance.items().size()); ++i) {
      Walk(prefix->items()[i], instance.items()[i], depth + 1);
    }
  }

  const Compiled& compiled_;
  const Describes which_;
  const Visit& visit_;
  uint64_t visits_ = 0;
};

template <typename Instance, typename Visit>
void WalkDescribed(const Compiled& compiled, Describes which, Instance& instance,
                   const Visit& visit) {
  DescribedWalk<Instance, Visit>(compiled, which, visit).Walk(*compiled.root, instance, 0);
}

bool IsSecret(const Value& schema) {
  const std::string* format = TextOf(schema, "format");
  if (format != nullptr && *format == "password") return true;
  const Value* marked = schema.Find("x-secret");
  return marked != nullptr && marked->IsBool() && marked->AsBool();
}

// Moves what `marked` has as null and `from` has not to *pointers, and leaves it out of the result.
Value Without(const Value& from, const Value& marked, const std::string& at,
              std::vector<std::string>* pointers) {
  if (from.IsArray()) {
    Value::Array items;
    for (size_t i = 0; i < from.items().size(); ++i) {
      const Value& mark = marked.items()[i];
      const std::string where = at + "/" + std::to_string(i);
      // An item keeps its place, so that the others keep theirs.
      if (mark.IsNull() && !from.items()[i].IsNull()) {
        pointers->push_back(where);
        items.push_back(Value::Null());
      } else {
        items.push_back(Without(from.items()[i], mark, where, pointers));
      }
    }
    return Value::MakeArray(std::move(items));
  }
  if (!from.IsObject()) return from;
  Value::Object members;
  for (size_t i = 0; i < from.members().size(); ++i) {
    const auto& [name, member] = from.members()[i];
    const Value& mark = marked.members()[i].second;
    std::string where = at + "/";
    for (const char c : name) where += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    if (mark.IsNull() && !member.IsNull()) {
      pointers->push_back(where);
    } else {
      members.emplace_back(name, Without(member, mark, where, pointers));
    }
  }
  return Value::MakeObject(std::move(members));
}

void AddDefaults(const Value& schema, Value& instance) {
  const Value* properties = schema.Find("properties");
  if (!instance.IsObject() || properties == nullptr || !properties->IsObject()) return;
  for (const Value::Member& property : properties->members()) {
    const Value* value = property.second.Find("default");
    if (value != nullptr && instance.Find(property.first) == nullptr) {
      instance.Set(property.first, *value);
    }
  }
}

}  // namespace

const Value* AtPointer(const Value& root, std::string_view pointer) {
  const Value* at = &root;
  while (!pointer.empty()) {
    if (pointer[0] != '/') return nullptr;
    const size_t end = pointer.find('/', 1);
    const std::string_view token = pointer.substr(1, end == pointer.npos ? end : end - 1);
    pointer = end == pointer.npos ? std::string_view() : pointer.substr(end);
    std::string name;
    for (size_t i = 0; i < token.size(); ++i) {
      if (token[i] != '~') {
        name.push_back(token[i]);
        continue;
      }
      const char next = i + 1 < token.size() ? token[++i] : '\0';
      if (next != '0' && next != '1') return nullptr;
      name.push_back(next == '0' ? '~' : '/');
    }
    if (at->IsArray()) {
      const bool leading_zero = name.size() > 1 && name[0] == '0';
      if (name.empty() || name.size() > 9 || leading_zero ||
          name.find_first_not_of("0123456789") != name.npos) {
        return nullptr;
      }
      const size_t index = std::stoul(name);
      if (index >= at->items().size()) return nullptr;
      at = &at->items()[index];
    } else {
      at = at->Find(name);
      if (at == nullptr) return nullptr;
    }
  }
  return at;
}

}  // namespace schema

Result<JsonSchema> JsonSchema::Compile(json::Value document, std::string_view pointer,
                                       std::string_view base_uri) {
  auto compiled = std::make_shared<schema::Compiled>();
  compiled->document = std::move(document);
  TRY(schema::Compiler(compiled.get()).Run(pointer, base_uri));
  return JsonSchema(std::move(compiled));
}

Result<SchemaReport> JsonSchema::CheckSchema(const json::Value& schema) {
  static const JsonSchema metaschema = [] {
    json::Value reference = json::Value::MakeObject();
    reference.Set("$ref", json::Value::String("https://json-schema.org/draft/2020-12/schema"));
    auto compiled = Compile(std::move(reference));
    CHECK(compiled.ok());
    return std::move(compiled).value();
  }();
  return metaschema.Validate(schema);
}

Result<SchemaReport> JsonSchema::Validate(const json::Value& instance) const {
  return schema::Evaluate(*compiled_, instance);
}

json::Value JsonSchema::WithDefaults(json::Value instance) const {
  schema::WalkDescribed(
      *compiled_, schema::Describes::kCertain, instance,
      [](const json::Value& schema, json::Value& part) { schema::AddDefaults(schema, part); });
  return instance;
}

std::vector<std::string> JsonSchema::Secrets(const json::Value& instance) const {
  std::vector<std::string> out;
  schema::WalkDescribed(*compiled_, schema::Describes::kPossible, instance,
                        [&](const json::Value& schema, const json::Value& part) {
                          if (!schema::IsSecret(schema)) return;
                          if (part.IsString()) out.push_back(part.AsString());
                          if (part.IsNumber()) out.push_back(part.NumberToken());
                        });
  return out;
}

json::Value JsonSchema::WithoutSecrets(const json::Value& instance,
                                       std::vector<std::string>* pointers) const {
  json::Value marked = instance;
  schema::WalkDescribed(*compiled_, schema::Describes::kPossible, marked,
                        [](const json::Value& schema, json::Value& part) {
                          if (schema::IsSecret(schema)) part = json::Value::Null();
                        });
  if (marked.IsNull() && !instance.IsNull()) {
    pointers->emplace_back();
    return marked;
  }
  return schema::Without(instance, marked, "", pointers);
}

}  // namespace tarn::arazzo
