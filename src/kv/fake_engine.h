// An engine in memory that fails where a test tells it to. For tests of the modules above; it
// passes kv/conformance.h like the others. Snapshots copy a family when the first write after them
// touches it, so keep stores small (thousands of keys).
// Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "kv/store.h"

namespace tarn::kv {

namespace internal {
struct FakeState;
}

class FakeEngine final : public Engine {
 public:
  // What happens to the write that fails, and to those after it.
  enum class Effect : uint8_t {
    kRefuse,        // It is not written; later writes go on.
    kStop,          // It is not written; later writes fail until Resume, as on a full disk.
    kWriteAndStop,  // As kStop, but it was written: a failed sync, say.
    kCrash,         // It is not written; later writes fail until the store is opened again.
    kWriteAndCrash  // As kCrash, but it was written: the crash came before the answer.
  };
  struct Fault {
    uint64_t write = 1;  // Which write from now on: commits and ingests of all stores, from 1.
                         // Conflicts and writes that are too large do not count.
    ErrorKind kind = ErrorKind::kUnavailable;
    Effect effect = Effect::kRefuse;
  };

  FakeEngine();
  ~FakeEngine() override;

  Result<std::unique_ptr<Store>> Open(const std::string& name, const Schema& schema) override;
  Status Drop(const std::string& name) override;
  Result<std::vector<std::string>> List() const override;

  // Replaces the fault that was set before, if it has not happened yet.
  void SetFault(const Fault& fault);
  void ClearFault();
  // As kill -9 right now: writes of open stores fail until they are closed and opened again, runs
  // are gone, and all that was committed is kept.
  void Crash();
  // Writes that were applied since the engine was made.
  uint64_t writes() const;
  // Applies to stores that are opened from now on.
  void SetLimits(const Limits& limits);

 private:
  std::shared_ptr<internal::FakeState> state_;  // Shared with the open stores.
};

}  // namespace tarn::kv
