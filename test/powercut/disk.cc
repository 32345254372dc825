#include "disk.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

namespace powercut {
namespace {

constexpr int kExitBroken = 124;  // The shim itself could not do its work.

[[noreturn]] void Broken(const std::string& what) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the lock is held, and the process ends.
  const std::string line = "powercut: " + what + ": " + std::strerror(errno) + "\n";
  Raw(SYS_write, 2, reinterpret_cast<long>(line.data()), static_cast<long>(line.size()));
  Raw(SYS_exit_group, kExitBroken);
  __builtin_unreachable();
}

long Address(const void* pointer) { return reinterpret_cast<long>(pointer); }

int OpenAt(int folder_fd, const std::string& path, int flags) {
  return static_cast<int>(Raw(SYS_openat, folder_fd, Address(path.c_str()), flags | O_CLOEXEC));
}

int UnlinkAt(int folder_fd, const std::string& name, int flags) {
  return static_cast<int>(Raw(SYS_unlinkat, folder_fd, Address(name.c_str()), flags));
}

int RenameAt(int from_fd, const std::string& from, int to_fd, const std::string& to) {
  return static_cast<int>(
      Raw(SYS_renameat2, from_fd, Address(from.c_str()), to_fd, Address(to.c_str()), 0));
}

int LinkAt(int from_fd, const std::string& from, int to_fd, const std::string& to) {
  return static_cast<int>(
      Raw(SYS_linkat, from_fd, Address(from.c_str()), to_fd, Address(to.c_str()), 0));
}

void Close(int fd) { Raw(SYS_close, fd); }

std::string OwnPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// Where the file or folder is now; the kernel follows renames.
std::string PathOf(int fd) {
  char path[PATH_MAX + 1];
  const std::string own = OwnPath(fd);
  const long count = Raw(SYS_readlink, Address(own.c_str()), Address(path), PATH_MAX);
  return count < 0 ? "" : std::string(path, static_cast<size_t>(count));
}

bool Below(const std::string& path, const std::string& folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

// Empties the folder, which has no open files in it that matter.
void RemoveContent(int folder_fd) {
  DIR* at = fdopendir(OpenAt(folder_fd, ".", O_RDONLY | O_DIRECTORY));
  if (at == nullptr) return;
  while (const dirent* entry = readdir(at)) {  // NOLINT(concurrency-mt-unsafe): own stream.
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (UnlinkAt(folder_fd, name, 0) == 0) continue;
    const int below = OpenAt(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (below >= 0) {
      RemoveContent(below);
      Close(below);
    }
    UnlinkAt(folder_fd, name, AT_REMOVEDIR);
  }
  closedir(at);
}

bool IsEmptyFolder(int parent_fd, const std::string& name) {
  DIR* at = fdopendir(OpenAt(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (at == nullptr) return false;
  int count = 0;
  while (readdir(at) != nullptr) ++count;  // NOLINT(concurrency-mt-unsafe): own stream.
  closedir(at);
  return count == 2;  // "." and "..".
}

}  // namespace

long Raw(long number, long a, long b, long c, long d, long e, long f) {
  using Call = long (*)(long, ...);
  static const Call call = reinterpret_cast<Call>(dlsym(RTLD_NEXT, "syscall"));
  return call(number, a, b, c, d, e, f);
}

Disk::Disk(Options options) : options_(std::move(options)), draws_(options_.tear) {
  Raw(SYS_mkdir, Address(options_.graveyard.c_str()), 0700);
  graveyard_fd_ = OpenAt(AT_FDCWD, options_.graveyard, O_RDONLY | O_DIRECTORY);
  if (graveyard_fd_ < 0) Broken("graveyard");
  RemoveContent(graveyard_fd_);
}

bool Disk::Holds(int fd) const {
  struct stat status;
  if (fstat(fd, &status) != 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
    return false;
  return Below(PathOf(fd), options_.folder);
}

std::string Disk::NewGrave() { return std::to_string(++graves_); }

Disk::Place Disk::Resolve(const Name& name) const {
  std::string path = name.path;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const size_t slash = path.rfind('/');
  Place place;
  place.name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  place.fd = OpenAt(name.folder_fd, folder, O_PATH | O_DIRECTORY);
  struct stat status;
  if (place.fd < 0 || fstat(place.fd, &status) != 0) return place;
  place.inode = {status.st_dev, status.st_ino};
  place.inside = Below(PathOf(place.fd), options_.folder);
  return place;
}

// Remembers what is durable at a name that is about to change. Returns whether that was new.
bool Disk::Remember(const Place& place) {
  if (!place.inside) return false;
  auto at = folders_.find(place.inode);
  if (at == folders_.end()) {
    const int fd = static_cast<int>(Raw(SYS_fcntl, place.fd, F_DUPFD_CLOEXEC, 0));
    if (fd < 0) Broken("folder");
    at = folders_.emplace(place.inode, Folder{fd, {}}).first;
  }
  auto [entry, is_new] = at->second.names.try_emplace(place.name);
  if (!is_new) return false;
  Durable& durable = entry->second;
  struct stat status;
  if (fstatat(place.fd, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return true;
  durable.inode = {status.st_dev, status.st_ino};
  if (S_ISDIR(status.st_mode)) {
    durable.kind = Durable::Kind::kFolder;
    durable.fd = OpenAt(place.fd, place.name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (durable.fd < 0) Broken("folder " + place.name);
    return true;
  }
  durable.kind = Durable::Kind::kFile;
  durable.grave = NewGrave();
  if (LinkAt(place.fd, place.name, graveyard_fd_, durable.grave) != 0) Broken("link " + place.name);
  return true;
}

// What was durable there is so no longer.
void Disk::Forget(Durable& durable) {
  if (durable.fd >= 0) Close(durable.fd);
  if (durable.grave.empty()) return;
  if (durable.kind == Durable::Kind::kFile) {
    UnlinkAt(graveyard_fd_, durable.grave, 0);
    return;
  }
  UnlinkAt(graveyard_fd_, durable.grave, AT_REMOVEDIR);
  if (auto at = folders_.find(durable.inode); at != folders_.end()) ForgetFolder(at);
}

void Disk::ForgetName(Inode folder, const std::string& name) {
  const auto at = folders_.find(folder);
  if (at == folders_.end()) return;
  const auto entry = at->second.names.find(name);
  if (entry == at->second.names.end()) return;
  Durable durable = std::move(entry->second);
  at->second.names.erase(entry);
  if (at->second.names.empty()) ForgetFolder(at);
  Forget(durable);
}

void Disk::ForgetFolder(std::map<Inode, Folder>::iterator at) {
  Folder folder = std::move(at->second);
  folders_.erase(at);  // First, since forgetting a name can forget other folders.
  for (auto& [name, durable] : folder.names) Forget(durable);
  Close(folder.fd);
}

void Disk::ForgetDead() {
  for (auto at = files_.begin(); at != files_.end();) {
    struct stat status;
    if (fstat(at->second.fd, &status) == 0 && status.st_nlink == 0) {
      Close(at->second.fd);
      at = files_.erase(at);
    } else {
      ++at;
    }
  }
}

long Disk::ChangeNames(const Name& one, const Name* other, const std::function<long()>& call) {
  const Place first = Resolve(one);
  const Place second = other == nullptr ? Place{} : Resolve(*other);
  const bool first_is_new = Remember(first);
  const bool second_is_new = Remember(second);
  const long result = call();
  const int error = errno;
  if (result < 0 && first_is_new) ForgetName(first.inode, first.name);
  if (result < 0 && second_is_new) ForgetName(second.inode, second.name);
  if (first.fd >= 0) Close(first.fd);
  if (second.fd >= 0) Close(second.fd);
  errno = error;
  return result;
}

void Disk::Created(const Place& place, int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
  const int own = OpenAt(AT_FDCWD, OwnPath(fd), O_RDWR);
  if (own < 0) Broken("open of new file " + place.name);
  files_.insert_or_assign(Inode{status.st_dev, status.st_ino},
                          File{own, 0, {}, place.inode, place.name});
}

long Disk::Open(const Name& name, int flags, const std::function<long()>& call) {
  const Place place = Resolve(name);
  struct stat status;
  const bool exists = fstatat(place.fd, place.name.c_str(), &status, 0) == 0;
  bool is_new = false;
  if (exists && place.inside && (flags & O_TRUNC) != 0) {
    const int fd = OpenAt(place.fd, place.name, O_RDONLY);
    if (fd >= 0) {
      BeforeWrite(fd, 0, UINT64_MAX);
      Close(fd);
    }
  }
  const bool creates = !exists && (flags & O_CREAT) != 0;
  if (creates) is_new = Remember(place);
  const long result = call();
  const int error = errno;
  if (result < 0 && is_new) ForgetName(place.inode, place.name);
  if (result >= 0 && creates && place.inside) Created(place, static_cast<int>(result));
  if (place.fd >= 0) Close(place.fd);
  errno = error;
  return result;
}

// A durable folder goes to the graveyard instead, so that it can come back with what is in it.
long Disk::RemoveFolder(const Name& name, const std::function<long()>& call) {
  const Place place = Resolve(name);
  const bool is_new = Remember(place);
  const auto at = folders_.find(place.inode);
  Durable* durable = nullptr;
  struct stat status {};
  if (place.inside && at != folders_.end() &&
      fstatat(place.fd, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    Durable& there = at->second.names[place.name];
    if (there.kind == Durable::Kind::kFolder &&
        there.inode == Inode{status.st_dev, status.st_ino}) {
      durable = &there;
    }
  }
  // A folder with content is left to the call, which fails.
  const bool buried = durable != nullptr && IsEmptyFolder(place.fd, place.name);
  long result = 0;
  if (buried) {
    durable->grave = NewGrave();
    if (RenameAt(place.fd, place.name, graveyard_fd_, durable->grave) != 0) Broken("bury folder");
  } else {
    result = call();
  }
  const int error = errno;
  if (result < 0 && is_new) ForgetName(place.inode, place.name);
  if (result == 0 && !buried) {
    const auto removed = folders_.find({status.st_dev, status.st_ino});
    if (removed != folders_.end()) ForgetFolder(removed);
  }
  if (place.fd >= 0) Close(place.fd);
  errno = error;
  return result;
}

// Keeps the durable bytes of [begin, end) that are about to change and are not kept yet.
void Disk::KeepOld(File& file, uint64_t begin, uint64_t end) {
  auto next = file.overwritten.upper_bound(begin);
  if (next != file.overwritten.begin()) {
    const auto before = std::prev(next);
    begin = std::max(begin, before->first + before->second.size());
  }
  while (begin < end) {
    const uint64_t stop = next == file.overwritten.end() ? end : std::min(end, next->first);
    if (begin < stop) {
      std::string old(stop - begin, '\0');
      for (size_t done = 0; done < old.size();) {
        const long count =
            Raw(SYS_pread64, file.fd, Address(old.data() + done),
                static_cast<long>(old.size() - done), static_cast<long>(begin + done));
        if (count <= 0) Broken("read of durable content");
        done += static_cast<size_t>(count);
      }
      file.overwritten.emplace(begin, std::move(old));
    }
    if (next == file.overwritten.end()) return;
    begin = next->first + next->second.size();
    ++next;
  }
}

void Disk::BeforeWrite(int fd, uint64_t offset, uint64_t bytes) {
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
  const Inode inode{status.st_dev, status.st_ino};
  auto at = files_.find(inode);
  if (at == files_.end()) {
    const int own = OpenAt(AT_FDCWD, OwnPath(fd), O_RDWR);
    if (own < 0) Broken("open of " + PathOf(fd));
    at = files_.emplace(inode, File{own, static_cast<uint64_t>(status.st_size), {}, {}, {}}).first;
  }
  // A file cut short has nothing beyond its end to keep: what was there is kept already.
  const uint64_t size = std::min(at->second.durable_bytes, static_cast<uint64_t>(status.st_size));
  if (offset >= size) return;
  KeepOld(at->second, offset, offset + std::min(bytes, size - offset));
}

void Disk::Sync(int fd) {
  struct stat status;
  if (options_.ignore_syncs || fstat(fd, &status) != 0) return;
  const Inode inode{status.st_dev, status.st_ino};
  if (S_ISDIR(status.st_mode)) {
    if (const auto at = folders_.find(inode); at != folders_.end()) ForgetFolder(at);
    ForgetDead();
    return;
  }
  const auto at = files_.find(inode);
  if (at == files_.end()) return;
  const File file = std::move(at->second);
  files_.erase(at);
  Close(file.fd);
  if (!options_.names_with_files || file.created_as.empty()) return;
  const auto folder = folders_.find(file.created_in);
  if (folder == folders_.end()) return;
  struct stat named;
  if (fstatat(folder->second.fd, file.created_as.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
      Inode{named.st_dev, named.st_ino} == inode) {
    ForgetName(file.created_in, file.created_as);
  }
}

void Disk::SyncAll() {
  if (options_.ignore_syncs) return;
  for (const auto& [inode, file] : files_) Close(file.fd);
  files_.clear();
  while (!folders_.empty()) ForgetFolder(folders_.begin());
}

// SplitMix64.
uint64_t Disk::Draw(uint64_t bound) {
  uint64_t z = draws_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) % bound;
}

// Lets a part of the unsynced content survive. Returns whether it did.
bool Disk::LeaveTorn(const File& file) {
  if (options_.tear == 0 || Draw(2) == 0) return false;
  if (!file.overwritten.empty()) return true;
  struct stat status;
  if (fstat(file.fd, &status) != 0) Broken("status of torn file");
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size <= file.durable_bytes) return false;
  const uint64_t appended = Draw(size - file.durable_bytes + 1);
  const uint64_t zeros = Draw(3) != 0 ? 0 : Draw(std::min<uint64_t>(appended, 8192) + 1);
  const uint64_t end = file.durable_bytes + appended;
  if (Raw(SYS_ftruncate, file.fd, static_cast<long>(end - zeros)) != 0 ||
      Raw(SYS_ftruncate, file.fd, static_cast<long>(end)) != 0) {
    Broken("truncate");
  }
  return true;
}

void Disk::RestoreFile(File& file) {
  if (LeaveTorn(file)) return;
  if (Raw(SYS_ftruncate, file.fd, static_cast<long>(file.durable_bytes)) != 0) Broken("truncate");
  for (const auto& [offset, old] : file.overwritten) {
    for (size_t done = 0; done < old.size();) {
      const long count =
          Raw(SYS_pwrite64, file.fd, Address(old.data() + done),
              static_cast<long>(old.size() - done), static_cast<long>(offset + done));
      if (count <= 0) Broken("write of durable content");
      done += static_cast<size_t>(count);
    }
  }
}

void Disk::TakeAway(const Folder& folder, const std::string& name) {
  if (RenameAt(folder.fd, name, graveyard_fd_, NewGrave()) != 0 && errno != ENOENT) {
    Broken("undo of " + name);
  }
}

void Disk::PutBack(const Folder& folder, const std::string& name, const Durable& durable) {
  int result = 0;
  if (durable.kind == Durable::Kind::kFile) {
    result = LinkAt(graveyard_fd_, durable.grave, folder.fd, name);
  } else if (durable.kind == Durable::Kind::kFolder) {
    const std::string path = PathOf(durable.fd);
    if (Below(path, options_.folder)) return;  // It was renamed, and its new name is durable.
    result = RenameAt(AT_FDCWD, path, folder.fd, name);
  }
  // ENOENT: somebody outside of the process removed it, or the folder it was in.
  if (result != 0 && errno != ENOENT) Broken("return of " + name);
}

// All changed names are taken away before any comes back, so the order of folders is of no matter.
void Disk::Cut() {
  for (auto& [inode, file] : files_) RestoreFile(file);
  if (options_.tear != 0) {
    std::erase_if(folders_, [this](const auto&) { return Draw(2) == 0; });
  }
  for (const auto& [inode, folder] : folders_) {
    for (const auto& [name, durable] : folder.names) TakeAway(folder, name);
  }
  for (const auto& [inode, folder] : folders_) {
    for (const auto& [name, durable] : folder.names) PutBack(folder, name, durable);
  }
  RemoveContent(graveyard_fd_);
  Raw(SYS_rmdir, Address(options_.graveyard.c_str()));
}

}  // namespace powercut
