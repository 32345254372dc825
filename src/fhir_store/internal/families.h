// The families of a data store's key-value store. Numbers and names are part of the stored format:
// new families go at the end. Keys: internal/keys.h. Page: docs/internals/fhir-storage.md.
#pragma once

#include "kv/store.h"

namespace tarn::fhir_store {

inline constexpr kv::Family kCurrent = 0;   // type, id -> revision, ordinal, ... (CurrentRecord)
inline constexpr kv::Family kIdent = 1;     // type, ordinal -> packed id
inline constexpr kv::Family kVersion = 2;   // type, ordinal, version descending -> body
inline constexpr kv::Family kLive = 3;      // type, ordinal / 65,536 -> bits of undeleted ordinals
inline constexpr kv::Family kLog = 4;       // sequence -> what changed (LogEntry)
inline constexpr kv::Family kDocument = 5;  // name -> small documents: dictionaries
inline constexpr kv::Family kJob = 6;       // jobs::Queue
inline constexpr kv::Family kSpool = 7;     // job, file, kind, chunk -> output not yet an object
inline constexpr kv::Family kPosting = 8;   // search index: posting key, chunk -> ordinals
inline constexpr kv::Family kGuard = 9;     // what conditional writes are guarded by

}  // namespace tarn::fhir_store
