// The order of keys is not the order of names: the keys below a folder `a` begin with "a/", and
// '-' and '.' sort before '/', '0' after it, so a-b, a.b, a/x, a0 is the right order. A folder is
// therefore ordered by its name with a '/' behind it, and then taking entries in order and stepping
// into folders yields keys in order.
//
// Folders are read unsorted from the kernel, and only the smallest entries that can matter are kept
// in a heap: those of the page, or, of a folder that does not change now, as many as a window holds
// (internal/folder_windows.h), for the pages that follow. If they do not suffice, the folder is
// read again for the next ones. So a folder of any size costs bounded memory.
#include "objects/internal/listing.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "base/utf8.h"
#include "objects/internal/beneath.h"
#include "objects/internal/folder.h"
#include "objects/internal/key_path.h"

namespace tarn::objects {
namespace {

// Entries held in all folders of one walk; each folder on the way may hold at least kHeldMin.
constexpr size_t kHeldMax = 8192;
constexpr size_t kHeldMin = 16;
constexpr int kDepthMax = static_cast<int>(kKeyBytesMax) + 8;

using Entry = FolderEntry;

class Lister {
 public:
  Lister(int bucket_fd, const ListRequest& request, const DescribeKey& describe,
         FolderWindows* windows)
      : bucket_fd_(bucket_fd), request_(request), describe_(describe), windows_(windows) {}

  Result<ListPage> Run() {
    if (request_.max == 0) return std::move(page_);
    // Keys with this prefix lie below the folder of its complete segments.
    const std::string complete = request_.prefix.substr(0, request_.prefix.rfind('/') + 1);
    if (complete.size() <= kKeyBytesMax) TRY(Walk(PathOfFolder(complete), complete, 0));
    if (truncated_) page_.next_start_after = std::move(last_);
    return std::move(page_);
  }

 private:
  // Whether an entry of this name can hold or be a key of the page.
  bool Wanted(std::string_view key_prefix, const Entry& entry) const {
    const std::string key = std::string(key_prefix) + entry.order;
    if (key.size() > kKeyBytesMax) return false;
    if (!key.starts_with(request_.prefix) && !(entry.folder && request_.prefix.starts_with(key))) {
      return false;
    }
    return key > request_.start_after || (entry.folder && request_.start_after.starts_with(key));
  }

  // The entry that a name found in a folder means, or nullopt. `begun` and `path` are the bytes of
  // a long segment and the folders that hold them.
  static std::optional<Entry> EntryOf(const NameMeaning& meaning, std::string_view name,
                                      FolderEntries::Type type, const std::string& begun,
                                      const std::string& path) {
    Entry entry;
    entry.folder = type == FolderEntries::Type::kFolder;
    entry.order = begun + std::string(meaning.text);
    entry.path = path + std::string(name);
    switch (meaning.kind) {
      case NameKind::kPlain:
        if (!begun.empty()) return std::nullopt;
        break;
      case NameKind::kFile:
        if (entry.folder || EscapedFilePath(entry.order) != entry.path) return std::nullopt;
        break;
      case NameKind::kFolder:
        if (!entry.folder || FolderPath(entry.order) != entry.path) return std::nullopt;
        break;
      case NameKind::kMore:
      case NameKind::kNone:
        return std::nullopt;
    }
    if (entry.folder) entry.order.push_back('/');
    return entry;
  }

  // Opens a folder; one that vanished gives no descriptor.
  Result<UniqueFd> OpenFolder(const std::string& folder) const {
    UniqueFd fd;
    const int error = OpenBeneath(bucket_fd_, folder, O_RDONLY | O_DIRECTORY, &fd);
    if (error == ENOENT || error == ENOTDIR || error == ELOOP) return UniqueFd();
    if (error != 0) return FileError("list of a folder", error);
    return fd;
  }

  // Calls `visit` with every entry of a folder, those of long segments included, until it returns
  // false. A folder that vanished has none. `*has_longer`: there are long segments.
  template <typename Visit>
  Status ForEach(const std::string& folder, const Visit& visit, bool* has_longer) const {
    TRY(UniqueFd fd, OpenFolder(folder));
    bool stopped = false;
    if (fd.valid()) TRY(ForEachIn(folder, std::move(fd), "", "", visit, &stopped, has_longer));
    return Ok();
  }

  template <typename Visit>
  Status ForEachIn(const std::string& folder, UniqueFd fd, const std::string& begun,
                   const std::string& path, const Visit& visit, bool* stopped,
                   bool* has_longer) const {
    FolderEntries entries(std::move(fd));
    FolderEntries::Entry found;
    std::vector<std::string> longer;  // Names; the folder is closed before they are read.
    while (!*stopped && entries.Next(&found)) {
      if (found.type == FolderEntries::Type::kOther) continue;
      const NameMeaning meaning = MeaningOfName(found.name);
      if (meaning.kind == NameKind::kMore && found.type == FolderEntries::Type::kFolder) {
        if (begun.size() + meaning.text.size() < kKeyBytesMax) longer.emplace_back(found.name);
        continue;
      }
      std::optional<Entry> entry = EntryOf(meaning, found.name, found.type, begun, path);
      if (entry.has_value() && !visit(std::move(*entry))) *stopped = true;
    }
    if (entries.error() != 0) return FileError("list of a folder", entries.error());
    *has_longer |= !longer.empty();
    for (const std::string& name : longer) {
      if (*stopped) break;
      TRY(UniqueFd below, OpenFolder(JoinPath(folder, path + name + "/")));
      if (!below.valid()) continue;
      // Depth: every step adds at least 200 bytes to `begun`, which is bounded above.
      TRY(ForEachIn(folder, std::move(below), begun + std::string(MeaningOfName(name).text),
                    path + name + "/", visit, stopped, has_longer));
    }
    return Ok();
  }

  static std::string JoinPath(const std::string& folder, const std::string& path) {
    std::string joined = folder;
    if (!path.empty()) {
      if (!joined.empty()) joined.push_back('/');
      joined += path.back() == '/' ? path.substr(0, path.size() - 1) : path;
    }
    return joined;
  }

  // An order at or below that of every wanted entry behind `after`.
  std::string LowerBound(const std::string& key_prefix,
                         const std::optional<std::string>& after) const {
    std::string bound = after.value_or("");
    if (request_.start_after.starts_with(key_prefix)) {
      // Keys below a folder that start_after lies in may still be wanted.
      const std::string rest = request_.start_after.substr(key_prefix.size());
      bound = std::max(bound, rest.substr(0, rest.find('/')));
    }
    if (request_.prefix.starts_with(key_prefix)) {
      bound = std::max(bound, request_.prefix.substr(key_prefix.size()));
    }
    return bound;
  }

  // The folder's entries from `from` on, in order: all of them, as many as a window holds, or, of a
  // folder that may be changing, the `limit` smallest ones that are wanted.
  Result<std::shared_ptr<const FolderWindow>> ReadWindow(const std::string& folder,
                                                         const std::string& key_prefix,
                                                         const std::string& from,
                                                         const std::optional<std::string>& after,
                                                         size_t limit) const {
    auto window = std::make_shared<FolderWindow>();
    window->begin = from;
    window->to_end = true;
    TRY(UniqueFd fd, OpenFolder(folder));
    if (!fd.valid()) return std::shared_ptr<const FolderWindow>(std::move(window));
    struct stat status;
    if (fstat(fd.get(), &status) != 0) return FileError("list of a folder", errno);
    window->state = StateOf(status);
    const bool settled = windows_ != nullptr && FolderWindows::IsSettled(window->state);
    if (settled) {
      if (auto kept = windows_->Find(window->state, from)) return kept;
    }
    std::vector<Entry>& heap = window->entries;
    size_t bytes = 0;
    const auto visit = [&](Entry entry) {
      if (entry.order < from) return true;
      if (!window->to_end && !(entry < heap.front())) return true;
      if (!settled &&
          ((after.has_value() && entry.order <= *after) || !Wanted(key_prefix, entry))) {
        return true;
      }
      bytes += entry.bytes();
      heap.push_back(std::move(entry));
      std::push_heap(heap.begin(), heap.end());
      while (heap.size() > limit && (!settled || bytes > windows_->window_bytes_max())) {
        std::pop_heap(heap.begin(), heap.end());
        bytes -= heap.back().bytes();
        heap.pop_back();
        window->to_end = false;
      }
      return true;
    };
    bool stopped = false;
    bool has_longer = false;
    TRY(ForEachIn(folder, std::move(fd), "", "", visit, &stopped, &has_longer));
    std::sort_heap(heap.begin(), heap.end());
    // Long segments lie in folders of their own, whose changes this one's times do not tell.
    if (settled && !has_longer && heap.size() > limit) windows_->Keep(window);
    return std::shared_ptr<const FolderWindow>(std::move(window));
  }

  struct Smallest {
    std::vector<Entry> entries;
    bool more = false;             // There may be further ones,
    std::string searched_through;  // behind this order.
  };
  // The smallest wanted entries behind `after`, in order, at most `limit`.
  Result<Smallest> FindSmallest(const std::string& folder, const std::string& key_prefix,
                                const std::optional<std::string>& after, size_t limit) const {
    const std::string from = LowerBound(key_prefix, after);
    TRY(const auto window, ReadWindow(folder, key_prefix, from, after, limit));
    const std::string_view prefix =
        request_.prefix.starts_with(key_prefix)
            ? std::string_view(request_.prefix).substr(key_prefix.size())
            : std::string_view();
    Smallest found;
    const auto begin = std::lower_bound(
        window->entries.begin(), window->entries.end(), from,
        [](const Entry& entry, const std::string& order) { return entry.order < order; });
    for (auto entry = begin; entry != window->entries.end(); ++entry) {
      if (found.entries.size() == limit) {
        found.more = true;
        found.searched_through = found.entries.back().order;
        return found;
      }
      if (std::string_view(entry->order).substr(0, prefix.size()) > prefix) return found;
      if (after.has_value() && entry->order <= *after) continue;
      if (Wanted(key_prefix, *entry)) found.entries.push_back(*entry);
    }
    found.more = !window->to_end;
    if (found.more) found.searched_through = window->entries.back().order;
    if (!found.more && windows_ != nullptr) windows_->Drop(*window);
    return found;
  }

  // True when some object lies below the folder. Reads no more than it needs.
  Result<bool> AnyObject(const std::string& folder, size_t key_bytes, int depth) const {
    bool found = false;
    if (depth > kDepthMax) return false;
    std::vector<Entry> folders;
    const auto visit = [&](Entry entry) {
      if (key_bytes + entry.order.size() > kKeyBytesMax) return true;
      if (entry.folder) {
        // Folders only matter when no file does; a few at a time bound the memory.
        if (folders.size() < kHeldMax) folders.push_back(std::move(entry));
        return true;
      }
      found = true;
      return false;
    };
    bool has_longer = false;
    TRY(ForEach(folder, visit, &has_longer));
    for (size_t i = 0; !found && i < folders.size(); ++i) {
      TRY(found, AnyObject(JoinPath(folder, folders[i].path), key_bytes + folders[i].order.size(),
                           depth + 1));
    }
    return found;
  }

  // True when a key behind start_after lies below the common prefix `key`.
  Result<bool> HasKeyAfter(const std::string& folder, const std::string& key) const {
    if (key > request_.start_after) return AnyObject(folder, key.size(), 0);
    if (key == request_.start_after) return false;  // The last page ended with this prefix.
    ListRequest inside;
    inside.prefix = key;
    inside.start_after = request_.start_after;
    inside.max = 1;
    const DescribeKey nothing = [](std::string_view, const struct stat&) { return ObjectInfo(); };
    TRY(const ListPage page, Lister(bucket_fd_, inside, nothing, windows_).Run());
    return !page.objects.empty();
  }

  // Counts one more element of the page; false when the page is full.
  bool Emit(const std::string& key) {
    if (emitted_ == request_.max) {
      truncated_ = true;
      return false;
    }
    ++emitted_;
    last_ = key;
    return true;
  }

  // The status of the entry's file. A put may have moved it to its other place since.
  bool StatusOf(int folder_fd, const Entry& entry, const std::string& key,
                struct stat* status) const {
    if (entry.path.find('/') == std::string::npos &&
        fstatat(folder_fd, entry.path.c_str(), status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(status->st_mode)) {
      return true;
    }
    const KeyPath path = PathOfKey(key);
    for (const std::string* place : {&path.plain, &path.escaped, &path.plain}) {
      UniqueFd fd;
      if (!place->empty() && OpenBeneath(bucket_fd_, *place, O_PATH, &fd) == 0 &&
          fstat(fd.get(), status) == 0 && S_ISREG(status->st_mode)) {
        return true;
      }
    }
    return false;
  }

  Status VisitFolder(const Entry& entry, const std::string& folder, const std::string& key,
                     int depth) {
    const std::string path = JoinPath(folder, entry.path);
    // The delimiter is '/', so the first one behind the prefix ends this very segment.
    if (request_.delimiter.empty() || key.size() <= request_.prefix.size()) {
      return Walk(path, key, depth + 1);
    }
    TRY(const bool any, HasKeyAfter(path, key));
    if (any && Emit(key)) page_.common_prefixes.push_back(key);
    return Ok();
  }

  Status Walk(const std::string& folder, const std::string& key_prefix, int depth) {
    if (depth > kDepthMax) return Ok();
    std::optional<std::string> after;
    bool more = true;
    while (more && !truncated_) {
      const size_t wanted = request_.max - emitted_ + 1;
      const size_t limit =
          std::max(kHeldMin, std::min(wanted, kHeldMax - std::min(held_, kHeldMax)));
      TRY(const Smallest smallest, FindSmallest(folder, key_prefix, after, limit));
      const std::vector<Entry>& entries = smallest.entries;
      more = smallest.more;
      held_ += entries.size();
      UniqueFd fd;  // For the files; closed while folders below are walked.
      for (const Entry& entry : entries) {
        if (truncated_) break;
        if (after.has_value() && entry.order == *after) continue;  // The key's escaped place.
        after = entry.order;
        const std::string key = key_prefix + entry.order;
        if (entry.folder) {
          fd.Reset();
          TRY(VisitFolder(entry, folder, key, depth));
          continue;
        }
        if (!fd.valid()) {
          const int error = OpenBeneath(bucket_fd_, folder, O_RDONLY | O_DIRECTORY, &fd);
          if (error != 0 && error != ENOENT && error != ENOTDIR) {
            return FileError("list of a folder", error);
          }
        }
        struct stat status;
        if (!StatusOf(fd.get(), entry, key, &status)) continue;  // Deleted since.
        if (Emit(key)) page_.objects.push_back(describe_(key, status));
      }
      held_ -= entries.size();
      if (more) after = smallest.searched_through;
    }
    return Ok();
  }

  const int bucket_fd_;
  const ListRequest& request_;
  const DescribeKey& describe_;
  FolderWindows* const windows_;
  ListPage page_;
  size_t emitted_ = 0;
  size_t held_ = 0;
  std::string last_;
  bool truncated_ = false;
};

}  // namespace

Result<ListPage> ListKeys(int bucket_fd, const ListRequest& request, const DescribeKey& describe,
                          FolderWindows* windows) {
  if (!request.delimiter.empty() && request.delimiter != "/") {
    return Error{ErrorKind::kUnsupported, "only / is a delimiter here"};
  }
  if (request.max > kListMax) return Invalid("more than " + std::to_string(kListMax) + " keys");
  if (!IsUtf8(request.prefix) || request.prefix.find('\0') != std::string::npos) {
    return Invalid("the prefix is not UTF-8");
  }
  return Lister(bucket_fd, request, describe, windows).Run();
}

}  // namespace tarn::objects
