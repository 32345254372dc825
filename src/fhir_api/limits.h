// fhir_api/limits.h: every bound of this module and what happens beyond it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tarn::fhir_api {

// HealthLake's limit for one resource over REST: 413, before the body is read.
inline constexpr uint64_t kBodyBytesMax = 5u << 20;
// Entries of a Bundle in a data store with HealthLake's limits: 422.
inline constexpr size_t kHealthLakeTransactionEntriesMax = 100;
inline constexpr size_t kHealthLakeBatchEntriesMax = 500;
// How often a batch tries to write its entries together before it writes them one by one.
inline constexpr size_t kBatchGroupAttemptsMax = 8;
// How often a conditional write or transaction is decided anew because others wrote meanwhile.
inline constexpr int kConditionalAttemptsMax = 8;  // 409
// Entries of a history page: what it has when none is asked for, and at most.
inline constexpr uint32_t kHistoryCountDefault = 50;
inline constexpr uint32_t kHistoryCountMax = 1000;  // A larger _count is taken as this.
// Rendered CapabilityStatements that are kept, of 750 kB each; the one used longest ago goes.
inline constexpr size_t kStatementsKeptMax = 8;
// Media ranges of one Accept header that are looked at; the rest are ignored.
inline constexpr size_t kMediaRangesMax = 32;
// A client's word (operation, parameter) is repeated in an answer up to this length.
inline constexpr size_t kEchoBytesMax = 64;

}  // namespace tarn::fhir_api
