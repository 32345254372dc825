// A compiled JSON Schema: the document plus what its identifiers, anchors and references mean.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "arazzo/json_schema.h"
#include "arazzo/regex.h"
#include "json/value.h"

namespace tarn::arazzo::schema {

// A schema resource (core 4.3.5): a subschema with an `$id`, or the document itself.
struct Resource {
  std::string uri;
  const json::Value* root = nullptr;
  std::map<std::string, const json::Value*, std::less<>> anchors;  // Dynamic ones too.
  std::map<std::string, const json::Value*, std::less<>> dynamic_anchors;
};

struct Subschema {
  uint32_t resource = 0;
  const json::Value* ref = nullptr;          // What `$ref` leads to.
  const json::Value* dynamic_ref = nullptr;  // What `$dynamicRef` leads to at first.
  std::string dynamic_name;                  // Not empty: looked up in the dynamic scope.
};

struct Compiled {
  json::Value document;
  const json::Value* root = nullptr;  // The schema that validation begins with.
  std::vector<Resource> resources;
  std::unordered_map<const json::Value*, Subschema> subschemas;
  std::map<std::string, Regex, std::less<>> patterns;
};

// The value at a JSON Pointer (RFC 6901), or nullptr.
const json::Value* AtPointer(const json::Value& root, std::string_view pointer);

Result<SchemaReport> Evaluate(const Compiled& compiled, const json::Value& instance);

// The draft's metaschema, reduced to one schema without vocabularies.
std::string_view MetaschemaText();
inline constexpr std::string_view kMetaschemaUri = "https://json-schema.org/draft/2020-12/schema";

}  // namespace tarn::arazzo::schema
