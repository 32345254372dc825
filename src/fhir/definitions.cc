// Lookups in the generated tables. Everything is sorted by the generator (as bytes, which both
// sides agree on because all texts are ASCII), so that each lookup is a binary search.
#include "fhir/definitions.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "fhir/internal/definition_tables.h"

namespace tarn::fhir {
namespace {

using internal::kPool;

// The first row of [first, first + count) whose text, as `text_of` gives it, is `text`; or nullptr.
template <typename Row, typename TextOf>
const Row* FindRow(const Row* first, size_t count, std::string_view text, TextOf text_of) {
  const Row* end = first + count;
  const Row* found = std::lower_bound(
      first, end, text, [&](const Row& row, std::string_view key) { return text_of(row) < key; });
  return found != end && text_of(*found) == text ? found : nullptr;
}

constexpr std::array<std::string_view, 9> kSearchTypeNames = {
    "number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"};

}  // namespace

std::string_view PoolText::view() const { return {kPool + offset, bytes}; }

uint16_t TypeIndexCount() { return internal::kTypeRowsCount; }

const TypeDefinition& TypeAt(TypeIndex index) {
  CHECK(index < internal::kTypeRowsCount);
  return internal::kTypeRows[index];
}

TypeIndex FindFhirType(std::string_view name) {
  const TypeIndex* found =
      FindRow(internal::kTypesByName, internal::kTypesByNameCount, name,
              [](TypeIndex index) { return internal::kTypeRows[index].name.view(); });
  return found == nullptr ? kUnknownType : *found;
}

TypeIndex FindSystemType(std::string_view name) {
  for (TypeIndex index :
       {kTypes.system_boolean, kTypes.system_integer, kTypes.system_decimal, kTypes.system_string,
        kTypes.system_date, kTypes.system_date_time, kTypes.system_time, kTypes.system_quantity}) {
    if (TypeAt(index).name.view() == name) return index;
  }
  return kUnknownType;
}

bool IsSubtype(TypeIndex type, TypeIndex base) {
  while (type != kUnknownType && type != base) type = TypeAt(type).base;
  return type != kUnknownType;
}

bool IsResource(TypeIndex type) { return TypeAt(type).kind == TypeKind::kResource; }

std::span<const ElementDefinition> ElementsOf(TypeIndex type) {
  const PoolRange range = TypeAt(type).elements;
  return {internal::kElementRows + range.first, range.count};
}

std::span<const MemberDefinition> MembersOf(TypeIndex type) {
  const PoolRange range = TypeAt(type).members;
  return {internal::kMemberRows + range.first, range.count};
}

std::span<const TypeIndex> ChoiceTypes(const ElementDefinition& element) {
  return {internal::kChoiceRows + element.choices.first, element.choices.count};
}

const ElementDefinition* FindElement(TypeIndex type, std::string_view name) {
  const auto elements = ElementsOf(type);
  return FindRow(elements.data(), elements.size(), name,
                 [](const ElementDefinition& row) { return row.name.view(); });
}

const MemberDefinition* FindMember(TypeIndex type, std::string_view json_name) {
  const auto members = MembersOf(type);
  return FindRow(members.data(), members.size(), json_name,
                 [](const MemberDefinition& row) { return row.name.view(); });
}

std::string_view CodeSystemOf(const ElementDefinition& element, std::string_view code) {
  const internal::CodeSystemRule& rule = internal::kCodeSystemRules[element.code_systems];
  const internal::ListedCode* listed =
      FindRow(internal::kListedCodes + rule.listed.first, rule.listed.count, code,
              [](const internal::ListedCode& row) { return row.code.view(); });
  return listed == nullptr ? rule.system.view() : listed->system.view();
}

std::string_view SearchTypeName(SearchType type) {
  return kSearchTypeNames[static_cast<size_t>(type)];
}

std::span<const SearchParameter> SearchParameters() {
  return {internal::kParameterRows, internal::kParameterRowsCount};
}

std::span<const TypeIndex> BasesOf(const SearchParameter& parameter) {
  return {internal::kParameterBases + parameter.bases.first, parameter.bases.count};
}

std::span<const TypeIndex> TargetsOf(const SearchParameter& parameter) {
  return {internal::kParameterTargets + parameter.targets.first, parameter.targets.count};
}

std::span<const SearchComponent> ComponentsOf(const SearchParameter& parameter) {
  return {internal::kParameterComponents + parameter.components.first, parameter.components.count};
}

std::span<const uint16_t> SearchParametersOf(TypeId type) {
  if (type >= internal::kTypeParametersCount) return {};
  const PoolRange range = internal::kTypeParameters[type];
  return {internal::kTypeParameterRows + range.first, range.count};
}

const SearchParameter* FindSearchParameter(TypeId type, std::string_view code) {
  const auto applying = SearchParametersOf(type);
  const uint16_t* found = FindRow(applying.data(), applying.size(), code, [](uint16_t index) {
    return internal::kParameterRows[index].code.view();
  });
  return found == nullptr ? nullptr : &internal::kParameterRows[*found];
}

const SearchParameter* FindSearchParameter(ParameterNumber number) {
  // The generator refuses gaps: numbers are 1, 2, 3 ...
  if (number == kNoParameter || number > internal::kParameterRowsCount) return nullptr;
  return &internal::kParameterRows[number - 1];
}

const SearchParameter* FindSearchParameterByUrl(std::string_view url) {
  const uint16_t* found =
      FindRow(internal::kParametersByUrl, internal::kParametersByUrlCount, url,
              [](uint16_t index) { return internal::kParameterRows[index].url.view(); });
  return found == nullptr ? nullptr : &internal::kParameterRows[*found];
}

bool IsCompartment(TypeId type) {
  const TypeIndex* end = internal::kCompartmentTypes + internal::kCompartmentTypesCount;
  return std::find(internal::kCompartmentTypes, end, type) != end;
}

std::span<const uint16_t> CompartmentParameters(TypeId compartment, TypeId resource) {
  const TypeIndex* first = internal::kCompartmentTypes;
  const TypeIndex* end = first + internal::kCompartmentTypesCount;
  const TypeIndex* found = std::find(first, end, compartment);
  if (found == end || resource == kNoType || resource > TypeCount()) return {};
  const PoolRange range = internal::kCompartmentSets[static_cast<size_t>(resource - 1) *
                                                         internal::kCompartmentTypesCount +
                                                     static_cast<size_t>(found - first)];
  return {internal::kCompartmentRows + range.first, range.count};
}

}  // namespace tarn::fhir
