// What a listing has read of large folders, kept for the next page: the kernel gives entries
// unsorted, so each page would have to read its folder anew, and a folder of a million objects
// would be read a thousand times.
//
// A window is a run of neighbouring entries, in order, as they were at one state of the folder.
// The state is told by the folder's times, inode and device. Times tick in milliseconds, so a
// window is only made of a folder whose last change lies back (kSettledNs): what changes later has
// another time.
//
// Threads: every method may be called from any thread; windows never change.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"

namespace tarn::objects {

// One entry of a folder, as a listing orders it.
struct FolderEntry {
  std::string order;  // What it adds to the key: the segment, and '/' for a folder.
  std::string path;   // Relative to the folder; with slashes for long segments.
  bool folder = false;

  bool operator<(const FolderEntry& other) const {
    // The plain place of a key wins over the escaped one, as it does for reads.
    return order != other.order ? order < other.order : path.size() < other.path.size();
  }
  size_t bytes() const { return sizeof(FolderEntry) + order.size() + path.size(); }
};

// Which state of which folder.
struct FolderState {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
  bool operator==(const FolderState&) const = default;
};
FolderState StateOf(const struct stat& status);

struct FolderWindow {
  FolderState state;
  std::string begin;                 // It holds every entry at or behind this one,
  std::vector<FolderEntry> entries;  // in order, to its last entry,
  bool to_end = false;               // or to the folder's end.
};

class FolderWindows {
 public:
  // Bytes of one window's entries, and of all that are kept.
  static constexpr size_t kWindowBytesMax = 16u << 20;
  static constexpr size_t kBytesMax = 32u << 20;

  explicit FolderWindows(size_t window_bytes_max = kWindowBytesMax)
      : window_bytes_max_(window_bytes_max) {}
  size_t window_bytes_max() const { return window_bytes_max_; }

  // Whether the folder's last change lies back far enough.
  static bool IsSettled(const FolderState& state);

  // A window that holds the entries from `from` on, and more than that one, or null.
  std::shared_ptr<const FolderWindow> Find(const FolderState& state, std::string_view from);
  // Keeps a window; the ones that were used longest ago make room.
  void Keep(std::shared_ptr<const FolderWindow> window);
  // Its last entry was given out.
  void Drop(const FolderWindow& window);

  // How many windows were made: folders read. For tests.
  uint64_t kept_total() const;

 private:
  struct Kept {
    std::shared_ptr<const FolderWindow> window;
    size_t bytes = 0;
  };
  const size_t window_bytes_max_;
  mutable Mutex mutex_;
  std::list<Kept> kept_ GUARDED_BY(mutex_);  // The one that was used last comes first.
  size_t bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t kept_total_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tarn::objects
