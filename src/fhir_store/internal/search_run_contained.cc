// Searches for contained resources (_contained, _containedType).
// Spec: FHIR R4 "Search", section 3.1.1.5.9. What resources contain has no index of its own: the
// index knows which resources contain some resource of a type, and their bodies tell the rest.
#include <algorithm>

#include "fhir_store/internal/search_run.h"

namespace tarn::fhir_store {
namespace {

using fhir::Contained;
using fhir::ContainedType;

}  // namespace

bool SearchRun::IsAsked(fhir::TypeId type) const {
  const auto& types = query_.types;
  return types.empty() || std::find(types.begin(), types.end(), type) != types.end();
}

Status SearchRun::CheckContained() const {
  if (query_.contained == Contained::kFalse) return Ok();
  const auto refuse = [](std::string_view what) -> Status {
    return Error{ErrorKind::kUnsupported, "_contained is not supported " + std::string(what)};
  };
  if (query_.compartment.has_value()) return refuse("within a compartment");
  if (!query_.sort.empty()) return refuse("together with _sort");
  if (query_.contained_type == ContainedType::kContainer) return Ok();
  // One container may be several matches, which only its body tells.
  if (query_.summary == fhir::Summary::kCount || query_.total == fhir::Total::kAccurate ||
      query_.total == fhir::Total::kEstimate) {
    return refuse("with _containedType=contained together with a total");
  }
  if (!query_.includes.empty()) {
    return refuse("with _containedType=contained together with _include or _revinclude");
  }
  return Ok();
}

// Recursion: kQueryDepthMax nested groups. Finding the operands finds what chains within them come
// to.
Status SearchRun::FindRelated(const fhir::Criterion& criterion) {
  switch (criterion.kind) {
    case fhir::Criterion::Kind::kCompare:
      return Ok();
    case fhir::Criterion::Kind::kChain: {
      auto& targets = related_.targets[&criterion];
      targets.clear();
      for (const fhir::Criterion& operand : criterion.operands) {
        TRY(OrdinalSet found, Exact(operand, operand.type));
        targets.emplace_back(operand.type, std::move(found));
      }
      return Ok();
    }
    case fhir::Criterion::Kind::kHas: {
      const fhir::Criterion& source = criterion.operands.at(0);
      const auto found = Exact(source, source.type);
      return found.ok() ? Ok() : Status(found.error());
    }
    default:
      for (const fhir::Criterion& operand : criterion.operands) TRY(FindRelated(operand));
      return Ok();
  }
}

Result<PlanNode> SearchRun::PlanType(fhir::TypeId type) const {
  if (query_.contained == Contained::kFalse) return planner_.Plan(*criteria_, type);
  PlanNode containers = planner_.PlanContainers(*criteria_, type);
  if (query_.contained == Contained::kTrue || !IsAsked(type)) return containers;
  TRY(PlanNode plain, planner_.Plan(*criteria_, type));
  std::vector<PlanNode> either;
  either.push_back(std::move(plain));
  either.push_back(std::move(containers));
  return MakeNode(PlanNode::Kind::kOr, "both", std::move(either));
}

Result<bool> SearchRun::IsContainedResult() {
  if (query_.contained == Contained::kBoth && IsAsked(judge_.loaded_type())) {
    TRY(const bool itself, judge_.Matches(*criteria_));
    if (itself) return true;
  }
  TRY(const auto contained, judge_.MatchingContained(*criteria_));
  return !contained.empty();
}

}  // namespace tarn::fhir_store
