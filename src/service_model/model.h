// A service model as constant tables, made at build time from a module's model.json by
// tools/service_model.py: shapes with their constraints, operations, and what is not built.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tarn::service_model {

enum class ShapeType : uint8_t {
  kStructure,
  kUnion,  // A structure with exactly one member set.
  kList,
  kMap,  // From strings.
  kString,
  kBlob,  // Base64 in JSON.
  kInteger,
  kLong,
  kDouble,
  kBoolean,
  kTimestamp,
};

// Where a member is in an HTTP message (Smithy's HTTP binding traits).
enum class Place : uint8_t {
  kBody,     // A member of the JSON body.
  kPath,     // A part of the path.
  kQuery,    // A parameter of the query.
  kHeader,   // A header field.
  kPayload,  // The whole body.
};

inline constexpr int64_t kNoBound = -1;

struct Member {
  std::string_view name;
  uint16_t shape;  // Index into Model::shapes.
  bool required;
  Place place;
  std::string_view wire_name;  // In its place; in path, query and header it may differ from `name`.
};

struct Shape {
  std::string_view name;
  ShapeType type;
  int64_t min;  // Characters, bytes of a blob, items or value; kNoBound.
  int64_t max;
  const char* pattern;              // For RE2, matching the whole value; may be null.
  const char* pattern_text;         // As the service model writes it, for messages.
  std::string_view refused_prefix;  // Beside `pattern`: what a value may not begin with; or empty.
  std::span<const Member> members;
  std::span<const std::string_view> values;  // Of an enumeration.
  std::span<const std::string_view> later;   // Members that AWS has and we have not.
  uint16_t item_shape;                       // Of a list; the values of a map.
  uint16_t key_shape;                        // Of a map.
  int status;                                // Of an exception: its HTTP status; else 0.
};

struct Operation {
  std::string_view name;
  uint16_t input_shape;
  uint16_t output_shape;
  std::span<const std::string_view> errors;  // Names of its exceptions.
  std::string_view method;                   // "POST"; empty without HTTP bindings.
  std::string_view path;                     // "/datastore/{datastoreId}"; empty likewise.
};

struct Model {
  std::string_view target_prefix;  // Of X-Amz-Target; empty without one.
  std::span<const Shape> shapes;
  std::span<const Operation> operations;
  std::span<const std::string_view> later_operations;
  // Whether messages write members with a small first letter, as AWS's do for models that write
  // them large.
  bool lower_first;
  std::string_view later_constraint;  // What messages say about Shape::later.
};

// The operation of that name, or nullptr.
const Operation* FindOperation(const Model& model, std::string_view name);
// The shape of that name (CHECK).
const Shape& ShapeNamed(const Model& model, std::string_view name);

}  // namespace tarn::service_model
