// Processes that decode what others encoded. A codestream that makes a decoder crash, hang or use
// up its memory costs that process, and its frame an error; the next frame gets a new process.
// What a worker may do: docs/internals/pixels.md. The program itself: src/codec_worker.
// Threads: every method may be called from any thread; the destructor from the owner's only, when
// no Decode is running.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "pixels/foreign_decoder.h"
#include "pixels/limits.h"

namespace tarn::pixels {

class CodecProcess;

class CodecPool : public ForeignDecoder {
 public:
  struct Options {
    std::string executable;    // tarn-codec; see CodecExecutable().
    uint32_t workers_max = 2;  // Processes at a time; started when they are needed.
    uint32_t frame_ms_max = kWorkerFrameMsMax;
    uint32_t wait_ms_max = 120'000;  // For a process that is free; then kBusy.
  };
  struct Counters {
    uint64_t started = 0;    // Processes.
    uint64_t crashed = 0;    // Of these, ended by a frame.
    uint64_t timed_out = 0;  // Of these, ended by us because a frame took too long.
  };

  // `clock` must outlive this object.
  CodecPool(Options options, const Clock& clock);
  ~CodecPool() override;
  CodecPool(const CodecPool&) = delete;
  CodecPool& operator=(const CodecPool&) = delete;

  // As ForeignDecoder has it. kUnavailable: no process can be started.
  Result<NativeFrame> Decode(const ForeignFrame& frame) override;

  Counters counters() const;

 private:
  Result<std::unique_ptr<CodecProcess>> Take(int64_t deadline_ns);
  void GiveBack(std::unique_ptr<CodecProcess> process);

  const Options options_;
  const Clock& clock_;
  mutable Mutex mutex_;
  CondVar freed_;
  std::vector<std::unique_ptr<CodecProcess>> idle_ GUARDED_BY(mutex_);
  uint32_t living_ GUARDED_BY(mutex_) = 0;  // Idle ones and those at work.
  Counters counters_ GUARDED_BY(mutex_);
};

// The path of tarn-codec: beside the running program. Errors: kNotFound, saying where it should be.
Result<std::string> CodecExecutable();

}  // namespace tarn::pixels
