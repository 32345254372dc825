// FHIRPath over parsed FHIR resources: text is compiled once to a program, which is evaluated over
// json::Document without copying it. What search parameters need is a set of expressions walked
// together in one pass (PathSet).
// Spec: FHIRPath Normative Release 1 (N1, 2.0.0) and FHIR R4 (4.0.1) "FHIRPath", with the functions
// of later drafts that docs/reference/fhirpath.md lists. How it works: docs/internals/fhirpath.md.
//
//   TRY(PathProgram program, CompilePath("name.where(use = 'official').given",
//                                        {.context = FindType("Patient")}));
//   PathEvaluator evaluator;                       // One per thread, reused.
//   TRY(std::span<const PathItem> items, evaluator.Evaluate(program, document, {}));
//
// Threads: programs and sets are constant and shared freely; an evaluator belongs to one thread.
// Pure: no clock, no I/O; the time and other resources come in through PathEnvironment.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/definitions.h"
#include "json/document.h"

namespace tarn::fhir {

// Beyond any of these: kTooLarge, naming the limit.
struct PathLimits {
  uint32_t text_bytes_max = 64u << 10;         // An expression.
  uint32_t depth_max = 64;                     // Nested parentheses, arguments and operators in it.
  uint32_t operations_max = 10'000;            // Of a program.
  uint64_t steps_max = 10'000'000;             // Items looked at by one evaluation.
  uint32_t items_max = 1'000'000;              // Held at one time by one evaluation.
  uint64_t text_memory_bytes_max = 16u << 20;  // Strings made by one evaluation.
};

// ---- Items ----

enum class PathKind : uint8_t {
  kNode,  // A value in the resource: `type` is its FHIR type, `document` and `node` say where.
  kBoolean,
  kInteger,
  kDecimal,
  kString,
  kDate,
  kDateTime,
  kTime,
  kQuantity,
  kTypeInfo,  // What type() returns: has namespace and name.
};

// One item of a collection. Plain data; what it points to lives as the evaluator's result says.
struct PathItem {
  struct Node {
    const json::Document* document;
    uint32_t node;  // json::kNoNode for a primitive that has only extensions.
  };
  struct Text {
    const char* data;
    size_t bytes;
  };
  struct Decimal128 {  // mantissa / 10^detail
    uint64_t low;
    int64_t high;
  };
  struct Instant {
    int64_t local_us;      // Microseconds since 1970-01-01T00:00 (kTime: midnight) as written.
    int16_t zone_minutes;  // East of UTC, when `has_zone`.
    bool has_zone;
  };
  struct QuantityValue;  // internal/fhirpath_value.h

  PathKind kind = PathKind::kBoolean;
  uint8_t detail = 0;             // kDecimal: digits after the point; dates and times: precision.
  TypeIndex type = kUnknownType;  // The FHIR type of a node, the System type of anything else.
  // kNode of a primitive: the object of its `_name` member (id and extensions), or json::kNoNode.
  uint32_t sibling = json::kNoNode;
  union {
    Node at;
    bool boolean;
    int64_t integer;
    Decimal128 decimal;
    Text text;
    Instant instant;
    const QuantityValue* quantity;
    TypeIndex type_info;
  };

  PathItem() : at{nullptr, json::kNoNode} {}
  bool is_node() const { return kind == PathKind::kNode; }
  // The JSON text of a node that has one ("\"male\"", "1.00", "{...}"); empty for anything else.
  std::string_view raw() const;
};
static_assert(sizeof(PathItem) == 24);

// What toString() gives; for a node of a complex type, its JSON.
std::string PathItemText(const PathItem& item);
// "FHIR.Patient", "System.Boolean".
std::string PathItemTypeName(const PathItem& item);

// ---- Programs ----

struct PathOptions {
  // The type of what the expression begins at: it is checked against the definitions. Unknown: only
  // a leading type name ("Patient.name") gives the checker something to know.
  TypeIndex context = kUnknownType;
  // A path that begins with another resource type's name ("Person.name" for a Patient) is empty
  // rather than an error: search parameters are unions over several types.
  bool other_types_are_empty = false;
  // Refuse positions (skip, first, [0] ...) in collections without an order (children()).
  bool check_order = false;
  PathLimits limits;
};

namespace internal {
struct PathProgramData;
struct PathSetData;
struct PathEvaluatorState;
}  // namespace internal

// A compiled expression; cheap to copy.
class PathProgram {
 public:
  std::string_view text() const;
  // For tests and people: one operation a line.
  std::string Listing() const;

 private:
  friend Result<PathProgram> CompilePath(std::string_view text, const PathOptions& options);
  friend class PathEvaluator;
  friend class PathSet;
  std::shared_ptr<const internal::PathProgramData> data_;
};

// Errors: kInvalid (syntax, or an element or type that R4 does not have) with the position,
// "line 1, column 6: HumanName has no element 'given1'"; kUnsupported for functions of R4 that need
// terminology or profiles (docs/reference/fhirpath.md lists them); kTooLarge.
Result<PathProgram> CompilePath(std::string_view text, const PathOptions& options);

// ---- Evaluation ----

// Finds resources that resolve() asks for.
class ReferenceResolver {
 public:
  virtual ~ReferenceResolver() = default;
  // `reference` as written ("Patient/1", "http://..."); contained ones ("#p") never come here.
  // nullptr: cannot be resolved, which resolve() passes over. The document must live as long as
  // the result of the evaluation is used.
  virtual const json::Document* Resolve(std::string_view reference) = 0;
};

struct PathEnvironment {
  int64_t now_unix_us = 0;   // now(), today(), timeOfDay(): constant within one evaluation.
  int16_t zone_minutes = 0;  // The zone in which they are given.
  ReferenceResolver* resolver = nullptr;  // nullptr: resolve() finds contained resources only.
  // %resource and %rootResource, when they are not the document's root.
  const PathItem* resource = nullptr;
  const PathItem* root_resource = nullptr;
  // Called by trace(name).
  std::function<void(std::string_view name, std::span<const PathItem> items)> trace;
};

// One match of a set: what an expression gives for a resource.
struct PathMatch {
  uint16_t expression = 0;  // Index among the entries given to PathSet::Compile.
  // 0: an item of the expression itself; k: of the entry's k-th component (from 1), relative to
  // the item of the expression at node `group`. Entries with components give only the latter.
  uint8_t component = 0;
  uint32_t group = json::kNoNode;  // JSON node; the same for all components of one composite.
  PathItem item;
};

// Expressions of one resource type that are evaluated together. Plain paths, also with ofType(),
// as, where(element = 'text'), where(resolve() is Type), extension('url') and unions of these,
// become one walk over the resource, whatever their number; each of the others is a program of its
// own. In a walk `resolve() is Patient` is judged by the text of the reference (its type, or the
// type of the contained resource), and nothing is resolved.
class PathSet {
 public:
  struct Entry {
    std::string_view expression;
    std::vector<std::string_view> components;  // Of a composite: relative expressions.
  };
  // Other types' branches are dropped (see other_types_are_empty). Errors as CompilePath; the
  // detail names the expression.
  static Result<PathSet> Compile(TypeIndex context, std::span<const Entry> entries,
                                 const PathLimits& limits = {});
  // True when the entry is part of the walk.
  bool IsWalked(size_t entry) const;
  size_t size() const;

 private:
  friend class PathEvaluator;
  std::shared_ptr<const internal::PathSetData> data_;
};

class PathEvaluator {
 public:
  explicit PathEvaluator(const PathLimits& limits = {});
  ~PathEvaluator();
  PathEvaluator(const PathEvaluator&) = delete;
  PathEvaluator& operator=(const PathEvaluator&) = delete;

  // Evaluates over a whole resource, or over one item (its type must be the program's context, or
  // the context unknown). The result is in the order that the specification states and is valid
  // until the next call, as long as the documents live.
  // Errors: kInvalid (an operand of the wrong type, several items where one is allowed; with the
  // position), kUnsupported, kTooLarge.
  Result<std::span<const PathItem>> Evaluate(const PathProgram& program,
                                             const json::Document& resource,
                                             const PathEnvironment& environment);
  Result<std::span<const PathItem>> Evaluate(const PathProgram& program, const PathItem& focus,
                                             const PathEnvironment& environment);

  // All matches of all expressions, those of the walk first, in the order of the document. As
  // sets, they equal what Evaluate gives for each expression; the walk may give one node twice
  // (two branches of a union) and passes over primitives that have extensions only. The document
  // must be a resource of the set's context type. Valid until the next call. Errors as Evaluate:
  // that of the first expression that fails; the detail names it.
  Result<std::span<const PathMatch>> Extract(const PathSet& set, const json::Document& resource,
                                             const PathEnvironment& environment);

 private:
  std::unique_ptr<internal::PathEvaluatorState> state_;
};

// The item that a whole resource is: kNode of its resourceType. Errors: kInvalid.
Result<PathItem> ResourceItem(const json::Document& resource);

}  // namespace tarn::fhir
