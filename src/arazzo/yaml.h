// YAML 1.2 and JSON texts as one tree in which every node knows its line and column.
//
// Scalars are typed by the core schema (YAML 1.2.2 section 10.3), so `yes` and `1_000` are texts.
// Duplicate keys, keys that are no scalars, tags of other schemas, infinities and more than one
// document in a text are refused. Aliases are expanded, and count as the nodes they expand to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace tarn::arazzo {

struct Place {
  uint32_t line = 0;  // From 1; 0: unknown.
  uint32_t column = 0;
};

struct YamlMember;

struct YamlNode {
  json::Kind kind = json::Kind::kNull;
  Place place;
  json::Value scalar;               // Null, boolean, number or string.
  std::vector<YamlNode> items;      // Of kArray.
  std::vector<YamlMember> members;  // Of kObject, in order.

  bool IsObject() const { return kind == json::Kind::kObject; }
  bool IsArray() const { return kind == json::Kind::kArray; }
  bool IsString() const { return kind == json::Kind::kString; }
  const std::string& text() const { return scalar.AsString(); }  // IsString() only.

  // The member's value, or nullptr (also when this is no object).
  const YamlNode* Find(std::string_view name) const;
  // The node at a JSON Pointer, or nullptr.
  const YamlNode* At(std::string_view pointer) const;
  json::Value ToValue() const;
};

struct YamlMember {
  std::string key;
  Place place;  // Of the key.
  YamlNode value;
};

// Errors: kInvalid and kTooLarge, both with "line:column: " in front.
Result<YamlNode> ParseYaml(std::string_view text);

}  // namespace tarn::arazzo
