// Keeps single writes and an import from changing one resource at the same time.
//
// A single write enters with its key, reads, commits and leaves; writes of one key pass one after
// the other. An import reads without asking (its workers look keys up in a snapshot), and asks when
// it adds a block to its run: keys that a single write touched since the block's look-up are named
// as stale and looked up again, and from then on single writes of the block's keys wait until the
// run is committed. Whoever waits has the run committed early.
//
//   worker:       MarkLookup() -> snapshot -> look-ups        (any thread)
//   coordinator:  Hold(keys, mark) -> stale keys -> look up again -> add to the run
//                 commit the run -> ReleaseHeld()
//
// Keys are given as their hashes (KeyHash): two keys of one hash only wait for each other.
// Threads: every method may be called from any thread; Hold and ReleaseHeld from one at a time.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "fhir_store/internal/hash_index.h"

namespace tarn::fhir_store {

class WriteGate {
 public:
  // Lets the write of one key pass; ends it when destroyed.
  class Pass {
   public:
    Pass(WriteGate* gate, uint64_t key) : gate_(gate), key_(key) {}
    ~Pass();
    Pass(Pass&& other) noexcept : gate_(other.gate_), key_(other.key_) { other.gate_ = nullptr; }
    Pass& operator=(Pass&&) = delete;

   private:
    WriteGate* gate_;
    uint64_t key_;
  };
  // Waits while another write of the key, or an import's run, holds it. Errors: kBusy.
  Result<Pass> Enter(uint64_t key, int64_t wait_ms);

  // The same for several keys, which pass together: while any of them is held the caller has none,
  // so two such writes never wait for each other, and an import never waits for a write that waits.
  class Passes {
   public:
    Passes(WriteGate* gate, std::vector<uint64_t> keys) : gate_(gate), keys_(std::move(keys)) {}
    ~Passes();
    Passes(Passes&& other) noexcept : gate_(other.gate_), keys_(std::move(other.keys_)) {
      other.gate_ = nullptr;
    }
    Passes& operator=(Passes&&) = delete;

   private:
    WriteGate* gate_;
    std::vector<uint64_t> keys_;  // Each once.
  };
  // Errors: kBusy.
  Result<Passes> EnterAll(std::vector<uint64_t> keys, int64_t wait_ms);

  // From here on touched keys are remembered; until StopImport.
  void StartImport();
  void StopImport();

  using Mark = uint64_t;
  Mark MarkLookup();
  struct Staleness {
    bool all = false;            // Every look-up of the block is stale.
    std::vector<uint64_t> keys;  // Else: these are. Unsorted.
  };
  Staleness Hold(std::span<const uint64_t> keys, Mark mark);
  // The run is committed: everything that was looked up before is stale.
  void ReleaseHeld();
  // A single write waits for the run.
  bool FlushWanted();

 private:
  // Touched keys beyond this make every earlier look-up stale instead of being remembered.
  static constexpr size_t kTouchedMax = 100'000;
  void Leave(std::span<const uint64_t> keys);

  Mutex mutex_;
  CondVar changed_;
  std::unordered_set<uint64_t> active_ GUARDED_BY(mutex_);
  HashIndex held_ GUARDED_BY(mutex_);
  bool importing_ GUARDED_BY(mutex_) = false;
  bool flush_wanted_ GUARDED_BY(mutex_) = false;
  Mark now_ GUARDED_BY(mutex_) = 1;           // Grows with every event that makes look-ups stale.
  Mark stale_before_ GUARDED_BY(mutex_) = 0;  // Look-ups marked below this are stale.
  std::unordered_map<uint64_t, Mark> touched_ GUARDED_BY(mutex_);
};

}  // namespace tarn::fhir_store
