// Checks a syntax tree against the definitions and writes the program.
//
// The checker follows the types that each part can have. Where it knows them all, an element that
// none of them has is an error; where it does not (children(), resolve(), contained resources), the
// machine looks elements up as it goes.
#include <algorithm>
#include <array>
#include <optional>

#include "base/check.h"
#include "fhir/internal/fhirpath_program.h"

namespace tarn::fhir::internal {
namespace {

constexpr size_t kTypesMax = 32;  // More possible types than that count as unknown.

// What is known of the collection that a part gives.
struct Known {
  bool types_known = false;
  bool many = true;  // May have several items.
  bool ordered = true;
  std::vector<TypeIndex> types;
  uint32_t op = 0;

  void AddType(TypeIndex type) {
    if (!types_known) return;
    if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
    if (types.size() > kTypesMax) types_known = false;
  }
};

// Types whose resources or elements may be of any more special type.
bool IsOpen(TypeIndex type) { return TypeAt(type).abstract && type != kTypes.backbone_element; }

// Kinds of operands of arithmetic, as far as types tell.
enum class OperandKind : uint8_t { kAny, kNumber, kText, kTime, kQuantity, kOther };

OperandKind KindOfType(TypeIndex type) {
  if (type == kTypes.system_integer || type == kTypes.system_decimal) return OperandKind::kNumber;
  if (IsSubtype(type, kTypes.integer) || type == kTypes.decimal) return OperandKind::kNumber;
  if (type == kTypes.system_quantity || IsSubtype(type, kTypes.quantity)) {
    return OperandKind::kQuantity;
  }
  for (TypeIndex time : {kTypes.system_date, kTypes.system_date_time, kTypes.system_time,
                         kTypes.date, kTypes.date_time, kTypes.instant, kTypes.time}) {
    if (type == time) return OperandKind::kTime;
  }
  if (type == kTypes.system_boolean || type == kTypes.boolean) return OperandKind::kOther;
  if (type == kTypes.system_string || TypeAt(type).kind == TypeKind::kPrimitive) {
    return OperandKind::kText;
  }
  return OperandKind::kOther;
}

OperandKind KindOf(const Known& known) {
  if (!known.types_known || known.types.empty()) return OperandKind::kAny;
  const OperandKind kind = KindOfType(known.types.front());
  for (TypeIndex type : known.types) {
    if (KindOfType(type) != kind) return OperandKind::kAny;
  }
  return kind;
}

bool IsArithmetic(PathOperator op) {
  return op == PathOperator::kAdd || op == PathOperator::kSubtract ||
         op == PathOperator::kMultiply || op == PathOperator::kDivide;
}

// False when these kinds never go together.
bool CanCalculate(PathOperator op, OperandKind left, OperandKind right) {
  using K = OperandKind;
  if (left == K::kAny || right == K::kAny) return true;
  if (left == K::kOther || right == K::kOther) return false;
  if (left == K::kTime) {
    return right == K::kQuantity && (op == PathOperator::kAdd || op == PathOperator::kSubtract);
  }
  if (left == K::kText || right == K::kText) return left == right && op == PathOperator::kAdd;
  return right != K::kTime;
}

class Compiler {
 public:
  Compiler(std::string_view text, const Ast& ast, const PathOptions& options,
           PathProgramData* program)
      : text_(text), ast_(ast), options_(options), program_(program) {}

  Status Run(uint32_t expression) {
    Known focus;
    focus.many = false;
    if (options_.context != kUnknownType && !IsOpen(options_.context)) {
      focus.types_known = true;
      focus.types = {options_.context};
    }
    TRY(const Known result, Compile(expression, focus));
    program_->root = result.op;
    if (result.types_known) program_->result_types = result.types;
    return Ok();
  }

 private:
  const AstNode& At(uint32_t node) const { return ast_.nodes[node]; }
  Error Fail(const AstNode& node, const std::string& what) const {
    return PathError(ErrorKind::kInvalid, text_, node.position, what);
  }

  static Known System(std::string_view type) {
    Known known;
    known.types_known = true;
    known.many = false;
    known.types = {FindSystemType(type)};
    return known;
  }

  uint32_t Emit(Op op, const AstNode& node, std::span<const uint32_t> children) {
    op.position = node.position;
    op.first_child = static_cast<uint32_t>(program_->children.size());
    op.child_count = static_cast<uint16_t>(children.size());
    program_->children.insert(program_->children.end(), children.begin(), children.end());
    program_->ops.push_back(op);
    return static_cast<uint32_t>(program_->ops.size() - 1);
  }

  Known Emitted(Known known, Op op, const AstNode& node, std::span<const uint32_t> children = {}) {
    known.op = Emit(op, node, children);
    return known;
  }

  Result<Known> Compile(uint32_t index, const Known& focus) {
    const AstNode& node = At(index);
    switch (node.kind) {
      case AstKind::kEmpty: {
        Known known;
        known.types_known = true;
        known.many = false;
        return Emitted(std::move(known), {.code = OpCode::kEmpty}, node);
      }
      case AstKind::kBoolean:
      case AstKind::kString:
      case AstKind::kNumber:
      case AstKind::kDate:
      case AstKind::kDateTime:
      case AstKind::kTime:
      case AstKind::kQuantity:
        return Literal(node);
      case AstKind::kMember:
        return Member(node, focus);
      case AstKind::kFunction:
        return Function(node, focus);
      case AstKind::kIndex:
        return Index(node, focus);
      case AstKind::kNegate:
      case AstKind::kPlus:
        return Sign(node, focus);
      case AstKind::kBinary:
        return Binary(node, focus);
      case AstKind::kIs:
      case AstKind::kAs:
        return TypeOperation(node, node.kind == AstKind::kIs, node.text, focus);
      case AstKind::kVariable:
        return Variable(node);
      case AstKind::kThis:
        return Emitted(focus, {.code = OpCode::kThis}, node);
      case AstKind::kIndexOf:
        return Emitted(System("Integer"), {.code = OpCode::kIndexOf}, node);
      case AstKind::kTotal:
        return Emitted(Known(), {.code = OpCode::kTotal}, node);
    }
    return Known();
  }

  // ---- Literals ----

  Known EmitLiteral(const AstNode& node, const PathItem& item) {
    program_->literals.push_back(item);
    Known known;
    known.types_known = true;
    known.many = false;
    known.types = {item.type};
    Op op{.code = OpCode::kLiteral};
    op.data = static_cast<uint32_t>(program_->literals.size() - 1);
    return Emitted(std::move(known), op, node);
  }

  std::string_view Keep(std::string_view text) {
    std::string_view kept;
    CHECK(program_->arena.Keep(std::string(text), &kept));
    return kept;
  }

  Result<Known> Literal(const AstNode& node) {
    switch (node.kind) {
      case AstKind::kBoolean:
        return EmitLiteral(node, BooleanItem(node.text == "true"));
      case AstKind::kString:
        return EmitLiteral(node, TextItem(Keep(node.text)));
      case AstKind::kDate:
        return TimeLiteral(node, PathKind::kDate);
      case AstKind::kDateTime:
        return TimeLiteral(node, PathKind::kDateTime);
      case AstKind::kTime:
        return TimeLiteral(node, PathKind::kTime);
      default:
        return NumberLiteral(node);
    }
  }

  Result<Known> TimeLiteral(const AstNode& node, PathKind kind) {
    std::string_view text = node.text;
    if (kind == PathKind::kDateTime && text.ends_with('T')) text.remove_suffix(1);
    const auto item = ParseTimeItem(text, kind);
    if (!item) return Fail(node, "no such date or time");
    return EmitLiteral(node, *item);
  }

  Result<Known> NumberLiteral(const AstNode& node) {
    auto parsed = ParseDecimal(node.text);
    if (!parsed.ok()) return Fail(node, parsed.error().detail);
    const Decimal value = parsed.value();
    if (node.kind == AstKind::kQuantity) {
      const auto item = QuantityItem(value, Keep(node.unit), node.calendar, &program_->arena);
      if (!item) return Fail(node, "the number has too many digits");
      return EmitLiteral(node, *item);
    }
    const auto whole = IntegerOfDecimal(value);
    if (whole && node.text.find('.') == std::string::npos) {
      return EmitLiteral(node, IntegerItem(*whole));
    }
    const auto item = DecimalItem(value);
    if (!item) return Fail(node, "the number has too many digits");
    return EmitLiteral(node, *item);
  }

  Result<Known> Variable(const AstNode& node) {
    struct Text {
      std::string_view name, value;
    };
    constexpr Text kTexts[] = {{"ucum", "http://unitsofmeasure.org"},
                               {"sct", "http://snomed.info/sct"},
                               {"loinc", "http://loinc.org"}};
    for (const Text& text : kTexts) {
      if (text.name == node.text) return EmitLiteral(node, TextItem(text.value));
    }
    for (const Text& prefix : {Text{"vs-", "http://hl7.org/fhir/ValueSet/"},
                               Text{"ext-", "http://hl7.org/fhir/StructureDefinition/"}}) {
      if (!node.text.starts_with(prefix.name)) continue;
      return EmitLiteral(
          node, TextItem(Keep(std::string(prefix.value) + node.text.substr(prefix.name.size()))));
    }
    struct Place {
      std::string_view name;
      PathVariable variable;
    };
    for (const Place& place :
         {Place{"context", PathVariable::kContext}, Place{"resource", PathVariable::kResource},
          Place{"rootResource", PathVariable::kRootResource}}) {
      if (place.name != node.text) continue;
      Known known;
      known.many = false;
      Op op{.code = OpCode::kVariable};
      op.data = static_cast<uint32_t>(place.variable);
      return Emitted(std::move(known), op, node);
    }
    return Fail(node, "there is no variable %" + node.text +
                          "; %context, %resource, %rootResource, %ucum, %sct, %loinc, %vs-..., "
                          "%ext-... exist");
  }

  // ---- Paths ----

  Result<Known> Member(const AstNode& node, const Known& focus) {
    if (!node.has_target) {
      TRY(std::optional<Known> root, Root(node, focus));
      if (root) return std::move(*root);
    }
    Known target = focus;
    if (node.has_target) {
      TRY(target, Compile(node.children[0], focus));
    }
    TRY(Known known, StepTypes(node, target));
    Op op{.code = OpCode::kMember, .has_target = node.has_target};
    op.data = static_cast<uint32_t>(program_->steps.size() - 1);
    const std::array<uint32_t, 1> children = {target.op};
    return Emitted(std::move(known), op, node, std::span(children).first(node.has_target ? 1 : 0));
  }

  // A type's name in the place of an element: $this, when it is of that type.
  Result<std::optional<Known>> Root(const AstNode& node, const Known& focus) {
    const TypeIndex type = FindFhirType(node.text);
    const bool upper = node.text[0] >= 'A' && node.text[0] <= 'Z';
    if (type == kUnknownType || !upper) return std::optional<Known>();
    Known known = focus;
    Op op{.code = OpCode::kRoot};
    program_->specs.push_back({type, kUnknownType, node.text});
    op.data = static_cast<uint32_t>(program_->specs.size() - 1);
    if (!focus.types_known) {
      known.types_known = !IsOpen(type);
      known.types = {type};
      return std::optional<Known>(Emitted(std::move(known), op, node));
    }
    std::erase_if(known.types, [&](TypeIndex t) { return !IsSubtype(t, type); });
    if (!known.types.empty()) return std::optional<Known>(Emitted(std::move(known), op, node));
    if (!options_.other_types_are_empty) {
      return Fail(node, "the expression begins at " + TypeNames(focus) + ", not at " + node.text);
    }
    // Its steps are still checked.
    known.types = {type};
    known.types_known = !IsOpen(type);
    return std::optional<Known>(Emitted(std::move(known), op, node));
  }

  static std::string TypeNames(const Known& known) {
    std::string names;
    for (TypeIndex type : known.types) {
      if (!names.empty()) names += " or ";
      names += TypeAt(type).name.view();
    }
    return names;
  }

  // Adds the step and says what it leads to.
  Result<Known> StepTypes(const AstNode& node, const Known& target) {
    MemberStep step;
    step.name = node.text;
    Known known;
    known.many = target.many;
    known.ordered = target.ordered;
    known.types_known = target.types_known;
    bool found = !target.types_known || target.types.empty();
    for (TypeIndex owner : target.types_known ? target.types : std::vector<TypeIndex>()) {
      if (TypeAt(owner).kind == TypeKind::kSystem) {
        if (owner != kTypes.system_quantity) continue;
        known.types_known = false;  // value and unit of a quantity.
        found = found || node.text == "value" || node.text == "unit";
        continue;
      }
      const ElementDefinition* element = FindElement(owner, node.text);
      if (element == nullptr) {
        found = found || IsOpen(owner);
        known.types_known = known.types_known && !IsOpen(owner);
        continue;
      }
      found = true;
      known.many = known.many || element->array;
      AddVariant(owner, *element, &step, &known);
    }
    if (!found) {
      return Fail(node, TypeNames(target) + " has no element '" + node.text + "'");
    }
    if (!known.types_known) {
      known.types.clear();
      known.many = true;
    }
    program_->steps.push_back(std::move(step));
    return known;
  }

  static void AddVariant(TypeIndex owner, const ElementDefinition& element, MemberStep* step,
                         Known* known) {
    MemberVariant variant{owner, static_cast<uint16_t>(step->targets.size())};
    AppendTargets(owner, element, &step->targets);
    variant.count = static_cast<uint16_t>(step->targets.size() - variant.first);
    step->variants.push_back(variant);
    for (size_t i = variant.first; i < step->targets.size(); ++i) {
      const MemberTarget& target = step->targets[i];
      if (target.resource) known->types_known = false;
      known->AddType(target.type);
    }
  }

  Result<Known> Index(const AstNode& node, const Known& focus) {
    TRY(Known target, Compile(node.children[0], focus));
    TRY(CheckOrder(node, target));
    TRY(const Known index, Compile(node.children[1], focus));
    const std::array<uint32_t, 2> children = {target.op, index.op};
    target.many = false;
    return Emitted(std::move(target), {.code = OpCode::kIndex, .has_target = true}, node, children);
  }

  Status CheckOrder(const AstNode& node, const Known& input) const {
    if (!options_.check_order || input.ordered) return Ok();
    return Fail(node, "the items have no order here, so none is first");
  }

  // ---- Operators ----

  Result<Known> Sign(const AstNode& node, const Known& focus) {
    TRY(Known operand, Compile(node.children[0], focus));
    const OperandKind kind = KindOf(operand);
    if (kind != OperandKind::kAny && kind != OperandKind::kNumber &&
        kind != OperandKind::kQuantity) {
      return Fail(node, "a sign stands before numbers and quantities only");
    }
    const OpCode code = node.kind == AstKind::kNegate ? OpCode::kNegate : OpCode::kPlus;
    const std::array<uint32_t, 1> children = {operand.op};
    return Emitted(Known(operand), {.code = code, .has_target = true}, node, children);
  }

  Result<Known> Binary(const AstNode& node, const Known& focus) {
    TRY(const Known left, Compile(node.children[0], focus));
    TRY(const Known right, Compile(node.children[1], focus));
    if (IsArithmetic(node.op) && !CanCalculate(node.op, KindOf(left), KindOf(right))) {
      return Fail(node, "operator '" + std::string(PathOperatorText(node.op)) +
                            "' cannot be applied to " + TypeNames(left) + " and " +
                            TypeNames(right));
    }
    const std::array<uint32_t, 2> children = {left.op, right.op};
    return Emitted(OperatorResult(node.op, left, right), {.code = OpCode::kBinary, .op = node.op},
                   node, children);
  }

  static Known OperatorResult(PathOperator op, const Known& left, const Known& right) {
    switch (op) {
      case PathOperator::kUnion: {
        Known known = left;
        known.many = true;
        known.ordered = left.ordered && right.ordered;
        known.types_known = left.types_known && right.types_known;
        for (TypeIndex type : right.types) known.AddType(type);
        return known;
      }
      case PathOperator::kConcatenate:
        return System("String");
      case PathOperator::kAdd:
      case PathOperator::kSubtract:
      case PathOperator::kMultiply:
      case PathOperator::kDivide:
      case PathOperator::kDiv:
      case PathOperator::kMod: {
        Known known;
        known.many = false;
        return known;
      }
      default:
        return System("Boolean");
    }
  }

  Result<Known> TypeOperation(const AstNode& node, bool test, const std::string& name,
                              const Known& focus) {
    Known operand = focus;
    const bool has_target = node.kind != AstKind::kFunction || node.has_target;
    if (has_target) {
      TRY(operand, Compile(node.children[0], focus));
    }
    TRY(TypeSpec spec, FindTypeSpec(text_, node.position, name));
    Op op{.code = test ? OpCode::kIs : OpCode::kAs, .has_target = has_target};
    program_->specs.push_back(spec);
    op.data = static_cast<uint32_t>(program_->specs.size() - 1);
    const std::array<uint32_t, 1> children = {operand.op};
    const auto used = std::span(children).first(has_target ? 1 : 0);
    if (test) return Emitted(System("Boolean"), op, node, used);
    // `as` takes one item, ofType() filters. Search parameters of R4 apply `as` to many.
    const bool filter = node.kind == AstKind::kFunction && node.text == "ofType";
    op.single = !filter && !options_.other_types_are_empty;
    return Emitted(Narrowed(operand, spec), op, node, used);
  }

  // The types that remain after `as` or ofType().
  static Known Narrowed(const Known& operand, const TypeSpec& spec) {
    Known known = operand;
    if (operand.types_known) {
      std::erase_if(known.types, [&](TypeIndex type) { return !Matches(spec, type); });
      return known;
    }
    const TypeIndex type = spec.fhir != kUnknownType ? spec.fhir : spec.system;
    const bool both = spec.fhir != kUnknownType && spec.system != kUnknownType;
    known.types_known = !both && !IsOpen(type);
    known.types.clear();
    known.AddType(type);
    return known;
  }

  // ---- Functions ----

  Result<Known> Function(const AstNode& node, const Known& focus) {
    const FunctionRow* row = FindFunction(node.text);
    if (row == nullptr) {
      const std::string_view needs = WhatFunctionNeeds(node.text);
      if (needs.empty()) return Fail(node, "there is no function '" + node.text + "'");
      return PathError(ErrorKind::kUnsupported, text_, node.position,
                       node.text + "() needs " + std::string(needs) + ", which is not supported");
    }
    const size_t first = node.has_target ? 1 : 0;
    const size_t arguments = node.children.size() - first;
    if (arguments < row->arguments_min || arguments > row->arguments_max) {
      return Fail(node, node.text + "() takes " + ArgumentCount(*row) + ", not " +
                            std::to_string(arguments));
    }
    if (row->modes[0] == ArgumentMode::kType) {
      const std::string name = TypeNameOf(ast_, node.children[first]);
      if (name.empty()) return Fail(node, node.text + "() takes the name of a type");
      return TypeOperation(node, row->id == FunctionId::kIs, name, focus);
    }
    Known input = focus;
    if (node.has_target) {
      TRY(input, Compile(node.children[0], focus));
    }
    TRY(CheckInput(node, *row, input));
    if (row->id == FunctionId::kWhere) {
      TRY(std::optional<Known> fused, FusedWhere(node, input));
      if (fused) return std::move(*fused);
    }
    return Call(node, *row, input, focus);
  }

  static std::string ArgumentCount(const FunctionRow& row) {
    const auto count = [](int n) {
      return n == 1 ? "1 argument" : std::to_string(n) + " arguments";
    };
    if (row.arguments_min == row.arguments_max) return count(row.arguments_min);
    return std::to_string(row.arguments_min) + " to " + count(row.arguments_max);
  }

  Status CheckInput(const AstNode& node, const FunctionRow& row, const Known& input) const {
    switch (row.id) {
      case FunctionId::kFirst:
      case FunctionId::kLast:
      case FunctionId::kTail:
      case FunctionId::kSkip:
      case FunctionId::kTake:
        return CheckOrder(node, input);
      default:
        return Ok();
    }
  }

  Result<Known> Call(const AstNode& node, const FunctionRow& row, const Known& input,
                     const Known& focus) {
    std::vector<uint32_t> children;
    if (node.has_target) children.push_back(input.op);
    std::vector<Known> arguments;
    for (size_t i = node.has_target ? 1 : 0; i < node.children.size(); ++i) {
      const ArgumentMode mode = row.modes[arguments.size()];
      Known inner = mode == ArgumentMode::kEach ? input : focus;
      if (mode == ArgumentMode::kEach) inner.many = false;
      if (row.id == FunctionId::kRepeat) inner.types_known = false;  // Of its own results too.
      if (!inner.types_known) inner.types.clear();
      TRY(Known argument, row.id == FunctionId::kSort ? SortKey(node.children[i], inner)
                                                      : Compile(node.children[i], inner));
      children.push_back(argument.op);
      arguments.push_back(std::move(argument));
    }
    if (row.id == FunctionId::kIif) {
      TRY(CheckCondition(node, arguments[0]));
    }
    return Emitted(ResultOf(row, input, arguments),
                   {.code = OpCode::kFunction, .function = row.id, .has_target = node.has_target},
                   node, children);
  }

  // The minus before a key of sort() says "descending", of texts too.
  Result<Known> SortKey(uint32_t index, const Known& focus) {
    const AstNode& node = At(index);
    if (node.kind != AstKind::kNegate) return Compile(index, focus);
    TRY(Known key, Compile(node.children[0], focus));
    const std::array<uint32_t, 1> children = {key.op};
    return Emitted(Known(key), {.code = OpCode::kNegate, .has_target = true}, node, children);
  }

  Status CheckCondition(const AstNode& node, const Known& condition) const {
    const bool boolean =
        !condition.types_known || condition.types.empty() ||
        std::any_of(condition.types.begin(), condition.types.end(), [](TypeIndex type) {
          return type == kTypes.boolean || type == kTypes.system_boolean;
        });
    if (boolean || !condition.many) return Ok();
    return Fail(node, "the condition of iif() must be one Boolean, not several items");
  }

  Known ResultOf(const FunctionRow& row, const Known& input, const std::vector<Known>& arguments) {
    switch (row.rule) {
      case ResultRule::kInput:
        return input;
      case ResultRule::kInputSingle: {
        Known known = input;
        known.many = false;
        return known;
      }
      case ResultRule::kInputAndValue:
        return OperatorResult(PathOperator::kUnion, input, arguments[0]);
      case ResultRule::kFirstEach: {
        Known known = arguments[0];
        known.many = known.many || input.many;
        known.ordered = known.ordered && input.ordered;
        return known;
      }
      case ResultRule::kSystem:
      case ResultRule::kSystemMany: {
        Known known = System(row.system);
        known.many = row.rule == ResultRule::kSystemMany;
        return known;
      }
      case ResultRule::kExtension: {
        Known known;
        known.types_known = true;
        known.types = {kTypes.extension};
        return known;
      }
      case ResultRule::kUnordered: {
        Known known;
        known.ordered = false;
        return known;
      }
      case ResultRule::kUnknown:
        break;
    }
    return Known();
  }

  // where(use = 'official') and where(resolve() is Patient), the shapes that search parameters
  // have: one operation instead of an evaluation for each item.
  Result<std::optional<Known>> FusedWhere(const AstNode& node, const Known& input) {
    const uint32_t criterion = node.children.back();
    const std::array<uint32_t, 1> children = {input.op};
    const auto used = std::span(children).first(node.has_target ? 1 : 0);
    const std::string type = ResolveTestOf(ast_, criterion);
    if (!type.empty()) {
      TRY(const TypeSpec spec, FindTypeSpec(text_, At(criterion).position, type));
      if (!IsResource(spec.fhir)) return std::optional<Known>();
      program_->specs.push_back(spec);
      Op op{.code = OpCode::kWhereReference, .has_target = node.has_target};
      op.data = static_cast<uint32_t>(program_->specs.size() - 1);
      return std::optional<Known>(Emitted(Known(input), op, node, used));
    }
    std::string_view text;
    const AstNode* member = TextTestOf(ast_, criterion, &text);
    if (member == nullptr || !input.types_known || input.types.size() != 1) {
      return std::optional<Known>();
    }
    const ElementDefinition* element = FindElement(input.types.front(), member->text);
    const bool plain =
        element != nullptr && !element->choice && !element->array &&
        (IsSubtype(element->type, kTypes.string) || IsSubtype(element->type, kTypes.uri));
    if (!plain) return std::optional<Known>();
    TRY(const Known step, StepTypes(*member, input));
    Op op{.code = OpCode::kWhereText, .has_target = node.has_target};
    op.data = static_cast<uint32_t>(program_->steps.size() - 1);
    program_->literals.push_back(TextItem(Keep(text)));
    op.literal = static_cast<uint32_t>(program_->literals.size() - 1);
    return std::optional<Known>(Emitted(Known(input), op, node, used));
  }

  std::string_view text_;
  const Ast& ast_;
  const PathOptions& options_;
  PathProgramData* program_;
};

}  // namespace

Status CompileAst(std::string_view text, const Ast& ast, uint32_t expression,
                  const PathOptions& options, PathProgramData* program) {
  program->text = text;
  program->context = options.context;
  return Compiler(text, ast, options, program).Run(expression);
}

Result<TypeSpec> FindTypeSpec(std::string_view text, uint32_t position, std::string_view name) {
  TypeSpec spec;
  spec.text = name;
  std::string_view local = name;
  const bool fhir_only = local.starts_with("FHIR.");
  const bool system_only = local.starts_with("System.");
  if (fhir_only) local.remove_prefix(5);
  if (system_only) local.remove_prefix(7);
  if (!system_only) spec.fhir = FindFhirType(local);
  if (!fhir_only) spec.system = FindSystemType(local);
  if (spec.fhir == kUnknownType && spec.system == kUnknownType) {
    return PathError(ErrorKind::kInvalid, text, position,
                     "there is no type '" + std::string(name) + "'");
  }
  return spec;
}

std::string TypeNameOf(const Ast& ast, uint32_t node) {
  const AstNode& last = ast.nodes[node];
  if (last.kind != AstKind::kMember) return {};
  if (!last.has_target) return last.text;
  const AstNode& first = ast.nodes[last.children[0]];
  if (first.kind != AstKind::kMember || first.has_target) return {};
  return first.text + "." + last.text;
}

bool Matches(const TypeSpec& spec, TypeIndex type) {
  if (spec.system != kUnknownType && spec.system == type) return true;
  return spec.fhir != kUnknownType && IsSubtype(type, spec.fhir);
}

std::string ResolveTestOf(const Ast& ast, uint32_t node) {
  const AstNode& test = ast.nodes[node];
  std::string type;
  if (test.kind == AstKind::kIs) {
    type = test.text;
  } else if (test.kind == AstKind::kFunction && test.text == "is" && test.has_target &&
             test.children.size() == 2) {
    type = TypeNameOf(ast, test.children[1]);
  }
  if (type.empty()) return {};
  const AstNode& subject = ast.nodes[test.children[0]];
  const bool resolve =
      subject.kind == AstKind::kFunction && subject.text == "resolve" && subject.children.empty();
  return resolve ? type : std::string();
}

const AstNode* TextTestOf(const Ast& ast, uint32_t node, std::string_view* text) {
  const AstNode& test = ast.nodes[node];
  if (test.kind != AstKind::kBinary || test.op != PathOperator::kEqual) return nullptr;
  const AstNode& member = ast.nodes[test.children[0]];
  const AstNode& literal = ast.nodes[test.children[1]];
  if (member.kind != AstKind::kMember || member.has_target) return nullptr;
  if (literal.kind != AstKind::kString) return nullptr;
  *text = literal.text;
  return &member;
}

void AppendTargets(TypeIndex owner, const ElementDefinition& element,
                   std::vector<MemberTarget>* targets) {
  const auto elements = ElementsOf(owner);
  const auto place = static_cast<uint16_t>(&element - elements.data());
  for (const MemberDefinition& member : MembersOf(owner)) {
    if (member.element != place) continue;
    const TypeDefinition& type = TypeAt(member.type);
    targets->push_back({member.name.view(), member.type, type.kind == TypeKind::kPrimitive,
                        type.abstract && type.kind == TypeKind::kResource});
  }
}

}  // namespace tarn::fhir::internal
