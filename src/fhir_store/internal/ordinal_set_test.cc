// Sets of ordinals against std::set.
#include "fhir_store/internal/ordinal_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/random.h"

namespace tarn::fhir_store {
namespace {

using Model = std::set<Ordinal>;

struct Pair {
  OrdinalSet set;
  Model model;
};

Pair RandomPair(SeededRandom& random) {
  Pair pair;
  const uint64_t count = random.Below(200);
  const uint64_t spread = random.Below(2) == 0 ? 300 : 5 * kChunkOrdinals;
  for (uint64_t i = 0; i < count; ++i) {
    const auto ordinal = static_cast<Ordinal>(random.Below(spread));
    pair.set.Add(ordinal);
    pair.model.insert(ordinal);
  }
  return pair;
}

void ExpectSame(const OrdinalSet& set, const Model& model) {
  EXPECT_EQ(set.Values(), std::vector<Ordinal>(model.begin(), model.end()));
  EXPECT_EQ(set.Count(), model.size());
  EXPECT_EQ(set.IsEmpty(), model.empty());
  for (const auto& [chunk, bits] : set.chunks()) EXPECT_FALSE(bits.IsEmpty()) << chunk;
}

TEST(OrdinalSet, ActsLikeASet) {
  SeededRandom random(20260102);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    const Pair a = RandomPair(random);
    const Pair b = RandomPair(random);
    Model both;
    std::set_intersection(a.model.begin(), a.model.end(), b.model.begin(), b.model.end(),
                          std::inserter(both, both.end()));
    EXPECT_EQ(a.set.Intersects(b.set), !both.empty());
    EXPECT_EQ(a.set.IntersectionCount(b.set), both.size());
    OrdinalSet result = a.set;
    result.IntersectWith(b.set);
    ExpectSame(result, both);
    Model any = a.model;
    any.insert(b.model.begin(), b.model.end());
    result = a.set;
    result.UnionWith(b.set);
    ExpectSame(result, any);
    Model only = a.model;
    for (const Ordinal ordinal : b.model) only.erase(ordinal);
    result = a.set;
    result.Subtract(b.set);
    ExpectSame(result, only);
    for (const Ordinal ordinal : a.model) {
      EXPECT_TRUE(a.set.Contains(ordinal));
      EXPECT_EQ(result.Contains(ordinal), only.contains(ordinal));
    }
    result = a.set;
    for (const Ordinal ordinal : b.model) result.Remove(ordinal);
    ExpectSame(result, only);
  }
}

TEST(OrdinalSet, VisitsFromAnOrdinalOnUntilTold) {
  OrdinalSet set;
  for (const Ordinal ordinal : {3u, 70'000u, 70'001u, UINT32_MAX}) set.Add(ordinal);
  std::vector<Ordinal> seen;
  const auto visit = [&seen](Ordinal ordinal) {
    seen.push_back(ordinal);
    return seen.size() < 2;
  };
  set.Visit(4, visit);
  EXPECT_EQ(seen, (std::vector<Ordinal>{70'000u, 70'001u}));
  seen.clear();
  set.Visit(70'001, visit);
  EXPECT_EQ(seen, (std::vector<Ordinal>{70'001u, UINT32_MAX}));
}

TEST(OrdinalSet, CutsARangeOutOfItself) {
  OrdinalSet set;
  for (const Ordinal ordinal : {0u, 3u, 65'535u, 65'536u, 70'000u, 200'000u, UINT32_MAX}) {
    set.Add(ordinal);
  }
  EXPECT_EQ(set.End(), uint64_t{UINT32_MAX} + 1);
  EXPECT_EQ(OrdinalSet().End(), 0u);
  const std::vector<Ordinal> all = set.Values();
  for (const uint64_t begin : {0u, 1u, 3u, 4u, 65'535u, 65'536u, 70'001u, UINT32_MAX}) {
    for (const uint64_t size : {0ull, 1ull, 65'536ull, 70'000ull, 1ull << 33}) {
      SCOPED_TRACE(std::to_string(begin) + " and " + std::to_string(size));
      std::vector<Ordinal> expected;
      for (const Ordinal ordinal : all) {
        if (ordinal >= begin && ordinal < begin + size) expected.push_back(ordinal);
      }
      EXPECT_EQ(set.Between(begin, begin + size).Values(), expected);
    }
  }
}

}  // namespace
}  // namespace tarn::fhir_store
