// Guards of conditional writes: what a search did not find must not appear before the write.
//
//   guard   | kind 1 | slot 2 |          ->  | revision 8 |
//           | kind 2 | token 1 to 64 |   ->  | revision 8 | form 1 | version 8 | type 2 | packed id
//           |
//
// Criteria are hashed to one of 65,536 slots, under the store's secret. Within this process a gate
// lets one holder of a slot pass at a time. Between processes the slot's revision does: it is read
// before the search, and the write's commit expects it unchanged and makes it grow. Slots are
// shared by chance, which costs waiting and nothing else, and the family stays small.
//
// Rejected: one guard for each of the criteria, which would leave a key for every conditional
// creation that ever was; and one for each resource type, behind which unrelated clients would
// queue.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/posting_keys.h"
#include "fhir_store/internal/write_gate.h"
#include "kv/store.h"

namespace tarn::fhir_store {

inline constexpr size_t kOnceTokenBytesMax = 64;

// One slot and its revision before the search; 0: it has none yet.
struct CriteriaGuard {
  std::string key;
  uint64_t revision = 0;
};

struct CriteriaHold::State {
  WriteGate::Passes passes;
  std::vector<CriteriaGuard> guards;
};

// The slots of the criteria, ascending, each once.
std::vector<uint64_t> CriteriaSlots(const PostingHash& hash, std::span<const std::string> criteria);
std::string CriteriaGuardKey(uint64_t slot);
// Errors: kCorrupt.
Result<uint64_t> DecodeCriteriaGuard(std::string_view value);
// Lets the batch's commit fail when a guard has changed, and changes it.
void AddCriteriaGuards(const CriteriaHold::State& hold, kv::Batch* batch);

std::string OnceKey(std::string_view token);
std::string EncodeOnce(const WrittenOnce& written);
Result<WrittenOnce> DecodeOnce(std::string_view value);  // Errors: kCorrupt.

}  // namespace tarn::fhir_store
