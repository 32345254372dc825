#include "fhir_api/internal/negotiation.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "fhir/definitions.h"
#include "fhir_api/internal/capability.h"
#include "fhir_api/internal/not_built.h"
#include "json/value.h"

namespace tarn::fhir_api::internal {
namespace {

TEST(AnswerMedia, FollowsAccept) {
  struct Case {
    std::string_view accept;
    std::optional<Media> media;
  };
  for (const Case& c : {
           Case{"", Media::kFhirJson},
           Case{"*/*", Media::kFhirJson},
           Case{"application/*;q=0.1", Media::kFhirJson},
           Case{"application/fhir+json", Media::kFhirJson},
           Case{"Application/FHIR+JSON; fhirVersion=4.0; charset=utf-8", Media::kFhirJson},
           Case{"application/fhir+json;fhirVersion=\"4.0\"", Media::kFhirJson},
           Case{"application/json", Media::kJson},
           Case{"application/json, application/fhir+json", Media::kJson},
           Case{"application/json;q=0.5, application/fhir+json;q=0.9", Media::kFhirJson},
           Case{"text/html,application/xhtml+xml,*/*;q=0.8", Media::kFhirJson},
           Case{"application/fhir+xml", std::nullopt},
           Case{"application/fhir+json;fhirVersion=3.0", std::nullopt},
           Case{"application/fhir+json;q=0", std::nullopt},
           Case{"text/html", std::nullopt},
           Case{",,;", std::nullopt},
       }) {
    SCOPED_TRACE(c.accept);
    EXPECT_EQ(AnswerMedia(c.accept, nullptr), c.media);
  }
}

TEST(AnswerMedia, LooksAtBoundedlyManyRanges) {
  std::string accept;
  for (int i = 0; i < 31; ++i) accept += "text/html,";
  EXPECT_TRUE(AnswerMedia(accept + "*/*", nullptr).has_value());
  EXPECT_FALSE(AnswerMedia("text/html," + accept + "*/*", nullptr).has_value());
}

TEST(AnswerMedia, FormatWins) {
  struct Case {
    std::string format;
    bool acceptable;
  };
  for (const Case& c :
       {Case{"json", true}, Case{"application/json", true}, Case{"application/fhir+json", true},
        Case{"application/fhir json", true}, Case{"xml", false},
        Case{"application/fhir+xml", false}, Case{"", false}, Case{"ttl", false}}) {
    SCOPED_TRACE(c.format);
    EXPECT_EQ(AnswerMedia("text/html", &c.format).has_value(), c.acceptable);
  }
}

TEST(IsResourceMedia, KnowsFhirJson) {
  for (const std::string_view type :
       {"application/fhir+json", "application/json", "application/fhir+json; charset=UTF-8",
        "application/fhir+json;fhirVersion=4.0", "application/json;charset=\"utf-8\""}) {
    EXPECT_TRUE(IsResourceMedia(type)) << type;
  }
  for (const std::string_view type :
       {"", ";", "text/plain", "application/fhir+xml", "application/x-www-form-urlencoded",
        "application/fhir+json;charset=iso-8859-1", "application/fhir+json;fhirVersion=5.0",
        "application/json-patch+json"}) {
    EXPECT_FALSE(IsResourceMedia(type)) << type;
  }
}

TEST(Preferences, AreRead) {
  struct Case {
    std::string prefer;
    Return what;
    bool said, lenient;
  };
  for (const Case& c : {
           Case{"", Return::kRepresentation, false, false},
           Case{"return=minimal", Return::kMinimal, true, false},
           Case{"return=\"OperationOutcome\"", Return::kOutcome, true, false},
           Case{"return=representation", Return::kRepresentation, true, false},
           Case{"return=everything", Return::kRepresentation, false, false},
           Case{"handling=lenient, return=minimal; x=y", Return::kMinimal, true, true},
           Case{"handling=strict", Return::kRepresentation, false, false},
           Case{"respond-async", Return::kRepresentation, false, false},
       }) {
    SCOPED_TRACE(c.prefer);
    http::Headers headers;
    headers.Add("prefer", c.prefer);
    const Preferences preferences = ReadPreferences(headers);
    EXPECT_EQ(preferences.what, c.what);
    EXPECT_EQ(preferences.said, c.said);
    EXPECT_EQ(preferences.lenient, c.lenient);
  }
  http::Headers two;
  two.Add("Prefer", "handling=lenient");
  two.Add("Prefer", "return=minimal");
  EXPECT_TRUE(ReadPreferences(two).lenient);
  EXPECT_EQ(ReadPreferences(two).what, Return::kMinimal);
}

TEST(Tags, NameVersions) {
  EXPECT_EQ(VersionOfTag("W/\"3\""), 3u);
  EXPECT_EQ(VersionOfTag("\"12\""), 12u);
  EXPECT_EQ(VersionOfTag(" W/\"18446744073709551615\" "), UINT64_MAX);
  for (const std::string_view tag : {"", "3", "W/3", "\"\"", "\"a\"", "\"03\"", "\"0\"", "\"-1\"",
                                     "w/\"3\"", "\"3", "\"18446744073709551616\"", "*"}) {
    EXPECT_EQ(VersionOfTag(tag), std::nullopt) << tag;
  }
  EXPECT_TRUE(TagListHolds("*", 7));
  EXPECT_TRUE(TagListHolds("W/\"1\", W/\"7\"", 7));
  EXPECT_TRUE(TagListHolds("\"x,y\",\"7\"", 7));
  EXPECT_FALSE(TagListHolds("W/\"1\", \"77\"", 7));
  EXPECT_FALSE(TagListHolds("", 7));
}

TEST(Query, UnknownParametersAreNamed) {
  http::Request request;
  Query query;
  request.query = "_format=json&_pretty=true";
  EXPECT_FALSE(ReadQuery(request, false, &query).has_value());
  EXPECT_EQ(query.format, "json");
  request.query = "_summary=true";
  const auto fault = ReadQuery(request, false, &query);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->status, 400);
  EXPECT_NE(fault->text.find("_summary"), std::string::npos);
  EXPECT_FALSE(ReadQuery(request, true, &query).has_value());
  request.query = "a=%G0";
  EXPECT_TRUE(ReadQuery(request, true, &query).has_value());
  request.query = "Jane%20Roe=1";
  EXPECT_EQ(ReadQuery(request, false, &query)->text.find("Jane"), std::string::npos);
}

TEST(Echo, RepeatsOnlyPlainWords) {
  EXPECT_EQ(Echo("$everything"), "$everything");
  EXPECT_EQ(Echo(std::string(64, 'a')), std::string(64, 'a'));
  EXPECT_EQ(Echo(std::string(65, 'a')), "(...)");
  EXPECT_EQ(Echo("a b"), "(...)");
  EXPECT_EQ(Echo(""), "(...)");
}

TEST(RefusalOf, NamesWhatIsAskedFor) {
  using http::Method;
  struct Case {
    Method method;
    std::string_view path;
    int status;
    std::string_view word;
  };
  for (const Case& c : {
           Case{Method::kPost, "", 405, "GET, POST"},
           Case{Method::kGet, "", 404, "no such"},
           Case{Method::kDelete, "", 405, "GET, POST"},
           Case{Method::kGet, "Patient", 404, "no such"},
           Case{Method::kHead, "Patient/", 404, "no such"},
           Case{Method::kPut, "Patient/_search", 405, "POST"},
           Case{Method::kPut, "_search", 405, "POST"},
           Case{Method::kPut, "AuditEvent", 405, "GET, HEAD, POST"},
           Case{Method::kDelete, "AuditEvent", 405, "GET, HEAD, POST"},
           Case{Method::kPatch, "Patient", 501, "conditional patch"},
           Case{Method::kOther, "Patient", 405, "POST"},
           Case{Method::kPatch, "Patient/1", 501, "patch"},
           Case{Method::kPost, "Patient/1", 405, "PUT"},
           Case{Method::kPut, "AuditEvent/1", 405, "GET, HEAD"},
           Case{Method::kDelete, "AuditEvent/1", 405, "GET, HEAD"},
           Case{Method::kPut, "Patient/1/_history", 405, "GET"},
           Case{Method::kPut, "Patient/1/_history/2", 405, "GET"},
           Case{Method::kGet, "Patient/_history", 501, "history of a type"},
           Case{Method::kGet, "_history", 501, "history of the system"},
           Case{Method::kGet, "Patient/1/$everything", 501, "$everything"},
           Case{Method::kPost, "$export", 501, "$export"},
           Case{Method::kPost, "Patient/$validate", 501, "$validate"},
           Case{Method::kGet, "export/0123", 501, "bulk export"},
           Case{Method::kGet, "Transaction/1", 501, "asynchronous transaction"},
           Case{Method::kPut, "Patient/1/Observation", 405, "GET"},
           Case{Method::kGet, "Group/1/Observation", 404, "no such"},
           Case{Method::kGet, "Patient/1/_search", 405, "POST"},
           Case{Method::kPut, "Patient/1/Observation/_search", 405, "POST"},
           Case{Method::kPost, "Group/1/_search", 404, "no such"},
           Case{Method::kPost, "metadata", 405, "GET"},
           Case{Method::kPost, ".well-known/smart-configuration", 405, "GET"},
           Case{Method::kGet, ".well-known/else", 404, "no such"},
           Case{Method::kGet, "Nonsense", 404, "no resource type"},
           Case{Method::kPost, "Nonsense", 404, "no resource type"},
           Case{Method::kGet, "Nonsense/1", 404, "no resource type"},
           Case{Method::kGet, "Patient/a b", 404, "no such"},
           Case{Method::kGet, "Patient/1/nonsense", 404, "no such"},
           Case{Method::kGet, "Patient/1/_history/2/3", 404, "no such"},
           Case{Method::kGet, "a/b/c/d/e/f/g/$h", 404, "no such"},
       }) {
    SCOPED_TRACE(std::string(http::MethodName(c.method)) + " " + std::string(c.path));
    const Refusal refusal = RefusalOf(c.method, c.path);
    EXPECT_EQ(refusal.fault.status, c.status);
    EXPECT_NE(refusal.fault.text.find(c.word), std::string::npos) << refusal.fault.text;
    EXPECT_EQ(refusal.allow.empty(), c.status != 405);
  }
}

}  // namespace
}  // namespace tarn::fhir_api::internal
