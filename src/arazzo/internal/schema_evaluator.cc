// Applies a compiled schema to an instance. Where one violation decides (inside anyOf, not, if),
// violations are muted and evaluation stops at the first; elsewhere all are collected.
//
// For unevaluatedItems and unevaluatedProperties, each schema returns which children of its
// instance some keyword has looked at: one bit a child, merged upward through in-place
// applicators that succeeded (core 11.2, 11.3).
#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "arazzo/internal/decimal.h"
#include "arazzo/internal/schema_compiled.h"
#include "arazzo/internal/text.h"
#include "arazzo/limits.h"

namespace tarn::arazzo::schema {
namespace {

using json::Value;

// Which children (items, or members by position) have been evaluated.
class Evaluated {
 public:
  void Mark(size_t child, size_t count) {
    if (children_.size() < count) children_.resize(count);
    children_[child] = true;
  }
  void MarkAll(size_t count) { children_.assign(count, true); }
  bool Has(size_t child) const { return child < children_.size() && children_[child]; }
  void Merge(const Evaluated& other) {
    if (children_.size() < other.children_.size()) children_.resize(other.children_.size());
    for (size_t i = 0; i < other.children_.size(); ++i) {
      if (other.children_[i]) children_[i] = true;
    }
  }

 private:
  std::vector<bool> children_;
};

uint64_t HashOf(const Value& value) {
  const auto mix = [](uint64_t a, uint64_t b) {
    return (a ^ b) * 0x9E3779B97F4A7C15u + (std::rotl(a, 23));
  };
  switch (value.kind()) {
    case json::Kind::kNumber:
      return std::hash<double>{}(value.AsDouble() + 0.0);  // -0.0 becomes 0.0.
    case json::Kind::kString:
      return mix(1, std::hash<std::string>{}(value.AsString()));
    case json::Kind::kArray: {
      uint64_t hash = 2;
      for (const Value& item : value.items()) hash = mix(hash, HashOf(item));
      return hash;
    }
    case json::Kind::kObject: {
      uint64_t hash = 3;  // Order must not matter.
      for (const Value::Member& member : value.members()) {
        hash += mix(std::hash<std::string>{}(member.first), HashOf(member.second));
      }
      return hash;
    }
    default:
      return static_cast<uint64_t>(value.kind()) + 4;
  }
}

bool AllUnique(const Value::Array& items) {
  std::vector<std::pair<uint64_t, const Value*>> hashes;
  hashes.reserve(items.size());
  for (const Value& item : items) hashes.emplace_back(HashOf(item), &item);
  std::ranges::sort(hashes);
  for (size_t i = 0; i < hashes.size(); ++i) {
    for (size_t j = i + 1; j < hashes.size() && hashes[j].first == hashes[i].first; ++j) {
      if (*hashes[i].second == *hashes[j].second) return false;
    }
  }
  return true;
}

bool IsOfType(const Value& value, std::string_view type) {
  switch (value.kind()) {
    case json::Kind::kNull:
      return type == "null";
    case json::Kind::kFalse:
    case json::Kind::kTrue:
      return type == "boolean";
    case json::Kind::kString:
      return type == "string";
    case json::Kind::kArray:
      return type == "array";
    case json::Kind::kObject:
      return type == "object";
    case json::Kind::kNumber:
      return type == "number" ||
             (type == "integer" && ParseDecimal(value.NumberToken()).IsInteger());
  }
  return false;
}

size_t ChildCount(const Value& value) {
  return value.IsArray() ? value.items().size() : value.IsObject() ? value.members().size() : 0;
}

std::string EscapePointer(std::string_view name) {
  std::string out;
  for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

class Evaluator {
 public:
  explicit Evaluator(const Compiled& compiled) : compiled_(compiled) {}

  Result<SchemaReport> Run(const Value& instance) {
    Evaluated evaluated;
    Apply(*compiled_.root, instance, &evaluated);
    if (failure_ != nullptr) {
      return Error{ErrorKind::kTooLarge, std::string("validation ") + failure_};
    }
    return std::move(report_);
  }

 private:
  // Runs `body` with `step` appended to the instance's path.
  template <typename Body>
  bool Inside(const std::string& step, const Body& body) {
    const size_t length = path_.size();
    path_ += "/" + EscapePointer(step);
    const bool ok = body();
    path_.resize(length);
    return ok;
  }

  bool Fail(std::string_view keyword, std::string message) {
    if (muted_ > 0) return false;
    if (++report_.violations_total <= kViolationsMax) {
      report_.violations.push_back({path_, std::string(keyword), std::move(message)});
    }
    return false;
  }

  bool Muted(const Value& schema, const Value& instance, Evaluated* evaluated) {
    ++muted_;
    const bool ok = Apply(schema, instance, evaluated);
    --muted_;
    return ok;
  }

  // Of a child: what is evaluated inside it is its own business.
  bool ApplyChild(const Value& schema, const Value& child) {
    Evaluated inner;
    return Apply(schema, child, &inner);
  }

  bool Apply(const Value& schema, const Value& instance, Evaluated* evaluated) {
    if (failure_ != nullptr) return false;
    if (schema.IsBool()) return schema.AsBool() || Fail("false", "nothing is allowed here");
    if (!schema.IsObject()) return true;
    if (++visits_ > kSchemaVisitsMax) failure_ = "takes too many steps";
    if (depth_ >= kSchemaDepthMax) failure_ = "nests too deep (a reference to itself?)";
    if (failure_ != nullptr) return false;
    const auto known = compiled_.subschemas.find(&schema);
    if (known == compiled_.subschemas.end()) return true;
    const Subschema& info = known->second;
    const bool enters = scope_.empty() || scope_.back() != info.resource;
    if (enters) scope_.push_back(info.resource);
    ++depth_;
    const bool ok = ApplyKeywords(schema, info, instance, evaluated);
    --depth_;
    if (enters) scope_.pop_back();
    return ok;
  }

  bool ApplyKeywords(const Value& schema, const Subschema& info, const Value& instance,
                     Evaluated* evaluated) {
    using Step = bool (Evaluator::*)(const Value&, const Value&, Evaluated*);
    // unevaluated* must come last: it depends on all the others.
    static constexpr Step kSteps[] = {
        &Evaluator::CheckAny,      &Evaluator::CheckNumber,      &Evaluator::CheckString,
        &Evaluator::CheckArray,    &Evaluator::CheckObject,      &Evaluator::ApplyItems,
        &Evaluator::ApplyContains, &Evaluator::ApplyProperties,  &Evaluator::ApplyDependent,
        &Evaluator::ApplyAll,      &Evaluator::ApplyChoices,     &Evaluator::ApplyNot,
        &Evaluator::ApplyIf,       &Evaluator::ApplyUnevaluated,
    };
    bool ok = ApplyReferences(info, instance, evaluated);
    for (const Step step : kSteps) {
      if (!ok && muted_ > 0) return false;
      if (!(this->*step)(schema, instance, evaluated)) ok = false;
    }
    return ok;
  }

  bool ApplyReferences(const Subschema& info, const Value& instance, Evaluated* evaluated) {
    bool ok = true;
    if (info.ref != nullptr) ok = ApplyInPlace(*info.ref, instance, evaluated);
    if (info.dynamic_ref != nullptr) {
      const Value* target = info.dynamic_ref;
      if (!info.dynamic_name.empty()) {
        for (const uint32_t resource : scope_) {  // The outermost wins.
          const auto& anchors = compiled_.resources[resource].dynamic_anchors;
          const auto found = anchors.find(info.dynamic_name);
          if (found == anchors.end()) continue;
          target = found->second;
          break;
        }
      }
      if (!ApplyInPlace(*target, instance, evaluated)) ok = false;
    }
    return ok;
  }

  bool ApplyInPlace(const Value& schema, const Value& instance, Evaluated* evaluated) {
    Evaluated inner;
    const bool ok = Apply(schema, instance, &inner);
    if (ok) evaluated->Merge(inner);
    return ok;
  }

  bool CheckAny(const Value& schema, const Value& instance, Evaluated*) {
    bool ok = true;
    if (const Value* type = schema.Find("type")) {
      bool matches = false;
      std::string wanted;
      const Value::Array single = {*type};
      for (const Value& one : type->IsArray() ? type->items() : single) {
        if (!one.IsString()) continue;
        matches = matches || IsOfType(instance, one.AsString());
        wanted += (wanted.empty() ? "" : " or ") + one.AsString();
      }
      if (!matches) ok = Fail("type", "must be of type " + wanted);
    }
    if (const Value* choices = schema.Find("enum"); choices != nullptr && choices->IsArray()) {
      if (std::ranges::find(choices->items(), instance) == choices->items().end()) {
        ok = Fail("enum", "must be one of " + Excerpt(*choices));
      }
    }
    if (const Value* only = schema.Find("const"); only != nullptr && !(*only == instance)) {
      ok = Fail("const", "must be " + Excerpt(*only));
    }
    return ok;
  }

  static std::string Excerpt(const Value& value) {
    constexpr size_t kExcerptBytes = 200;
    std::string text = json::ToText(value);
    if (text.size() <= kExcerptBytes) return text;
    size_t end = kExcerptBytes;
    while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end) + "...";
  }

  bool CheckNumber(const Value& schema, const Value& instance, Evaluated*) {
    if (!instance.IsNumber()) return true;
    const Decimal value = ParseDecimal(instance.NumberToken());
    struct Bound {
      std::string_view keyword, text;
      bool (*holds)(int order);
    };
    static constexpr Bound kBounds[] = {
        {"minimum", "at least", [](int order) { return order >= 0; }},
        {"exclusiveMinimum", "more than", [](int order) { return order > 0; }},
        {"maximum", "at most", [](int order) { return order <= 0; }},
        {"exclusiveMaximum", "less than", [](int order) { return order < 0; }},
    };
    bool ok = true;
    for (const Bound& bound : kBounds) {
      const Value* limit = schema.Find(bound.keyword);
      if (limit == nullptr || !limit->IsNumber()) continue;
      if (!bound.holds(CompareDecimals(value, ParseDecimal(limit->NumberToken())))) {
        ok = Fail(bound.keyword, "must be " + std::string(bound.text) + " " + limit->NumberToken());
      }
    }
    if (const Value* step = schema.Find("multipleOf"); step != nullptr && step->IsNumber()) {
      const Decimal divisor = ParseDecimal(step->NumberToken());
      const bool usable = !divisor.IsZero() && !divisor.negative;
      if (usable && !IsMultipleOf(value, divisor)) {
        ok = Fail("multipleOf", "must be a multiple of " + step->NumberToken());
      }
    }
    return ok;
  }

  // The keywords that count something: `least` and `most` are their names.
  bool CheckCount(const Value& schema, uint64_t count, std::string_view least,
                  std::string_view most, std::string_view unit) {
    const Decimal have = ParseDecimal(std::to_string(count));
    bool ok = true;
    const Value* low = schema.Find(least);
    if (low != nullptr && low->IsNumber() &&
        CompareDecimals(have, ParseDecimal(low->NumberToken())) < 0) {
      ok = Fail(least, "must have at least " + low->NumberToken() + " " + std::string(unit));
    }
    const Value* high = schema.Find(most);
    if (high != nullptr && high->IsNumber() &&
        CompareDecimals(have, ParseDecimal(high->NumberToken())) > 0) {
      ok = Fail(most, "must have at most " + high->NumberToken() + " " + std::string(unit));
    }
    return ok;
  }

  bool CheckString(const Value& schema, const Value& instance, Evaluated*) {
    if (!instance.IsString()) return true;
    bool ok = CheckCount(schema, CodePointCount(instance.AsString()), "minLength", "maxLength",
                         "characters");
    if (const Value* pattern = schema.Find("pattern"); pattern != nullptr && pattern->IsString()) {
      if (!Pattern(pattern->AsString()).IsFoundIn(instance.AsString())) {
        ok = Fail("pattern", "must match the pattern " + pattern->AsString());
      }
    }
    return ok;
  }

  const Regex& Pattern(const std::string& text) const {
    const auto found = compiled_.patterns.find(text);
    CHECK(found != compiled_.patterns.end());
    return found->second;
  }

  bool CheckArray(const Value& schema, const Value& instance, Evaluated*) {
    if (!instance.IsArray()) return true;
    bool ok = CheckCount(schema, instance.items().size(), "minItems", "maxItems", "items");
    const Value* unique = schema.Find("uniqueItems");
    if (unique != nullptr && unique->kind() == json::Kind::kTrue && !AllUnique(instance.items())) {
      ok = Fail("uniqueItems", "must not repeat an item");
    }
    return ok;
  }

  bool CheckObject(const Value& schema, const Value& instance, Evaluated*) {
    if (!instance.IsObject()) return true;
    bool ok =
        CheckCount(schema, instance.members().size(), "minProperties", "maxProperties", "members");
    if (const Value* names = schema.Find("required"); names != nullptr && names->IsArray()) {
      if (!CheckRequired(*names, instance, "required")) ok = false;
    }
    const Value* dependent = schema.Find("dependentRequired");
    if (dependent == nullptr || !dependent->IsObject()) return ok;
    for (const Value::Member& member : dependent->members()) {
      if (!member.second.IsArray() || instance.Find(member.first) == nullptr) continue;
      if (!CheckRequired(member.second, instance, "dependentRequired")) ok = false;
    }
    return ok;
  }

  bool CheckRequired(const Value& names, const Value& instance, std::string_view keyword) {
    bool ok = true;
    for (const Value& name : names.items()) {
      if (!name.IsString() || instance.Find(name.AsString()) != nullptr) continue;
      ok = Fail(keyword, "the member \"" + name.AsString() + "\" is missing");
    }
    return ok;
  }

  bool ApplyItems(const Value& schema, const Value& instance, Evaluated* evaluated) {
    if (!instance.IsArray()) return true;
    const auto& items = instance.items();
    const Value* prefix = schema.Find("prefixItems");
    const size_t prefix_count =
        prefix != nullptr && prefix->IsArray() ? std::min(prefix->items().size(), items.size()) : 0;
    const Value* rest = schema.Find("items");
    bool ok = true;
    const size_t end = rest == nullptr ? prefix_count : items.size();
    for (size_t i = 0; i < end && failure_ == nullptr; ++i) {
      const Value& child_schema = i < prefix_count ? prefix->items()[i] : *rest;
      evaluated->Mark(i, items.size());
      if (!Inside(std::to_string(i), [&] { return ApplyChild(child_schema, items[i]); })) {
        ok = false;
        if (muted_ > 0) return false;
      }
    }
    return ok;
  }

  bool ApplyContains(const Value& schema, const Value& instance, Evaluated* evaluated) {
    const Value* contains = schema.Find("contains");
    if (contains == nullptr || !instance.IsArray()) return true;
    const auto& items = instance.items();
    uint64_t count = 0;
    for (size_t i = 0; i < items.size() && failure_ == nullptr; ++i) {
      Evaluated inner;
      if (!Muted(*contains, items[i], &inner)) continue;
      ++count;
      evaluated->Mark(i, items.size());
    }
    const bool has_least = schema.Find("minContains") != nullptr;
    const bool ok = CheckCount(schema, count, "minContains", "maxContains", "items that match");
    if (!has_least && count == 0) return Fail("contains", "must have an item that matches");
    return ok;
  }

  bool ApplyProperties(const Value& schema, const Value& instance, Evaluated* evaluated) {
    if (!instance.IsObject()) return true;
    const Value* properties = schema.Find("properties");
    const Value* patterns = schema.Find("patternProperties");
    const Value* additional = schema.Find("additionalProperties");
    const Value* names = schema.Find("propertyNames");
    if (properties == nullptr && patterns == nullptr && additional == nullptr && names == nullptr) {
      return true;
    }
    bool ok = true;
    const auto& members = instance.members();
    for (size_t i = 0; i < members.size() && failure_ == nullptr; ++i) {
      const auto& [name, value] = members[i];
      const bool member_ok = Inside(name, [&, &name = name, &value = value] {
        bool good = names == nullptr || ApplyChild(*names, Value::String(name));
        bool described = false;
        const auto apply = [&](const Value& child_schema) {
          described = true;
          if (!ApplyChild(child_schema, value)) good = false;
        };
        const Value* own = properties == nullptr ? nullptr : properties->Find(name);
        if (own != nullptr) apply(*own);
        if (patterns != nullptr) {
          for (const Value::Member& pattern : patterns->members()) {
            if (Pattern(pattern.first).IsFoundIn(name)) apply(pattern.second);
          }
        }
        if (!described && additional != nullptr) ApplyAdditional(*additional, value, apply, &good);
        if (described) evaluated->Mark(i, members.size());
        return good;
      });
      if (!member_ok) ok = false;
      if (!ok && muted_ > 0) return false;
    }
    return ok;
  }

  // `additionalProperties: false` deserves a message of its own: it is how typing errors show.
  template <typename Apply>
  void ApplyAdditional(const Value& additional, const Value&, const Apply& apply, bool* good) {
    if (additional.kind() == json::Kind::kFalse) {
      *good = Fail("additionalProperties", "is not a known member");
      return;
    }
    apply(additional);
  }

  bool ApplyDependent(const Value& schema, const Value& instance, Evaluated* evaluated) {
    const Value* dependent = schema.Find("dependentSchemas");
    if (dependent == nullptr || !dependent->IsObject() || !instance.IsObject()) return true;
    bool ok = true;
    for (const Value::Member& member : dependent->members()) {
      if (instance.Find(member.first) == nullptr) continue;
      if (!ApplyInPlace(member.second, instance, evaluated)) ok = false;
    }
    return ok;
  }

  bool ApplyAll(const Value& schema, const Value& instance, Evaluated* evaluated) {
    const Value* all = schema.Find("allOf");
    if (all == nullptr) return true;
    bool ok = true;
    for (const Value& part : all->items()) {
      if (!ApplyInPlace(part, instance, evaluated)) ok = false;
    }
    return ok;
  }

  // anyOf and oneOf: every alternative is tried, since each may evaluate other children.
  bool ApplyChoices(const Value& schema, const Value& instance, Evaluated* evaluated) {
    bool ok = true;
    for (const std::string_view keyword : {"anyOf", "oneOf"}) {
      const Value* choices = schema.Find(keyword);
      if (choices == nullptr) continue;
      uint64_t matching = 0;
      for (const Value& choice : choices->items()) {
        Evaluated inner;
        if (!Muted(choice, instance, &inner)) continue;
        ++matching;
        evaluated->Merge(inner);
      }
      const std::string total = std::to_string(choices->items().size());
      if (matching == 0) ok = Fail(keyword, "matches none of the " + total + " alternatives");
      if (keyword == "oneOf" && matching > 1) {
        ok = Fail(keyword, "matches " + std::to_string(matching) + " of the " + total +
                               " alternatives; exactly one is allowed");
      }
    }
    return ok;
  }

  bool ApplyNot(const Value& schema, const Value& instance, Evaluated*) {
    const Value* negated = schema.Find("not");
    if (negated == nullptr) return true;
    Evaluated dropped;
    return !Muted(*negated, instance, &dropped) || Fail("not", "must not match the schema in not");
  }

  bool ApplyIf(const Value& schema, const Value& instance, Evaluated* evaluated) {
    const Value* condition = schema.Find("if");
    if (condition == nullptr) return true;
    Evaluated inner;
    const bool holds = Muted(*condition, instance, &inner);
    if (holds) evaluated->Merge(inner);
    const Value* branch = schema.Find(holds ? "then" : "else");
    return branch == nullptr || ApplyInPlace(*branch, instance, evaluated);
  }

  bool ApplyUnevaluated(const Value& schema, const Value& instance, Evaluated* evaluated) {
    const bool array = instance.IsArray();
    const std::string_view keyword = array ? "unevaluatedItems" : "unevaluatedProperties";
    if (!array && !instance.IsObject()) return true;
    const Value* rest = schema.Find(keyword);
    if (rest == nullptr) return true;
    bool ok = true;
    const size_t count = ChildCount(instance);
    for (size_t i = 0; i < count && failure_ == nullptr; ++i) {
      if (evaluated->Has(i)) continue;
      const Value& child = array ? instance.items()[i] : instance.members()[i].second;
      const std::string step = array ? std::to_string(i) : instance.members()[i].first;
      const bool good = Inside(step, [&] {
        if (rest->kind() == json::Kind::kFalse) return Fail(keyword, "is not known here");
        return ApplyChild(*rest, child);
      });
      if (!good) ok = false;
    }
    evaluated->MarkAll(count);
    return ok;
  }

  const Compiled& compiled_;
  SchemaReport report_;
  std::string path_;
  std::vector<uint32_t> scope_;  // The dynamic scope: resources entered, outermost first.
  uint32_t muted_ = 0;
  uint32_t depth_ = 0;
  uint64_t visits_ = 0;
  const char* failure_ = nullptr;
};

}  // namespace

Result<SchemaReport> Evaluate(const Compiled& compiled, const json::Value& instance) {
  return Evaluator(compiled).Run(instance);
}

}  // namespace tarn::arazzo::schema
