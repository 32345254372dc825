#include "jobs/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <sstream>

#include "base/log.h"
#include "http/server.h"
#include "json/value.h"
#include "kv/fake_engine.h"

namespace tarn::jobs {
namespace {

using ::testing::ElementsAre;

constexpr kv::Family kFamily = 0;

// A webhook that answers as told and remembers what it got.
class Webhook {
 public:
  explicit Webhook(std::vector<int> first_statuses = {}) : statuses_(std::move(first_statuses)) {
    http::Router router;
    router.Add(http::Method::kPost, "/hook", {.name = "hook"},
               [this](http::Request& request) { return Receive(request); });
    http::ServerOptions options;
    options.name = "hook";
    options.access_log = false;
    auto started = http::Server::Start(options, std::move(router), metrics_, clock_, random_);
    CHECK(started.ok());
    server_ = std::move(started).value();
  }
  ~Webhook() { server_.reset(); }

  std::string Url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + "/hook";
  }
  // Waits for that many requests and returns their event ids.
  std::vector<std::string> WaitFor(size_t count) {
    const MutexLock lock(mutex_);
    while (ids_.size() < count) changed_.Wait(mutex_);
    return ids_;
  }

 private:
  http::Response Receive(const http::Request& request) {
    const MutexLock lock(mutex_);
    http::Response response;
    response.status = ids_.size() < statuses_.size() ? statuses_[ids_.size()] : 204;
    ids_.emplace_back(request.headers.Get("X-Tarn-Event-Id"));
    changed_.NotifyAll();
    return response;
  }

  const std::vector<int> statuses_;
  MetricsRegistry metrics_;
  SystemClock clock_;
  SystemRandom random_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> ids_ GUARDED_BY(mutex_);
  std::unique_ptr<http::Server> server_;
};

class EventsTest : public ::testing::Test {
 protected:
  EventsTest() {
    ConfigureLog(LogLevel::kOff, LogFormat::kText);
    char name[] = "/tmp/tarn-events-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    folder_ = name;
    home_ = OpenStore("home");
  }
  ~EventsTest() override {
    log_.reset();
    (void)RemoveFolder(folder_);
  }

  std::shared_ptr<kv::Store> OpenStore(const std::string& name) {
    auto store = engine_.Open(name, {{{.name = "job"}}});
    CHECK(store.ok());
    return std::move(store).value();
  }
  void OpenLog(const std::string& url = "", uint32_t waiting_max = 100) {
    log_.reset();
    auto log = EventLog::Open({.folder = folder_ + "/events",
                               .webhook_url = url,
                               .webhook_waiting_max = waiting_max,
                               .retry_first_ms = 1,
                               .retry_max_ms = 4},
                              *home_, kFamily, clock_, random_, metrics_);
    CHECK(log.ok());
    log_ = std::move(log).value();
  }
  void Emit(kv::Store& store, const std::string& id) {
    kv::Batch batch;
    AddEvent({.id = id,
              .detail_type = "Data Store Active",
              .source = "aws.healthlake",
              .account = "123456789012",
              .region = "eu-west-1",
              .unix_ms = clock_.UnixMs(),
              .resources = {"arn:x"},
              .detail = R"({"datastoreId":"d"})"},
             kFamily, &batch);
    CHECK(store.Commit(batch).ok());
  }
  // The ids in the log, when the pump has nothing left to do in `home`.
  std::vector<std::string> LoggedIds() {
    std::ifstream file(folder_ + "/events/events-" +
                       FormatAwsBasicTime(clock_.UnixMs()).substr(0, 8) + ".jsonl");
    std::vector<std::string> ids;
    for (std::string line; std::getline(file, line);) {
      const auto value = json::ParseValue(line);
      CHECK(value.ok());
      ids.push_back(value.value().Find("id")->AsString());
    }
    return ids;
  }
  void Drain(const std::string& id) {
    auto store = OpenStore(id);
    log_->Watch(id, store, kFamily);
    CHECK(log_->DrainAndForget(id).ok());
  }

  SystemClock clock_;
  SystemRandom random_;
  MetricsRegistry metrics_;
  kv::FakeEngine engine_;
  std::string folder_;
  std::shared_ptr<kv::Store> home_;
  std::unique_ptr<EventLog> log_;
};

TEST(Event, HasEventBridgesShape) {
  EXPECT_EQ(EventText({.id = "i",
                       .detail_type = "Import Job Submitted",
                       .source = "aws.healthlake",
                       .account = "123456789012",
                       .region = "us-east-1",
                       .unix_ms = 1'767'323'045'678,
                       .resources = {"arn:a"},
                       .detail = R"({"jobId":"j"})"}),
            R"({"version":"0","id":"i","detail-type":"Import Job Submitted",)"
            R"("source":"aws.healthlake","account":"123456789012","time":"2026-01-02T03:04:05Z",)"
            R"("region":"us-east-1","resources":["arn:a"],"detail":{"jobId":"j"}})");
}

TEST_F(EventsTest, MovesEventsIntoTheLogInOrderOfTheirCommits) {
  auto store = OpenStore("s");
  for (int i = 0; i < 600; ++i) Emit(*store, std::to_string(1000 + i));
  OpenLog();
  log_->Watch("s", store, kFamily);
  ASSERT_TRUE(log_->DrainAndForget("s").ok());
  const std::vector<std::string> ids = LoggedIds();
  ASSERT_EQ(ids.size(), 600u);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_FALSE(store->GetSnapshot()->Scan(kFamily, {})->Valid());
  store.reset();
  EXPECT_TRUE(engine_.Drop("s").ok());
}

TEST_F(EventsTest, TakesUpAfterARestartWhatWasLeft) {
  auto store = OpenStore("s");
  Emit(*store, "before");
  OpenLog();
  log_.reset();  // Nothing was watched: the event stays in the store.
  Emit(*store, "after");
  OpenLog();
  log_->Watch("s", store, kFamily);
  ASSERT_TRUE(log_->DrainAndForget("s").ok());
  EXPECT_THAT(LoggedIds(), ElementsAre("before", "after"));
}

TEST_F(EventsTest, CutsOffALineThatACrashLeftHalf) {
  ASSERT_TRUE(MakeFolders(folder_ + "/events").ok());
  {
    std::ofstream file(folder_ + "/events/events-" +
                       FormatAwsBasicTime(clock_.UnixMs()).substr(0, 8) + ".jsonl");
    file << "{\"id\":\"whole\"}\n{\"id\":\"ha";
  }
  auto store = OpenStore("s");
  Emit(*store, "next");
  OpenLog();
  log_->Watch("s", store, kFamily);
  ASSERT_TRUE(log_->DrainAndForget("s").ok());
  EXPECT_THAT(LoggedIds(), ElementsAre("whole", "next"));
}

// A disk that takes part of the lines: they are cut off again, and come once.
TEST_F(EventsTest, WhatWasNotWrittenWholeIsCutOff) {
  OpenLog();
  Emit(*home_, "first");
  log_->Wake();
  while (LoggedIds().size() < 1) std::this_thread::yield();
  const std::string path =
      folder_ + "/events/events-" + FormatAwsBasicTime(clock_.UnixMs()).substr(0, 8) + ".jsonl";
  rlimit old_limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const uintmax_t synced = std::filesystem::file_size(path);
  const rlimit limit{.rlim_cur = synced + 20, .rlim_max = old_limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  Emit(*home_, "second");
  EXPECT_FALSE(log_->DrainAndForget("").ok());
  EXPECT_EQ(std::filesystem::file_size(path), synced);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(log_->DrainAndForget("").ok());
  EXPECT_THAT(LoggedIds(), ElementsAre("first", "second"));
}

TEST_F(EventsTest, PostsToTheWebhookInOrderAndRepeatsUntilItAnswers) {
  Webhook webhook({500, 429, 503});
  OpenLog(webhook.Url());
  Emit(*home_, "one");
  Emit(*home_, "two");
  log_->Wake();
  EXPECT_THAT(webhook.WaitFor(5), ElementsAre("one", "one", "one", "one", "two"));
}

TEST_F(EventsTest, GivesUpOnWhatTheWebhookRefuses) {
  Webhook webhook({400});
  OpenLog(webhook.Url());
  Emit(*home_, "one");
  Emit(*home_, "two");
  log_->Wake();
  EXPECT_THAT(webhook.WaitFor(2), ElementsAre("one", "two"));
  EXPECT_EQ(metrics_.GetCounter("tarn_webhook_dropped_total", "").Value(), 1u);
}

TEST_F(EventsTest, KeepsWaitingEventsOverARestartAndBoundsTheQueue) {
  OpenLog("http://127.0.0.1:1/nobody", 3);
  for (const char* id : {"1", "2", "3", "4", "5"}) Emit(*home_, id);
  log_->Wake();
  auto store = OpenStore("s");
  // Draining another source waits for the pump's turn, so `home` is done after it or before it.
  while (LoggedIds().size() < 5) Drain("s2");
  EXPECT_THAT(LoggedIds(), ElementsAre("1", "2", "3", "4", "5"));
  Webhook webhook;
  OpenLog(webhook.Url(), 3);
  EXPECT_THAT(webhook.WaitFor(3), ElementsAre("1", "2", "3"));
}

TEST_F(EventsTest, RefusesAWebhookThatIsNoUrl) {
  const auto log = EventLog::Open({.folder = folder_, .webhook_url = "ftp://x"}, *home_, kFamily,
                                  clock_, random_, metrics_);
  EXPECT_EQ(log.error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace tarn::jobs
