// One walk over the value and the model's tables. Messages follow the form that AWS services built
// on the same framework give: "2 validation errors detected: Value at 'tags.1.member.key' failed to
// satisfy constraint: Member must ...; ...". They name members, never values, because values may be
// about patients.
#include "service_model/validator.h"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/utf8.h"

namespace tarn::service_model {
namespace {

using json::Value;

constexpr double kEpochSecondsMax = 253402300799;  // 9999-12-31T23:59:59Z

std::string_view KindName(json::Kind kind) {
  switch (kind) {
    case json::Kind::kNull:
      return "NULL_VALUE";
    case json::Kind::kFalse:
      return "FALSE_VALUE";
    case json::Kind::kTrue:
      return "TRUE_VALUE";
    case json::Kind::kNumber:
      return "NUMBER_VALUE";
    case json::Kind::kString:
      return "STRING_VALUE";
    case json::Kind::kArray:
      return "START_ARRAY";
    case json::Kind::kObject:
      return "START_OBJECT";
  }
  CHECK(false);
}

std::string_view TypeName(ShapeType type) {
  switch (type) {
    case ShapeType::kStructure:
    case ShapeType::kUnion:
      return "Structure";
    case ShapeType::kList:
      return "List";
    case ShapeType::kMap:
      return "Map";
    case ShapeType::kString:
      return "String";
    case ShapeType::kBlob:
      return "Blob";
    case ShapeType::kInteger:
      return "Integer";
    case ShapeType::kLong:
      return "Long";
    case ShapeType::kDouble:
      return "Double";
    case ShapeType::kBoolean:
      return "Boolean";
    case ShapeType::kTimestamp:
      return "Timestamp";
  }
  CHECK(false);
}

bool HasType(ShapeType type, const Value& value) {
  switch (type) {
    case ShapeType::kStructure:
    case ShapeType::kUnion:
    case ShapeType::kMap:
      return value.IsObject();
    case ShapeType::kList:
      return value.IsArray();
    case ShapeType::kString:
      return value.IsString();
    case ShapeType::kBlob:
      return value.IsString() && Base64Decode(value.AsString()).ok();
    case ShapeType::kInteger:
      return value.AsInt().has_value() && *value.AsInt() >= INT32_MIN &&
             *value.AsInt() <= INT32_MAX;
    case ShapeType::kLong:
      return value.AsInt().has_value();
    case ShapeType::kDouble:
      return value.IsNumber();
    case ShapeType::kBoolean:
      return value.IsBool();
    case ShapeType::kTimestamp:
      return TimestampMs(value).ok();
  }
  CHECK(false);
}

// UTF-8 that the JSON parser accepted: every byte that does not continue a character begins one.
int64_t CountCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

class Walk {
 public:
  Walk(const Model& model, const std::vector<std::unique_ptr<re2::RE2>>& patterns,
       UnknownMembers unknown)
      : model_(model), patterns_(patterns), unknown_(unknown) {}

  // Recursion ends with the model's own nesting, which has no cycles.
  void Visit(uint16_t shape_index, const Value& value, const std::string& path) {
    const Shape& shape = model_.shapes[shape_index];
    if (!HasType(shape.type, value)) {
      if (type_error_.empty()) {
        type_error_ = std::string(KindName(value.kind())) + " can not be converted to " +
                      std::string(TypeName(shape.type)) +
                      (path.empty() ? "" : " at '" + path + "'");
      }
      return;
    }
    switch (shape.type) {
      case ShapeType::kStructure:
      case ShapeType::kUnion:
        return VisitMembers(shape, value, path);
      case ShapeType::kList:
        return VisitItems(shape, value, path);
      case ShapeType::kMap:
        return VisitEntries(shape, value, path);
      case ShapeType::kString:
        return CheckText(shape, patterns_[shape_index].get(), value.AsString(), path);
      case ShapeType::kBlob:
        return CheckBounds(shape,
                           static_cast<int64_t>(Base64Decode(value.AsString()).value().size()),
                           "length", path);
      case ShapeType::kInteger:
      case ShapeType::kLong:
        return CheckBounds(shape, *value.AsInt(), "value", path);
      case ShapeType::kDouble:
      case ShapeType::kBoolean:
      case ShapeType::kTimestamp:
        return;
    }
  }

  std::optional<Refusal> Finish() const {
    if (!type_error_.empty()) return Refusal{"SerializationException", type_error_};
    if (violations_.empty()) return std::nullopt;
    std::string message = std::to_string(violations_.size()) + " validation error" +
                          (violations_.size() == 1 ? "" : "s") + " detected: ";
    for (size_t i = 0; i < violations_.size(); ++i) {
      message.append(i == 0 ? "" : "; ").append(violations_[i]);
    }
    return Refusal{"ValidationException", std::move(message)};
  }

 private:
  // AWS writes paths with a small first letter: 'sseConfiguration.kmsEncryptionConfig.cmkType'.
  std::string Join(const std::string& path, std::string_view name) const {
    std::string joined = path.empty() ? "" : path + ".";
    const size_t first = joined.size();
    joined += name;
    if (model_.lower_first && joined[first] >= 'A' && joined[first] <= 'Z')
      joined[first] += 'a' - 'A';
    return joined;
  }

  void Violate(std::string_view value, const std::string& path, const std::string& constraint) {
    if (violations_.size() >= kViolationsMax) return;
    const std::string said = entry_part_.empty()
                                 ? constraint
                                 : entry_part_ + " must satisfy constraint: [" + constraint + "]";
    violations_.push_back(std::string(value) + " at '" + path +
                          "' failed to satisfy constraint: " + said);
  }

  void VisitMembers(const Shape& shape, const Value& value, const std::string& path) {
    size_t set = 0;
    for (const Member& member : shape.members) {
      const Value* found = value.Find(member.name);
      const std::string below = Join(path, member.name);
      if (found == nullptr || found->IsNull()) {
        if (member.required) Violate("Value null", below, "Member must not be null");
        continue;
      }
      ++set;
      Visit(member.shape, *found, below);
    }
    for (const std::string_view later : shape.later) {
      const Value* found = value.Find(later);
      if (found == nullptr || found->IsNull()) continue;
      Violate("Value", Join(path, later), std::string(model_.later_constraint));
    }
    if (shape.type == ShapeType::kUnion && set != 1) {
      Violate("Value", path, "Member must have exactly one member set");
    }
    if (unknown_ == UnknownMembers::kRefuse) RefuseUnknown(shape, value, path);
  }

  void RefuseUnknown(const Shape& shape, const Value& value, const std::string& path) {
    for (const auto& [name, ignored] : value.members()) {
      const bool known =
          std::any_of(shape.members.begin(), shape.members.end(),
                      [&name = name](const Member& member) { return member.name == name; });
      if (!known) Violate("Value", Join(path, name), "Member must be known to the model");
    }
  }

  void VisitItems(const Shape& shape, const Value& value, const std::string& path) {
    CheckBounds(shape, static_cast<int64_t>(value.items().size()), "length", path);
    size_t number = 0;
    for (const Value& item : value.items()) {
      const std::string below = path + "." + std::to_string(++number) + ".member";
      if (item.IsNull()) {
        Violate("Value null", below, "Member must not be null");
      } else {
        Visit(shape.item_shape, item, below);
      }
    }
  }

  // Entries are not named in messages: keys may be about patients.
  void VisitEntries(const Shape& shape, const Value& value, const std::string& path) {
    CheckBounds(shape, static_cast<int64_t>(value.members().size()), "length", path);
    for (const auto& [key, entry] : value.members()) {
      entry_part_ = "Map keys";
      Visit(shape.key_shape, Value::String(key), path);
      entry_part_ = "Map value";
      if (entry.IsNull()) {
        Violate("Value null", path, "Member must not be null");
      } else {
        Visit(shape.item_shape, entry, path);
      }
      entry_part_.clear();
    }
  }

  void CheckText(const Shape& shape, const re2::RE2* pattern, std::string_view text,
                 const std::string& path) {
    const size_t before = violations_.size();
    CheckBounds(shape, CountCharacters(text), "length", path);
    if (violations_.size() != before) return;  // A pattern costs time by length.
    const bool refused = !shape.refused_prefix.empty() && text.starts_with(shape.refused_prefix);
    if (refused ||
        (pattern != nullptr && !re2::RE2::FullMatch({text.data(), text.size()}, *pattern))) {
      Violate("Value", path,
              std::string("Member must satisfy regular expression pattern: ") + shape.pattern_text);
    }
    if (shape.values.empty()) return;
    if (std::find(shape.values.begin(), shape.values.end(), text) != shape.values.end()) return;
    std::string values;
    for (const std::string_view value : shape.values) {
      values.append(values.empty() ? "" : ", ").append(value);
    }
    Violate("Value", path, "Member must satisfy enum value set: [" + values + "]");
  }

  void CheckBounds(const Shape& shape, int64_t measure, const std::string& what,
                   const std::string& path) {
    if (shape.max != kNoBound && measure > shape.max) {
      Violate("Value", path,
              "Member must have " + what + " less than or equal to " + std::to_string(shape.max));
    }
    if (shape.min != kNoBound && measure < shape.min) {
      Violate(
          "Value", path,
          "Member must have " + what + " greater than or equal to " + std::to_string(shape.min));
    }
  }

  const Model& model_;
  const std::vector<std::unique_ptr<re2::RE2>>& patterns_;
  const UnknownMembers unknown_;
  std::string entry_part_;  // Which part of a map is visited; maps do not nest in any model.
  std::string type_error_;
  std::vector<std::string> violations_;
};

}  // namespace

Validator::Validator(const Model& model) : model_(model) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  for (const Shape& shape : model.shapes) {
    patterns_.push_back(
        shape.pattern == nullptr ? nullptr : std::make_unique<re2::RE2>(shape.pattern, options));
    CHECK(patterns_.back() == nullptr || patterns_.back()->ok());
  }
}

Validator::~Validator() = default;

uint16_t Validator::StringShape(std::string_view name) const {
  const Shape& shape = ShapeNamed(model_, name);
  CHECK(shape.type == ShapeType::kString);
  return static_cast<uint16_t>(&shape - model_.shapes.data());
}

std::string Validator::Fit(std::string_view shape_name, std::string_view text) const {
  const uint16_t index = StringShape(shape_name);
  const re2::RE2* pattern = patterns_[index].get();
  const int64_t characters_max = model_.shapes[index].max;
  std::string out;
  bool refused = false;  // The character before.
  for (int64_t characters = 0;
       !text.empty() && (characters_max == kNoBound || characters < characters_max); ++characters) {
    const size_t bytes = std::max<size_t>(Utf8SequenceBytes(text), 1);
    const std::string_view one = text.substr(0, bytes);
    const bool fits =
        Utf8SequenceBytes(one) != 0 &&
        (pattern == nullptr || re2::RE2::FullMatch({one.data(), one.size()}, *pattern));
    if (fits) {
      out.append(one);
    } else if (!refused) {
      out.push_back(' ');
    }
    refused = !fits;
    text.remove_prefix(bytes);
  }
  const size_t last = out.find_last_not_of(' ');
  out.resize(last == std::string::npos ? 0 : last + 1);
  return out;
}

std::optional<Refusal> Validator::Check(uint16_t shape, const Value& value,
                                        UnknownMembers unknown) const {
  Walk walk(model_, patterns_, unknown);
  walk.Visit(shape, value, "");
  return walk.Finish();
}

bool Validator::Accepts(std::string_view shape_name, std::string_view text) const {
  return !Check(StringShape(shape_name), Value::String(std::string(text)));
}

const Operation* FindOperation(const Model& model, std::string_view name) {
  for (const Operation& operation : model.operations) {
    if (operation.name == name) return &operation;
  }
  return nullptr;
}

const Shape& ShapeNamed(const Model& model, std::string_view name) {
  const auto found = std::find_if(model.shapes.begin(), model.shapes.end(),
                                  [name](const Shape& shape) { return shape.name == name; });
  CHECK(found != model.shapes.end());
  return *found;
}

Result<int64_t> TimestampMs(const Value& value) {
  if (value.IsString()) return ParseRfc3339(value.AsString());
  if (!value.IsNumber()) return Invalid("a timestamp is a number of seconds");
  const double seconds = value.AsDouble();
  if (!(std::abs(seconds) <= kEpochSecondsMax)) return Invalid("a timestamp beyond the year 9999");
  return static_cast<int64_t>(std::llround(seconds * 1000));
}

}  // namespace tarn::service_model
