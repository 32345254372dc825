// OperationOutcome, the form in which every FHIR surface says what is wrong.
// Spec: FHIR R4 "OperationOutcome", value set issue-type.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tarn::fhir {

struct Issue {
  std::string severity = "error";  // fatal, error, warning, information
  std::string code;                // "invalid", "not-found", "conflict", ...
  std::string diagnostics;         // For people. Never patient data.
  std::string expression;          // FHIRPath of the element, or empty.
};

// HTTP status and issue code of each kind: the one table that FHIR surfaces use.
struct OutcomeForm {
  int status;
  std::string_view code;
};
OutcomeForm OutcomeFormOf(ErrorKind kind);

std::string OperationOutcomeText(const std::vector<Issue>& issues);
std::string OperationOutcomeText(const Error& error);

}  // namespace tarn::fhir
