#include "kv/internal/batch_rules.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "base/check.h"

namespace tarn::kv {
namespace {

constexpr size_t kFamiliesMax = 64;
constexpr size_t kStoreNameMax = 64;

Error TooLarge(std::string_view what, uint64_t size, uint64_t limit) {
  return {ErrorKind::kTooLarge,
          std::string(what) + ": " + std::to_string(size) + ", limit " + std::to_string(limit)};
}

std::string WithSequence(const std::string& bytes, size_t offset, uint64_t sequence) {
  std::string out = bytes;
  if (offset == Batch::kNoOffset) return out;
  std::string number;
  AppendBe64(&number, sequence);
  out.replace(offset, number.size(), number);
  return out;
}

}  // namespace

Status CheckStoreName(const std::string& name) {
  const bool sound = !name.empty() && name.size() <= kStoreNameMax &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                     });
  if (!sound) return Invalid("store name: 1 to 64 of a-z, 0-9 and -");
  return Ok();
}

Status CheckSchema(const Schema& schema) {
  if (schema.families.empty() || schema.families.size() > kFamiliesMax) {
    return Invalid("schema: 1 to 64 families");
  }
  std::set<std::string> names;
  for (const FamilySpec& family : schema.families) {
    // RocksDB has a family "default" of its own, where the engine keeps its notes.
    if (family.name.empty() || family.name == "default" || !names.insert(family.name).second) {
      return Invalid("schema: family name '" + family.name + "' is empty, reserved or repeated");
    }
  }
  return Ok();
}

Status CheckEntry(std::string_view key, std::string_view value, const Limits& limits) {
  if (key.size() > limits.key_bytes_max) {
    return TooLarge("key bytes", key.size(), limits.key_bytes_max);
  }
  if (value.size() > limits.value_bytes_max) {
    return TooLarge("value bytes", value.size(), limits.value_bytes_max);
  }
  return Ok();
}

Status CheckBatch(const Batch& batch, const Schema& schema, const Limits& limits) {
  if (batch.bytes() > limits.batch_bytes_max) {
    return TooLarge("batch bytes", batch.bytes(), limits.batch_bytes_max);
  }
  if (batch.changes().size() > limits.batch_keys_max) {
    return TooLarge("batch keys", batch.changes().size(), limits.batch_keys_max);
  }
  for (const Batch::Change& change : batch.changes()) {
    CHECK(change.family < schema.families.size());
    const bool merge = change.kind == Batch::ChangeKind::kMergeBits;
    CHECK(merge == (schema.families[change.family].kind == FamilyKind::kBits));
    TRY(CheckEntry(change.key, change.value, limits));
  }
  for (const Batch::Expectation& expected : batch.expectations()) {
    CHECK(expected.family < schema.families.size());
    CHECK(schema.families[expected.family].kind == FamilyKind::kValues);
  }
  return Ok();
}

std::string SequencedKey(const Batch::Change& change, uint64_t sequence) {
  return WithSequence(change.key, change.sequence_at.key_offset, sequence);
}

std::string SequencedValue(const Batch::Change& change, uint64_t sequence) {
  return WithSequence(change.value, change.sequence_at.value_offset, sequence);
}

bool ExpectationHolds(const Batch::Expectation& expected, const std::string_view* value) {
  if (!expected.revision.has_value()) return value == nullptr;
  return value != nullptr && value->size() >= 8 && LoadBe64(*value) == *expected.revision;
}

Error ExpectationBroken(const Schema& schema, const Batch::Expectation& expected) {
  return {ErrorKind::kConflict,
          "a key of family '" + schema.families[expected.family].name +
              (expected.revision ? "' has another revision" : "' exists already")};
}

}  // namespace tarn::kv
