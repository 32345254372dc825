#include "codec_worker/internal/sandbox.h"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <initializer_list>
#include <memory>

#include "pixels/limits.h"

namespace tarn::codec_worker {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

Status Limit(__rlimit_resource resource, rlim_t value) {
  const rlimit limit{.rlim_cur = value, .rlim_max = value};
  if (setrlimit(resource, &limit) != 0) return Internal(ErrnoError("setrlimit", errno).detail);
  return Ok();
}

Status SetLimits() {
  TRY(Limit(RLIMIT_CORE, 0));
  TRY(Limit(RLIMIT_FSIZE, 0));
  TRY(Limit(RLIMIT_NPROC, 0));
  // The server replaces a worker before it reaches this; it ends one whose server is gone.
  constexpr rlim_t kSpareSeconds = 10;
  TRY(Limit(RLIMIT_CPU,
            (pixels::kWorkerBusyMsMax + pixels::kWorkerFrameMsMax) / 1000 + kSpareSeconds));
  if (!kSanitized) TRY(Limit(RLIMIT_AS, pixels::kWorkerAddressSpaceMax));
  return Ok();
}

// All that decoders, the allocator and abort() call. No file can be opened, nothing executed, no
// memory made executable.
bool AddRules(scmp_filter_ctx filter) {
  for (const int call : {SCMP_SYS(read),          SCMP_SYS(write),        SCMP_SYS(close),
                         SCMP_SYS(munmap),        SCMP_SYS(mremap),       SCMP_SYS(madvise),
                         SCMP_SYS(brk),           SCMP_SYS(futex),        SCMP_SYS(getrandom),
                         SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(getpid),
                         SCMP_SYS(gettid),        SCMP_SYS(tgkill),       SCMP_SYS(rt_sigprocmask),
                         SCMP_SYS(rt_sigaction),  SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
                         SCMP_SYS(exit),          SCMP_SYS(exit_group)}) {
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) != 0) return false;
  }
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) != 0) {
      return false;
    }
  }
  // The C library looks at standard error before it writes to it.
  for (const int call : {SCMP_SYS(fstat), SCMP_SYS(newfstatat)}) {
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), call, 0) != 0) return false;
  }
  return true;
}

Status FilterCalls() {
  if (kSanitized) return Ok();
  struct Release {
    void operator()(void* filter) const { seccomp_release(filter); }
  };
  const std::unique_ptr<void, Release> filter(seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (filter == nullptr || !AddRules(filter.get()) || seccomp_load(filter.get()) != 0) {
    return Internal("the system call filter cannot be set");
  }
  return Ok();
}

}  // namespace

Status EnterSandbox(int socket) {
  if (syscall(SYS_close_range, static_cast<unsigned>(socket) + 1, UINT_MAX, 0) != 0) {
    return Internal(ErrnoError("close_range", errno).detail);
  }
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return Internal(ErrnoError("prctl", errno).detail);
  }
  TRY(SetLimits());
  return FilterCalls();
}

}  // namespace tarn::codec_worker
