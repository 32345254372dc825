#include "fhir/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/definitions.h"
#include "json/value.h"

namespace tarn::fhir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

constexpr std::string_view kObservation = R"({"resourceType":"Observation","id":"o",
  "meta":{"versionId":"3","tag":[{"code":"mine"}]},
  "text":{"status":"generated","div":"<div>x</div>"},
  "contained":[{"resourceType":"Patient","id":"p"}],
  "extension":[{"url":"urn:e","valueString":"x"}],
  "modifierExtension":[{"url":"urn:m","valueBoolean":true}],
  "status":"final","_status":{"id":"s"},
  "code":{"extension":[{"url":"urn:c","valueString":"y"}],"text":"Code"},
  "subject":{"extension":[{"url":"urn:only","valueString":"y"}]},
  "effectiveDateTime":"2026",
  "valueQuantity":{"value":1.00},"note":[{"text":"n"}],"unknown":1,
  "component":[{"code":{"text":"c"},"referenceRange":[{"text":"r"}],"valueInteger":1},
    {"referenceRange":[{"text":"r"}]}]})";

std::vector<std::string> NamesOf(const json::Value& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.members()) names.push_back(name);
  return names;
}

json::Value Cut(std::string_view text, const View& view) {
  const auto cut = CutDown(text, view);
  EXPECT_TRUE(cut.ok());
  const auto value = json::ParseValue(cut.value());
  EXPECT_TRUE(value.ok()) << cut.value();
  return value.ok() ? value.value() : json::Value::MakeObject();
}

TEST(CutDown, LeavesAWholeResourceAlone) {
  EXPECT_EQ(CutDown(kObservation, {}).value(), kObservation);
  EXPECT_EQ(CutDown(kObservation, {.summary = Summary::kCount, .elements = {}}).value(),
            kObservation);
}

TEST(CutDown, SummaryTrueFollowsTheDefinitionsAtEveryLevel) {
  const json::Value cut = Cut(kObservation, {.summary = Summary::kTrue, .elements = {}});
  EXPECT_THAT(NamesOf(cut),
              ElementsAre("resourceType", "id", "meta", "modifierExtension", "status", "_status",
                          "code", "effectiveDateTime", "valueQuantity", "component"));
  EXPECT_THAT(NamesOf(*cut.Find("code")), ElementsAre("text"));
  ASSERT_EQ(cut.Find("component")->items().size(), 1u);
  EXPECT_THAT(NamesOf(cut.Find("component")->items()[0]), ElementsAre("code", "valueInteger"));
}

TEST(CutDown, TextAndDataAreEachOthersComplement) {
  EXPECT_THAT(NamesOf(Cut(kObservation, {.summary = Summary::kText, .elements = {}})),
              ElementsAre("resourceType", "id", "meta", "text", "modifierExtension", "status",
                          "_status", "code"));
  const json::Value data = Cut(kObservation, {.summary = Summary::kData, .elements = {}});
  EXPECT_EQ(data.Find("text"), nullptr);
  EXPECT_EQ(data.members().size(), json::ParseValue(kObservation).value().members().size() - 1);
}

TEST(CutDown, ElementsKeepWhatIsMandatoryOrChangesMeaning) {
  const View view = {.summary = Summary::kFalse, .elements = {"note", "value"}};
  const json::Value cut = Cut(kObservation, view);
  EXPECT_THAT(NamesOf(cut), ElementsAre("resourceType", "id", "meta", "modifierExtension", "status",
                                        "_status", "code", "valueQuantity", "note"));
  EXPECT_THAT(CutDown(kObservation, view).value(), HasSubstr(R"("value":1.00)"));
  EXPECT_THAT(NamesOf(Cut(kObservation,
                          {.summary = Summary::kFalse, .elements = {"valueQuantity", "nothing"}})),
              ElementsAre("resourceType", "id", "meta", "modifierExtension", "status", "_status",
                          "code", "valueQuantity"));
}

TEST(CutDown, TagsWhatIsCut) {
  const auto codes = [](std::string_view text) {
    std::vector<std::string> out;
    const json::Value cut = Cut(text, {.summary = Summary::kData, .elements = {}});
    for (const json::Value& tag : cut.Find("meta")->Find("tag")->items()) {
      out.push_back(tag.Find("code")->AsString());
    }
    return out;
  };
  EXPECT_THAT(codes(kObservation), ElementsAre("mine", "SUBSETTED"));
  EXPECT_THAT(codes(R"({"resourceType":"Patient"})"), ElementsAre("SUBSETTED"));
  EXPECT_THAT(codes(R"({"resourceType":"Patient","meta":{}})"), ElementsAre("SUBSETTED"));
  EXPECT_THAT(codes(R"({"resourceType":"Patient","meta":{"tag":[]}})"), ElementsAre("SUBSETTED"));
  EXPECT_THAT(codes(R"({"resourceType":"Patient","meta":{"tag":[{"code":"SUBSETTED","system":
                    "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"}]}})"),
              ElementsAre("SUBSETTED"));
  EXPECT_THAT(codes(R"({"resourceType":"Patient","meta":{"tag":[{"code":"SUBSETTED"}]}})"),
              ElementsAre("SUBSETTED", "SUBSETTED"));
}

TEST(CutDown, LooksIntoResourcesWithinABundle) {
  const json::Value cut =
      Cut(R"({"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:x","resource":
          {"resourceType":"Patient","text":{"status":"empty","div":"d"},"birthDate":"2020"}}]})",
          {.summary = Summary::kTrue, .elements = {}});
  const json::Value& patient = *cut.Find("entry")->items()[0].Find("resource");
  EXPECT_THAT(NamesOf(patient), ElementsAre("resourceType", "birthDate"));
}

// What the definitions mark is kept and nothing else of the first level, for every type.
TEST(CutDown, KeepsMandatoryElementsOfEveryType) {
  for (TypeId type = 1; type <= TypeCount(); ++type) {
    SCOPED_TRACE(TypeName(type));
    std::string text = R"({"resourceType":")" + std::string(TypeName(type)) + "\"";
    std::set<std::string> summary;
    std::set<std::string> mandatory;
    for (const MemberDefinition& member : MembersOf(type)) {
      const ElementDefinition& element = ElementsOf(type)[member.element];
      const std::string name(member.name.view());
      text.append(",\"").append(name).append(name == "meta" ? "\":{}" : "\":\"x\"");
      if (element.summary || element.modifier || element.min > 0) summary.insert(name);
      if (element.modifier || element.min > 0) mandatory.insert(name);
    }
    text += "}";
    // Not a valid resource, which the cut does not ask for, but for the id.
    const auto names = [&](const View& view) {
      std::set<std::string> out;
      for (const std::string& name : NamesOf(Cut(text, view))) out.insert(name);
      out.erase("resourceType");
      return out;
    };
    summary.insert("meta");
    EXPECT_EQ(names({.summary = Summary::kTrue, .elements = {}}), summary);
    mandatory.insert({"id", "meta"});
    EXPECT_EQ(names({.summary = Summary::kFalse, .elements = {"none"}}), mandatory);
    if (FindMember(type, "text") != nullptr) mandatory.insert("text");
    EXPECT_EQ(names({.summary = Summary::kText, .elements = {}}), mandatory);
  }
}

TEST(CutDown, RefusesWhatIsNoResource) {
  const View view = {.summary = Summary::kTrue, .elements = {}};
  for (const std::string_view text : {"", "[]", "{}", R"({"resourceType":"Cat"})", "{"}) {
    EXPECT_FALSE(CutDown(text, view).ok()) << text;
  }
}

}  // namespace
}  // namespace tarn::fhir
