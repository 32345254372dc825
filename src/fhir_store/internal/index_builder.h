// Fills the search index of a store that was written without one, or under older rules, while the
// store is in use: docs/internals/fhir-search.md, "Stores without an index".
//
// Resources are read in their newest version and their postings added in batches that expect each
// of them unchanged. Single writes and imports write their differences meanwhile: what the pass has
// not reached it reads later, what it has read it meets unchanged or not at all.
// Threads: one of its own, from construction to destruction.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "base/result.h"
#include "fhir_store/internal/state.h"

namespace tarn::fhir_store {

class IndexBuilder {
 public:
  // `state` must outlive the builder.
  explicit IndexBuilder(StoreState& state);
  // Stops; the next opening of the store begins anew.
  ~IndexBuilder();
  IndexBuilder(const IndexBuilder&) = delete;
  IndexBuilder& operator=(const IndexBuilder&) = delete;

 private:
  void Run();
  Status Build();
  Status BuildType(fhir::TypeId type, uint64_t* done, uint64_t all);
  // Errors: kConflict (a resource was written meanwhile; nothing was added).
  Status AddSome(fhir::TypeId type, const std::vector<Ordinal>& ordinals);

  StoreState& state_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace tarn::fhir_store
