// fhir_store/limits.h: every bound of this module and what happens beyond it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fhir/resource.h"

namespace tarn::fhir_store {

// Resources of one type in one data store, deleted ones included: ordinals have 32 bits.
inline constexpr uint64_t kOrdinalsMax = UINT32_MAX;  // kTooLarge
// Versions of one resource: keys have 32 bits for them.
inline constexpr uint64_t kVersionsMax = UINT32_MAX - 1;  // kTooLarge

// A single write that loses against another process's is tried again this often.
inline constexpr int kCommitAttemptsMax = 16;  // kConflict
// How long a single write waits for an import that is about to commit the same resource.
inline constexpr int64_t kWriteWaitMs = 30'000;  // kBusy

// Writes of one WriteAll, and the bytes of their texts together.
inline constexpr size_t kWritesMax = 5'000;               // kTooLarge
inline constexpr uint64_t kWritesBytesMax = 64ull << 20;  // kTooLarge
// Memory of what they change in the search index.
inline constexpr size_t kWritesPostingBytesMax = 256u << 20;  // kTooLarge

// From so many writes on, what is new goes ahead of the commit, in pieces of this size.
inline constexpr size_t kAheadWritesMin = 500;
inline constexpr uint64_t kAheadBytes = 128u << 10;
inline constexpr size_t kAheadChanges = 2'000;

// Bodies of one page of a history, beside its first.
inline constexpr uint64_t kHistoryBytesMax = 16ull << 20;  // The page ends.

// Import input (HealthLake's quotas of 2026).
inline constexpr uint64_t kImportFilesMax = 1'000'000;             // The job fails.
inline constexpr uint64_t kImportFileBytesMax = 50'000'000'000;    // The file fails; also inflated.
inline constexpr uint64_t kImportJobBytesMax = 5'000'000'000'000;  // The job fails.
inline constexpr uint32_t kImportLineBytesMax = fhir::kResourceBytesMax;  // The line fails.
// A gzip file may inflate to this many times its size once it has passed the free amount.
inline constexpr uint64_t kInflateRatioMax = 200;            // The file fails.
inline constexpr uint64_t kInflateFreeBytes = 256ull << 20;  // No ratio is asked below this.

// Whole lines that one worker takes at a time, unless one line is longer.
inline constexpr size_t kImportBlockBytes = 1u << 20;
// Blocks read and not yet committed to a run; a single larger block goes through alone.
inline constexpr size_t kImportInFlightBytes = 16u << 20;
// Resources of one run, and the bytes of its keys and records beside the compressed bodies.
inline constexpr size_t kImportRunResourcesMax = 500'000;
// Versions before the newest one that a line is compared with (internal/import_postponed.h); a line
// that says what an older one said is a new version.
inline constexpr size_t kImportOldVersionsMax = 8;
// Lines that wait for the end of their job; further ones take effect at once.
inline constexpr size_t kImportPostponedMax = 250'000;
// Below this many new resources a run is committed as a batch: a sorted file costs more to open,
// sync and compact than it saves.
inline constexpr size_t kImportIngestMin = 4096;
// A commit that fails for lack of space or a failing disk is tried again this often, with pauses
// that double from the first, before the job is left for later.
inline constexpr int kImportCommitAttempts = 4;
inline constexpr int kImportRetryPauseMs = 100;
// An object read that fails is taken up again at its place this often in a row.
inline constexpr int kImportReadAttempts = 3;  // The file fails.

// Active SearchParameter resources of one data store.
inline constexpr size_t kCustomParametersMax = 256;  // kTooLarge; imported ones: not in force.

// Posting keys of one resource.
inline constexpr size_t kPostingKeysMax = 250'000;  // kTooLarge
// Memory of a run's postings.
inline constexpr size_t kImportRunPostingBytesMax = 96u << 20;

// Dictionaries (internal/dictionaries.h).
inline constexpr size_t kDictionaryBytes = 32u << 10;
inline constexpr size_t kDictionarySampleBytes = 512u << 10;
inline constexpr size_t kDictionarySampleBytesMin = 64u << 10;
inline constexpr size_t kDictionarySamplesMin = 64;
inline constexpr size_t kDictionarySampleTotalBytes = 8u << 20;  // Beyond: samples are not kept.
inline constexpr size_t kDictionariesMax = 4096;  // Beyond: no further ones are trained.

// Ordinals that one export task writes, and so the unit of parallel work.
inline constexpr uint32_t kExportTaskOrdinals = 4u << 16;

}  // namespace tarn::fhir_store
