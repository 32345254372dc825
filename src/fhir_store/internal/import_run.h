// Lines that are decided and wait for their commit. A run becomes visible and durable in one step,
// together with what the caller publishes (checkpoint, output): see Commit.
//
// Lines are added in the order of the input. A line about a resource that the run holds already is
// decided anew against the run's versions, so two lines with one id act like two imports, one after
// the other, whatever the blocks and threads were.
//
// Threads: belongs to the coordinator.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir_store/internal/hash_index.h"
#include "fhir_store/internal/import_block.h"
#include "fhir_store/internal/import_postponed.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/posting_table.h"
#include "fhir_store/internal/state.h"
#include "kv/store.h"

namespace tarn::fhir_store {

class ImportRun {
 public:
  // The arguments must outlive the run. `postponed` is null when no line is postponed.
  ImportRun(StoreState& state, LineWorker& worker, PostponedLines* postponed)
      : state_(state), worker_(worker), postponed_(postponed) {}

  // Holds the block's resources against single writes, settles every line's outcome, version and
  // ordinal, and takes over the bodies. Errors: kCorrupt, kUnavailable, kTooLarge (ordinals).
  Status Add(ImportBlock* block);

  bool IsFull() const;
  size_t resources() const { return ids_.size(); }

  // Stores the run and `publish` in one step. A large run goes as sorted files, beside the write
  // path; a small one as a batch. May be called again after kUnavailable. Errors: as kv::Store.
  Status Commit(const kv::Batch& publish);
  // Empties the run after its commit, and lets single writes of its resources go on.
  void Clear();

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  // A resource of the run, as it is after the lines so far.
  struct Id {
    size_t key_offset = 0;  // In keys_.
    int64_t last_updated_unix_ms = 0;
    uint32_t version = 0;
    Ordinal ordinal = 0;
    uint32_t newest_body = kNone;  // Index into bodies_; kNone: the stored version holds.
    fhir::TypeId type = fhir::kNoType;
    uint8_t key_bytes = 0;
    bool created = false;    // The run's first version is the resource's first.
    bool goes_live = false;  // It is not live in the store.
  };
  struct Body {
    uint32_t id = 0;
    uint32_t version = 0;
    uint32_t block = 0;  // Index into block_bodies_.
    uint32_t offset = 0;
    uint32_t bytes = 0;
    uint32_t previous = kNone;  // Index of the resource's body before this one in the run.
  };

  std::string_view Key(const Id& id) const {
    return std::string_view(keys_).substr(id.key_offset, id.key_bytes);
  }
  std::string_view BodyBytes(const Body& body) const {
    return std::string_view(block_bodies_[body.block]).substr(body.offset, body.bytes);
  }
  Status AddLine(ImportBlock* block, ImportLine* line);
  Status AddFirst(const ImportBlock& block, ImportLine* line);
  // Decides a line again that follows versions of its resource in this run.
  Status WorkAfter(const Id& id, ImportBlock* block, ImportLine* line);
  Status SettleLine(ImportBlock* block, ImportLine* line);
  void AddBody(const ImportLine& line, uint32_t id);
  void AddPostings(const ImportBlock& block, const ImportLine& line);

  // Both write what the run holds; `current` apart when it must go with the batch.
  Status FillBatch(kv::Batch* batch) const;
  Status FillRun(kv::Run* run, bool with_current) const;
  Status FillRunCurrent(kv::Run* run) const;
  Status FillRunIdents(kv::Run* run) const;
  Status FillRunBodies(kv::Run* run) const;
  Status FillRunLive(kv::Run* run) const;
  Status FillRunPostings(kv::Run* run) const;
  void PutCurrent(kv::Batch* batch) const;
  // Resources that go live, by type and chunk, ascending.
  std::vector<std::pair<std::string, kv::Bits>> LiveChunks() const;
  std::vector<LogEntry> LogEntries() const;
  CurrentRecord RecordOf(const Id& id) const;

  StoreState& state_;
  LineWorker& worker_;
  PostponedLines* const postponed_;
  HashIndex index_;  // Key hash -> index into ids_.
  std::vector<Id> ids_;
  std::vector<Body> bodies_;
  std::string keys_;
  std::vector<std::string> block_bodies_;
  PostingTable postings_;
  std::vector<std::shared_ptr<const SearchGeneration>> generations_;  // Of the postings.
  size_t body_bytes_ = 0;
  size_t created_ = 0;
  size_t changed_ = 0;  // Resources of the store that get a new version.
};

}  // namespace tarn::fhir_store
