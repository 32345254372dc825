// Fills the search index of a store that was written without one, or under older rules, while the
// store is in use: docs/internals/fhir-search.md, "Stores without an index".
// Threads: one of its own, from construction to destruction.
#pragma once

#include <atomic>
#include <thread>

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

  StoreState& state_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace tarn::fhir_store
