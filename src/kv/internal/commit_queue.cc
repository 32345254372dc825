#include "kv/internal/commit_queue.h"

#include "base/check.h"

namespace tarn::kv {
namespace {

// Bounds the memory of a group and the time that its members wait for each other.
constexpr uint64_t kGroupBytesMax = 16u << 20;
constexpr size_t kGroupMembersMax = 1024;

}  // namespace

CommitQueue::Group CommitQueue::Join(Member* member) {
  MutexLock lock(mutex_);
  queue_.push_back(member);
  if (queue_.size() == 1) member->leads_ = true;
  while (!member->leads_ && !member->done_) member->wake_.Wait(mutex_);
  if (member->done_) return {};
  CHECK(queue_.front() == member);
  Group group{member};
  if (member->batch == nullptr) return group;
  uint64_t bytes = member->batch->bytes();
  for (size_t i = 1; i < queue_.size() && group.size() < kGroupMembersMax; ++i) {
    if (queue_[i]->batch == nullptr) break;
    bytes += queue_[i]->batch->bytes();
    if (bytes > kGroupBytesMax) break;
    group.push_back(queue_[i]);
  }
  return group;
}

void CommitQueue::Finish(const Group& group) {
  MutexLock lock(mutex_);
  for (Member* const member : group) {
    CHECK(queue_.front() == member);
    queue_.pop_front();
    member->done_ = true;
    // Under the lock: once the member sees `done_`, it and its condition variable are gone.
    member->wake_.NotifyOne();
  }
  if (queue_.empty()) return;
  queue_.front()->leads_ = true;
  queue_.front()->wake_.NotifyOne();
}

}  // namespace tarn::kv
