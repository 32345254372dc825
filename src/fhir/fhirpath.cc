#include "fhir/fhirpath.h"

#include <array>

#include "base/check.h"
#include "fhir/internal/fhirpath_evaluator.h"
#include "fhir/internal/fhirpath_program.h"
#include "fhir/internal/fhirpath_value.h"
#include "json/document.h"

namespace tarn::fhir {

using internal::TextOf;

std::string_view PathItem::raw() const {
  if (!is_node() || at.node == json::kNoNode) return {};
  return at.document->Raw(at.node);
}

std::string PathItemText(const PathItem& item) {
  switch (item.kind) {
    case PathKind::kNode:
      if (item.at.node == json::kNoNode) return {};
      if (item.at.document->kind(item.at.node) != json::Kind::kString) {
        return std::string(item.raw());
      }
      return item.at.document->String(item.at.node);
    case PathKind::kBoolean:
      return item.boolean ? "true" : "false";
    case PathKind::kInteger:
      return std::to_string(item.integer);
    case PathKind::kDecimal:
      return internal::PlainDecimalText(internal::DecimalOfItem(item));
    case PathKind::kString:
      return std::string(TextOf(item.text));
    case PathKind::kDate:
    case PathKind::kDateTime:
    case PathKind::kTime:
      return internal::TimeItemText(item);
    case PathKind::kQuantity: {
      const std::string number =
          internal::PlainDecimalText(internal::DecimalOfQuantity(*item.quantity));
      const std::string unit(TextOf(item.quantity->unit));
      return number + (item.quantity->calendar ? " " + unit : " '" + unit + "'");
    }
    case PathKind::kTypeInfo: {
      const TypeDefinition& type = TypeAt(item.type_info);
      return (type.kind == TypeKind::kSystem ? "System." : "FHIR.") + std::string(type.name.view());
    }
  }
  return {};
}

std::string PathItemTypeName(const PathItem& item) {
  if (item.kind == PathKind::kTypeInfo) return "System.TypeInfo";
  const TypeDefinition& type = TypeAt(item.type);
  return (type.kind == TypeKind::kSystem ? "System." : "FHIR.") + std::string(type.name.view());
}

Result<PathItem> ResourceItem(const json::Document& resource) {
  const TypeIndex type = internal::ResourceTypeOf(resource, json::kRoot);
  if (type == kUnknownType) return Invalid("no resource of FHIR R4: resourceType names none");
  PathItem item;
  item.kind = PathKind::kNode;
  item.type = type;
  item.at = {&resource, json::kRoot};
  return item;
}

// ---- Programs ----

std::string_view PathProgram::text() const { return data_->text; }

Result<PathProgram> CompilePath(std::string_view text, const PathOptions& options) {
  TRY(const internal::Ast ast, internal::ParsePath(text, options.limits));
  auto data = std::make_shared<internal::PathProgramData>();
  TRY(internal::CompileAst(text, ast, ast.root, options, data.get()));
  PathProgram program;
  program.data_ = std::move(data);
  return program;
}

std::string PathProgram::Listing() const {
  static constexpr std::array<std::string_view, 17> kNames = {
      "literal", "empty",  "this",     "index-of",   "total",          "variable",
      "root",    "member", "index",    "negate",     "plus",           "binary",
      "is",      "as",     "function", "where-text", "where-reference"};
  std::string out;
  for (size_t i = 0; i < data_->ops.size(); ++i) {
    const internal::Op& op = data_->ops[i];
    out += std::to_string(i) + " " + std::string(kNames[static_cast<size_t>(op.code)]);
    switch (op.code) {
      case internal::OpCode::kLiteral:
        out += " " + PathItemText(data_->literals[op.data]);
        break;
      case internal::OpCode::kMember:
      case internal::OpCode::kWhereText:
        out += " " + data_->steps[op.data].name;
        break;
      case internal::OpCode::kRoot:
      case internal::OpCode::kIs:
      case internal::OpCode::kAs:
      case internal::OpCode::kWhereReference:
        out += " " + data_->specs[op.data].text;
        break;
      case internal::OpCode::kBinary:
        out += " " + std::string(internal::PathOperatorText(op.op));
        break;
      default:
        break;
    }
    for (size_t k = 0; k < op.child_count; ++k) {
      out += " #" + std::to_string(data_->children[op.first_child + k]);
    }
    out += "\n";
  }
  return out;
}

// ---- Evaluation ----

PathEvaluator::PathEvaluator(const PathLimits& limits)
    : state_(std::make_unique<internal::PathEvaluatorState>(limits)) {}

PathEvaluator::~PathEvaluator() = default;

Result<std::span<const PathItem>> PathEvaluator::Evaluate(const PathProgram& program,
                                                          const json::Document& resource,
                                                          const PathEnvironment& environment) {
  TRY(const PathItem focus, ResourceItem(resource));
  return Evaluate(program, focus, environment);
}

Result<std::span<const PathItem>> PathEvaluator::Evaluate(const PathProgram& program,
                                                          const PathItem& focus,
                                                          const PathEnvironment& environment) {
  return state_->machine.Run(*program.data_, focus, environment);
}

}  // namespace tarn::fhir
