// A precedence-climbing parser. The loosest operator is 1; unary signs bind tighter than all binary
// operators, and '.', '[]' tighter than those.
#include <algorithm>
#include <array>
#include <optional>

#include "fhir/internal/fhirpath_syntax.h"
#include "fhir/internal/fhirpath_value.h"

namespace tarn::fhir::internal {
namespace {

struct OperatorRow {
  std::string_view text;
  PathOperator op;
  int precedence;
};

// `is` and `as` stand between '+' and '|': kTypePrecedence.
constexpr std::array<OperatorRow, 22> kOperators = {{
    {"*", PathOperator::kMultiply, 11},    {"/", PathOperator::kDivide, 11},
    {"div", PathOperator::kDiv, 11},       {"mod", PathOperator::kMod, 11},
    {"+", PathOperator::kAdd, 10},         {"-", PathOperator::kSubtract, 10},
    {"&", PathOperator::kConcatenate, 10}, {"|", PathOperator::kUnion, 8},
    {"<", PathOperator::kLess, 7},         {">", PathOperator::kGreater, 7},
    {"<=", PathOperator::kLessOrEqual, 7}, {">=", PathOperator::kGreaterOrEqual, 7},
    {"=", PathOperator::kEqual, 6},        {"~", PathOperator::kEquivalent, 6},
    {"!=", PathOperator::kNotEqual, 6},    {"!~", PathOperator::kNotEquivalent, 6},
    {"in", PathOperator::kIn, 5},          {"contains", PathOperator::kContains, 5},
    {"and", PathOperator::kAnd, 4},        {"or", PathOperator::kOr, 3},
    {"xor", PathOperator::kXor, 3},        {"implies", PathOperator::kImplies, 2},
}};
constexpr int kTypePrecedence = 9;
constexpr int kLoosest = 1;

// Keywords that cannot name an element without backticks. as, is, contains and in can.
constexpr std::array<std::string_view, 8> kReserved = {"and", "or",  "xor",  "implies",
                                                       "div", "mod", "true", "false"};

class Parser {
 public:
  Parser(std::string_view text, const PathLimits& limits, std::vector<Lexeme> lexemes)
      : text_(text), limits_(limits), lexemes_(std::move(lexemes)) {}

  Result<Ast> Run() {
    TRY(ast_.root, Expression(kLoosest, 0));
    if (Peek().token != Token::kEnd) return Unexpected("the expression should end here");
    return std::move(ast_);
  }

 private:
  const Lexeme& Peek(size_t ahead = 0) const {
    return lexemes_[std::min(at_ + ahead, lexemes_.size() - 1)];
  }
  Lexeme Take() { return lexemes_[at_ + 1 < lexemes_.size() ? at_++ : at_]; }
  bool IsSymbol(std::string_view symbol) const {
    return Peek().token == Token::kSymbol && Peek().text == symbol;
  }
  bool TakeSymbol(std::string_view symbol) {
    if (!IsSymbol(symbol)) return false;
    ++at_;
    return true;
  }
  Error Fail(uint32_t position, std::string_view what) const {
    return PathError(ErrorKind::kInvalid, text_, position, what);
  }
  Error Unexpected(std::string_view expected) const {
    const bool end = Peek().token == Token::kEnd;
    return Fail(Peek().position, end ? "the expression ends too early: " + std::string(expected)
                                     : std::string(expected));
  }

  Result<uint32_t> Add(AstNode node) {
    for (uint32_t child : node.children) {
      node.height = std::max(node.height, ast_.nodes[child].height + 1);
    }
    if (node.height > limits_.depth_max) {
      return PathError(ErrorKind::kTooLarge, text_, node.position,
                       "the expression nests deeper than " + std::to_string(limits_.depth_max));
    }
    if (ast_.nodes.size() >= limits_.operations_max) {
      return PathError(
          ErrorKind::kTooLarge, text_, node.position,
          "the expression has more than " + std::to_string(limits_.operations_max) + " parts");
    }
    ast_.nodes.push_back(std::move(node));
    return static_cast<uint32_t>(ast_.nodes.size() - 1);
  }

  // `depth` counts recursion, which brackets cause without making the tree higher.
  Status CheckDepth(uint32_t depth) const {
    if (depth <= limits_.depth_max) return Ok();
    return PathError(ErrorKind::kTooLarge, text_, Peek().position,
                     "the expression nests deeper than " + std::to_string(limits_.depth_max));
  }

  const OperatorRow* PeekOperator() const {
    const Lexeme& next = Peek();
    if (next.token != Token::kSymbol && next.token != Token::kIdentifier) return nullptr;
    for (const OperatorRow& row : kOperators) {
      if (row.text == next.text) return &row;
    }
    return nullptr;
  }

  Result<uint32_t> Expression(int loosest, uint32_t depth) {
    TRY(CheckDepth(depth));
    TRY(uint32_t left, Unary(depth + 1));
    for (;;) {
      const Lexeme& next = Peek();
      const bool type =
          next.token == Token::kIdentifier && (next.text == "is" || next.text == "as");
      if (type) {
        if (kTypePrecedence < loosest) return left;
        TRY(left, TypeOperation(left));
        continue;
      }
      const OperatorRow* row = PeekOperator();
      if (row == nullptr || row->precedence < loosest) return left;
      const uint32_t position = Take().position;
      TRY(const uint32_t right, Expression(row->precedence + 1, depth + 1));
      AstNode node;
      node.kind = AstKind::kBinary;
      node.op = row->op;
      node.position = position;
      node.children = {left, right};
      TRY(left, Add(std::move(node)));
    }
  }

  Result<uint32_t> TypeOperation(uint32_t left) {
    const Lexeme word = Take();
    AstNode node;
    node.kind = word.text == "is" ? AstKind::kIs : AstKind::kAs;
    node.position = word.position;
    node.children = {left};
    TRY(node.text, TypeName());
    return Add(std::move(node));
  }

  Result<std::string> TypeName() {
    TRY(std::string name, Identifier("a type name"));
    if (!TakeSymbol(".")) return name;
    TRY(const std::string second, Identifier("a type name"));
    return name + "." + second;
  }

  Result<std::string> Identifier(std::string_view what) {
    const Lexeme& next = Peek();
    const bool reserved =
        next.token == Token::kIdentifier &&
        std::find(kReserved.begin(), kReserved.end(), next.text) != kReserved.end();
    if (reserved || (next.token != Token::kIdentifier && next.token != Token::kDelimited)) {
      return Unexpected(std::string(what) + " should stand here");
    }
    return Take().text;
  }

  Result<uint32_t> Unary(uint32_t depth) {
    TRY(CheckDepth(depth));
    if (!IsSymbol("-") && !IsSymbol("+")) return Postfix(depth);
    AstNode node;
    node.kind = IsSymbol("-") ? AstKind::kNegate : AstKind::kPlus;
    node.position = Take().position;
    TRY(const uint32_t operand, Unary(depth + 1));
    node.children = {operand};
    return Add(std::move(node));
  }

  Result<uint32_t> Postfix(uint32_t depth) {
    TRY(uint32_t term, Term(depth));
    for (;;) {
      if (TakeSymbol(".")) {
        if (Peek().token == Token::kSpecial) {
          TRY(term, Special(term));
          continue;
        }
        TRY(term, Invocation(&term, depth));
      } else if (IsSymbol("[")) {
        AstNode node;
        node.kind = AstKind::kIndex;
        node.position = Take().position;
        TRY(const uint32_t index, Expression(kLoosest, depth + 1));
        if (!TakeSymbol("]")) return Unexpected("']' should close the index");
        node.children = {term, index};
        TRY(term, Add(std::move(node)));
      } else {
        return term;
      }
    }
  }

  // A member or a function call, of `target` unless nullptr.
  Result<uint32_t> Invocation(const uint32_t* target, uint32_t depth) {
    AstNode node;
    node.kind = AstKind::kMember;
    node.position = Peek().position;
    node.delimited = Peek().token == Token::kDelimited;
    TRY(node.text, Identifier("the name of an element or function"));
    if (target != nullptr) {
      node.has_target = true;
      node.children.push_back(*target);
    }
    if (!TakeSymbol("(")) return Add(std::move(node));
    node.kind = AstKind::kFunction;
    while (!IsSymbol(")")) {
      TRY(const uint32_t argument, Expression(kLoosest, depth + 1));
      node.children.push_back(argument);
      if (!TakeSymbol(",")) break;
      if (IsSymbol(")")) return Unexpected("another argument should follow the comma");
    }
    if (!TakeSymbol(")")) return Unexpected("')' should close the arguments");
    return Add(std::move(node));
  }

  Result<uint32_t> Special(std::optional<uint32_t> target) {
    const Lexeme lexeme = Take();
    AstNode node;
    node.position = lexeme.position;
    if (lexeme.text == "this") {
      // x.$this is x itself: the grammar allows it, nothing else is meant.
      if (target) return *target;
      node.kind = AstKind::kThis;
    } else if (lexeme.text == "index") {
      node.kind = AstKind::kIndexOf;
    } else if (lexeme.text == "total") {
      node.kind = AstKind::kTotal;
    } else {
      return Fail(lexeme.position, "only $this, $index and $total exist");
    }
    return Add(std::move(node));
  }

  Result<uint32_t> Term(uint32_t depth) {
    const Lexeme& next = Peek();
    switch (next.token) {
      case Token::kSymbol:
        return Bracketed(depth);
      case Token::kSpecial:
        return Special(std::nullopt);
      case Token::kIdentifier:
        if (next.text == "true" || next.text == "false") return Literal(AstKind::kBoolean);
        return Invocation(nullptr, depth);
      case Token::kDelimited:
        return Invocation(nullptr, depth);
      case Token::kString:
        return Literal(AstKind::kString);
      case Token::kNumber:
        return Number();
      case Token::kDate:
        return Literal(AstKind::kDate);
      case Token::kDateTime:
        return Literal(AstKind::kDateTime);
      case Token::kTime:
        return Literal(AstKind::kTime);
      case Token::kVariable:
        return Literal(AstKind::kVariable);
      case Token::kEnd:
        break;
    }
    return Unexpected("a value, a name or '(' should stand here");
  }

  Result<uint32_t> Bracketed(uint32_t depth) {
    if (TakeSymbol("(")) {
      TRY(const uint32_t inner, Expression(kLoosest, depth + 1));
      if (!TakeSymbol(")")) return Unexpected("')' should close the bracket");
      return inner;
    }
    if (IsSymbol("{")) {
      AstNode node;
      node.position = Take().position;
      if (!TakeSymbol("}")) return Unexpected("'}' should follow: {} is the empty collection");
      return Add(std::move(node));
    }
    return Unexpected("a value, a name or '(' should stand here");
  }

  Result<uint32_t> Literal(AstKind kind) {
    Lexeme lexeme = Take();
    AstNode node;
    node.kind = kind;
    node.position = lexeme.position;
    node.text = std::move(lexeme.text);
    return Add(std::move(node));
  }

  // A number, or with a unit after it a quantity.
  Result<uint32_t> Number() {
    Lexeme lexeme = Take();
    AstNode node;
    node.kind = AstKind::kNumber;
    node.position = lexeme.position;
    node.text = std::move(lexeme.text);
    const Lexeme& next = Peek();
    const bool keyword =
        next.token == Token::kIdentifier && FindTimeKeyword(next.text) != TimeUnit::kNone;
    if (keyword || next.token == Token::kString) {
      node.kind = AstKind::kQuantity;
      node.calendar = keyword;
      node.unit = Take().text;
    }
    return Add(std::move(node));
  }

  std::string_view text_;
  const PathLimits& limits_;
  std::vector<Lexeme> lexemes_;
  size_t at_ = 0;
  Ast ast_;
};

}  // namespace

std::string_view PathOperatorText(PathOperator op) {
  return kOperators[static_cast<size_t>(op)].text;
}

Result<Ast> ParsePath(std::string_view text, const PathLimits& limits) {
  if (text.size() > limits.text_bytes_max) {
    return Error{ErrorKind::kTooLarge, "the expression has more than " +
                                           std::to_string(limits.text_bytes_max) + " bytes"};
  }
  TRY(std::vector<Lexeme> lexemes, LexPath(text));
  return Parser(text, limits, std::move(lexemes)).Run();
}

}  // namespace tarn::fhir::internal
