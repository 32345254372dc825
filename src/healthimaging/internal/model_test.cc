#include "healthimaging/internal/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"
#include "healthimaging/internal/wire.h"
#include "json/value.h"
#include "service_model/validator.h"

namespace tarn::healthimaging::internal {
namespace {

using service_model::FindOperation;
using service_model::Operation;
using service_model::Validator;
using ::testing::HasSubstr;

const std::string kId(32, 'a');
const std::string kArn = "arn:aws:medical-imaging:us-east-1:123456789012:datastore/" + kId;

std::string Check(std::string_view operation, const std::string& request) {
  static const Validator validator(ServiceModel());
  const auto value = json::ParseValue(request);
  CHECK(value.ok());
  const auto refusal =
      validator.Check(FindOperation(ServiceModel(), operation)->input_shape, value.value());
  return refusal ? refusal->message : "";
}

TEST(Model, HasTheEighteenOperations) { EXPECT_EQ(ServiceModel().operations.size(), 18u); }

TEST(Validator, NamesTheMember) {
  const std::string store = "\"datastoreId\":\"" + kId + "\"";
  const std::string import =
      store + R"(,"clientToken":"t","dataAccessRoleArn":"arn:aws:iam::123456789012:role/x",)"
              R"("inputS3Uri":"s3://bucket/in/","outputS3Uri":"s3://bucket/out/")";
  const std::string set = store + ",\"imageSetId\":\"" + kId + "\"";
  const auto search = [&store](const std::string& criteria) {
    return "{" + store + ",\"searchCriteria\":" + criteria + "}";
  };
  struct Case {
    std::string_view operation;
    std::string request;
    std::string_view expected;  // Empty: accepted.
  };
  for (const Case& c : {
           Case{"CreateDatastore", R"({"clientToken":"t"})", ""},
           Case{"CreateDatastore", "{}",
                "1 validation error detected: Value null at 'clientToken' failed to satisfy "
                "constraint: Member must not be null"},
           Case{"CreateDatastore", R"({"clientToken":"t","datastoreName":"a b"})",
                "'datastoreName' failed to satisfy constraint: Member must satisfy regular "
                "expression pattern: [A-Za-z0-9._/#-]+"},
           Case{"CreateDatastore", R"({"clientToken":"t","losslessStorageFormat":"HTJ2K"})", ""},
           Case{"CreateDatastore", R"({"clientToken":"t","losslessStorageFormat":"PNG"})",
                "enum value set: [HTJ2K, JPEG_2000_LOSSLESS]"},
           Case{"CreateDatastore", R"({"clientToken":"t","kmsKeyArn":"alias/x"})", "'kmsKeyArn'"},
           Case{"CreateDatastore",
                R"({"clientToken":"t","kmsKeyArn":"arn:aws:kms:eu-west-1:123456789012:alias/x"})",
                ""},
           Case{"CreateDatastore", R"({"clientToken":"t","tags":{"Team":"A","Cost":""}})", ""},
           Case{"CreateDatastore", R"({"clientToken":"t","tags":{"aws:x":"A"}})",
                "Value at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: "
                "[Member must satisfy regular expression pattern: (?!aws:)"},
           Case{"CreateDatastore", R"({"clientToken":"t","tags":{"a":null}})",
                "Map value must satisfy constraint: [Member must not be null]"},
           Case{"CreateDatastore",
                R"({"clientToken":"t","tags":{"a":")" + std::string(257, 'x') + "\"}}",
                "Map value must satisfy constraint: [Member must have length less than or equal to "
                "256]"},
           Case{"CreateDatastore", R"({"clientToken":"t","tags":[]})", "converted to Map"},
           Case{"TagResource", R"({"resourceArn":")" + kArn + R"(","tags":{}})", ""},
           Case{"TagResource",
                R"({"resourceArn":")" + kArn + "/imageset/" + kId + R"(","tags":{}})", ""},
           Case{"TagResource", R"({"resourceArn":")" + kArn + R"(/x","tags":{}})", "'resourceArn'"},
           Case{"StartDICOMImportJob", "{" + import + "}", ""},
           Case{"StartDICOMImportJob", "{" + import + R"(,"importConfiguration":{}})",
                "Value at 'importConfiguration' failed to satisfy constraint: Member is not "
                "supported by this server"},
           Case{"StartDICOMImportJob", "{" + import + R"(,"inputOwnerAccountId":"12345678901"})",
                "'inputOwnerAccountId'"},
           Case{"ListDatastores", R"({"maxResults":51})", "less than or equal to 50"},
           Case{"ListDatastores", R"({"maxResults":0})", "greater than or equal to 1"},
           Case{"ListDatastores", R"({"nextToken":""})", "'nextToken'"},
           Case{"GetImageSet", "{" + set + R"(,"versionId":"x"})", "'versionId'"},
           Case{"SearchImageSets", "{" + store + "}", ""},
           Case{"SearchImageSets", search("{}"), ""},
           Case{"SearchImageSets", search(R"({"filters":[]})"),
                "'searchCriteria.filters' failed to satisfy constraint: Member must have length "
                "greater than or equal to 1"},
           Case{"SearchImageSets",
                search(R"({"filters":[{"operator":"EQUAL","values":[{"DICOMPatientId":"x"}]}]})"),
                ""},
           Case{"SearchImageSets",
                search(R"({"filters":[{"operator":"EQUAL","values":[{"DICOMPatientId":"x",)"
                       R"("isPrimary":true}]}]})"),
                "'searchCriteria.filters.1.member.values.1.member' failed to satisfy constraint: "
                "Member must have exactly one member set"},
           Case{"SearchImageSets",
                search(R"({"filters":[{"operator":"LIKE","values":[{"isPrimary":true}]}]})"),
                "'searchCriteria.filters.1.member.operator'"},
           Case{"UpdateImageSetMetadata",
                "{" + set +
                    R"(,"latestVersionId":"1","updateImageSetMetadataUpdates":{"DICOMUpdates":)"
                    R"({"updatableAttributes":"e30="}}})",
                ""},
           Case{"UpdateImageSetMetadata",
                "{" + set +
                    R"(,"latestVersionId":"1","updateImageSetMetadataUpdates":{"DICOMUpdates":)"
                    R"({"updatableAttributes":"no base64"}}})",
                "can not be converted to Blob at "
                "'updateImageSetMetadataUpdates.DICOMUpdates.updatableAttributes'"},
           Case{"UpdateImageSetMetadata",
                "{" + set +
                    R"(,"latestVersionId":"1","updateImageSetMetadataUpdates":{"DICOMUpdates":)"
                    R"({"updatableAttributes":")" +
                    Base64Encode(std::string(30'001, ' ')) + "\"}}}",
                "length less than or equal to 30000"},
           Case{"UpdateImageSetMetadata",
                "{" + set +
                    R"(,"latestVersionId":"1","updateImageSetMetadataUpdates":{"DICOMUpdates":{},)"
                    R"("revertToVersionId":"1"}})",
                "exactly one member"},
       }) {
    SCOPED_TRACE(std::string(c.operation) + c.request.substr(0, 300));
    const std::string refusal = Check(c.operation, c.request);
    if (c.expected.empty()) {
      EXPECT_EQ(refusal, "");
    } else {
      EXPECT_THAT(refusal, HasSubstr(c.expected));
    }
  }
}

TEST(Exceptions, AreDeclaredByTheOperationForEveryKind) {
  for (const Operation& operation : ServiceModel().operations) {
    for (int i = 0; i < kErrorKindCount; ++i) {
      const std::string_view exception = ExceptionOf(static_cast<ErrorKind>(i), operation);
      EXPECT_THAT(std::vector<std::string_view>(operation.errors.begin(), operation.errors.end()),
                  ::testing::Contains(exception))
          << operation.name;
    }
  }
}

TEST(Exceptions, HaveTheModelsStatuses) {
  struct Case {
    std::string_view exception;
    int status;
  };
  for (const Case& c :
       {Case{"ValidationException", 400}, Case{"ServiceQuotaExceededException", 402},
        Case{"AccessDeniedException", 403}, Case{"ResourceNotFoundException", 404},
        Case{"NotAcceptableException", 406}, Case{"ConflictException", 409},
        Case{"ThrottlingException", 429}, Case{"InternalServerException", 500}}) {
    EXPECT_EQ(StatusOf(c.exception), c.status) << c.exception;
  }
  const Operation& list = *FindOperation(ServiceModel(), "ListDatastores");
  const Operation& create = *FindOperation(ServiceModel(), "CreateDatastore");
  EXPECT_EQ(ExceptionOf(ErrorKind::kTooLarge, create), "ServiceQuotaExceededException");
  EXPECT_EQ(ExceptionOf(ErrorKind::kTooLarge, list), "ValidationException");  // Not declared.
}

TEST(Fit, KeepsJobMessagesToTheModelsPattern) {
  const Validator validator(ServiceModel());
  EXPECT_EQ(validator.Fit("Message", "s3://a/b: 5 files (of 7) failed"),
            "s3://a/b: 5 files (of 7) failed");
  EXPECT_EQ(validator.Fit("Message", "Z\u00fcrich; {x}"), "Z rich   x");
  EXPECT_EQ(validator.Fit("Message", "\u75c5"), "");
  EXPECT_TRUE(validator.Accepts("Message", validator.Fit("Message", "a; {\"b\": \u00fc}")));
}

}  // namespace
}  // namespace tarn::healthimaging::internal
