#include "fhir_store/internal/block_pipeline.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {

BlockPipeline::BlockPipeline(StoreState& state, size_t threads, OldContent old_content)
    : state_(state), old_content_(old_content), bytes_max_(kImportInFlightBytes) {
  for (size_t i = 0; i < std::max<size_t>(threads, 1); ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

BlockPipeline::~BlockPipeline() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void BlockPipeline::Push(std::unique_ptr<ImportBlock> block) {
  ++in_flight_;
  bytes_ += block->ndjson.text().size();
  auto slot = std::make_unique<Slot>();
  slot->block = std::move(block);
  MutexLock lock(mutex_);
  slots_.push_back(std::move(slot));
  work_.NotifyOne();
}

Result<std::unique_ptr<ImportBlock>> BlockPipeline::Pop() {
  CHECK(in_flight_ > 0);
  std::unique_ptr<Slot> slot;
  {
    MutexLock lock(mutex_);
    while (!slots_.front()->done) done_.Wait(mutex_);
    slot = std::move(slots_.front());
    slots_.pop_front();
  }
  --in_flight_;
  bytes_ -= slot->block->ndjson.text().size();
  TRY(std::move(slot->status));
  return std::move(slot->block);
}

void BlockPipeline::Run() {
  LineWorker worker(state_, old_content_);
  MutexLock lock(mutex_);
  for (;;) {
    const auto next =
        std::find_if(slots_.begin(), slots_.end(), [](const auto& slot) { return !slot->taken; });
    if (stopping_) return;
    if (next == slots_.end()) {
      work_.Wait(mutex_);
      continue;
    }
    Slot* const slot = next->get();
    slot->taken = true;
    mutex_.Unlock();
    slot->status = worker.Work(slot->block.get());
    mutex_.Lock();
    slot->done = true;
    done_.NotifyOne();
  }
}

}  // namespace tarn::fhir_store
