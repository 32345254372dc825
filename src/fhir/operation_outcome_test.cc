#include "fhir/operation_outcome.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "json/value.h"

namespace tarn::fhir {
namespace {

TEST(OperationOutcome, EveryKindHasAForm) {
  // FHIR R4 value set issue-type, the codes that we use.
  const std::set<std::string_view> codes = {"invalid",   "login",     "forbidden",     "not-found",
                                            "deleted",   "conflict",  "not-supported", "too-long",
                                            "throttled", "transient", "timeout",       "exception"};
  for (int kind = 0; kind < kErrorKindCount; ++kind) {
    const OutcomeForm form = OutcomeFormOf(static_cast<ErrorKind>(kind));
    SCOPED_TRACE(ErrorKindName(static_cast<ErrorKind>(kind)));
    EXPECT_GE(form.status, 400);
    EXPECT_LT(form.status, 600);
    EXPECT_TRUE(codes.contains(form.code));
  }
  EXPECT_EQ(OutcomeFormOf(ErrorKind::kGone).status, 410);
  EXPECT_EQ(OutcomeFormOf(ErrorKind::kPreconditionFailed).status, 412);
}

TEST(OperationOutcome, IsJson) {
  EXPECT_EQ(OperationOutcomeText(NotFound("a \"b\"")),
            R"({"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found",)"
            R"("details":{"text":"a \"b\""},"diagnostics":"a \"b\""}]})");
  Issue warning;
  warning.severity = "warning";
  warning.code = "incomplete";
  warning.expression = "Patient.name[0]";
  EXPECT_EQ(OperationOutcomeText({warning, warning}),
            R"({"resourceType":"OperationOutcome","issue":[)"
            R"({"severity":"warning","code":"incomplete","expression":["Patient.name[0]"]},)"
            R"({"severity":"warning","code":"incomplete","expression":["Patient.name[0]"]}]})");
}

}  // namespace
}  // namespace tarn::fhir
