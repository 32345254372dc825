#include "objects/internal/folder_windows.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace tarn::objects {
namespace {

constexpr int64_t kSettledNs = 2'000'000'000;

int64_t NanosecondsOf(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

FolderState StateOf(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .modified_ns = NanosecondsOf(status.st_mtim),
          .changed_ns = NanosecondsOf(status.st_ctim)};
}

bool FolderWindows::IsSettled(const FolderState& state) {
  // Not the store's clock: folders are stamped with the kernel's.
  timespec now;
  if (clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0) return false;
  return NanosecondsOf(now) - state.modified_ns >= kSettledNs;
}

std::shared_ptr<const FolderWindow> FolderWindows::Find(const FolderState& state,
                                                        std::string_view from) {
  MutexLock lock(mutex_);
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    const FolderWindow& window = *kept.window;
    return window.state == state && window.begin <= from &&
           (window.to_end || (!window.entries.empty() && from < window.entries.back().order));
  });
  if (found == kept_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found);
  return found->window;
}

void FolderWindows::Keep(std::shared_ptr<const FolderWindow> window) {
  size_t bytes = sizeof(FolderWindow);
  for (const FolderEntry& entry : window->entries) bytes += entry.bytes();
  MutexLock lock(mutex_);
  // Of one folder one window is enough: listings move forward.
  const auto same_folder = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.window->state.inode == window->state.inode &&
           kept.window->state.device == window->state.device;
  });
  if (same_folder != kept_.end()) {
    bytes_ -= same_folder->bytes;
    kept_.erase(same_folder);
  }
  kept_.push_front({std::move(window), bytes});
  bytes_ += bytes;
  ++kept_total_;
  while (bytes_ > kBytesMax && kept_.size() > 1) {
    bytes_ -= kept_.back().bytes;
    kept_.pop_back();
  }
}

void FolderWindows::Drop(const FolderWindow& window) {
  MutexLock lock(mutex_);
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& kept) { return kept.window.get() == &window; });
  if (found == kept_.end()) return;
  bytes_ -= found->bytes;
  kept_.erase(found);
}

uint64_t FolderWindows::kept_total() const {
  MutexLock lock(mutex_);
  return kept_total_;
}

}  // namespace tarn::objects
