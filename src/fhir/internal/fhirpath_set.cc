// Sets of expressions: what is a plain path becomes the walk, the rest programs.
#include "base/check.h"
#include "fhir/fhirpath.h"
#include "fhir/internal/fhirpath_evaluator.h"
#include "fhir/internal/fhirpath_walk.h"

namespace tarn::fhir {
namespace {

Error InExpression(const Error& error, std::string_view expression) {
  return {error.kind, "in '" + std::string(expression) + "': " + error.detail};
}

Result<internal::Ast> Parse(std::string_view expression, const PathLimits& limits) {
  auto ast = internal::ParsePath(expression, limits);
  if (!ast.ok()) return InExpression(ast.error(), expression);
  return ast;
}

Result<PathProgram> Compile(std::string_view expression, TypeIndex context,
                            const PathLimits& limits) {
  PathOptions options;
  options.context = context;
  options.other_types_are_empty = true;
  options.limits = limits;
  auto program = CompilePath(expression, options);
  if (!program.ok()) return InExpression(program.error(), expression);
  return program;
}

}  // namespace

Result<PathSet> PathSet::Compile(TypeIndex context, std::span<const Entry> entries,
                                 const PathLimits& limits) {
  CHECK(entries.size() <= UINT16_MAX);
  auto data = std::make_shared<internal::PathSetData>();
  data->type = context;
  internal::WalkBuilder walk(context);
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    const auto number = static_cast<uint16_t>(i);
    TRY(const internal::Ast ast, Parse(entry.expression, limits));
    std::vector<internal::Ast> components;
    for (std::string_view component : entry.components) {
      TRY(internal::Ast parsed, Parse(component, limits));
      components.push_back(std::move(parsed));
    }
    // Compiled in any case: the checker says what is wrong with it.
    TRY(PathProgram program, fhir::Compile(entry.expression, context, limits));
    data->walked.push_back(walk.Add(number, ast, components));
    if (data->walked.back()) continue;
    internal::SetProgram& rest = data->programs.emplace_back();
    rest.expression = number;
    for (std::string_view component : entry.components) {
      const auto& types = program.data_->result_types;
      const TypeIndex type = types.size() == 1 ? types.front() : kUnknownType;
      TRY(PathProgram compiled, fhir::Compile(component, type, limits));
      rest.components.push_back(std::move(compiled));
    }
    rest.program = std::move(program);
  }
  data->plan = walk.Build();
  PathSet set;
  set.data_ = std::move(data);
  return set;
}

bool PathSet::IsWalked(size_t entry) const { return data_->walked[entry]; }

size_t PathSet::size() const { return data_->walked.size(); }

Result<std::span<const PathMatch>> PathEvaluator::Extract(const PathSet& set,
                                                          const json::Document& resource,
                                                          const PathEnvironment& environment) {
  const internal::PathSetData& data = *set.data_;
  if (internal::ResourceTypeOf(resource, json::kRoot) != data.type) {
    return Invalid("the resource is no " + std::string(TypeAt(data.type).name.view()));
  }
  std::vector<PathMatch>& matches = state_->matches;
  matches.clear();
  state_->machine.Begin();
  internal::Walk(data.plan, resource, &matches);
  PathItem focus;
  focus.kind = PathKind::kNode;
  focus.type = data.type;
  focus.at = {&resource, json::kRoot};
  for (const internal::SetProgram& each : data.programs) {
    const auto found = state_->machine.RunMore(*each.program.data_, focus, environment);
    if (!found.ok()) return InExpression(found.error(), each.program.text());
    const std::vector<PathItem> items(found.value().begin(), found.value().end());
    for (const PathItem& item : items) {
      if (each.components.empty()) matches.push_back({each.expression, 0, json::kNoNode, item});
      for (size_t k = 0; k < each.components.size(); ++k) {
        const internal::PathProgramData& component = *each.components[k].data_;
        const auto parts = state_->machine.RunMore(component, item, environment);
        if (!parts.ok()) return InExpression(parts.error(), component.text);
        const uint32_t group = item.is_node() ? item.at.node : json::kNoNode;
        for (const PathItem& part : parts.value()) {
          matches.push_back({each.expression, static_cast<uint8_t>(k + 1), group, part});
        }
      }
    }
  }
  return std::span<const PathMatch>(matches);
}

}  // namespace tarn::fhir
