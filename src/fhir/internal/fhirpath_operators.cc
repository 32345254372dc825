// Values of nodes, equality, comparison, logic and arithmetic.
#include <algorithm>
#include <compare>

#include "fhir/internal/fhirpath_machine.h"

namespace tarn::fhir::internal {
namespace {

bool IsNumber(const PathItem& item) {
  return item.kind == PathKind::kInteger || item.kind == PathKind::kDecimal;
}

bool IsTime(const PathItem& item) {
  return item.kind == PathKind::kDate || item.kind == PathKind::kDateTime ||
         item.kind == PathKind::kTime;
}

// A time of day is never comparable with a date.
bool AreTimes(const PathItem& a, const PathItem& b) {
  return IsTime(a) && IsTime(b) && (a.kind == PathKind::kTime) == (b.kind == PathKind::kTime);
}

// The System kind that a text of that FHIR type has.
PathKind TextKind(TypeIndex type) {
  if (type == kTypes.date) return PathKind::kDate;
  if (type == kTypes.date_time || type == kTypes.instant) return PathKind::kDateTime;
  if (type == kTypes.time) return PathKind::kTime;
  return PathKind::kString;
}

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Texts are equivalent when they differ in case and white space only.
std::string ForEquivalence(std::string_view text) {
  std::string out;
  for (char c : text) {
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (space && (out.empty() || out.back() == ' ')) continue;
    out += space ? ' ' : LowerAscii(c);
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

bool EquivalentNumbers(const Decimal& a, const Decimal& b) {
  // Trailing zeros do not make a number more precise.
  const Decimal x = StripZeros(a);
  const Decimal y = StripZeros(b);
  const int digits = std::min(DigitsAfterPoint(x), DigitsAfterPoint(y));
  return std::is_eq(fhir::Compare(RoundDecimal(x, digits), RoundDecimal(y, digits)));
}

// Whether a < b and the like hold when a compares to b like `order` to 0.
bool Holds(PathOperator op, int order) {
  if (op == PathOperator::kLess) return order < 0;
  if (op == PathOperator::kGreater) return order > 0;
  return op == PathOperator::kLessOrEqual ? order <= 0 : order >= 0;
}

int Order(std::strong_ordering ordering) {
  if (std::is_lt(ordering)) return -1;
  return std::is_gt(ordering) ? 1 : 0;
}

}  // namespace

// ---- Values ----

bool Machine::NodeText(const PathItem& item, std::string_view* text) {
  bool escaped = false;
  *text = item.at.document->PlainString(item.at.node, &escaped);
  if (!escaped) return true;
  if (arena_.Keep(item.at.document->String(item.at.node), text)) return true;
  error_ =
      Error{ErrorKind::kTooLarge, "the texts of the evaluation take more than " +
                                      std::to_string(limits_.text_memory_bytes_max) + " bytes"};
  return false;
}

bool Machine::ToValue(PathItem* item) {
  if (!item->is_node() || item->at.node == json::kNoNode) return true;
  const TypeIndex type = item->type;
  if (!IsPrimitive(type)) return true;
  switch (item->at.document->kind(item->at.node)) {
    case json::Kind::kTrue:
      *item = BooleanItem(true);
      return true;
    case json::Kind::kFalse:
      *item = BooleanItem(false);
      return true;
    case json::Kind::kNumber: {
      const auto value = ParseDecimal(item->raw());
      if (!value.ok()) return true;  // Beyond what decimals hold: stays a node.
      const auto whole = IntegerOfDecimal(value.value());
      if (whole && type != kTypes.decimal) {
        *item = IntegerItem(*whole);
      } else if (const auto decimal = DecimalItem(value.value())) {
        *item = *decimal;
      }
      return true;
    }
    case json::Kind::kString: {
      std::string_view text;
      if (!NodeText(*item, &text)) return false;
      const PathKind kind = TextKind(type);
      if (kind != PathKind::kString) {
        if (const auto time = ParseTimeItem(text, kind)) {
          *item = *time;
          return true;
        }
      }
      *item = TextItem(text);
      return true;
    }
    default:
      return true;  // Not FHIR: stays a node.
  }
}

bool Machine::ToOperand(PathItem* item) {
  if (!item->is_node() || !IsSubtype(item->type, kTypes.quantity)) return ToValue(item);
  if (item->at.node == json::kNoNode) return true;
  const json::Document& document = *item->at.document;
  const uint32_t number = FindKey(document, item->at.node, "value");
  if (number == json::kNoNode || document.kind(number) != json::Kind::kNumber) return true;
  const auto value = ParseDecimal(document.Raw(number));
  if (!value.ok()) return true;
  std::string_view unit = "1";
  uint32_t code = FindKey(document, item->at.node, "code");
  if (code == json::kNoNode) code = FindKey(document, item->at.node, "unit");
  if (code != json::kNoNode && document.kind(code) == json::Kind::kString) {
    PathItem text = *item;
    text.at.node = code;
    if (!NodeText(text, &unit)) return false;
  }
  if (const auto quantity = QuantityItem(value.value(), unit, false, &arena_)) *item = *quantity;
  return true;
}

// ---- Equality ----

bool Machine::Equal(const PathItem& a, const PathItem& b, Truth* truth) {
  if (!Step()) return false;
  PathItem x = a;
  PathItem y = b;
  if (!ToValue(&x) || !ToValue(&y)) return false;
  if (x.is_node() != y.is_node()) {
    if (!(x.is_node() ? ToOperand(&x) : ToOperand(&y))) return false;
  }
  return EqualValues(x, y, truth);
}

bool Machine::EqualValues(const PathItem& x, const PathItem& y, Truth* truth) {
  *truth = Truth::kFalse;
  if (x.is_node() && y.is_node()) {
    bool same = false;
    if (!EqualNodes(x, y, false, &same)) return false;
    *truth = TruthOf(same);
    return true;
  }
  if (x.kind == PathKind::kQuantity || y.kind == PathKind::kQuantity) {
    PathItem p = x;
    PathItem q = y;
    for (PathItem* each : {&p, &q}) {
      if (!IsNumber(*each)) continue;
      const auto quantity = QuantityItem(DecimalOfItem(*each), "1", false, &arena_);
      if (quantity) *each = *quantity;
    }
    if (p.kind != q.kind) return true;
    const ComparableQuantity left = ToComparable(*p.quantity, false);
    const ComparableQuantity right = ToComparable(*q.quantity, false);
    *truth = left.unit == right.unit ? TruthOf(std::is_eq(fhir::Compare(left.value, right.value)))
                                     : Truth::kNone;
    return true;
  }
  if (IsNumber(x) && IsNumber(y)) {
    *truth = TruthOf(std::is_eq(fhir::Compare(DecimalOfItem(x), DecimalOfItem(y))));
  } else if (AreTimes(x, y)) {
    const auto order = CompareTimes(x, y);
    *truth = order ? TruthOf(*order == 0) : Truth::kNone;
  } else if (x.kind == y.kind) {
    if (x.kind == PathKind::kBoolean) *truth = TruthOf(x.boolean == y.boolean);
    if (x.kind == PathKind::kString) *truth = TruthOf(TextOf(x.text) == TextOf(y.text));
    if (x.kind == PathKind::kTypeInfo) *truth = TruthOf(x.type_info == y.type_info);
  }
  return true;
}

bool Machine::Equivalent(const PathItem& a, const PathItem& b, bool* same) {
  if (!Step()) return false;
  PathItem x = a;
  PathItem y = b;
  if (!ToOperand(&x) || !ToOperand(&y)) return false;
  *same = false;
  if (x.is_node() && y.is_node()) return EqualNodes(x, y, true, same);
  if (IsNumber(x) && IsNumber(y)) {
    *same = EquivalentNumbers(DecimalOfItem(x), DecimalOfItem(y));
  } else if (AreTimes(x, y)) {
    *same = CompareTimes(x, y) == 0;
  } else if (x.kind == PathKind::kString && y.kind == PathKind::kString) {
    *same = ForEquivalence(TextOf(x.text)) == ForEquivalence(TextOf(y.text));
  } else if (x.kind == PathKind::kQuantity && y.kind == PathKind::kQuantity) {
    const ComparableQuantity left = ToComparable(*x.quantity, true);
    const ComparableQuantity right = ToComparable(*y.quantity, true);
    *same = left.unit == right.unit && EquivalentNumbers(left.value, right.value);
  } else {
    Truth truth = Truth::kFalse;
    if (!EqualValues(x, y, &truth)) return false;
    *same = truth == Truth::kTrue;
  }
  return true;
}

bool Machine::EqualNodes(const PathItem& a, const PathItem& b, bool equivalence, bool* same) {
  *same = false;
  if (a.at.node == json::kNoNode || b.at.node == json::kNoNode) {
    const bool both = a.at.node == b.at.node;
    if (!both) return true;
    return EqualTrees(*a.at.document, a.sibling, *b.at.document, b.sibling, equivalence, same);
  }
  return EqualTrees(*a.at.document, a.at.node, *b.at.document, b.at.node, equivalence, same);
}

namespace {

bool IsLeaf(json::Kind kind) { return kind != json::Kind::kArray && kind != json::Kind::kObject; }

bool EqualLeaves(const json::Document& a, uint32_t x, const json::Document& b, uint32_t y,
                 bool equivalence) {
  const json::Kind kind = a.kind(x);
  if (kind == json::Kind::kNumber) {
    const auto left = ParseDecimal(a.Raw(x));
    const auto right = ParseDecimal(b.Raw(y));
    if (!left.ok() || !right.ok()) return a.Raw(x) == b.Raw(y);
    if (equivalence) return EquivalentNumbers(left.value(), right.value());
    return std::is_eq(Compare(left.value(), right.value()));
  }
  if (kind != json::Kind::kString || a.Raw(x) == b.Raw(y)) return true;
  if (equivalence) return ForEquivalence(a.String(x)) == ForEquivalence(b.String(y));
  return a.String(x) == b.String(y);
}

size_t CountChildren(const json::Document& document, uint32_t node) {
  size_t count = 0;
  for (uint32_t each = document.FirstChild(node); each != json::kNoNode;
       each = document.NextSibling(node, each)) {
    ++count;
  }
  return count;
}

}  // namespace

// The parser bounds the depth of both trees.
bool Machine::EqualTrees(const json::Document& a, uint32_t x, const json::Document& b, uint32_t y,
                         bool equivalence, bool* same) {
  *same = false;
  if (!Step()) return false;
  if (a.kind(x) != b.kind(y)) return true;
  if (IsLeaf(a.kind(x))) {
    *same = EqualLeaves(a, x, b, y, equivalence);
    return true;
  }
  if (CountChildren(a, x) != CountChildren(b, y)) return true;
  const bool array = a.kind(x) == json::Kind::kArray;
  uint32_t other = b.FirstChild(y);
  for (uint32_t each = a.FirstChild(x); each != json::kNoNode; each = a.NextSibling(x, each)) {
    if (!array) other = b.Find(y, a.Key(each));
    if (other == json::kNoNode) {
      *same = false;
      return true;
    }
    if (!EqualTrees(a, each, b, other, equivalence, same)) return false;
    if (!*same) return true;
    if (array) other = b.NextSibling(y, other);
  }
  *same = true;
  return true;
}

bool Machine::EqualRanges(Range a, Range b, Truth* truth) {
  *truth = Truth::kNone;
  if (a.empty() || b.empty()) return true;
  *truth = Truth::kFalse;
  if (a.size() != b.size()) return true;
  Truth all = Truth::kTrue;
  for (size_t i = 0; i < a.size(); ++i) {
    Truth one = Truth::kFalse;
    if (!Equal(stack_[a.begin + i], stack_[b.begin + i], &one)) return false;
    if (one == Truth::kFalse) return true;
    if (one == Truth::kNone) all = Truth::kNone;
  }
  *truth = all;
  return true;
}

bool Machine::EquivalentRanges(Range a, Range b, bool* same) {
  *same = false;
  if (a.size() != b.size()) return true;
  std::vector<bool> used(b.size());
  for (size_t i = a.begin; i < a.end; ++i) {
    bool found = false;
    for (size_t k = 0; k < b.size() && !found; ++k) {
      if (used[k]) continue;
      if (!Equivalent(stack_[i], stack_[b.begin + k], &found)) return false;
      if (found) used[k] = true;
    }
    if (!found) return true;
  }
  *same = true;
  return true;
}

bool Machine::Contains(Range range, const PathItem& item, bool* found) {
  *found = false;
  for (size_t i = range.begin; i < range.end && !*found; ++i) {
    Truth truth = Truth::kFalse;
    if (!Equal(PathItem(stack_[i]), item, &truth)) return false;
    *found = truth == Truth::kTrue;
  }
  return true;
}

bool Machine::PushIfNew(size_t begin, const PathItem& item) {
  const PathItem copy = item;
  bool found = false;
  if (!Contains({begin, Top()}, copy, &found)) return false;
  return found || Push(copy);
}

bool Machine::Union(Range a, Range b) {
  const size_t out = Top();
  for (Range range : {a, b}) {
    for (size_t i = range.begin; i < range.end; ++i) {
      if (!PushIfNew(out, stack_[i])) return false;
    }
  }
  return true;
}

// ---- Comparison ----

bool Machine::Compare(const Op& op, const PathItem& a, const PathItem& b,
                      std::optional<int>* order) {
  PathItem x = a;
  PathItem y = b;
  if ((x.kind == PathKind::kQuantity) != (y.kind == PathKind::kQuantity)) {
    for (PathItem* each : {&x, &y}) {
      if (!IsNumber(*each)) continue;
      const auto quantity = QuantityItem(DecimalOfItem(*each), "1", false, &arena_);
      if (quantity) *each = *quantity;
    }
  }
  if (IsNumber(x) && IsNumber(y)) {
    *order = Order(fhir::Compare(DecimalOfItem(x), DecimalOfItem(y)));
    return true;
  }
  if (x.kind == PathKind::kString && y.kind == PathKind::kString) {
    const int sign = TextOf(x.text).compare(TextOf(y.text));
    *order = sign < 0 ? -1 : (sign > 0 ? 1 : 0);
    return true;
  }
  if (AreTimes(x, y)) {
    *order = CompareTimes(x, y);
    return true;
  }
  if (x.kind == PathKind::kQuantity && y.kind == PathKind::kQuantity) {
    const ComparableQuantity left = ToComparable(*x.quantity, false);
    const ComparableQuantity right = ToComparable(*y.quantity, false);
    if (left.unit == right.unit) *order = Order(fhir::Compare(left.value, right.value));
    return true;
  }
  const std::string subject = op.code == OpCode::kFunction
                                  ? "sort()"
                                  : "operator '" + std::string(PathOperatorText(op.op)) + "'";
  return Fail(op,
              subject + " cannot compare " + PathItemTypeName(a) + " with " + PathItemTypeName(b));
}

// ---- Operators ----

bool Machine::EvalLogic(const Op& op, const Frame& frame) {
  const size_t base = Top();
  Truth sides[2] = {Truth::kNone, Truth::kNone};
  for (size_t side = 0; side < 2; ++side) {
    if (!Eval(Child(op, side), frame)) return false;
    if (!TruthOfRange(op, {base, Top()}, &sides[side])) return false;
    Pop(base);
  }
  const auto [a, b] = std::pair(sides[0], sides[1]);
  Truth result = Truth::kNone;
  switch (op.op) {
    case PathOperator::kAnd:
      if (a == Truth::kTrue && b == Truth::kTrue) result = Truth::kTrue;
      if (a == Truth::kFalse || b == Truth::kFalse) result = Truth::kFalse;
      break;
    case PathOperator::kOr:
      if (a == Truth::kFalse && b == Truth::kFalse) result = Truth::kFalse;
      if (a == Truth::kTrue || b == Truth::kTrue) result = Truth::kTrue;
      break;
    case PathOperator::kXor:
      if (a != Truth::kNone && b != Truth::kNone) result = TruthOf(a != b);
      break;
    default:  // implies
      if (a == Truth::kTrue) result = b;
      if (a == Truth::kFalse || b == Truth::kTrue) result = Truth::kTrue;
      break;
  }
  return result == Truth::kNone || Push(BooleanItem(result == Truth::kTrue));
}

bool Machine::EvalBinary(const Op& op, const Frame& frame) {
  switch (op.op) {
    case PathOperator::kAnd:
    case PathOperator::kOr:
    case PathOperator::kXor:
    case PathOperator::kImplies:
      return EvalLogic(op, frame);
    default:
      break;
  }
  const size_t base = Top();
  if (!Eval(Child(op, 0), frame)) return false;
  const size_t middle = Top();
  if (!Eval(Child(op, 1), frame)) return false;
  const Range left{base, middle};
  const Range right{middle, Top()};
  Truth truth = Truth::kNone;
  bool same = false;
  switch (op.op) {
    case PathOperator::kUnion:
      return Union(left, right) && Keep(base, right.end);
    case PathOperator::kEqual:
    case PathOperator::kNotEqual:
      if (!EqualRanges(left, right, &truth)) return false;
      if (op.op == PathOperator::kNotEqual) truth = Not(truth);
      break;
    case PathOperator::kEquivalent:
    case PathOperator::kNotEquivalent:
      if (!EquivalentRanges(left, right, &same)) return false;
      truth = TruthOf(same == (op.op == PathOperator::kEquivalent));
      break;
    case PathOperator::kIn:
      if (!Membership(op, left, right, &truth)) return false;
      break;
    case PathOperator::kContains:
      if (!Membership(op, right, left, &truth)) return false;
      break;
    default:
      return EvalSingles(op, left, right);
  }
  Pop(base);
  return truth == Truth::kNone || Push(BooleanItem(truth == Truth::kTrue));
}

bool Machine::Membership(const Op& op, Range one, Range many, Truth* truth) {
  if (one.empty()) return true;
  if (one.size() > 1) return Fail(op, "one item is expected on this side, not several");
  bool found = false;
  if (!Contains(many, stack_[one.begin], &found)) return false;
  *truth = TruthOf(found);
  return true;
}

bool Machine::EvalSingles(const Op& op, Range left, Range right) {
  PathItem a;
  PathItem b;
  bool a_empty = false;
  bool b_empty = false;
  if (!Single(op, left, &a, &a_empty) || !Single(op, right, &b, &b_empty)) return false;
  Pop(left.begin);
  if (op.op == PathOperator::kConcatenate) {
    std::string text;
    for (const auto& [item, empty] : {std::pair(a, a_empty), std::pair(b, b_empty)}) {
      if (empty) continue;
      if (item.kind != PathKind::kString) return Fail(op, "'&' takes Strings");
      text += TextOf(item.text);
    }
    return PushText(std::move(text));
  }
  if (a_empty || b_empty) return true;
  std::optional<int> order;
  std::optional<PathItem> value;
  switch (op.op) {
    case PathOperator::kLess:
    case PathOperator::kGreater:
    case PathOperator::kLessOrEqual:
    case PathOperator::kGreaterOrEqual:
      if (!Compare(op, a, b, &order)) return false;
      return !order || Push(BooleanItem(Holds(op.op, *order)));
    default:
      return Calculate(op, a, b, &value) && (!value || Push(*value));
  }
}

}  // namespace tarn::fhir::internal
