// The search parameters that are in force for a data store: those of R4 and its own.
// Spec: FHIR R4 "SearchParameter". Threads: immutable, shared freely.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fhir/definitions.h"
#include "fhir/resource.h"

namespace tarn::fhir {

// Numbers of what is searched like a parameter and has no SearchParameter in R4. They lie below
// kCustomParameterFirst, far above the built-in ones, and are persisted like those.
inline constexpr ParameterNumber kParameterCreatedAt = 32767;  // HealthLake's `createdAt`, a date.
inline constexpr ParameterNumber kParameterContained = 32766;  // Types that a resource contains.

struct ParameterComponent {
  ParameterNumber parameter = kNoParameter;
  std::string_view expression;
};

// A parameter as both the index and a query see it. The views live as long as the set that gave it;
// those of built-in parameters for ever.
struct ParameterInfo {
  ParameterNumber number = kNoParameter;
  SearchType type = SearchType::kSpecial;
  std::string_view code;
  std::string_view url;
  std::string_view expression;                 // Empty: nothing is extracted by FHIRPath.
  std::span<const TypeId> targets;             // Of a reference; empty: any type.
  std::vector<ParameterComponent> components;  // Of a composite.
};

// A SearchParameter resource of a store's own, already validated.
struct CustomParameter {
  ParameterNumber number = kNoParameter;  // At least kCustomParameterFirst.
  SearchType type = SearchType::kSpecial;
  std::string code;
  std::string url;
  std::string expression;
  std::vector<TypeId> bases;
  std::vector<TypeId> targets;
  struct Component {
    ParameterNumber parameter = kNoParameter;
    std::string expression;
  };
  std::vector<Component> components;
};

class SearchParameterSet {
 public:
  // The built-in ones alone.
  SearchParameterSet() = default;
  // A custom parameter hides a built-in one of the same type and code.
  explicit SearchParameterSet(std::vector<CustomParameter> custom) : custom_(std::move(custom)) {}

  // nullopt: resources of that type have none of that code. kNoType: those of all types, that is of
  // Resource and DomainResource.
  std::optional<ParameterInfo> Find(TypeId type, std::string_view code) const;
  std::optional<ParameterInfo> Find(ParameterNumber number) const;
  // What applies to a type, sorted by number, those of Resource and DomainResource too; not
  // kParameterCreatedAt.
  std::vector<ParameterInfo> Of(TypeId type) const;
  // The codes that a type has, sorted: for messages that say what would have been accepted.
  std::vector<std::string_view> CodesOf(TypeId type) const;
  // The types that have parameters of the store's own, each once.
  std::vector<TypeId> CustomBases() const;

 private:
  std::vector<CustomParameter> custom_;
};

}  // namespace tarn::fhir
