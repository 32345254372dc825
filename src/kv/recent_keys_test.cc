// What is looked up before a commit's turn, and again in it.
#include "kv/internal/recent_keys.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "kv/internal/commit_queue.h"
#include "kv/rocksdb_engine.h"

namespace tarn::kv {
namespace {

TEST(RecentKeys, NamesWhatHasChangedSince) {
  RecentKeys keys;
  const auto hash = [](std::string_view key) { return RecentKeys::HashOf(1, key); };
  EXPECT_NE(hash("a"), RecentKeys::HashOf(2, "a"));
  keys.Add(hash("a"), 5);
  keys.Add(hash("b"), 5);
  keys.Add(hash("c"), 7);
  EXPECT_TRUE(keys.Knows(0));
  EXPECT_EQ(keys.ChangedAfter(4).size(), 3u);
  EXPECT_EQ(keys.ChangedAfter(5), std::unordered_set<uint64_t>({hash("c")}));
  EXPECT_TRUE(keys.ChangedAfter(7).empty());
  keys.Forget(8);
  EXPECT_FALSE(keys.Knows(7));
  EXPECT_TRUE(keys.Knows(8));
  EXPECT_TRUE(keys.ChangedAfter(0).empty());
  // Only so many are kept.
  for (uint64_t i = 0; i < 100'000; ++i) keys.Add(hash(std::to_string(i)), 9 + i);
  EXPECT_FALSE(keys.Knows(8));
  uint64_t known = 9;
  while (!keys.Knows(known)) ++known;
  EXPECT_EQ(keys.ChangedAfter(known).size(), 99'999 + 9 - known);
  EXPECT_LT(known, 9u + 100'000);
}

// Large batches that expect what others change, small ones among them, and ingestions: each
// revision is made once, so none was committed over one that it had not seen.
TEST(RecentKeys, LargeBatchesAreCheckedInTheirTurn) {
  std::string folder = testing::TempDir() + "recent_keys_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  {
    const auto engine = OpenRocksDbEngine(folder).value();
    const auto store = engine->Open("store", {{{.name = "values"}, {.name = "other"}}}).value();
    constexpr int kThreads = 4;
    constexpr uint64_t kWrites = 30;
    std::vector<uint64_t> committed(kThreads);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        while (committed[t] < kWrites) {
          std::string value;
          const bool found = store->GetSnapshot()->Get(0, "n", &value).value();
          const uint64_t revision = found ? LoadBe64(value) : 0;
          std::string next;
          AppendBe64(&next, revision + 1);
          Batch batch;
          if (found) {
            batch.ExpectRevision(0, "n", revision);
          } else {
            batch.ExpectAbsent(0, "n");
          }
          batch.Put(0, "n", next);
          if (t > 0) batch.Put(1, "large", std::string(kSmallBatchBytesMax + 1, 'x'));
          Result<uint64_t> outcome = Error{ErrorKind::kInternal, ""};
          if (committed[t] % 10 == 9) {
            outcome = store->Ingest(store->NewRun().value(), batch);
          } else {
            outcome = store->Commit(batch);
          }
          if (!outcome.ok()) {
            ASSERT_EQ(outcome.error().kind, ErrorKind::kConflict) << outcome.error().detail;
          }
          committed[t] += outcome.ok() ? 1 : 0;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::string value;
    ASSERT_TRUE(store->GetSnapshot()->Get(0, "n", &value).value());
    EXPECT_EQ(LoadBe64(value), kThreads * kWrites);
  }
  EXPECT_TRUE(RemoveFolder(folder).ok());
}

}  // namespace
}  // namespace tarn::kv
