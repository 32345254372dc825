// The live resources of one type in a query's snapshot, read chunk by chunk and only where they are
// asked for: a page that is found within one window of ordinals does not read all of them.
// Threads: belongs to the query's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "fhir/resource.h"
#include "fhir_store/internal/ordinal_set.h"
#include "fhir_store/internal/search_budget.h"
#include "kv/store.h"

namespace tarn::fhir_store {

class LiveSet {
 public:
  // The snapshot and the budget must outlive the set. Errors: kCorrupt, kUnavailable.
  static Result<LiveSet> Open(const kv::Snapshot& snapshot, SearchBudget& budget,
                              fhir::TypeId type);

  // No live ordinal is as large; a multiple of the size of a chunk, 0: there is none.
  uint64_t end() const { return end_; }
  // About how many there are: no fewer, and exact where they fill few chunks.
  uint64_t count() const { return count_; }

  // Errors of all: kCorrupt, kUnavailable, those of the budget.
  Result<OrdinalSet> All() { return Between(0, end_); }
  Result<OrdinalSet> Between(uint64_t begin, uint64_t end);
  // Takes out of `set` what is not live.
  Status Keep(OrdinalSet* set);

 private:
  LiveSet(const kv::Snapshot& snapshot, SearchBudget& budget, fhir::TypeId type);
  // Reads what is not known yet of the chunks from `first` to `last`, both included.
  Status Know(uint32_t first, uint32_t last);

  const kv::Snapshot* snapshot_;
  SearchBudget* budget_;
  fhir::TypeId type_;
  uint64_t end_ = 0;
  uint64_t count_ = 0;
  std::vector<bool> known_chunks_;
  OrdinalSet known_;
  std::unique_ptr<kv::Cursor> cursor_;
};

}  // namespace tarn::fhir_store
