// What is said of a program before anything is sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "arazzo/internal/test_world.h"

namespace tarn::arazzo {
namespace {

using testing::HasSubstr;

constexpr std::string_view kStrictApi = R"(
openapi: 3.1.0
info: {title: t, version: '1'}
servers: [{url: 'https://h'}]
paths:
  /a/{id}/{part}:
    post:
      operationId: postA
      parameters:
      - {name: q, in: query, required: true, schema: {type: string}}
      - {name: X-H, in: header, required: true, schema: {type: string}}
      - {name: c, in: cookie, required: true, schema: {type: string}}
      - {name: o, in: query, schema: {type: string}}
      requestBody: {required: true, content: {application/json: {}, text/csv: {}}}
      security: [{bearer: []}, {key: [], bearer: []}]
  /free: {get: {operationId: free, security: [{bearer: []}, {}]}}
  /key: {get: {operationId: key, security: [{key: []}]}}
  /loop: {get: {operationId: loop, parameters: [{$ref: '#/components/parameters/a'}]}}
  /far: {get: {operationId: far, parameters: [{$ref: 'x.yaml#/y'}]}}
components:
  parameters: {a: {$ref: '#/components/parameters/b'}, b: {$ref: '#/components/parameters/a'}}
  securitySchemes:
    bearer: {type: http, scheme: bearer}
    key: {type: apiKey, in: query, name: api_key}
)";

std::string Check(const std::string& steps) {
  Library library;
  library.documents["api.yaml"] = kStrictApi;
  const Program program = LoadProgram(
      "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\n"
      "sourceDescriptions: [{name: api, url: api.yaml, type: openapi}]\n"
      "workflows:\n- workflowId: w\n  steps:\n" +
          steps,
      "w.yaml", Reading::kLenient, library);
  std::string out;
  for (const Diagnostic& diagnostic : program.diagnostics) out += ToText(diagnostic) + "\n";
  return out;
}

TEST(Check, SaysWhatAnOperationMisses) {
  EXPECT_EQ(Check("  - {stepId: s, operationId: postA}\n"),
            "w.yaml:7:5: error: the step s gives no path parameter id, which /a/{id}/{part} needs\n"
            "w.yaml:7:5: error: the step s gives no path parameter part, which /a/{id}/{part} "
            "needs\n"
            "w.yaml:7:5: warning: the step s gives no query parameter q, which postA requires\n"
            "w.yaml:7:5: warning: the step s gives no header parameter X-H, which postA requires\n"
            "w.yaml:7:5: warning: the step s gives no cookie parameter c, which postA requires\n"
            "w.yaml:7:5: warning: the step s gives no requestBody, which postA requires\n"
            "w.yaml:7:5: warning: the step s gives no credentials for bearer (give the header "
            "parameter Authorization, from an input of format: password)\n");
  const std::string all =
      "  - stepId: s\n    operationId: postA\n    parameters:\n"
      "    - {name: id, in: path, value: 1}\n    - {name: part, in: path, value: 2}\n"
      "    - {name: q, in: query, value: 3}\n    - {name: x-h, in: header, value: 4}\n"
      "    - {name: c, in: cookie, value: 5}\n"
      "    - {name: authorization, in: header, value: 'Bearer x'}\n";
  EXPECT_EQ(Check(all + "    requestBody: {payload: {}}\n"), "");
  EXPECT_EQ(Check(all + "    requestBody: {contentType: application/merge+json, payload: {}}\n"),
            "");
  EXPECT_EQ(Check(all + "    requestBody: {contentType: text/csv, payload: a}\n"), "");
  EXPECT_THAT(Check(all + "    requestBody: {contentType: text/xml, payload: a}\n"),
              HasSubstr("16:18: warning: the step s sends text/xml, but the description of postA "
                        "names application/json, text/csv"));
  EXPECT_THAT(Check(all + "    - {name: ib, in: path, value: 5}\n    requestBody: {payload: {}}\n"),
              HasSubstr("16:7: error: the path /a/{id}/{part} has no parameter ib; nearest: id"));
}

TEST(Check, SaysWhichCredentialsAreMissing) {
  EXPECT_EQ(Check("  - {stepId: s, operationId: free}\n"), "");
  EXPECT_THAT(Check("  - {stepId: s, operationId: key}\n"),
              HasSubstr("no credentials for key (give the query parameter api_key"));
  EXPECT_EQ(Check("  - {stepId: s, operationId: key, parameters: [{name: api_key, in: query, "
                  "value: x}]}\n"),
            "");
}

TEST(Check, NamesCirclesOfReferences) {
  EXPECT_THAT(Check("  - {stepId: s, operationId: loop}\n"),
              HasSubstr("the reference runs in a circle: #/components/parameters/a -> "
                        "#/components/parameters/b -> #/components/parameters/a"));
  EXPECT_THAT(Check("  - {stepId: s, operationId: far}\n"), HasSubstr("another document"));
}

// As the specification's published schema would judge: what it accepts and refuses.
TEST(Check, DocumentsByTheSpecificationsText) {
  const auto document = [](std::string_view step, std::string_view workflow = "",
                           std::string_view root = "", std::string_view version = "1.0.1") {
    return "arazzo: " + std::string(version) +
           "\ninfo: {title: t, version: '1', summary: s, description: d, x-i: 1}\n"
           "sourceDescriptions: [{name: api, url: api.yaml, type: openapi, x-s: {}}]\n"
           "workflows:\n- workflowId: w\n  summary: s\n  description: d\n" +
           std::string(workflow) + "  steps:\n  - stepId: s\n    description: d\n" +
           std::string(step) + std::string(root);
  };
  const auto op = [](std::string_view more) {
    return "    operationId: free\n" + std::string(more);
  };
  struct Row {
    std::string text;
    bool accepted;
  };
  const std::vector<Row> rows = {
      {document(op("")), true},
      {document(op(""), "", "", "1.0.0"), true},
      {document(op(""), "", "", "1.1.0"), true},
      {document(op(""), "", "", "1.0.99"), true},
      {document(op(""), "", "", "'1.2.0'"), false},
      {document(op(""), "", "", "true"), false},
      {document(op(""), "", "x-root: [1]\n"), true},
      {document(op(""), "", "other: 1\n"), false},
      {document(op(""), "", "components: {x-c: 1, inputs: {a: {type: string}}}\n"), true},
      {document(op(""), "", "components: {schemas: {}}\n"), false},
      {document(op(""), "", "components: {parameters: {p: {name: a, in: query, value: 1}}}\n"),
       true},
      {document(op(""), "", "components: {parameters: {p: {name: a, in: query}}}\n"), false},
      {document(op(""), "", "components: {failureActions: {f: {name: f, type: retry}}}\n"), true},
      {document(op(""), "", "components: {successActions: {f: {name: f, type: retry}}}\n"), false},
      {document(op(""), "  inputs: {type: object}\n"), true},
      {document(op(""), "  inputs: true\n"), true},
      {document(op(""), "  inputs: {type: 5}\n"), false},
      {document(op(""), "  dependsOn: w\n"), false},
      {document(op(""), "  outputs: {a.b-c_1: $steps.s.outputs.x}\n"), false},  // No such output.
      {document(op("    outputs: {x: $statusCode}\n"),
                "  outputs: {a.b-c_1: $steps.s.outputs.x}\n"),
       true},
      {document(op(""), "  outputs: [1]\n"), false},
      {document(op(""), "  successActions: [{name: a, type: end}]\n"), true},
      {document(op(""), "  failureActions: [{name: a, type: retry, retryAfter: 0.5}]\n"), true},
      {document(op(""), "  parameters: [{name: a, in: header, value: 1}]\n"), true},
      {document("    operationId: free\n    workflowId: w\n"), false},
      {document(""), false},
      {document(op("    x-any: {a: 1}\n")), true},
      {document(op("    any: 1\n")), false},
      {document(op("    parameters: {}\n")), false},
      {document(op("    parameters: [{name: a, in: query, value: 1}]\n")), true},
      {document(op("    parameters: [{in: query, value: 1}]\n")), false},
      {document(op("    parameters: [{name: a, in: query}]\n")), false},
      {document(op("    parameters: [{name: a, value: 1}]\n")), false},
      {document(op("    parameters: [{name: a, in: form, value: 1}]\n")), false},
      {document(op("    parameters: [{name: a, in: query, value: 1}, {name: a, in: query, value: "
                   "2}]\n")),
       false},
      {document(op("    parameters: [{name: a, in: query, value: 1}, {name: a, in: header, value: "
                   "2}]\n")),
       true},
      {document(op("    requestBody: {contentType: a/b, payload: x, replacements: [{target: /a, "
                   "value: 1}]}\n")),
       true},
      {document(op("    requestBody: {payload: x, replacements: [{target: /a}]}\n")), false},
      {document(op("    requestBody: {body: x}\n")), false},
      {document(op("    successCriteria: [{condition: $statusCode == 200}]\n")), true},
      {document(op("    successCriteria: [{condition: $statusCode == 200, type: simple}]\n")),
       true},
      {document(
           op("    successCriteria: [{context: $response.body, condition: a, type: regex}]\n")),
       true},
      {document(op("    successCriteria: [{condition: a, type: regex}]\n")), false},
      {document(op("    successCriteria: [{context: $response.body, condition: '(', type: "
                   "regex}]\n")),
       false},
      {document(op("    successCriteria: [{context: $response.body, condition: '//a', type: {type: "
                   "xpath, version: xpath-10}}]\n")),
       true},
      {document(op("    successCriteria: [{context: $response.body, condition: '//a[', type: "
                   "xpath}]\n")),
       false},
      {document(op("    successCriteria: [{context: $response.body, condition: '//a', type: {type: "
                   "xpath, version: xpath-99}}]\n")),
       false},
      {document(op("    successCriteria: [{context: $response.body, condition: '//a', type: {type: "
                   "xpath}}]\n")),
       true},
      {document(op("    successCriteria: [{}]\n")), false},
      {document(op("    onSuccess: [{name: a, type: end}]\n")), true},
      {document(op("    onSuccess: [{type: end}]\n")), false},
      {document(op("    onSuccess: [{name: a}]\n")), false},
      {document(op("    onSuccess: [{name: a, type: goto, stepId: s, workflowId: w}]\n")), false},
      {document(op("    onFailure: [{name: a, type: retry, retryAfter: x}]\n")), false},
      {document(op("    onFailure: [{name: a, type: retry, retryLimit: 1.5}]\n")), false},
      {document(op("    onFailure: [{name: a, type: goto, workflowId: w}]\n")), true},
      {document(op("    outputs: {'bad name': $statusCode}\n")), false},
      {document(op("    outputs: {a: statusCode}\n")), false},
  };
  for (const Row& row : rows) {
    Library library;
    library.documents["api.yaml"] =
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\nservers: [{url: 'https://h'}]\n"
        "paths: {/free: {get: {operationId: free}}}\n";
    const Program program = LoadProgram(row.text, "w.yaml", Reading::kLenient, library);
    std::string said;
    for (const Diagnostic& diagnostic : program.diagnostics) said += ToText(diagnostic) + "\n";
    EXPECT_EQ(program.root != nullptr, row.accepted) << row.text << said;
  }
}

}  // namespace
}  // namespace tarn::arazzo
