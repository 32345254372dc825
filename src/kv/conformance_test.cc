#include "kv/conformance.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "base/random.h"

namespace tarn::kv {

using testing::ElementsAre;
using testing::IsEmpty;

Schema EngineConformance::TestSchema() {
  return {{{.name = "point", .point_lookups = true},
           {.name = "packed", .values_compressed = true},
           {.name = "plain"},
           {.name = "chunks", .kind = FamilyKind::kBits},
           {.name = "more", .kind = FamilyKind::kBits, .point_lookups = true},
           {.name = "log"}}};
}

void EngineConformance::SetUp() {
  harness_ = GetParam()();
  auto opened = engine().Open("store", TestSchema());
  ASSERT_TRUE(opened.ok()) << opened.error().detail;
  store_ = std::move(opened).value();
}

void EngineConformance::TearDown() {
  store_.reset();
  harness_.reset();
}

void EngineConformance::Reopen(const Schema& schema) {
  store_.reset();
  harness_->Reopen();
  auto opened = engine().Open("store", schema);
  ASSERT_TRUE(opened.ok()) << opened.error().detail;
  store_ = std::move(opened).value();
}

uint64_t EngineConformance::Commit(const Batch& batch) {
  const Result<uint64_t> sequence = store().Commit(batch);
  EXPECT_TRUE(sequence.ok()) << sequence.error().detail;
  return sequence.ok() ? sequence.value() : 0;
}

uint64_t EngineConformance::Put(Family family, std::string_view key, std::string_view value) {
  Batch batch;
  batch.Put(family, key, value);
  return Commit(batch);
}

std::string EngineConformance::Get(Family family, std::string_view key) {
  std::string value;
  const Result<bool> found = store().GetSnapshot()->Get(family, key, &value);
  EXPECT_TRUE(found.ok());
  return found.ok() && found.value() ? value : "(none)";
}

std::vector<uint16_t> EngineConformance::Chunk(Family family, std::string_view key) {
  std::string value;
  const Result<bool> found = store().GetSnapshot()->Get(family, key, &value);
  EXPECT_TRUE(found.ok());
  if (!found.ok() || !found.value()) return {};
  EXPECT_FALSE(value.empty()) << "an empty chunk is a missing key";
  const Result<Bits> bits = Bits::Decode(value);
  EXPECT_TRUE(bits.ok());
  return bits.ok() ? bits.value().Values() : std::vector<uint16_t>();
}

std::vector<std::string> EngineConformance::Keys(Family family, KeyRange range,
                                                 Direction direction) {
  std::vector<std::string> keys;
  const auto snapshot = store().GetSnapshot();
  const auto cursor = snapshot->Scan(family, std::move(range), direction);
  for (; cursor->Valid(); cursor->Next()) keys.emplace_back(cursor->key());
  EXPECT_TRUE(cursor->status().ok());
  return keys;
}

std::vector<std::pair<std::string, std::string>> EngineConformance::Entries(Family family) {
  std::vector<std::pair<std::string, std::string>> entries;
  const auto snapshot = store().GetSnapshot();
  const auto cursor = snapshot->Scan(family, {});
  for (; cursor->Valid(); cursor->Next()) entries.emplace_back(cursor->key(), cursor->value());
  EXPECT_TRUE(cursor->status().ok());
  return entries;
}

namespace {

TEST_P(EngineConformance, PutGetDelete) {
  EXPECT_EQ(Get(kPoint, "a"), "(none)");
  Put(kPoint, "a", "1");
  Put(kPacked, "a", "2");
  EXPECT_EQ(Get(kPoint, "a"), "1");
  EXPECT_EQ(Get(kPacked, "a"), "2");
  EXPECT_EQ(Get(kPlain, "a"), "(none)");
  Batch batch;
  batch.Delete(kPoint, "a");
  batch.Delete(kPoint, "never there");
  batch.Put(kPlain, "", "an empty key");
  batch.Put(kPlain, "empty value", "");
  Commit(batch);
  EXPECT_EQ(Get(kPoint, "a"), "(none)");
  EXPECT_EQ(Get(kPlain, ""), "an empty key");
  EXPECT_EQ(Get(kPlain, "empty value"), "");
}

TEST_P(EngineConformance, LaterChangesOfABatchWin) {
  Batch batch;
  batch.Put(kPoint, "a", "1");
  batch.Put(kPoint, "a", "2");
  batch.Put(kPoint, "b", "1");
  batch.Delete(kPoint, "b");
  batch.Delete(kPoint, "c");
  batch.Put(kPoint, "c", "3");
  Commit(batch);
  EXPECT_EQ(Get(kPoint, "a"), "2");
  EXPECT_EQ(Get(kPoint, "b"), "(none)");
  EXPECT_EQ(Get(kPoint, "c"), "3");
}

TEST_P(EngineConformance, MultiGetAnswersInOrder) {
  Put(kPoint, "a", "1");
  Put(kPoint, "c", "");
  const std::vector<std::string> keys{"c", "b", "a", "c"};
  const auto values = store().GetSnapshot()->MultiGet(kPoint, keys);
  ASSERT_TRUE(values.ok());
  EXPECT_THAT(values.value(), ElementsAre("", std::nullopt, "1", ""));
  EXPECT_THAT(store().GetSnapshot()->MultiGet(kPoint, {}).value(), IsEmpty());
}

TEST_P(EngineConformance, KeysCompareAsUnsignedBytes) {
  const std::string zero(1, '\0');
  for (const std::string& key : {std::string("\xff"), std::string("a"), zero, std::string("\x7f"),
                                 std::string("\x80"), "a" + zero, std::string("A")}) {
    Put(kPlain, key, "");
  }
  EXPECT_THAT(Keys(kPlain, {}), ElementsAre(zero, "A", "a", "a" + zero, "\x7f", "\x80", "\xff"));
  EXPECT_THAT(Keys(kPlain, {}, Direction::kReverse),
              ElementsAre("\xff", "\x80", "\x7f", "a" + zero, "a", "A", zero));
}

TEST_P(EngineConformance, RangesIncludeTheirBeginOnly) {
  for (const char* key : {"a", "b", "ba", "c", "d"}) Put(kPlain, key, "");
  struct Case {
    KeyRange range;
    std::vector<std::string> forward;
  };
  for (const Case& c :
       {Case{{"b", "d"}, {"b", "ba", "c"}}, Case{{"", "b"}, {"a"}}, Case{{"bb", ""}, {"c", "d"}},
        Case{{"b", "b"}, {}}, Case{{"d", "b"}, {}}, Case{{"e", ""}, {}}, Case{{"aa", "aaa"}, {}},
        Case{PrefixRange("b"), {"b", "ba"}}}) {
    SCOPED_TRACE(c.range.begin + ".." + c.range.end);
    EXPECT_EQ(Keys(kPlain, c.range), c.forward);
    EXPECT_EQ(Keys(kPlain, c.range, Direction::kReverse),
              std::vector<std::string>(c.forward.rbegin(), c.forward.rend()));
  }
}

TEST_P(EngineConformance, SeeksStayInTheirRange) {
  for (const char* key : {"a", "b", "d", "e"}) Put(kPlain, key, "");
  struct Case {
    Direction direction;
    std::string seek, found;  // Within [b, e).
  };
  for (const Case& c : {Case{Direction::kForward, "a", "b"}, Case{Direction::kForward, "b", "b"},
                        Case{Direction::kForward, "c", "d"}, Case{Direction::kForward, "e", "-"},
                        Case{Direction::kForward, "", "b"}, Case{Direction::kReverse, "z", "d"},
                        Case{Direction::kReverse, "e", "d"}, Case{Direction::kReverse, "d", "d"},
                        Case{Direction::kReverse, "c", "b"}, Case{Direction::kReverse, "b", "b"},
                        Case{Direction::kReverse, "a", "-"}}) {
    SCOPED_TRACE(c.seek);
    const auto snapshot = store().GetSnapshot();
    const auto cursor = snapshot->Scan(kPlain, {"b", "e"}, c.direction);
    cursor->Seek(c.seek);
    EXPECT_EQ(cursor->Valid() ? std::string(cursor->key()) : "-", c.found);
    EXPECT_TRUE(cursor->status().ok());
  }
}

TEST_P(EngineConformance, CursorsMoveBackAndForthBySeek) {
  for (const char* key : {"a", "b", "c", "d"}) Put(kPlain, key, key);
  const auto snapshot = store().GetSnapshot();
  const auto cursor = snapshot->Scan(kPlain, {});
  cursor->Seek("c");
  EXPECT_EQ(cursor->value(), "c");
  cursor->Seek("a");
  EXPECT_EQ(cursor->key(), "a");
  cursor->Next();
  EXPECT_EQ(cursor->key(), "b");
  cursor->Seek("d");
  cursor->Next();
  EXPECT_FALSE(cursor->Valid());
  cursor->Seek("b");
  EXPECT_EQ(cursor->key(), "b");
}

TEST_P(EngineConformance, SnapshotsDoNotMove) {
  Put(kPlain, "a", "1");
  Batch bits;
  bits.MergeBits(kChunks, "x", Bits({1, 2}), Bits());
  const uint64_t before = Commit(bits);
  const auto snapshot = store().GetSnapshot();
  const auto cursor = snapshot->Scan(kPlain, {});
  Batch batch;
  batch.Put(kPlain, "a", "2");
  batch.Put(kPlain, "b", "2");
  batch.MergeBits(kChunks, "x", Bits({3}), Bits({1}));
  const uint64_t after = Commit(batch);
  EXPECT_EQ(snapshot->sequence(), before);
  std::string value;
  ASSERT_TRUE(snapshot->Get(kPlain, "a", &value).value());
  EXPECT_EQ(value, "1");
  EXPECT_FALSE(snapshot->Get(kPlain, "b", &value).value());
  ASSERT_TRUE(snapshot->Get(kChunks, "x", &value).value());
  EXPECT_THAT(Bits::Decode(value).value().Values(), ElementsAre(1, 2));
  EXPECT_EQ(cursor->value(), "1");
  cursor->Next();
  EXPECT_FALSE(cursor->Valid());
  EXPECT_EQ(store().GetSnapshot()->sequence(), after);
  EXPECT_THAT(Chunk(kChunks, "x"), ElementsAre(2, 3));
}

TEST_P(EngineConformance, ExpectationsGuardTheWholeBatch) {
  Batch create;
  create.ExpectAbsent(kPoint, "k");
  create.PutSequenced(kPoint, "k", kSequenceBytes, {.value_offset = 0});
  create.Put(kPlain, "other", "1");
  const uint64_t revision = Commit(create);
  EXPECT_EQ(store().Commit(create).error().kind, ErrorKind::kConflict);

  struct Case {
    uint64_t expected;
    bool holds;
  };
  for (const Case& c : {Case{revision + 1, false}, Case{0, false}, Case{revision, true}}) {
    Batch update;
    update.ExpectRevision(kPoint, "k", c.expected);
    update.Put(kPlain, "other", "2");
    EXPECT_EQ(store().Commit(update).ok(), c.holds);
    EXPECT_EQ(Get(kPlain, "other"), c.holds ? "2" : "1");
  }
  Batch missing;
  missing.ExpectRevision(kPoint, "missing", 1);
  EXPECT_EQ(store().Commit(missing).error().kind, ErrorKind::kConflict);
  Put(kPoint, "short", "1234567");
  Batch no_revision;
  no_revision.ExpectRevision(kPoint, "short", 1);
  EXPECT_EQ(store().Commit(no_revision).error().kind, ErrorKind::kConflict);
  Batch removed;
  removed.Delete(kPoint, "k");
  Commit(removed);
  EXPECT_TRUE(store().Commit(create).ok());
}

// Concurrent commits form groups, so this also covers expectations that see the group's own writes.
TEST_P(EngineConformance, GuardedIncrementsLoseNothing) {
  constexpr int kThreads = 8;
  constexpr int kIncrements = 40;
  Batch start;
  start.Put(kPoint, "n", std::string(8, '\0') + std::string(8, '\0'));
  Commit(start);
  std::atomic<int> conflicts{0};
  std::vector<std::vector<uint64_t>> sequences(kThreads);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int done = 0; done < kIncrements;) {
        std::string value;
        CHECK(store().GetSnapshot()->Get(kPoint, "n", &value).value());
        std::string next(kSequenceBytes);
        AppendBe64(&next, LoadBe64(std::string_view(value).substr(8)) + 1);
        Batch batch;
        batch.ExpectRevision(kPoint, "n", LoadBe64(value));
        batch.PutSequenced(kPoint, "n", next, {.value_offset = 0});
        const Result<uint64_t> sequence = store().Commit(batch);
        if (sequence.ok()) {
          sequences[t].push_back(sequence.value());
          ++done;
        } else {
          CHECK(sequence.error().kind == ErrorKind::kConflict);
          ++conflicts;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(LoadBe64(Get(kPoint, "n").substr(8)), kThreads * kIncrements);
  std::set<uint64_t> all;
  for (const auto& mine : sequences) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), kThreads * kIncrements);
}

// A log keyed by sequence has no gaps behind its newest entry: whoever has read up to S never
// misses a later commit with a smaller sequence.
TEST_P(EngineConformance, SequencesBecomeVisibleInOrder) {
  constexpr int kThreads = 4;
  constexpr int kCommits = 50;
  std::atomic<int> writers{kThreads};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCommits; ++i) {
        Batch batch;
        batch.PutSequenced(kLog, kSequenceBytes, "", {.key_offset = 0});
        CHECK(store().Commit(batch).ok());
      }
      --writers;
    });
  }
  bool last = false;
  while (!last) {
    last = writers == 0;
    const auto snapshot = store().GetSnapshot();
    uint64_t expected = 0;
    for (const auto cursor = snapshot->Scan(kLog, {}); cursor->Valid(); cursor->Next()) {
      ASSERT_EQ(LoadBe64(cursor->key()), ++expected);
    }
    ASSERT_EQ(snapshot->sequence(), expected);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store().GetSnapshot()->sequence(), kThreads * kCommits);
}

TEST_P(EngineConformance, SequencesAreSubstitutedWhereMarked) {
  EXPECT_EQ(store().GetSnapshot()->sequence(), 0u);
  const std::string marked = "k" + std::string(kSequenceBytes) + "z";
  Batch batch;
  batch.PutSequenced(kLog, marked, "v" + std::string(kSequenceBytes),
                     {.key_offset = 1, .value_offset = 1});
  batch.PutSequenced(kPoint, marked, marked, {});
  const uint64_t sequence = Commit(batch);
  std::string number;
  AppendBe64(&number, sequence);
  EXPECT_EQ(Get(kLog, "k" + number + "z"), "v" + number);
  EXPECT_EQ(Get(kPoint, marked), marked);
  // Two keys that become one: the later change wins.
  Batch twice;
  twice.PutSequenced(kLog, kSequenceBytes, "1", {.key_offset = 0});
  twice.PutSequenced(kLog, kSequenceBytes, "2", {.key_offset = 0});
  number.clear();
  AppendBe64(&number, Commit(twice));
  EXPECT_EQ(Get(kLog, number), "2");
}

TEST_P(EngineConformance, BitsMergeInOrder) {
  Batch batch;
  batch.MergeBits(kChunks, "x", Bits({1, 2, 3}), Bits({4}));
  batch.MergeBits(kChunks, "x", Bits({4}), Bits({1}));
  batch.MergeBits(kChunks, "y", Bits(), Bits({1}));
  Commit(batch);
  EXPECT_THAT(Chunk(kChunks, "x"), ElementsAre(2, 3, 4));
  EXPECT_THAT(Keys(kChunks, {}), ElementsAre("x"));
  Batch empty;
  empty.MergeBits(kChunks, "x", Bits(), Bits({2, 3, 4}));
  Commit(empty);
  EXPECT_THAT(Keys(kChunks, {}), IsEmpty());
  EXPECT_THAT(Keys(kChunks, {}, Direction::kReverse), IsEmpty());
  EXPECT_EQ(Get(kChunks, "x"), "(none)");
  const std::vector<std::string> keys{"x"};
  EXPECT_THAT(store().GetSnapshot()->MultiGet(kChunks, keys).value(), ElementsAre(std::nullopt));
  Batch again;
  again.MergeBits(kChunks, "x", Bits({9}), Bits());
  Commit(again);
  EXPECT_THAT(Chunk(kChunks, "x"), ElementsAre(9));
}

// Large batches are prepared before their turn, and small ones join them: each still acts as a
// whole, in one order, whatever it expects of the others.
TEST_P(EngineConformance, LargeAndSmallBatchesActOneAfterTheOther) {
  constexpr int kRounds = 30;
  constexpr uint16_t kWriters = 4;
  std::vector<std::thread> threads;
  for (uint16_t writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      for (int round = 0; round < kRounds; ++round) {
        for (;;) {
          std::string value;
          const bool found = store().GetSnapshot()->Get(kPoint, "counter", &value).value();
          const uint64_t count = found ? LoadBe64(value) : 0;
          Batch batch;
          if (found) {
            batch.ExpectRevision(kPoint, "counter", count);
          } else {
            batch.ExpectAbsent(kPoint, "counter");
          }
          std::string next;
          AppendBe64(&next, count + 1);
          batch.Put(kPoint, "counter", next);
          batch.MergeBits(kChunks, "shared", Bits({static_cast<uint16_t>(count)}), Bits());
          // The last one in keeps its bit.
          batch.MergeBits(kChunks, "last", Bits({writer}), Bits());
          for (uint16_t other = 0; other < kWriters; ++other) {
            if (other != writer) batch.MergeBits(kChunks, "last", Bits(), Bits({other}));
          }
          if (writer % 2 == 0) {
            const std::string filling(3000, 'x');
            for (int i = 0; i < 100; ++i) {
              batch.Put(kPacked, std::to_string(writer) + "/" + std::to_string(i), filling);
            }
          }
          batch.PutSequenced(kLog, kSequenceBytes, next, {.key_offset = 0});
          const auto committed = store().Commit(batch);
          if (committed.ok()) break;
          ASSERT_EQ(committed.error().kind, ErrorKind::kConflict);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_EQ(Chunk(kChunks, "shared").size(), size_t{kRounds} * kWriters);
    EXPECT_EQ(Chunk(kChunks, "last").size(), 1u);
    EXPECT_EQ(Entries(kPacked).size(), 200u);
    // The log is in the order in which the counter was counted.
    uint64_t count = 0;
    for (const auto& [key, value] : Entries(kLog)) EXPECT_EQ(LoadBe64(value), ++count);
    EXPECT_EQ(count, uint64_t{kRounds} * kWriters);
    Reopen();
  }
}

TEST_P(EngineConformance, BitsFollowAModelThroughFlushesAndReopening) {
  SeededRandom random(7);
  std::map<std::string, std::set<uint16_t>> model;
  for (int round = 0; round < 120; ++round) {
    Batch batch;
    for (int i = 0; i < 4; ++i) {
      const std::string key(1, static_cast<char>('a' + random.Below(5)));
      const uint64_t span = random.Below(3) == 0 ? 65536 : 40;
      Bits add, remove;
      for (uint64_t n = random.Below(30); n > 0; --n) {
        const auto value = static_cast<uint16_t>(random.Below(span));
        if (random.Below(2) == 0 && !remove.Contains(value)) {
          add.Add(value);
        } else if (!add.Contains(value)) {
          remove.Add(value);
        }
      }
      batch.MergeBits(kMore, key, add, remove);
      for (const uint16_t value : add.Values()) model[key].insert(value);
      for (const uint16_t value : remove.Values()) model[key].erase(value);
    }
    Commit(batch);
    if (round % 40 == 20) {
      ASSERT_TRUE(store().Settle().ok());
    }
    if (round % 40 == 30) Reopen();
  }
  for (const auto& [key, values] : model) {
    EXPECT_EQ(Chunk(kMore, key), std::vector<uint16_t>(values.begin(), values.end())) << key;
  }
}

TEST_P(EngineConformance, IngestsRunAndPublishBatchTogether) {
  Put(kPlain, "a", "old");
  Batch bits;
  bits.MergeBits(kChunks, "x", Bits({1, 2}), Bits());
  const uint64_t before = Commit(bits);
  std::unique_ptr<Snapshot> old = store().GetSnapshot();

  auto run = store().NewRun();
  ASSERT_TRUE(run.ok());
  for (const char* key : {"b", "c"}) ASSERT_TRUE(run.value()->Put(kPlain, key, key).ok());
  ASSERT_TRUE(run.value()->MergeBits(kChunks, "x", Bits({2, 3}), Bits({1})).ok());
  ASSERT_TRUE(run.value()->Put(kPlain, "d", "d").ok());
  ASSERT_TRUE(run.value()->MergeBits(kChunks, "y", Bits({7}), Bits()).ok());
  EXPECT_GT(run.value()->bytes(), 0u);
  EXPECT_THAT(Keys(kPlain, {}), ElementsAre("a"));

  Batch publish;
  publish.PutSequenced(kLog, kSequenceBytes, "run", {.key_offset = 0});
  publish.PutSequenced(kPoint, "job", kSequenceBytes, {.value_offset = 0});
  publish.Put(kPoint, "gone", "1");
  publish.Delete(kPoint, "gone");
  publish.MergeBits(kMore, "m", Bits({5}), Bits());
  publish.MergeBits(kMore, "m", Bits({6}), Bits({5}));
  const Result<uint64_t> sequence = store().Ingest(std::move(run).value(), publish);
  ASSERT_TRUE(sequence.ok()) << sequence.error().detail;
  EXPECT_GT(sequence.value(), before);

  for (const bool reopened : {false, true}) {
    SCOPED_TRACE(reopened);
    EXPECT_THAT(Keys(kPlain, {}), ElementsAre("a", "b", "c", "d"));
    EXPECT_THAT(Chunk(kChunks, "x"), ElementsAre(2, 3));
    EXPECT_THAT(Chunk(kChunks, "y"), ElementsAre(7));
    EXPECT_THAT(Chunk(kMore, "m"), ElementsAre(6));
    EXPECT_EQ(LoadBe64(Get(kPoint, "job")), sequence.value());
    EXPECT_EQ(Get(kPoint, "gone"), "(none)");
    std::string number;
    AppendBe64(&number, sequence.value());
    EXPECT_EQ(Get(kLog, number), "run");
    EXPECT_EQ(store().GetSnapshot()->sequence(), sequence.value());
    if (reopened) break;
    EXPECT_EQ(old->sequence(), before);
    std::string value;
    EXPECT_FALSE(old->Get(kPlain, "b", &value).value());
    ASSERT_TRUE(old->Get(kChunks, "x", &value).value());
    EXPECT_THAT(Bits::Decode(value).value().Values(), ElementsAre(1, 2));
    old.reset();
    Reopen();
  }
  EXPECT_EQ(Put(kPlain, "e", ""), sequence.value() + 1);
}

// Several at once, with commits between them: each is there whole, under a sequence of its own that
// is above those of what was there before.
TEST_P(EngineConformance, IngestionsAtOnceHaveSequencesOfTheirOwn) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 4;
  std::vector<std::vector<uint64_t>> sequences(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string key = "i" + std::to_string(t) + "-" + std::to_string(round);
        auto run = store().NewRun();
        CHECK(run.ok() && run.value()->Put(kPlain, key, key).ok());
        Batch publish;
        publish.PutSequenced(kLog, kSequenceBytes, key, {.key_offset = 0});
        const Result<uint64_t> ingested = store().Ingest(std::move(run).value(), publish);
        CHECK(ingested.ok());
        sequences[t].push_back(ingested.value());
        Batch batch;
        batch.PutSequenced(kLog, kSequenceBytes, "c" + key, {.key_offset = 0});
        const Result<uint64_t> committed = store().Commit(batch);
        CHECK(committed.ok());
        sequences[t].push_back(committed.value());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<uint64_t, std::string> log;
  for (const auto& [key, value] : Entries(kLog)) log[LoadBe64(key)] = value;
  EXPECT_EQ(log.size(), size_t{kThreads * kRounds * 2});
  for (int t = 0; t < kThreads; ++t) {
    EXPECT_TRUE(std::is_sorted(sequences[t].begin(), sequences[t].end()));
    for (size_t i = 0; i < sequences[t].size(); ++i) {
      const std::string key = "i" + std::to_string(t) + "-" + std::to_string(i / 2);
      EXPECT_EQ(log[sequences[t][i]], i % 2 == 0 ? key : "c" + key);
      EXPECT_EQ(Get(kPlain, key), key);
    }
  }
  EXPECT_EQ(store().GetSnapshot()->sequence(), log.rbegin()->first);
}

TEST_P(EngineConformance, IngestChecksExpectations) {
  Put(kPoint, "fence", std::string(8, '\1'));
  auto run = store().NewRun();
  ASSERT_TRUE(run.ok());
  ASSERT_TRUE(run.value()->Put(kPlain, "b", "").ok());
  Batch publish;
  publish.ExpectRevision(kPoint, "fence", 2);
  publish.Put(kLog, "l", "");
  EXPECT_EQ(store().Ingest(std::move(run).value(), publish).error().kind, ErrorKind::kConflict);
  EXPECT_THAT(Keys(kPlain, {}), IsEmpty());
  EXPECT_THAT(Keys(kLog, {}), IsEmpty());
}

TEST_P(EngineConformance, RunsThatAreNotIngestedLeaveNothing) {
  {
    auto run = store().NewRun();
    ASSERT_TRUE(run.ok());
    ASSERT_TRUE(run.value()->Put(kPlain, "b", std::string(1000, 'b')).ok());
  }
  Reopen();
  EXPECT_THAT(Keys(kPlain, {}), IsEmpty());
  // A run without anything but its publish batch is a commit.
  auto run = store().NewRun();
  ASSERT_TRUE(run.ok());
  Batch publish;
  publish.Put(kLog, "l", "1");
  ASSERT_TRUE(store().Ingest(std::move(run).value(), publish).ok());
  EXPECT_EQ(Get(kLog, "l"), "1");
}

// Ingestions between commits, with readers that must see each one whole: the run adds the number i
// to one family and the publish batch says in another that it did.
TEST_P(EngineConformance, ReadersSeeIngestionsWhole) {
  constexpr uint32_t kRuns = 25;
  std::atomic<bool> writing{true};
  std::map<uint64_t, uint32_t> counts = {{0, 0}};  // By sequence. The writer's until it has ended.
  std::thread writer([&] {
    for (uint32_t i = 1; i <= kRuns; ++i) {
      auto run = store().NewRun();
      CHECK(run.ok());
      std::string number;
      AppendBe32(&number, i);
      CHECK(run.value()->Put(kPlain, number, "x").ok());
      const Bits bit({static_cast<uint16_t>(i)});
      CHECK(run.value()->MergeBits(kChunks, "c", bit, Bits()).ok());
      Batch publish;
      publish.Put(kPoint, "count", number);
      counts[store().Ingest(std::move(run).value(), publish).value()] = i;
      Batch batch;
      batch.Put(kLog, "after", number);
      counts[store().Commit(batch).value()] = i;
    }
    writing = false;
  });
  uint64_t newest = 0;
  std::map<uint64_t, uint32_t> seen;
  for (bool last = false; !last;) {
    last = !writing;
    const auto snapshot = store().GetSnapshot();
    ASSERT_GE(snapshot->sequence(), newest);
    newest = snapshot->sequence();
    std::string value;
    uint32_t count = 0;
    if (snapshot->Get(kPoint, "count", &value).value()) count = LoadBe32(value);
    ASSERT_EQ(seen.try_emplace(newest, count).first->second, count);
    uint32_t found = 0;
    for (const auto cursor = snapshot->Scan(kPlain, {}); cursor->Valid(); cursor->Next()) ++found;
    ASSERT_EQ(found, count);
    uint32_t bits = 0;
    if (snapshot->Get(kChunks, "c", &value).value()) bits = Bits::Decode(value).value().Count();
    ASSERT_EQ(bits, count);
  }
  writer.join();
  EXPECT_EQ(counts.size(), 2 * kRuns + 1);
  for (const auto& [sequence, count] : seen) {
    ASSERT_TRUE(counts.contains(sequence)) << sequence;
    EXPECT_EQ(counts[sequence], count);
  }
}

TEST_P(EngineConformance, ReopeningKeepsEverything) {
  Put(kPlain, "a", "1");
  Batch batch;
  batch.MergeBits(kChunks, "x", Bits({1}), Bits());
  const uint64_t sequence = Commit(batch);
  for (int i = 0; i < 3; ++i) Reopen();
  EXPECT_EQ(Get(kPlain, "a"), "1");
  EXPECT_THAT(Chunk(kChunks, "x"), ElementsAre(1));
  EXPECT_EQ(store().GetSnapshot()->sequence(), sequence);
  EXPECT_EQ(Put(kPlain, "b", ""), sequence + 1);
}

TEST_P(EngineConformance, NewFamiliesAreMadeAtOpening) {
  Put(kPlain, "a", "1");
  Schema grown = TestSchema();
  grown.families.push_back({.name = "new"});
  Reopen(grown);
  EXPECT_EQ(Get(kPlain, "a"), "1");
  Put(6, "n", "2");
  Reopen(grown);
  EXPECT_EQ(Get(6, "n"), "2");
  // A schema that lacks a family of the store is refused.
  Close();
  EXPECT_EQ(engine().Open("store", TestSchema()).error().kind, ErrorKind::kInvalid);
  Reopen(grown);
  EXPECT_EQ(Get(6, "n"), "2");
}

TEST_P(EngineConformance, LimitsHoldAtTheBoundAndOnePast) {
  const Limits limits = store().limits();
  const std::string key(limits.key_bytes_max, 'k');
  Put(kPlain, key, "at the bound");
  EXPECT_EQ(Get(kPlain, key), "at the bound");
  Batch long_key;
  long_key.Put(kPlain, "a", "");
  long_key.Put(kPlain, key + "k", "");
  EXPECT_EQ(store().Commit(long_key).error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(Get(kPlain, "a"), "(none)");
  Batch long_bits;
  long_bits.MergeBits(kChunks, key + "k", Bits({1}), Bits());
  EXPECT_EQ(store().Commit(long_bits).error().kind, ErrorKind::kTooLarge);
  auto run = store().NewRun();
  ASSERT_TRUE(run.ok());
  EXPECT_TRUE(run.value()->Put(kPlain, key, "").ok());
  EXPECT_EQ(run.value()->Put(kPlain, key + "k", "").error().kind, ErrorKind::kTooLarge);
}

TEST_P(EngineConformance, BatchKeysAreLimited) {
  const Limits limits = store().limits();
  Batch batch;
  for (uint64_t i = 0; i < limits.batch_keys_max; ++i) batch.Delete(kPlain, "k");
  EXPECT_TRUE(store().Commit(batch).ok());
  batch.Delete(kPlain, "k");
  EXPECT_EQ(store().Commit(batch).error().kind, ErrorKind::kTooLarge);
}

TEST_P(EngineConformance, StoresAreSeparateAndDropped) {
  auto other = engine().Open("other-1", TestSchema());
  ASSERT_TRUE(other.ok());
  Batch batch;
  batch.Put(kPlain, "o", "1");
  ASSERT_TRUE(other.value()->Commit(batch).ok());
  EXPECT_EQ(Get(kPlain, "o"), "(none)");
  EXPECT_THAT(engine().List().value(), ElementsAre("other-1", "store"));
  std::move(other).value().reset();
  ASSERT_TRUE(engine().Drop("other-1").ok());
  EXPECT_TRUE(engine().Drop("other-1").ok()) << "a missing store is fine";
  EXPECT_THAT(engine().List().value(), ElementsAre("store"));
  auto again = engine().Open("other-1", TestSchema());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value()->GetSnapshot()->sequence(), 0u);
  std::string value;
  EXPECT_FALSE(again.value()->GetSnapshot()->Get(kPlain, "o", &value).value());
}

TEST_P(EngineConformance, NamesAndSchemasAreChecked) {
  for (const std::string& name : {std::string(), std::string("A"), std::string("a/b"),
                                  std::string("."), std::string("a_b"), std::string(65, 'a')}) {
    EXPECT_EQ(engine().Open(name, TestSchema()).error().kind, ErrorKind::kInvalid) << name;
    EXPECT_EQ(engine().Drop(name).error().kind, ErrorKind::kInvalid) << name;
  }
  EXPECT_TRUE(engine().Open(std::string(64, 'a'), TestSchema()).ok());
  Schema wide;
  for (int i = 0; i < 65; ++i) wide.families.push_back({.name = "f" + std::to_string(i)});
  Schema twice = TestSchema();
  twice.families.push_back({.name = "plain"});
  for (const Schema& schema :
       {Schema{}, wide, twice, Schema{{{.name = ""}}}, Schema{{{.name = "default"}}}}) {
    EXPECT_EQ(engine().Open("bad", schema).error().kind, ErrorKind::kInvalid);
  }
}

TEST_P(EngineConformance, AppendedBatchesActAsOne) {
  Batch first, second;
  first.Put(kPlain, "a", "1");
  second.Put(kPlain, "a", "2");
  second.ExpectAbsent(kPoint, "p");
  first.Append(second);
  EXPECT_EQ(first.bytes(), 4u);
  Commit(first);
  EXPECT_EQ(Get(kPlain, "a"), "2");
  Put(kPoint, "p", "");
  EXPECT_EQ(store().Commit(first).error().kind, ErrorKind::kConflict);
}

TEST_P(EngineConformance, ScansAgreeWithAModel) {
  SeededRandom random(11);
  std::map<std::string, std::string> model;
  for (int round = 0; round < 60; ++round) {
    Batch batch;
    for (int i = 0; i < 20; ++i) {
      std::string key;
      for (uint64_t n = random.Below(3) + 1; n > 0; --n) {
        key.push_back(static_cast<char>(random.Below(6) * 51));
      }
      if (random.Below(3) == 0) {
        batch.Delete(kPlain, key);
        model.erase(key);
      } else {
        const std::string value = std::to_string(random.Next());
        batch.Put(kPlain, key, value);
        model[key] = value;
      }
    }
    Commit(batch);
    if (round == 30) {
      ASSERT_TRUE(store().Settle().ok());
    }
  }
  EXPECT_EQ(Entries(kPlain),
            (std::vector<std::pair<std::string, std::string>>(model.begin(), model.end())));
}

}  // namespace
}  // namespace tarn::kv
