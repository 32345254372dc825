// Puts lists of codes and of resources for what criteria name by value set or hierarchy: `:in`,
// `:not-in`, `:below` and `:above`. What comes out is an ordinary query, so that the planner, the
// matcher and the index know nothing of terminologies.
// Threads: belongs to the query's thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/search_parameters.h"
#include "fhir/search_query.h"
#include "fhir/terminology.h"

namespace tarn::fhir_store {

// Members of a hierarchy of resources that one criterion may come to; beyond: kTooLarge.
inline constexpr size_t kHierarchyMembersMax = 10'000;

struct ResolveSources {
  fhir::FindCanonical canonical;
  // The ids of live resources of `type` whose `parameter` refers to the resource, or that it
  // refers to.
  using Step = std::function<Result<std::vector<std::string>>(
      fhir::TypeId type, fhir::ParameterNumber parameter, const std::string& id)>;
  Step children;
  Step parents;
};

// Whether the query has such criteria at all.
bool NeedsResolving(const fhir::SearchQuery& query);

// The query with all of them replaced. Errors: kNotFound (a value set or code system that nobody
// has), kUnsupported, kInvalid, kTooLarge: all name the parameter; those of the sources.
Result<fhir::SearchQuery> ResolveQuery(const fhir::SearchQuery& query,
                                       const fhir::SearchParameterSet& parameters,
                                       const ResolveSources& sources);

// The parameter by which a type's resources form a hierarchy ("partof" of Location), or
// kNoParameter.
fhir::ParameterNumber HierarchyParameter(const fhir::SearchParameterSet& parameters,
                                         fhir::TypeId type);

}  // namespace tarn::fhir_store
