// Single writes and reads, over both engines.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fhir_store/internal/families.h"
#include "fhir_store/internal/keys.h"
#include "fhir_store/internal/test_store.h"
#include "json/value.h"

namespace tarn::fhir_store {
namespace {

const fhir::TypeId kPatient = fhir::FindType("Patient");

class Crud : public testing::TestWithParam<TestEngine> {
 protected:
  TestStore store_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, Crud, testing::Values(TestEngine::kFake, TestEngine::kRocksDb),
                         TestEngineName);

std::optional<ErrorKind> KindOf(const auto& result) {
  if (result.ok()) return std::nullopt;
  return result.error().kind;
}

TEST_P(Crud, CreatesUnderANewId) {
  const auto created =
      store_->Create(kPatient, R"({"resourceType":"Patient","id":"mine","active":true})");
  ASSERT_TRUE(created.ok()) << created.error().detail;
  EXPECT_TRUE(created.value().created);
  const Version& version = created.value().version;
  EXPECT_NE(version.id, "mine");
  EXPECT_EQ(version.version_id, 1u);
  EXPECT_EQ(version.last_updated_unix_ms, store_.clock().UnixMs());
  const auto read = store_->Read(kPatient, version.id);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value().body, version.body);
  const auto value = json::ParseValue(version.body).value();
  EXPECT_EQ(value.Find("id")->AsString(), version.id);
  EXPECT_EQ(value.Find("meta")->Find("versionId")->AsString(), "1");
  EXPECT_EQ(value.Find("meta")->Find("lastUpdated")->AsString(),
            FormatFhirInstant(version.last_updated_unix_ms));
  EXPECT_EQ(KindOf(store_->Read(kPatient, "mine")), ErrorKind::kNotFound);
  EXPECT_EQ(store_->CountLive(kPatient), 1u);
}

TEST_P(Crud, KeepsEveryVersion) {
  for (int i = 1; i <= 3; ++i) {
    store_.clock().AdvanceMs(1000);
    const auto updated = store_->Update(kPatient, "p", Patient("p", std::to_string(i)), {});
    ASSERT_TRUE(updated.ok());
    EXPECT_EQ(updated.value().created, i == 1);
    EXPECT_EQ(updated.value().version.version_id, static_cast<uint64_t>(i));
  }
  store_.Reopen();
  for (int i = 1; i <= 3; ++i) {
    const auto version = store_->ReadVersion(kPatient, "p", i);
    ASSERT_TRUE(version.ok());
    EXPECT_EQ(version.value().last_updated_unix_ms,
              store_.clock().UnixMs() - (3 - i) * int64_t{1000});
    EXPECT_NE(version.value().body.find("\"family\":\"" + std::to_string(i) + "\""),
              std::string::npos);
  }
  EXPECT_EQ(KindOf(store_->ReadVersion(kPatient, "p", 0)), ErrorKind::kNotFound);
  EXPECT_EQ(KindOf(store_->ReadVersion(kPatient, "p", 4)), ErrorKind::kNotFound);
  EXPECT_EQ(store_->CountLive(kPatient), 1u);
}

TEST_P(Crud, DeletesAndTakesBack) {
  EXPECT_EQ(KindOf(store_->Delete(kPatient, "p", {})), ErrorKind::kNotFound);
  ASSERT_TRUE(store_->Update(kPatient, "p", Patient("p", "a"), {}).ok());
  const auto deleted = store_->Delete(kPatient, "p", {});
  ASSERT_TRUE(deleted.ok());
  EXPECT_EQ(deleted.value().version.version_id, 2u);
  EXPECT_EQ(KindOf(store_->Read(kPatient, "p")), ErrorKind::kGone);
  EXPECT_EQ(KindOf(store_->ReadVersion(kPatient, "p", 2)), ErrorKind::kGone);
  EXPECT_TRUE(store_->ReadVersion(kPatient, "p", 1).ok());
  EXPECT_EQ(store_->CountLive(kPatient), 0u);
  const auto again = store_->Delete(kPatient, "p", {});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again.value().unchanged);
  EXPECT_EQ(again.value().version.version_id, 2u);
  const auto back = store_->Update(kPatient, "p", Patient("p", "b"), {});
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(back.value().created);
  EXPECT_EQ(back.value().version.version_id, 3u);
  EXPECT_EQ(store_->CountLive(kPatient), 1u);
}

TEST_P(Crud, ChecksPreconditions) {
  enum class Before { kNothing, kLive, kDeleted };  // Live: version 2; deleted: version 3.
  struct Case {
    std::string_view name;
    Before before;
    Precondition precondition;
    std::optional<ErrorKind> update;
    std::optional<ErrorKind> remove;
  };
  const ErrorKind failed = ErrorKind::kPreconditionFailed;
  const std::vector<Case> cases = {
      {"none on nothing", Before::kNothing, {}, {}, ErrorKind::kNotFound},
      {"match on nothing", Before::kNothing, {.if_match = 1}, failed, failed},
      {"match current", Before::kLive, {.if_match = 2}, {}, {}},
      {"match stale", Before::kLive, {.if_match = 1}, failed, failed},
      {"match later", Before::kLive, {.if_match = 3}, failed, failed},
      {"match deleted", Before::kDeleted, {.if_match = 3}, failed, failed},
      {"never on nothing", Before::kNothing, {.if_none_match_any = true}, {}, {}},
      {"never on live", Before::kLive, {.if_none_match_any = true}, failed, failed},
      {"never on deleted", Before::kDeleted, {.if_none_match_any = true}, failed, failed},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    SCOPED_TRACE(c.name);
    for (const bool remove : {false, true}) {
      if (remove && c.before == Before::kNothing && c.precondition.if_none_match_any) continue;
      const std::string id = "p" + std::to_string(i) + (remove ? "r" : "u");
      if (c.before != Before::kNothing) {
        ASSERT_TRUE(store_->Update(kPatient, id, Patient(id, "a"), {}).ok());
        ASSERT_TRUE(store_->Update(kPatient, id, Patient(id, "b"), {}).ok());
      }
      if (c.before == Before::kDeleted) {
        ASSERT_TRUE(store_->Delete(kPatient, id, {}).ok());
      }
      const auto outcome = remove ? store_->Delete(kPatient, id, c.precondition)
                                  : store_->Update(kPatient, id, Patient(id, "c"), c.precondition);
      EXPECT_EQ(KindOf(outcome), remove ? c.remove : c.update);
    }
  }
}

TEST_P(Crud, RefusesBadText) {
  struct Case {
    std::string_view text;
    ErrorKind kind;
  };
  for (const Case& c :
       {Case{"", ErrorKind::kInvalid}, Case{"[]", ErrorKind::kInvalid},
        Case{R"({"resourceType":"Observation","id":"p"})", ErrorKind::kInvalid},
        Case{R"({"resourceType":"Patient","id":"q"})", ErrorKind::kInvalid},
        Case{R"({"resourceType":"Patient"})", ErrorKind::kInvalid},
        Case{R"({"resourceType":"Patient","id":"p","a":01})", ErrorKind::kInvalid},
        Case{R"({"resourceType":"Patient","id":"p","meta":[]})", ErrorKind::kInvalid}}) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(KindOf(store_->Update(kPatient, "p", c.text, {})), c.kind);
  }
  const std::string long_id(65, 'a');
  EXPECT_EQ(KindOf(store_->Update(kPatient, long_id, Patient(long_id, "a"), {})),
            ErrorKind::kInvalid);
  EXPECT_EQ(KindOf(store_->Read(kPatient, long_id)), ErrorKind::kNotFound);
  EXPECT_EQ(KindOf(store_->Read(kPatient, "")), ErrorKind::kNotFound);
  EXPECT_EQ(store_->CountLive(kPatient), 0u);
}

TEST_P(Crud, UpdateOfTheSameContentIsANewVersion) {
  ASSERT_TRUE(store_->Update(kPatient, "p", Patient("p", "a"), {}).ok());
  const auto again = store_->Update(kPatient, "p", Patient("p", "a"), {});
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again.value().unchanged);
  EXPECT_EQ(again.value().version.version_id, 2u);
}

TEST_P(Crud, TimeDoesNotGoBackWithinAResource) {
  ASSERT_TRUE(store_->Update(kPatient, "p", Patient("p", "a"), {}).ok());
  const int64_t first = store_.clock().UnixMs();
  store_.clock().AdvanceMs(-60'000);
  const auto second = store_->Update(kPatient, "p", Patient("p", "b"), {});
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second.value().version.last_updated_unix_ms, first);
}

TEST_P(Crud, ConcurrentUpdatesMakeVersionsWithoutGaps) {
  constexpr int kThreads = 8;
  constexpr int kUpdates = 12;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  std::vector<std::vector<uint64_t>> versions(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kUpdates; ++i) {
        const std::string family = std::to_string(t) + "-" + std::to_string(i);
        const auto updated = store_->Update(kPatient, "p", Patient("p", family), {});
        ASSERT_TRUE(updated.ok()) << updated.error().detail;
        versions[t].push_back(updated.value().version.version_id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint64_t> all;
  for (const auto& some : versions) {
    EXPECT_TRUE(std::is_sorted(some.begin(), some.end()));
    all.insert(all.end(), some.begin(), some.end());
  }
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), static_cast<size_t>(kThreads) * kUpdates);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], i + 1);
  EXPECT_EQ(store_->Read(kPatient, "p").value().version_id, all.size());
}

TEST_P(Crud, ConcurrentCreationsGetOrdinalsOfTheirOwn) {
  constexpr int kThreads = 8;
  constexpr int kCreations = 25;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCreations; ++i) {
        ASSERT_TRUE(store_->Create(kPatient, R"({"resourceType":"Patient"})").ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->CountLive(kPatient), static_cast<uint64_t>(kThreads) * kCreations);
}

TEST_P(Crud, LogsEveryWriteInOrder) {
  ASSERT_TRUE(store_->Update(kPatient, "p", Patient("p", "a"), {}).ok());
  ASSERT_TRUE(store_->Update(kPatient, "p", Patient("p", "b"), {}).ok());
  ASSERT_TRUE(store_->Delete(kPatient, "p", {}).ok());
  const auto snapshot = store_.kv().GetSnapshot();
  const auto cursor = snapshot->Scan(kLog, {});
  std::vector<std::pair<LogOp, uint32_t>> seen;
  for (; cursor->Valid(); cursor->Next()) {
    const auto entries = DecodeLog(cursor->value());
    ASSERT_TRUE(entries.ok());
    ASSERT_EQ(entries.value().size(), 1u);
    seen.emplace_back(entries.value()[0].op, entries.value()[0].version);
  }
  const std::vector<std::pair<LogOp, uint32_t>> expected = {
      {LogOp::kPut, 1}, {LogOp::kPut, 2}, {LogOp::kDelete, 3}};
  EXPECT_EQ(seen, expected);
}

TEST(CrudFaults, FullDiskFailsWritesAndReadsGoOn) {
  TestStore store(TestEngine::kFake);
  ASSERT_TRUE(store->Update(kPatient, "p", Patient("p", "a"), {}).ok());
  store.fake().SetFault({.write = 1, .effect = kv::FakeEngine::Effect::kStop});
  EXPECT_EQ(KindOf(store->Update(kPatient, "p", Patient("p", "b"), {})), ErrorKind::kUnavailable);
  EXPECT_EQ(KindOf(store->Update(kPatient, "q", Patient("q", "b"), {})), ErrorKind::kUnavailable);
  EXPECT_EQ(store->Read(kPatient, "p").value().version_id, 1u);
  EXPECT_EQ(KindOf(store->Read(kPatient, "q")), ErrorKind::kNotFound);
  ASSERT_TRUE(store.kv().Resume().ok());
  EXPECT_TRUE(store->Update(kPatient, "q", Patient("q", "b"), {}).ok());
  EXPECT_EQ(store->CountLive(kPatient), 2u);
}

}  // namespace
}  // namespace tarn::fhir_store
