#include "kv/internal/commit_queue.h"

#include <utility>

#include "base/check.h"

namespace tarn::kv {
namespace {

// Bounds the memory of a group and the time that its members wait for each other.
constexpr uint64_t kGroupBytesMax = 4u << 20;
constexpr size_t kGroupMembersMax = 1024;

// A thread waits in one queue at a time.
const std::shared_ptr<CommitQueue::Bell>& ThreadBell() {
  thread_local const auto bell = std::make_shared<CommitQueue::Bell>();
  return bell;
}

}  // namespace

void CommitQueue::Bell::Tell(Word word) {
  {
    MutexLock lock(mutex_);
    CHECK(word_ == Word::kNothing);
    word_ = word;
  }
  told_.NotifyOne();
}

CommitQueue::Bell::Word CommitQueue::Bell::Wait() {
  MutexLock lock(mutex_);
  while (word_ == Word::kNothing) told_.Wait(mutex_);
  return std::exchange(word_, Word::kNothing);
}

CommitQueue::Member::Member(const Batch* to_write) : batch(to_write), bell_(ThreadBell()) {}

CommitQueue::Group CommitQueue::Join(Member* member) {
  bool leads = false;
  {
    MutexLock lock(mutex_);
    queue_.push_back(member);
    leads = queue_.size() == 1;
  }
  if (!leads && member->bell_->Wait() == Bell::Word::kDone) return {};
  MutexLock lock(mutex_);
  CHECK(queue_.front() == member);
  Group group{member};
  if (member->batch == nullptr) return group;
  uint64_t bytes = 0;  // Of those that join.
  for (size_t i = 1; i < queue_.size() && group.size() < kGroupMembersMax; ++i) {
    Member* const other = queue_[i];
    if (other->batch == nullptr || IsLarge(*other->batch)) continue;
    bytes += other->batch->bytes();
    if (bytes > kGroupBytesMax) break;
    group.push_back(other);
  }
  return group;
}

void CommitQueue::Finish(const Group& group) {
  std::shared_ptr<Bell> next;
  std::vector<std::shared_ptr<Bell>> done;
  done.reserve(group.size());
  {
    MutexLock lock(mutex_);
    CHECK(queue_.front() == group.front());
    queue_.pop_front();
    for (size_t i = 1; i < group.size(); ++i) {
      group[i]->written_ = true;
      done.push_back(group[i]->bell_);
    }
    std::erase_if(queue_, [](const Member* member) { return member->written_; });
    if (!queue_.empty()) next = queue_.front()->bell_;
  }
  // The next group begins while the members of this one wake up.
  if (next != nullptr) next->Tell(Bell::Word::kLead);
  for (const auto& bell : done) bell->Tell(Bell::Word::kDone);
}

}  // namespace tarn::kv
