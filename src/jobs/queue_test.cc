#include "jobs/queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "jobs/internal/job_codec.h"
#include "kv/fake_engine.h"

namespace tarn::jobs {
namespace {

using ::testing::ElementsAre;

constexpr kv::Family kFamily = 0;
constexpr std::string_view kImport = "fhir-import";
constexpr std::string_view kExport = "fhir-export";

class QueueTest : public ::testing::Test {
 protected:
  QueueTest() { Reopen(); }

  // As after a restart of the process: no claims, the same keys.
  void Reopen() {
    queue_.reset();
    store_.reset();
    auto store = engine_.Open("x", {{{.name = "job"}, {.name = "work"}}});
    CHECK(store.ok());
    store_ = std::move(store).value();
    queue_ = std::make_unique<Queue>(*store_, kFamily, clock_, random_);
  }

  std::string Submit(std::string_view kind = kImport, std::string_view request = "{}") {
    auto job = queue_->Submit(kind, request, {});
    CHECK(job.ok());
    clock_.AdvanceMs(1);
    return job.value().id;
  }
  Job Claim(std::string_view kind = kImport) {
    auto job = queue_->Claim(kind);
    CHECK(job.ok() && job.value().has_value());
    return *job.value();
  }
  JobState StateOf(const std::string& id, std::string_view kind = kImport) {
    auto job = queue_->Get(kind, id);
    CHECK(job.ok());
    return job.value().state;
  }
  bool Has(kv::Family family, std::string_view key) {
    std::string value;
    return store_->GetSnapshot()->Get(family, key, &value).value();
  }

  FakeClock clock_;
  SeededRandom random_{1};
  kv::FakeEngine engine_;
  std::unique_ptr<kv::Store> store_;
  std::unique_ptr<Queue> queue_;
};

TEST(JobState, HasNamesBothWays) {
  for (int i = 0; i <= static_cast<int>(JobState::kCancelFailed); ++i) {
    const JobState state = static_cast<JobState>(i);
    EXPECT_EQ(ParseJobState(JobStateName(state)), state);
  }
  EXPECT_EQ(JobStateName(JobState::kCompletedWithErrors), "COMPLETED_WITH_ERRORS");
  EXPECT_EQ(ParseJobState("DONE"), std::nullopt);
}

TEST_F(QueueTest, RunsJobsInOrderOfSubmissionOneAtATime) {
  const std::string first = Submit();
  const std::string second = Submit();
  const std::string third = Submit();
  EXPECT_EQ(StateOf(first), JobState::kSubmitted);
  EXPECT_EQ(StateOf(second), JobState::kQueued);
  EXPECT_EQ(StateOf(third), JobState::kQueued);
  const Job job = Claim();
  EXPECT_EQ(job.id, first);
  EXPECT_EQ(job.state, JobState::kInProgress);
  EXPECT_EQ(StateOf(first), JobState::kInProgress);
  EXPECT_EQ(StateOf(second), JobState::kQueued);
  EXPECT_FALSE(queue_->Claim(kImport).value().has_value());
  clock_.AdvanceMs(5000);
  const auto ended = queue_->Finish(job, {.state = JobState::kCompleted}, {});
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended.value().end_unix_ms, clock_.UnixMs());
  EXPECT_EQ(StateOf(first), JobState::kCompleted);
  EXPECT_EQ(StateOf(second), JobState::kSubmitted);
  EXPECT_EQ(StateOf(third), JobState::kQueued);
  EXPECT_EQ(queue_->CountActive(kImport).value().waiting, 2u);
  EXPECT_FALSE(queue_->CountActive(kImport).value().running);
  EXPECT_EQ(Claim().id, second);
  EXPECT_EQ(queue_->CountActive().value(), 2u);
  EXPECT_EQ(queue_->CountActive(kImport).value().waiting, 1u);
  EXPECT_TRUE(queue_->CountActive(kImport).value().running);
  EXPECT_EQ(queue_->CountActive(kExport).value().waiting, 0u);
}

TEST_F(QueueTest, KeepsKindsApart) {
  const std::string import = Submit(kImport);
  const std::string exporting = Submit(kExport);
  EXPECT_EQ(StateOf(exporting, kExport), JobState::kSubmitted);
  EXPECT_EQ(Claim(kImport).id, import);
  EXPECT_EQ(Claim(kExport).id, exporting);
  EXPECT_EQ(queue_->Get(kExport, import).error().kind, ErrorKind::kNotFound);
}

TEST_F(QueueTest, HoldsTwentyFiveWaitingJobs) {
  for (uint32_t i = 0; i < kWaitingMax + 1; ++i) Submit();
  EXPECT_EQ(queue_->Submit(kImport, "{}", {}).error().kind, ErrorKind::kBusy);
  Submit(kExport);  // The bound is each kind's own.
  const Job job = Claim();
  EXPECT_EQ(queue_->Submit(kImport, "{}", {}).error().kind, ErrorKind::kBusy);
  ASSERT_TRUE(queue_->Finish(job, {.state = JobState::kFailed, .message = "no"}, {}).ok());
  Submit();
  EXPECT_EQ(queue_->Submit(kImport, "{}", {}).error().kind, ErrorKind::kBusy);
}

TEST_F(QueueTest, BoundsRequests) {
  EXPECT_TRUE(queue_->Submit(kImport, std::string(kRequestBytesMax, 'x'), {}).ok());
  EXPECT_EQ(queue_->Submit(kImport, std::string(kRequestBytesMax + 1, 'x'), {}).error().kind,
            ErrorKind::kTooLarge);
}

TEST_F(QueueTest, CutsLongMessagesBetweenCharacters) {
  Submit();
  std::string message(kMessageBytesMax - 1, 'x');
  const auto ended =
      queue_->Finish(Claim(), {.state = JobState::kFailed, .message = message + "\u00fc"}, {});
  EXPECT_EQ(ended.value().message, message);
}

TEST_F(QueueTest, SubmitsTogetherWithTheCallersKeysOrNotAtAll) {
  kv::Batch with;
  with.ExpectAbsent(1, "token");
  with.Put(1, "token", "12345678");
  ASSERT_TRUE(queue_->Submit(kImport, "{}", with).ok());
  EXPECT_TRUE(Has(1, "token"));
  EXPECT_EQ(queue_->Submit(kImport, "{}", with).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(queue_->CountActive().value(), 1u);
}

TEST_F(QueueTest, TakesIdsOfTheCallerOnce) {
  const std::string id(32, 'a');
  ASSERT_TRUE(queue_->SubmitAs(id, kImport, "{}", {}).ok());
  EXPECT_EQ(queue_->SubmitAs(id, kImport, "{}", {}).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(queue_->SubmitAs("../x", kImport, "{}", {}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(queue_->Get(kImport, "../x").error().kind, ErrorKind::kNotFound);
}

TEST_F(QueueTest, ResumesTheInterruptedJobAtItsCheckpoint) {
  Submit(kImport, R"({"a":1})");
  Submit();
  const Job job = Claim();
  kv::Batch batch;
  batch.Put(1, "resource", "12345678");
  queue_->AddCheckpoint(job, "at line 7", R"({"lines":7})", &batch);
  ASSERT_TRUE(store_->Commit(batch).ok());
  Reopen();
  const Job again = Claim();
  EXPECT_EQ(again.id, job.id);
  EXPECT_EQ(again.checkpoint, "at line 7");
  EXPECT_EQ(again.progress, R"({"lines":7})");
  EXPECT_EQ(again.request, R"({"a":1})");
  EXPECT_GT(again.fence, job.fence);
  // The worker of before, should it still live, can commit nothing more.
  kv::Batch late;
  late.Put(1, "late", "12345678");
  queue_->AddCheckpoint(job, "at line 8", "{}", &late);
  EXPECT_EQ(store_->Commit(late).error().kind, ErrorKind::kConflict);
  EXPECT_FALSE(Has(1, "late"));
  EXPECT_EQ(queue_->Finish(job, {}, {}).error().kind, ErrorKind::kConflict);
  const auto ended = queue_->Finish(again, {.state = JobState::kCompletedWithErrors}, {});
  EXPECT_EQ(ended.value().progress, R"({"lines":7})");
  const Job kept = queue_->Get(kImport, job.id).value();
  EXPECT_EQ(kept.progress, R"({"lines":7})");
  EXPECT_EQ(kept.checkpoint, "");
}

TEST_F(QueueTest, GivesAReleasedJobOutAgain) {
  const std::string first = Submit();
  const Job job = Claim();
  queue_->Release(job);
  EXPECT_EQ(StateOf(first), JobState::kInProgress);
  EXPECT_EQ(Claim().id, first);
}

TEST_F(QueueTest, CancelsWaitingJobsAtOnceAndRunningOnesThroughTheirWorker) {
  const std::string running = Submit();
  const std::string waiting = Submit();
  const Job job = Claim();
  EXPECT_EQ(queue_->Cancel(kImport, waiting).value().state, JobState::kCancelCompleted);
  EXPECT_EQ(StateOf(waiting), JobState::kCancelCompleted);
  EXPECT_EQ(queue_->Cancel(kImport, waiting).error().kind, ErrorKind::kConflict);
  EXPECT_FALSE(queue_->CancelRequested(job));
  EXPECT_EQ(queue_->Cancel(kImport, running).value().state, JobState::kCancelSubmitted);
  EXPECT_TRUE(queue_->CancelRequested(job));
  EXPECT_EQ(StateOf(running), JobState::kCancelSubmitted);
  // Asking does not take the claim away.
  kv::Batch batch;
  queue_->AddCheckpoint(job, "c", "{}", &batch);
  EXPECT_TRUE(store_->Commit(batch).ok());
  ASSERT_TRUE(queue_->Finish(job, {.state = JobState::kCancelCompleted}, {}).ok());
  EXPECT_EQ(StateOf(running), JobState::kCancelCompleted);
  EXPECT_FALSE(queue_->CancelRequested(job));
  EXPECT_EQ(queue_->Cancel(kImport, std::string(32, '0')).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(queue_->CountActive().value(), 0u);
}

TEST_F(QueueTest, ListsNewestFirstByPagesAndFilters) {
  std::vector<std::string> ids;
  std::vector<int64_t> times;
  for (int i = 0; i < 5; ++i) {
    times.push_back(clock_.UnixMs());
    ids.push_back(Submit(kImport, i % 2 == 0 ? R"({"JobName":"even"})" : R"({"JobName":"odd"})"));
  }
  Submit(kExport);
  const auto list = [this](JobFilter filter) {
    filter.kind = kImport;
    auto page = queue_->List(filter);
    CHECK(page.ok());
    std::vector<std::string> out;
    out.reserve(page.value().jobs.size() + 1);
    for (const Job& job : page.value().jobs) out.push_back(job.id);
    if (page.value().more) out.emplace_back("more");
    return out;
  };
  EXPECT_THAT(list({}), ElementsAre(ids[4], ids[3], ids[2], ids[1], ids[0]));
  EXPECT_THAT(list({.max = 2}), ElementsAre(ids[4], ids[3], "more"));
  EXPECT_THAT(list({.after_job_id = ids[3], .max = 2}), ElementsAre(ids[2], ids[1], "more"));
  EXPECT_THAT(list({.after_job_id = ids[1], .max = 2}), ElementsAre(ids[0]));
  EXPECT_THAT(list({.name = "even", .max = 2}), ElementsAre(ids[4], ids[2], "more"));
  EXPECT_THAT(list({.name = "even", .after_job_id = ids[2]}), ElementsAre(ids[0]));
  EXPECT_THAT(list({.name = "none"}), ElementsAre());
  EXPECT_THAT(list({.submitted_after_unix_ms = times[1], .submitted_before_unix_ms = times[3]}),
              ElementsAre(ids[3], ids[2], ids[1]));
  EXPECT_THAT(list({.states = {JobState::kSubmitted}}), ElementsAre(ids[0]));
  EXPECT_THAT(list({.states = {JobState::kQueued}, .max = 3}),
              ElementsAre(ids[4], ids[3], ids[2], "more"));
  EXPECT_EQ(queue_->List({.kind = std::string(kImport), .after_job_id = "x"}).error().kind,
            ErrorKind::kInvalid);
}

TEST_F(QueueTest, RecordsEveryCommittedChangeInItsBatch) {
  std::vector<std::string> seen;
  queue_->SetRecorder([&seen](const Job& job, kv::Batch* batch) {
    batch->Put(1, "event/" + job.id + std::string(JobStateName(job.state)), "12345678");
    seen.emplace_back(JobStateName(job.state));
  });
  const std::string first = Submit();
  const Job job = Claim();
  queue_->Release(job);
  const Job again = Claim();  // No change of state: no event.
  ASSERT_TRUE(queue_->Finish(again, {.state = JobState::kCompleted}, {}).ok());
  EXPECT_THAT(seen, ElementsAre("SUBMITTED", "IN_PROGRESS", "COMPLETED"));
  for (const std::string& state : seen) EXPECT_TRUE(Has(1, "event/" + first + state));
}

TEST_F(QueueTest, SubmissionsAtOnceKeepTheBound) {
  // SeededRandom is not for threads: ids are given.
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::array<int, 4> accepted{};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t, &accepted] {
      for (int i = 0; i < 10; ++i) {
        std::string id(32, '0');
        id[0] = static_cast<char>('a' + t);
        id[1] = static_cast<char>('0' + i);
        const auto job = queue_->SubmitAs(id, kImport, "{}", {});
        if (job.ok()) ++accepted[t];
        CHECK(job.ok() || job.error().kind == ErrorKind::kBusy);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted[0] + accepted[1] + accepted[2] + accepted[3], kWaitingMax + 1);
}

// The queue against a list in memory: random operations of one kind, with restarts between them.
RC_GTEST_PROP(QueueModel, DoesWhatAListDoes, ()) {
  struct Entry {
    std::string id;
    JobState state = JobState::kSubmitted;
    std::string checkpoint;
  };
  FakeClock clock;
  SeededRandom random(7);
  kv::FakeEngine engine;
  std::unique_ptr<kv::Store> store = engine.Open("x", {{{.name = "job"}}}).value();
  auto queue = std::make_unique<Queue>(*store, kFamily, clock, random);
  std::vector<Entry> model;
  std::optional<Job> claim;
  const auto first_active = [&model] {
    return std::find_if(model.begin(), model.end(),
                        [](const Entry& entry) { return !IsFinal(entry.state); });
  };
  for (int step = *rc::gen::inRange(10, 60); step > 0; --step) {
    switch (*rc::gen::inRange(0, 7)) {
      case 0:
      case 1: {
        const auto active = std::count_if(model.begin(), model.end(),
                                          [](const Entry& entry) { return !IsFinal(entry.state); });
        const auto job = queue->Submit(kImport, "{}", {});
        RC_ASSERT(job.ok() == (active <= kWaitingMax));
        if (job.ok()) model.push_back({job.value().id});
        break;
      }
      case 2: {
        const auto job = queue->Claim(kImport).value();
        const auto first = first_active();
        RC_ASSERT(job.has_value() == (!claim && first != model.end()));
        if (!job) break;
        RC_ASSERT((job->id == first->id && job->checkpoint == first->checkpoint));
        first->state = JobState::kInProgress;
        claim = job;
        break;
      }
      case 3: {
        if (!claim) break;
        kv::Batch batch;
        queue->AddCheckpoint(*claim, std::to_string(step), "{}", &batch);
        RC_ASSERT(store->Commit(batch).ok());
        first_active()->checkpoint = std::to_string(step);
        break;
      }
      case 4: {
        if (!claim) break;
        const auto state = *rc::gen::element(JobState::kCompleted, JobState::kFailed);
        RC_ASSERT(queue->Finish(*claim, {.state = state}, {}).ok());
        first_active()->state = state;
        claim.reset();
        break;
      }
      case 5: {
        queue = std::make_unique<Queue>(*store, kFamily, clock, random);  // A crash.
        claim.reset();
        break;
      }
      case 6: {
        if (model.empty()) break;
        Entry& entry = model[*rc::gen::inRange<size_t>(0, model.size())];
        const auto cancelled = queue->Cancel(kImport, entry.id);
        RC_ASSERT(cancelled.ok() == !IsFinal(entry.state));
        if (entry.state == JobState::kSubmitted) entry.state = JobState::kCancelCompleted;
        break;
      }
      default:
        break;
    }
    const auto page = queue->List({.kind = std::string(kImport), .max = 1000}).value();
    RC_ASSERT(page.jobs.size() == model.size());
    const auto first = first_active();
    for (size_t i = 0; i < model.size(); ++i) {
      const Entry& entry = model[i];
      JobState shown = entry.state;
      if (shown == JobState::kSubmitted && &entry != &*first) shown = JobState::kQueued;
      const Job& job = page.jobs[model.size() - 1 - i];
      RC_ASSERT(job.id == entry.id);
      // A running job may have been asked to end.
      RC_ASSERT(job.state == shown ||
                (shown == JobState::kInProgress && job.state == JobState::kCancelSubmitted));
    }
  }
}

// One job's whole way with a fault at the n-th write, for every n: whatever the failed call said,
// the job afterwards is in a state of its way, and another try brings it to its end.
TEST(QueueFaults, EveryWriteMayFail) {
  for (const auto effect : {kv::FakeEngine::Effect::kRefuse, kv::FakeEngine::Effect::kCrash,
                            kv::FakeEngine::Effect::kWriteAndCrash}) {
    for (uint64_t n = 1; n <= 4; ++n) {
      SCOPED_TRACE(static_cast<int>(effect) * 10 + static_cast<int>(n));
      FakeClock clock;
      SeededRandom random(1);
      kv::FakeEngine engine;
      engine.SetFault({.write = n, .effect = effect});
      const std::string id(32, 'b');
      std::unique_ptr<kv::Store> store;
      bool done = false;
      for (int tries = 0; tries < 3 && !done; ++tries) {
        store.reset();
        store = engine.Open("x", {{{.name = "job"}}}).value();
        Queue queue(*store, kFamily, clock, random);
        const auto submitted = queue.SubmitAs(id, kImport, "{}", {});
        if (!submitted.ok() && submitted.error().kind != ErrorKind::kConflict) continue;
        const auto claimed = queue.Claim(kImport);
        if (!claimed.ok()) continue;
        if (claimed.value()) {
          kv::Batch batch;
          queue.AddCheckpoint(*claimed.value(), "c", "{}", &batch);
          if (!store->Commit(batch).ok()) continue;
          if (!queue.Finish(*claimed.value(), {}, {}).ok()) continue;
        }
        done = true;
        EXPECT_EQ(queue.Get(kImport, id).value().state, JobState::kCompleted);
        EXPECT_EQ(queue.CountActive().value(), 0u);
        EXPECT_EQ(queue.List({.kind = std::string(kImport)}).value().jobs.size(), 1u);
      }
      EXPECT_TRUE(done);
    }
  }
}

TEST(JobCodec, RefusesBrokenBytes) {
  internal::Document document{.revision = 3,
                              .state = JobState::kFailed,
                              .order = 9,
                              .submit_unix_ms = 5,
                              .end_unix_ms = 6,
                              .request = "{}",
                              .message = "why"};
  const std::string bytes = internal::EncodeDocument(document);
  const auto decoded = internal::DecodeDocument(bytes);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded.value().order, 9u);
  EXPECT_EQ(decoded.value().message, "why");
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(internal::DecodeDocument(bytes.substr(0, cut)).ok()) << cut;
  }
  EXPECT_FALSE(internal::DecodeDocument(bytes + "x").ok());
  std::string state = bytes;
  state[9] = 1;  // QUEUED is never stored.
  EXPECT_FALSE(internal::DecodeDocument(state).ok());
}

}  // namespace
}  // namespace tarn::jobs
