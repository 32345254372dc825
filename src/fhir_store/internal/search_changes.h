// What changed in a data store since a search began, from its log: the resources whose membership
// in later pages is judged by the version that they had then.
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <map>

#include "base/result.h"
#include "fhir_store/internal/ordinal_set.h"
#include "kv/store.h"

namespace tarn::fhir_store {

// Log entries since the first page beyond which membership is no longer kept.
inline constexpr uint64_t kPagingChangesMax = 10'000;

struct TypeChanges {
  OrdinalSet changed;
  // Versions that were current then, of those that existed.
  std::map<Ordinal, uint32_t> before;
};

struct Changes {
  bool too_many = false;  // Nothing is said then.
  std::map<fhir::TypeId, TypeChanges> by_type;
};

// Between `sequence` and the snapshot. Errors: kCorrupt, kUnavailable.
Result<Changes> ChangesSince(const kv::Snapshot& snapshot, uint64_t sequence);

}  // namespace tarn::fhir_store
