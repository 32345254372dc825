// Opening, reading and making things beneath a folder, never outside it: every path is resolved by
// openat2 with RESOLVE_BENEATH and without symbolic links, so a link that somebody puts into the
// tree, or a ".." in a name, leads nowhere. System calls report by errno here, because callers
// decide by it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace tarn::objects {

// Opens `path` (empty: the folder itself) below `folder_fd`. Returns 0 or an errno: ELOOP for a
// symbolic link anywhere, ENOENT, ENOTDIR... Paths may be longer than PATH_MAX.
int OpenBeneath(int folder_fd, std::string_view path, int flags, UniqueFd* out);

// Opens the folder that holds the last name of `path`, for the *at calls; `*name` gets that name.
int OpenParent(int folder_fd, std::string_view path, UniqueFd* parent, std::string* name);

// Makes `path` and what is missing above it, for the owner alone, and syncs every folder that it
// changed. Returns 0 or an errno: ENOTDIR when something else has a folder's name; `*blocked` is
// then its path.
int MakeFoldersBeneath(int folder_fd, std::string_view path, std::string* blocked);

// The entries of one folder, unsorted, without "." and "..".
class FolderEntries {
 public:
  enum class Type : uint8_t { kFile, kFolder, kOther };
  struct Entry {
    std::string_view name;  // Valid until the next call.
    Type type = Type::kOther;
  };
  explicit FolderEntries(UniqueFd folder) : folder_(std::move(folder)) {}
  // False at the end and after a failure; then error() is 0 or an errno.
  bool Next(Entry* entry);
  int error() const { return error_; }
  int fd() const { return folder_.get(); }

 private:
  UniqueFd folder_;
  alignas(8) std::array<char, 32768> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  int error_ = 0;
};

}  // namespace tarn::objects
