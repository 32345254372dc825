// LD_PRELOAD shim that can cut the power of a process: see disk.h for what is left then.
//
//   TARN_POWERCUT_FOLDER     what lies below it is on the disk that loses its power (required)
//   TARN_POWERCUT_AFTER=N    cuts before the N-th intercepted change or sync; SIGUSR2 cuts at once
//   TARN_POWERCUT_MODEL      strict (default), ext4 (fsync of a new file makes its name durable) or
//                            lying (no sync does anything)
//   TARN_POWERCUT_TEAR=SEED  lets some of what was not synced survive, chosen by the number
//   TARN_POWERCUT_SYNC_US    how long a sync takes (default 500)
//
// A cut takes the lock that every intercepted call needs and keeps it, so no thread can change or
// sync anything any more; ends all connections, so nobody hears from the process either; puts the
// folder into its durable state; and exits with status 137. Syncs are not passed on to the kernel:
// the disk below stays up, and a sync that only waits makes thousands of cuts affordable. Every
// other sync takes effect at the begin of its wait and the rest at the end, so cuts meet both data
// that is durable and not yet acknowledged, and data whose sync was under way.
//
// Calls from inside libc (fopen and fwrite) cannot be intercepted: do not write files with stdio.
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string>

#include "disk.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace powercut {
namespace {

constexpr int kExitCut = 137;
constexpr int kExitUsage = 125;
constexpr int kFdMax = 1 << 16;
constexpr uint8_t kInside = 1;
constexpr uint8_t kAppend = 2;
constexpr int kCutSignal = SIGUSR2;

// What is known of each descriptor; 0: it is no file of the folder.
std::atomic<uint8_t> descriptors[kFdMax];
sem_t cut_asked;

struct Shim {
  Disk disk;
  std::mutex mutex;
  uint64_t after = 0;
  uint64_t calls = 0;
  uint64_t syncs = 0;
  uint64_t sync_us = 500;
};
// Lives as long as the process: other threads run on while static objects are destroyed.
Shim* shim = nullptr;

template <typename T>
long Word(T value) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<long>(value);
  } else {
    return static_cast<long>(value);
  }
}

template <typename... Args>
long Call(long number, Args... args) {
  return Raw(number, Word(args)...);
}

uint8_t KindOf(int fd) {
  return fd >= 0 && fd < kFdMax ? descriptors[fd].load(std::memory_order_relaxed) : 0;
}

void SetKind(int fd, uint8_t kind) {
  if (fd >= 0 && fd < kFdMax) descriptors[fd].store(kind, std::memory_order_relaxed);
}

[[noreturn]] void CutHoldingLock() {
  for (int fd = 3; fd < kFdMax; ++fd) {
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode)) shutdown(fd, SHUT_RDWR);
  }
  shim->disk.Cut();
  Raw(SYS_exit_group, kExitCut);
  __builtin_unreachable();
}

// Runs `action` as one step with respect to the cut.
template <typename Action>
long Step(const Action& action) {
  const std::lock_guard lock(shim->mutex);
  if (++shim->calls == shim->after) CutHoldingLock();
  return action();
}

void* WaitForCut(void*) {
  while (sem_wait(&cut_asked) != 0) {
  }
  shim->mutex.lock();
  CutHoldingLock();
}

void AskForCut(int) { sem_post(&cut_asked); }

[[noreturn]] void Usage(const char* text) {
  Raw(SYS_write, 2, Word(text), Word(std::strlen(text)));
  Raw(SYS_exit_group, kExitUsage);
  __builtin_unreachable();
}

uint64_t Number(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread.
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// A thread of its own: the handler may interrupt a thread that holds the lock or allocates.
void StartWaiting() {
  sem_init(&cut_asked, 0, 0);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, WaitForCut, nullptr) != 0) Usage("powercut: no thread\n");
  pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  struct sigaction action {};
  action.sa_handler = AskForCut;
  action.sa_flags = SA_RESTART;
  sigaction(kCutSignal, &action, nullptr);
}

// The environment is read once, here; everything passes through until then, and without a folder.
__attribute__((constructor)) void Begin() {
  const char* folder = getenv("TARN_POWERCUT_FOLDER");  // NOLINT(concurrency-mt-unsafe)
  if (folder == nullptr) return;
  char* real = realpath(folder, nullptr);
  if (real == nullptr) Usage("powercut: TARN_POWERCUT_FOLDER is not there\n");
  const char* chosen = getenv("TARN_POWERCUT_MODEL");  // NOLINT(concurrency-mt-unsafe)
  const std::string model = chosen == nullptr ? "strict" : chosen;
  if (model != "strict" && model != "ext4" && model != "lying") {
    Usage("powercut: TARN_POWERCUT_MODEL is none of strict, ext4 and lying\n");
  }
  Options options{real, std::string(real) + ".powercut", model == "ext4", model == "lying"};
  options.tear = Number("TARN_POWERCUT_TEAR", 0);
  free(real);
  shim = new Shim{Disk(options), {}};
  shim->after = Number("TARN_POWERCUT_AFTER", 0);
  shim->sync_us = Number("TARN_POWERCUT_SYNC_US", shim->sync_us);
  StartWaiting();
}

// --- Opening and closing.

int Opened(long result, int flags) {
  const int fd = static_cast<int>(result);
  if (fd < 0) return fd;
  const int error = errno;
  const bool inside = shim != nullptr && shim->disk.Holds(fd);
  SetKind(fd, inside ? static_cast<uint8_t>(kInside | ((flags & O_APPEND) != 0 ? kAppend : 0)) : 0);
  errno = error;
  return fd;
}

template <typename Action>
int Open(int folder_fd, const char* path, int flags, const Action& call) {
  if (shim == nullptr || (flags & O_TMPFILE) == O_TMPFILE || (flags & (O_CREAT | O_TRUNC)) == 0) {
    return Opened(call(), flags);
  }
  return Opened(Step([&] { return shim->disk.Open({folder_fd, path}, flags, call); }), flags);
}

int OpenPlain(int folder_fd, const char* path, int flags, mode_t mode) {
  return Open(folder_fd, path, flags,
              [&] { return Call(SYS_openat, folder_fd, path, flags, mode); });
}

long OpenHow(int folder_fd, const char* path, const open_how* how, size_t size) {
  return Open(folder_fd, path, static_cast<int>(how->flags),
              [&] { return Call(SYS_openat2, folder_fd, path, how, size); });
}

mode_t ModeOf(int flags, va_list args) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
}

int Copied(long fd, int from) {
  if (fd >= 0) SetKind(static_cast<int>(fd), KindOf(from));
  return static_cast<int>(fd);
}

// --- Content.

// `offset` < 0: at the position of the descriptor.
template <typename Action>
ssize_t Write(int fd, off64_t offset, size_t bytes, const Action& call) {
  const uint8_t kind = KindOf(fd);
  if (kind == 0) return call();
  return Step([&] {
    off64_t at = offset;
    if ((kind & kAppend) != 0) {
      at = Raw(SYS_lseek, fd, 0, SEEK_CUR);
      struct stat status;
      if (fstat(fd, &status) == 0) at = status.st_size;
    } else if (at < 0) {
      at = Raw(SYS_lseek, fd, 0, SEEK_CUR);
    }
    if (at >= 0) shim->disk.BeforeWrite(fd, static_cast<uint64_t>(at), bytes);
    return call();
  });
}

size_t Total(const iovec* pieces, int count) {
  size_t total = 0;
  for (int i = 0; i < count; ++i) total += pieces[i].iov_len;
  return total;
}

int Sync(int fd, long number) {
  if (KindOf(fd) == 0) return static_cast<int>(Call(number, fd));
  bool late = false;
  Step([&] {
    late = (++shim->syncs & 1) != 0;
    if (!late) shim->disk.Sync(fd);
    return 0L;
  });
  const timespec wait{static_cast<time_t>(shim->sync_us / 1000000),
                      static_cast<long>(shim->sync_us % 1000000) * 1000};
  if (shim->sync_us != 0) nanosleep(&wait, nullptr);
  // A sync that took effect at its begin is over only if the power is still there at its end.
  const std::lock_guard lock(shim->mutex);
  if (late) shim->disk.Sync(fd);
  return 0;
}

// --- Names.

template <typename Action>
long Change(int folder_fd, const char* path, const Action& call) {
  if (shim == nullptr) return call();
  return Step([&] { return shim->disk.ChangeNames({folder_fd, path}, nullptr, call); });
}

long Rename(int from_fd, const char* from, int to_fd, const char* to, unsigned flags) {
  const auto call = [&] { return Call(SYS_renameat2, from_fd, from, to_fd, to, flags); };
  if (shim == nullptr) return call();
  return Step([&] {
    const Disk::Name other{to_fd, to};
    const long result = shim->disk.ChangeNames({from_fd, from}, &other, call);
    if (result == 0) shim->disk.ForgetDead();
    return result;
  });
}

long Link(int from_fd, const char* from, int to_fd, const char* to, int flags) {
  return Change(to_fd, to, [&] { return Call(SYS_linkat, from_fd, from, to_fd, to, flags); });
}

long Unlink(int folder_fd, const char* path, int flags) {
  const auto call = [&] { return Call(SYS_unlinkat, folder_fd, path, flags); };
  if (shim == nullptr) return call();
  return Step([&] {
    if ((flags & AT_REMOVEDIR) != 0) return shim->disk.RemoveFolder({folder_fd, path}, call);
    const long result = shim->disk.ChangeNames({folder_fd, path}, nullptr, call);
    if (result == 0) shim->disk.ForgetDead();
    return result;
  });
}

long MakeFolder(int folder_fd, const char* path, mode_t mode) {
  return Change(folder_fd, path, [&] { return Call(SYS_mkdirat, folder_fd, path, mode); });
}

}  // namespace
}  // namespace powercut

// The names below are those of libc. "_2" is what its headers make of calls without a mode when a
// library is compiled with _FORTIFY_SOURCE, as Debian's are.

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming,performance-no-int-to-ptr):
// names and words are those of libc and the kernel.
using namespace powercut;  // NOLINT(google-build-using-namespace): only the functions of libc
                           // follow.

#define OPEN(NAME)                                    \
  EXPORT int NAME(const char* path, int flags, ...) { \
    va_list args;                                     \
    va_start(args, flags);                            \
    const mode_t mode = ModeOf(flags, args);          \
    va_end(args);                                     \
    return OpenPlain(AT_FDCWD, path, flags, mode);    \
  }
#define OPENAT(NAME)                                          \
  EXPORT int NAME(int fd, const char* path, int flags, ...) { \
    va_list args;                                             \
    va_start(args, flags);                                    \
    const mode_t mode = ModeOf(flags, args);                  \
    va_end(args);                                             \
    return OpenPlain(fd, path, flags, mode);                  \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
EXPORT int __open_2(const char* path, int flags) { return OpenPlain(AT_FDCWD, path, flags, 0); }
EXPORT int __open64_2(const char* path, int flags) { return OpenPlain(AT_FDCWD, path, flags, 0); }
EXPORT int __openat_2(int fd, const char* path, int flags) { return OpenPlain(fd, path, flags, 0); }
EXPORT int __openat64_2(int fd, const char* path, int flags) {
  return OpenPlain(fd, path, flags, 0);
}
EXPORT int creat(const char* path, mode_t mode) {
  return OpenPlain(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
EXPORT int creat64(const char* path, mode_t mode) { return creat(path, mode); }

EXPORT int close(int fd) {
  SetKind(fd, 0);
  return static_cast<int>(Call(SYS_close, fd));
}
EXPORT int dup(int fd) { return Copied(Call(SYS_dup, fd), fd); }
EXPORT int dup2(int fd, int to) { return fd == to ? to : Copied(Call(SYS_dup3, fd, to, 0), fd); }
EXPORT int dup3(int fd, int to, int flags) { return Copied(Call(SYS_dup3, fd, to, flags), fd); }

#define FCNTL(NAME)                                                                  \
  EXPORT int NAME(int fd, int command, ...) {                                        \
    va_list args;                                                                    \
    va_start(args, command);                                                         \
    const long argument = va_arg(args, long);                                        \
    va_end(args);                                                                    \
    const long result = Call(SYS_fcntl, fd, command, argument);                      \
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) return Copied(result, fd); \
    return static_cast<int>(result);                                                 \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

EXPORT ssize_t write(int fd, const void* data, size_t bytes) {
  return Write(fd, -1, bytes, [&] { return Call(SYS_write, fd, data, bytes); });
}
EXPORT ssize_t pwrite(int fd, const void* data, size_t bytes, off_t offset) {
  return Write(fd, offset, bytes, [&] { return Call(SYS_pwrite64, fd, data, bytes, offset); });
}
EXPORT ssize_t pwrite64(int fd, const void* data, size_t bytes, off64_t offset) {
  return pwrite(fd, data, bytes, offset);
}
EXPORT ssize_t writev(int fd, const iovec* pieces, int count) {
  return Write(fd, -1, Total(pieces, count), [&] { return Call(SYS_writev, fd, pieces, count); });
}
EXPORT ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
  return Write(fd, offset, Total(pieces, count),
               [&] { return Call(SYS_pwritev, fd, pieces, count, offset, 0); });
}
EXPORT ssize_t pwritev64(int fd, const iovec* pieces, int count, off64_t offset) {
  return pwritev(fd, pieces, count, offset);
}
EXPORT ssize_t copy_file_range(int from, off64_t* from_offset, int to, off64_t* to_offset,
                               size_t bytes, unsigned flags) {
  return Write(to, to_offset == nullptr ? -1 : *to_offset, bytes, [&] {
    return Call(SYS_copy_file_range, from, from_offset, to, to_offset, bytes, flags);
  });
}
EXPORT ssize_t sendfile(int to, int from, off_t* offset, size_t bytes) {
  return Write(to, -1, bytes, [&] { return Call(SYS_sendfile, to, from, offset, bytes); });
}
EXPORT ssize_t sendfile64(int to, int from, off64_t* offset, size_t bytes) {
  return sendfile(to, from, offset, bytes);
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  // Modes that move content change everything from the offset on.
  const bool moves = (mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0;
  const bool changes = (mode & ~FALLOC_FL_KEEP_SIZE) != 0;
  const uint64_t changed = moves ? UINT64_MAX : changes ? static_cast<uint64_t>(bytes) : 0;
  return static_cast<int>(
      Write(fd, offset, changed, [&] { return Call(SYS_fallocate, fd, mode, offset, bytes); }));
}
EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t bytes) {
  return fallocate(fd, mode, offset, bytes);
}
EXPORT int posix_fallocate(int fd, off_t offset, off_t bytes) {
  const int before = errno;
  const int error = fallocate(fd, 0, offset, bytes) == 0 ? 0 : errno;
  errno = before;
  return error;
}
EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t bytes) {
  return posix_fallocate(fd, offset, bytes);
}
EXPORT int ftruncate(int fd, off_t bytes) {
  // Descriptors opened to append too: the offset is that of the new end.
  if (KindOf(fd) == 0) return static_cast<int>(Call(SYS_ftruncate, fd, bytes));
  return static_cast<int>(Step([&] {
    shim->disk.BeforeWrite(fd, static_cast<uint64_t>(bytes), UINT64_MAX);
    return Call(SYS_ftruncate, fd, bytes);
  }));
}
EXPORT int ftruncate64(int fd, off64_t bytes) { return ftruncate(fd, bytes); }
EXPORT int truncate(const char* path, off_t bytes) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const int result = ftruncate(fd, bytes);
  const int error = errno;
  close(fd);
  errno = error;
  return result;
}
EXPORT int truncate64(const char* path, off64_t bytes) { return truncate(path, bytes); }

EXPORT int fsync(int fd) { return Sync(fd, SYS_fsync); }
EXPORT int fdatasync(int fd) { return Sync(fd, SYS_fdatasync); }
EXPORT void sync() noexcept {
  if (shim == nullptr) return;
  Step([] {
    shim->disk.SyncAll();
    return 0L;
  });
}
EXPORT int syncfs(int fd) noexcept {
  if (KindOf(fd) != 0) sync();
  return 0;
}

EXPORT int rename(const char* from, const char* to) noexcept {
  return static_cast<int>(Rename(AT_FDCWD, from, AT_FDCWD, to, 0));
}
EXPORT int renameat(int from_fd, const char* from, int to_fd, const char* to) noexcept {
  return static_cast<int>(Rename(from_fd, from, to_fd, to, 0));
}
EXPORT int renameat2(int from_fd, const char* from, int to_fd, const char* to,
                     unsigned flags) noexcept {
  return static_cast<int>(Rename(from_fd, from, to_fd, to, flags));
}
EXPORT int link(const char* from, const char* to) noexcept {
  return static_cast<int>(Link(AT_FDCWD, from, AT_FDCWD, to, 0));
}
EXPORT int linkat(int from_fd, const char* from, int to_fd, const char* to, int flags) noexcept {
  return static_cast<int>(Link(from_fd, from, to_fd, to, flags));
}
EXPORT int unlink(const char* path) noexcept { return static_cast<int>(Unlink(AT_FDCWD, path, 0)); }
EXPORT int unlinkat(int fd, const char* path, int flags) noexcept {
  return static_cast<int>(Unlink(fd, path, flags));
}
EXPORT int rmdir(const char* path) noexcept {
  return static_cast<int>(Unlink(AT_FDCWD, path, AT_REMOVEDIR));
}
EXPORT int remove(const char* path) noexcept {
  const int result = unlink(path);
  return result != 0 && errno == EISDIR ? rmdir(path) : result;
}
EXPORT int mkdir(const char* path, mode_t mode) noexcept {
  return static_cast<int>(MakeFolder(AT_FDCWD, path, mode));
}
EXPORT int mkdirat(int fd, const char* path, mode_t mode) noexcept {
  return static_cast<int>(MakeFolder(fd, path, mode));
}

// Every word is passed on, as the kernel ignores what a call does not take.
EXPORT long syscall(long number, ...) noexcept {
  va_list args;
  va_start(args, number);
  long words[6];
  for (long& word : words) word = va_arg(args, long);
  va_end(args);
  const auto path = [&](int i) { return reinterpret_cast<const char*>(words[i]); };
  const auto integer = [&](int i) { return static_cast<int>(words[i]); };
  switch (number) {
    case SYS_openat2:
      return OpenHow(integer(0), path(1), reinterpret_cast<const open_how*>(words[2]),
                     static_cast<size_t>(words[3]));
    case SYS_renameat2:
      return Rename(integer(0), path(1), integer(2), path(3), static_cast<unsigned>(words[4]));
    case SYS_copy_file_range:
      return copy_file_range(integer(0), reinterpret_cast<off64_t*>(words[1]), integer(2),
                             reinterpret_cast<off64_t*>(words[3]), static_cast<size_t>(words[4]),
                             static_cast<unsigned>(words[5]));
    case SYS_fsync:
    case SYS_fdatasync:
      return Sync(integer(0), number);
    default:
      return Raw(number, words[0], words[1], words[2], words[3], words[4], words[5]);
  }
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming,performance-no-int-to-ptr)
