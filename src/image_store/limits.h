// image_store/limits.h: every bound of this module and what happens beyond it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tarn::image_store {

// HealthImaging's quotas of 2026.
inline constexpr uint32_t kImportFilesMax = 5'000;           // The job fails: FILE_COUNTS_LIMIT.
inline constexpr uint64_t kImportJobBytesMax = 10ull << 30;  // The job fails.
inline constexpr uint64_t kImportFileBytesMax = 4ull << 30;  // A FAILURE record.
inline constexpr uint32_t kCopyFramesMax = 1'000;            // COPY_FAILED
inline constexpr uint32_t kChangesInFlightMax = 100;         // kBusy
// Image sets of one study: includeStudyImageSets beyond is kTooLarge; the counts of a study in
// search results go so far.
inline constexpr uint32_t kStudyImageSetsMax = 1'000;
inline constexpr uint32_t kVersionsMax = 1'000'000;  // Of one image set: kTooLarge
inline constexpr uint32_t kMessageBytesMax = 2048;   // Cut.

inline constexpr uint32_t kSearchFiltersMax = 2;  // kInvalid
inline constexpr uint32_t kSearchPageMax = 50;    // kInvalid
// Index entries that one page looks at; beyond it the page ends, and its token goes on.
inline constexpr uint32_t kSearchScanMax = 200'000;
// Entries of a range that are sorted in memory rather than filtered along the order.
inline constexpr uint32_t kSearchSortMax = 20'000;

// A pack file is finished and committed when it holds this much, or this many instances.
inline constexpr uint64_t kPackBytesMax = 32ull << 20;
inline constexpr uint32_t kPackInstancesMax = 256;
// Packs that stay open for readers, of one data store.
inline constexpr size_t kOpenPacksMax = 32;
// Frames of one instance beyond this go to a pack file of their own instead of memory.
inline constexpr uint64_t kInstanceFramesInMemoryMax = 16ull << 20;
// Input files up to this size are read into memory, larger ones by ranges.
inline constexpr uint64_t kInputInMemoryMax = 16ull << 20;
// Instances that are read or transcoded and wait for those before them.
inline constexpr size_t kImportInFlightMax = 16;
inline constexpr uint64_t kImportInFlightBytes = 64ull << 20;

// Checksums of a frame cover blocks of this size; of the larger one in frames beyond 16 MB.
inline constexpr uint32_t kBlockBytes = 64u << 10;
inline constexpr uint32_t kLargeBlockBytes = 1u << 20;
inline constexpr uint64_t kLargeFrameBytes = 16ull << 20;

inline constexpr uint32_t kFramesPerInstanceMax = 1'000'000;  // kTooLarge
inline constexpr int kImportAttempts = 4;            // Of what may pass; then the job waits.
inline constexpr int kImportLockedPauseMs = 20;      // Until an image set is no longer LOCKED.
inline constexpr int kImportLockedWaitsMax = 3'000;  // Then the job waits.
inline constexpr int kCommitAttemptsMax = 16;        // kConflict

// The service's words for a latestVersionId that is not the latest.
inline constexpr std::string_view kNotLatestMessage =
    "Requested version(s) of ImageSet(s) is not the latest.";

}  // namespace tarn::image_store
