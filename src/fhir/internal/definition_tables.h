// The generated tables that definitions.cc looks things up in; tools/definitions.py writes them.
#pragma once

#include "fhir/definitions.h"

namespace tarn::fhir::internal {

// Which system the codes of an element have; rule 0 says nothing.
struct CodeSystemRule {
  PoolText system;   // Of every code that is not listed; empty: unknown.
  PoolRange listed;  // In kListedCodes, sorted by code.
};
struct ListedCode {
  PoolText code;
  PoolText system;
};

extern const char kPool[];

extern const TypeDefinition kTypeRows[];
extern const uint16_t kTypeRowsCount;
extern const ElementDefinition kElementRows[];
extern const uint16_t kElementRowsCount;
extern const MemberDefinition kMemberRows[];
extern const uint16_t kMemberRowsCount;
extern const TypeIndex kChoiceRows[];
extern const uint16_t kChoiceRowsCount;
extern const TypeIndex kTypesByName[];  // FHIR types only.
extern const uint16_t kTypesByNameCount;

extern const CodeSystemRule kCodeSystemRules[];
extern const uint16_t kCodeSystemRulesCount;
extern const ListedCode kListedCodes[];
extern const uint16_t kListedCodesCount;

extern const SearchParameter kParameterRows[];
extern const uint16_t kParameterRowsCount;
extern const TypeIndex kParameterBases[];
extern const uint16_t kParameterBasesCount;
extern const TypeIndex kParameterTargets[];
extern const uint16_t kParameterTargetsCount;
extern const SearchComponent kParameterComponents[];
extern const uint16_t kParameterComponentsCount;
extern const uint16_t kParametersByUrl[];
extern const uint16_t kParametersByUrlCount;
extern const PoolRange kTypeParameters[];  // [TypeId] in kTypeParameterRows
extern const uint16_t kTypeParametersCount;
extern const uint16_t kTypeParameterRows[];
extern const uint16_t kTypeParameterRowsCount;

extern const TypeIndex kCompartmentTypes[];
extern const uint16_t kCompartmentTypesCount;
extern const PoolRange kCompartmentSets[];  // [TypeId - 1][compartment] in kCompartmentRows
extern const uint16_t kCompartmentSetsCount;
extern const uint16_t kCompartmentRows[];
extern const uint16_t kCompartmentRowsCount;

}  // namespace tarn::fhir::internal
