// The storage contract: ordered keys, snapshots, atomic conditional batches, bitmap merges,
// commit-ordered sequences and sorted bulk ingestion. Nothing above this module knows which engine
// runs. Every engine passes kv/conformance.h. Formats: docs/internals/storage.md.
//
// Keys compare as unsigned bytes. A store is a fixed list of families (Schema); a family holds
// either plain values or bitmap chunks (Bits), never both.
//
// Threads: Engine, Store and Snapshot may be used from any thread; a Cursor, Batch or Run belongs
// to one thread at a time. Snapshots and cursors end before their store does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kv/bits.h"

namespace tarn::kv {

using Family = uint8_t;  // An index into Schema::families.

enum class FamilyKind : uint8_t { kValues, kBits };

struct FamilySpec {
  std::string name;  // Part of the stored format: never renamed.
  FamilyKind kind = FamilyKind::kValues;
  bool values_compressed = false;  // The caller compresses values: the engine need not.
  bool point_lookups = false;      // Mostly read by whole key, often of keys that do not exist.
};

struct Schema {
  // At most 64. New families may be added at the end; opening makes them.
  std::vector<FamilySpec> families;
};

struct Limits {
  uint64_t key_bytes_max = 4096;              // kTooLarge
  uint64_t value_bytes_max = 256u << 20;      // kTooLarge
  uint64_t batch_bytes_max = 512u << 20;      // kTooLarge
  uint64_t batch_keys_max = 2'000'000;        // kTooLarge
  uint64_t snapshot_age_ms_max = UINT64_MAX;  // Older snapshots may fail with kTimeout.
};

// [begin, end); an empty `end` means to the last key.
struct KeyRange {
  std::string begin;
  std::string end;
};
// All keys that start with `prefix`.
KeyRange PrefixRange(std::string_view prefix);

enum class Direction : uint8_t { kForward, kReverse };

// Walks a range in key order (or against it). After an error, Valid() is false and status() tells.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual bool Valid() const = 0;
  virtual std::string_view key() const = 0;    // Valid until the next move.
  virtual std::string_view value() const = 0;  // For bitmap families: Bits::Encode() of the chunk.
  virtual void Next() = 0;
  // Moves to the first key at or after `key` in the cursor's direction, within its range.
  virtual void Seek(std::string_view key) = 0;
  virtual Status status() const = 0;
};

// One consistent state. Short-lived: one request reads one snapshot.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  // True and `*value` filled, or false when there is no such key. Errors: kCorrupt, kUnavailable.
  virtual Result<bool> Get(Family family, std::string_view key, std::string* value) const = 0;
  // As many answers as keys, in their order.
  virtual Result<std::vector<std::optional<std::string>>> MultiGet(
      Family family, std::span<const std::string> keys) const = 0;
  virtual std::unique_ptr<Cursor> Scan(Family family, KeyRange range,
                                       Direction direction = Direction::kForward) const = 0;
  // The newest sequence that this state holds; 0 before the first commit.
  virtual uint64_t sequence() const = 0;
};

// Where a sequence is written at commit: 8 bytes, big-endian.
inline constexpr std::string_view kSequenceBytes{"\0\0\0\0\0\0\0\0", 8};

// Changes that happen together or not at all. Later changes of one key win.
class Batch {
 public:
  void Put(Family family, std::string_view key, std::string_view value);
  void Delete(Family family, std::string_view key);
  // Adds and removes members of one chunk; `add` and `remove` are disjoint (CHECK). Bitmap
  // families only, and never with Put, Delete or Expect on the same key. An empty chunk is the
  // same as a missing key.
  void MergeBits(Family family, std::string_view key, const Bits& add, const Bits& remove);
  void MergeBits(Family family, std::string_view key, const BitsDelta& delta);

  // Conditions, checked at commit; a broken one fails the whole batch with kConflict. A revision
  // is the first 8 bytes (big-endian) of a value.
  void ExpectAbsent(Family family, std::string_view key);
  void ExpectRevision(Family family, std::string_view key, uint64_t revision);

  // A Put whose key (at key_offset) or value (at value_offset) receives this commit's sequence in
  // place of 8 bytes that are there; kNoOffset leaves that side alone.
  static constexpr size_t kNoOffset = SIZE_MAX;
  struct SequenceAt {
    size_t key_offset = kNoOffset;
    size_t value_offset = kNoOffset;
  };
  void PutSequenced(Family family, std::string_view key, std::string_view value, SequenceAt at);

  // Appends all of `other`.
  void Append(const Batch& other);

  bool IsEmpty() const { return changes_.empty() && expectations_.empty(); }
  uint64_t bytes() const { return bytes_; }

  // For engines.
  enum class ChangeKind : uint8_t { kPut, kDelete, kMergeBits };
  struct Change {
    ChangeKind kind;
    Family family;
    std::string key;
    std::string value;  // kMergeBits: the engine-independent operand of kv/bits_operand.h.
    SequenceAt sequence_at;
  };
  struct Expectation {
    Family family;
    std::string key;
    std::optional<uint64_t> revision;  // Empty: absent.
  };
  const std::vector<Change>& changes() const { return changes_; }
  const std::vector<Expectation>& expectations() const { return expectations_; }

 private:
  void MergeOperand(Family family, std::string_view key, std::string operand);

  std::vector<Change> changes_;
  std::vector<Expectation> expectations_;
  uint64_t bytes_ = 0;
};

// A sorted bulk load that is being prepared, in files of its own, away from the commit path. Not
// visible until Store::Ingest; dropped when destroyed before that.
class Run {
 public:
  virtual ~Run() = default;
  // Keys must strictly ascend within a family (CHECK); families may alternate. Keys must be new to
  // the store in plain families: the caller holds its locks on them from its read to the ingest.
  virtual Status Put(Family family, std::string_view key, std::string_view value) = 0;
  // As Batch::MergeBits.
  virtual Status MergeBits(Family family, std::string_view key, const BitsDelta& delta) = 0;
  Status MergeBits(Family family, std::string_view key, const Bits& add, const Bits& remove);
  virtual uint64_t bytes() const = 0;
};

struct StoreStats {
  uint64_t disk_bytes = 0;    // Files of the store.
  uint64_t memory_bytes = 0;  // Unflushed data, indexes and filters held in memory.
  uint64_t compaction_pending_bytes = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual std::unique_ptr<Snapshot> GetSnapshot() = 0;

  // Applies the batch atomically; when it returns a sequence, the batch is synced to disk and every
  // later snapshot sees it. Sequences ascend in commit order, without repetition. Concurrent
  // commits share one sync.
  // Errors: kConflict (an expectation; nothing was written), kTooLarge (nothing was written),
  // kUnavailable (disk full or failing: not acknowledged, and the outcome is unknown until Resume
  // or until the store is opened again; until then writes fail and reads go on). A later write may
  // try to resume by itself.
  virtual Result<uint64_t> Commit(const Batch& batch) = 0;

  virtual Result<std::unique_ptr<Run>> NewRun() = 0;
  // Makes the run and the batch visible and durable in one step. The batch's families are disjoint
  // from the run's (CHECK); it carries the checkpoint and the log record. Errors as Commit.
  virtual Result<uint64_t> Ingest(std::unique_ptr<Run> run, const Batch& publish) = 0;

  // Tries to take up writing again after kUnavailable (space was freed). Reads that have begun go
  // on; runs that have begun are lost: their Put or Ingest fails with kUnavailable.
  virtual Status Resume() = 0;
  // Moves everything to sorted files and waits until compaction has caught up. For measurements.
  virtual Status Settle() = 0;
  virtual StoreStats Stats() const = 0;
  virtual const Limits& limits() const = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Opens the store, or makes it. `name`: 1 to 64 of [a-z0-9-]. A store may be open once (CHECK).
  // What an interrupted ingestion left behind is removed. Errors: kCorrupt, kUnavailable, kInvalid.
  virtual Result<std::unique_ptr<Store>> Open(const std::string& name, const Schema& schema) = 0;
  // Removes a closed store and all its files. A missing one is fine.
  virtual Status Drop(const std::string& name) = 0;
  virtual Result<std::vector<std::string>> List() const = 0;
};

}  // namespace tarn::kv
