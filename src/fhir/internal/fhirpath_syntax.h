// FHIRPath text to a syntax tree.
// Spec: FHIRPath N1, appendix "Formal Specification" (grammar), "Literals", "Operator Precedence".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/fhirpath.h"

namespace tarn::fhir::internal {

enum class Token : uint8_t {
  kEnd,
  kIdentifier,  // Also keywords; `text` is the name.
  kDelimited,   // `name`; never a keyword.
  kString,
  kNumber,  // Digits, or digits.digits
  kDate,    // Without "@".
  kDateTime,
  kTime,      // Without "@T".
  kSymbol,    // One or two characters of punctuation.
  kVariable,  // %name, %`name`, %'name'
  kSpecial,   // $this, $index, $total
};

struct Lexeme {
  Token token = Token::kEnd;
  uint32_t position = 0;  // Byte offset.
  std::string text;       // Unescaped.
};

// All lexemes, the last one a kEnd. Errors: kInvalid with the position.
Result<std::vector<Lexeme>> LexPath(std::string_view text);

enum class PathOperator : uint8_t {
  kMultiply,
  kDivide,
  kDiv,
  kMod,
  kAdd,
  kSubtract,
  kConcatenate,
  kUnion,
  kLess,
  kGreater,
  kLessOrEqual,
  kGreaterOrEqual,
  kEqual,
  kEquivalent,
  kNotEqual,
  kNotEquivalent,
  kIn,
  kContains,
  kAnd,
  kOr,
  kXor,
  kImplies,
};
std::string_view PathOperatorText(PathOperator op);

enum class AstKind : uint8_t {
  kEmpty,     // {}
  kBoolean,   // true, false: `text`
  kString,    //
  kNumber,    //
  kDate,      //
  kDateTime,  //
  kTime,      //
  kQuantity,  // `text` and `unit`; `calendar` when the unit is a keyword
  kMember,    // [target.]text
  kFunction,  // [target.]text(children after the target)
  kIndex,     // children[0] [ children[1] ]
  kNegate,    // -children[0]
  kPlus,      // +children[0]
  kBinary,    // children[0] op children[1]
  kIs,        // children[0] is text
  kAs,        // children[0] as text
  kVariable,  // %text
  kThis,
  kIndexOf,  // $index
  kTotal,
};

struct AstNode {
  AstKind kind = AstKind::kEmpty;
  PathOperator op = PathOperator::kAdd;
  bool has_target = false;  // kMember, kFunction: children[0] is what they are applied to.
  bool calendar = false;
  bool delimited = false;  // kMember: written in backticks.
  uint32_t position = 0;
  uint32_t height = 1;  // Of the tree below, itself included.
  std::string text;
  std::string unit;
  std::vector<uint32_t> children;  // In Ast::nodes.
};

struct Ast {
  std::vector<AstNode> nodes;
  uint32_t root = 0;
};

// Errors: kInvalid (syntax), kTooLarge; both with the position.
Result<Ast> ParsePath(std::string_view text, const PathLimits& limits);

// "line 1, column 6: what"
Error PathError(ErrorKind kind, std::string_view text, uint32_t position, std::string_view what);

}  // namespace tarn::fhir::internal
