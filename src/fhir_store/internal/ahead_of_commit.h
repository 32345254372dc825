// What of a large commit nobody can see before it: idents, bodies and index entries of resources
// that are not live yet. It is stored before the commit, in pieces that let small writes pass
// between them, so that the commit itself is short.
//
// What was stored ahead of a commit that then failed is taken out again. So the first piece holds a
// document that names its ordinals, and the commit takes it away: where it still is, the commit has
// not happened. A crash leaves that to the next opening of the store.
//
//   ahead/ | type 2 | ordinal 4 |   ->   | form 1 | type 2, first ordinal 4, count 4 | ...
//
// Threads: an AheadOfCommit belongs to one thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "fhir/resource.h"
#include "fhir_store/internal/index_batch.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/state.h"
#include "kv/store.h"

namespace tarn::fhir_store {

// Ordinals that follow each other.
struct OrdinalRow {
  fhir::TypeId type = fhir::kNoType;
  Ordinal first = 0;
  uint32_t count = 0;
};

class AheadOfCommit {
 public:
  // `state` must outlive the object.
  explicit AheadOfCommit(StoreState& state) : state_(state) {}

  // Where the rows of this resource go, which is new.
  kv::Batch* RowsOf(fhir::TypeId type, Ordinal ordinal);
  // Stores them and the index entries of what was created. Errors: as kv::Store::Commit.
  Status Store(const IndexBatch& index);
  // The commit makes all of it seen, and says so.
  void AddTo(kv::Batch* commit) const;
  // The commit has failed and is not on disk: takes out what was stored.
  void Withdraw();

 private:
  StoreState& state_;
  std::vector<OrdinalRow> ordinals_;
  std::vector<kv::Batch> rows_;
};

// At the opening of a store, before anybody writes: takes out what commits that did not happen have
// left. What cannot be taken out is logged, and stays unseen until the next opening.
void ReclaimAhead(StoreState& state);

}  // namespace tarn::fhir_store
