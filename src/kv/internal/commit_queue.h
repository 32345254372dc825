// Group commit: writers queue up, the first one writes for all small batches that wait behind it,
// and the next first one takes over when it is done. A large batch leads a group of its own, so a
// small one waits for one large one at most, the one that is being written. Work that must be alone
// (an ingestion) queues likewise. Nobody is passed over for good: who has become first leads next.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "kv/store.h"

namespace tarn::kv {

// Of one batch: beyond, it is large.
inline constexpr uint64_t kSmallBatchBytesMax = 256u << 10;
inline constexpr size_t kSmallBatchExpectationsMax = 256;
inline bool IsLarge(const Batch& batch) {
  return batch.bytes() > kSmallBatchBytesMax ||
         batch.expectations().size() > kSmallBatchExpectationsMax;
}

class CommitQueue {
 public:
  // How one thread is woken. It outlives the member that waits by it: whoever has been told that it
  // is done is gone at once. And it has a mutex of its own, so that the members of a group, which
  // are woken together, do not wait for each other once more.
  class Bell {
   public:
    enum class Word : uint8_t { kNothing, kLead, kDone };
    void Tell(Word word);
    Word Wait();

   private:
    Mutex mutex_;
    CondVar told_;
    Word word_ GUARDED_BY(mutex_) = Word::kNothing;
  };

  // One writer's place; lives on its thread's stack, and is used by that thread.
  struct Member {
    explicit Member(const Batch* to_write);
    const Batch* const batch;  // Null: wants to be alone.
    Result<uint64_t> outcome = Error{ErrorKind::kInternal, "commit without outcome"};

   private:
    friend class CommitQueue;
    const std::shared_ptr<Bell> bell_;  // The thread's.
    bool written_ = false;              // Guarded by the queue's mutex.
  };
  using Group = std::vector<Member*>;

  // Waits for `member`'s turn. Returns the group that it leads, itself first: the caller fills in
  // every outcome and calls Finish. Or returns an empty group: another leader has written the
  // member's batch and its outcome is there.
  Group Join(Member* member);
  void Finish(const Group& group);

 private:
  Mutex mutex_;
  std::deque<Member*> queue_ GUARDED_BY(mutex_);  // The present group is still at its front.
};

}  // namespace tarn::kv
