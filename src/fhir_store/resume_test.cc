// An import that is cut off at every write, by refusal, full disk and crash, and taken up again:
// what is stored, counted and written out is what an uninterrupted import leaves.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "fhir_store/internal/families.h"
#include "fhir_store/internal/gzip.h"
#include "fhir_store/internal/test_store.h"
#include "fhir_store/limits.h"

namespace tarn::fhir_store {
namespace {

using Effect = kv::FakeEngine::Effect;
using Resources = std::vector<std::pair<std::string, std::string>>;

// What an import leaves, in terms of what a client can see.
struct Left {
  jobs::JobState state = jobs::JobState::kSubmitted;
  std::string message;
  std::string progress;
  std::map<std::string, std::string> outputs;
  std::map<std::string, std::string> versions;
  uint64_t patients = 0;
  bool spool_is_empty = false;
};

// Several small files, one of many blocks, failures, duplicates over files, gzip, a bad file.
class ResumeInput {
 public:
  ResumeInput() {
    std::string large;
    for (int i = 0; i < 4500; ++i) {
      const std::string id = "large" + std::to_string(i);
      large += i % 500 == 7 ? "broken\n" : Patient(id, std::string(500, 'a' + i % 26)) + "\n";
      if (i % 50 == 0) ids_.emplace_back("Patient", id);
    }
    files_["in/1.ndjson"] = Patient("a", "1") + "\n" + Patient("b", "1") + "\n";
    files_["in/2.ndjson"] = large;
    files_["in/3.ndjson"] = Patient("a", "2") + "\nbroken\n" + Patient("a", "3") + "\n";
    files_["in/4.ndjson.gz"] = GzipMember(Patient("z", "1") + "\n");
    files_["in/5.ndjson.gz"] = std::string(kGzipMagic) + "damaged";
    files_["in/6.ndjson"] = Observation("o", "1.0") + "\n" + Patient("d", "2") + "\n";
    // Postponed: c is replaced by a later line, e is not.
    files_["in/1.ndjson"] += Patient("c", "1") + "\n" + Patient("d", "1") + "\n";
    files_["in/3.ndjson"] += Patient("c", "new") + "\n" + Patient("e", "1") + "\n";
    for (const char* id : {"a", "b", "c", "d", "e", "z"}) ids_.emplace_back("Patient", id);
    ids_.emplace_back("Observation", "o");
  }
  void Put(TestStore* store) const {
    ASSERT_TRUE((*store)->Update(fhir::FindType("Patient"), "b", Patient("b", "before"), {}).ok());
    for (const char* id : {"c", "d", "e"}) {
      for (const char* family : {"1", "2"}) {
        ASSERT_TRUE((*store)->Update(fhir::FindType("Patient"), id, Patient(id, family), {}).ok());
      }
    }
    for (const auto& [key, bytes] : files_) store->PutObject(key, bytes);
  }
  Left Look(TestStore* store) const {
    Left left;
    const jobs::Job job = (*store)->queue().Get(kImportKind, kJobId).value();
    left.state = job.state;
    left.message = job.message;
    left.progress = job.progress;
    left.outputs = store->Outputs();
    left.versions = store->Dump(ids_);
    left.patients = (*store)->CountLive(fhir::FindType("Patient"));
    const auto snapshot = store->kv().GetSnapshot();
    left.spool_is_empty = !snapshot->Scan(kSpool, {})->Valid();
    return left;
  }

 private:
  std::map<std::string, std::string> files_;
  Resources ids_;
};

void ExpectSame(const Left& left, const Left& expected) {
  EXPECT_EQ(left.state, expected.state);
  EXPECT_EQ(left.message, expected.message);
  EXPECT_EQ(left.progress, expected.progress);
  EXPECT_EQ(left.patients, expected.patients);
  EXPECT_TRUE(left.spool_is_empty);
  EXPECT_EQ(left.outputs.size(), expected.outputs.size());
  for (const auto& [key, bytes] : expected.outputs) {
    EXPECT_TRUE(left.outputs.at(key) == bytes) << key;
  }
  EXPECT_EQ(left.versions, expected.versions);
}

FhirStoreOptions SmallRuns() {
  FhirStoreOptions options;
  options.import_run_bytes_max = 20'000;  // So that the large file takes several commits.
  return options;
}

// RunJobs leaves a job for later when its claim or a commit fails.
void RunUntilEnded(TestStore* store, bool reopen) {
  for (int i = 0; i < 10; ++i) {
    store->RunImports();
    if (IsFinal((*store)->queue().Get(kImportKind, kJobId).value().state)) return;
    if (reopen) store->Reopen();
  }
  FAIL() << "the job does not end";
}

class Resume : public testing::TestWithParam<Effect> {};
INSTANTIATE_TEST_SUITE_P(Effects, Resume,
                         testing::Values(Effect::kRefuse, Effect::kStop, Effect::kWriteAndStop,
                                         Effect::kCrash, Effect::kWriteAndCrash));

TEST_P(Resume, AtEveryWrite) {
  ConfigureLog(LogLevel::kOff, LogFormat::kText);
  const ResumeInput input;
  TestStore whole(TestEngine::kFake, SmallRuns());
  input.Put(&whole);
  whole.Submit("in");
  const uint64_t before = whole.fake().writes();
  whole.RunImports();
  const uint64_t writes = whole.fake().writes() - before;
  const Left expected = input.Look(&whole);
  EXPECT_EQ(expected.state, jobs::JobState::kCompletedWithErrors);
  EXPECT_EQ(expected.patients, 4500u - 9 + 6);
  EXPECT_TRUE(expected.spool_is_empty);
  ASSERT_GT(writes, 5u);
  const bool crash = GetParam() == Effect::kCrash || GetParam() == Effect::kWriteAndCrash;
  for (uint64_t n = 1; n <= writes; ++n) {
    SCOPED_TRACE("write " + std::to_string(n) + " of " + std::to_string(writes));
    TestStore store(TestEngine::kFake, SmallRuns());
    input.Put(&store);
    store.Submit("in");
    store.fake().SetFault({.write = n, .effect = GetParam()});
    RunUntilEnded(&store, crash);
    store.fake().ClearFault();
    ExpectSame(input.Look(&store), expected);
    if (testing::Test::HasFailure()) break;
  }
  ConfigureLog(LogLevel::kInfo, LogFormat::kText);
}

// Stopping between blocks and going on in a new process leaves the same too.
TEST(Stop, AndGoOn) {
  ConfigureLog(LogLevel::kOff, LogFormat::kText);
  const ResumeInput input;
  TestStore whole(TestEngine::kFake, SmallRuns());
  input.Put(&whole);
  whole.Import("in");
  TestStore store(TestEngine::kFake, SmallRuns());
  input.Put(&store);
  store.Submit("in");
  for (int i = 0; i < 100; ++i) {
    int asked = 0;
    store->RunJobs(
        kImportKind, [&asked] { return ++asked > 2; }, [](const jobs::Job&) {});
    if (IsFinal(store->queue().Get(kImportKind, kJobId).value().state)) break;
    store.Reopen();
  }
  ExpectSame(input.Look(&store), input.Look(&whole));
  ConfigureLog(LogLevel::kInfo, LogFormat::kText);
}

TEST(Resumption, FailsAFileThatWasChangedMeanwhile) {
  TestStore store(TestEngine::kFake, SmallRuns());
  std::string lines;
  for (int i = 0; i < 8000; ++i) {
    lines += Patient("p" + std::to_string(i), std::string(300, 'a' + i % 26)) + "\n";
  }
  store.PutObject("a.ndjson", lines);
  store.Submit();
  int asked = 0;
  store->RunJobs(
      kImportKind, [&asked] { return ++asked > 2; }, [](const jobs::Job&) {});
  ASSERT_EQ(store->queue().Get(kImportKind, kJobId).value().state, jobs::JobState::kInProgress);
  const uint64_t before = store->CountLive(fhir::FindType("Patient"));
  EXPECT_GT(before, 0u);
  store.PutObject("a.ndjson", Patient("other", "x"));
  store.RunImports();
  const jobs::Job job = store->queue().Get(kImportKind, kJobId).value();
  EXPECT_EQ(job.state, jobs::JobState::kCompletedWithErrors);
  EXPECT_NE(job.message.find("changed while it was read"), std::string::npos) << job.message;
  EXPECT_EQ(store->Progress(job).value().files_with_customer_error, 1u);
  EXPECT_EQ(store->Progress(job).value().resources_imported, before);
  const std::string failures = store.GetObject("out/" + std::string(kStoreId) + "-FHIR_IMPORT-" +
                                               std::string(kJobId) + "/FAILURE/a.ndjson");
  EXPECT_NE(failures.find("\"lineId\":" + std::to_string(before + 1)), std::string::npos)
      << failures;
}

TEST(DiskFull, LeavesTheJobForLater) {
  TestStore store(TestEngine::kFake);
  store.PutObject("a.ndjson", Patient("a", "A"));
  store.Submit();
  // The claim succeeds, nothing after it: also not the commits that are tried again.
  std::vector<jobs::JobState> seen;
  store->RunJobs(
      kImportKind, [] { return false; },
      [&](const jobs::Job& job) {
        seen.push_back(job.state);
        if (seen.size() == 1) store.fake().Crash();
      });
  EXPECT_EQ(seen, std::vector<jobs::JobState>{jobs::JobState::kInProgress});
  EXPECT_EQ(store->queue().Get(kImportKind, kJobId).value().state, jobs::JobState::kInProgress);
  store.Reopen();
  store.RunImports();
  EXPECT_EQ(store->queue().Get(kImportKind, kJobId).value().state, jobs::JobState::kCompleted);
}

}  // namespace
}  // namespace tarn::fhir_store
