#include "arazzo/openapi.h"

#include <gtest/gtest.h>

#include <string>

#include "base/file.h"

namespace tarn::arazzo {
namespace {

using json::Value;

constexpr std::string_view kApi = R"(
openapi: 3.1.0
info: {title: t, version: '1', x-aws-signingName: svc}
servers: [{url: 'http://{host}.example.com/v1', variables: {host: {default: a, enum: [a, b]}}},
          {url: 'https://{host}.example.com/v1/', variables: {host: {default: a, enum: [a, b]}}}]
security: [{hmac: []}]
paths:
  /items/{id}:
    parameters: [{$ref: '#/components/parameters/id'}, {name: q, in: query, style: pipeDelimited, explode: false}]
    get:
      operationId: getItem
      parameters: [{name: q, in: query}]
    post:
      operationId: putItem
      security: [{key: []}]
      servers: [{url: /other}]
      requestBody: {content: {text/plain: {}, application/json: {}}}
  /#X-Amz-Target=A.Create:
    post: {operationId: Create}
  /bad:
    get: {operationId: bad, parameters: [{$ref: 'other.yaml#/x'}]}
    put: {operationId: circle, parameters: [{$ref: '#/components/parameters/loop'}]}
components:
  parameters:
    id: {name: id, in: path, required: true}
    loop: {$ref: '#/components/parameters/loop'}
  securitySchemes:
    hmac: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}
    key: {type: apiKey, name: k, in: query}
)";

TEST(OpenApi, FindsOperations) {
  const OpenApi api = OpenApi::Parse(kApi, "https://h/d/api.yaml").value();
  const ApiOperation* get = api.FindById("getItem");
  ASSERT_NE(get, nullptr);
  EXPECT_EQ(get->method, "GET");
  ASSERT_EQ(get->parameters.size(), 2u);
  EXPECT_EQ(get->parameters[1].style, ApiParameter::Style::kForm);  // The operation's own.
  EXPECT_TRUE(get->sigv4);
  EXPECT_EQ(get->signing_name, "svc");
  const ApiOperation* put = api.FindById("putItem");
  EXPECT_FALSE(put->sigv4);
  EXPECT_EQ(put->other_security, std::vector<std::string>{"key"});
  EXPECT_EQ(put->servers[0].url, "https://h/other");
  EXPECT_EQ(DefaultRequestType(*put, Value()), "application/json");
  const ApiOperation* create = api.FindByPath("/#X-Amz-Target=A.Create", "post");
  ASSERT_NE(create, nullptr);
  EXPECT_EQ(create->path, "/");
  EXPECT_EQ(api.FindById("getitem"), nullptr);
  EXPECT_EQ(api.NearestIds("getItm"), "; nearest: getItem");
  EXPECT_NE(api.FindById("bad")->problem, "");
  EXPECT_NE(api.FindById("circle")->problem.find("circle"), std::string::npos);
}

TEST(OpenApi, RefusesOtherDocuments) {
  for (const std::string_view text :
       {"", "[", "a: b", "swagger: '2.0'", "openapi: 2.0.0", "{openapi: 3.0.0, paths: []}"}) {
    EXPECT_FALSE(OpenApi::Parse(text, "u").ok()) << text;
  }
}

TEST(OpenApi, ReadsTheServicesDescriptions) {
  struct Case {
    std::string_view file, operation, server, service;
  };
  for (const Case& c :
       {Case{"amazon-healthlake-openapi.yaml", "CreateFHIRDatastore",
             "https://healthlake.eu-west-2.amazonaws.com", "healthlake"},
        Case{"amazon-healthimaging-openapi.yaml", "StartDICOMImportJob",
             "https://medical-imaging.eu-west-2.amazonaws.com", "medical-imaging"}}) {
    const auto text =
        ReadFile(TARN_SOURCE_DIR "/../shared/openapi/" + std::string(c.file), 1u << 20);
    if (!text.ok()) GTEST_SKIP() << "the descriptions are not here";
    const auto api = OpenApi::Parse(text.value(), "file:///x");
    ASSERT_TRUE(api.ok()) << api.error().detail;
    const ApiOperation* operation = api.value().FindById(c.operation);
    ASSERT_NE(operation, nullptr);
    EXPECT_TRUE(operation->sigv4);
    EXPECT_EQ(operation->signing_name, c.service);
    EXPECT_EQ(operation->path.find('#'), std::string::npos);
    const auto server = ChooseServer(operation->servers, {{"region", "eu-west-2"}});
    ASSERT_TRUE(server.ok());
    EXPECT_EQ(server.value(), c.server);
  }
}

TEST(OpenApi, ChoosesServers) {
  const OpenApi api = OpenApi::Parse(kApi, "https://h/d/api.yaml").value();
  const auto& servers = api.FindById("getItem")->servers;
  EXPECT_EQ(ChooseServer(servers, {}).value(), "https://a.example.com/v1");
  EXPECT_EQ(ChooseServer(servers, {{"host", "b"}}).value(), "https://b.example.com/v1");
  EXPECT_FALSE(ChooseServer(servers, {{"host", "c"}}).ok());
  EXPECT_FALSE(ChooseServer({}, {}).ok());
  EXPECT_FALSE(ChooseServer({{"ftp://x", {}}}, {}).ok());
  EXPECT_FALSE(ChooseServer({{"{base}/x", {}}}, {}).ok());
}

// OpenAPI 3.1, the table of "Style Examples".
TEST(OpenApi, WritesParametersByStyle) {
  const Value text = Value::String("blue");
  const Value list = json::ParseValue(R"(["blue","bl ack"])").value();
  const Value object = json::ParseValue(R"({"R":100,"G":200})").value();
  using S = ApiParameter::Style;
  struct Case {
    ParameterIn in;
    S style;
    bool explode;
    const Value* value;
    std::string_view written;
  };
  const auto path = ParameterIn::kPath;
  const auto query = ParameterIn::kQuery;
  for (const Case& c : {
           Case{path, S::kSimple, false, &text, "/blue"},
           Case{path, S::kSimple, false, &list, "/blue,bl%20ack"},
           Case{path, S::kSimple, false, &object, "/R,100,G,200"},
           Case{path, S::kSimple, true, &object, "/R=100,G=200"},
           Case{path, S::kLabel, false, &text, "/.blue"},
           Case{path, S::kLabel, false, &list, "/.blue,bl%20ack"},
           Case{path, S::kLabel, true, &list, "/.blue.bl%20ack"},
           Case{path, S::kLabel, true, &object, "/.R=100.G=200"},
           Case{path, S::kMatrix, false, &text, "/;c=blue"},
           Case{path, S::kMatrix, false, &list, "/;c=blue,bl%20ack"},
           Case{path, S::kMatrix, true, &list, "/;c=blue;c=bl%20ack"},
           Case{path, S::kMatrix, true, &object, "/;R=100;G=200"},
           Case{query, S::kForm, true, &text, "/?c=blue"},
           Case{query, S::kForm, false, &list, "/?c=blue,bl%20ack"},
           Case{query, S::kForm, true, &list, "/?c=blue&c=bl%20ack"},
           Case{query, S::kForm, false, &object, "/?c=R,100,G,200"},
           Case{query, S::kForm, true, &object, "/?R=100&G=200"},
           Case{query, S::kSpaceDelimited, false, &list, "/?c=blue%20bl%20ack"},
           Case{query, S::kPipeDelimited, false, &list, "/?c=blue%7Cbl%20ack"},
           Case{query, S::kDeepObject, true, &object, "/?c%5BR%5D=100&c%5BG%5D=200"},
       }) {
    SCOPED_TRACE(c.written);
    ApiOperation operation;
    operation.method = "GET";
    operation.path = c.in == path ? "/{c}" : "/";
    operation.parameters = {{"c", c.in, c.style, c.explode}};
    const auto request = BuildRequest(operation, "http://h", {{"c", c.in, *c.value}});
    ASSERT_TRUE(request.ok()) << request.error().detail;
    EXPECT_EQ(request.value().url, "http://h" + std::string(c.written));
  }
}

TEST(OpenApi, BuildsAndRefusesRequests) {
  ApiOperation operation;
  operation.method = "GET";
  operation.path = "/a/{id}";
  const auto value = [](std::string_view text) { return Value::String(std::string(text)); };
  const auto build = [&](const std::vector<ParameterValue>& parameters) {
    return BuildRequest(operation, "http://h/v1", parameters);
  };
  const auto request = build({{"id", ParameterIn::kPath, value("x/y?z")},
                              {"X-H", ParameterIn::kHeader, value("a b")},
                              {"k", ParameterIn::kCookie, value("1")},
                              {"l", ParameterIn::kCookie, value("2")}});
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request.value().url, "http://h/v1/a/x%2Fy%3Fz");
  EXPECT_EQ(request.value().headers, (Fields{{"X-H", "a b"}, {"Cookie", "k=1; l=2"}}));
  EXPECT_FALSE(build({}).ok());
  EXPECT_FALSE(build({{"id", ParameterIn::kPath, value("")}}).ok());
  EXPECT_FALSE(build({{"id", ParameterIn::kPath, value("..")}}).ok());
  EXPECT_FALSE(build({{"other", ParameterIn::kPath, value("x")}}).ok());
  EXPECT_FALSE(build({{"id", ParameterIn::kPath, value("x")},
                      {"H", ParameterIn::kHeader, value("a\r\nB: c")}})
                   .ok());
  EXPECT_FALSE(
      build({{"id", ParameterIn::kPath, value("x")}, {"H:", ParameterIn::kHeader, value("a")}})
          .ok());
}

TEST(OpenApi, SeveralDescriptionsActAsOne) {
  const auto parse = [](const std::string& ids, const std::string& url) {
    std::string text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n";
    for (const char id : ids) {
      text += std::string("  /") + id + ":\n    get: {operationId: " + id + ", responses: {}}\n";
    }
    auto api = OpenApi::Parse(text, url);
    EXPECT_TRUE(api.ok());
    return std::move(api).value();
  };
  OpenApi api = parse("ab", "https://one/x.yaml");
  api.Add(parse("bc", "https://two/x.yaml"));
  ASSERT_NE(api.FindById("c"), nullptr);
  EXPECT_TRUE(api.FindById("c")->problem.empty());
  EXPECT_EQ(api.FindById("c")->servers[0].url, "https://two/");
  EXPECT_EQ(api.FindById("b")->problem, "both https://one/x.yaml and https://two/x.yaml have it");
  api.UseServer("http://127.0.0.1:1");
  for (const ApiOperation& operation : api.operations()) {
    EXPECT_EQ(ChooseServer(operation.servers, {}).value(), "http://127.0.0.1:1");
  }
}

TEST(OpenApi, EncodesBodies) {
  const Value object = json::ParseValue(R"({"a":"x y","b":[1,2],"o":{"k":true}})").value();
  struct Case {
    std::string type;
    Value payload;
    bool is_text;
    std::string_view body;
  };
  for (const Case& c : {
           Case{"application/json", object, false, R"({"a":"x y","b":[1,2],"o":{"k":true}})"},
           Case{"application/x-amz-json-1.0", Value::String("s"), false, R"("s")"},
           Case{"application/json", Value::String("{\"a\":1}"), true, R"({"a":1})"},
           Case{"application/x-www-form-urlencoded", object, false,
                "a=x+y&b=1&b=2&o=%7B%22k%22%3Atrue%7D"},
           Case{"text/plain", Value::String("hi"), false, "hi"},
           Case{"application/octet-stream", Value::String("\x01"), false, "\x01"},
       }) {
    std::string type = c.type;
    const auto body = EncodeBody(c.payload, c.is_text, &type);
    ASSERT_TRUE(body.ok()) << body.error().detail;
    EXPECT_EQ(body.value(), c.body);
  }
  std::string type = "multipart/form-data";
  const auto body = EncodeBody(object, false, &type);
  ASSERT_TRUE(body.ok());
  const std::string boundary = type.substr(type.find("boundary=") + 9);
  EXPECT_TRUE(body.value().starts_with("--" + boundary +
                                       "\r\nContent-Disposition: form-data; "
                                       "name=\"a\"\r\n\r\nx y\r\n--"));
  EXPECT_TRUE(body.value().ends_with("\r\n--" + boundary + "--\r\n"));
  std::string xml = "application/xml";
  EXPECT_FALSE(EncodeBody(object, false, &xml).ok());
}

}  // namespace
}  // namespace tarn::arazzo
