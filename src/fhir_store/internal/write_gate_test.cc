#include "fhir_store/internal/write_gate.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tarn::fhir_store {
namespace {

constexpr int64_t kLongMs = 60'000;

TEST(WriteGate, SeveralKeysPassTogetherOrNotAtAll) {
  WriteGate gate;
  {
    const auto two = gate.EnterAll({1, 2, 2, 1}, 0);
    ASSERT_TRUE(two.ok());
    EXPECT_EQ(gate.Enter(1, 0).error().kind, ErrorKind::kBusy);
    EXPECT_EQ(gate.Enter(2, 0).error().kind, ErrorKind::kBusy);
    EXPECT_EQ(gate.EnterAll({2, 3}, 0).error().kind, ErrorKind::kBusy);
    EXPECT_TRUE(gate.Enter(3, 0).ok());  // The refused one has left it alone.
  }
  EXPECT_TRUE(gate.EnterAll({1, 2, 3}, 0).ok());
  EXPECT_TRUE(gate.EnterAll({}, 0).ok());
}

// A write of several keys that waits for a run holds none of them: the run's next block gets the
// other one at once.
TEST(WriteGate, AnImportNeverWaitsForAWriteThatWaits) {
  WriteGate gate;
  gate.StartImport();
  const WriteGate::Mark mark = gate.MarkLookup();
  const std::vector<uint64_t> second = {2};
  EXPECT_TRUE(gate.Hold(second, mark).keys.empty());
  bool passed = false;
  std::thread writer([&] { passed = gate.EnterAll({1, 2}, kLongMs).ok(); });
  while (!gate.FlushWanted()) std::this_thread::yield();
  const std::vector<uint64_t> first = {1};
  EXPECT_TRUE(gate.Hold(first, mark).keys.empty());
  gate.ReleaseHeld();
  writer.join();
  EXPECT_TRUE(passed);
  // What it wrote is stale for blocks that looked it up before.
  const WriteGate::Staleness stale = gate.Hold(first, mark);
  EXPECT_TRUE(stale.all || stale.keys == first);
  gate.StopImport();
}

}  // namespace
}  // namespace tarn::fhir_store
