// Arazzo 1.0.1 and 1.1.0, rule by rule: what a document says, what is sent and what comes of it.
// One row for each rule; documents that are refused are in check_test.cc and document_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "arazzo/internal/test_world.h"

namespace tarn::arazzo {
namespace {

constexpr std::string_view kServiceApi = R"(
openapi: 3.0.3
info: {title: t, version: '1'}
servers: [{url: 'http://plain'}, {url: 'https://{host}/v{n}', variables: {host: {default: h}, n: {default: '1', enum: ['1', '2']}}}]
paths:
  /a/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getA}
    post: {operationId: postA}
  /b: {get: {operationId: getB}, post: {operationId: postB}}
  /#X-Target=One: {post: {operationId: targetOne}}
  /#X-Target=Two: {post: {operationId: targetTwo}}
  /styles/{m}/{l}:
    get:
      operationId: styles
      parameters:
      - {name: m, in: path, required: true, style: matrix, schema: {type: array}}
      - {name: l, in: path, required: true, style: label, explode: true, schema: {type: object}}
      - {name: deep, in: query, style: deepObject, schema: {type: object}}
      - {name: pipe, in: query, style: pipeDelimited, explode: false, schema: {type: array}}
      - {name: list, in: query, schema: {type: array}}
      - {name: X-L, in: header, schema: {type: array}}
  /xml: {post: {operationId: xml, requestBody: {content: {application/xml: {}}}}}
)";

constexpr std::string_view kOther = R"(
arazzo: 1.0.0
info: {title: t, version: '1'}
sourceDescriptions: [{name: api, url: ../apis/service.yaml}]
workflows:
- workflowId: far
  inputs: {type: object, properties: {x: {type: integer}}}
  steps: [{stepId: s, operationId: getB, parameters: [{name: far, in: query, value: $inputs.x}], outputs: {n: $response.body#/n}}]
  outputs: {n: $steps.s.outputs.n}
)";

struct Row {
  std::string rule;
  std::string workflows;  // What follows the head.
  std::string inputs;
  std::vector<HttpReply> answers;  // The last one for ever.
  RunStatus status = RunStatus::kEnded;
  std::string outputs;
  std::string sent;  // "METHOD path-and-query body\n" each.
  std::string version = "1.0.1";
  std::string head_more;
};

HttpReply Text(std::string type, std::string body) {
  return {200, {{"Content-Type", std::move(type)}}, std::move(body)};
}

std::string Sent(const World& world) {
  std::string out;
  for (const OutgoingRequest& request : world.requests) {
    std::string url = request.url;
    const std::string base = "https://h/v1";
    if (url.starts_with(base)) url = url.substr(base.size());
    out += request.method + " " + url + (request.body.empty() ? "" : " " + request.body) + "\n";
  }
  return out;
}

void Check(const Row& row) {
  SCOPED_TRACE(row.rule);
  Library library;
  library.documents["/apis/service.yaml"] = kServiceApi;
  library.documents["/docs/other.yaml"] = kOther;
  const std::string text = "arazzo: " + row.version +
                           "\ninfo: {title: t, version: '1'}\n"
                           "sourceDescriptions:\n"
                           "- {name: api, url: ../apis/service.yaml, type: openapi}\n"
                           "- {name: other, url: other.yaml, type: arazzo}\n" +
                           row.head_more + "workflows:\n" + row.workflows;
  const Program program = LoadProgram(text, "https://x/docs/w.yaml", Reading::kStrict, library);
  for (const Diagnostic& diagnostic : program.diagnostics) {
    if (diagnostic.severity == Severity::kError) ADD_FAILURE() << ToText(diagnostic);
  }
  if (program.root == nullptr) return;
  World world;
  size_t answered = 0;
  world.server = [&](const OutgoingRequest&, const ApiOperation&) -> Result<HttpReply> {
    if (row.answers.empty()) return Json(200, R"({"n":5,"s":"Text","list":[1,2],"o":{"k":"v"}})");
    return row.answers[std::min(answered++, row.answers.size() - 1)];
  };
  RunOptions options;
  options.run_id = "r";
  options.reading = Reading::kStrict;
  const RunResult result =
      RunWorkflow(program, "", ParseJson(row.inputs.empty() ? "{}" : row.inputs), options,
                  {world, world, world})
          .value();
  EXPECT_EQ(result.status, row.status) << result.message;
  EXPECT_EQ(json::ToText(result.outputs), row.outputs);
  EXPECT_EQ(Sent(world), row.sent);
}

// A workflow of one step that asks for /b, with more fields of the step.
std::string One(const std::string& step, const std::string& workflow = "") {
  return "- workflowId: w\n" + workflow + "  steps:\n  - stepId: s\n    operationId: getB\n" +
         step + "    outputs: {n: $response.body#/n}\n  outputs: {n: $steps.s.outputs.n}\n";
}

std::string Condition(const std::string& condition) {
  return One("    successCriteria: [{condition: \"" + condition + "\"}]\n");
}

TEST(Specification, DocumentsAndWorkflows) {
  for (const Row& row : std::vector<Row>{
           {"relative source URLs resolve against the document",
            One(""),
            "",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "GET /b\n"},
           {"https is preferred among servers, variables have defaults",
            One(""),
            "",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "GET /b\n"},
           {"the patch version is ignored",
            One(""),
            "",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "GET /b\n",
            "1.0.7"},
           {"inputs: defaults, references to components",
            "- workflowId: w\n  inputs: {$ref: '#/components/inputs/i'}\n  steps:\n"
            "  - {stepId: s, operationId: getB, parameters: [{name: q, in: query, value: "
            "$inputs.q}], outputs: {q: $request.query.q}}\n"
            "  outputs: {q: $steps.s.outputs.q}\n"
            "components:\n  inputs: {i: {type: object, properties: {q: {type: string, default: "
            "d}}}}\n",
            "",
            {},
            RunStatus::kEnded,
            R"({"q":"d"})",
            "GET /b?q=d\n"},
           {"inputs that do not fit are refused before anything is sent",
            One("", "  inputs: {type: object, required: [q]}\n"),
            "",
            {},
            RunStatus::kInvalidInputs,
            "{}",
            ""},
           {"dependsOn, local and of another document, complete first",
            One("", "  dependsOn: [v, $sourceDescriptions.other.far]\n") +
                "- workflowId: v\n  steps: [{stepId: s, operationId: postB}]\n",
            R"({"x":1})",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "POST /b\nGET /b?far=1\nGET /b\n"},
           {"parameters of the workflow apply to steps, which win by name and place",
            One("    parameters: [{name: a, in: query, value: 2}]\n",
                "  parameters: [{name: a, in: query, value: 1}, {name: b, in: query, value: 3}]\n"),
            "",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "GET /b?a=2&b=3\n"},
           {"actions of the workflow apply to steps without their own",
            "- workflowId: w\n  successActions: [{name: e, type: end}]\n  steps:\n"
            "  - {stepId: s, operationId: getB, onSuccess: [{name: g, type: goto, stepId: t}]}\n"
            "  - {stepId: t, operationId: postB}\n  - {stepId: u, operationId: postB}\n",
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "GET /b\nPOST /b\n"},
           {"failure actions of the workflow",
            "- workflowId: w\n  failureActions: [{name: g, type: goto, stepId: t}]\n  steps:\n"
            "  - {stepId: s, operationId: getB, onSuccess: [{name: e, type: end}]}\n"
            "  - {stepId: t, operationId: postB}\n",
            "",
            {Json(500, "{}"), Json(200, "{}")},
            RunStatus::kEnded,
            "{}",
            "GET /b\nPOST /b\n"},
           {"reusable parameters, with and without another value",
            One("    parameters: [{reference: $components.parameters.p, value: 8}, {reference: "
                "$components.parameters.q}]\n") +
                "components:\n  parameters: {p: {name: p, in: query, value: 1}, q: {name: q, in: "
                "query, value: 2}}\n",
            "",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "GET /b?p=8&q=2\n"},
           {"reusable actions",
            One("    onFailure: [{reference: $components.failureActions.again}]\n") +
                "components:\n  failureActions: {again: {name: again, type: retry, retryAfter: "
                "0}}\n",
            "",
            {Json(500, "{}"), Json(200, R"({"n":1})")},
            RunStatus::kEnded,
            R"({"n":1})",
            "GET /b\nGET /b\n"},
       }) {
    Check(row);
  }
}

TEST(Specification, StepsAndRequests) {
  const auto body = [](const std::string& fields) {
    return "- workflowId: w\n  inputs: {type: object}\n  steps:\n"
           "  - stepId: s\n    operationId: postB\n    requestBody: {" +
           fields + "}\n";
  };
  for (const Row& row : std::vector<Row>{
           {"operationPath by pointer",
            "- workflowId: w\n  steps: [{stepId: s, operationPath: "
            "'{$sourceDescriptions.api.url}#/paths/~1a~1{id}/post', parameters: [{name: id, in: "
            "path, value: 'x/ y'}]}]\n",
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "POST /a/x%2F%20y\n"},
           {"operationId with its source",
            "- workflowId: w\n  steps: [{stepId: s, operationId: $sourceDescriptions.api.getB}]\n",
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "GET /b\n"},
           {"a suffix of a path key tells operations apart and is not sent",
            "- workflowId: w\n  steps: [{stepId: s, operationId: targetTwo}]\n",
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "POST /\n"},
           {"styles of the description",
            "- workflowId: w\n  steps:\n  - stepId: s\n    operationId: styles\n    parameters:\n"
            "    - {name: m, in: path, value: [1, 2]}\n    - {name: l, in: path, value: {a: b}}\n"
            "    - {name: deep, in: query, value: {x: 1, y: 2}}\n"
            "    - {name: pipe, in: query, value: [1, 2]}\n"
            "    - {name: list, in: query, value: [1, 2]}\n",
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "GET /styles/;m=1,2/.a=b?deep%5Bx%5D=1&deep%5By%5D=2&pipe=1%7C2&list=1&list=2\n"},
           {"a step that calls a workflow gives inputs and takes outputs",
            "- workflowId: w\n  steps:\n  - {stepId: c, workflowId: $sourceDescriptions.other.far, "
            "parameters: [{name: x, value: 7}], outputs: {m: $outputs.n}}\n"
            "  outputs: {m: $steps.c.outputs.m}\n",
            "",
            {},
            RunStatus::kEnded,
            R"({"m":5})",
            "GET /b?far=7\n"},
           {"whole-value expressions keep their type, templates are text",
            body("payload: {a: $inputs.o, b: 'x{$inputs.o}{$inputs.n}', c: [$inputs.n]}"),
            R"({"o":{"k":[1]},"n":1.50})",
            {},
            RunStatus::kEnded,
            "{}",
            "POST /b {\"a\":{\"k\":[1]},\"b\":\"x{\\\"k\\\":[1]}1.50\",\"c\":[1.50]}\n"},
           {"absent optional inputs drop their member, null stays",
            body("payload: {a: $inputs.none, b: $inputs.null, c: {d: $inputs.none}}"),
            R"({"null":null})",
            {},
            RunStatus::kEnded,
            "{}",
            "POST /b {\"b\":null,\"c\":{}}\n"},
           {"a payload that is one expression",
            body("payload: $inputs.o"),
            R"({"o":[1]})",
            {},
            RunStatus::kEnded,
            "{}",
            "POST /b [1]\n"},
           {"a payload that is a template",
            body("payload: '{\"a\": {$inputs.n}}'"),
            R"({"n":1})",
            {},
            RunStatus::kEnded,
            "{}",
            "POST /b {\"a\": 1}\n"},
           {"a form",
            body("contentType: application/x-www-form-urlencoded, payload: {a: 'b c', d: [1, 2]}"),
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "POST /b a=b+c&d=1&d=2\n"},
           {"replacements by JSON Pointer",
            body("payload: {a: [1]}, replacements: [{target: /a/0, value: $inputs.n}, {target: "
                 "/b, value: x}]"),
            R"({"n":3})",
            {},
            RunStatus::kEnded,
            "{}",
            "POST /b {\"a\":[3],\"b\":\"x\"}\n"},
           {"replacements by XPath, the content type being the operation's",
            "- workflowId: w\n  steps: [{stepId: s, operationId: xml, requestBody: {payload: "
            "'<a><b/></a>', replacements: [{target: //b, value: 1}]}}]\n",
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "POST /xml <a><b>1</b></a>\n"},
           {"bodies on GET are sent",
            One("    requestBody: {payload: {a: 1}}\n"),
            "",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "GET /b {\"a\":1}\n"},
           {"a path parameter without a value sends nothing",
            "- workflowId: w\n  inputs: {type: object}\n  steps: [{stepId: s, operationId: getA, "
            "parameters: [{name: id, in: path, value: $inputs.none}]}]\n",
            "",
            {},
            RunStatus::kStepFailed,
            "{}",
            ""},
           {"a missing output is unset, not an error",
            One(""),
            "",
            {Json(200, "{}")},
            RunStatus::kEnded,
            "{}",
            "GET /b\n"},
           {"application/x-amz-json-1.0 is JSON",
            One(""),
            "",
            {Text("application/x-amz-json-1.0", R"({"n":6})")},
            RunStatus::kEnded,
            R"({"n":6})",
            "GET /b\n"},
       }) {
    Check(row);
  }
}

TEST(Specification, SimpleConditions) {
  struct Case {
    std::string condition;
    bool holds;
  };
  for (const Case& c : {
           Case{"$statusCode == 200", true},
           Case{"$response.body#/s == 'text'", true},  // Without regard to case.
           Case{"$response.body#/s != 'TEXT'", false},
           Case{"$response.body#/s == 'it''s'", false},
           Case{"'it''s' == 'it''s'", true},
           Case{"$response.body#/n < 6 && $response.body#/n >= 5", true},
           Case{"$response.body#/n <= 4 || $response.body#/n > 4", true},
           Case{"!($response.body#/n == 5)", false},
           Case{"!false && true", true},
           Case{"($statusCode == 200)", true},
           Case{"$response.body.list[1] == 2", true},
           Case{"$response.body.o.k == 'V'", true},
           Case{"$response.body#/n == '5'", true},  // A number as text.
           Case{"$response.body#/none == null", true},
           Case{"$response.body#/s == null", false},
           Case{"$response.body#/none == 1", false},  // An error, so it does not hold;
           Case{"$response.body#/none != 1", false},  // nor does the contrary.
           Case{"$response.body#/n==5", true},
           Case{"1 == 1.0", true},
       }) {
    Row row{c.condition,       Condition(c.condition), "",        {},
            RunStatus::kEnded, R"({"n":5})",           "GET /b\n"};
    if (!c.holds) row.status = RunStatus::kStepFailed;
    Check(row);
  }
}

TEST(Specification, OtherConditions) {
  struct Case {
    std::string rule, criteria;
    bool holds;
    HttpReply answer = Json(200, R"({"n":5,"s":"Text","list":[{"a":1},{"a":2}]})");
  };
  const HttpReply xml = Text("application/xml", "<r><n>5</n></r>");
  for (const Case& c : {
           Case{"regex searches", "{context: $response.body#/s, condition: 'e.t', type: regex}",
                true},
           Case{"regex is case-sensitive",
                "{context: $response.body#/s, condition: '^text$', type: regex}", false},
           Case{"regex on a number", "{context: $statusCode, condition: '^2', type: regex}", true},
           Case{"regex on an absent value fails",
                "{context: $response.body#/none, condition: '.', type: regex}", false},
           Case{"jsonpath holds when it selects something",
                "{context: $response.body, condition: '$.list[?@.a == 2]', type: jsonpath}", true},
           Case{"and not when it selects nothing",
                "{context: $response.body, condition: '$.list[?@.a == 3]', type: jsonpath}", false},
           Case{"by RFC 9535 also of another version",
                "{context: $response.body, condition: '$.list', type: {type: jsonpath, version: "
                "draft-goessner-dispatch-jsonpath-00}}",
                true},
           Case{"xpath by its effective boolean value",
                "{context: $response.body, condition: /r/n = 5, type: xpath}", true, xml},
           Case{"an empty node set is false",
                "{context: $response.body, condition: /r/m, type: {type: xpath, version: "
                "xpath-10}}",
                false, xml},
           Case{
               "expressions in a condition are put in first",
               "{context: $response.body, condition: '$.list[?@.a == {$response.body#/list/0/a}]', "
               "type: jsonpath}",
               true},
           Case{"all criteria must hold",
                "{condition: $statusCode == 200}, {condition: $statusCode == 201}", false},
           Case{"an evaluation error is a failure",
                "{context: $response.body, condition: '$.a', type: jsonpath}", false,
                Text("text/plain", "no JSON")},
       }) {
    Row row{c.rule,
            "- workflowId: w\n  steps:\n  - stepId: s\n    operationId: getB\n"
            "    successCriteria: [" +
                c.criteria + "]\n",
            "",
            {c.answer},
            c.holds ? RunStatus::kEnded : RunStatus::kStepFailed,
            "{}",
            "GET /b\n"};
    Check(row);
  }
}

TEST(Specification, Actions) {
  const auto steps = [](const std::string& actions) {
    return "- workflowId: w\n  steps:\n  - stepId: s\n    operationId: getB\n" + actions +
           "  - {stepId: t, operationId: postB}\n";
  };
  const HttpReply bad = Json(503, "{}");
  const HttpReply good = Json(200, R"({"n":5})");
  for (const Row& row : std::vector<Row>{
           {"without onSuccess the next step",
            steps(""),
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "GET /b\nPOST /b\n"},
           {"without onFailure the run ends",
            steps(""),
            "",
            {bad},
            RunStatus::kStepFailed,
            "{}",
            "GET /b\n"},
           {"the first action whose criteria all hold",
            steps("    onSuccess: [{name: a, type: goto, stepId: t, criteria: [{condition: "
                  "$statusCode == 201}]}, {name: b, type: end}]\n"),
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "GET /b\n"},
           {"none holds after a success: the next step",
            steps("    onSuccess: [{name: a, type: end, criteria: [{condition: $statusCode == "
                  "201}]}]\n"),
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "GET /b\nPOST /b\n"},
           {"none holds after a failure: the run ends",
            steps("    onFailure: [{name: a, type: goto, stepId: t, criteria: [{condition: "
                  "$statusCode == 500}]}]\n"),
            "",
            {bad},
            RunStatus::kStepFailed,
            "{}",
            "GET /b\n"},
           {"an action without criteria always holds",
            steps("    onFailure: [{name: a, type: goto, stepId: t}]\n"),
            "",
            {bad, good},
            RunStatus::kEnded,
            "{}",
            "GET /b\nPOST /b\n"},
           {"retry: once by default",
            steps("    onFailure: [{name: a, type: retry, retryAfter: 0}]\n"),
            "",
            {bad},
            RunStatus::kStepFailed,
            "{}",
            "GET /b\nGET /b\n"},
           {"retry: exhausted before later actions",
            steps("    onFailure: [{name: a, type: retry, retryAfter: 0, retryLimit: 2}, {name: b, "
                  "type: goto, stepId: t}]\n"),
            "",
            {bad, bad, bad, good},
            RunStatus::kEnded,
            "{}",
            "GET /b\nGET /b\nGET /b\nPOST /b\n"},
           {"retry: a step is run first, and then this one again",
            steps("    onFailure: [{name: a, type: retry, retryAfter: 0, stepId: t}]\n"),
            "",
            {bad, good},
            RunStatus::kEnded,
            "{}",
            "GET /b\nPOST /b\nGET /b\nPOST /b\n"},
           {"retry: a workflow is run first",
            steps("    onFailure: [{name: a, type: retry, retryAfter: 0, workflowId: "
                  "$sourceDescriptions.other.far}]\n"),
            "",
            {bad, good},
            RunStatus::kEnded,
            "{}",
            "GET /b\nGET /b\nGET /b\nPOST /b\n"},
           {"goto is one-way",
            "- workflowId: w\n  steps:\n"
            "  - {stepId: s, operationId: getB, onSuccess: [{name: a, type: goto, stepId: u}]}\n"
            "  - {stepId: t, operationId: postB}\n  - {stepId: u, operationId: targetOne}\n",
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "GET /b\nPOST /\n"},
           {"goto itself is do-while",
            One("    onSuccess: [{name: a, type: goto, stepId: s, criteria: [{condition: "
                "$response.body#/n == 1}]}, {name: b, type: end}]\n"),
            "",
            {Json(200, R"({"n":1})"), Json(200, R"({"n":1})"), good},
            RunStatus::kEnded,
            R"({"n":5})",
            "GET /b\nGET /b\nGET /b\n"},
           {"goto a workflow, which gets the present inputs",
            "- workflowId: w\n  inputs: {type: object}\n  steps: [{stepId: s, operationId: postB, "
            "onSuccess: [{name: a, type: goto, workflowId: $sourceDescriptions.other.far}]}]\n",
            R"({"x":4})",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "POST /b\nGET /b?far=4\n"},
           {"end after a failure is a failure",
            steps("    onFailure: [{name: a, type: end}]\n"),
            "",
            {bad},
            RunStatus::kStepFailed,
            "{}",
            "GET /b\n"},
       }) {
    Check(row);
  }
}

TEST(Specification, VersionOneOne) {
  for (const Row& row : std::vector<Row>{
           {"Selector Objects in outputs",
            "- workflowId: w\n  steps:\n  - stepId: s\n    operationId: getB\n    outputs:\n"
            "      p: {context: $response.body, selector: /o/k, type: jsonpointer}\n"
            "      q: {context: $response.body, selector: '$.list[?@ > 1]', type: jsonpath}\n"
            "  outputs: {p: $steps.s.outputs.p, q: $steps.s.outputs.q}\n",
            "",
            {},
            RunStatus::kEnded,
            R"({"p":"v","q":[2]})",
            "GET /b\n",
            "1.1.0"},
           {"querystring parameters",
            One("    parameters: [{name: q, in: querystring, value: 'a=1&b=2'}]\n"),
            "",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "GET /b?a=1&b=2\n",
            "1.1.0"},
           {"targetSelectorType",
            "- workflowId: w\n  steps: [{stepId: s, operationId: postB, requestBody: {payload: {a: "
            "[1, 2]}, replacements: [{target: '$.a[1]', targetSelectorType: jsonpath, value: "
            "3}]}}]\n",
            "",
            {},
            RunStatus::kEnded,
            "{}",
            "POST /b {\"a\":[1,3]}\n",
            "1.1.0"},
           {"parameters of an action are the inputs of the workflow it goes to",
            "- workflowId: w\n  steps: [{stepId: s, operationId: postB, onSuccess: [{name: a, "
            "type: "
            "goto, workflowId: $sourceDescriptions.other.far, parameters: [{name: x, value: "
            "9}]}]}]\n",
            "",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "POST /b\nGET /b?far=9\n",
            "1.1.0"},
           {"dependsOn of a step that has not run stops the run",
            "- workflowId: w\n  steps:\n  - {stepId: s, operationId: getB, dependsOn: [t]}\n"
            "  - {stepId: t, operationId: postB}\n",
            "",
            {},
            RunStatus::kStepFailed,
            "{}",
            "",
            "1.1.0"},
           {"timeout and $self",
            One("    timeout: 500\n"),
            "",
            {},
            RunStatus::kEnded,
            R"({"n":5})",
            "GET /b\n",
            "1.1.0",
            "$self: https://x/docs/self.yaml\n"},
       }) {
    Check(row);
  }
}

}  // namespace
}  // namespace tarn::arazzo
