// Reads stored versions back: as text, parsed, or their times alone.
// Threads: functions may be called from any thread.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "fhir/resource.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/resource_text.h"
#include "fhir_store/internal/state.h"
#include "kv/store.h"

namespace tarn::fhir_store {

// The text of a version that is not a deletion. Errors: kCorrupt, kUnavailable.
Status ReadStored(const StoreState& state, const kv::Snapshot& snapshot, fhir::TypeId type,
                  Ordinal ordinal, uint32_t version, ResourceReader* reader);
// When version 1 was written. Errors: kCorrupt, kUnavailable.
Result<int64_t> CreationTime(const StoreState& state, const kv::Snapshot& snapshot,
                             fhir::TypeId type, Ordinal ordinal);

}  // namespace tarn::fhir_store
