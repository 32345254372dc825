// The heart of an import, of a job or a load: blocks from a source, worked on in parallel, added to
// runs in order, committed.
#pragma once

#include <functional>

#include "base/result.h"
#include "fhir_store/internal/import_block.h"
#include "fhir_store/internal/import_postponed.h"
#include "fhir_store/internal/import_source.h"
#include "fhir_store/internal/state.h"
#include "kv/store.h"

namespace tarn::fhir_store {

// What a job does beside storing resources; a load does little.
class ImportSink {
 public:
  virtual ~ImportSink() = default;
  // The block's lines are settled and in the run. Errors end the import.
  virtual Status Added(const ImportBlock& block) = 0;
  // Whether what waits in the sink is large enough that a commit is due.
  virtual bool WantsCommit() const = 0;
  // Adds what commits together with the run. May be called again when a commit is tried again.
  // `all_read`: this is the last commit.
  virtual void FillPublish(bool all_read, kv::Batch* batch) = 0;
  // The run is stored. Errors end the import.
  virtual Status Committed() = 0;
};

enum class LoopEnd : uint8_t { kAllRead, kStopped };

// `postponed`: where lines that wait for the job's end go; null: every line takes effect at once.
// What changes there is the sink's to publish.
// Errors: kUnavailable (also after several tries: what was committed stays), kConflict (the batch's
// expectations), those of the sink and the source. One loop at a time for a store (CHECK).
Result<LoopEnd> RunImportLoop(StoreState& state, BlockSource& source, ImportSink& sink,
                              PostponedLines* postponed, const std::function<bool()>& stop);

// Tries `step` again after kUnavailable, with pauses, and asks the store to take up writing again.
Status WithRetries(StoreState& state, const std::function<Status()>& step);

}  // namespace tarn::fhir_store
