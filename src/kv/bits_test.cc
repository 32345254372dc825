#include "kv/bits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/bytes.h"
#include "kv/bits_operand.h"
#include "kv/store.h"

namespace tarn::kv {
namespace {

using testing::ElementsAre;
using Set = std::set<uint16_t>;

std::vector<uint16_t> ToVector(const Set& set) { return {set.begin(), set.end()}; }

// Sets of all three container kinds: few values, many scattered ones, long runs.
rc::Gen<Set> SetGen() {
  return rc::gen::exec([] {
    Set set;
    const auto few = *rc::gen::container<std::vector<uint16_t>>(rc::gen::arbitrary<uint16_t>());
    set.insert(few.begin(), few.end());
    if (*rc::gen::inRange(0, 12) == 0) {
      const uint32_t step = *rc::gen::inRange<uint32_t>(1, 9);
      for (uint32_t v = *rc::gen::inRange<uint32_t>(0, 9); v < 65536; v += step) {
        set.insert(static_cast<uint16_t>(v));
      }
    }
    if (*rc::gen::inRange(0, 12) == 0) {
      const uint32_t begin = *rc::gen::inRange<uint32_t>(0, 65536);
      const uint32_t end = *rc::gen::inRange<uint32_t>(begin, 65537);
      for (uint32_t v = begin; v < end; ++v) set.insert(static_cast<uint16_t>(v));
    }
    return set;
  });
}

TEST(Bits, AddsRemovesAndCounts) {
  Bits bits({5, 1, 5, 65535, 0});
  EXPECT_THAT(bits.Values(), ElementsAre(0, 1, 5, 65535));
  bits.Remove(1);
  bits.Remove(2);
  bits.AddRange(65533, 65536);
  bits.AddRange(7, 7);
  EXPECT_THAT(bits.Values(), ElementsAre(0, 5, 65533, 65534, 65535));
  EXPECT_EQ(bits.Count(), 5u);
  EXPECT_TRUE(bits.Contains(5));
  EXPECT_FALSE(bits.Contains(1));
  Bits moved = std::move(bits);
  EXPECT_EQ(moved.Count(), 5u);
  moved = Bits();
  EXPECT_TRUE(moved.IsEmpty());
  EXPECT_EQ(moved.Encode(), "");
}

TEST(Bits, FullAndDenseSetsAreSmall) {
  Bits full;
  full.AddRange(0, 65536);
  EXPECT_EQ(full.Count(), 65536u);
  EXPECT_LT(full.Encode().size(), 20u);
  EXPECT_EQ(Bits::Decode(full.Encode()).value(), full);
}

RC_GTEST_PROP(Bits, OperationsFollowSets, ()) {
  const Set a = *SetGen(), b = *SetGen();
  const Bits x(ToVector(a)), y(ToVector(b));
  Set both, either = a, left;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(left, left.end()));
  either.insert(b.begin(), b.end());
  Bits bits = x;
  bits.UnionWith(y);
  RC_ASSERT(bits.Values() == ToVector(either));
  bits = x;
  bits.IntersectWith(y);
  RC_ASSERT(bits.Values() == ToVector(both));
  RC_ASSERT(bits.Count() == both.size());
  bits = x;
  bits.Subtract(y);
  RC_ASSERT(bits.Values() == ToVector(left));
  RC_ASSERT(x.IntersectionCount(y) == both.size());
  RC_ASSERT((x == y) == (a == b));
}

RC_GTEST_PROP(Bits, DecodeInvertsEncode, ()) {
  const Set set = *SetGen();
  const Bits bits(ToVector(set));
  const std::string bytes = bits.Encode();
  const Result<Bits> decoded = Bits::Decode(bytes);
  RC_ASSERT(decoded.ok());
  RC_ASSERT(decoded.value().Values() == ToVector(set));
  RC_ASSERT(decoded.value() == bits);
  RC_ASSERT(decoded.value().Encode() == bytes);
}

RC_GTEST_PROP(Bits, DecodeRefusesOrStaysSound, ()) {
  std::string bytes = Bits(ToVector(*SetGen())).Encode();
  RC_PRE(!bytes.empty());
  const size_t at = *rc::gen::inRange<size_t>(0, std::min<size_t>(bytes.size(), 24));
  bytes[at] = *rc::gen::arbitrary<char>();
  if (*rc::gen::arbitrary<bool>()) bytes.resize(*rc::gen::inRange<size_t>(0, bytes.size()));
  const Result<Bits> decoded = Bits::Decode(bytes);
  if (!decoded.ok()) {
    RC_ASSERT(decoded.error().kind == ErrorKind::kCorrupt);
    return;
  }
  const std::vector<uint16_t> values = decoded.value().Values();
  RC_ASSERT(std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) ==
            values.end());
  RC_ASSERT(values.size() == decoded.value().Count());
  RC_ASSERT(Bits(values) == decoded.value());
}

TEST(Bits, DecodeChecksEveryByte) {
  const std::string head = HexDecode(
                               "3a3000000100000000000200"
                               "10000000")
                               .value();
  const std::string runs = HexDecode(
                               "3b300000"
                               "01"
                               "00000500"
                               "0200")
                               .value();
  const auto hex = [](std::string_view text) { return HexDecode(text).value(); };
  struct Case {
    const char* what;
    std::string bytes;
    bool sound;
  };
  for (const Case& c :
       {Case{"empty", "", true},
        Case{"short array", hex("01010002000300"), true},
        Case{"short array without values", hex("01"), false},
        Case{"short array, unsorted", hex("0103000200"), false},
        Case{"short array, repeated", hex("0101000100"), false},
        Case{"short array, odd", hex("010100ff"), false},
        Case{"short array, too long", "\1" + std::string(2 * 4097, '\1'), false},
        Case{"short runs", hex("020000020005000200"), true},
        Case{"short runs, none", hex("02"), false},
        Case{"short runs, overlapping", hex("020000020002000200"), false},
        Case{"short runs, past the end", hex("02fefffeff"), false},
        Case{"short runs, cut off", hex("0200000200ffff"), false},
        Case{"another form", hex("0301000200"), false},
        Case{"array", head + hex("010002000300"), true},
        Case{"array, unsorted", head + hex("010003000200"), false},
        Case{"array, repeated", head + hex("010001000200"), false},
        Case{"array, short", head + hex("01000200"), false},
        Case{"array, long", head + hex("0100020003000400"), false},
        Case{"cookie",
             hex("3a3100000100000000000200100000000100020003000"
                 "0")
                 .substr(0, 22),
             false},
        Case{"two containers", hex("3a30000002000000000002001000000001000200"), false},
        Case{"no container", hex("3a30000000000000"), false},
        Case{"key 1",
             hex("3a3000000100000001000200100000000100020003"
                 "00"),
             false},
        Case{"offset",
             hex("3a3000000100000000000200110000000100020003"
                 "00"),
             false},
        Case{"bitset, short",
             hex("3a3000000100000000000010"
                 "10000000") +
                 std::string(8191, 1),
             false},
        Case{"bitset, wrong count",
             hex("3a3000000100000000000010"
                 "10000000") +
                 std::string(8192, '\1'),
             false},
        Case{"bitset",
             hex("3a3000000100000000000010"
                 "10000000") +
                 hex("ffffffffffffffff01") + std::string(8183, 0),
             false},
        Case{"runs",
             runs + hex("00000200"
                        "05000200"),
             true},
        Case{"runs, touching",
             runs + hex("00000200"
                        "03000200"),
             true},
        Case{"runs, overlapping",
             runs + hex("00000200"
                        "02000200"),
             false},
        Case{"runs, past the end",
             runs + hex("00000200"
                        "fefffeff"),
             false},
        Case{"runs, wrong count",
             runs + hex("00000200"
                        "05000300"),
             false},
        Case{"runs, fewer than said", runs + hex("00000500"), false},
        Case{"runs without flag",
             hex("3b300000"
                 "00"
                 "00000500"
                 "0100"
                 "00000500"),
             false},
        Case{"two run containers",
             hex("3b300100"
                 "03"
                 "00000500"
                 "01000500"),
             false}}) {
    SCOPED_TRACE(c.what);
    const Result<Bits> bits = Bits::Decode(c.bytes);
    EXPECT_EQ(bits.ok(), c.sound);
    if (bits.ok()) {
      EXPECT_EQ(Bits(bits.value().Values()), bits.value());
    }
  }
}

// Sets as format 1 has them: in Roaring's own form, which is what they decode from still.
TEST(Bits, ReadsTheFormerFormat) {
  const auto hex = [](std::string_view text) { return HexDecode(text).value(); };
  struct Case {
    std::string former;
    std::vector<uint16_t> values;
    std::string bytes;  // As it is written now.
  };
  std::vector<uint16_t> run(100);
  std::iota(run.begin(), run.end(), 7);
  for (const Case& c : {Case{hex("3a3000000100000000000000100000000900"), {9}, hex("010900")},
                        Case{hex("3a30000001000000000002001000000001000300"
                                 "0201"),
                             {1, 3, 258},
                             hex("01010003000201")},
                        Case{hex("3b3000000100006300010007006300"), run, hex("0207006300")}}) {
    const auto decoded = Bits::Decode(c.former);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded.value().Values(), c.values);
    EXPECT_EQ(decoded.value().Encode(), c.bytes);
    // An operand on top of it.
    const std::string operand = EncodeBitsOperand(Bits({500}), Bits());
    const std::string_view view = operand;
    std::vector<uint16_t> more = c.values;
    more.push_back(500);
    EXPECT_EQ(ApplyBitsOperands(c.former, {&view, 1}).value(), EncodeBits(more));
  }
}

RC_GTEST_PROP(Bits, ListsEncodeAsSetsDo, ()) {
  const std::vector<uint16_t> values = ToVector(*SetGen());
  const std::string bytes = EncodeBits(values);
  RC_ASSERT(bytes == Bits(values).Encode());
  RC_ASSERT(Bits::Decode(bytes).value().Values() == values);
  std::vector<uint16_t> few;
  const size_t count_max = *rc::gen::inRange<size_t>(0, 300);
  if (DecodeFewBits(bytes, count_max, &few)) {
    RC_ASSERT(few == values);
  } else {
    RC_ASSERT(values.size() > count_max || bytes[0] != 1);
  }
}

// One random change of a set, as an operand and for the model.
struct Change {
  Set add, remove;
  std::string Operand() const {
    return EncodeBitsOperand(Bits(ToVector(add)), Bits(ToVector(remove)));
  }
};

std::vector<Change> Changes() {
  std::vector<Change> changes;
  for (int n = *rc::gen::inRange(1, 12); n > 0; --n) {
    Change change{*SetGen(), *SetGen()};
    for (const uint16_t value : change.add) change.remove.erase(value);
    changes.push_back(std::move(change));
  }
  return changes;
}

std::string Combine(const std::vector<std::string>& operands, size_t begin, size_t end) {
  const std::vector<std::string_view> views(operands.begin() + static_cast<ptrdiff_t>(begin),
                                            operands.begin() + static_cast<ptrdiff_t>(end));
  return CombineBitsOperands(views).value();
}

// However neighbours are folded before they are applied, the set comes out the same.
RC_GTEST_PROP(BitsOperand, AnyGroupingFollowsSets, ()) {
  Set model = *SetGen();
  const std::string base = Bits(ToVector(model)).Encode();
  std::vector<std::string> operands;
  for (const Change& change : Changes()) {
    operands.push_back(change.Operand());
    for (const uint16_t value : change.remove) model.erase(value);
    model.insert(change.add.begin(), change.add.end());
  }
  for (int folds = *rc::gen::inRange(0, 6); folds > 0; --folds) {
    const size_t begin = *rc::gen::inRange<size_t>(0, operands.size());
    const size_t end = *rc::gen::inRange<size_t>(begin + 1, operands.size() + 1);
    operands[begin] = Combine(operands, begin, end);
    operands.erase(operands.begin() + static_cast<ptrdiff_t>(begin) + 1,
                   operands.begin() + static_cast<ptrdiff_t>(end));
  }
  std::string set = base;
  for (size_t at = 0; at < operands.size();) {
    const size_t count = *rc::gen::inRange<size_t>(1, operands.size() - at + 1);
    const std::vector<std::string_view> some(operands.begin() + static_cast<ptrdiff_t>(at),
                                             operands.begin() + static_cast<ptrdiff_t>(at + count));
    set = ApplyBitsOperands(set, some).value();
    at += count;
  }
  // The bytes may differ: a container that is as short as a run as it is as an array keeps the form
  // that its history gave it.
  RC_ASSERT(Bits::Decode(set).value().Values() == ToVector(model));
}

TEST(BitsOperand, IsShortForFewValues) {
  EXPECT_EQ(HexEncode(EncodeBitsOperand(Bits({258, 3}), Bits({9}))),
            "0102"
            "00030102"
            "0009");
  EXPECT_EQ(EncodeBitsOperand(Bits(), Bits()).size(), 2u);
  std::vector<uint16_t> values(16);
  std::iota(values.begin(), values.end(), 0);
  EXPECT_EQ(EncodeBitsOperand(Bits(values), Bits()).size(), 34u);
  values.push_back(16);
  EXPECT_EQ(EncodeBitsOperand(Bits(values), Bits())[0], 2);
}

TEST(BitsOperand, MalformedOnesAreCorrupt) {
  const std::string one = Bits({1}).Encode();
  std::string both("\2\0\0\0\3", 5);
  ASSERT_EQ(one.size(), 3u);
  both += one + one;
  for (const std::string& operand :
       {std::string(), std::string("\3"), std::string("\1"), std::string("\1\1\0", 3),
        std::string("\1\2\0\1\0\1", 6), std::string("\1\0\0\2\0\1", 6), std::string("\1\0\0", 3),
        std::string("\2\0\0\0\1", 5), std::string("\2\0\0", 3), both,
        std::string("\2\0\0\0\0zzz", 8)}) {
    SCOPED_TRACE(HexEncode(operand));
    const std::string_view view = operand;
    EXPECT_EQ(ApplyBitsOperands("", {&view, 1}).error().kind, ErrorKind::kCorrupt);
    EXPECT_EQ(CombineBitsOperands({&view, 1}).error().kind, ErrorKind::kCorrupt);
  }
  const std::string_view fine("\1\0", 2);
  EXPECT_EQ(ApplyBitsOperands("garbage!!", {&fine, 1}).error().kind, ErrorKind::kCorrupt);
}

TEST(PrefixRange, CoversThePrefixOnly) {
  EXPECT_EQ(PrefixRange("ab").end, "ac");
  EXPECT_EQ(PrefixRange("a\xff").end, "b");
  EXPECT_EQ(PrefixRange("\xff\xff").end, "");
  EXPECT_EQ(PrefixRange("").end, "");
}

}  // namespace
}  // namespace tarn::kv
