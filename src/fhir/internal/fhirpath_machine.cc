#include "fhir/internal/fhirpath_machine.h"

#include <array>

#include "base/check.h"
#include "fhir/internal/fhirpath_regex.h"

namespace tarn::fhir::internal {

Machine::Machine(const PathLimits& limits)
    : limits_(limits),
      arena_(limits.text_memory_bytes_max),
      regexes_(std::make_unique<RegexCache>()) {}

Machine::~Machine() = default;

Result<std::span<const PathItem>> Machine::Run(const PathProgramData& program,
                                               const PathItem& focus,
                                               const PathEnvironment& environment) {
  Begin();
  return RunMore(program, focus, environment);
}

void Machine::Begin() {
  steps_ = 0;
  arena_.Clear();
}

Result<std::span<const PathItem>> Machine::RunMore(const PathProgramData& program,
                                                   const PathItem& focus,
                                                   const PathEnvironment& environment) {
  program_ = &program;
  environment_ = &environment;
  focus_ = focus;
  stack_.clear();
  stack_.push_back(focus);
  Frame frame;
  frame.self = {0, 1};
  if (!Eval(program.root, frame)) return std::move(error_);
  return std::span<const PathItem>(stack_).subspan(1);
}

bool Machine::Fail(const Op& op, ErrorKind kind, std::string_view what) {
  error_ = PathError(kind, program_->text, op.position, what);
  return false;
}

bool Machine::Step() {
  if (++steps_ <= limits_.steps_max) return true;
  error_ = Error{ErrorKind::kTooLarge,
                 "the evaluation takes more than " + std::to_string(limits_.steps_max) + " steps"};
  return false;
}

bool Machine::Push(const PathItem& item) {
  if (stack_.size() >= limits_.items_max) {
    error_ = Error{ErrorKind::kTooLarge, "the evaluation holds more than " +
                                             std::to_string(limits_.items_max) + " items"};
    return false;
  }
  stack_.push_back(item);
  return Step();
}

bool Machine::PushText(std::string text) {
  std::string_view kept;
  if (!arena_.Keep(std::move(text), &kept)) {
    error_ =
        Error{ErrorKind::kTooLarge, "the texts of the evaluation take more than " +
                                        std::to_string(limits_.text_memory_bytes_max) + " bytes"};
    return false;
  }
  return Push(TextItem(kept));
}

bool Machine::Keep(size_t base, size_t out) {
  if (base != out) {
    stack_.erase(stack_.begin() + static_cast<ptrdiff_t>(base),
                 stack_.begin() + static_cast<ptrdiff_t>(out));
  }
  return true;
}

bool Machine::Return(const Call& call, const PathItem& item) {
  const PathItem copy = item;  // It may lie on the stack.
  Pop(call.base);
  return Push(copy);
}

bool Machine::ReturnEmpty(const Call& call) {
  Pop(call.base);
  return true;
}

bool Machine::ReturnTruth(const Call& call, Truth truth) {
  if (truth == Truth::kNone) return ReturnEmpty(call);
  return Return(call, BooleanItem(truth == Truth::kTrue));
}

bool Machine::ReturnText(const Call& call, std::string text) {
  Pop(call.base);
  return PushText(std::move(text));
}

bool Machine::Input(const Op& op, const Frame& frame, Range* input) {
  if (!op.has_target) {
    *input = frame.self;
    return true;
  }
  const size_t begin = Top();
  if (!Eval(Child(op, 0), frame)) return false;
  *input = {begin, Top()};
  return true;
}

bool Machine::Eval(uint32_t index, const Frame& frame) {
  if (!Step()) return false;
  const Op& op = program_->ops[index];
  switch (op.code) {
    case OpCode::kLiteral:
      return Push(program_->literals[op.data]);
    case OpCode::kEmpty:
      return true;
    case OpCode::kThis:
      for (size_t i = frame.self.begin; i < frame.self.end; ++i) {
        if (!Push(PathItem(stack_[i]))) return false;
      }
      return true;
    case OpCode::kIndexOf:
      return frame.index < 0 || Push(IntegerItem(frame.index));
    case OpCode::kTotal:
      for (size_t i = frame.total.begin; i < frame.total.end; ++i) {
        if (!Push(PathItem(stack_[i]))) return false;
      }
      return true;
    case OpCode::kVariable:
      return EvalVariable(op);
    case OpCode::kRoot:
      return EvalRoot(op, frame);
    case OpCode::kMember:
      return EvalMember(op, frame);
    case OpCode::kIndex:
      return EvalIndex(op, frame);
    case OpCode::kNegate:
    case OpCode::kPlus:
      return EvalSign(op, frame);
    case OpCode::kBinary:
      return EvalBinary(op, frame);
    case OpCode::kIs:
    case OpCode::kAs:
      return EvalType(op, frame);
    case OpCode::kFunction:
      return EvalCall(op, frame);
    case OpCode::kWhereText:
      return EvalWhereText(op, frame);
    case OpCode::kWhereReference:
      return EvalWhereReference(op, frame);
  }
  return Fail(op, ErrorKind::kInternal, "an operation that does not exist");
}

bool Machine::EvalMember(const Op& op, const Frame& frame) {
  const size_t base = Top();
  Range input;
  if (!Input(op, frame, &input)) return false;
  const size_t out = Top();
  const MemberStep& step = program_->steps[op.data];
  for (size_t i = input.begin; i < input.end; ++i) {
    if (!TakeStep(step, PathItem(stack_[i]))) return false;
  }
  return Keep(base, out);
}

bool Machine::EvalRoot(const Op& op, const Frame& frame) {
  const TypeSpec& spec = program_->specs[op.data];
  for (size_t i = frame.self.begin; i < frame.self.end; ++i) {
    const PathItem item = stack_[i];
    if (item.is_node() && IsSubtype(item.type, spec.fhir) && !Push(item)) return false;
  }
  return true;
}

bool Machine::EvalVariable(const Op& op) {
  switch (static_cast<PathVariable>(op.data)) {
    case PathVariable::kContext:
      return Push(focus_);
    case PathVariable::kResource:
    case PathVariable::kRootResource:
      break;
  }
  const bool root = static_cast<PathVariable>(op.data) == PathVariable::kRootResource;
  const PathItem* given = root ? environment_->root_resource : environment_->resource;
  if (given != nullptr) return Push(*given);
  if (!focus_.is_node()) return true;
  PathItem item = focus_;
  item.at.node = json::kRoot;
  item.sibling = json::kNoNode;
  item.type = ResourceTypeOf(*item.at.document, json::kRoot);
  return Push(item);
}

bool Machine::EvalIndex(const Op& op, const Frame& frame) {
  const size_t base = Top();
  Range input;
  if (!Input(op, frame, &input)) return false;
  const size_t begin = Top();
  if (!Eval(Child(op, 1), frame)) return false;
  int64_t place = 0;
  bool empty = false;
  if (!SingleInteger(op, {begin, Top()}, &place, &empty)) return false;
  if (empty || place < 0 || static_cast<uint64_t>(place) >= input.size()) {
    Pop(base);
    return true;
  }
  const PathItem item = stack_[input.begin + static_cast<size_t>(place)];
  Pop(base);
  return Push(item);
}

bool Machine::EvalSign(const Op& op, const Frame& frame) {
  const size_t base = Top();
  Range input;
  if (!Input(op, frame, &input)) return false;
  PathItem item;
  bool empty = false;
  if (!Single(op, input, &item, &empty)) return false;
  Pop(base);
  if (empty) return true;
  const bool number = item.kind == PathKind::kInteger || item.kind == PathKind::kDecimal;
  if (!number && item.kind != PathKind::kQuantity) {
    return Fail(op, "a sign stands before numbers and quantities only");
  }
  if (op.code == OpCode::kPlus) return Push(item);
  if (item.kind == PathKind::kInteger) {
    return item.integer == INT64_MIN || Push(IntegerItem(-item.integer));
  }
  std::optional<PathItem> negated;
  if (item.kind == PathKind::kDecimal) {
    Decimal value = DecimalOfItem(item);
    value.coefficient = -value.coefficient;
    negated = DecimalItem(value);
  } else {
    Decimal value = DecimalOfQuantity(*item.quantity);
    value.coefficient = -value.coefficient;
    negated = QuantityItem(value, TextOf(item.quantity->unit), item.quantity->calendar, &arena_);
  }
  return !negated || Push(*negated);
}

bool Machine::EvalType(const Op& op, const Frame& frame) {
  const size_t base = Top();
  Range input;
  if (!Input(op, frame, &input)) return false;
  const TypeSpec& spec = program_->specs[op.data];
  if (op.code == OpCode::kIs) {
    if (input.size() > 1) return Fail(op, "'is' takes one item, not several");
    const bool empty = input.empty();
    const bool matches = !empty && Matches(spec, stack_[input.begin].type);
    Pop(base);
    return empty || Push(BooleanItem(matches));
  }
  if (op.single && input.size() > 1) {
    return Fail(op, "'as' takes one item, not several; ofType() takes many");
  }
  const size_t out = Top();
  for (size_t i = input.begin; i < input.end; ++i) {
    const PathItem item = stack_[i];
    if (Matches(spec, item.type) && !Push(item)) return false;
  }
  return Keep(base, out);
}

bool Machine::EvalWhereText(const Op& op, const Frame& frame) {
  const size_t base = Top();
  Range input;
  if (!Input(op, frame, &input)) return false;
  const size_t out = Top();
  const MemberStep& step = program_->steps[op.data];
  const std::string_view wanted = TextOf(program_->literals[op.literal].text);
  for (size_t i = input.begin; i < input.end; ++i) {
    const PathItem item = stack_[i];
    const uint32_t object = ObjectOf(item);
    if (object == json::kNoNode) continue;
    const json::Document& document = *item.at.document;
    const uint32_t member = FindKey(document, object, step.targets.front().json_name);
    if (!Step()) return false;
    if (member == json::kNoNode || document.kind(member) != json::Kind::kString) continue;
    bool escaped = false;
    const std::string_view plain = document.PlainString(member, &escaped);
    const bool equal = escaped ? document.String(member) == wanted : plain == wanted;
    if (equal && !Push(item)) return false;
  }
  return Keep(base, out);
}

bool Machine::EvalWhereReference(const Op& op, const Frame& frame) {
  const size_t base = Top();
  Range input;
  if (!Input(op, frame, &input)) return false;
  const size_t out = Top();
  const TypeIndex wanted = program_->specs[op.data].fhir;
  for (size_t i = input.begin; i < input.end; ++i) {
    const PathItem item = stack_[i];
    if (!item.is_node() || item.at.node == json::kNoNode) continue;
    if (!Step()) return false;
    const TypeIndex type = ReferencedType(*item.at.document, item.at.node);
    if (IsSubtype(type, wanted) && !Push(item)) return false;
  }
  return Keep(base, out);
}

bool Machine::EvalCall(const Op& op, const Frame& frame) {
  Call call{op, frame, {}, Top()};
  if (!Input(op, frame, &call.input)) return false;
  return (this->*FunctionOf(op.function))(call);
}

bool Machine::Argument(const Call& call, size_t k, Range* out) {
  out->begin = Top();
  if (!Eval(ArgumentOp(call, k), call.frame)) return false;
  out->end = Top();
  return true;
}

bool Machine::ArgumentEach(const Call& call, size_t k, size_t item, int64_t index, Range* out) {
  Frame frame = call.frame;
  frame.self = {item, item + 1};
  frame.index = index;
  out->begin = Top();
  if (!Eval(ArgumentOp(call, k), frame)) return false;
  out->end = Top();
  return true;
}

bool Machine::Single(const Op& op, Range range, PathItem* item, bool* empty) {
  *empty = range.empty();
  if (*empty) return true;
  if (range.size() > 1) {
    return Fail(op, "one item is expected here, there are " + std::to_string(range.size()));
  }
  *item = stack_[range.begin];
  if (!ToOperand(item)) return false;
  *empty = item->is_node() && !HasValue(*item);
  return true;
}

bool Machine::SingleText(const Op& op, Range range, std::string_view* text, bool* empty) {
  PathItem item;
  if (!Single(op, range, &item, empty)) return false;
  if (*empty) return true;
  if (item.kind != PathKind::kString) return Fail(op, "a String is expected here");
  *text = TextOf(item.text);
  return true;
}

bool Machine::SingleInteger(const Op& op, Range range, int64_t* value, bool* empty) {
  PathItem item;
  if (!Single(op, range, &item, empty)) return false;
  if (*empty) return true;
  if (item.kind != PathKind::kInteger) return Fail(op, "an Integer is expected here");
  *value = item.integer;
  return true;
}

bool Machine::TextArgument(const Call& call, size_t k, std::string_view* text, bool* empty) {
  Range range;
  return Argument(call, k, &range) && SingleText(call.op, range, text, empty);
}

bool Machine::TruthOfRange(const Op& op, Range range, Truth* truth) {
  *truth = Truth::kNone;
  if (range.empty()) return true;
  if (range.size() > 1) {
    return Fail(
        op, "one Boolean is expected here, there are " + std::to_string(range.size()) + " items");
  }
  PathItem item = stack_[range.begin];
  if (!ToValue(&item)) return false;
  // One item that is no Boolean counts as true: "singleton evaluation of collections".
  *truth = TruthOf(item.kind != PathKind::kBoolean || item.boolean);
  return true;
}

Machine::Function Machine::FunctionOf(FunctionId id) {
  static constexpr auto kFunctions = [] {
    std::array<Function, static_cast<size_t>(FunctionId::kOfType) + 1> table{};
    const auto set = [&](Function function, std::initializer_list<FunctionId> ids) {
      for (FunctionId each : ids) table[static_cast<size_t>(each)] = function;
    };
    using Id = FunctionId;
    set(&Machine::Empty, {Id::kEmpty});
    set(&Machine::Exists, {Id::kExists});
    set(&Machine::All, {Id::kAll});
    set(&Machine::AllOrAny, {Id::kAllTrue, Id::kAnyTrue, Id::kAllFalse, Id::kAnyFalse});
    set(&Machine::SubsetOf, {Id::kSubsetOf, Id::kSupersetOf});
    set(&Machine::Count, {Id::kCount});
    set(&Machine::Distinct, {Id::kDistinct, Id::kIsDistinct});
    set(&Machine::Where, {Id::kWhere});
    set(&Machine::Select, {Id::kSelect});
    set(&Machine::Repeat, {Id::kRepeat});
    set(&Machine::SingleFunction, {Id::kSingle});
    set(&Machine::Slice, {Id::kFirst, Id::kLast, Id::kTail, Id::kSkip, Id::kTake});
    set(&Machine::IntersectOrExclude, {Id::kIntersect, Id::kExclude});
    set(&Machine::UnionOrCombine, {Id::kUnion, Id::kCombine});
    set(&Machine::Sort, {Id::kSort});
    set(&Machine::Iif, {Id::kIif});
    set(&Machine::Convert,
        {Id::kToBoolean, Id::kConvertsToBoolean, Id::kToInteger, Id::kConvertsToInteger,
         Id::kToDecimal, Id::kConvertsToDecimal, Id::kToString, Id::kConvertsToString, Id::kToDate,
         Id::kConvertsToDate, Id::kToDateTime, Id::kConvertsToDateTime, Id::kToTime,
         Id::kConvertsToTime, Id::kToQuantity, Id::kConvertsToQuantity});
    set(&Machine::FindText, {Id::kIndexOf, Id::kLastIndexOf});
    set(&Machine::Substring, {Id::kSubstring});
    set(&Machine::TestText, {Id::kStartsWith, Id::kEndsWith, Id::kContains});
    set(&Machine::ChangeText, {Id::kUpper, Id::kLower, Id::kTrim});
    set(&Machine::Replace, {Id::kReplace});
    set(&Machine::MatchText, {Id::kMatches, Id::kMatchesFull});
    set(&Machine::ReplaceMatches, {Id::kReplaceMatches});
    set(&Machine::Length, {Id::kLength});
    set(&Machine::ToChars, {Id::kToChars});
    set(&Machine::Split, {Id::kSplit});
    set(&Machine::Join, {Id::kJoin});
    set(&Machine::Encode, {Id::kEncode, Id::kDecode});
    set(&Machine::Escape, {Id::kEscape, Id::kUnescape});
    set(&Machine::Absolute, {Id::kAbs});
    set(&Machine::Whole, {Id::kCeiling, Id::kFloor, Id::kTruncate});
    set(&Machine::Round, {Id::kRound});
    set(&Machine::Real, {Id::kExp, Id::kLn, Id::kSqrt, Id::kLog});
    set(&Machine::Power, {Id::kPower});
    set(&Machine::Boundary, {Id::kLowBoundary, Id::kHighBoundary});
    set(&Machine::Precision, {Id::kPrecision});
    set(&Machine::Comparable, {Id::kComparable});
    set(&Machine::Children, {Id::kChildren});
    set(&Machine::Descendants, {Id::kDescendants});
    set(&Machine::Trace, {Id::kTrace});
    set(&Machine::Now, {Id::kNow, Id::kTimeOfDay, Id::kToday});
    set(&Machine::NotFunction, {Id::kNot});
    set(&Machine::Aggregate, {Id::kAggregate});
    set(&Machine::TypeFunction, {Id::kType});
    set(&Machine::Extension, {Id::kExtension});
    set(&Machine::HasValueFunction, {Id::kHasValue});
    set(&Machine::GetValue, {Id::kGetValue});
    set(&Machine::Resolve, {Id::kResolve});
    set(&Machine::ConformsTo, {Id::kConformsTo});
    return table;
  }();
  const Function function = kFunctions[static_cast<size_t>(id)];
  CHECK(function != nullptr);  // is, as and ofType are compiled to operations.
  return function;
}

}  // namespace tarn::fhir::internal
