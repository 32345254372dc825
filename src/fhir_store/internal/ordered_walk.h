// The first results in the order of a query's sort keys, without looking at the others: where there
// are many, what the first key sorts by is walked in order and cut with the results, down to few
// members, whose exact order bodies tell:
//
//   dates, numbers, quantities   buckets, divided into finer ones
//   strings                      texts
//   tokens, URIs                 hashes; one member of each tells its value
//   references, _id              the ids of what is referred to, or of the results
//
// Many members of one value are walked by the next key.
// Threads: belongs to the query's thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/search_query.h"
#include "fhir_store/internal/ordinal_set.h"
#include "fhir_store/internal/posting_keys.h"
#include "fhir_store/internal/search_order.h"
#include "fhir_store/internal/search_plan.h"
#include "fhir_store/internal/search_planner.h"
#include "fhir_store/search.h"

namespace tarn::fhir_store {

// What a walk needs of its query.
struct WalkContext {
  const std::vector<fhir::SortKey>& sort;  // Not empty.
  fhir::TypeId type = fhir::kNoType;
  const SearchDefinitions& definitions;
  const SearchPlanner& planner;
  const PostingReader& reader;
  uint64_t few_to_sort = 0;  // SearchTuning.
  // Reads a candidate and gives its place; nothing when it does not match after all, or was on an
  // earlier page.
  std::function<Result<std::optional<ResultItem>>(Ordinal)> item_of;
  // The values that a resource sorts by, whether it matches or not.
  std::function<Result<std::vector<std::optional<std::string>>>(Ordinal)> values_of;
  Exists exists;
};

class OrderedWalk {
 public:
  // By the keys from `key` on; candidates have equal values of those before. `context` must outlive
  // the walk.
  OrderedWalk(const WalkContext& context, size_t key);

  // Up to `wanted` results after `after` (may be null), in order. Call once.
  Result<std::vector<ResultItem>> First(OrdinalSet candidates, size_t wanted,
                                        const ResultPlace* after);

 private:
  struct Buckets {  // A range of one level: both ends included.
    std::string first;
    std::string last;
  };
  class Groups;
  using Sets = std::map<std::string, OrdinalSet>;

  uint64_t WalkFrom() const;
  Status Walk();
  Status WalkBuckets(int level, Buckets range);
  Status WalkTexts();
  Status WalkHashes();
  Result<Sets> ByHash();
  Result<Sets> ByValue(const Sets& by_hash);
  Status WalkIds();
  Status WalkReferences();
  Status WalkTargets(fhir::TypeId target, const std::string* from);
  // What has no value, or none that sorts.
  Result<OrdinalSet> WithoutValue();
  Status Missing();
  // Members that have this value of the key, and none that comes before it.
  Status Equal(const std::optional<std::string>& value, const OrdinalSet& members);
  Status InOrdinalOrder(const OrdinalSet& members, const ResultPlace* after);
  bool IsBefore(std::string_view a, std::string_view b) const {
    return primary_.descending ? b < a : a < b;
  }
  kv::Direction direction() const {
    return primary_.descending ? kv::Direction::kReverse : kv::Direction::kForward;
  }
  // What of the bucket's members lies in finer buckets as a whole.
  Result<bool> AllAreFiner(int level, const std::string& bucket, const OrdinalSet& members);
  Status Resolve(const OrdinalSet& members);
  bool IsDone() const { return out_.size() >= wanted_; }
  std::string Prefix(PostingKind kind) const;

  const WalkContext& context_;
  const std::vector<fhir::SortKey>& sort_;
  const fhir::TypeId type_;
  const PostingReader& reader_;
  const size_t key_;
  const fhir::SortKey& primary_;
  const bool by_id_;
  const BucketAxis axis_;
  OrdinalSet remaining_;
  size_t wanted_ = 0;
  const ResultPlace* after_ = nullptr;
  bool collects_ = true;  // False: a walk only takes what has a value out of `remaining_`.
  std::vector<ResultItem> out_;
};

}  // namespace tarn::fhir_store
