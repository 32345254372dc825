#include "pixels/codec_pool.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

#include "pixels/internal/codec_process.h"

namespace tarn::pixels {

CodecPool::CodecPool(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

CodecPool::~CodecPool() = default;

Result<std::unique_ptr<CodecProcess>> CodecPool::Take(int64_t deadline_ns) {
  {
    MutexLock lock(mutex_);
    while (idle_.empty() && living_ >= options_.workers_max) {
      const int64_t left_ms = (deadline_ns - clock_.MonotonicNs()) / 1'000'000;
      if (left_ms <= 0) return Error{ErrorKind::kBusy, "all codec workers are busy"};
      freed_.WaitFor(mutex_, std::chrono::milliseconds(left_ms));
    }
    if (!idle_.empty()) {
      auto process = std::move(idle_.back());
      idle_.pop_back();
      return process;
    }
    ++living_;
    ++counters_.started;
  }
  auto started = CodecProcess::Start(options_.executable, clock_);
  if (!started.ok()) {
    MutexLock lock(mutex_);
    --living_;
    freed_.NotifyOne();
  }
  return started;
}

void CodecPool::GiveBack(std::unique_ptr<CodecProcess> process) {
  const bool keep = process->usable() && process->busy_ms() < kWorkerBusyMsMax;
  {
    MutexLock lock(mutex_);
    if (keep) {
      idle_.push_back(std::move(process));
    } else {
      --living_;
    }
    freed_.NotifyOne();
  }
  // What is not kept ends here, without the lock.
}

Result<NativeFrame> CodecPool::Decode(const ForeignFrame& frame) {
  TRY(std::unique_ptr<CodecProcess> process,
      Take(clock_.MonotonicNs() + int64_t{options_.wait_ms_max} * 1'000'000));
  auto result = process->Exchange(frame, options_.frame_ms_max, clock_);
  if (!process->usable()) {
    MutexLock lock(mutex_);
    ++(process->timed_out() ? counters_.timed_out : counters_.crashed);
  }
  GiveBack(std::move(process));
  return result;
}

CodecPool::Counters CodecPool::counters() const {
  MutexLock lock(mutex_);
  return counters_;
}

Result<std::string> CodecExecutable() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return ErrnoError("/proc/self/exe", errno);
  std::string out(path.data(), static_cast<size_t>(length));
  out.resize(out.rfind('/') + 1);
  out += "tarn-codec";
  if (access(out.c_str(), X_OK) != 0) {
    return NotFound(out + " is missing: it decodes compressed images and belongs beside tarn");
  }
  return out;
}

}  // namespace tarn::pixels
