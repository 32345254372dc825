// Credentials, inputs, sources, and the rewriting for AWS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/file.h"
#include "runner_host/aws_profile.h"
#include "runner_host/aws_settings.h"
#include "runner_host/inputs.h"
#include "runner_host/internal/test_folder.h"
#include "runner_host/limits.h"
#include "runner_host/masker.h"
#include "runner_host/sources.h"

namespace tarn::runner_host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

Environment Variables(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

TEST(AwsSettings, LooksWhereTheAwsToolsLook) {
  const Folder home;
  home.Write(".aws/credentials",
             "# keys\n[default]\naws_access_key_id = D\naws_secret_access_key=DS\n"
             "[work]\naws_access_key_id = W\naws_secret_access_key = WS\naws_session_token = WT\n");
  home.Write(".aws/config",
             "[default]\nregion = eu-north-1\ns3 =\n  max_queue_size = 7\n"
             "[profile work]\nregion=us-west-2\n[profile inside]\naws_access_key_id = I\n"
             "aws_secret_access_key = IS\n");
  struct Case {
    std::map<std::string, std::string> variables;
    std::string key, token, region;
  };
  for (const Case& c : {
           Case{{}, "D", "", "eu-north-1"},
           Case{{{"AWS_PROFILE", "work"}}, "W", "WT", "us-west-2"},
           Case{{{"AWS_DEFAULT_PROFILE", "inside"}}, "I", "", ""},
           Case{{{"AWS_REGION", "x-y-1"}, {"AWS_DEFAULT_REGION", "z"}}, "D", "", "x-y-1"},
           Case{{{"AWS_ACCESS_KEY_ID", "E"}, {"AWS_SECRET_ACCESS_KEY", "ES"}},
                "E",
                "",
                "eu-north-1"},
           Case{{{"AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"}}, "", "", "eu-north-1"},
       }) {
    auto variables = c.variables;
    variables["HOME"] = home.path();
    const auto settings = FindAwsSettings(Variables(variables));
    ASSERT_TRUE(settings.ok()) << settings.error().detail;
    EXPECT_EQ(settings.value().region, c.region);
    ASSERT_EQ(settings.value().credentials.has_value(), !c.key.empty());
    EXPECT_EQ(settings.value().missing.empty(), !c.key.empty());
    if (c.key.empty()) continue;
    EXPECT_EQ(settings.value().credentials->access_key_id, c.key);
    EXPECT_EQ(settings.value().credentials->session_token, c.token);
  }
}

TEST(AwsSettings, RefusesWhatItCannotUse) {
  const Folder home;
  home.Write(".aws/config", "[profile sso]\nsso_session = x\n[profile broken]\nregion\n");
  struct Case {
    std::map<std::string, std::string> variables;
    ErrorKind kind;
    std::string_view expected;
  };
  for (const Case& c : {Case{{{"AWS_ACCESS_KEY_ID", "E"}}, ErrorKind::kInvalid, "go together"},
                        Case{{{"AWS_PROFILE", "sso"}}, ErrorKind::kInvalid, "config:4: neither"}}) {
    auto variables = c.variables;
    variables["HOME"] = home.path();
    const auto settings = FindAwsSettings(Variables(variables));
    ASSERT_FALSE(settings.ok());
    EXPECT_EQ(settings.error().kind, c.kind);
    EXPECT_THAT(settings.error().detail, HasSubstr(c.expected));
  }
  home.Write(".aws/config", "[profile sso]\nsso_session = x\n");
  const auto sso = FindAwsSettings(Variables({{"HOME", home.path()}, {"AWS_PROFILE", "sso"}}));
  ASSERT_FALSE(sso.ok());
  EXPECT_EQ(sso.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(sso.error().detail, HasSubstr("export-credentials --profile sso"));
  const std::string large(kSettingsBytesMax + 1, '\n');
  home.Write(".aws/config", large);
  EXPECT_EQ(FindAwsSettings(Variables({{"HOME", home.path()}})).error().kind, ErrorKind::kTooLarge);
  home.Write(".aws/config", std::string_view(large).substr(1));
  EXPECT_TRUE(FindAwsSettings(Variables({{"HOME", home.path()}})).ok());
}

arazzo::ApiOperation Imaging(std::string id) {
  arazzo::ApiOperation out;
  out.id = std::move(id);
  out.signing_name = "medical-imaging";
  return out;
}

TEST(AwsProfile, GivesTheServicesWhatTheyTake) {
  arazzo::OutgoingRequest request{
      "POST",
      "https://healthlake.eu-west-1.amazonaws.com/?MaxResults=5&JobName=7",
      {{"X-Amz-Target", "HealthLake.ListFHIRImportJobs"}, {"content-type", "application/json"}},
      R"({"DatastoreId":"d"})",
      true};
  ASSERT_TRUE(ApplyAwsProfile({}, &request).ok());
  EXPECT_EQ(request.url, "https://healthlake.eu-west-1.amazonaws.com/");
  EXPECT_EQ(request.body, R"({"DatastoreId":"d","MaxResults":5,"JobName":"7"})");
  EXPECT_EQ(request.headers[1].second, "application/x-amz-json-1.0");

  struct Case {
    std::string id, url, body, expected_url, expected_body;
  };
  const std::string host = "https://medical-imaging.us-east-1.amazonaws.com/x";
  const std::string runtime = "https://runtime-medical-imaging.us-east-1.amazonaws.com/x";
  for (const Case& c : {
           Case{"GetImageFrame", host, R"({"imageFrameInformation":{"imageFrameId":"f"}})", runtime,
                R"({"imageFrameId":"f"})"},
           Case{"SearchImageSets", host, R"({"filters":[]})", runtime, R"({"filters":[]})"},
           Case{"GetDatastore", host, "", host, ""},
           Case{"DeleteImageSet", runtime, "", runtime, ""},
           // Loopback names have no such prefix.
           Case{"CopyImageSet", "http://127.0.0.1:1/x", R"({"copyImageSetInformation":{"a":1}})",
                "http://127.0.0.1:1/x", R"({"a":1})"},
       }) {
    SCOPED_TRACE(c.id);
    arazzo::OutgoingRequest imaging{"POST", c.url, {}, c.body, !c.body.empty()};
    ASSERT_TRUE(ApplyAwsProfile(Imaging(c.id), &imaging).ok());
    EXPECT_EQ(imaging.url, c.expected_url);
    EXPECT_EQ(imaging.body, c.expected_body);
  }
  EXPECT_EQ(RegionOfHost("healthlake.eu-west-1.amazonaws.com"), "eu-west-1");
  EXPECT_EQ(RegionOfHost("sts.amazonaws.com"), "");
  EXPECT_EQ(RegionOfHost("healthlake.eu-west-1.example.com"), "");
}

TEST(Sources, FindOperationIds) {
  EXPECT_THAT(OperationIdsIn("operationId: A\n- operationId: 'B'\n{\"operationId\":\"C\"}\n"
                             "operationId: $sourceDescriptions.x.D.e\n"),
              UnorderedElementsAre("A", "B", "C", "D.e"));
}

TEST(Sources, PathsAndUrls) {
  const std::string url = UrlOfPath("/a b/c#d/../e?f%.yaml");
  EXPECT_EQ(url, "/a b/e%3Ff%25.yaml");
  EXPECT_EQ(PathOfUrl(url), "/a b/e?f%.yaml");
  EXPECT_EQ(PathOfUrl("file:///x%20y"), "/x y");
  EXPECT_EQ(PathOfUrl("file://localhost/x"), "/x");
  EXPECT_EQ(PathOfUrl("ftp://host/x"), std::nullopt);
}

TEST(Sources, AFolderGivesTheFilesThatAreUsed) {
  const Folder folder;
  folder.Write("a/one.yaml", "openapi: 3.0.0\n# GetThing\n");
  folder.Write("b/two.json", R"({"openapi":"3.1.0","x":"PutThing"})");
  folder.Write("c/not-used.yaml", "openapi: 3.0.0\n# GetThings\n");
  folder.Write("c/a-workflow.yaml", "arazzo: 1.0.0\n# operationId: GetThing\n");
  folder.Write("c/text.txt", "openapi: GetThing");
  const auto no_url = [](const std::string&) -> Result<std::string> { return Internal("no"); };
  SourceFetcher fetcher({{{"api", folder.path()}}, {{"api", "http://s"}}},
                        "operationId: GetThing\noperationId: PutThing\n", no_url);
  const auto found = fetcher.Fetch("api", "/nowhere.yaml");
  ASSERT_TRUE(found.ok()) << found.error().detail;
  EXPECT_THAT(found.value().url, HasSubstr("a/one.yaml"));
  ASSERT_EQ(found.value().others.size(), 1u);
  EXPECT_THAT(found.value().others[0].url, HasSubstr("b/two.json"));
  EXPECT_EQ(found.value().server, "http://s");
  EXPECT_THAT(fetcher.UnusedNames(), IsEmpty());

  KeptFetcher kept(fetcher.kept());
  EXPECT_EQ(kept.Fetch("api", "/nowhere.yaml").value().others.size(), 1u);
  EXPECT_FALSE(kept.Fetch("other", "/nowhere.yaml").ok());

  SourceFetcher nothing({{{"api", folder.path()}, {"misspelt", "x"}}, {}}, "operationId: Absent",
                        no_url);
  EXPECT_THAT(nothing.Fetch("api", "/x").error().detail, HasSubstr("has any of Absent"));
  EXPECT_THAT(nothing.UnusedNames(), ElementsAre("misspelt"));
  EXPECT_THAT(nothing.Fetch("else", "/nowhere.yaml").error().detail,
              HasSubstr("give --source else="));
}

DeclaredInput Declared(std::string name, std::vector<std::string> types, bool required) {
  DeclaredInput out;
  out.name = std::move(name);
  out.types = std::move(types);
  out.required = required;
  return out;
}

TEST(Inputs, TextsBecomeWhatTheSchemaWants) {
  const std::vector<DeclaredInput> declared = {
      Declared("text", {"string"}, false), Declared("number", {"integer"}, false),
      Declared("both", {"string", "number"}, false), Declared("list", {"array"}, false),
      Declared("flag", {"boolean", "null"}, false)};
  const auto gather = [&](std::vector<std::string> pairs) {
    return GatherInputs(declared, {std::move(pairs), ""}, json::Value::MakeObject(), Variables({}),
                        [](const auto&) { return std::nullopt; });
  };
  const auto inputs =
      gather({"text=1", "number=7", "both=2", "list=[1,2]", "flag=null", "other=x=y"});
  ASSERT_TRUE(inputs.ok()) << inputs.error().detail;
  EXPECT_EQ(json::ToText(inputs.value()),
            R"({"text":"1","number":7,"both":"2","list":[1,2],"flag":null,"other":"x=y"})");
  for (const char* wrong : {"number=x", "list={}", "flag=1", "text", "=x"}) {
    EXPECT_EQ(gather({wrong}).error().kind, ErrorKind::kInvalid) << wrong;
  }
}

TEST(Inputs, NearerSourcesWin) {
  const Folder folder;
  const std::string file = folder.Write("inputs.yaml", "a: file\nb: file\n");
  const std::vector<DeclaredInput> declared = {Declared("a", {}, true), Declared("b", {}, true),
                                               Declared("c-1", {}, true), Declared("d", {}, true),
                                               Declared("e", {}, false)};
  std::vector<std::string> asked;
  const auto inputs =
      GatherInputs(declared, {{"a=flag"}, file}, json::Value::MakeObject(),
                   Variables({{"TARN_INPUT_b", "environment"}, {"TARN_INPUT_c_1", "environment"}}),
                   [&](const DeclaredInput& input) {
                     asked.push_back(input.name);
                     return std::optional<std::string>("asked");
                   });
  ASSERT_TRUE(inputs.ok());
  EXPECT_EQ(inputs.value().Find("a")->AsString(), "flag");
  EXPECT_EQ(inputs.value().Find("b")->AsString(), "file");
  EXPECT_EQ(inputs.value().Find("c-1")->AsString(), "environment");
  EXPECT_EQ(inputs.value().Find("d")->AsString(), "asked");
  EXPECT_THAT(asked, ElementsAre("d"));
}

TEST(Masking, HidesHeadersThatCarryCredentials) {
  arazzo::SecretMask mask;
  mask.Add("x", "hush-hush");
  EXPECT_EQ(MaskHeader(mask, "AUTHORIZATION", "Bearer a"), "***");
  EXPECT_EQ(MaskHeader(mask, "X-Note", "say hush-hush"), "say ***");
  EXPECT_TRUE(HoldsSecret(mask, "?q=hush-hush"));
  EXPECT_FALSE(HoldsSecret(mask, "nothing"));
}

}  // namespace
}  // namespace tarn::runner_host
