// One codec worker as the server sees it: a process and the socket to it.
// Threads: one at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "pixels/foreign_decoder.h"

namespace tarn::pixels {

class CodecProcess {
 public:
  // Returns once the process has greeted: its libraries are there and its sandbox is closed.
  // Errors: kUnavailable.
  static Result<std::unique_ptr<CodecProcess>> Start(const std::string& executable,
                                                     const Clock& clock);
  ~CodecProcess();  // Kills the process when it still runs, and waits for it.
  CodecProcess(const CodecProcess&) = delete;
  CodecProcess& operator=(const CodecProcess&) = delete;

  // Has the frame decoded. After an error of the connection usable() is false and the object can
  // only be destroyed. Errors: the worker's; kInvalid: it died; kTimeout: `ms_max` passed.
  Result<NativeFrame> Exchange(const ForeignFrame& frame, uint32_t ms_max, const Clock& clock);

  bool usable() const { return usable_; }
  bool timed_out() const { return timed_out_; }
  int64_t busy_ms() const { return busy_ns_ / 1'000'000; }

 private:
  CodecProcess(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}

  Result<NativeFrame> Converse(const ForeignFrame& frame, int64_t deadline_ns, const Clock& clock);
  Status WaitFor(short events, int64_t deadline_ns, const Clock& clock);
  Status Send(std::string_view bytes, int64_t deadline_ns, const Clock& clock);
  Result<std::string> Receive(uint64_t count, int64_t deadline_ns, const Clock& clock);
  Error Died();

  pid_t pid_;
  UniqueFd socket_;
  bool usable_ = true;
  bool timed_out_ = false;
  int64_t busy_ns_ = 0;
};

}  // namespace tarn::pixels
