// The versions of one resource, over both engines.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fhir_store/internal/test_store.h"

namespace tarn::fhir_store {
namespace {

const fhir::TypeId kPatient = fhir::FindType("Patient");

class History : public testing::TestWithParam<TestEngine> {
 protected:
  // Versions 1 to 5 of "p", a second apart from `start_`; 3 is a deletion.
  History() {
    start_ = store_.clock().UnixMs();
    for (int i = 1; i <= 5; ++i) {
      if (i == 3) {
        EXPECT_TRUE(store_->Delete(kPatient, "p", {}).ok());
      } else {
        EXPECT_TRUE(store_->Update(kPatient, "p", Patient("p", std::to_string(i)), {}).ok());
      }
      // A neighbour whose versions must not show.
      EXPECT_TRUE(store_->Update(kPatient, "q", Patient("q", "other"), {}).ok());
      store_.clock().AdvanceMs(1000);
    }
  }
  std::vector<uint64_t> VersionsOf(const HistoryRequest& request) {
    const auto page = store_->History(kPatient, "p", request);
    EXPECT_TRUE(page.ok());
    std::vector<uint64_t> versions;
    for (const Version& version : page.value().versions) versions.push_back(version.version_id);
    next_ = page.value().next_before;
    EXPECT_EQ(page.value().total, 5u);
    return versions;
  }

  TestStore store_{GetParam()};
  int64_t start_ = 0;
  uint64_t next_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Engines, History, testing::Values(TestEngine::kFake, TestEngine::kRocksDb),
                         TestEngineName);

using Versions = std::vector<uint64_t>;

TEST_P(History, IsNewestFirstWithDeletions) {
  EXPECT_EQ(VersionsOf({}), (Versions{5, 4, 3, 2, 1}));
  EXPECT_EQ(next_, 0u);
  const auto page = store_->History(kPatient, "p", {}).value();
  EXPECT_TRUE(page.versions[2].deleted);
  EXPECT_EQ(page.versions[2].body, "");
  EXPECT_EQ(page.versions[4].body, store_->ReadVersion(kPatient, "p", 1).value().body);
  EXPECT_EQ(page.versions[0].last_updated_unix_ms, start_ + 4000);
  EXPECT_EQ(store_->History(kPatient, "never", {}).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store_->History(kPatient, "a/b", {}).error().kind, ErrorKind::kNotFound);
}

TEST_P(History, Pages) {
  EXPECT_EQ(VersionsOf({.count_max = 2}), (Versions{5, 4}));
  EXPECT_EQ(next_, 4u);
  EXPECT_EQ(VersionsOf({.before_version = next_, .count_max = 2}), (Versions{3, 2}));
  EXPECT_EQ(VersionsOf({.before_version = next_, .count_max = 2}), (Versions{1}));
  EXPECT_EQ(next_, 0u);
  EXPECT_EQ(VersionsOf({.count_max = 5}), (Versions{5, 4, 3, 2, 1}));
  EXPECT_EQ(next_, 0u);
  EXPECT_EQ(VersionsOf({.before_version = 1}), Versions{});
  EXPECT_EQ(VersionsOf({.before_version = 99, .count_max = 1}), Versions{5});
}

TEST_P(History, SelectsByTime) {
  EXPECT_EQ(VersionsOf({.since_unix_ms = start_ + 2000}), (Versions{5, 4, 3}));
  EXPECT_EQ(VersionsOf({.since_unix_ms = start_ + 2001}), (Versions{5, 4}));
  EXPECT_EQ(VersionsOf({.since_unix_ms = start_ + 9000}), Versions{});
  const auto at = [&](int64_t from, int64_t until, size_t count = 100, uint64_t before = 0) {
    return VersionsOf({.before_version = before,
                       .current_from_unix_ms = start_ + from,
                       .current_until_unix_ms = start_ + until,
                       .count_max = count});
  };
  EXPECT_EQ(at(1000, 1001), Versions{2});
  EXPECT_EQ(at(1500, 1600), Versions{2});
  EXPECT_EQ(at(1500, 3500), (Versions{4, 3, 2}));
  EXPECT_EQ(at(1500, 3000), (Versions{3, 2}));
  EXPECT_EQ(at(-5, 1), Versions{1});
  EXPECT_EQ(at(-5, 0), Versions{});
  EXPECT_EQ(at(9000, 9001), Versions{5});
  EXPECT_EQ(at(1500, 3500, 2), (Versions{4, 3}));
  EXPECT_EQ(at(1500, 3500, 2, next_), Versions{2});
  EXPECT_EQ(next_, 0u);
}

}  // namespace
}  // namespace tarn::fhir_store
