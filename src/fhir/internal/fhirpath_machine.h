// Evaluates a program over parsed JSON.
//
// All collections of one evaluation lie on one stack of items. An operation pushes its result on
// top and takes away what it needed for it; so a collection is a range of the stack, costs no
// allocation, and is addressed by index, since the stack may move when it grows.
//
//   Patient.name.where(use = 'official').given
//   [patient] -> [patient name name] -> [patient name] -> [patient given given]
//
// Every method that can fail returns false after setting the error.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/fhirpath.h"
#include "fhir/internal/fhirpath_program.h"
#include "fhir/internal/fhirpath_value.h"

namespace tarn::fhir::internal {

enum class Truth : uint8_t { kFalse, kTrue, kNone };  // kNone: the empty collection.

inline Truth TruthOf(bool value) { return value ? Truth::kTrue : Truth::kFalse; }
inline Truth Not(Truth truth) {
  return truth == Truth::kNone ? truth : TruthOf(truth == Truth::kFalse);
}

class RegexCache;

class Machine {
 public:
  explicit Machine(const PathLimits& limits);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  Result<std::span<const PathItem>> Run(const PathProgramData& program, const PathItem& focus,
                                        const PathEnvironment& environment);
  // The same in two parts: texts and quantities of all results since Begin() stay.
  void Begin();
  Result<std::span<const PathItem>> RunMore(const PathProgramData& program, const PathItem& focus,
                                            const PathEnvironment& environment);

 private:
  // Items [begin, end) of the stack.
  struct Range {
    size_t begin = 0;
    size_t end = 0;
    size_t size() const { return end - begin; }
    bool empty() const { return begin == end; }
  };
  // What $this, $index and $total are.
  struct Frame {
    Range self;
    int64_t index = -1;  // Negative: outside of any iteration.
    Range total;
  };
  // A function call: its input is on the stack; everything from `base` on is its own.
  struct Call {
    const Op& op;
    const Frame& frame;
    Range input;
    size_t base = 0;
  };
  using Function = bool (Machine::*)(const Call& call);

  // ---- Core (fhirpath_machine.cc) ----
  bool Eval(uint32_t index, const Frame& frame);
  bool EvalCall(const Op& op, const Frame& frame);
  bool EvalMember(const Op& op, const Frame& frame);
  bool EvalRoot(const Op& op, const Frame& frame);
  bool EvalIndex(const Op& op, const Frame& frame);
  bool EvalSign(const Op& op, const Frame& frame);
  bool EvalType(const Op& op, const Frame& frame);
  bool EvalVariable(const Op& op);
  bool EvalWhereText(const Op& op, const Frame& frame);
  bool EvalWhereReference(const Op& op, const Frame& frame);
  // The operation's input: its first child's result, or $this.
  bool Input(const Op& op, const Frame& frame, Range* input);
  uint32_t Child(const Op& op, size_t place) const {
    return program_->children[op.first_child + place];
  }
  static Function FunctionOf(FunctionId id);

  size_t Top() const { return stack_.size(); }
  bool Push(const PathItem& item);
  bool PushText(std::string text);  // Keeps it in the arena.
  void Pop(size_t top) { stack_.resize(top); }
  // Takes away [base, out), so that what was pushed since `out` remains.
  bool Keep(size_t base, size_t out);
  bool Return(const Call& call, const PathItem& item);
  bool ReturnEmpty(const Call& call);
  bool ReturnTruth(const Call& call, Truth truth);
  bool ReturnText(const Call& call, std::string text);
  bool Step();  // Counts one, against the limit.
  bool Fail(const Op& op, ErrorKind kind, std::string_view what);
  bool Fail(const Op& op, std::string_view what) { return Fail(op, ErrorKind::kInvalid, what); }

  // ---- Arguments ----
  // Evaluates the k-th argument where $this is what it is around the call.
  bool Argument(const Call& call, size_t k, Range* out);
  size_t ArgumentCount(const Call& call) const {
    return call.op.child_count - (call.op.has_target ? 1U : 0U);
  }
  uint32_t ArgumentOp(const Call& call, size_t k) const {
    return Child(call.op, k + (call.op.has_target ? 1U : 0U));
  }
  // Evaluates the k-th argument with `item` of the stack as $this.
  bool ArgumentEach(const Call& call, size_t k, size_t item, int64_t index, Range* out);
  // One value or none; several are an error. *empty tells.
  bool Single(const Op& op, Range range, PathItem* item, bool* empty);
  bool SingleText(const Op& op, Range range, std::string_view* text, bool* empty);
  bool SingleInteger(const Op& op, Range range, int64_t* value, bool* empty);
  bool TextArgument(const Call& call, size_t k, std::string_view* text, bool* empty);
  bool TruthOfRange(const Op& op, Range range, Truth* truth);

  // ---- Values (fhirpath_operators.cc) ----
  // Makes a primitive node the System value that it has. Other items stay.
  bool ToValue(PathItem* item);
  bool ToOperand(PathItem* item);  // The same, and a Quantity node becomes a quantity.
  bool NodeText(const PathItem& item, std::string_view* text);
  bool HasValue(const PathItem& item) const;
  bool EvalBinary(const Op& op, const Frame& frame);
  bool EvalLogic(const Op& op, const Frame& frame);
  bool EvalSingles(const Op& op, Range left, Range right);  // Operators on one item each.
  bool Membership(const Op& op, Range one, Range many, Truth* truth);
  bool Equal(const PathItem& a, const PathItem& b, Truth* truth);
  bool EqualValues(const PathItem& a, const PathItem& b, Truth* truth);
  bool Equivalent(const PathItem& a, const PathItem& b, bool* same);
  bool EqualRanges(Range a, Range b, Truth* truth);
  bool EquivalentRanges(Range a, Range b, bool* same);
  bool EqualNodes(const PathItem& a, const PathItem& b, bool equivalence, bool* same);
  bool EqualTrees(const json::Document& a, uint32_t x, const json::Document& b, uint32_t y,
                  bool equivalence, bool* same);
  bool Compare(const Op& op, const PathItem& a, const PathItem& b, std::optional<int>* order);
  bool Calculate(const Op& op, const PathItem& a, const PathItem& b, std::optional<PathItem>* out);
  bool CalculateQuantity(const Op& op, PathItem a, PathItem b, std::optional<PathItem>* out);
  bool CalculateTime(const Op& op, const PathItem& a, const PathItem& b,
                     std::optional<PathItem>* out);
  bool Contains(Range range, const PathItem& item, bool* found);
  bool PushIfNew(size_t begin, const PathItem& item);
  bool Union(Range a, Range b);  // Pushes the distinct items of both.

  // ---- Navigation (fhirpath_navigation.cc) ----
  bool TakeStep(const MemberStep& step, const PathItem& item);
  bool StepTarget(const json::Document& document, uint32_t object, const MemberTarget& target);
  bool PushMember(const json::Document& document, const MemberTarget& target, uint32_t value,
                  uint32_t sibling);
  bool PushNode(const json::Document& document, const MemberTarget& target, uint32_t value,
                uint32_t sibling);
  bool PushChildren(const PathItem& item);
  uint32_t ObjectOf(const PathItem& item) const;
  bool Children(const Call& call);
  bool Descendants(const Call& call);
  bool Extension(const Call& call);
  bool HasValueFunction(const Call& call);
  bool GetValue(const Call& call);
  bool Resolve(const Call& call);
  bool ResolveOne(const Call& call, const PathItem& item);
  bool ConformsTo(const Call& call);
  bool TypeFunction(const Call& call);
  bool Now(const Call& call);
  bool Trace(const Call& call);

  // ---- Collections (fhirpath_collections.cc) ----
  bool Empty(const Call& call);
  bool Exists(const Call& call);
  bool All(const Call& call);
  bool AllOrAny(const Call& call);
  bool SubsetOf(const Call& call);
  bool Count(const Call& call);
  bool Distinct(const Call& call);
  bool Where(const Call& call);
  bool Select(const Call& call);
  bool Repeat(const Call& call);
  bool SingleFunction(const Call& call);
  bool Slice(const Call& call);
  bool IntersectOrExclude(const Call& call);
  bool UnionOrCombine(const Call& call);
  bool Sort(const Call& call);
  struct SortKeys;
  bool ReadSortKeys(const Call& call, SortKeys* keys);
  bool SortKey(const Call& call, size_t k, size_t item, int64_t index, PathItem* key, bool* empty);
  bool SortsBefore(const Call& call, const SortKeys& keys, size_t a, size_t b, bool* before);
  bool Iif(const Call& call);
  bool NotFunction(const Call& call);
  bool Aggregate(const Call& call);

  // ---- Texts (fhirpath_texts.cc) ----
  bool InputText(const Call& call, std::string_view* text, bool* empty);
  // The input and both arguments of replace() and replaceMatches(); empty when one of them is.
  bool ReplaceTexts(const Call& call, std::string_view* text, std::string_view* pattern,
                    std::string_view* with, bool* empty);
  // The input, and the number of digits that may be the argument.
  bool SingleWithDigits(const Call& call, PathItem* item, bool* empty, int64_t* digits,
                        bool* digits_empty);
  bool FindText(const Call& call);
  bool Substring(const Call& call);
  bool TestText(const Call& call);
  bool ChangeText(const Call& call);
  bool Replace(const Call& call);
  bool MatchText(const Call& call);
  bool ReplaceMatches(const Call& call);
  bool Length(const Call& call);
  bool ToChars(const Call& call);
  bool Split(const Call& call);
  bool Join(const Call& call);
  bool Encode(const Call& call);
  bool Escape(const Call& call);

  // ---- Numbers (fhirpath_numbers.cc) ----
  bool Absolute(const Call& call);
  bool Whole(const Call& call);
  bool Round(const Call& call);
  bool Real(const Call& call);
  bool Power(const Call& call);
  bool Boundary(const Call& call);
  bool Precision(const Call& call);
  bool Comparable(const Call& call);

  // ---- Conversion (fhirpath_convert.cc) ----
  bool Convert(const Call& call);
  bool ConvertItem(FunctionId to, const PathItem& item, std::optional<PathItem>* out);
  bool ConvertQuantity(const PathItem& item, std::optional<PathItem>* out);

  const PathLimits limits_;
  std::vector<PathItem> stack_;
  PathArena arena_;
  std::unique_ptr<RegexCache> regexes_;
  std::vector<MemberTarget> scratch_targets_;
  Error error_;
  const PathProgramData* program_ = nullptr;
  const PathEnvironment* environment_ = nullptr;
  PathItem focus_;
  uint64_t steps_ = 0;
};

// True when elements of that type are primitives: cheap, for every type.
bool IsPrimitive(TypeIndex type);

// The type that `resourceType` says, or kUnknownType.
TypeIndex ResourceTypeOf(const json::Document& document, uint32_t node);

// The member of that name among an object's members, or json::kNoNode. Faster than Document::Find.
uint32_t FindKey(const json::Document& document, uint32_t object, std::string_view name);

// The resource type that a Reference at `node` refers to: by `type`, by the reference's own text,
// or by the contained resource of `root` that it names. kUnknownType when that cannot be told.
TypeIndex ReferencedType(const json::Document& document, uint32_t node);

}  // namespace tarn::fhir::internal
