// Reads one version of a resource while a query is worked on, and tells whether it matches. What a
// match is, fhir/search_match.h says; chains are answered from the sets that were found for them,
// and within the resource where it refers to what it contains (R4, "Search", 3.1.1.5.9).
// Threads: belongs to the query's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "fhir/index_values.h"
#include "fhir/search_match.h"
#include "fhir/search_query.h"
#include "fhir_store/internal/ordinal_set.h"
#include "fhir_store/internal/resource_text.h"
#include "fhir_store/internal/search_budget.h"
#include "fhir_store/internal/state.h"
#include "kv/store.h"

namespace tarn::fhir_store {

// What chains and reverse chains of a query came to, by criterion.
struct RelatedSets {
  // kChain: for each operand, its type and the targets for which it holds.
  std::map<const fhir::Criterion*, std::vector<std::pair<fhir::TypeId, OrdinalSet>>> targets;
  // kHas: by the type that is judged, the resources that are referred to.
  std::map<std::pair<const fhir::Criterion*, fhir::TypeId>, OrdinalSet> referred;
  // kHas that is decided one by one: the resources that may refer.
  std::map<const fhir::Criterion*, OrdinalSet> sources;
  // Whether any of the criterion's sources refers to the resource.
  std::function<Result<bool>(const fhir::Criterion&, fhir::TypeId, Ordinal)> is_referred;
};

class SearchJudge {
 public:
  // The arguments must outlive the judge.
  SearchJudge(const StoreState& state, const SearchDefinitions& definitions,
              const kv::Snapshot& snapshot, SearchBudget& budget, const RelatedSets& related,
              fhir::Compatibility compatibility);

  // Reads the newest version, or the given one. False: there is none, or it is a deletion.
  // Errors: kCorrupt, kUnavailable, kTooLarge (the budget).
  Result<bool> Load(fhir::TypeId type, Ordinal ordinal,
                    std::optional<uint32_t> version = std::nullopt);
  fhir::TypeId loaded_type() const { return loaded_.type; }
  // Of what was loaded last. Moves the text out: nothing else may be asked of it then.
  Result<Version> TakeVersion();
  // Errors of both: kCorrupt (the stored text cannot be read).
  Result<const fhir::IndexValues*> Values();
  Result<bool> Matches(const fhir::Criterion& criterion);
  Result<bool> Matches(const fhir::SearchQuery& query);

  // What the loaded resource contains and the query's criteria hold for, of the query's types.
  // Errors: kCorrupt; those of Matches.
  struct Contained {
    std::string id;
    std::string text;
  };
  Result<std::vector<Contained>> MatchingContained(const fhir::SearchQuery& query);

  // The live resource of an id. Errors: kCorrupt, kUnavailable.
  Result<std::optional<Ordinal>> FindLive(fhir::TypeId type, std::string_view id) const;
  Result<std::string> IdOf(fhir::TypeId type, Ordinal ordinal) const;

 private:
  // One of the resources that the loaded one contains. Kept from one to the next for its buffers.
  struct Inner {
    ResourceReader reader;
    fhir::IndexValues values;
    bool has_values = false;
    std::string_view text;

    const fhir::Envelope& envelope() const { return reader.envelope(); }
  };

  // Parses what was loaded, once.
  Status ReadLoaded();
  Status ReadInners();
  Result<const fhir::IndexValues*> ValuesOf(Inner* inner);
  // `self`: whose values are judged; null: the loaded resource's own.
  fhir::MatchContext ContextOf(Inner* self);
  Result<bool> Related(const fhir::Criterion& criterion, const fhir::IndexValues& values,
                       Inner* self);
  Result<bool> LeadsWithin(const fhir::Criterion& chain, const fhir::ReferenceValue& reference,
                           const Inner* self);
  Result<bool> IsReferredWithin(const fhir::Criterion& has, const Inner& self);
  Result<bool> InCompartment(const fhir::Compartment& compartment);

  const StoreState& state_;
  const SearchDefinitions& definitions_;
  const kv::Snapshot& snapshot_;
  SearchBudget& budget_;
  const RelatedSets& related_;
  const fhir::MatchContext context_;
  std::unique_ptr<kv::Cursor> versions_;
  ResourceReader reader_;
  fhir::IndexValues values_;
  bool document_is_current_ = false;
  bool values_are_current_ = false;
  std::vector<std::unique_ptr<Inner>> inners_;
  std::optional<size_t> inner_count_;  // Of the loaded resource, once they are read.
  Version loaded_;
  Ordinal ordinal_ = 0;
};

}  // namespace tarn::fhir_store
