// The first results in the order of a query's sort keys, without looking at the others: where there
// are many, the buckets (or texts) of the first key are walked in order and cut with the results,
// down to buckets of few members, whose exact order bodies tell.
// Threads: belongs to the query's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/search_query.h"
#include "fhir_store/internal/ordinal_set.h"
#include "fhir_store/internal/posting_keys.h"
#include "fhir_store/internal/search_order.h"
#include "fhir_store/internal/search_plan.h"
#include "fhir_store/search.h"

namespace tarn::fhir_store {

class OrderedWalk {
 public:
  // Reads a candidate and gives its place; nothing when it does not match after all.
  using Item = std::function<Result<std::optional<ResultItem>>(Ordinal)>;

  // The arguments must outlive the walk. `sort` is not empty.
  OrderedWalk(const std::vector<fhir::SortKey>& sort, fhir::TypeId type,
              const SearchDefinitions& definitions, const PostingReader& reader,
              const Item& item_of);

  // Up to `wanted` results after `after` (may be null), in order. Call once.
  Result<std::vector<ResultItem>> First(OrdinalSet candidates, size_t wanted,
                                        const ResultPlace* after);

 private:
  struct Buckets {  // A range of one level: both ends included.
    std::string first;
    std::string last;
  };
  class Groups;

  uint64_t WalkFrom() const;
  Status WalkBuckets(int level, Buckets range);
  Status WalkTexts();
  Status Missing();
  // What of the bucket's members lies in finer buckets as a whole.
  Result<bool> AllAreFiner(int level, const std::string& bucket, const OrdinalSet& members);
  Status Resolve(const OrdinalSet& members);
  bool IsDone() const { return out_.size() >= wanted_; }
  std::string Prefix(PostingKind kind) const;

  const std::vector<fhir::SortKey>& sort_;
  const fhir::TypeId type_;
  const PostingReader& reader_;
  const Item& item_of_;
  const fhir::SortKey& primary_;
  const BucketAxis axis_;
  OrdinalSet remaining_;
  size_t wanted_ = 0;
  const ResultPlace* after_ = nullptr;
  std::vector<ResultItem> out_;
};

}  // namespace tarn::fhir_store
