#include "fhir_store/internal/keys.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "fhir_store/fhir_store.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/hash_index.h"
#include "fhir_store/internal/id_walk.h"
#include "fhir_store/internal/key_hash.h"
#include "kv/fake_engine.h"

namespace tarn::fhir_store {
namespace {

TEST(PackedId, ShrinksWhatItCanRestore) {
  struct Case {
    std::string id;
    size_t bytes;
  };
  for (const Case& c : {
           Case{"74683d0b-d717-4951-85d3-4714ab816116", 17},
           Case{"00000000-0000-0000-0000-000000000000", 17},
           Case{"74683d0bd717495185d34714ab816116", 17},
           // Not the form that unpacking restores: kept as text.
           Case{"74683D0B-D717-4951-85D3-4714AB816116", 37},
           Case{"74683d0bd-717-4951-85d3-4714ab816116", 37},
           Case{"74683d0b-d717-4951-85d3-4714ab81611g", 37},
           Case{"74683d0bd717495185d34714ab81611-", 33},
           Case{"a", 2},
           Case{"0123456789abcdef", 17},
           Case{std::string(64, 'z'), 65},
       }) {
    SCOPED_TRACE(c.id);
    std::string packed;
    AppendPackedId(&packed, c.id);
    EXPECT_EQ(packed.size(), c.bytes);
    const auto unpacked = UnpackId(packed);
    ASSERT_TRUE(unpacked.ok());
    EXPECT_EQ(unpacked.value(), c.id);
  }
}

TEST(PackedId, KeepsIdsApart) {
  const std::vector<std::string> ids = {"00112233-4455-6677-8899-aabbccddeeff",
                                        "00112233445566778899aabbccddeeff",
                                        "0123456789abcdef",
                                        std::string(16, '0'),
                                        "0",
                                        "00",
                                        "a.b-c"};
  std::set<std::string> packed;
  for (const std::string& id : ids) packed.insert(CurrentKey(1, id));
  EXPECT_EQ(packed.size(), ids.size());
}

TEST(PackedId, RefusesWhatItDidNotWrite) {
  const std::string sixteen(16, 'x');
  for (const std::string& packed :
       {std::string(), std::string("\1short", 6), '\1' + sixteen + 'x', '\3' + sixteen,
        std::string(1, '\0'), std::string("\0has space", 10), '\0' + std::string(65, 'a')}) {
    const auto unpacked = UnpackId(packed);
    ASSERT_FALSE(unpacked.ok());
    EXPECT_EQ(unpacked.error().kind, ErrorKind::kCorrupt);
  }
}

RC_GTEST_PROP(Keys, OrderOfVersionKeysIsTypeOrdinalNewestFirst, ()) {
  const auto a = *rc::gen::tuple(rc::gen::arbitrary<uint16_t>(), rc::gen::arbitrary<uint32_t>(),
                                 rc::gen::arbitrary<uint32_t>());
  const auto b = *rc::gen::tuple(rc::gen::element(std::get<0>(a), uint16_t{7}),
                                 rc::gen::element(std::get<1>(a), uint32_t{70000}),
                                 rc::gen::arbitrary<uint32_t>());
  const std::string key_a = VersionKey(std::get<0>(a), std::get<1>(a), std::get<2>(a));
  const std::string key_b = VersionKey(std::get<0>(b), std::get<1>(b), std::get<2>(b));
  const auto order = [](const auto& t) {
    return std::tuple(std::get<0>(t), std::get<1>(t), ~std::get<2>(t));
  };
  RC_ASSERT((key_a < key_b) == (order(a) < order(b)));
  const auto parts = ParseVersionKey(key_a);
  RC_ASSERT(parts.ok());
  RC_ASSERT(std::tuple(parts.value().type, parts.value().ordinal, parts.value().version) == a);
}

RC_GTEST_PROP(Keys, CurrentRecordsSurvive, (uint32_t version, uint32_t ordinal, bool deleted)) {
  RC_PRE(version > 0);
  const CurrentRecord record{.version = version,
                             .ordinal = ordinal,
                             .deleted = deleted,
                             .last_updated_unix_ms = int64_t{ordinal} << 16};
  const auto decoded = DecodeCurrent(EncodeCurrent(record));
  RC_ASSERT(decoded.ok());
  RC_ASSERT(decoded.value().version == version);
  RC_ASSERT(decoded.value().ordinal == ordinal);
  RC_ASSERT(decoded.value().deleted == deleted);
  RC_ASSERT(decoded.value().last_updated_unix_ms == record.last_updated_unix_ms);
}

TEST(CurrentRecord, RefusesDamage) {
  const std::string good = EncodeCurrent({.version = 3, .ordinal = 5});
  EXPECT_FALSE(DecodeCurrent("").ok());
  EXPECT_FALSE(DecodeCurrent(good + "x").ok());
  EXPECT_FALSE(DecodeCurrent(std::string_view(good).substr(1)).ok());
  std::string form = good;
  form[8] = 9;
  EXPECT_FALSE(DecodeCurrent(form).ok());
  EXPECT_FALSE(DecodeCurrent(std::string(8, '\0') + good.substr(8)).ok());  // Version 0.
}

TEST(Log, Survives) {
  const std::vector<LogEntry> entries = {
      {.op = LogOp::kPut, .type = 3, .ordinal = 9, .version = 2},
      {.op = LogOp::kDelete, .type = 3, .ordinal = 9, .version = 3},
      {.op = LogOp::kCreated, .type = 4, .ordinal = 100, .version = 1, .count = 5000}};
  const auto decoded = DecodeLog(EncodeLog(entries));
  ASSERT_TRUE(decoded.ok());
  ASSERT_EQ(decoded.value().size(), entries.size());
  EXPECT_EQ(decoded.value()[1].version, 3u);
  EXPECT_EQ(decoded.value()[2].count, 5000u);
  EXPECT_FALSE(DecodeLog("").ok());
  EXPECT_FALSE(DecodeLog(EncodeLog(entries) + "x").ok());
  EXPECT_FALSE(DecodeLog(std::string("\x01\x09", 2)).ok());
}

TEST(HashIndex, FindsByHashAndPredicate) {
  HashIndex index;
  EXPECT_FALSE(index.Contains(1));
  for (uint32_t i = 0; i < 10'000; ++i) index.Insert(i % 5000, i);
  EXPECT_EQ(index.size(), 10'000u);
  for (uint32_t i = 0; i < 10'000; ++i) {
    EXPECT_EQ(index.Find(i % 5000, [i](uint32_t n) { return n == i; }), i);
  }
  EXPECT_EQ(index.Find(17, [](uint32_t) { return false; }), HashIndex::kNone);
  EXPECT_FALSE(index.Contains(5000));
  index.Clear();
  EXPECT_FALSE(index.Contains(1));
}

TEST(KeyHash, DependsOnEveryByteAndOnTheKey) {
  SeededRandom random(1);
  const KeyHash hash(random);
  const KeyHash other(random);
  std::set<uint64_t> seen;
  std::string key(20, '\0');
  seen.insert(hash(key));
  for (size_t i = 0; i < key.size(); ++i) {
    key[i] = 1;
    seen.insert(hash(key));
    key[i] = 0;
  }
  seen.insert(hash(key.substr(1)));
  seen.insert(other(key));
  EXPECT_EQ(seen.size(), key.size() + 3);
}

TEST(IdWalk, GoesThroughIdsOfEveryFormInOrderFromAnyText) {
  kv::FakeEngine engine;
  const auto store = engine.Open("store", DataStoreSchema()).value();
  const fhir::TypeId type = fhir::FindType("Patient");
  std::set<std::string> ids;
  SeededRandom random(7);
  kv::Batch batch;
  for (int i = 0; i < 300; ++i) {
    std::string id = NewUuid(random);
    if (i % 3 == 0) std::erase(id, '-');
    if (i % 3 == 1) id = id.substr(0, 1 + random.Below(12));
    if (id.back() == '-') id.back() = 'Z';
    if (!ids.insert(id).second) continue;
    batch.Put(kCurrent, CurrentKey(type, id), EncodeCurrent({.version = 1}));
  }
  batch.Put(kCurrent, CurrentKey(static_cast<fhir::TypeId>(type + 1), "other"),
            EncodeCurrent({.version = 1}));
  ASSERT_TRUE(store->Commit(batch).ok());
  const auto snapshot = store->GetSnapshot();
  std::vector<std::string> starts(ids.begin(), ids.end());
  for (int i = 0; i < 300; ++i) {
    std::string text = starts[random.Below(starts.size())];
    text.resize(random.Below(text.size() + 1));
    starts.push_back(text +
                     std::string(random.Below(2), static_cast<char>('-' + random.Below(80))));
  }
  for (const std::string& start : starts) {
    SCOPED_TRACE(start);
    for (const auto direction : {kv::Direction::kForward, kv::Direction::kReverse}) {
      const bool forward = direction == kv::Direction::kForward;
      std::vector<std::string> expected;
      for (const std::string& id : ids) {
        if (forward ? id >= start : id <= start) expected.push_back(id);
      }
      if (!forward) std::reverse(expected.begin(), expected.end());
      if (!forward && start.empty()) expected = {ids.rbegin(), ids.rend()};
      IdWalk walk(*snapshot, type, direction);
      if (!start.empty()) walk.Seek(start);
      std::vector<std::string> seen;
      std::string id;
      CurrentRecord record;
      for (;;) {
        const auto more = walk.Next(&id, &record);
        ASSERT_TRUE(more.ok());
        if (!more.value()) break;
        seen.push_back(id);
      }
      EXPECT_EQ(seen, expected);
    }
  }
}

}  // namespace
}  // namespace tarn::fhir_store
