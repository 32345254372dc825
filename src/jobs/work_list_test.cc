#include "jobs/work_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tarn::jobs {
namespace {

using ::testing::ElementsAre;

// Work that waits until a test lets it go on, and remembers what ran.
class Desk {
 public:
  WorkList::Outcome Run(const std::string& key) {
    const MutexLock lock(mutex_);
    begun_.push_back(key);
    CHECK(running_.insert({key, true}).second);  // Never twice at a time.
    changed_.NotifyAll();
    while (allowed_ == 0) changed_.Wait(mutex_);
    --allowed_;
    running_.erase(key);
    ++ended_;
    changed_.NotifyAll();
    if (outcomes_.empty()) return WorkList::Outcome::kDone;
    const WorkList::Outcome outcome = outcomes_.front();
    outcomes_.erase(outcomes_.begin());
    return outcome;
  }
  void Allow(int count) {
    const MutexLock lock(mutex_);
    allowed_ += count;
    changed_.NotifyAll();
  }
  void AnswerWith(std::vector<WorkList::Outcome> outcomes) {
    const MutexLock lock(mutex_);
    outcomes_ = std::move(outcomes);
  }
  std::vector<std::string> WaitForBegun(size_t count) {
    const MutexLock lock(mutex_);
    while (begun_.size() < count) changed_.Wait(mutex_);
    return begun_;
  }
  int WaitForEnded(int count) {
    const MutexLock lock(mutex_);
    while (ended_ < count) changed_.Wait(mutex_);
    return ended_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> begun_ GUARDED_BY(mutex_);
  std::map<std::string, bool> running_ GUARDED_BY(mutex_);
  std::vector<WorkList::Outcome> outcomes_ GUARDED_BY(mutex_);
  int allowed_ GUARDED_BY(mutex_) = 0;
  int ended_ GUARDED_BY(mutex_) = 0;
};

class WorkListTest : public ::testing::Test {
 protected:
  void Make(size_t threads) {
    list_ = std::make_unique<WorkList>(
        WorkList::Options{.threads = threads, .retry_first_ms = 1, .retry_max_ms = 2},
        [this](const std::string& key) { return desk_.Run(key); }, clock_, random_);
  }
  void Start(size_t threads) {
    Make(threads);
    list_->Start();
  }

  SystemClock clock_;
  SystemRandom random_;
  Desk desk_;
  std::unique_ptr<WorkList> list_;
};

TEST_F(WorkListTest, RunsEachKeyOnceInOrder) {
  Make(1);  // Started later: a key that runs already would run again.
  for (const char* key : {"a", "b", "a", "c", "b"}) list_->Add(key);
  list_->Start();
  desk_.Allow(10);
  EXPECT_THAT(desk_.WaitForBegun(3), ElementsAre("a", "b", "c"));
}

TEST_F(WorkListTest, RunsAKeyAgainThatIsAddedWhileItRuns) {
  Start(2);
  list_->Add("a");
  desk_.WaitForBegun(1);
  list_->Add("a");
  list_->Add("a");
  desk_.Allow(1);
  EXPECT_THAT(desk_.WaitForBegun(2), ElementsAre("a", "a"));
  desk_.Allow(1);
  desk_.WaitForEnded(2);
  list_->Stop();
  EXPECT_EQ(desk_.WaitForEnded(2), 2);
}

TEST_F(WorkListTest, SaysWhetherOthersWait) {
  Start(1);
  list_->Add("a");
  desk_.WaitForBegun(1);
  EXPECT_FALSE(list_->OthersWait());
  list_->Add("b");
  EXPECT_TRUE(list_->OthersWait());
  desk_.Allow(2);
  desk_.WaitForEnded(2);
}

TEST_F(WorkListTest, PutsAKeyToTheEndOrTriesItAfterAPause) {
  Start(1);
  desk_.AnswerWith({WorkList::Outcome::kAgain, WorkList::Outcome::kDone, WorkList::Outcome::kRetry,
                    WorkList::Outcome::kRetry, WorkList::Outcome::kDone});
  list_->Add("a");
  desk_.WaitForBegun(1);
  list_->Add("b");
  desk_.Allow(5);
  EXPECT_THAT(desk_.WaitForBegun(5), ElementsAre("a", "b", "a", "a", "a"));
}

TEST_F(WorkListTest, DropsWhatWaitsWhenItStops) {
  Start(1);
  list_->Add("a");
  desk_.WaitForBegun(1);
  list_->Add("b");
  std::thread stopper([this] { list_->Stop(); });
  while (!list_->Stopping()) std::this_thread::yield();
  desk_.Allow(1);
  stopper.join();
  EXPECT_THAT(desk_.WaitForBegun(1), ElementsAre("a"));
}

}  // namespace
}  // namespace tarn::jobs
