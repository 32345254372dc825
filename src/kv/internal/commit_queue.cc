#include "kv/internal/commit_queue.h"

#include "base/check.h"

namespace tarn::kv {
namespace {

// Bounds the memory of a group and the time that its members wait for each other.
constexpr uint64_t kGroupBytesMax = 4u << 20;
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
  uint64_t bytes = 0;  // Of those that join.
  for (size_t i = 1; i < queue_.size() && group.size() < kGroupMembersMax; ++i) {
    Member* const other = queue_[i];
    if (other->batch == nullptr || other->batch->bytes() > kSmallBatchBytesMax) continue;
    bytes += other->batch->bytes();
    if (bytes > kGroupBytesMax) break;
    group.push_back(other);
  }
  return group;
}

void CommitQueue::Finish(const Group& group) {
  MutexLock lock(mutex_);
  CHECK(queue_.front() == group.front());
  for (Member* const member : group) member->done_ = true;
  std::erase_if(queue_, [](const Member* member) { return member->done_; });
  // Under the lock: once a member sees `done_`, it and its condition variable are gone.
  for (Member* const member : group) member->wake_.NotifyOne();
  if (queue_.empty()) return;
  queue_.front()->leads_ = true;
  queue_.front()->wake_.NotifyOne();
}

}  // namespace tarn::kv
