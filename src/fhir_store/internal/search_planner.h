// From criteria to a plan over postings. Every kind of criterion and term has its place here; what
// the index cannot tell for sure is left open for SearchJudge.
// Threads: belongs to the query's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/search_query.h"
#include "fhir_store/internal/posting_keys.h"
#include "fhir_store/internal/posting_writer.h"
#include "fhir_store/internal/search_plan.h"
#include "fhir_store/search.h"

namespace tarn::fhir_store {

class SearchPlanner {
 public:
  // Answers kChain and kHas: the resources of `type` for which the criterion holds.
  using Related = std::function<Result<PlanNode>(const fhir::Criterion&, fhir::TypeId type)>;

  // The arguments must outlive the planner.
  SearchPlanner(const SearchDefinitions& definitions, const PostingHash& hash,
                const PostingReader& reader, Related related, fhir::Compatibility compatibility)
      : definitions_(definitions),
        hash_(hash),
        reader_(reader),
        stamped_(definitions.parameters),
        related_(std::move(related)),
        compatibility_(compatibility) {}

  // All criteria of the query, its compartment too, for resources of `type`.
  // Errors: kUnsupported, naming the parameter; those of Related and of storage.
  Result<PlanNode> Plan(const fhir::SearchQuery& query, fhir::TypeId type) const;
  Result<PlanNode> Plan(const fhir::Criterion& criterion, fhir::TypeId type) const;

  // Resources of `type` that contain one of the query's types: open, as only their bodies tell
  // whether the criteria hold.
  PlanNode PlanContainers(const fhir::SearchQuery& query, fhir::TypeId type) const;

  // All resources of `type` that contain one of the types that the chain leads to, and have a value
  // of its parameter: they may refer to what they contain.
  PlanNode PlanChainWithin(const fhir::Criterion& chain, fhir::TypeId type) const;

  // The key of those that refer to a resource by `parameter`.
  std::string ReferenceKey(fhir::TypeId source, fhir::ParameterNumber parameter,
                           fhir::TypeId target, std::string_view id) const;

 private:
  struct Site;  // Of a comparison: type, parameter, modifier.

  Result<PlanNode> PlanCompare(const fhir::Criterion& criterion, fhir::TypeId type) const;
  Result<PlanNode> PlanId(const fhir::Criterion& criterion, fhir::TypeId type) const;
  Result<PlanNode> PlanTerm(const Site& site, const fhir::QueryTerm& term) const;
  Result<PlanNode> PlanComposite(const Site& site, const fhir::CompositeTerm& term) const;
  Result<std::optional<std::vector<std::string>>> PairsOf(const Site& site,
                                                          const fhir::ParameterInfo& composite,
                                                          const fhir::QueryTerm& term) const;
  Result<PlanNode> PlanCompartment(const fhir::Compartment& compartment, fhir::TypeId type) const;

  PlanNode Of(const Site& site, const fhir::TokenTerm& term) const;
  PlanNode Of(const Site& site, const fhir::OfTypeTerm& term) const;
  PlanNode Of(const Site& site, const fhir::StringTerm& term) const;
  PlanNode Of(const Site& site, const fhir::UriTerm& term) const;
  PlanNode Of(const Site& site, const fhir::ReferenceTerm& term) const;
  PlanNode Of(const Site& site, const fhir::DateTerm& term) const;
  PlanNode Of(const Site& site, const fhir::NumberTerm& term) const;
  PlanNode Of(const Site& site, const fhir::QuantityTerm& term) const;
  PlanNode Of(const Site& site, const fhir::NearTerm& term) const;
  PlanNode Both(const Site& site, PlanNode value, PlanNode unit) const;
  PlanNode UnitOfSystem(const Site& site, const fhir::QuantityTerm& term, PlanNode value) const;
  PlanNode Of(const Site& site, const fhir::WordTerm& term) const;

  std::string Prefix(const Site& site, PostingKind kind) const;
  std::string HashKey(const Site& site, PostingKind kind, std::string_view head,
                      std::string_view tail) const;
  KeySpan HeadSpan(const Site& site, PostingKind kind, std::string_view head) const;
  PlanNode Present(const Site& site, std::string label) const;
  PlanNode OpenPresent(const Site& site, std::string label) const;
  PlanNode UnlessSeveral(const Site& site, PlanNode node) const;
  enum class Canonical : uint8_t { kNo, kYes };
  PlanNode Ranges(const Site& site, const BucketAxis& axis, Canonical canonical,
                  fhir::Prefix prefix, const std::string& low, const std::string& high) const;

  const SearchDefinitions& definitions_;
  const PostingHash& hash_;
  const PostingReader& reader_;
  const StampedParameters stamped_;
  const Related related_;
  const fhir::Compatibility compatibility_;
};

}  // namespace tarn::fhir_store
