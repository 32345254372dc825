#include "kv/bits_sum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/random.h"

namespace tarn::kv {
namespace {

using testing::ElementsAre;

// Sets of every stored form: few values, many, runs, nearly all.
std::vector<uint16_t> RandomSet(SeededRandom& random) {
  std::set<uint16_t> set;
  switch (random.Below(4)) {
    case 0:
      for (uint64_t i = random.Below(6); i > 0; --i) {
        set.insert(static_cast<uint16_t>(random.Below(65536)));
      }
      break;
    case 1:
      for (uint32_t value = 0; value < 65536;
           value += 1 + static_cast<uint32_t>(random.Below(40))) {
        set.insert(static_cast<uint16_t>(value));
      }
      break;
    case 2: {
      const auto begin = static_cast<uint32_t>(random.Below(65536));
      for (uint32_t value = begin; value < std::min(begin + 3000, 65536u); ++value) {
        set.insert(static_cast<uint16_t>(value));
      }
      break;
    }
    default:
      for (uint32_t value = 0; value < 65536; value += 2) set.insert(static_cast<uint16_t>(value));
  }
  return {set.begin(), set.end()};
}

TEST(BitsSum, IsTheUnionOfWhatWasAdded) {
  SeededRandom random(1);
  BitsSum sum;
  for (int round = 0; round < 200; ++round) {
    Bits expected;
    for (uint64_t i = random.Below(6); i > 0; --i) {
      const Bits bits(RandomSet(random));
      expected.UnionWith(bits);
      const std::string bytes = bits.Encode();
      EXPECT_EQ(CountOfEncoded(bytes), bits.Count());
      ASSERT_TRUE(sum.Add(bytes).ok());
    }
    ASSERT_EQ(sum.Take(), expected) << round;
  }
  EXPECT_TRUE(sum.Take().IsEmpty());
}

TEST(BitsSum, RefusesWhatDecodeRefuses) {
  BitsSum sum;
  ASSERT_TRUE(sum.Add(Bits({1, 7}).Encode()).ok());
  const std::string two = Bits({3, 9}).Encode();
  for (const std::string& bytes :
       {std::string("x"), two.substr(0, two.size() - 1), two.substr(0, 3) + two.substr(1, 2)}) {
    EXPECT_EQ(sum.Add(bytes).error().kind, ErrorKind::kCorrupt);
  }
  ASSERT_TRUE(sum.Add(two).ok());
  EXPECT_THAT(sum.Take().Values(), ElementsAre(1, 3, 7, 9));
}

}  // namespace
}  // namespace tarn::kv
