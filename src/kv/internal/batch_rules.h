// What every engine asks of a batch before it writes: the limits, the kinds of families, and how a
// sequence enters a change.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "kv/store.h"

namespace tarn::kv {

// Names of stores: 1 to 64 of [a-z0-9-]. Errors: kInvalid.
Status CheckStoreName(const std::string& name);
// At most 64 families with distinct, non-empty names. Errors: kInvalid.
Status CheckSchema(const Schema& schema);

// Errors: kTooLarge. A family that the schema lacks, or a change that does not suit its family's
// kind, is a bug of the caller (CHECK).
Status CheckBatch(const Batch& batch, const Schema& schema, const Limits& limits);
Status CheckEntry(std::string_view key, std::string_view value, const Limits& limits);

// The change's key and value with `sequence` at its marked places.
std::string SequencedKey(const Batch::Change& change, uint64_t sequence);
std::string SequencedValue(const Batch::Change& change, uint64_t sequence);

// Whether `expected` holds for a key whose value is `*value` (null: no such key). A value of fewer
// than 8 bytes has no revision and equals none.
bool ExpectationHolds(const Batch::Expectation& expected, const std::string_view* value);

// The error of a broken expectation; names the family only, since keys may hold patient data.
Error ExpectationBroken(const Schema& schema, const Batch::Expectation& expected);

}  // namespace tarn::kv
