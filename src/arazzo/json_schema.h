// JSON Schema, draft 2020-12: every vocabulary; `format` and `content*` are annotations.
//
// A schema is compiled once: identifiers, anchors and references are resolved and patterns are
// compiled, so that what cannot work is said before anything is validated. References to other
// documents are errors: nothing is fetched. The draft's own metaschema is built in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo {

struct Violation {
  std::string instance;  // JSON Pointer into the instance; "" is its root.
  std::string keyword;   // "required"
  std::string message;   // What was expected. Quotes the schema, never the instance's values.
};

struct SchemaReport {
  std::vector<Violation> violations;  // At most kViolationsMax, in the schema's order.
  uint64_t violations_total = 0;
  bool valid() const { return violations_total == 0; }
};

namespace schema {
struct Compiled;
}

class JsonSchema {
 public:
  // Compiles the schema at `pointer` (JSON Pointer) of `document`: references such as
  // `#/components/inputs/x` are resolved against the whole document. `base_uri` may be empty.
  // Errors: kInvalid (unresolved reference, a keyword of a wrong type, a malformed pattern),
  // kUnsupported (a pattern beyond the engine), kTooLarge.
  static Result<JsonSchema> Compile(json::Value document, std::string_view pointer = "",
                                    std::string_view base_uri = "");

  // What is wrong with a schema itself, by the draft's metaschema: `{type: 5}`. Errors: as
  // Validate.
  static Result<SchemaReport> CheckSchema(const json::Value& schema);

  // Every violation at once. Errors: kTooLarge (kSchemaDepthMax, kSchemaVisitsMax).
  Result<SchemaReport> Validate(const json::Value& instance) const;

  // `instance` with absent members set to the `default` of their `properties` schema, also through
  // `$ref` and `allOf` and inside members that are objects.
  json::Value WithDefaults(json::Value instance) const;

  // The values in `instance` whose schema says `format: password` or `x-secret: true`, in any
  // branch of it that may apply; numbers as they are written.
  std::vector<std::string> Secrets(const json::Value& instance) const;
  // `instance` without them; their JSON Pointers are appended to *pointers.
  json::Value WithoutSecrets(const json::Value& instance, std::vector<std::string>* pointers) const;

 private:
  explicit JsonSchema(std::shared_ptr<const schema::Compiled> compiled)
      : compiled_(std::move(compiled)) {}
  std::shared_ptr<const schema::Compiled> compiled_;
};

}  // namespace tarn::arazzo
