// The evaluator: nodes are pointers into the document; where one came from is kept as an index
// into an arena of (parent, step) pairs, so that paths cost nothing unless they are asked for.
#include "arazzo/jsonpath.h"

#include <algorithm>
#include <utility>

#include "arazzo/internal/jsonpath_ast.h"
#include "arazzo/internal/text.h"
#include "arazzo/limits.h"

namespace tarn::arazzo {
namespace jsonpath {
namespace {

using json::Value;

constexpr uint32_t kNowhere = UINT32_MAX;

struct Place {
  uint32_t parent = kNowhere;
  const std::string* name = nullptr;  // nullptr: an array item.
  uint64_t index = 0;
};

struct Node {
  const Value* value = nullptr;
  uint32_t place = kNowhere;
};
using Nodes = std::vector<Node>;

// A ValueType: nothing (value == nullptr), a value of the document or a computed one.
struct Operand {
  const Value* value = nullptr;
  Value computed;
  bool is_computed = false;

  static Operand Of(Value value) {
    Operand out;
    out.computed = std::move(value);
    out.is_computed = true;
    return out;
  }
  const Value* Get() const { return is_computed ? &computed : value; }
};

bool LessThan(const Value& a, const Value& b) {
  if (a.IsNumber() && b.IsNumber()) {
    const auto x = a.AsInt();
    const auto y = b.AsInt();
    if (x.has_value() && y.has_value()) return *x < *y;
    return a.AsDouble() < b.AsDouble();
  }
  // The order of UTF-8 bytes is the order of code points.
  return a.IsString() && b.IsString() && a.AsString() < b.AsString();
}

bool Compare(Comparison comparison, const Value* a, const Value* b) {
  const bool both = a != nullptr && b != nullptr;
  const auto equal = [&] { return both ? *a == *b : a == b; };
  switch (comparison) {
    case Comparison::kEq:
      return equal();
    case Comparison::kNe:
      return !equal();
    case Comparison::kLt:
      return both && LessThan(*a, *b);
    case Comparison::kGt:
      return both && LessThan(*b, *a);
    case Comparison::kLe:
      return equal() || (both && LessThan(*a, *b));
    case Comparison::kGe:
      return equal() || (both && LessThan(*b, *a));
  }
  return false;
}

class Evaluator {
 public:
  explicit Evaluator(const Value& root) : root_(root) {}

  bool exhausted() const { return visits_ > kJsonPathVisitsMax; }

  Nodes Select(const Query& query, const Value& current) {
    Nodes nodes = {{query.relative ? &current : &root_, kNowhere}};
    for (const Segment& segment : query.segments) {
      Nodes next;
      for (const Node& node : nodes) {
        if (segment.descendant) {
          Descend(segment, node, &next);
        } else {
          Apply(segment, node, &next);
        }
      }
      nodes = std::move(next);
    }
    return nodes;
  }

  bool Holds(const Expression& expression, const Value& current) {
    if (Spend()) return false;
    switch (expression.kind) {
      case Expression::Kind::kOr:
        return std::ranges::any_of(expression.operands,
                                   [&](const Expression& e) { return Holds(e, current); });
      case Expression::Kind::kAnd:
        return std::ranges::all_of(expression.operands,
                                   [&](const Expression& e) { return Holds(e, current); });
      case Expression::Kind::kNot:
        return !Holds(expression.operands[0], current);
      case Expression::Kind::kCompare: {
        const Operand left = ValueOf(expression.operands[0], current);
        const Operand right = ValueOf(expression.operands[1], current);
        return Compare(expression.comparison, left.Get(), right.Get());
      }
      case Expression::Kind::kQuery:
        return !Select(expression.query, current).empty();
      case Expression::Kind::kFunction:
        return HoldsFunction(expression, current);
      case Expression::Kind::kLiteral:
        break;
    }
    return false;
  }

  Operand ValueOf(const Expression& expression, const Value& current) {
    Operand out;
    if (expression.kind == Expression::Kind::kLiteral) {
      out.value = &expression.literal;
    } else if (expression.kind == Expression::Kind::kQuery) {
      return SingularValue(expression, current);
    } else if (expression.kind == Expression::Kind::kFunction) {
      return CallFunction(expression, current);
    }
    return out;
  }

  Path PathOf(uint32_t place) const {
    Path path;
    for (; place != kNowhere; place = places_[place].parent) {
      const Place& step = places_[place];
      if (step.name != nullptr) {
        path.emplace_back(*step.name);
      } else {
        path.emplace_back(step.index);
      }
    }
    std::ranges::reverse(path);
    return path;
  }

 private:
  bool Spend() { return ++visits_ > kJsonPathVisitsMax; }

  void Add(Nodes* out, const Value& value, Place place) {
    if (Spend()) return;
    places_.push_back(place);
    out->push_back({&value, static_cast<uint32_t>(places_.size() - 1)});
  }

  // Pre-order: a node before its children, items in order (RFC 9535 2.5.2.2).
  // The recursion is as deep as the document, which json::Limits bounds.
  void Descend(const Segment& segment, const Node& node, Nodes* out) {
    if (Spend()) return;
    Apply(segment, node, out);
    Nodes children;
    AddChildren(node, &children);
    for (const Node& child : children) Descend(segment, child, out);
  }

  void Apply(const Segment& segment, const Node& node, Nodes* out) {
    for (const Selector& selector : segment.selectors) ApplySelector(selector, node, out);
  }

  void AddChildren(const Node& node, Nodes* out) {
    if (node.value->IsArray()) {
      uint64_t index = 0;
      for (const Value& item : node.value->items()) {
        Add(out, item, {node.place, nullptr, index++});
      }
    } else if (node.value->IsObject()) {
      for (const Value::Member& member : node.value->members()) {
        Add(out, member.second, {node.place, &member.first, 0});
      }
    }
  }

  void ApplySelector(const Selector& selector, const Node& node, Nodes* out) {
    if (Spend()) return;
    switch (selector.kind) {
      case Selector::Kind::kName:
        if (const Value* child = node.value->Find(selector.name)) {
          Add(out, *child, {node.place, &selector.name, 0});
        }
        return;
      case Selector::Kind::kWildcard:
        AddChildren(node, out);
        return;
      case Selector::Kind::kIndex:
        AddIndex(selector.index, node, out);
        return;
      case Selector::Kind::kSlice:
        AddSlice(selector, node, out);
        return;
      case Selector::Kind::kFilter: {
        Nodes children;
        AddChildren(node, &children);
        for (const Node& child : children) {
          if (Holds(*selector.filter, *child.value)) out->push_back(child);
        }
        return;
      }
    }
  }

  void AddIndex(int64_t index, const Node& node, Nodes* out) {
    if (!node.value->IsArray()) return;
    const auto& items = node.value->items();
    const auto length = static_cast<int64_t>(items.size());
    const int64_t at = index < 0 ? index + length : index;
    if (at < 0 || at >= length) return;
    Add(out, items[static_cast<size_t>(at)], {node.place, nullptr, static_cast<uint64_t>(at)});
  }

  // RFC 9535 2.3.4.2.2, with its names. Every number is below 2^53, so nothing overflows.
  void AddSlice(const Selector& selector, const Node& node, Nodes* out) {
    const int64_t step = selector.slice_step;
    if (!node.value->IsArray() || step == 0) return;
    const auto& items = node.value->items();
    const auto length = static_cast<int64_t>(items.size());
    const auto normalize = [&](int64_t i) { return i >= 0 ? i : length + i; };
    const int64_t start = normalize(selector.slice_start.value_or(step > 0 ? 0 : length - 1));
    // The default end of a downward slice is before the first item whatever the length.
    const int64_t end = selector.slice_end.has_value() ? normalize(*selector.slice_end)
                        : step > 0                     ? length
                                                       : -1;
    if (step > 0) {
      const int64_t upper = std::clamp<int64_t>(end, 0, length);
      for (int64_t i = std::clamp<int64_t>(start, 0, length); i < upper; i += step) {
        Add(out, items[static_cast<size_t>(i)], {node.place, nullptr, static_cast<uint64_t>(i)});
      }
      return;
    }
    const int64_t lower = std::clamp<int64_t>(end, -1, length - 1);
    for (int64_t i = std::clamp<int64_t>(start, -1, length - 1); i > lower; i += step) {
      Add(out, items[static_cast<size_t>(i)], {node.place, nullptr, static_cast<uint64_t>(i)});
    }
  }

  Operand SingularValue(const Expression& expression, const Value& current) {
    Operand out;
    const Nodes nodes = Select(expression.query, current);
    if (!nodes.empty()) {
      out.value = nodes[0].value;
      return out;
    }
    if (!expression.length_fallback || expression.query.segments.empty()) return out;
    const Selector& last = expression.query.segments.back().selectors[0];
    if (last.kind != Selector::Kind::kName || last.name != "length") return out;
    Query parent = expression.query;
    parent.segments.pop_back();
    const Nodes parents = Select(parent, current);
    return parents.empty() || parents[0].value->IsObject() ? out : Length(*parents[0].value);
  }

  static Operand Length(const Value& value) {
    uint64_t length = 0;
    if (value.IsString()) {
      length = CodePointCount(value.AsString());
    } else if (value.IsArray()) {
      length = value.items().size();
    } else if (value.IsObject()) {
      length = value.members().size();
    } else {
      return {};
    }
    return Operand::Of(Value::Int(static_cast<int64_t>(length)));
  }

  Operand CallFunction(const Expression& call, const Value& current) {
    const Expression& argument = call.operands[0];
    if (call.function == Function::kLength) {
      const Operand value = ValueOf(argument, current);
      return value.Get() == nullptr ? Operand{} : Length(*value.Get());
    }
    const Nodes nodes = Select(argument.query, current);
    if (call.function == Function::kCount) {
      return Operand::Of(Value::Int(static_cast<int64_t>(nodes.size())));
    }
    Operand out;  // value()
    if (nodes.size() == 1) out.value = nodes[0].value;
    return out;
  }

  // match() and search(): false for anything but two strings, the second an I-Regexp.
  bool HoldsFunction(const Expression& call, const Value& current) {
    const Operand subject = ValueOf(call.operands[0], current);
    if (subject.Get() == nullptr || !subject.Get()->IsString()) return false;
    const std::string& text = subject.Get()->AsString();
    const bool whole = call.function == Function::kMatch;
    if (call.has_literal_pattern) {
      if (!call.pattern.has_value()) return false;
      return whole ? call.pattern->Matches(text) : call.pattern->IsFoundIn(text);
    }
    const Operand pattern = ValueOf(call.operands[1], current);
    if (pattern.Get() == nullptr || !pattern.Get()->IsString()) return false;
    // A pattern from the document is compiled for each node; the visits it costs stand for that.
    visits_ += kPatternVisits;
    const auto regex = Regex::FromIRegexp(pattern.Get()->AsString());
    if (!regex.ok()) return false;
    return whole ? regex.value().Matches(text) : regex.value().IsFoundIn(text);
  }

  static constexpr uint64_t kPatternVisits = 500;

  const Value& root_;
  std::vector<Place> places_;
  uint64_t visits_ = 0;
};

Error Exhausted() {
  return {ErrorKind::kTooLarge, "the JSONPath query looks at more than " +
                                    std::to_string(kJsonPathVisitsMax) + " values"};
}

}  // namespace
}  // namespace jsonpath

std::string NormalizedPath(const Path& path) {
  std::string out = "$";
  for (const PathStep& step : path) {
    if (const auto* index = std::get_if<uint64_t>(&step)) {
      out += "[" + std::to_string(*index) + "]";
      continue;
    }
    out += "['";
    static constexpr std::string_view kControls = "\b\t\n\f\r";
    static constexpr std::string_view kLetters = "btnfr";
    for (const char c : std::get<std::string>(step)) {
      const size_t control = kControls.find(c);
      if (c == '\'' || c == '\\') {
        out += {'\\', c};
      } else if (control != kControls.npos) {
        out += {'\\', kLetters[control]};
      } else if (static_cast<uint8_t>(c) < 0x20) {
        static constexpr char kHex[] = "0123456789abcdef";
        out += "\\u00";
        out += {kHex[c >> 4], kHex[c & 15]};
      } else {
        out.push_back(c);
      }
    }
    out += "']";
  }
  return out;
}

std::string ToJsonPointer(const Path& path) {
  std::string out;
  for (const PathStep& step : path) {
    out.push_back('/');
    if (const auto* index = std::get_if<uint64_t>(&step)) {
      out += std::to_string(*index);
      continue;
    }
    for (const char c : std::get<std::string>(step)) {
      if (c == '~') {
        out += "~0";
      } else if (c == '/') {
        out += "~1";
      } else {
        out.push_back(c);
      }
    }
  }
  return out;
}

Result<JsonPathQuery> JsonPathQuery::Parse(std::string_view text) {
  TRY(jsonpath::Query query, jsonpath::ParseQueryText(text));
  return JsonPathQuery(std::make_shared<const jsonpath::Query>(std::move(query)));
}

bool JsonPathQuery::IsSingular() const { return query_->IsSingular(); }

Result<std::vector<const json::Value*>> JsonPathQuery::Select(const json::Value& root) const {
  jsonpath::Evaluator evaluator(root);
  const jsonpath::Nodes nodes = evaluator.Select(*query_, root);
  if (evaluator.exhausted()) return jsonpath::Exhausted();
  std::vector<const json::Value*> out;
  out.reserve(nodes.size());
  for (const jsonpath::Node& node : nodes) out.push_back(node.value);
  return out;
}

Result<std::vector<Path>> JsonPathQuery::Locate(const json::Value& root) const {
  jsonpath::Evaluator evaluator(root);
  const jsonpath::Nodes nodes = evaluator.Select(*query_, root);
  if (evaluator.exhausted()) return jsonpath::Exhausted();
  std::vector<Path> out;
  out.reserve(nodes.size());
  for (const jsonpath::Node& node : nodes) out.push_back(evaluator.PathOf(node.place));
  return out;
}

Result<JsonPathCondition> JsonPathCondition::Parse(std::string_view text) {
  TRY(jsonpath::Expression expression, jsonpath::ParseConditionText(text));
  return JsonPathCondition(std::make_shared<const jsonpath::Expression>(std::move(expression)),
                           std::string(text));
}

Result<bool> JsonPathCondition::Holds(const json::Value& root) const {
  jsonpath::Evaluator evaluator(root);
  const bool holds = evaluator.Holds(*expression_, root);
  if (evaluator.exhausted()) return jsonpath::Exhausted();
  return holds;
}

const json::Value* JsonPathCondition::Observed(const json::Value& root) const {
  const jsonpath::Expression* expression = expression_.get();
  while (!expression->operands.empty()) expression = &expression->operands[0];
  if (expression->kind != jsonpath::Expression::Kind::kQuery) return nullptr;
  if (!expression->query.IsSingular()) return nullptr;
  jsonpath::Evaluator evaluator(root);
  const jsonpath::Nodes nodes = evaluator.Select(expression->query, root);
  return nodes.empty() ? nullptr : nodes[0].value;
}

}  // namespace tarn::arazzo
