#include "kv/fake_engine.h"

#include <gmock/gmock.h>

#include "kv/conformance.h"

namespace tarn::kv {
namespace {

// Memory outlives no process, so reopening keeps the engine and closes the stores only.
class FakeHarness final : public EngineHarness {
 public:
  Engine& engine() override { return engine_; }
  void Reopen() override {}

 private:
  FakeEngine engine_;
};

std::unique_ptr<EngineHarness> NewFakeHarness() { return std::make_unique<FakeHarness>(); }
INSTANTIATE_TEST_SUITE_P(Fake, EngineConformance, testing::Values(&NewFakeHarness));

Schema OneFamily() { return {{{.name = "f"}}}; }

Result<uint64_t> Put(Store& store, std::string_view key) {
  Batch batch;
  batch.Put(0, key, "1");
  return store.Commit(batch);
}

bool Has(Store& store, std::string_view key) {
  std::string value;
  return store.GetSnapshot()->Get(0, key, &value).value();
}

TEST(FakeEngine, FailsTheChosenWrite) {
  using Effect = FakeEngine::Effect;
  struct Case {
    Effect effect;
    bool written, goes_on, resumes;
  };
  for (const Case& c :
       {Case{Effect::kRefuse, false, true, true}, Case{Effect::kStop, false, false, true},
        Case{Effect::kWriteAndStop, true, false, true}, Case{Effect::kCrash, false, false, false},
        Case{Effect::kWriteAndCrash, true, false, false}}) {
    SCOPED_TRACE(static_cast<int>(c.effect));
    FakeEngine engine;
    auto store = engine.Open("s", OneFamily());
    ASSERT_TRUE(store.ok());
    engine.SetFault({.write = 2, .kind = ErrorKind::kTimeout, .effect = c.effect});
    EXPECT_TRUE(Put(*store.value(), "a").ok());
    EXPECT_EQ(Put(*store.value(), "b").error().kind, ErrorKind::kTimeout);
    EXPECT_EQ(Put(*store.value(), "c").ok(), c.goes_on);
    EXPECT_EQ(store.value()->Resume().ok(), c.resumes);
    EXPECT_EQ(Put(*store.value(), "d").ok(), c.resumes);
    EXPECT_TRUE(Has(*store.value(), "a")) << "reads go on";
    std::move(store).value().reset();
    auto again = engine.Open("s", OneFamily());
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(Has(*again.value(), "a"));
    EXPECT_EQ(Has(*again.value(), "b"), c.written);
    EXPECT_TRUE(Put(*again.value(), "e").ok());
  }
}

TEST(FakeEngine, CrashDropsRunsAndKeepsCommits) {
  FakeEngine engine;
  auto store = engine.Open("s", OneFamily());
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE(Put(*store.value(), "a").ok());
  auto run = store.value()->NewRun();
  ASSERT_TRUE(run.ok());
  ASSERT_TRUE(run.value()->Put(0, "r", "1").ok());
  engine.Crash();
  EXPECT_FALSE(Put(*store.value(), "b").ok());
  EXPECT_FALSE(store.value()->Ingest(std::move(run).value(), Batch()).ok());
  std::move(store).value().reset();
  auto again = engine.Open("s", OneFamily());
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(Has(*again.value(), "a"));
  EXPECT_FALSE(Has(*again.value(), "r"));
  EXPECT_EQ(engine.writes(), 1u);
}

TEST(FakeEngine, LimitsCanBeSmall) {
  FakeEngine engine;
  engine.SetLimits({.key_bytes_max = 4, .value_bytes_max = 4, .batch_bytes_max = 6});
  auto store = engine.Open("s", OneFamily());
  ASSERT_TRUE(store.ok());
  struct Case {
    std::string key, value;
    bool fits;
  };
  for (const Case& c : {Case{"kkkk", "vv", true}, Case{"kkkkk", "", false}, Case{"k", "vvvv", true},
                        Case{"k", "vvvvv", false}, Case{"kkkk", "vvv", false}}) {
    SCOPED_TRACE(c.key + c.value);
    Batch batch;
    batch.Put(0, c.key, c.value);
    EXPECT_EQ(store.value()->Commit(batch).ok(), c.fits);
  }
}

}  // namespace
}  // namespace tarn::kv
