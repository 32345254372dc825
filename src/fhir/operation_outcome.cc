#include "fhir/operation_outcome.h"

#include "json/writer.h"

namespace tarn::fhir {

OutcomeForm OutcomeFormOf(ErrorKind kind) {
  // FHIR R4 "http.html", status codes of each interaction; value set issue-type.
  switch (kind) {
    case ErrorKind::kInvalid:
      return {400, "invalid"};
    case ErrorKind::kUnauthenticated:
      return {401, "login"};
    case ErrorKind::kForbidden:
      return {403, "forbidden"};
    case ErrorKind::kNotFound:
      return {404, "not-found"};
    case ErrorKind::kGone:
      return {410, "deleted"};
    case ErrorKind::kConflict:
      return {409, "conflict"};
    case ErrorKind::kPreconditionFailed:
      return {412, "conflict"};
    case ErrorKind::kTooLarge:
      return {413, "too-long"};
    case ErrorKind::kUnsupported:
      return {501, "not-supported"};
    case ErrorKind::kBusy:
      return {429, "throttled"};
    case ErrorKind::kUnavailable:
      return {503, "transient"};
    case ErrorKind::kTimeout:
      return {504, "timeout"};
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      break;
  }
  return {500, "exception"};
}

std::string OperationOutcomeText(const std::vector<Issue>& issues) {
  std::string out;
  json::Writer writer(&out);
  writer.BeginObject().Key("resourceType").String("OperationOutcome");
  writer.Key("issue").BeginArray();
  for (const Issue& issue : issues) {
    writer.BeginObject();
    writer.Key("severity").String(issue.severity);
    writer.Key("code").String(issue.code);
    if (!issue.diagnostics.empty()) {
      // HealthLake's clients read details.text, others diagnostics: both say the same.
      writer.Key("details").BeginObject().Key("text").String(issue.diagnostics).EndObject();
      writer.Key("diagnostics").String(issue.diagnostics);
    }
    if (!issue.expression.empty()) {
      writer.Key("expression").BeginArray().String(issue.expression).EndArray();
    }
    writer.EndObject();
  }
  writer.EndArray().EndObject().Finish();
  return out;
}

std::string OperationOutcomeText(const Error& error) {
  Issue issue;
  issue.code = OutcomeFormOf(error.kind).code;
  issue.diagnostics = error.detail;
  return OperationOutcomeText(std::vector<Issue>{issue});
}

}  // namespace tarn::fhir
