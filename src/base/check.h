// CHECK stops the process when an invariant of ours is broken: it stays on in release builds.
//
// Use it where going on could store or serve a wrong record. Input from outside must never reach
// one: a fuzzer treats a failed CHECK as a finding.
#pragma once

namespace tarn {

// Writes the place and the condition to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace tarn

#define CHECK(condition)                        \
  (__builtin_expect(!!(condition), 1) ? (void)0 \
                                      : ::tarn::CheckFailed(__FILE__, __LINE__, #condition))
