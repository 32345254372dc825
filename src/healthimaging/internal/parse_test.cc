#include "healthimaging/internal/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "healthimaging/internal/model.h"
#include "healthimaging/limits.h"

namespace tarn::healthimaging::internal {
namespace {

using ::testing::HasSubstr;

const std::string kId(32, 'a');

// The request as text, or "Exception: message".
std::string Parse(std::string_view operation, QueryParameters path, std::string query,
                  std::string body) {
  static const service_model::Validator validator(ServiceModel());
  http::Request request;
  request.path_parameters = std::move(path);
  request.query = std::move(query);
  request.body = std::move(body);
  const auto parsed =
      ParseRequest(validator, *service_model::FindOperation(ServiceModel(), operation), request);
  if (const auto* failure = std::get_if<Failure>(&parsed)) {
    return std::string(failure->exception) + ": " + failure->message;
  }
  return json::ToText(std::get<json::Value>(parsed));
}

TEST(ParseRequest, JoinsPathQueryAndBody) {
  const QueryParameters set = {{"datastoreId", kId}, {"imageSetId", kId}};
  struct Case {
    std::string_view operation;
    QueryParameters path;
    std::string query, body, expected;
  };
  for (const Case& c : {
           Case{"ListDatastores", {}, "", "", "{}"},
           Case{"ListDatastores",
                {},
                "maxResults=5&datastoreStatus=ACTIVE&x=y",
                "",
                R"({"datastoreStatus":"ACTIVE","maxResults":5})"},
           Case{
               "ListDatastores",
               {},
               "maxResults=five",
               "",
               "ValidationException: STRING_VALUE can not be converted to Integer at 'maxResults'"},
           Case{"ListDatastores", {}, "nextToken=%zz", "", "ValidationException: the query"},
           Case{"GetDatastore", {{"datastoreId", "x"}}, "", "", "'datastoreId'"},
           Case{"CreateDatastore",
                {},
                "",
                R"({"clientToken":"t","unknown":1})",
                R"({"clientToken":"t"})"},
           Case{"CreateDatastore", {}, "", R"({"clientToken":)", "the body is not JSON"},
           Case{"CreateDatastore", {}, "", "[]", "the body is not a JSON object"},
           Case{"CreateDatastore", {}, "", "", "Value null at 'clientToken'"},
           Case{
               "GetImageSet", set, "version=3", "",
               R"({"datastoreId":")" + kId + R"(","imageSetId":")" + kId + R"(","versionId":"3"})"},
           Case{
               "UntagResource",
               {{"resourceArn", "arn:aws:medical-imaging:us-east-1:123456789012:datastore/" + kId}},
               "tagKeys=a&tagKeys=b%2Bc",
               "",
               R"("tagKeys":["a","b+c"])"},
           Case{
               "UntagResource",
               {{"resourceArn", "arn:aws:medical-imaging:us-east-1:123456789012:datastore/" + kId}},
               "",
               "",
               "Value null at 'tagKeys'"},
           Case{"CopyImageSet",
                {{"datastoreId", kId}, {"sourceImageSetId", kId}},
                "force=yes",
                R"({"sourceImageSet":{"latestVersionId":"1"}})",
                "can not be converted to Boolean at 'force'"},
           Case{"StartDICOMImportJob",
                {{"datastoreId", kId}},
                "",
                R"({"importConfiguration":{"dicomJsonMetadataImportConfiguration":{}}})",
                "'importConfiguration' failed to satisfy constraint: Member is not supported"},
       }) {
    SCOPED_TRACE(std::string(c.operation) + " " + c.query + " " + c.body);
    EXPECT_THAT(Parse(c.operation, c.path, c.query, c.body), HasSubstr(c.expected));
  }
}

TEST(ParseRequest, TakesPayloadsAsTheyAreAndWrapped) {
  const QueryParameters set = {{"datastoreId", kId}, {"imageSetId", kId}};
  const QueryParameters source = {{"datastoreId", kId}, {"sourceImageSetId", kId}};
  struct Case {
    std::string_view operation;
    QueryParameters path;
    std::string query, payload, member;
  };
  for (const Case& c : {
           Case{"GetImageFrame", set, "", R"({"imageFrameId":")" + kId + "\"}",
                "imageFrameInformation"},
           Case{"SearchImageSets",
                {{"datastoreId", kId}},
                "",
                R"({"sort":{"sortOrder":"ASC","sortField":"createdAt"}})",
                "searchCriteria"},
           Case{"UpdateImageSetMetadata", set, "latestVersion=1", R"({"revertToVersionId":"1"})",
                "updateImageSetMetadataUpdates"},
           Case{"CopyImageSet", source, "", R"({"sourceImageSet":{"latestVersionId":"1"}})",
                "copyImageSetInformation"},
       }) {
    const std::string plain = Parse(c.operation, c.path, c.query, c.payload);
    EXPECT_THAT(plain, HasSubstr("\"" + c.member + "\":" + c.payload));
    EXPECT_EQ(Parse(c.operation, c.path, c.query, "{\"" + c.member + "\":" + c.payload + "}"),
              plain);
  }
  EXPECT_EQ(Parse("SearchImageSets", {{"datastoreId", kId}}, "", ""),
            R"({"datastoreId":")" + kId + R"(","searchCriteria":null})");
  EXPECT_THAT(Parse("GetImageFrame", set, "", ""), HasSubstr("'imageFrameInformation'"));
  EXPECT_THAT(Parse("GetImageFrame", set, "", "{}"),
              HasSubstr("'imageFrameInformation.imageFrameId'"));
}

TEST(ParseRequest, BoundsTheBody) {
  const std::string deep =
      std::string(kRequestDepthMax + 1, '[') + std::string(kRequestDepthMax + 1, ']');
  EXPECT_THAT(Parse("CreateDatastore", {}, "", deep), HasSubstr("the body is not JSON"));
  const std::string fits = std::string(kRequestDepthMax, '[') + std::string(kRequestDepthMax, ']');
  EXPECT_THAT(Parse("CreateDatastore", {}, "", fits), HasSubstr("not a JSON object"));
  std::string many = "{\"x\":[1";
  for (uint32_t i = 0; i < kRequestNodesMax; ++i) many += ",1";
  EXPECT_THAT(Parse("CreateDatastore", {}, "", many + "]}"), HasSubstr("the body is not JSON"));
}

}  // namespace
}  // namespace tarn::healthimaging::internal
