// The service model as constant tables, made at build time from model.json by
// tools/healthlake_model.py: shapes with their constraints, operations, and what is newer than us.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tarn::healthlake::internal {

enum class ShapeType : uint8_t {
  kStructure,
  kUnion,  // A structure with exactly one member set.
  kList,
  kString,
  kInteger,
  kLong,
  kDouble,
  kBoolean,
  kTimestamp,
};

inline constexpr int64_t kNoBound = -1;

struct Member {
  std::string_view name;
  uint16_t shape;  // Index into Model::shapes.
  bool required;
};

struct Shape {
  std::string_view name;
  ShapeType type;
  int64_t min;  // Characters, items or value; kNoBound.
  int64_t max;
  const char* pattern;       // For RE2, matching the whole value; may be null.
  const char* pattern_text;  // As the service model writes it, for messages.
  std::span<const Member> members;
  std::span<const std::string_view> values;  // Of an enumeration.
  std::span<const std::string_view> later;   // Members of the newest model that are not built.
  uint16_t item_shape;                       // Of a list.
  int status;                                // Of an exception: 400 or 500; else 0.
};

struct Operation {
  std::string_view name;
  uint16_t input_shape;
  uint16_t output_shape;
};

struct Model {
  std::string_view target_prefix;
  std::span<const Shape> shapes;
  std::span<const Operation> operations;
  std::span<const std::string_view> later_operations;
};

const Model& ServiceModel();

}  // namespace tarn::healthlake::internal
