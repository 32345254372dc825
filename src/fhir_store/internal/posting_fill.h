// Adds the postings of resources that are there already, while the store is in use.
//
// Resources are read in their newest version and their postings added in batches that expect each
// of them unchanged. Single writes and imports write their differences meanwhile: what the pass has
// not reached it reads later, what it has read it meets unchanged or not at all. Adding a member
// twice is nothing, so a pass may begin anew.
// Threads: functions may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "fhir_store/internal/state.h"

namespace tarn::fhir_store {

struct PostingFill {
  const SearchDefinitions& definitions;
  std::function<bool(std::string_view posting)> wanted;  // Empty: all of a resource's postings.
  std::function<bool()> stop;                            // True ends the pass early, with Ok.
  std::function<void(uint64_t resources)> filled;        // After each batch.
};

// All live resources of the type. What is created while it runs must be written with its postings.
// Errors: kCorrupt, kUnavailable.
Status FillPostings(StoreState& state, fhir::TypeId type, const PostingFill& fill);

// Live resources of one type. Errors: kCorrupt, kUnavailable.
Result<uint64_t> CountLiveOf(const kv::Snapshot& snapshot, fhir::TypeId type);

}  // namespace tarn::fhir_store
