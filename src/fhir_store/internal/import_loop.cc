#include "fhir_store/internal/import_loop.h"

#include <chrono>
#include <thread>
#include <utility>

#include "base/check.h"
#include "fhir_store/internal/block_pipeline.h"
#include "fhir_store/internal/custom_parameters.h"
#include "fhir_store/internal/import_run.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

// Opens the gate for an import for as long as it lives.
class GateHold {
 public:
  explicit GateHold(StoreState& state) : state_(state) {
    CHECK(!state_.importing.exchange(true));
    state_.gate.StartImport();
  }
  ~GateHold() {
    state_.gate.StopImport();
    state_.importing.store(false);
  }
  GateHold(const GateHold&) = delete;
  GateHold& operator=(const GateHold&) = delete;

 private:
  StoreState& state_;
};

Status CommitRun(StoreState& state, ImportSink& sink, bool all_read, ImportRun* run) {
  TRY(WithRetries(state, [&] {
    kv::Batch publish;
    sink.FillPublish(all_read, &publish);
    return run->Commit(publish);
  }));
  run->Clear();
  return sink.Committed();
}

}  // namespace

Status WithRetries(StoreState& state, const std::function<Status()>& step) {
  for (int attempt = 1;; ++attempt) {
    Status status = step();
    if (status.ok() || status.error().kind != ErrorKind::kUnavailable ||
        attempt == kImportCommitAttempts) {
      return status;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kImportRetryPauseMs << (attempt - 1)));
    const Status resumed = state.kv.Resume();
    if (!resumed.ok()) continue;  // The next try says why.
  }
}

Result<LoopEnd> RunImportLoop(StoreState& state, BlockSource& source, ImportSink& sink,
                              PostponedLines* postponed, const std::function<bool()>& stop) {
  const GateHold hold(state);
  const OldContent old_content =
      postponed == nullptr ? OldContent::kWritten : OldContent::kPostponed;
  LineWorker worker(state, old_content);
  ImportRun run(state, worker, postponed);
  BlockPipeline pipeline(state, state.options.import_threads, old_content);
  bool all_read = false;
  for (;;) {
    while (!all_read && pipeline.HasRoom()) {
      TRY(auto block, source.Next());
      all_read = block == nullptr;
      if (block != nullptr) pipeline.Push(std::move(block));
    }
    if (pipeline.IsEmpty()) break;
    TRY(auto block, pipeline.Pop());
    TRY(run.Add(block.get()));
    TRY(sink.Added(*block));
    block.reset();
    if (stop()) {
      TRY(CommitRun(state, sink, false, &run));
      return LoopEnd::kStopped;
    }
    if (run.IsFull() || sink.WantsCommit() || state.gate.FlushWanted()) {
      TRY(CommitRun(state, sink, false, &run));
    }
  }
  TRY(CommitRun(state, sink, true, &run));
  state.custom_parameters->Changed();
  return LoopEnd::kAllRead;
}

}  // namespace tarn::fhir_store
