// The rules of draft 2020-12 about schemas themselves, expressed as one schema: the published
// metaschema is eight documents joined by vocabularies, which nothing here needs to tell apart.
#include "arazzo/internal/schema_compiled.h"

namespace tarn::arazzo::schema {
namespace {

constexpr std::string_view kMetaschema = R"json({
"$id": "https://json-schema.org/draft/2020-12/schema",
"$dynamicAnchor": "meta",
"type": ["object", "boolean"],
"$defs": {
  "one": {"$dynamicRef": "#meta"},
  "list": {"type": "array", "minItems": 1, "items": {"$dynamicRef": "#meta"}},
  "map": {"type": "object", "additionalProperties": {"$dynamicRef": "#meta"}},
  "count": {"type": "integer", "minimum": 0},
  "names": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
  "anchor": {"type": "string", "pattern": "^[A-Za-z_][-A-Za-z0-9._]*$"},
  "kind": {"enum": ["array", "boolean", "integer", "null", "number", "object", "string"]}
},
"properties": {
  "$id": {"type": "string", "pattern": "^[^#]*#?$"},
  "$schema": {"type": "string"},
  "$ref": {"type": "string"},
  "$anchor": {"$ref": "#/$defs/anchor"},
  "$dynamicRef": {"type": "string"},
  "$dynamicAnchor": {"$ref": "#/$defs/anchor"},
  "$vocabulary": {"type": "object", "additionalProperties": {"type": "boolean"}},
  "$comment": {"type": "string"},
  "$defs": {"$ref": "#/$defs/map"},
  "definitions": {"$ref": "#/$defs/map"},
  "prefixItems": {"$ref": "#/$defs/list"},
  "items": {"$ref": "#/$defs/one"},
  "contains": {"$ref": "#/$defs/one"},
  "additionalProperties": {"$ref": "#/$defs/one"},
  "properties": {"$ref": "#/$defs/map"},
  "patternProperties": {"$ref": "#/$defs/map"},
  "dependentSchemas": {"$ref": "#/$defs/map"},
  "propertyNames": {"$ref": "#/$defs/one"},
  "if": {"$ref": "#/$defs/one"},
  "then": {"$ref": "#/$defs/one"},
  "else": {"$ref": "#/$defs/one"},
  "allOf": {"$ref": "#/$defs/list"},
  "anyOf": {"$ref": "#/$defs/list"},
  "oneOf": {"$ref": "#/$defs/list"},
  "not": {"$ref": "#/$defs/one"},
  "unevaluatedItems": {"$ref": "#/$defs/one"},
  "unevaluatedProperties": {"$ref": "#/$defs/one"},
  "type": {"anyOf": [{"$ref": "#/$defs/kind"},
    {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"$ref": "#/$defs/kind"}}]},
  "enum": {"type": "array"},
  "multipleOf": {"type": "number", "exclusiveMinimum": 0},
  "maximum": {"type": "number"},
  "exclusiveMaximum": {"type": "number"},
  "minimum": {"type": "number"},
  "exclusiveMinimum": {"type": "number"},
  "maxLength": {"$ref": "#/$defs/count"},
  "minLength": {"$ref": "#/$defs/count"},
  "pattern": {"type": "string"},
  "maxItems": {"$ref": "#/$defs/count"},
  "minItems": {"$ref": "#/$defs/count"},
  "uniqueItems": {"type": "boolean"},
  "maxContains": {"$ref": "#/$defs/count"},
  "minContains": {"$ref": "#/$defs/count"},
  "maxProperties": {"$ref": "#/$defs/count"},
  "minProperties": {"$ref": "#/$defs/count"},
  "required": {"$ref": "#/$defs/names"},
  "dependentRequired": {"type": "object", "additionalProperties": {"$ref": "#/$defs/names"}},
  "title": {"type": "string"},
  "description": {"type": "string"},
  "deprecated": {"type": "boolean"},
  "readOnly": {"type": "boolean"},
  "writeOnly": {"type": "boolean"},
  "examples": {"type": "array"},
  "format": {"type": "string"},
  "contentEncoding": {"type": "string"},
  "contentMediaType": {"type": "string"},
  "contentSchema": {"$ref": "#/$defs/one"}
}})json";

}  // namespace

std::string_view MetaschemaText() { return kMetaschema; }

}  // namespace tarn::arazzo::schema
