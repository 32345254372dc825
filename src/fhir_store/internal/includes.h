// Resources that `_include` and `_revinclude` add to a page.
// Threads: belongs to the query's thread.
#pragma once

#include "base/result.h"
#include "fhir/search_query.h"
#include "fhir_store/internal/search_judge.h"
#include "fhir_store/internal/search_plan.h"
#include "fhir_store/internal/search_planner.h"
#include "fhir_store/search.h"

namespace tarn::fhir_store {

// Fills `page->includes` from its matches, and says when the limit cut it.
// Errors: kTooLarge (the budget), kCorrupt, kUnavailable.
Status AddIncludes(const fhir::SearchQuery& query, const SearchLimits& limits,
                   const SearchDefinitions& definitions, const SearchPlanner& planner,
                   const PostingReader& reader, SearchJudge* judge, SearchPage* page);

}  // namespace tarn::fhir_store
