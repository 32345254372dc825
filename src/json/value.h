// A small JSON value that can be built and changed: for control-plane messages, configuration and
// patches; never for bulk data (see document.h). Members keep their order; numbers keep the text
// they were written with, so 1.00 stays 1.00.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "json/document.h"

namespace tarn::json {

class Value {
 public:
  using Array = std::vector<Value>;
  using Member = std::pair<std::string, Value>;
  using Object = std::vector<Member>;

  Value() = default;  // null
  static Value Null() { return Value(); }
  static Value Bool(bool value);
  static Value String(std::string value);
  static Value Int(int64_t value);
  static Value Double(double value);       // Shortest form that reads back equal.
  static Value Number(std::string token);  // A valid number token (CHECK).
  static Value MakeArray(Array items = {});
  static Value MakeObject(Object members = {});

  Kind kind() const { return kind_; }
  bool IsNull() const { return kind_ == Kind::kNull; }
  bool IsBool() const { return kind_ == Kind::kTrue || kind_ == Kind::kFalse; }
  bool IsNumber() const { return kind_ == Kind::kNumber; }
  bool IsString() const { return kind_ == Kind::kString; }
  bool IsArray() const { return kind_ == Kind::kArray; }
  bool IsObject() const { return kind_ == Kind::kObject; }

  // Each of these requires its kind (CHECK).
  bool AsBool() const;
  const std::string& AsString() const;
  const std::string& NumberToken() const;
  double AsDouble() const;
  const Array& items() const;
  Array& items();
  const Object& members() const;
  Object& members();

  // The integer, when this is a number without fraction or exponent that fits.
  std::optional<int64_t> AsInt() const;

  // The member of that name, or nullptr (also when this is no object).
  const Value* Find(std::string_view name) const;
  Value* Find(std::string_view name);
  // Sets or appends a member; this must be an object (CHECK). Returns *this, for chains.
  Value& Set(std::string_view name, Value value);
  void Remove(std::string_view name);
  void Append(Value value);  // This must be an array (CHECK).

  // Deep equality: numbers by value (1.0 equals 1), objects without regard to order.
  friend bool operator==(const Value& a, const Value& b);

 private:
  Kind kind_ = Kind::kNull;
  std::string text_;  // String value or number token.
  Array items_;
  Object members_;
};

// Errors as Parser::Parse.
Result<Value> ParseValue(std::string_view text, const Limits& limits = {});
Value ToValue(const Document& document, uint32_t node = kRoot);

std::string ToText(const Value& value);        // Compact.
std::string ToPrettyText(const Value& value);  // Two spaces, one member a line.

}  // namespace tarn::json
