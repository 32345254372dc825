#include "arazzo/embedded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "arazzo/internal/test_world.h"
#include "arazzo/json_schema.h"
#include "arazzo/openapi.h"
#include "arazzo/program.h"
#include "arazzo/yaml.h"
#include "base/file.h"

namespace tarn::arazzo {
namespace {

using testing::HasSubstr;

TEST(Embedded, AreTheFilesOfTheTree) {
  ASSERT_EQ(EmbeddedDescriptions().size(), 2u);
  for (const EmbeddedDescription& description : EmbeddedDescriptions()) {
    const std::string path = TARN_SOURCE_DIR "/openapi/" + std::string(description.name);
    EXPECT_EQ(description.text, ReadFile(path, 1u << 20).value());
    EXPECT_EQ(FindEmbeddedDescription("https://h/x/" + std::string(description.name) + "?v=1"),
              &description);
  }
  EXPECT_EQ(FindEmbeddedDescription("healthlake-openapi.yaml"), nullptr);
  EXPECT_EQ(FindEmbeddedDescription(""), nullptr);
}

TEST(Embedded, DescribeEveryOperationAsItsServiceNamesIt) {
  struct Row {
    std::string_view file, id, method, path_key, path, signing_name;
  };
  for (const Row& row : {
           Row{"amazon-healthlake-openapi.yaml", "CreateFHIRDatastore", "POST",
               "/#X-Amz-Target=HealthLake.CreateFHIRDatastore", "/", "healthlake"},
           Row{"amazon-healthlake-openapi.yaml", "UntagResource", "POST",
               "/#X-Amz-Target=HealthLake.UntagResource", "/", "healthlake"},
           Row{"amazon-healthimaging-openapi.yaml", "GetDICOMImportJob", "GET",
               "/getDICOMImportJob/datastore/{datastoreId}/job/{jobId}",
               "/getDICOMImportJob/datastore/{datastoreId}/job/{jobId}", "medical-imaging"},
           Row{"amazon-healthimaging-openapi.yaml", "UntagResource", "DELETE",
               "/tags/{resourceArn}", "/tags/{resourceArn}", "medical-imaging"},
       }) {
    SCOPED_TRACE(row.id);
    const auto api = OpenApi::Parse(FindEmbeddedDescription(row.file)->text, "https://h/openapi/x");
    ASSERT_TRUE(api.ok()) << api.error().detail;
    const ApiOperation* operation = api.value().FindById(row.id);
    ASSERT_NE(operation, nullptr);
    EXPECT_EQ(operation->method, row.method);
    EXPECT_EQ(operation->path_key, row.path_key);
    EXPECT_EQ(operation->path, row.path);
    EXPECT_TRUE(operation->sigv4);
    EXPECT_EQ(operation->signing_name, row.signing_name);
    EXPECT_EQ(ChooseServer(operation->servers, {}).value(), "https://h");
    for (const ApiOperation& other : api.value().operations()) EXPECT_EQ(other.problem, "");
  }
  const auto count = [](std::string_view file) {
    return OpenApi::Parse(FindEmbeddedDescription(file)->text, "").value().operations().size();
  };
  EXPECT_EQ(count("amazon-healthlake-openapi.yaml"), 13u);
  EXPECT_EQ(count("amazon-healthimaging-openapi.yaml"), 19u);  // One is ours alone.
}

// Every schema of the descriptions is one: references lead somewhere and patterns compile.
TEST(Embedded, SchemasCompile) {
  for (const EmbeddedDescription& description : EmbeddedDescriptions()) {
    const json::Value whole = ParseYaml(description.text).value().ToValue();
    const json::Value* schemas = whole.Find("components")->Find("schemas");
    ASSERT_GT(schemas->members().size(), 50u);
    for (const auto& [name, schema] : schemas->members()) {
      const auto compiled = JsonSchema::Compile(whole, "/components/schemas/" + name);
      EXPECT_TRUE(compiled.ok()) << name << ": " << (compiled.ok() ? "" : compiled.error().detail);
    }
  }
  const json::Value healthlake =
      ParseYaml(FindEmbeddedDescription("amazon-healthlake-openapi.yaml")->text).value().ToValue();
  const auto tags =
      JsonSchema::Compile(healthlake, "/components/schemas/TagResourceRequest").value();
  const auto violations = [&](std::string_view json) {
    return tags.Validate(ParseJson(json)).value().violations_total;
  };
  const std::string arn =
      "arn:aws:healthlake:us-east-1:000000000000:datastore/fhir/" + std::string(32, 'a');
  EXPECT_EQ(violations(R"({"ResourceARN":")" + arn + R"(","Tags":[{"Key":"a","Value":""}]})"), 0u);
  EXPECT_EQ(violations(R"({"ResourceARN":"x","Tags":[{"Key":"a","Value":""}]})"), 1u);
  EXPECT_EQ(violations(R"({"ResourceARN":")" + arn + R"(","Tags":[{"Key":"a"}]})"), 1u);
}

TEST(Embedded, ReplaceASourceThatCannotBeFoundWithAWarning) {
  Library nothing;
  const std::string text =
      "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\n"
      "sourceDescriptions: [{name: api, url: ../openapi/amazon-healthlake-openapi.yaml}]\n"
      "workflows: [{workflowId: w, steps: [{stepId: s, operationId: ListFHIRDatastores, "
      "parameters: "
      "[{name: x-amz-target, in: header, value: HealthLake.ListFHIRDatastores}], requestBody: "
      "{payload: {}}}]}]\n";
  const Program program = LoadProgram(text, "workflows/w.yaml", Reading::kLenient, nothing);
  ASSERT_NE(program.root, nullptr) << ToText(program.diagnostics[0]);
  ASSERT_EQ(program.diagnostics.size(), 1u);
  EXPECT_EQ(program.diagnostics[0].severity, Severity::kWarning);
  EXPECT_THAT(program.diagnostics[0].message,
              HasSubstr("openapi/amazon-healthlake-openapi.yaml); the built-in amazon-healthlake"));
  // It names no host: whoever uses it says which server is meant.
  const auto server = ChooseServer(program.root->workflows[0].operations[0]->servers, {});
  ASSERT_FALSE(server.ok());
  EXPECT_EQ(server.error().kind, ErrorKind::kNotFound);
}

TEST(Embedded, TheFirstWorkflowsResolveAgainstThem) {
  Library nothing;
  for (const std::string_view name : {"amazon-healthlake-provision-datastore-and-export",
                                      "amazon-healthlake-start-import-and-wait-completed",
                                      "amazon-healthimaging-provision-datastore",
                                      "amazon-healthimaging-onboard-datastore-and-import"}) {
    const std::string path =
        TARN_SOURCE_DIR "/../shared/seeds/" + std::string(name) + "-workflow.yml";
    const auto text = ReadFile(path, 1u << 20);
    if (!text.ok()) GTEST_SKIP() << "the first workflows are not here";
    const Program program = LoadProgram(text.value(), path, Reading::kLenient, nothing);
    for (const Diagnostic& diagnostic : program.diagnostics) {
      EXPECT_EQ(diagnostic.severity, Severity::kWarning) << ToText(diagnostic);
    }
    EXPECT_NE(program.root, nullptr);
  }
}

}  // namespace
}  // namespace tarn::arazzo
