#include "fhir_store/data_stores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "json/value.h"
#include "kv/fake_engine.h"
#include "objects/folder_store.h"

namespace tarn::fhir_store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A gate that a preload waits at, so that a test sees the states before and after.
class Gate {
 public:
  void Open() {
    {
      const MutexLock lock(mutex_);
      open_ = true;
    }
    changed_.NotifyAll();
  }
  void Pass() {
    const MutexLock lock(mutex_);
    while (!open_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ GUARDED_BY(mutex_) = false;
};

// The fake engine, with stores that cannot be opened or dropped for as long as a test says so.
class FaultyEngine final : public kv::Engine {
 public:
  Result<std::unique_ptr<kv::Store>> Open(const std::string& name,
                                          const kv::Schema& schema) override {
    if (opens_fail && name != "catalogue") return Error{ErrorKind::kUnavailable, "no space"};
    return fake.Open(name, schema);
  }
  Status Drop(const std::string& name) override {
    ++drops;
    if (drops_fail) return Error{ErrorKind::kUnavailable, "no space"};
    return fake.Drop(name);
  }
  Result<std::vector<std::string>> List() const override { return fake.List(); }

  kv::FakeEngine fake;
  std::atomic<bool> opens_fail{false};
  std::atomic<bool> drops_fail{false};
  std::atomic<int> drops{0};
};

constexpr std::string_view kPatientLines =
    "{\"resourceType\":\"Patient\",\"id\":\"p1\"}\n{\"resourceType\":\"Patient\",\"id\":\"p2\"}\n";

class DataStoresTest : public ::testing::Test {
 protected:
  DataStoresTest() {
    ConfigureLog(LogLevel::kOff, LogFormat::kText);
    char name[] = "/tmp/tarn-stores-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    folder_ = name;
    objects_ = objects::OpenFolderStore(folder_ + "/s3", clock_, random_).value();
    keyring_ = crypto::Keyring::Open(folder_ + "/keys", clock_, random_).value();
    CHECK(objects_->CreateBucket("data").ok());
    options_.retry_first_ms = 1;
    options_.retry_max_ms = 4;
    options_.make_unknown_keys = true;
    options_.fhir.import_threads = 1;
    options_.preload = [this] { return OnePreload(); };
    Start();
  }
  ~DataStoresTest() override {
    Stop();
    (void)RemoveFolder(folder_);
  }

  void Start() {
    catalogue_ = engine_.Open("catalogue", jobs::CatalogueSchema()).value();
    events_ = jobs::EventLog::Open({.folder = folder_ + "/events", .retry_first_ms = 1},
                                   *catalogue_, 1, clock_, random_, metrics_)
                  .value();
    stores_ = DataStores::Open(options_, {engine_, *catalogue_, *objects_, *keyring_, *events_,
                                          clock_, random_, metrics_})
                  .value();
    stores_->SetEndpointBase("http://127.0.0.1:1");
    stores_->Start();
  }
  void Stop() {
    stores_.reset();
    events_.reset();
    catalogue_.reset();
  }
  void Restart() {
    Stop();
    Start();
  }

  Blocks OnePreload() {
    return [this, done = false](std::string* block) mutable {
      preload_gate_.Pass();
      if (done) return false;
      done = true;
      *block = kPatientLines;
      return true;
    };
  }

  std::string Create(const DataStores::CreateRequest& request = {}, const ClientToken& token = {}) {
    const auto store = stores_->Create(request, token);
    CHECK(store.ok());
    CHECK(store.value().status == DataStoreStatus::kCreating);
    return store.value().id;
  }
  std::string CreateActive() {
    std::string id = Create();
    WaitFor(id, DataStoreStatus::kActive);
    return id;
  }
  // The lifecycle has no event to wait on from outside, so this asks until it is so.
  DataStore WaitFor(const std::string& id, DataStoreStatus status) {
    for (;;) {
      const auto store = stores_->Describe(id);
      CHECK(store.ok());
      if (store.value().status == status) return store.value();
      std::this_thread::yield();
    }
  }
  jobs::Job WaitForJob(const std::string& id, const jobs::Job& job) {
    for (;;) {
      const auto store = stores_->Use(id);
      CHECK(store.ok());
      auto now = store.value()->fhir->queue().Get(job.kind, job.id);
      CHECK(now.ok());
      if (jobs::IsFinal(now.value().state)) return now.value();
      std::this_thread::yield();
    }
  }
  static ExportRequest Exporting(const std::string& name = "") {
    return {.job_name = name, .output = {"data", "out/"}, .output_kms_key_id = "alias/out"};
  }
  // Until that many events are logged and out of their outbox: nothing writes any more.
  void WaitForQuiet(uint64_t events) {
    while (metrics_.GetCounter("tarn_events_logged_total", "Events written to the log.").Value() <
           events) {
      std::this_thread::yield();
    }
  }
  // The types of the events in the log, when there are that many.
  std::vector<std::string> LoggedTypes(size_t count) {
    std::vector<std::string> types = ReadLog();
    while (types.size() < count) {
      std::this_thread::yield();
      types = ReadLog();
    }
    return types;
  }
  std::vector<std::string> ReadLog() {
    std::vector<std::string> types;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/events")) {
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) {
        const auto value = json::ParseValue(line);
        if (!value.ok()) break;  // Being written.
        types.push_back(value.value().Find("detail-type")->AsString());
      }
    }
    return types;
  }
  std::vector<std::string> ListIds(const DataStoreFilter& filter) {
    const auto page = stores_->List(filter);
    CHECK(page.ok());
    std::vector<std::string> ids;
    for (const DataStore& store : page.value().stores) ids.push_back(store.id);
    if (page.value().more) ids.emplace_back("more");
    return ids;
  }

  SystemClock clock_;
  SystemRandom random_;
  MetricsRegistry metrics_;
  FaultyEngine engine_;
  std::string folder_;
  Gate preload_gate_;
  DataStoresOptions options_;
  std::unique_ptr<objects::ObjectStore> objects_;
  std::unique_ptr<crypto::Keyring> keyring_;
  std::unique_ptr<kv::Store> catalogue_;
  std::unique_ptr<jobs::EventLog> events_;
  std::unique_ptr<DataStores> stores_;
};

TEST(DataStoreStatus, HasNamesBothWays) {
  for (int i = 0; i < kDataStoreStatusCount; ++i) {
    const auto status = static_cast<DataStoreStatus>(i);
    EXPECT_EQ(ParseDataStoreStatus(DataStoreStatusName(status)), status);
  }
  EXPECT_EQ(ParseDataStoreStatus("GONE"), std::nullopt);
}

TEST_F(DataStoresTest, LivesFromCreatingToDeleted) {
  const std::string id = Create({.name = "first"});
  const DataStore store = WaitFor(id, DataStoreStatus::kActive);
  EXPECT_EQ(store.name, "first");
  EXPECT_EQ(stores_->ArnOf(id), "arn:aws:healthlake:us-east-1:000000000000:datastore/fhir/" + id);
  EXPECT_EQ(stores_->EndpointOf(id), "http://127.0.0.1:1/datastore/" + id + "/r4/");
  EXPECT_TRUE(stores_->Use(id).ok());
  EXPECT_TRUE(stores_->IsOpen(id));
  EXPECT_THAT(engine_.List().value(), ElementsAre("catalogue", "fhir-" + id));
  Gauge& active = metrics_.GetGauge("tarn_data_stores", "", {{"status", "ACTIVE"}});
  EXPECT_EQ(active.Value(), 1);
  EXPECT_EQ(stores_->Delete(id).value().status, DataStoreStatus::kDeleting);
  WaitFor(id, DataStoreStatus::kDeleted);
  EXPECT_EQ(active.Value(), 0);
  EXPECT_THAT(engine_.List().value(), ElementsAre("catalogue"));
  EXPECT_EQ(stores_->Use(id).error().kind, ErrorKind::kNotFound);
  EXPECT_FALSE(stores_->IsOpen(id));
  EXPECT_EQ(stores_->Delete(id).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(stores_->AddTags(id, {{"a", "b"}}).error().kind, ErrorKind::kNotFound);
  Restart();
  EXPECT_EQ(stores_->Describe(id).value().status, DataStoreStatus::kDeleted);
  EXPECT_THAT(LoggedTypes(4), ElementsAre("Data Store Creating", "Data Store Active",
                                          "Data Store Deleting", "Data Store Deleted"));
}

TEST_F(DataStoresTest, IsCreatingUntilThePreloadIsIn) {
  const std::string id = Create({.preload = true});
  EXPECT_EQ(stores_->Describe(id).value().status, DataStoreStatus::kCreating);
  EXPECT_EQ(stores_->Use(id).error().kind, ErrorKind::kConflict);
  EXPECT_FALSE(stores_->IsOpen(id));
  EXPECT_EQ(stores_->Delete(id).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(stores_->StartExport(id, Exporting(), {}).error().kind, ErrorKind::kConflict);
  ASSERT_TRUE(stores_->AddTags(id, {{"while", "creating"}}).ok());
  preload_gate_.Open();
  const DataStore store = WaitFor(id, DataStoreStatus::kActive);
  EXPECT_EQ(store.tags.size(), 1u);
  EXPECT_EQ(stores_->Use(id).value()->fhir->CountLive(fhir::FindType("Patient")), 2u);
}

TEST_F(DataStoresTest, GoesOnWithACreationThatWasInterrupted) {
  const std::string id = Create({.preload = true});
  std::thread opener([this] { preload_gate_.Open(); });
  Restart();
  opener.join();
  WaitFor(id, DataStoreStatus::kActive);
  EXPECT_EQ(stores_->Use(id).value()->fhir->CountLive(fhir::FindType("Patient")), 2u);
}

TEST_F(DataStoresTest, KeepsWhatItWasMadeWithOverARestart) {
  const IdentityProvider provider{.strategy = "SMART_ON_FHIR",
                                  .fine_grained = true,
                                  .metadata = "{\"x\":1}",
                                  .lambda_arn = "arn:aws:lambda:x"};
  const std::string id = Create({.name = "n",
                                 .encryption = Encryption{true, "alias/a"},
                                 .identity_provider = provider,
                                 .tags = {{"b", "2"}, {"a", "1"}}});
  WaitFor(id, DataStoreStatus::kActive);
  Restart();
  const DataStore store = stores_->Describe(id).value();
  EXPECT_TRUE(store.encryption->customer_managed);
  EXPECT_EQ(store.encryption->kms_key_id, "alias/a");
  EXPECT_EQ(store.identity_provider->metadata, provider.metadata);
  EXPECT_EQ(store.identity_provider->lambda_arn, provider.lambda_arn);
  EXPECT_EQ(store.identity_provider->fine_grained, true);
  ASSERT_EQ(store.tags.size(), 2u);
  EXPECT_EQ(store.tags[0].key, "a");
  ASSERT_TRUE(stores_->Use(id).ok());
  EXPECT_TRUE(stores_->Use(id).value()->identity_provider->IsSmart());
}

TEST_F(DataStoresTest, FailsCreationsWhoseKeyCannotBeUsed) {
  ASSERT_TRUE(keyring_->Create("off").ok());
  ASSERT_TRUE(keyring_->Disable("alias/off").ok());
  const std::string id = Create({.encryption = Encryption{true, "alias/off"}});
  const DataStore store = WaitFor(id, DataStoreStatus::kCreateFailed);
  EXPECT_FALSE(store.error->retryable);
  EXPECT_THAT(store.error->message, HasSubstr("DISABLED"));
  EXPECT_EQ(stores_->Use(id).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(stores_->Delete(id).value().status, DataStoreStatus::kDeleting);
  WaitFor(id, DataStoreStatus::kDeleted);
  Stop();
  options_.make_unknown_keys = false;
  Start();
  const std::string unknown = Create({.encryption = Encryption{true, "alias/nobody"}});
  EXPECT_FALSE(WaitFor(unknown, DataStoreStatus::kCreateFailed).error->retryable);
  // A key that is not the customer's is not looked at.
  WaitFor(Create({.encryption = Encryption{false, ""}}), DataStoreStatus::kActive);
}

TEST_F(DataStoresTest, FailsCreationsRetryablyWhenStorageFails) {
  engine_.opens_fail = true;
  const std::string id = Create();
  const DataStore store = WaitFor(id, DataStoreStatus::kCreateFailed);
  EXPECT_TRUE(store.error->retryable);
  EXPECT_THAT(engine_.List().value(), ElementsAre("catalogue"));
}

TEST_F(DataStoresTest, AnswersARepeatedTokenWithWhatItMade) {
  const ClientToken token{"t-1", "print"};
  const std::string id = Create({.name = "a"}, token);
  WaitFor(id, DataStoreStatus::kActive);
  EXPECT_EQ(Create({.name = "a"}, token), id);
  EXPECT_EQ(stores_->Create({.name = "b"}, {"t-1", "other"}).error().kind, ErrorKind::kInvalid);
  Restart();
  EXPECT_EQ(Create({.name = "a"}, token), id);
  EXPECT_NE(Create({.name = "a"}, {"t-2", "print"}), id);
  EXPECT_EQ(ListIds({}).size(), 2u);
}

TEST_F(DataStoresTest, BoundsTheNumberOfStores) {
  Stop();
  options_.data_stores_max = 2;
  Start();
  const std::string id = CreateActive();
  CreateActive();
  EXPECT_EQ(stores_->Create({}, {}).error().kind, ErrorKind::kTooLarge);
  ASSERT_TRUE(stores_->Delete(id).ok());
  WaitFor(id, DataStoreStatus::kDeleted);
  CreateActive();
}

TEST_F(DataStoresTest, ListsByCreationTimeWithFiltersAndPages) {
  std::vector<std::string> ids;
  for (const char* name : {"x", "y", "x", "y", "x"}) {
    ids.push_back(Create({.name = name}));
    WaitFor(ids.back(), DataStoreStatus::kActive);
  }
  std::vector<DataStore> stores;
  stores.reserve(ids.size());
  for (const std::string& id : ids) stores.push_back(stores_->Describe(id).value());
  std::sort(stores.begin(), stores.end(), [](const DataStore& a, const DataStore& b) {
    return std::tie(a.created_unix_ms, a.id) < std::tie(b.created_unix_ms, b.id);
  });
  const std::vector<std::string> all = ListIds({});
  ASSERT_EQ(all.size(), 5u);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(all[i], stores[i].id);
  EXPECT_THAT(ListIds({.max = 2}), ElementsAre(all[0], all[1], "more"));
  EXPECT_THAT(
      ListIds(
          {.after_created_unix_ms = stores[1].created_unix_ms, .after_id = stores[1].id, .max = 3}),
      ElementsAre(all[2], all[3], all[4]));
  EXPECT_EQ(ListIds({.name = "x"}).size(), 3u);
  EXPECT_THAT(ListIds({.name = "z"}), IsEmpty());
  EXPECT_EQ(ListIds({.status = DataStoreStatus::kActive}).size(), 5u);
  EXPECT_THAT(ListIds({.status = DataStoreStatus::kDeleted}), IsEmpty());
  EXPECT_EQ(ListIds({.created_after_unix_ms = stores[0].created_unix_ms,
                     .created_before_unix_ms = stores[4].created_unix_ms})
                .size(),
            5u);
  EXPECT_THAT(ListIds({.created_after_unix_ms = stores[4].created_unix_ms + 1}), IsEmpty());
}

TEST_F(DataStoresTest, ChangesTagsWithinTheirRules) {
  const std::string id = CreateActive();
  ASSERT_TRUE(stores_->AddTags(id, {{"b", "1"}, {"a", ""}}).ok());
  ASSERT_TRUE(stores_->AddTags(id, {{"b", "2"}}).ok());
  EXPECT_EQ(stores_->Describe(id).value().tags[1].value, "2");
  EXPECT_EQ(stores_->AddTags(id, {{"aws:x", "1"}}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(stores_->AddTags(id, {{"c", "1"}, {"c", "2"}}).error().kind, ErrorKind::kInvalid);
  std::vector<Tag> many;
  many.reserve(kTagsMax);
  for (size_t i = 0; i < kTagsMax; ++i) many.push_back({"k" + std::to_string(i), ""});
  EXPECT_EQ(stores_->AddTags(id, many).error().kind, ErrorKind::kInvalid);
  many.resize(kTagsMax - 2);
  EXPECT_TRUE(stores_->AddTags(id, many).ok());
  ASSERT_TRUE(stores_->RemoveTags(id, {"a", "b", "unknown"}).ok());
  EXPECT_EQ(stores_->Describe(id).value().tags.size(), kTagsMax - 2);
  EXPECT_EQ(stores_->RemoveTags(std::string(32, '0'), {"a"}).error().kind, ErrorKind::kNotFound);
}

// Shows: healthlake tag changes at once
TEST_F(DataStoresTest, TheCompatTagCountsFromTheNextRequestOn) {
  const std::string id = CreateActive();
  const auto compatibility = [&] { return stores_->Use(id).value()->compatibility(); };
  EXPECT_EQ(compatibility(), fhir::Compatibility::kFhir);
  ASSERT_TRUE(stores_->AddTags(id, {{"tarn:compat", "healthlake"}, {"a", "1"}}).ok());
  EXPECT_EQ(compatibility(), fhir::Compatibility::kHealthLake);
  EXPECT_EQ(stores_->AddTags(id, {{"tarn:compat", "other"}}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(compatibility(), fhir::Compatibility::kHealthLake);
  Restart();
  EXPECT_EQ(compatibility(), fhir::Compatibility::kHealthLake);
  ASSERT_TRUE(stores_->RemoveTags(id, {"tarn:compat"}).ok());
  EXPECT_EQ(compatibility(), fhir::Compatibility::kFhir);
}

TEST_F(DataStoresTest, RunsJobsAndReportsThem) {
  const std::string id = CreateActive();
  ASSERT_TRUE(objects::WriteObject(*objects_, {"data", "in/a.ndjson"}, kPatientLines, "").ok());
  const auto import = stores_->StartImport(
      id, {.input = {"data", "in/"}, .output = {"data", "out/"}, .output_kms_key_id = "alias/out"},
      {});
  ASSERT_TRUE(import.ok());
  EXPECT_EQ(import.value().state, jobs::JobState::kSubmitted);
  EXPECT_EQ(WaitForJob(id, import.value()).state, jobs::JobState::kCompleted);
  const auto exporting = stores_->StartExport(id, Exporting(), {});
  EXPECT_EQ(WaitForJob(id, exporting.value()).state, jobs::JobState::kCompleted);
  EXPECT_THAT(LoggedTypes(8),
              ::testing::UnorderedElementsAre("Data Store Creating", "Data Store Active",
                                              "Import Job Submitted", "Import Job In Progress",
                                              "Import Job Completed", "Export Job Submitted",
                                              "Export Job In Progress", "Export Job Completed"));
  EXPECT_EQ(metrics_
                .GetCounter("tarn_jobs_ended_total", "",
                            {{"kind", "fhir-import"}, {"state", "COMPLETED"}})
                .Value(),
            1u);
}

TEST_F(DataStoresTest, OneTokenMakesOneJob) {
  const std::string id = CreateActive();
  const std::string other = CreateActive();
  const ClientToken token{"t", "print"};
  const auto first = stores_->StartExport(id, Exporting(), token);
  ASSERT_TRUE(first.ok());
  WaitForJob(id, first.value());
  const auto again = stores_->StartExport(id, Exporting(), token);
  EXPECT_EQ(again.value().id, first.value().id);
  EXPECT_EQ(again.value().state, jobs::JobState::kSubmitted);
  EXPECT_EQ(stores_->StartExport(other, Exporting(), {"t", "with another store"}).error().kind,
            ErrorKind::kInvalid);
  Restart();
  EXPECT_EQ(stores_->StartExport(id, Exporting(), token).value().id, first.value().id);
  EXPECT_NE(stores_->StartExport(id, Exporting(), {"u", "print"}).value().id, first.value().id);
}

TEST_F(DataStoresTest, ATokenWhoseJobWasRefusedCanBeUsedAgain) {
  const std::string id = CreateActive();
  ASSERT_TRUE(keyring_->Create("off").ok());
  ASSERT_TRUE(keyring_->Disable("alias/off").ok());
  ExportRequest request = Exporting();
  request.output_kms_key_id = "alias/off";
  EXPECT_EQ(stores_->StartExport(id, request, {"t", "one"}).error().kind, ErrorKind::kForbidden);
  EXPECT_TRUE(stores_->StartExport(id, Exporting(), {"t", "two"}).ok());
}

TEST_F(DataStoresTest, ACrashBetweenTokenAndJobMakesTheJobOnce) {
  const std::string id = CreateActive();
  const ClientToken token{"t", "print"};
  WaitForQuiet(2);
  // The next write reserves the token; the one after it would submit the job.
  engine_.fake.SetFault({.write = 2, .effect = kv::FakeEngine::Effect::kCrash});
  EXPECT_FALSE(stores_->StartExport(id, Exporting(), token).ok());
  Restart();
  const auto job = stores_->StartExport(id, Exporting(), token);
  ASSERT_TRUE(job.ok());
  WaitForJob(id, job.value());
  EXPECT_EQ(stores_->StartExport(id, Exporting(), token).value().id, job.value().id);
  EXPECT_EQ(stores_->Use(id)
                .value()
                ->fhir->queue()
                .List({.kind = std::string(kExportKind)})
                .value()
                .jobs.size(),
            1u);
}

// The job is stored, but the answer is that it may not be: asking again must not make another one.
TEST_F(DataStoresTest, ATokenWhoseJobMayBeStoredMakesNoOther) {
  const std::string id = CreateActive();
  WaitForQuiet(2);
  const ClientToken token{"t", "print"};
  engine_.fake.SetFault({.write = 2, .effect = kv::FakeEngine::Effect::kWriteAndStop});
  EXPECT_EQ(stores_->StartExport(id, Exporting(), token).error().kind, ErrorKind::kUnavailable);
  // It runs without being asked for again, as soon as writes work.
  jobs::Queue& queue = stores_->Use(id).value()->fhir->queue();
  const jobs::JobFilter all{.kind = std::string(kExportKind)};
  while (!jobs::IsFinal(queue.List(all).value().jobs.at(0).state)) std::this_thread::yield();
  EXPECT_EQ(stores_->StartExport(id, Exporting(), token).value().id,
            queue.List(all).value().jobs.at(0).id);
  EXPECT_EQ(queue.List(all).value().jobs.size(), 1u);
}

TEST_F(DataStoresTest, ManyAtOnceWithOneTokenMakeOneStore) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::array<std::string, 4> ids;
  for (std::string& id : ids) {
    threads.emplace_back([this, &id] { id = Create({.name = "a"}, {"t", "print"}); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 1u);
}

TEST_F(DataStoresTest, AStoreInUseIsDeletedAfterItsLastHolder) {
  const std::string id = CreateActive();
  auto held = stores_->Use(id).value();
  ASSERT_TRUE(stores_->Delete(id).ok());
  EXPECT_EQ(stores_->Describe(id).value().status, DataStoreStatus::kDeleting);
  EXPECT_EQ(held->fhir->CountLive(fhir::FindType("Patient")), 0u);
  held.reset();
  WaitFor(id, DataStoreStatus::kDeleted);
}

TEST_F(DataStoresTest, ADeletionThatWasInterruptedGoesOn) {
  const std::string id = CreateActive();
  engine_.drops_fail = true;
  ASSERT_TRUE(stores_->Delete(id).ok());
  while (engine_.drops < 3) std::this_thread::yield();  // It is tried again and again.
  Stop();
  EXPECT_THAT(engine_.List().value(), ElementsAre("catalogue", "fhir-" + id));
  engine_.drops_fail = false;
  Start();
  WaitFor(id, DataStoreStatus::kDeleted);
  EXPECT_THAT(engine_.List().value(), ElementsAre("catalogue"));
}

}  // namespace
}  // namespace tarn::fhir_store
