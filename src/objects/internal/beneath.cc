#include "objects/internal/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tarn::objects {
namespace {

// Keys of many empty segments have paths beyond PATH_MAX (4,096); those are walked in pieces.
constexpr size_t kPathPieceBytes = 3500;
// openat2 gives EAGAIN while something is renamed above it and it cannot tell whether the path
// stayed beneath; the kernel's advice is to try again.
constexpr int kTriesMax = 1000;

int OpenPiece(int folder_fd, const std::string& path, int flags, UniqueFd* out) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  int error = 0;
  for (int i = 0; i < kTriesMax; ++i) {
    const int64_t fd = syscall(SYS_openat2, folder_fd, path.c_str(), &how, sizeof how);
    if (fd >= 0) {
      *out = UniqueFd(static_cast<int>(fd));
      return 0;
    }
    error = errno;
    if (error != EAGAIN && error != EINTR) break;
  }
  return error;
}

}  // namespace

int OpenBeneath(int folder_fd, std::string_view path, int flags, UniqueFd* out) {
  UniqueFd at;
  while (path.size() > kPathPieceBytes) {
    const size_t slash = path.rfind('/', kPathPieceBytes);
    if (slash == std::string_view::npos) return ENAMETOOLONG;
    UniqueFd next;
    const int from = at.valid() ? at.get() : folder_fd;
    const int error =
        OpenPiece(from, std::string(path.substr(0, slash)), O_PATH | O_DIRECTORY, &next);
    if (error != 0) return error;
    at = std::move(next);
    path.remove_prefix(slash + 1);
  }
  return OpenPiece(at.valid() ? at.get() : folder_fd, path.empty() ? "." : std::string(path), flags,
                   out);
}

int OpenParent(int folder_fd, std::string_view path, UniqueFd* parent, std::string* name) {
  const size_t last = path.rfind('/');
  *name = path.substr(last + 1);  // npos + 1 is 0.
  const std::string_view folder = last == std::string_view::npos ? "" : path.substr(0, last);
  return OpenBeneath(folder_fd, folder, O_RDONLY | O_DIRECTORY, parent);
}

int MakeFoldersBeneath(int folder_fd, std::string_view path, std::string* blocked) {
  UniqueFd at;
  // Mostly all is there already.
  int error = OpenBeneath(folder_fd, path, O_PATH | O_DIRECTORY, &at);
  if (error != ENOENT && error != ENOTDIR) return error;
  error = OpenBeneath(folder_fd, "", O_RDONLY | O_DIRECTORY, &at);
  size_t begin = 0;
  while (error == 0 && begin < path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string name(path.substr(begin, end - begin));
    UniqueFd next;
    error = OpenBeneath(at.get(), name, O_RDONLY | O_DIRECTORY, &next);
    if (error == ENOENT) {
      // Somebody else may make it at the same moment; the sync is then theirs and ours.
      if (mkdirat(at.get(), name.c_str(), 0700) != 0 && errno != EEXIST) return errno;
      if (fsync(at.get()) != 0) return errno;
      error = OpenBeneath(at.get(), name, O_RDONLY | O_DIRECTORY, &next);
    }
    if (error == ENOTDIR) *blocked = path.substr(0, end);
    at = std::move(next);
    begin = end + 1;
  }
  return error;
}

bool FolderEntries::Next(Entry* entry) {
  for (;;) {
    if (begin_ == end_) {
      const ssize_t count = getdents64(folder_.get(), buffer_.data(), buffer_.size());
      if (count < 0 && errno != ENOENT) error_ = errno;  // ENOENT: it was removed; it is empty.
      if (count <= 0) return false;
      begin_ = 0;
      end_ = static_cast<size_t>(count);
    }
    const auto* record = reinterpret_cast<const dirent64*>(buffer_.data() + begin_);
    begin_ += record->d_reclen;
    const std::string_view name(record->d_name);
    if (name == "." || name == "..") continue;
    uint8_t type = record->d_type;
    if (type == DT_UNKNOWN) {  // Some file systems do not say.
      struct stat status;
      if (fstatat(folder_.get(), record->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      type = S_ISREG(status.st_mode) ? DT_REG : S_ISDIR(status.st_mode) ? DT_DIR : DT_LNK;
    }
    entry->name = name;
    entry->type = type == DT_REG ? Type::kFile : type == DT_DIR ? Type::kFolder : Type::kOther;
    return true;
  }
}

}  // namespace tarn::objects
