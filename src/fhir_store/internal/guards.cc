#include "fhir_store/internal/guards.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/state.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

// Stored: never renumber.
constexpr char kSlotKind = 1;
constexpr char kOnceKind = 2;
constexpr uint8_t kOnceForm = 1;

Error CorruptGuard() { return {ErrorKind::kCorrupt, "a stored guard does not decode"}; }

}  // namespace

std::vector<uint64_t> CriteriaSlots(const PostingHash& hash,
                                    std::span<const std::string> criteria) {
  std::vector<uint64_t> slots;
  for (const std::string& text : criteria) {
    std::string bytes;
    hash.AppendTail(&bytes, text);
    slots.push_back(LoadBe16(bytes));
  }
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  return slots;
}

std::string CriteriaGuardKey(uint64_t slot) {
  std::string key(1, kSlotKind);
  AppendBe16(&key, static_cast<uint16_t>(slot));
  return key;
}

Result<uint64_t> DecodeCriteriaGuard(std::string_view value) {
  if (value.size() != 8) return CorruptGuard();
  return LoadBe64(value);
}

void AddCriteriaGuards(const CriteriaHold::State& hold, kv::Batch* batch) {
  for (const CriteriaGuard& guard : hold.guards) {
    if (guard.revision == 0) {
      batch->ExpectAbsent(kGuard, guard.key);
    } else {
      batch->ExpectRevision(kGuard, guard.key, guard.revision);
    }
    std::string next;
    AppendBe64(&next, guard.revision + 1);
    batch->Put(kGuard, guard.key, next);
  }
}

std::string OnceKey(std::string_view token) {
  CHECK(!token.empty() && token.size() <= kOnceTokenBytesMax);
  std::string key(1, kOnceKind);
  return key.append(token);
}

std::string EncodeOnce(const WrittenOnce& written) {
  std::string value;
  AppendBe64(&value, 1);
  value.push_back(static_cast<char>(kOnceForm));
  AppendBe64(&value, written.version_id);
  AppendBe16(&value, written.type);
  AppendPackedId(&value, written.id);
  return value;
}

Result<WrittenOnce> DecodeOnce(std::string_view value) {
  ByteReader reader(value);
  const uint64_t revision = reader.Be64();
  const uint8_t form = reader.U8();
  WrittenOnce written;
  written.version_id = reader.Be64();
  written.type = reader.Be16();
  if (!reader.ok() || revision != 1 || form != kOnceForm || written.type == fhir::kNoType ||
      written.type > fhir::TypeCount()) {
    return CorruptGuard();
  }
  TRY(written.id, UnpackId(reader.Rest()));
  return written;
}

CriteriaHold::CriteriaHold(std::unique_ptr<State> state) : state_(std::move(state)) {}
CriteriaHold::CriteriaHold(CriteriaHold&& other) noexcept = default;
CriteriaHold& CriteriaHold::operator=(CriteriaHold&& other) noexcept = default;
CriteriaHold::~CriteriaHold() = default;

Result<CriteriaHold> FhirStore::HoldCriteria(std::span<const std::string> criteria) const {
  const std::vector<uint64_t> slots = CriteriaSlots(state_->index->hash(), criteria);
  TRY(WriteGate::Passes passes, state_->criteria_gate.EnterAll(slots, kWriteWaitMs));
  auto state = std::make_unique<CriteriaHold::State>(
      CriteriaHold::State{.passes = std::move(passes), .guards = {}});
  std::vector<std::string> keys;
  keys.reserve(slots.size());
  for (const uint64_t slot : slots) keys.push_back(CriteriaGuardKey(slot));
  // Before the caller's search: who commits between the two is found, and costs another try.
  TRY(const auto values, state_->kv.GetSnapshot()->MultiGet(kGuard, keys));
  for (size_t i = 0; i < keys.size(); ++i) {
    CriteriaGuard guard{.key = std::move(keys[i])};
    if (values[i].has_value()) {
      TRY(guard.revision, DecodeCriteriaGuard(*values[i]));
    }
    state->guards.push_back(std::move(guard));
  }
  return CriteriaHold(std::move(state));
}

Result<std::optional<WrittenOnce>> FhirStore::FindOnce(std::string_view token) const {
  std::string value;
  TRY(const bool found, state_->kv.GetSnapshot()->Get(kGuard, OnceKey(token), &value));
  std::optional<WrittenOnce> written;
  if (found) {
    TRY(written, DecodeOnce(value));
  }
  return written;
}

}  // namespace tarn::fhir_store
