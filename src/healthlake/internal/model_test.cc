#include "healthlake/internal/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "service_model/validator.h"

namespace tarn::healthlake::internal {
namespace {

using service_model::FindOperation;
using service_model::Operation;
using service_model::UnknownMembers;
using service_model::Validator;
using ::testing::HasSubstr;

// The refusal as "Exception: message", or empty.
std::string Check(std::string_view operation, std::string_view request) {
  static const Validator validator(ServiceModel());
  const auto value = json::ParseValue(request);
  CHECK(value.ok());
  const Operation* found = FindOperation(ServiceModel(), operation);
  CHECK(found != nullptr);
  const auto refusal = validator.Check(found->input_shape, value.value());
  return refusal ? std::string(refusal->exception) + ": " + refusal->message : "";
}

std::string Repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Model, HasTheThirteenOperationsAndKnowsTheLaterOnes) {
  EXPECT_EQ(ServiceModel().operations.size(), 13u);
  EXPECT_EQ(ServiceModel().target_prefix, "HealthLake");
  EXPECT_NE(FindOperation(ServiceModel(), "StartFHIRImportJob"), nullptr);
  EXPECT_EQ(FindOperation(ServiceModel(), "UpdateFHIRDatastore"), nullptr);
  EXPECT_THAT(std::vector<std::string_view>(ServiceModel().later_operations.begin(),
                                            ServiceModel().later_operations.end()),
              ::testing::Contains("UpdateFHIRDatastore"));
}

TEST(Model, IsThatOfTheServiceModels) {
  const std::string folder = std::string(TARN_SOURCE_DIR) + "/../shared/models/healthlake/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no service models beside the repository";
  const std::string command = "python3 '" + std::string(TARN_SOURCE_DIR) +
                              "/tools/service_model.py' check healthlake '" + folder +
                              "service-2.2025-01-24.json' '" + folder + "service-2.json'";
  // NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): a test of a script, in one thread.
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(Validator, SaysWhichConstraintWhichMemberBreaks) {
  struct Case {
    std::string_view operation;
    std::string request;
    std::string_view expected;  // Empty: accepted.
  };
  const std::string id = "\"DatastoreId\":\"" + std::string(32, 'a') + "\"";
  const std::string role = "\"DataAccessRoleArn\":\"arn:aws:iam::123456789012:role/x\"";
  const std::string s3 = R"({"S3Configuration":{"S3Uri":"s3://bucket/x","KmsKeyId":"alias/k"}})";
  for (
      const Case& c : {
          Case{"CreateFHIRDatastore", R"({"DatastoreTypeVersion":"R4"})", ""},
          Case{"CreateFHIRDatastore", "{}",
               "ValidationException: 1 validation error detected: Value null at "
               "'datastoreTypeVersion' failed to satisfy constraint: Member must not be null"},
          Case{"CreateFHIRDatastore", R"({"DatastoreTypeVersion":null})", "must not be null"},
          Case{"CreateFHIRDatastore", R"({"DatastoreTypeVersion":"R5"})",
               "Value at 'datastoreTypeVersion' failed to satisfy constraint: Member must satisfy "
               "enum value set: [R4]"},
          Case{"CreateFHIRDatastore",
               R"({"DatastoreTypeVersion":"R4","SseConfiguration":{"KmsEncryptionConfig":{}}})",
               "Value null at 'sseConfiguration.kmsEncryptionConfig.cmkType'"},
          Case{
              "CreateFHIRDatastore",
              R"({"DatastoreTypeVersion":"R4","Tags":[{"Key":"a","Value":""},{"Key":"","Value":"b"}]})",
              "Value at 'tags.2.member.key' failed to satisfy constraint: Member must have "
              "length greater than or equal to 1"},
          Case{"CreateFHIRDatastore", R"({"DatastoreTypeVersion":"R4","Tags":[null]})",
               "Value null at 'tags.1.member'"},
          Case{"CreateFHIRDatastore",
               R"({"DatastoreTypeVersion":"R4","NlpConfiguration":{"Status":"ENABLED"}})",
               "Value at 'nlpConfiguration' failed to satisfy constraint: Member belongs to a "
               "newer version of the API"},
          Case{"CreateFHIRDatastore", R"({"DatastoreTypeVersion":"R4","Nonsense":1})", ""},
          Case{"CreateFHIRDatastore", R"({"DatastoreTypeVersion":"R4","DatastoreName":"a!"})",
               "Member must satisfy regular expression pattern: ^([\\p{L}"},
          Case{"CreateFHIRDatastore", R"({"DatastoreTypeVersion":"R5","DatastoreName":""})",
               "2 validation errors detected: "},
          // Letters, digits and spaces of any script; lengths in characters, not bytes.
          Case{"CreateFHIRDatastore",
               R"({"DatastoreTypeVersion":"R4","DatastoreName":"Zürich 病院 \u0663\u00a0x"})", ""},
          Case{"CreateFHIRDatastore",
               R"({"DatastoreTypeVersion":"R4","DatastoreName":")" + Repeat("\U00020000", 256) +
                   "\"}",
               ""},
          Case{"CreateFHIRDatastore",
               R"({"DatastoreTypeVersion":"R4","DatastoreName":")" + Repeat("ü", 257) + "\"}",
               "length less than or equal to 256"},
          Case{"CreateFHIRDatastore", R"({"DatastoreTypeVersion":"R4","DatastoreName":"a\nb"})",
               "pattern"},
          // The data store id of a described store has one bound on each side.
          Case{"DescribeFHIRDatastore", "{" + id + "}", ""},
          Case{"DescribeFHIRDatastore", R"({"DatastoreId":")" + std::string(33, 'a') + "\"}",
               "length less than or equal to 32"},
          Case{"DescribeFHIRDatastore", R"({"DatastoreId":7})",
               "SerializationException: NUMBER_VALUE can not be converted to String at "
               "'datastoreId'"},
          Case{"DescribeFHIRDatastore", "[]",
               "SerializationException: START_ARRAY can not be converted to Structure"},
          Case{"ListFHIRDatastores", R"({"MaxResults":1})", ""},
          Case{"ListFHIRDatastores", R"({"MaxResults":500})", ""},
          Case{"ListFHIRDatastores", R"({"MaxResults":0})",
               "Value at 'maxResults' failed to satisfy constraint: Member must have value "
               "greater than or equal to 1"},
          Case{"ListFHIRDatastores", R"({"MaxResults":501})", "value less than or equal to 500"},
          Case{"ListFHIRDatastores", R"({"MaxResults":1.5})", "SerializationException"},
          Case{"ListFHIRDatastores", R"({"MaxResults":99999999999})", "SerializationException"},
          Case{"ListFHIRDatastores", R"({"Filter":{"CreatedAfter":1609175692.715}})", ""},
          Case{"ListFHIRDatastores", R"({"Filter":{"CreatedAfter":"2021-01-01T00:00:00Z"}})", ""},
          Case{"ListFHIRDatastores", R"({"Filter":{"CreatedAfter":"yesterday"}})",
               "SerializationException: STRING_VALUE can not be converted to Timestamp at "
               "'filter.createdAfter'"},
          Case{"ListFHIRDatastores", R"({"Filter":{"CreatedAfter":1e300}})",
               "SerializationException"},
          Case{"ListFHIRDatastores", R"({"NextToken":")" + std::string(8192, 'x') + "\"}", ""},
          Case{"ListFHIRDatastores", R"({"NextToken":")" + std::string(8193, 'x') + "\"}",
               "length less than or equal to 8192"},
          Case{"ListFHIRDatastores", R"({"NextToken":"ü"})", "pattern: \\p{ASCII}"},
          Case{"StartFHIRExportJob", "{" + id + "," + role + ",\"OutputDataConfig\":" + s3 + "}",
               ""},
          Case{"StartFHIRExportJob", "{" + id + "," + role + ",\"OutputDataConfig\":{}}",
               "Value at 'outputDataConfig' failed to satisfy constraint: Member must have "
               "exactly one member set"},
          Case{"StartFHIRExportJob",
               "{" + id + "," + role +
                   R"(,"OutputDataConfig":{"S3Configuration":{"S3Uri":"s3://B/","KmsKeyId":"k"}}})",
               "'outputDataConfig.s3Configuration.s3Uri'"},
          Case{"StartFHIRImportJob",
               "{" + id + "," + role + R"(,"InputDataConfig":{"S3Uri":"s3://bucket/in/"},)" +
                   "\"ValidationLevel\":\"minimal\",\"JobOutputDataConfig\":" + s3 + "}",
               ""},
          Case{"StartFHIRImportJob",
               "{" + id + "," + role + R"(,"InputDataConfig":{"S3Uri":"s3://bucket/in/"},)" +
                   "\"InputFormat\":\"CSV\",\"ValidationLevel\":\"lax\",\"JobOutputDataConfig\":" +
                   s3 + "}",
               "2 validation errors"},
          Case{
              "TagResource",
              R"({"ResourceARN":"arn:aws:healthlake:eu-west-1:123456789012:datastore/x","Tags":[]})",
              "'resourceARN' failed to satisfy constraint: Member must satisfy regular"},
      }) {
    SCOPED_TRACE(c.request.substr(0, 300));
    const std::string refusal = Check(c.operation, c.request);
    if (c.expected.empty()) {
      EXPECT_EQ(refusal, "");
    } else {
      EXPECT_THAT(refusal, HasSubstr(c.expected));
    }
  }
}

TEST(Validator, ListsABoundedNumberOfViolations) {
  std::string request = R"({"DatastoreTypeVersion":"R4","Tags":[)";
  for (int i = 0; i < 201; ++i) request += std::string(i == 0 ? "" : ",") + R"({"Key":""})";
  const std::string refusal = Check("CreateFHIRDatastore", request + "]}");
  EXPECT_THAT(refusal, HasSubstr("20 validation errors detected"));
  EXPECT_THAT(refusal, HasSubstr("'tags' failed to satisfy constraint: Member must have length"));
}

TEST(Validator, NeverQuotesValues) {
  const std::string refusal = Check(
      "CreateFHIRDatastore", R"({"DatastoreTypeVersion":"secret","DatastoreName":"secret!"})");
  EXPECT_THAT(refusal, ::testing::Not(HasSubstr("secret")));
}

TEST(Validator, RefusesUnknownMembersOfResponses) {
  const Validator validator(ServiceModel());
  const auto value = json::ParseValue(R"({"Tags":[],"More":1})");
  const uint16_t shape = FindOperation(ServiceModel(), "ListTagsForResource")->output_shape;
  EXPECT_FALSE(validator.Check(shape, value.value()));
  EXPECT_TRUE(validator.Check(shape, value.value(), UnknownMembers::kRefuse));
}

}  // namespace
}  // namespace tarn::healthlake::internal
