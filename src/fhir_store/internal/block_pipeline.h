// Works on blocks in parallel and gives them back in the order in which they came.
// Threads: Push and Pop from one thread, the coordinator's.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "fhir_store/internal/import_block.h"

namespace tarn::fhir_store {

class BlockPipeline {
 public:
  // `state` must outlive the pipeline.
  BlockPipeline(StoreState& state, size_t threads, OldContent old_content);
  // Drops what has not been worked on.
  ~BlockPipeline();
  BlockPipeline(const BlockPipeline&) = delete;
  BlockPipeline& operator=(const BlockPipeline&) = delete;

  // Whether the blocks in flight leave room for another one.
  bool HasRoom() const { return in_flight_ == 0 || bytes_ < bytes_max_; }
  bool IsEmpty() const { return in_flight_ == 0; }
  void Push(std::unique_ptr<ImportBlock> block);
  // Waits for the oldest block; there must be one (CHECK). Errors: those of LineWorker::Work.
  Result<std::unique_ptr<ImportBlock>> Pop();

 private:
  struct Slot {
    std::unique_ptr<ImportBlock> block;
    Status status = Ok();
    bool taken = false;
    bool done = false;
  };
  void Run();

  StoreState& state_;
  const OldContent old_content_;
  const size_t bytes_max_;
  size_t in_flight_ = 0;
  size_t bytes_ = 0;
  Mutex mutex_;
  CondVar work_;
  CondVar done_;
  std::deque<std::unique_ptr<Slot>> slots_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace tarn::fhir_store
