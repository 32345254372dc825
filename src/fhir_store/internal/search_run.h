// One search from its query to a page: plan, evaluate, decide what is open, order, cut, include.
// Threads: belongs to the query's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir_store/internal/live_set.h"
#include "fhir_store/internal/ordinal_set.h"
#include "fhir_store/internal/page_token.h"
#include "fhir_store/internal/search_budget.h"
#include "fhir_store/internal/search_changes.h"
#include "fhir_store/internal/search_judge.h"
#include "fhir_store/internal/search_order.h"
#include "fhir_store/internal/search_plan.h"
#include "fhir_store/internal/search_planner.h"
#include "fhir_store/internal/state.h"
#include "fhir_store/search.h"

namespace tarn::fhir_store {

// The results of one type.
struct TypeResults {
  fhir::TypeId type = fhir::kNoType;
  PlanNode plan;
  Bounds bounds;  // Without what changed since the search began.
  // The sets are too large to be read as a whole: `bounds` are those of one window of ordinals.
  bool by_windows = false;
  // What matched by the version that was current then.
  std::map<Ordinal, uint32_t> earlier;
};

class SearchRun {
 public:
  // The arguments must outlive the run.
  SearchRun(const StoreState& state, const SearchDefinitions& definitions,
            const SearchRequest& request);

  // Errors: see FhirStore::Search.
  Result<SearchPage> Run();
  // The plan so far, as JSON.
  std::string Explain() const;

 private:
  Status Check() const;
  // Value sets and hierarchies (search_run_resolve.cc).
  Status Resolve();
  Result<std::optional<std::string>> FindCanonical(fhir::TypeId type, std::string_view url,
                                                   std::string_view version);
  Result<std::vector<std::string>> Children(fhir::TypeId type, fhir::ParameterNumber parameter,
                                            const std::string& id);
  Result<std::vector<std::string>> Parents(fhir::TypeId type, fhir::ParameterNumber parameter,
                                           const std::string& id);
  Status ReadToken();
  Status FindAll();
  Result<LiveSet*> Live(fhir::TypeId type);
  Status Find(TypeResults* results);
  // Whether what the judge has loaded is a result (search_run_contained.cc when contained resources
  // are asked for).
  Result<bool> IsResult();
  Status CheckContained() const;
  // What chains lead to, for resources that no plan is made for: those that others contain.
  Status FindRelated(const fhir::Criterion& criterion);
  Result<PlanNode> PlanType(fhir::TypeId type) const;
  bool IsAsked(fhir::TypeId type) const;
  Result<bool> IsContainedResult();
  Status AddMatches(const ResultItem& item, SearchPage* page);
  Status FillPage(std::vector<ResultItem> items, uint32_t count, SearchPage* page);
  void LeaveOutChanged(TypeResults* results);
  Status JudgeEarlier(TypeResults* results);
  Status DecideAll(fhir::TypeId type, const fhir::Criterion* criterion, Bounds* bounds);
  // Resources of `type` for which the criterion holds, exactly.
  Result<OrdinalSet> Exact(const fhir::Criterion& criterion, fhir::TypeId type);
  Status CheckChain(const OrdinalSet& found) const;
  // What a chain or _has means for resources of `type`: sets, or what is decided one by one.
  Result<PlanNode> Related(const fhir::Criterion& criterion, fhir::TypeId type);
  Result<PlanNode> RelatedByHas(const fhir::Criterion& has, fhir::TypeId type);
  // Whether deciding the criterion for the results of a page costs less than its set does. `share`:
  // how many of the candidates are taken to pass, from 0 to 1. `look_us`: what one of them takes.
  bool Defers(double share, double look_us, double set_cost_us);
  Result<bool> IsReferred(const fhir::Criterion& has, fhir::TypeId type, Ordinal ordinal);
  uint64_t Wanted() const;
  Result<OrdinalSet> SourcesOf(const fhir::Criterion& chain, fhir::TypeId type,
                               fhir::TypeId target_type, const OrdinalSet& targets);
  Result<OrdinalSet> ReferredBy(const fhir::Criterion& has, fhir::TypeId type,
                                const OrdinalSet& sources);
  Result<OrdinalSet> ReferredByFew(const fhir::Criterion& has, fhir::TypeId type,
                                   const OrdinalSet& sources);
  Result<OrdinalSet> ReferredByMany(const fhir::Criterion& has, fhir::TypeId type,
                                    const OrdinalSet& sources);

  Status Total(SearchPage* page);
  // Items, and once more with all chains as sets when deciding them one by one came too dear.
  Result<std::vector<ResultItem>> Page(size_t wanted);
  Result<std::vector<ResultItem>> Items(size_t wanted);
  Status ItemsByWindows(TypeResults* results, size_t wanted, std::vector<ResultItem>* out);
  // Of members from `first` on. `looks` (may be null): how many more open ones may be looked at.
  // True: they did not suffice, `*first` is where it would go on.
  Result<bool> ItemsFrom(TypeResults* results, size_t wanted, uint64_t* first, uint64_t* looks,
                         std::vector<ResultItem>* out);
  Status ItemsInOrdinalOrder(TypeResults* results, size_t wanted, std::vector<ResultItem>* out);
  // Whether a reverse chain that every result must meet, and that is decided one by one, excludes
  // it.
  Result<bool> IsExcludedByHas(fhir::TypeId type, Ordinal ordinal);
  Result<std::vector<std::optional<std::string>>> SortValues();
  // Whether the store had the resource when the search began.
  Result<bool> Existed(fhir::TypeId type, std::string_view id) const;
  Result<std::optional<ResultItem>> ItemOf(const TypeResults& results, Ordinal ordinal);
  Status AddEarlierItems(const TypeResults& results, std::vector<ResultItem>* out);
  bool IsPast(const ResultPlace& place) const;

  const StoreState& state_;
  const SearchDefinitions& definitions_;
  const SearchRequest& request_;
  const fhir::SearchQuery& query_;
  fhir::SearchQuery resolved_;
  const fhir::SearchQuery* criteria_ = &query_;  // What is planned and judged: search_resolve.h.
  const std::unique_ptr<kv::Snapshot> snapshot_;
  SearchBudget budget_;
  const PostingReader reader_;
  RelatedSets related_;
  SearchJudge judge_;
  const SearchPlanner planner_;
  const std::string digest_;
  PageToken token_;
  bool continues_ = false;
  Changes changes_;
  std::map<fhir::TypeId, LiveSet> live_;
  std::vector<TypeResults> results_;
  // All results are asked for, or their number: nothing is left open.
  const bool whole_;
  int within_chain_ = 0;  // A chain's own targets are always found as sets.
  bool defers_ = true;
  uint64_t deferred_max_ = 0;  // Results that may be looked at for deferred chains; 0: none are.
  uint64_t looked_at_ = 0;
  bool gave_up_deferring_ = false;
};

}  // namespace tarn::fhir_store
