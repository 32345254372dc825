// What a step's dependsOn names (Arazzo 1.1.0, "Step Object"): a step of its own workflow, of
// another one of the document (`$workflows.w.steps.s`), or of another document
// (`$sourceDescriptions.n.w.steps.s`).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tarn::arazzo {

struct StepReference {
  std::string workflow;  // As FindWorkflow takes it; empty: the step's own.
  std::string step;
};
// Nothing: it has none of these forms.
std::optional<StepReference> ParseStepReference(std::string_view text);

}  // namespace tarn::arazzo
