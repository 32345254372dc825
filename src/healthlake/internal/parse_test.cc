#include "healthlake/internal/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "healthlake/internal/model.h"
#include "healthlake/internal/requests.h"
#include "healthlake/limits.h"
#include "service_model/page_token.h"

namespace tarn::healthlake::internal {
namespace {

using service_model::FindOperation;
using service_model::Shape;
using service_model::Validator;
using ::testing::HasSubstr;

// The request as text, or "Exception: message".
std::string Parse(std::string_view operation, std::string body, std::string query = "",
                  std::string type = "application/x-amz-json-1.0") {
  static const Validator validator(ServiceModel());
  http::Request request;
  request.body = std::move(body);
  request.query = std::move(query);
  if (!type.empty()) request.headers.Add("content-type", std::move(type));
  const auto parsed = ParseRequest(validator, *FindOperation(ServiceModel(), operation), request);
  if (const auto* failure = std::get_if<Failure>(&parsed)) {
    return std::string(failure->exception) + ": " + failure->message;
  }
  return json::ToText(std::get<json::Value>(parsed));
}

TEST(FindTarget, KnowsOperationsAndSaysWhyNot) {
  struct Case {
    std::string_view target, failure;
  };
  for (const Case& c : {
           Case{"HealthLake.ListFHIRDatastores", ""},
           Case{"HealthLake.UpdateFHIRDatastore", "UpdateFHIRDatastore belongs to a newer version"},
           Case{"HealthLake.StartDataTransformationJob", "newer version"},
           Case{"HealthLake.Nothing", "no such operation"},
           Case{"HealthLake.", "no such operation"},
           Case{"HealthLake", "X-Amz-Target"},
           Case{"", "X-Amz-Target"},
           Case{"DynamoDB_20120810.ListTables", "X-Amz-Target"},
           Case{"HealthLake.ListFHIRDatastores.More", "no such operation"},
       }) {
    SCOPED_TRACE(c.target);
    std::string failure;
    EXPECT_EQ(FindTarget(c.target, &failure) != nullptr, c.failure.empty());
    EXPECT_THAT(failure, HasSubstr(c.failure));
  }
}

TEST(ParseRequest, RefusesWhatIsNoJsonObject) {
  struct Case {
    std::string body, expected;
  };
  for (const Case& c : {
           Case{"", "{}"},
           Case{"{}", "{}"},
           Case{"{", "SerializationException: line 1, column 2"},
           Case{"null", "SerializationException: NULL_VALUE can not be converted to Structure"},
           Case{"[]", "SerializationException"},
           Case{"{}x", "SerializationException"},
           Case{R"({"MaxResults":01})", "SerializationException"},
           Case{R"({"MaxResults":1,"MaxResults":2})", "SerializationException"},
           Case{"{\"NextToken\":\"\xff\"}", "SerializationException"},
           Case{"\xef\xbb\xbf{}", "SerializationException"},
           Case{std::string(kRequestDepthMax, '[') + std::string(kRequestDepthMax, ']'),
                "START_ARRAY can not be converted"},
           Case{std::string(kRequestDepthMax + 1, '[') + std::string(kRequestDepthMax + 1, ']'),
                "SerializationException"},
       }) {
    SCOPED_TRACE(c.body);
    EXPECT_THAT(Parse("ListFHIRDatastores", c.body), HasSubstr(c.expected));
  }
  std::string many = R"({"More":[1)";
  for (uint32_t i = 0; i < kRequestNodesMax; ++i) many += ",1";
  EXPECT_THAT(Parse("ListFHIRDatastores", many + "]}"), HasSubstr("SerializationException"));
}

TEST(ParseRequest, TakesBothContentTypes) {
  for (const char* type : {"application/x-amz-json-1.0", "application/json",
                           "Application/JSON; charset=utf-8", "application/json ;x=y"}) {
    EXPECT_EQ(Parse("ListFHIRDatastores", "{}", "", type), "{}") << type;
  }
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                           "application/x-amz-json-1.1", "application/jsonx"}) {
    EXPECT_THAT(Parse("ListFHIRDatastores", "{}", "", type), HasSubstr("Content-Type")) << type;
  }
}

TEST(ParseRequest, TakesMaxResultsAndNextTokenFromTheQuery) {
  EXPECT_EQ(Parse("ListFHIRDatastores", "{}", "MaxResults=5&NextToken=a%2Bb&x=y"),
            R"({"MaxResults":5,"NextToken":"a+b"})");
  EXPECT_EQ(Parse("ListFHIRDatastores", R"({"MaxResults":5})", "MaxResults=5"),
            R"({"MaxResults":5})");
  EXPECT_THAT(Parse("ListFHIRDatastores", R"({"MaxResults":5})", "MaxResults=6"),
              HasSubstr("ValidationException: MaxResults differs"));
  EXPECT_THAT(Parse("ListFHIRDatastores", "{}", "MaxResults=0"), HasSubstr("'maxResults'"));
  EXPECT_THAT(Parse("ListFHIRDatastores", "{}", "MaxResults=many"),
              HasSubstr("SerializationException: STRING_VALUE can not be converted to Integer"));
  EXPECT_THAT(Parse("ListFHIRDatastores", "{}", "MaxResults=%zz"),
              HasSubstr("ValidationException"));
  // Operations without these members ignore them, as they do all of the query.
  EXPECT_EQ(Parse("ListTagsForResource",
                  R"({"ResourceARN":"arn:aws:healthlake:us-east-1:123456789012:datastore/fhir/)" +
                      std::string(32, 'a') + "\"}",
                  "MaxResults=0")
                .substr(0, 15),
            R"({"ResourceARN":)");
}

TEST(Exceptions, ExistForEveryKindAndAreOfTheModel) {
  for (int i = 0; i < kErrorKindCount; ++i) {
    const std::string_view exception = ExceptionOf(static_cast<ErrorKind>(i));
    bool known = false;
    for (const Shape& shape : ServiceModel().shapes) {
      if (shape.name != exception) continue;
      known = true;
      EXPECT_EQ(shape.status, StatusOf(exception)) << exception;
    }
    EXPECT_TRUE(known) << exception;
  }
}

TEST(Fit, KeepsJobMessagesToTheModelsPattern) {
  const Validator validator(ServiceModel());
  struct Case {
    std::string text, message;
  };
  for (const Case& c : {Case{"plain: a/b=c", "plain: a/b=c"}, Case{"it's \"x\"; y", "it s  x  y"},
                        Case{"\n", ""}, Case{"Z\u00fcrich \u75c5", "Z\u00fcrich \u75c5"},
                        Case{std::string(3000, 'x'), std::string(2048, 'x')}}) {
    EXPECT_EQ(validator.Fit("Message", c.text), c.message);
    if (!c.message.empty()) {
      EXPECT_TRUE(validator.Accepts("Message", c.message));
    }
  }
}

TEST(SmartMetadata, NeedsTheFiveElements) {
  const std::string good =
      R"({"authorization_endpoint":"https://a.example/auth","token_endpoint":"https://a.example/t",)"
      R"("grant_types_supported":["client_credentials"],"capabilities":["launch-ehr"],)"
      R"("code_challenge_methods_supported":["S256"],"more":1})";
  EXPECT_TRUE(CheckSmartMetadata(good).ok());
  struct Case {
    std::string from, to, expected;
  };
  for (const Case& c :
       {Case{"authorization_endpoint", "x", "authorization_endpoint"},
        Case{"token_endpoint", "x", "token_endpoint"},
        Case{"https://a.example/t", "not a URL", "token_endpoint"},
        Case{"grant_types_supported", "x", "grant_types_supported"},
        Case{"[\"client_credentials\"]", "[]", "grant_types_supported"},
        Case{"client_credentials", "password", "grant_types_supported"},
        Case{"capabilities", "x", "capabilities"}, Case{"[\"launch-ehr\"]", "[1]", "capabilities"},
        Case{"code_challenge_methods_supported", "x", "code_challenge_methods_supported"},
        Case{"S256", "plain", "S256"}, Case{"{\"auth", "[\"auth", "must be JSON"}}) {
    SCOPED_TRACE(c.to);
    std::string text = good;
    text.replace(text.find(c.from), c.from.size(), c.to);
    const Status checked = CheckSmartMetadata(text);
    ASSERT_FALSE(checked.ok());
    EXPECT_THAT(checked.error().detail, HasSubstr("'identityProviderConfiguration.metadata'"));
    EXPECT_THAT(checked.error().detail, HasSubstr(c.expected));
  }
}

TEST(ClientTokens, DoNotDependOnOrderNullsOrTheTokenItself) {
  const auto print = [](std::string_view text) {
    return ReadClientToken("Op", json::ParseValue(text).value()).fingerprint;
  };
  const std::string base = print(R"({"A":{"X":1,"Y":"2"},"ClientToken":"t"})");
  EXPECT_EQ(print(R"({"ClientToken":"u","B":null,"A":{"Y":"2","X":1,"Z":null}})"), base);
  EXPECT_NE(print(R"({"A":{"X":1,"Y":"3"}})"), base);
  EXPECT_NE(print(R"({"A":{"X":1,"Y":"2"},"B":[]})"), base);
}

RC_GTEST_PROP(PageToken, ReadsOnlyWhatItMade,
              (const std::string& secret, const std::string& context, std::string position)) {
  position += '!';  // Positions are never empty.
  const std::string token = service_model::MakePageToken(secret, context, position);
  for (const char c : token)
    RC_ASSERT(std::isalnum(static_cast<uint8_t>(c)) || c == '-' || c == '_');
  // Doubled parentheses: RC_ASSERT's own && and || evaluate both sides.
  const auto read = service_model::ReadPageToken(secret, context, token);
  RC_ASSERT((read.ok() && read.value() == position));
  RC_ASSERT(!service_model::ReadPageToken(secret + "x", context, token).ok());
  RC_ASSERT(!service_model::ReadPageToken(secret, context + "x", token).ok());
  std::string changed = token;
  const size_t at = *rc::gen::inRange<size_t>(0, changed.size());
  changed[at] = changed[at] == 'A' ? 'B' : 'A';
  const auto broken = service_model::ReadPageToken(secret, context, changed);
  // The last character of Base64 may hold bits that mean nothing.
  RC_ASSERT((!broken.ok() || (at + 1 == changed.size() && broken.value() == position)));
  RC_ASSERT(!service_model::ReadPageToken(secret, context, token.substr(0, at)).ok());
}

}  // namespace
}  // namespace tarn::healthlake::internal
