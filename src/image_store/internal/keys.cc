#include "image_store/internal/keys.h"

#include "base/bytes.h"
#include "base/check.h"

namespace tarn::image_store {
namespace {

constexpr char kHeld = 'h';
constexpr char kHolder = 'r';
constexpr char kSeries = 's';
constexpr char kStudy = 't';
constexpr char kChange = 'c';
constexpr char kDeadUnit = 'd';
constexpr char kHole = 'p';
constexpr uint32_t kOutcomeBit = 1u << 31;  // In numbers of staging keys: behind all files.

// Lower-case hexadecimal digits only: each id has one spelling.
bool IsHexId(std::string_view text, size_t bytes) {
  if (text.size() != 2 * bytes) return false;
  for (const char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

std::string RandomBytes(RandomSource& random, size_t count) {
  std::string bytes(count, '\0');
  random.Fill({bytes.data(), bytes.size()});
  return bytes;
}

std::string Join(char kind, std::string_view a, std::string_view b = {}) {
  std::string key;
  key.reserve(1 + a.size() + b.size());
  key += kind;
  key.append(a).append(b);
  return key;
}

}  // namespace

Result<std::string> PackSetId(std::string_view id) {
  if (!IsHexId(id, kSetIdBytes)) return NotFound("there is no such image set");
  return HexDecode(id);
}

std::string SetIdText(std::string_view packed) {
  CHECK(packed.size() == kSetIdBytes);
  return HexEncode(packed);
}

std::string NewUnit(RandomSource& random) { return RandomBytes(random, kUnitBytes); }
std::string NewPackId(RandomSource& random) { return RandomBytes(random, kPackIdBytes); }

std::string FrameKey(std::string_view unit, uint32_t index) {
  CHECK(unit.size() == kUnitBytes);
  std::string key(unit);
  AppendBe32(&key, index);
  return key;
}

std::string FrameIdText(std::string_view unit, uint32_t index) {
  return HexEncode(FrameKey(unit, index));
}

Result<std::string> FrameKeyOf(std::string_view frame_id) {
  if (!IsHexId(frame_id, kUnitBytes + 4)) return NotFound("there is no such image frame");
  return HexDecode(frame_id);
}

std::string VersionKey(std::string_view set, uint32_t version) {
  CHECK(set.size() == kSetIdBytes);
  std::string key(set);
  AppendBe32(&key, version);
  return key;
}

std::string HeldKey(std::string_view set, std::string_view unit) { return Join(kHeld, set, unit); }
std::string HolderKey(std::string_view unit, std::string_view set) {
  return Join(kHolder, unit, set);
}
std::string HeldPrefix(std::string_view set) { return Join(kHeld, set); }
std::string HolderPrefix(std::string_view unit) { return Join(kHolder, unit); }

std::string PrimaryOfSeriesKey(std::string_view series_uid) { return Join(kSeries, series_uid); }
std::string PrimaryOfStudyPrefix(std::string_view study_uid) {
  return Join(kStudy, study_uid, std::string_view("\0", 1));
}
std::string PrimaryOfStudyKey(std::string_view study_uid, std::string_view series_uid) {
  return PrimaryOfStudyPrefix(study_uid).append(series_uid);
}

std::string StagingPrefix(std::string_view job) { return std::string(job); }
std::string StagingKey(std::string_view job, uint32_t number) {
  std::string key(job);
  AppendBe32(&key, number);
  return key;
}

std::string OutcomeKey(std::string_view job, uint32_t first_number) {
  return StagingKey(job, first_number | kOutcomeBit);
}
kv::KeyRange StagedFiles(std::string_view job) {
  return {StagingPrefix(job), StagingKey(job, kOutcomeBit)};
}
kv::KeyRange StagedOutcomes(std::string_view job) {
  return {StagingKey(job, kOutcomeBit), kv::PrefixRange(StagingPrefix(job)).end};
}
uint32_t NumberOfStagingKey(std::string_view key) {
  CHECK(key.size() >= 4);
  return LoadBe32(key.substr(key.size() - 4)) & ~kOutcomeBit;
}

std::string ChangePrefix() { return Join(kChange, {}); }
std::string ChangeKey(std::string_view set) { return Join(kChange, set); }
std::string DeadUnitPrefix() { return Join(kDeadUnit, {}); }
std::string DeadUnitKey(std::string_view unit) { return Join(kDeadUnit, unit); }
std::string HolePrefix() { return Join(kHole, {}); }
std::string HoleKey(std::string_view pack, uint64_t offset) {
  std::string key = Join(kHole, pack);
  AppendBe64(&key, offset);
  return key;
}

}  // namespace tarn::image_store
