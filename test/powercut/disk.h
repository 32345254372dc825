// What would be left of a folder after a power cut: the model behind the LD_PRELOAD shim.
//
// The kernel keeps the live state; this model remembers only how the durable state differs from it.
// It is kept as state and not as a log of operations, so syncs in any order need no replay:
//   - a file with unsynced changes: its durable size, and the durable bytes of overwritten ranges;
//   - a folder with unsynced changes: for each name changed, what a power cut leaves there
//   (nothing,
//     a file, a folder).
// A sync forgets the difference. A power cut applies it: `Cut` writes files back and puts names
// back. Files and folders that have lost their name, but would get it back, wait in a graveyard
// beside the folder: a file as a hard link, a folder as itself.
//
// The model is strict: fsync and fdatasync of a file make its content and size durable, its name
// only becomes durable when its folder is synced, and unsynced changes never survive. With
// `names_with_files` fsync of a new file makes also the name durable under which it was created, as
// ext4 does. With `ignore_syncs` nothing becomes durable, as with a disk that lies: a control for
// tests, which must then see losses.
// With `tear` some of what was not synced survives, chosen by that number: of a file the first
// bytes appended (the last of them as zeros, whose blocks never came) or all that was overwritten,
// of a folder all names. A rename across folders becomes durable per folder. A file can so be left
// with both names, or none; a folder moves back only while its new name is not durable. Not
// modelled: writes through mmap, symbolic links made, permissions, times, extended attributes.
//
// Threads: the caller holds one lock around every call, and never releases it after `Cut`.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace powercut {

struct Options {
  std::string folder;     // Absolute, without symbolic links; what is in it is durable.
  std::string graveyard;  // On the same file system, outside of `folder`; emptied.
  bool names_with_files = false;
  bool ignore_syncs = false;
  uint64_t tear = 0;  // 0: nothing unsynced survives.
};

// Device and inode number. Whatever the model knows is kept alive by it, so none is used again.
using Inode = std::pair<dev_t, ino_t>;

// The system calls themselves, past the shim. Return -1 and set errno like `syscall`.
long Raw(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);

class Disk {
 public:
  explicit Disk(Options options);

  // Whether `fd` is a regular file or a folder in the folder.
  bool Holds(int fd) const;

  // Before `bytes` at `offset` of the file change; UINT64_MAX bytes: to its end.
  void BeforeWrite(int fd, uint64_t offset, uint64_t bytes);
  // The names that a call is about to change. Nothing is remembered for names outside the folder.
  struct Name {
    int folder_fd;
    const char* path;
  };
  // Runs `call`, which creates, replaces or takes away these names; -1 means that it changed none.
  long ChangeNames(const Name& one, const Name* other, const std::function<long()>& call);
  // Opens with O_CREAT or O_TRUNC.
  long Open(const Name& name, int flags, const std::function<long()>& call);
  long RemoveFolder(const Name& name, const std::function<long()>& call);
  // After an unlink or a rename: forgets a file that can never come back.
  void ForgetDead();

  void Sync(int fd);
  void SyncAll();

  // Leaves the folder as the power cut leaves it. The process must end afterwards.
  void Cut();

 private:
  // What a power cut leaves at a name. A folder or file that is not there now lies in the
  // graveyard.
  struct Durable {
    enum class Kind { kNothing, kFile, kFolder } kind = Kind::kNothing;
    std::string grave;  // Name in the graveyard; empty when there is nothing in it.
    int fd = -1;        // Of a folder: follows it through renames.
    Inode inode{};
  };
  struct File {
    int fd;  // Open for reading and writing.
    uint64_t durable_bytes;
    std::map<uint64_t, std::string> overwritten;  // Durable content by offset; never overlapping.
    Inode created_in{};                           // Folder and name it got when it was created.
    std::string created_as;
  };
  struct Folder {
    int fd;
    std::map<std::string, Durable> names;
  };
  struct Place {  // A name with its folder opened.
    int fd = -1;
    Inode inode{};
    std::string name;
    bool inside = false;
  };

  Place Resolve(const Name& name) const;
  bool Remember(const Place& place);
  void Forget(Durable& durable);
  void ForgetName(Inode folder, const std::string& name);
  void ForgetFolder(std::map<Inode, Folder>::iterator at);
  void Created(const Place& place, int fd);
  void KeepOld(File& file, uint64_t begin, uint64_t end);
  std::string NewGrave();
  void RestoreFile(File& file);
  uint64_t Draw(uint64_t bound);
  bool LeaveTorn(const File& file);
  void TakeAway(const Folder& folder, const std::string& name);
  void PutBack(const Folder& folder, const std::string& name, const Durable& durable);

  const Options options_;
  uint64_t draws_;
  int graveyard_fd_;
  uint64_t graves_ = 0;
  std::map<Inode, File> files_;      // Only those with unsynced changes.
  std::map<Inode, Folder> folders_;  // Likewise.
};

}  // namespace powercut
