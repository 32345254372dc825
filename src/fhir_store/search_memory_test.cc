// Searches that share one bound of memory.
#include "fhir_store/search_memory.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "base/clock.h"
#include "fhir_store/internal/search_budget.h"

namespace tarn::fhir_store {
namespace {

constexpr uint64_t kMegabyte = 1u << 20;

TEST(SearchMemory, IsTakenByLargeSearchesAndGivenBack) {
  const SearchLimits limits;
  const FakeClock clock;
  const std::function<bool()> cancelled;
  SearchMemory memory(8 * kMegabyte);
  std::optional<SearchBudget> first(std::in_place, limits, clock, cancelled, &memory);
  SearchBudget second(limits, clock, cancelled, &memory);

  // Small ones ask nobody.
  EXPECT_TRUE(first->CheckMemory(kMegabyte).ok());
  EXPECT_TRUE(memory.TryTake(8 * kMegabyte));
  EXPECT_TRUE(second.CheckMemory(kMegabyte).ok());
  EXPECT_EQ(second.CheckMemory(kMegabyte + 1).error().kind, ErrorKind::kBusy);
  memory.Give(8 * kMegabyte);

  EXPECT_TRUE(first->CheckMemory(5 * kMegabyte).ok());
  EXPECT_TRUE(first->CheckMemory(2 * kMegabyte).ok());
  EXPECT_EQ(second.CheckMemory(5 * kMegabyte).error().kind, ErrorKind::kBusy);
  first.reset();
  EXPECT_TRUE(second.CheckMemory(5 * kMegabyte).ok());
  EXPECT_TRUE(second.CheckMemory(7 * kMegabyte).ok());

  // What can never be had is not worth another try.
  EXPECT_EQ(second.CheckMemory(9 * kMegabyte + 1).error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(
      SearchBudget(limits, clock, cancelled).CheckMemory(limits.memory_bytes_max + 1).error().kind,
      ErrorKind::kTooLarge);
}

}  // namespace
}  // namespace tarn::fhir_store
