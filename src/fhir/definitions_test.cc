#include "fhir/definitions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace tarn::fhir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

std::vector<std::string> Names(std::span<const TypeIndex> types) {
  std::vector<std::string> names;
  for (TypeIndex type : types) names.emplace_back(TypeAt(type).name.view());
  return names;
}

std::vector<std::string> Codes(std::span<const uint16_t> parameters) {
  std::vector<std::string> codes;
  for (uint16_t index : parameters) codes.emplace_back(SearchParameters()[index].code.view());
  return codes;
}

TEST(Definitions, ResourceTypesKeepTheirStoredNumbers) {
  for (TypeId type = 1; type <= TypeCount(); ++type) {
    EXPECT_EQ(TypeAt(type).name.view(), TypeName(type));
    EXPECT_EQ(FindFhirType(TypeName(type)), type);
    EXPECT_TRUE(IsResource(type));
    EXPECT_FALSE(TypeAt(type).abstract);
    EXPECT_TRUE(IsSubtype(type, kTypes.resource));
  }
  EXPECT_TRUE(TypeAt(kTypes.domain_resource).abstract);
}

TEST(Definitions, EveryTypeIsFoundByItsName) {
  for (TypeIndex type = 1; type < TypeIndexCount(); ++type) {
    const TypeDefinition& row = TypeAt(type);
    const bool system = row.kind == TypeKind::kSystem;
    EXPECT_EQ(system ? FindSystemType(row.name) : FindFhirType(row.name), type) << row.name.view();
  }
  EXPECT_EQ(FindFhirType("SubscriptionStatus"), kUnknownType);  // Of a later release.
  EXPECT_EQ(FindFhirType(""), kUnknownType);
  EXPECT_EQ(FindSystemType("string"), kUnknownType);
}

TEST(Definitions, KnownTypesAreWhatTheirNamesSay) {
  struct Case {
    TypeIndex type;
    std::string_view name;
    TypeKind kind;
  };
  for (const Case& c : {Case{kTypes.resource, "Resource", TypeKind::kResource},
                        Case{kTypes.extension, "Extension", TypeKind::kComplex},
                        Case{kTypes.boolean, "boolean", TypeKind::kPrimitive},
                        Case{kTypes.unsigned_int, "unsignedInt", TypeKind::kPrimitive},
                        Case{kTypes.base64_binary, "base64Binary", TypeKind::kPrimitive},
                        Case{kTypes.xhtml, "xhtml", TypeKind::kPrimitive},
                        Case{kTypes.quantity, "Quantity", TypeKind::kComplex},
                        Case{kTypes.sampled_data, "SampledData", TypeKind::kComplex},
                        Case{kTypes.period, "Period", TypeKind::kComplex},
                        Case{kTypes.timing, "Timing", TypeKind::kComplex},
                        Case{kTypes.narrative, "Narrative", TypeKind::kComplex},
                        Case{kTypes.system_boolean, "Boolean", TypeKind::kSystem},
                        Case{kTypes.system_quantity, "Quantity", TypeKind::kSystem},
                        Case{kTypes.location, "Location", TypeKind::kResource}}) {
    EXPECT_EQ(TypeAt(c.type).name.view(), c.name);
    EXPECT_EQ(TypeAt(c.type).kind, c.kind) << c.name;
  }
}

TEST(Definitions, SubtypesFollowTheBases) {
  EXPECT_TRUE(IsSubtype(kTypes.age, kTypes.quantity));
  EXPECT_TRUE(IsSubtype(kTypes.code, kTypes.string));
  EXPECT_TRUE(IsSubtype(kTypes.canonical, kTypes.uri));
  EXPECT_TRUE(IsSubtype(kTypes.patient, kTypes.domain_resource));
  EXPECT_TRUE(IsSubtype(FindFhirType("Patient.contact"), kTypes.backbone_element));
  EXPECT_FALSE(IsSubtype(kTypes.bundle, kTypes.domain_resource));
  EXPECT_FALSE(IsSubtype(kTypes.string, kTypes.code));
  EXPECT_FALSE(IsSubtype(kTypes.system_string, kTypes.string));
  EXPECT_FALSE(IsSubtype(kUnknownType, kTypes.string));
}

TEST(Definitions, ElementsHaveTypesAndCardinality) {
  const ElementDefinition* given = FindElement(kTypes.human_name, "given");
  ASSERT_NE(given, nullptr);
  EXPECT_EQ(given->type, kTypes.string);
  EXPECT_TRUE(given->array);
  EXPECT_EQ(given->min, 0);
  EXPECT_EQ(given->max, kElementMany);
  EXPECT_TRUE(given->summary);

  const TypeIndex observation = FindType("Observation");
  const ElementDefinition* status = FindElement(observation, "status");
  ASSERT_NE(status, nullptr);
  EXPECT_EQ(status->min, 1);
  EXPECT_EQ(status->max, 1);
  EXPECT_FALSE(status->array);
  EXPECT_TRUE(status->modifier);

  const ElementDefinition* contact = FindElement(kTypes.patient, "contact");
  ASSERT_NE(contact, nullptr);
  EXPECT_EQ(TypeAt(contact->type).name.view(), "Patient.contact");
  EXPECT_EQ(TypeAt(contact->type).kind, TypeKind::kBackbone);
  EXPECT_NE(FindElement(contact->type, "relationship"), nullptr);
  EXPECT_NE(FindElement(contact->type, "modifierExtension"), nullptr);  // Inherited.

  EXPECT_EQ(FindElement(kTypes.human_name, "given1"), nullptr);
  EXPECT_EQ(FindElement(kTypes.string, "value"), nullptr);
  EXPECT_EQ(FindElement(kTypes.string, "id")->type, kTypes.string);
  EXPECT_EQ(FindElement(kTypes.string, "extension")->type, kTypes.extension);
  EXPECT_TRUE(ElementsOf(kTypes.system_string).empty());
}

TEST(Definitions, ChoicesHaveAMemberForEachType) {
  const TypeIndex observation = FindType("Observation");
  const ElementDefinition* value = FindElement(observation, "value");
  ASSERT_NE(value, nullptr);
  EXPECT_TRUE(value->choice);
  EXPECT_EQ(value->type, kUnknownType);
  EXPECT_THAT(Names(ChoiceTypes(*value)),
              ElementsAre("Quantity", "CodeableConcept", "string", "boolean", "integer", "Range",
                          "Ratio", "SampledData", "time", "dateTime", "Period"));
  const MemberDefinition* member = FindMember(observation, "valueDateTime");
  ASSERT_NE(member, nullptr);
  EXPECT_EQ(member->type, kTypes.date_time);
  EXPECT_EQ(ElementsOf(observation)[member->element].name.view(), "value");
  EXPECT_EQ(FindMember(observation, "value"), nullptr);
  EXPECT_EQ(FindMember(observation, "valueAddress"), nullptr);
}

TEST(Definitions, ContentReferencesAreTheTypeTheyReferTo) {
  const ElementDefinition* range =
      FindElement(FindFhirType("Observation.component"), "referenceRange");
  ASSERT_NE(range, nullptr);
  EXPECT_EQ(TypeAt(range->type).name.view(), "Observation.referenceRange");
  const TypeIndex item = FindFhirType("Questionnaire.item");
  EXPECT_EQ(FindElement(item, "item")->type, item);
}

TEST(Definitions, RequiredBindingsSayTheSystem) {
  const auto system = [](std::string_view type, std::string_view element, std::string_view code) {
    return CodeSystemOf(*FindElement(FindFhirType(type), element), code);
  };
  EXPECT_EQ(system("Patient", "gender", "male"), "http://hl7.org/fhir/administrative-gender");
  EXPECT_EQ(system("Task", "intent", "order"), "http://hl7.org/fhir/request-intent");
  EXPECT_EQ(system("Task", "intent", "unknown"), "http://hl7.org/fhir/task-intent");
  EXPECT_EQ(system("Patient", "language", "de"), "");  // Preferred only.
  EXPECT_EQ(system("Patient", "birthDate", "x"), "");  // No code.
}

TEST(Definitions, EveryParameterIsFoundByNumberUrlAndCode) {
  EXPECT_EQ(SearchParameters().size(), 1378U);
  std::set<std::string_view> urls;
  size_t without_expression = 0;
  for (size_t i = 0; i < SearchParameters().size(); ++i) {
    const SearchParameter& parameter = SearchParameters()[i];
    SCOPED_TRACE(parameter.url.view());
    EXPECT_TRUE(urls.insert(parameter.url).second);
    EXPECT_EQ(FindSearchParameter(parameter.number), &parameter);
    EXPECT_EQ(FindSearchParameterByUrl(parameter.url), &parameter);
    EXPECT_LT(parameter.number, kCustomParameterFirst);
    EXPECT_FALSE(BasesOf(parameter).empty());
    for (TypeIndex base : BasesOf(parameter)) {
      if (!TypeAt(base).abstract) {
        EXPECT_EQ(FindSearchParameter(base, parameter.code), &parameter);
      }
    }
    EXPECT_EQ(parameter.type == SearchType::kComposite, !ComponentsOf(parameter).empty());
    without_expression += parameter.expression.empty();
  }
  EXPECT_EQ(without_expression, 3U);
  EXPECT_EQ(FindSearchParameter(kNoParameter), nullptr);
  EXPECT_EQ(FindSearchParameter(ParameterNumber{1379}), nullptr);
  EXPECT_EQ(FindSearchParameterByUrl("http://example.org"), nullptr);
  EXPECT_EQ(FindSearchParameter(kNoType, "_id"), nullptr);
  EXPECT_EQ(FindSearchParameter(UINT16_MAX, "_id"), nullptr);
}

TEST(Definitions, ParametersSayWhatTheyAre) {
  const SearchParameter* birth_date = FindSearchParameter(FindType("Patient"), "birthdate");
  ASSERT_NE(birth_date, nullptr);
  EXPECT_EQ(birth_date->type, SearchType::kDate);
  EXPECT_EQ(SearchTypeName(birth_date->type), "date");
  EXPECT_THAT(Names(BasesOf(*birth_date)), ElementsAre("Patient", "Person", "RelatedPerson"));
  EXPECT_EQ(birth_date->comparators, 0x1FF);

  const SearchParameter* patient = FindSearchParameter(FindType("Observation"), "patient");
  ASSERT_NE(patient, nullptr);
  EXPECT_THAT(Names(TargetsOf(*patient)), IsSupersetOf({std::string("Patient")}));

  const SearchParameter* composite =
      FindSearchParameter(FindType("Observation"), "code-value-quantity");
  ASSERT_NE(composite, nullptr);
  ASSERT_EQ(ComponentsOf(*composite).size(), 2U);
  const SearchComponent& second = ComponentsOf(*composite)[1];
  EXPECT_EQ(SearchParameters()[second.parameter].type, SearchType::kQuantity);
  EXPECT_FALSE(second.expression.empty());
}

TEST(Definitions, EveryTypeHasTheParametersOfResource) {
  for (TypeId type = 1; type <= TypeCount(); ++type) {
    const std::vector<std::string> codes = Codes(SearchParametersOf(type));
    EXPECT_TRUE(std::is_sorted(codes.begin(), codes.end()));
    EXPECT_THAT(codes, IsSupersetOf({"_id", "_lastUpdated", "_profile", "_security", "_tag"}));
  }
  EXPECT_EQ(FindSearchParameter(FindType("Bundle"), "_text"), nullptr);  // Of DomainResource.
  EXPECT_NE(FindSearchParameter(FindType("Patient"), "_text"), nullptr);
}

TEST(Definitions, CompartmentsNameTheirParameters) {
  const TypeId patient = FindType("Patient");
  EXPECT_TRUE(IsCompartment(patient));
  EXPECT_FALSE(IsCompartment(FindType("Observation")));
  EXPECT_THAT(Codes(CompartmentParameters(patient, FindType("Observation"))),
              ElementsAre("subject", "performer"));
  EXPECT_THAT(Codes(CompartmentParameters(patient, patient)), ElementsAre("link"));
  EXPECT_TRUE(CompartmentParameters(patient, FindType("Device")).empty());
  EXPECT_TRUE(CompartmentParameters(FindType("Device"), kNoType).empty());
  EXPECT_TRUE(CompartmentParameters(FindType("Observation"), patient).empty());
  EXPECT_THAT(Codes(CompartmentParameters(FindType("Encounter"), FindType("Observation"))),
              ElementsAre("encounter"));
}

}  // namespace
}  // namespace tarn::fhir
