// runner_host/limits.h: every bound of this module and what happens beyond it.
#pragma once

#include <cstdint>

namespace tarn::runner_host {

// Documents and settings.
inline constexpr uint64_t kSettingsBytesMax = 1u << 20;  // kTooLarge: an AWS profile file.
inline constexpr uint64_t kInputsBytesMax = 64u << 20;   // kTooLarge: a file of inputs.
inline constexpr uint32_t kFolderFilesMax = 50'000;   // kTooLarge: files below a --source folder.
inline constexpr uint32_t kFolderMatchesMax = 64;     // kTooLarge: of these, used for one source.
inline constexpr uint32_t kSourceTimeoutMs = 30'000;  // kTimeout: fetching one http(s) source.

// Exchanges.
inline constexpr uint32_t kConnectTimeoutMs = 10'000;   // kUnavailable
inline constexpr uint32_t kExchangeTimeoutMs = 60'000;  // kTimeout, when the step names none.
inline constexpr uint32_t kExchangeTimeoutMostMs = 3'600'000;  // A step's own timeout is cut to it.

// Runs.
inline constexpr uint64_t kRecordBytesMax = 256u << 20;  // kTooLarge: run.json with its documents.
inline constexpr uint32_t kRunsListedMax = 100'000;      // kTooLarge: runs in one folder.
inline constexpr uint64_t kJournalTailBytes = 4u << 20;  // What a list reads of each journal's end.
inline constexpr uint64_t kHarBodyBytesMax = 1u << 20;   // Longer bodies are cut in HAR files.

}  // namespace tarn::runner_host
