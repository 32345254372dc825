// A compiled FHIRPath expression: operations that name their operands by index, the root last.
// The machine (fhirpath_machine.h) evaluates them from the root down.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/fhirpath.h"
#include "fhir/internal/fhirpath_syntax.h"
#include "fhir/internal/fhirpath_value.h"

namespace tarn::fhir::internal {

// ---- Functions ----

enum class FunctionId : uint8_t {
  // Existence
  kEmpty,
  kExists,
  kAll,
  kAllTrue,
  kAnyTrue,
  kAllFalse,
  kAnyFalse,
  kSubsetOf,
  kSupersetOf,
  kCount,
  kDistinct,
  kIsDistinct,
  // Filtering and subsetting
  kWhere,
  kSelect,
  kRepeat,
  kSingle,
  kFirst,
  kLast,
  kTail,
  kSkip,
  kTake,
  kIntersect,
  kExclude,
  kUnion,
  kCombine,
  kSort,
  // Conversion
  kIif,
  kToBoolean,
  kConvertsToBoolean,
  kToInteger,
  kConvertsToInteger,
  kToDecimal,
  kConvertsToDecimal,
  kToString,
  kConvertsToString,
  kToDate,
  kConvertsToDate,
  kToDateTime,
  kConvertsToDateTime,
  kToTime,
  kConvertsToTime,
  kToQuantity,
  kConvertsToQuantity,
  // Strings
  kIndexOf,
  kLastIndexOf,
  kSubstring,
  kStartsWith,
  kEndsWith,
  kContains,
  kUpper,
  kLower,
  kReplace,
  kMatches,
  kMatchesFull,
  kReplaceMatches,
  kLength,
  kToChars,
  kSplit,
  kJoin,
  kTrim,
  kEncode,
  kDecode,
  kEscape,
  kUnescape,
  // Numbers
  kAbs,
  kCeiling,
  kExp,
  kFloor,
  kLn,
  kLog,
  kPower,
  kRound,
  kSqrt,
  kTruncate,
  kLowBoundary,
  kHighBoundary,
  kPrecision,
  kComparable,
  // Navigation, utilities, logic
  kChildren,
  kDescendants,
  kTrace,
  kNow,
  kTimeOfDay,
  kToday,
  kNot,
  kAggregate,
  kType,
  // R4
  kExtension,
  kHasValue,
  kGetValue,
  kResolve,
  kConformsTo,
  // Written like functions; compiled to operations of their own.
  kIs,
  kAs,
  kOfType,
};

enum class ArgumentMode : uint8_t {
  kNone,
  kValue,  // Evaluated once, where $this is what it is around the call.
  kEach,   // Evaluated for each item of the input, which is then $this.
  kType,   // A type name.
};

// What the type checker knows of the result.
enum class ResultRule : uint8_t {
  kUnknown,
  kInput,          // The input's types, as many as they are.
  kInputSingle,    // The input's types, one at most.
  kInputAndValue,  // Those and the first argument's.
  kFirstEach,      // Those of the first argument.
  kSystem,         // One item of `system`.
  kSystemMany,     // Items of `system`.
  kExtension,      // Extension.
  kUnordered,      // Unknown types without an order.
};

struct FunctionRow {
  std::string_view name;
  FunctionId id;
  uint8_t arguments_min;
  uint8_t arguments_max;
  std::array<ArgumentMode, 3> modes;
  ResultRule rule;
  std::string_view system;  // "Boolean"
};

const FunctionRow* FindFunction(std::string_view name);  // nullptr: none
// What a function of R4 needs that is not here ("a terminology service"); empty for all others.
std::string_view WhatFunctionNeeds(std::string_view name);

// ---- Programs ----

enum class OpCode : uint8_t {
  kLiteral,         // data: literal
  kEmpty,           //
  kThis,            //
  kIndexOf,         //
  kTotal,           //
  kVariable,        // data: PathVariable
  kRoot,            // $this when it is of type specs[data]
  kMember,          // data: step
  kIndex,           //
  kNegate,          //
  kPlus,            //
  kBinary,          // op
  kIs,              // data: spec
  kAs,              // data: spec; keeps all items of that type
  kFunction,        // function
  kWhereText,       // data: step, literal: text; keeps items whose member equals the text
  kWhereReference,  // data: spec; keeps references to that type
};

enum class PathVariable : uint8_t { kContext, kResource, kRootResource };

struct Op {
  OpCode code = OpCode::kEmpty;
  PathOperator op = PathOperator::kAdd;
  FunctionId function = FunctionId::kEmpty;
  bool has_target = false;  // The first child is what the operation is applied to; else $this.
  bool single = false;      // kAs: several items are an error.
  uint16_t child_count = 0;
  uint32_t first_child = 0;  // In PathProgramData::children.
  uint32_t data = 0;
  uint32_t literal = 0;
  uint32_t position = 0;
};

// One JSON member that an element may be written as.
struct MemberTarget {
  std::string_view json_name;
  TypeIndex type = kUnknownType;
  bool primitive = false;  // Has a `_name` sibling.
  bool resource = false;   // Abstract: the type is what the resource says.
};

struct MemberVariant {
  TypeIndex owner = kUnknownType;
  uint16_t first = 0;  // In MemberStep::targets.
  uint16_t count = 0;
};

// A step to an element, resolved for the types that the checker knows; for others it is looked up
// when it is taken.
struct MemberStep {
  std::string name;
  std::vector<MemberVariant> variants;
  std::vector<MemberTarget> targets;
};

// A type name: without a namespace it may mean the FHIR type and the System type of that name.
struct TypeSpec {
  TypeIndex fhir = kUnknownType;
  TypeIndex system = kUnknownType;
  std::string text;
};

struct PathProgramData {
  std::string text;
  TypeIndex context = kUnknownType;
  std::vector<Op> ops;
  std::vector<uint32_t> children;
  std::vector<MemberStep> steps;
  std::vector<TypeSpec> specs;
  std::vector<PathItem> literals;
  PathArena arena{UINT64_MAX};          // Texts of the literals.
  std::vector<TypeIndex> result_types;  // Empty: unknown.
  uint32_t root = 0;
};

// `expression` is a node of `ast`, so that parts of a tree can be compiled alone. `text` is what
// positions refer to.
Status CompileAst(std::string_view text, const Ast& ast, uint32_t expression,
                  const PathOptions& options, PathProgramData* program);

// Errors: kInvalid at that position.
Result<TypeSpec> FindTypeSpec(std::string_view text, uint32_t position, std::string_view name);
// The type name that an argument of is(), as() or ofType() is written as; empty: it is none.
std::string TypeNameOf(const Ast& ast, uint32_t node);
bool Matches(const TypeSpec& spec, TypeIndex type);

// `resolve() is Type` or `resolve().is(Type)`: the type's name, else empty.
std::string ResolveTestOf(const Ast& ast, uint32_t node);
// `name = 'text'` where `name` is a member of $this: its node, else nullptr.
const AstNode* TextTestOf(const Ast& ast, uint32_t node, std::string_view* text);

// The members that `element` of `owner` may be written as.
void AppendTargets(TypeIndex owner, const ElementDefinition& element,
                   std::vector<MemberTarget>* targets);

}  // namespace tarn::fhir::internal
