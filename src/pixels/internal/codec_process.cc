#include "pixels/internal/codec_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pixels/codec_protocol.h"
#include "pixels/limits.h"

namespace tarn::pixels {
namespace {

constexpr int kWorkerSocket = 3;  // The descriptor that the worker finds its socket at.
constexpr int kSocketBufferBytes = 1 << 20;

// posix_spawn's settings, freed at the end of the scope.
struct SpawnSettings {
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

// Nothing of ours reaches the worker: no environment, no open files, no blocked or ignored signals.
int Spawn(const std::string& executable, int socket, pid_t* pid) {
  SpawnSettings settings;
  for (const int fd : {0, 1, 2}) {
    posix_spawn_file_actions_addopen(&settings.actions, fd, "/dev/null", O_RDWR, 0);
  }
  posix_spawn_file_actions_adddup2(&settings.actions, socket, kWorkerSocket);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = "tarn-codec";
  char* const arguments[] = {name.data(), nullptr};
  char* const environment[] = {nullptr};
  return posix_spawn(pid, executable.c_str(), &settings.actions, &settings.attributes, arguments,
                     environment);
}

}  // namespace

Result<std::unique_ptr<CodecProcess>> CodecProcess::Start(const std::string& executable,
                                                          const Clock& clock) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return ErrnoError("socketpair", errno);
  }
  UniqueFd ours(sockets[0]);
  UniqueFd theirs(sockets[1]);
  for (const int option : {SO_SNDBUF, SO_RCVBUF}) {
    for (const int fd : sockets) {
      setsockopt(fd, SOL_SOCKET, option, &kSocketBufferBytes, sizeof kSocketBufferBytes);
    }
  }
  pid_t pid = -1;
  if (const int error = Spawn(executable, theirs.get(), &pid); error != 0) {
    return Error{ErrorKind::kUnavailable,
                 executable + " cannot be started: " + ErrnoError("posix_spawn", error).detail};
  }
  theirs.Reset();  // So that the socket ends with the process.
  auto process = std::unique_ptr<CodecProcess>(new CodecProcess(pid, std::move(ours)));
  const auto greeting = process->Receive(
      kCodecGreeting.size(), clock.MonotonicNs() + int64_t{kWorkerStartMsMax} * 1'000'000, clock);
  if (!greeting.ok() || greeting.value() != kCodecGreeting) {
    return Error{ErrorKind::kUnavailable,
                 executable + " does not work: it ended or kept silent when it was started"};
  }
  return process;
}

CodecProcess::~CodecProcess() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Error CodecProcess::Died() {
  usable_ = false;
  int status = 0;
  kill(pid_, SIGKILL);  // It closed its socket: there is nothing more to hope for.
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return Invalid("the decoder failed on the encoded frame");
}

Status CodecProcess::WaitFor(short events, int64_t deadline_ns, const Clock& clock) {
  while (true) {
    const int64_t left_ms = (deadline_ns - clock.MonotonicNs() + 999'999) / 1'000'000;
    if (left_ms <= 0) break;
    pollfd poller{.fd = socket_.get(), .events = events, .revents = 0};
    const int ready = poll(&poller, 1, static_cast<int>(std::min<int64_t>(left_ms, 60'000)));
    if (ready > 0) return Ok();
    if (ready < 0 && errno != EINTR) return ErrnoError("poll", errno);
  }
  usable_ = false;
  timed_out_ = true;
  return Error{ErrorKind::kTimeout, "the decoder took too long over the encoded frame"};
}

Status CodecProcess::Send(std::string_view bytes, int64_t deadline_ns, const Clock& clock) {
  while (!bytes.empty()) {
    const ssize_t sent =
        send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      TRY(WaitFor(POLLOUT, deadline_ns, clock));
    } else if (errno != EINTR) {
      return Died();
    }
  }
  return Ok();
}

Result<std::string> CodecProcess::Receive(uint64_t count, int64_t deadline_ns, const Clock& clock) {
  std::string out(count, '\0');
  size_t filled = 0;
  while (filled < count) {
    TRY(WaitFor(POLLIN, deadline_ns, clock));
    const ssize_t got = recv(socket_.get(), out.data() + filled, count - filled, MSG_DONTWAIT);
    if (got > 0) {
      filled += static_cast<size_t>(got);
    } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
      return Died();
    }
  }
  return out;
}

Result<NativeFrame> CodecProcess::Converse(const ForeignFrame& frame, int64_t deadline_ns,
                                           const Clock& clock) {
  TRY(const std::string request, WriteCodecRequest(frame));
  TRY(Send(request, deadline_ns, clock));
  TRY(Send(frame.bytes, deadline_ns, clock));
  TRY(const std::string head_bytes, Receive(kCodecHeadBytes, deadline_ns, clock));
  auto head = ReadCodecAnswer(head_bytes);
  if (!head.ok()) return Died();
  TRY(std::string text, Receive(head.value().text_bytes, deadline_ns, clock));
  if (head.value().result != 0) {
    return Error{static_cast<ErrorKind>(head.value().result - 1), std::move(text)};
  }
  NativeFrame native;
  native.pixel = head.value().pixel;
  native.pixel.photometric_interpretation = std::move(text);
  if (native.pixel.rows != frame.pixel.rows || native.pixel.columns != frame.pixel.columns ||
      native.pixel.samples_per_pixel != frame.pixel.samples_per_pixel ||
      native.pixel.FrameBytes() != head.value().payload_bytes) {
    return Died();
  }
  TRY(native.bytes, Receive(head.value().payload_bytes, deadline_ns, clock));
  return native;
}

Result<NativeFrame> CodecProcess::Exchange(const ForeignFrame& frame, uint32_t ms_max,
                                           const Clock& clock) {
  const int64_t begin_ns = clock.MonotonicNs();
  auto result = Converse(frame, begin_ns + int64_t{ms_max} * 1'000'000, clock);
  busy_ns_ += clock.MonotonicNs() - begin_ns;
  return result;
}

}  // namespace tarn::pixels
