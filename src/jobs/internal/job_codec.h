// Keys and values of the job queue. Layout with diagrams: docs/internals/jobs.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "jobs/queue.h"

namespace tarn::jobs::internal {

// One byte names what a key holds, then the kind, a zero byte, and the id or the order number.
enum class KeyKind : char {
  kDocument = 'd',    // id -> revision, state, order, times, request, message
  kCheckpoint = 'c',  // id -> checkpoint, progress
  kCancel = 'x',      // id -> empty: cancellation was asked for
  kOrder = 'o',       // order number -> submit time, id; every job, for lists
  kActive = 'a',      // order number -> id; jobs that are not final
  kGuard = 'g',       // nothing -> revision: counts submissions
};

std::string Prefix(KeyKind key_kind, std::string_view kind);
std::string IdKey(KeyKind key_kind, std::string_view kind, std::string_view id);
std::string OrderKey(KeyKind key_kind, std::string_view kind, uint64_t order);
// Where the order number begins in the last.
size_t OrderOffset(std::string_view kind);
// All active jobs of every kind.
std::string ActivePrefix();

// The stored part of a job that its owner changes only by Submit, Claim, Cancel and Finish.
struct Document {
  uint64_t revision = 0;  // Also the claim's fence.
  JobState state = JobState::kSubmitted;
  uint64_t order = 0;
  int64_t submit_unix_ms = 0;
  int64_t end_unix_ms = 0;
  std::string request;
  std::string message;
};
// Where a document's order number is in its encoding.
inline constexpr size_t kDocumentOrderOffset = 10;
std::string EncodeDocument(const Document& document);
Result<Document> DecodeDocument(std::string_view bytes);  // Errors: kCorrupt.

std::string EncodeCheckpoint(std::string_view checkpoint, std::string_view progress);
Status DecodeCheckpoint(std::string_view bytes, Job* job);  // Errors: kCorrupt.

struct OrderEntry {
  int64_t submit_unix_ms = 0;
  std::string id;
};
std::string EncodeOrderEntry(const OrderEntry& entry);
Result<OrderEntry> DecodeOrderEntry(std::string_view bytes);  // Errors: kCorrupt.

bool IsJobId(std::string_view id);

}  // namespace tarn::jobs::internal
