#include "arazzo/internal/step_reference.h"

namespace tarn::arazzo {

std::optional<StepReference> ParseStepReference(std::string_view text) {
  if (!text.starts_with("$")) return StepReference{"", std::string(text)};
  constexpr std::string_view kWorkflows = "$workflows.";
  constexpr std::string_view kSources = "$sourceDescriptions.";
  constexpr std::string_view kSteps = ".steps.";
  const size_t at = text.rfind(kSteps);
  if (at == text.npos || at + kSteps.size() == text.size()) return std::nullopt;
  std::string_view workflow = text.substr(0, at);
  const std::string step(text.substr(at + kSteps.size()));
  if (workflow.starts_with(kWorkflows)) {
    workflow.remove_prefix(kWorkflows.size());
  } else if (!workflow.starts_with(kSources)) {
    return std::nullopt;
  }
  if (workflow.empty()) return std::nullopt;
  return StepReference{std::string(workflow), step};
}

}  // namespace tarn::arazzo
