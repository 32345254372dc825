// Several writes in one commit, over both engines.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fhir/search_query.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/test_store.h"

namespace tarn::fhir_store {
namespace {

const fhir::TypeId kPatient = fhir::FindType("Patient");
const fhir::TypeId kObservation = fhir::FindType("Observation");

class WriteAll : public testing::TestWithParam<TestEngine> {
 protected:
  TestStore store_{GetParam()};
  size_t failed_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Engines, WriteAll,
                         testing::Values(TestEngine::kFake, TestEngine::kRocksDb), TestEngineName);

TEST_P(WriteAll, CommitsCreatesUpdatesAndDeletesTogether) {
  ASSERT_TRUE(store_->Update(kPatient, "old", Patient("old", "A"), {}).ok());
  ASSERT_TRUE(store_->Update(kPatient, "gone", Patient("gone", "B"), {}).ok());
  const std::string updated = Patient("old", "C");
  const std::string made = Patient("other", "D");
  const std::string seen = Observation("x", "1.00");
  const std::string id = store_->NewId();
  const std::vector<ResourceWrite> writes = {
      {.type = kPatient, .id = "gone"},
      {.type = kPatient, .id = id, .text = made, .precondition = {.if_none_match_any = true}},
      {.type = kPatient, .id = "old", .text = updated, .precondition = {.if_match = 1}},
      {.type = kObservation, .id = "o", .text = seen}};
  const auto outcomes = store_->WriteAll(writes, &failed_);
  ASSERT_TRUE(outcomes.ok()) << failed_ << ": " << outcomes.error().detail;
  ASSERT_EQ(outcomes.value().size(), 4u);
  EXPECT_TRUE(outcomes.value()[0].version.deleted);
  EXPECT_EQ(outcomes.value()[0].version.version_id, 2u);
  EXPECT_TRUE(outcomes.value()[1].created);
  EXPECT_EQ(outcomes.value()[1].version.id, id);
  EXPECT_FALSE(outcomes.value()[2].created);
  EXPECT_EQ(outcomes.value()[2].version.version_id, 2u);
  store_.Reopen();
  EXPECT_EQ(store_->Read(kPatient, "gone").error().kind, ErrorKind::kGone);
  EXPECT_EQ(store_->Read(kPatient, "old").value().body, outcomes.value()[2].version.body);
  EXPECT_EQ(store_->Read(kPatient, id).value().body, outcomes.value()[1].version.body);
  EXPECT_NE(store_->Read(kObservation, "o").value().body.find("\"value\":1.00"), std::string::npos);
  EXPECT_EQ(store_->CountLive(kPatient), 2u);
  // One record in the log for all of them.
  const auto snapshot = store_.kv().GetSnapshot();
  const auto cursor = snapshot->Scan(kLog, {}, kv::Direction::kReverse);
  ASSERT_TRUE(cursor->Valid());
  const auto log = DecodeLog(cursor->value());
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log.value().size(), 4u);
}

TEST_P(WriteAll, CommitsNothingWhenOneFails) {
  ASSERT_TRUE(store_->Update(kPatient, "p", Patient("p", "A"), {}).ok());
  const std::string text = Patient("p", "B");
  struct Case {
    ResourceWrite write;
    ErrorKind kind;
  };
  for (const Case& c :
       {Case{{.type = kPatient, .id = "p", .text = text, .precondition = {.if_match = 2}},
             ErrorKind::kPreconditionFailed},
        Case{{.type = kPatient,
        .id = "p",
        .text = text,
        .precondition = {.if_none_match_any = true}},
             ErrorKind::kPreconditionFailed},
        Case{{.type = kPatient, .id = "never"}, ErrorKind::kNotFound},
        Case{{.type = kPatient, .id = "p", .text = "{"}, ErrorKind::kInvalid},
        Case{{.type = kObservation, .id = "p", .text = text}, ErrorKind::kInvalid},
        Case{{.type = kPatient, .id = "a/b", .text = text}, ErrorKind::kInvalid},
        Case{{.type = kPatient, .id = "new", .text = text}, ErrorKind::kInvalid}}) {
    const std::vector<ResourceWrite> writes = {{.type = kPatient, .id = "new", .text = text},
                                               c.write};
    const auto outcomes = store_->WriteAll(writes, &failed_);
    ASSERT_FALSE(outcomes.ok());
    EXPECT_EQ(outcomes.error().kind, c.kind) << outcomes.error().detail;
    EXPECT_EQ(failed_, 1u) << outcomes.error().detail;
    EXPECT_EQ(store_->Read(kPatient, "new").error().kind, ErrorKind::kNotFound);
    EXPECT_EQ(store_->Read(kPatient, "p").value().version_id, 1u);
  }
}

TEST_P(WriteAll, BoundsCountAndBytes) {
  std::vector<std::string> ids;
  for (size_t i = 0; i <= kWritesMax; ++i) ids.push_back("p" + std::to_string(i));
  const std::string text = Patient("p", "A");
  std::vector<ResourceWrite> writes;
  for (const std::string& id : ids) writes.push_back({.type = kPatient, .id = id, .text = text});
  EXPECT_EQ(store_->WriteAll(writes, &failed_).error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(failed_, writes.size());
  writes.pop_back();
  ASSERT_TRUE(store_->WriteAll(writes, &failed_).ok());
  EXPECT_EQ(store_->CountLive(kPatient), kWritesMax);

  const std::string large(kWritesBytesMax / 2 + 1, ' ');
  writes = {{.type = kPatient, .id = "x", .text = large},
            {.type = kPatient, .id = "y", .text = large}};
  EXPECT_EQ(store_->WriteAll(writes, &failed_).error().kind, ErrorKind::kTooLarge);
  EXPECT_TRUE(store_->WriteAll({}, &failed_).ok());
}

// Threads that write overlapping sets in different orders all get through, and each resource's
// versions are as many as its writes.
TEST_P(WriteAll, OverlappingSetsDoNotWaitForEver) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20;
  const std::vector<std::string> ids = {"a", "b", "c", "d"};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string text = Patient("x", std::to_string(t));
        std::vector<ResourceWrite> writes;
        for (int i = 0; i < 3; ++i) {
          writes.push_back({.type = kPatient,
                            .id = ids[static_cast<size_t>(t % 2 == 0 ? t + i : t - i + 4) % 4],
                            .text = text});
        }
        size_t failed = 0;
        EXPECT_TRUE(store_->WriteAll(writes, &failed).ok());
        EXPECT_TRUE(store_->Update(kPatient, "a", Patient("a", "single"), {}).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  uint64_t versions = 0;
  for (const std::string& id : ids) versions += store_->Read(kPatient, id).value().version_id;
  EXPECT_EQ(versions, uint64_t{kThreads * kRounds * 4});
}

// Every key of every family, with its value. In families of bitmaps, sets that are empty are not
// there.
std::map<std::pair<kv::Family, std::string>, std::string> Everything(kv::Store& kv) {
  std::map<std::pair<kv::Family, std::string>, std::string> all;
  const auto snapshot = kv.GetSnapshot();
  for (size_t family = 0; family < DataStoreSchema().families.size(); ++family) {
    const auto number = static_cast<kv::Family>(family);
    for (const auto cursor = snapshot->Scan(number, {}); cursor->Valid(); cursor->Next()) {
      all.emplace(std::pair(number, cursor->key()), cursor->value());
    }
  }
  return all;
}

// A commit that fails leaves nothing behind.
TEST(WriteAllFaults, IsOneCommit) {
  TestStore store(TestEngine::kFake);
  store.fake().SetFault({.write = 1});
  const std::string text = Patient("p", "A");
  const std::vector<ResourceWrite> writes = {{.type = kPatient, .id = "a", .text = text},
                                             {.type = kPatient, .id = "b", .text = text}};
  size_t failed = 0;
  EXPECT_FALSE(store->WriteAll(writes, &failed).ok());
  EXPECT_EQ(failed, writes.size());
  EXPECT_EQ(store->CountLive(kPatient), 0u);
}

// Parts of large ones are stored before their commit. Whichever write fails, and however: all of it
// is there and found, or nothing, no key of it either, and what is written afterwards is not taken
// for it.
TEST(WriteAllFaults, LargeOnesAreThereAsAWholeOrNotAtAll) {
  using Effect = kv::FakeEngine::Effect;
  constexpr size_t kCount = kAheadWritesMin + 20;
  const auto definitions = SearchDefinitions::Make().value();
  FhirStoreOptions options;
  options.search = definitions;
  std::vector<std::string> ids, texts;
  for (size_t i = 0; i < kCount; ++i) {
    ids.push_back("p" + std::to_string(i));
    texts.push_back(Patient(ids.back(), "First" + std::to_string(i % 7)));
  }
  const auto found = [&](TestStore& store, const std::string& name) {
    const auto parsed = fhir::ParseSearch("_summary=count&family=" + name, "",
                                          {.type = kPatient, .compartment = {}},
                                          {.parameters = &definitions->parameters});
    return store->Search({.query = &parsed.query}).value().total.value_or(UINT64_MAX);
  };
  for (const Effect effect : {Effect::kRefuse, Effect::kStop, Effect::kWriteAndStop, Effect::kCrash,
                              Effect::kWriteAndCrash}) {
    bool written = false;
    for (uint64_t write = 1; !written; ++write) {
      SCOPED_TRACE(std::to_string(static_cast<int>(effect)) + " at write " + std::to_string(write));
      TestStore store(TestEngine::kFake, options);
      ASSERT_TRUE(store->Update(kPatient, "p3", Patient("p3", "Old"), {}).ok());
      const auto before = Everything(store.kv());
      store.fake().SetFault({.write = write, .effect = effect});
      std::vector<ResourceWrite> writes;
      for (size_t i = 0; i < kCount; ++i) {
        writes.push_back({.type = kPatient, .id = ids[i], .text = texts[i]});
      }
      size_t failed = 0;
      written = store->WriteAll(writes, &failed).ok();
      store.fake().ClearFault();
      store.Reopen();
      const uint64_t live = store->CountLive(kPatient);
      EXPECT_TRUE(live == kCount || (!written && live == 1)) << live;
      if (live == 1) {
        EXPECT_EQ(Everything(store.kv()), before);
      }
      ASSERT_TRUE(store->Update(kPatient, "after", Patient("after", "Second"), {}).ok());
      EXPECT_EQ(found(store, "first"), live == 1 ? 0 : kCount);
      EXPECT_EQ(found(store, "old"), live == 1 ? 1u : 0u);
      EXPECT_EQ(found(store, "second"), 1u);
      EXPECT_EQ(store->Read(kPatient, "p3").value().version_id, live == 1 ? 1u : 2u);
      ASSERT_LT(write, 20u);
    }
  }
}

// What went ahead of a commit that another process's write made fail is taken out at once.
TEST_P(WriteAll, TakesOutWhatWentAheadOfAConflict) {
  const std::vector<std::string> criteria = {"Patient?family=x"};
  const std::string text = Patient("p", "A");
  std::vector<std::string> ids;
  for (size_t i = 0; i < kAheadWritesMin; ++i) ids.push_back("p" + std::to_string(i));
  std::vector<ResourceWrite> writes;
  for (const std::string& id : ids) writes.push_back({.type = kPatient, .id = id, .text = text});
  const std::vector<ResourceWrite> one = {{.type = kPatient, .id = "one", .text = text}};
  {
    const auto hold = store_->HoldCriteria(criteria).value();
    ASSERT_TRUE(store_->WriteAll(one, &failed_, {.hold = &hold}).ok());
  }
  const auto hold = store_->HoldCriteria(criteria).value();
  // As another process that decided by the same criteria.
  std::string guard;
  {
    const auto snapshot = store_.kv().GetSnapshot();
    guard = snapshot->Scan(kGuard, {})->key();
  }
  kv::Batch other;
  other.Put(kGuard, guard, std::string(7, '\0') + '\x09');
  ASSERT_TRUE(store_.kv().Commit(other).ok());
  const auto before = Everything(store_.kv());
  const auto outcomes = store_->WriteAll(writes, &failed_, {.hold = &hold});
  ASSERT_FALSE(outcomes.ok());
  EXPECT_EQ(outcomes.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(Everything(store_.kv()), before);
  ASSERT_TRUE(store_->WriteAll(writes, &failed_).ok());
  EXPECT_EQ(store_->CountLive(kPatient), kAheadWritesMin + 1);
}

}  // namespace
}  // namespace tarn::fhir_store
