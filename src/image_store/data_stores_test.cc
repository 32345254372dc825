#include "image_store/data_stores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "image_store/internal/test_store.h"
#include "kv/fake_engine.h"
#include "objects/folder_store.h"

namespace tarn::image_store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kKey = "arn:aws:kms:eu-west-1:123456789012:alias/images";

class DataStoresTest : public ::testing::Test {
 protected:
  DataStoresTest() {
    ConfigureLog(LogLevel::kOff, LogFormat::kText);
    char name[] = "/tmp/tarn-image-stores-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    folder_ = name;
    objects_ = objects::OpenFolderStore(folder_ + "/s3", clock_, random_).value();
    CHECK(objects_->CreateBucket("data").ok());
    keyring_ = crypto::Keyring::Open(folder_ + "/keys", clock_, random_).value();
    Start();
  }
  ~DataStoresTest() override {
    Stop();
    (void)RemoveFolder(folder_);
  }

  void Start() {
    catalogue_ = engine_.Open("catalogue", jobs::CatalogueSchema()).value();
    events_ = jobs::EventLog::Open({.folder = folder_ + "/events"}, *catalogue_,
                                   jobs::kCatalogueEvents, clock_, random_, metrics_)
                  .value();
    DataStoresOptions options;
    options.region = "eu-west-1";
    options.account = "123456789012";
    options.frames_folder = folder_ + "/frames";
    options.data_stores_max = 3;
    options.imports_max = 2;
    options.retry_first_ms = 1;
    options.make_reader = [this](pixels::LosslessFormat format) {
      formats_.push_back(format);
      return Result<std::unique_ptr<InstanceReader>>(std::make_unique<TextReader>());
    };
    stores_ = DataStores::Open(options, {engine_, *catalogue_, *objects_, *keyring_, *events_,
                                         clock_, random_, metrics_})
                  .value();
    stores_->Start();
  }
  void Stop() {
    stores_.reset();
    events_.reset();
    catalogue_.reset();
  }

  // The first description that is neither CREATING nor DELETING.
  DataStore Settled(const std::string& id) {
    for (;;) {
      const DataStore store = stores_->Describe(id).value();
      if (store.status != DataStoreStatus::kCreating &&
          store.status != DataStoreStatus::kDeleting) {
        return store;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::string CreateActive(const DataStores::CreateRequest& request = {}) {
    const std::string id = stores_->Create(request, {}).value().id;
    CHECK(Settled(id).status == DataStoreStatus::kActive);
    return id;
  }
  jobs::Job Import(const std::string& id, const std::string& text, const ClientToken& token = {}) {
    CHECK(objects::WriteObject(*objects_, {"data", "in/a"}, text, "").ok());
    const auto job =
        stores_->StartImport(id, {.input = {"data", "in/"}, .output = {"data", "out/"}}, token);
    CHECK(job.ok());
    for (;;) {
      const jobs::Job now =
          stores_->Use(id).value()->images->queue().Get(kImportKind, job.value().id).value();
      if (jobs::IsFinal(now.state)) return now;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::string OnlyImageSet(const std::string& id) {
    const SearchPage page = stores_->Use(id).value()->images->Search({}).value();
    CHECK(page.image_sets.size() == 1);
    return page.image_sets[0].properties.image_set_id;
  }

  std::string folder_;
  SystemClock clock_;
  SystemRandom random_;
  MetricsRegistry metrics_;
  kv::FakeEngine engine_;
  std::unique_ptr<objects::ObjectStore> objects_;
  std::unique_ptr<crypto::Keyring> keyring_;
  std::unique_ptr<kv::Store> catalogue_;
  std::unique_ptr<jobs::EventLog> events_;
  std::vector<pixels::LosslessFormat> formats_;
  std::unique_ptr<DataStores> stores_;
};

constexpr std::string_view kInstance =
    "patient=P1;study=1.1;series=1.2;number=1;sop=1.3;frame=abcdefgh";

TEST_F(DataStoresTest, KeepsWhatItWasGivenAcrossARestart) {
  CHECK(keyring_->FindOrCreate(kKey).ok());
  const DataStores::CreateRequest request{
      .name = "a/b#1",
      .kms_key_arn = kKey,
      .lambda_authorizer_arn = "arn:aws:lambda:eu-west-1:123456789012:function:f",
      .lossless_format = pixels::LosslessFormat::kJpeg2000Lossless,
      .tags = {{"b", "2"}, {"a", "1"}}};
  const ClientToken token{"t", "print"};
  const DataStore made = stores_->Create(request, token).value();
  EXPECT_EQ(made.status, DataStoreStatus::kCreating);
  EXPECT_EQ(Settled(made.id).status, DataStoreStatus::kActive);
  EXPECT_THAT(formats_, ElementsAre(pixels::LosslessFormat::kJpeg2000Lossless));
  Stop();
  Start();
  const DataStore again = stores_->Create(request, token).value();
  EXPECT_EQ(again.id, made.id);
  EXPECT_EQ(again.status, DataStoreStatus::kCreating);  // The first answer.
  const auto other = stores_->Create(request, {"t", "other"});
  EXPECT_EQ(other.error().kind, ErrorKind::kInvalid);
  const DataStore found = stores_->Describe(made.id).value();
  EXPECT_EQ(found.name, "a/b#1");
  EXPECT_EQ(found.kms_key_arn, kKey);
  EXPECT_EQ(found.lambda_authorizer_arn, request.lambda_authorizer_arn);
  EXPECT_EQ(found.lossless_format, pixels::LosslessFormat::kJpeg2000Lossless);
  ASSERT_EQ(found.tags.size(), 2u);
  EXPECT_EQ(found.tags[0].key, "a");
  EXPECT_TRUE(stores_->Use(made.id).ok());
}

TEST_F(DataStoresTest, MakesNamesAndCountsLivingStores) {
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(CreateActive());
  EXPECT_EQ(stores_->Describe(ids[0]).value().name, "datastore-" + ids[0].substr(0, 8));
  EXPECT_EQ(stores_->Create({}, {}).error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(stores_->Delete(ids[0]).value().status, DataStoreStatus::kDeleting);
  EXPECT_EQ(Settled(ids[0]).status, DataStoreStatus::kDeleted);
  EXPECT_EQ(stores_->Delete(ids[0]).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(stores_->Use(ids[0]).error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(stores_->Create({}, {}).ok());
  EXPECT_EQ(stores_->Describe(std::string(32, '0')).error().kind, ErrorKind::kNotFound);

  DataStoreFilter filter{.status = DataStoreStatus::kActive, .max = 1};
  const DataStorePage first = stores_->List(filter).value();
  ASSERT_EQ(first.stores.size(), 1u);
  EXPECT_TRUE(first.more);
  filter.after_created_unix_ms = first.stores[0].created_unix_ms;
  filter.after_id = first.stores[0].id;
  EXPECT_NE(stores_->List(filter).value().stores.at(0).id, first.stores[0].id);
}

TEST_F(DataStoresTest, AKeyThatMayNotBeUsedFailsTheCreation) {
  CHECK(keyring_->FindOrCreate(kKey).ok());
  CHECK(keyring_->Disable(kKey).ok());
  for (const std::string& key : {kKey, kKey + "-unknown"}) {
    const DataStore made = stores_->Create({.kms_key_arn = key}, {}).value();
    const DataStore failed = Settled(made.id);
    EXPECT_EQ(failed.status, DataStoreStatus::kCreateFailed);
    EXPECT_THAT(failed.error, HasSubstr("KMS key"));
    EXPECT_EQ(stores_->Use(made.id).error().kind, ErrorKind::kConflict);
    EXPECT_EQ(stores_->Delete(made.id).value().status, DataStoreStatus::kDeleting);
    EXPECT_EQ(Settled(made.id).status, DataStoreStatus::kDeleted);
  }
}

TEST_F(DataStoresTest, IsNotDeletedWhileItHoldsImageSets) {
  const std::string id = CreateActive();
  const jobs::Job job = Import(id, std::string(kInstance));
  EXPECT_EQ(job.state, jobs::JobState::kCompleted);
  EXPECT_EQ(ParseImportRequest(job).value().job_name, "import-" + job.id.substr(0, 8));
  const auto refused = stores_->Delete(id);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  const std::string image_set = OnlyImageSet(id);
  ASSERT_TRUE(stores_->DeleteImageSet(id, image_set).ok());
  stores_->Use(id).value()->images->WaitUntilIdle();
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/frames/" + id));
  ASSERT_TRUE(stores_->Delete(id).ok());
  EXPECT_EQ(Settled(id).status, DataStoreStatus::kDeleted);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/frames/" + id));
}

TEST_F(DataStoresTest, TagsStoresAndImageSets) {
  const std::string id = CreateActive();
  Import(id, std::string(kInstance));
  const std::string image_set = OnlyImageSet(id);
  for (const Resource& resource : {Resource{id, ""}, Resource{id, image_set}}) {
    SCOPED_TRACE(resource.image_set_id);
    EXPECT_TRUE(stores_->Tags(resource).value().empty());
    ASSERT_TRUE(stores_->AddTags(resource, {{"b", "1"}, {"a", "2"}}).ok());
    ASSERT_TRUE(stores_->AddTags(resource, {{"b", "3"}}).ok());
    ASSERT_TRUE(stores_->RemoveTags(resource, {"a", "none"}).ok());
    const auto tags = stores_->Tags(resource).value();
    ASSERT_EQ(tags.size(), 1u);
    EXPECT_EQ(tags[0].key + "=" + tags[0].value, "b=3");
    std::vector<Tag> many;
    for (size_t i = 0; i < kImageSetTagsMax; ++i) many.push_back({"k" + std::to_string(i), ""});
    EXPECT_EQ(stores_->AddTags(resource, many).error().kind, ErrorKind::kInvalid);
    many.pop_back();
    EXPECT_TRUE(stores_->AddTags(resource, many).ok());
    EXPECT_EQ(stores_->ParseArn(stores_->ArnOf(resource)).value().image_set_id,
              resource.image_set_id);
  }
  ASSERT_TRUE(stores_->DeleteImageSet(id, image_set).ok());
  EXPECT_EQ(stores_->Tags({id, image_set}).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(stores_->AddTags({id, image_set}, {{"a", ""}}).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(stores_->ParseArn("arn:aws:medical-imaging:eu-west-2:123456789012:datastore/" + id)
                .error()
                .kind,
            ErrorKind::kNotFound);
}

TEST_F(DataStoresTest, ATokenStartsOneJob) {
  const std::string id = CreateActive();
  const jobs::Job job = Import(id, std::string(kInstance), {"t", "print"});
  Stop();
  Start();
  const ImportRequest request{.input = {"data", "in/"}, .output = {"data", "out/"}};
  const auto again = stores_->StartImport(id, request, {"t", "print"});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().id, job.id);
  EXPECT_EQ(again.value().state, jobs::JobState::kSubmitted);
  EXPECT_EQ(stores_->StartImport(id, request, {"t", "other"}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(stores_->StartImport(std::string(32, '0'), request, {}).error().kind,
            ErrorKind::kNotFound);
}

TEST(ImportStatus, HasFourNames) {
  struct Case {
    std::string_view name;
    std::vector<jobs::JobState> states;
  };
  using jobs::JobState;
  for (const Case& c :
       {Case{"SUBMITTED", {JobState::kSubmitted, JobState::kQueued}},
        Case{"IN_PROGRESS",
             {JobState::kInProgress, JobState::kCancelSubmitted, JobState::kCancelInProgress}},
        Case{"COMPLETED", {JobState::kCompleted, JobState::kCompletedWithErrors}},
        Case{"FAILED", {JobState::kFailed, JobState::kCancelCompleted, JobState::kCancelFailed}},
        Case{"QUEUED", {}}}) {
    EXPECT_EQ(StatesOfImportStatus(c.name), c.states) << c.name;
    for (const JobState state : c.states) EXPECT_EQ(ImportStatusName(state), c.name);
  }
}

}  // namespace
}  // namespace tarn::image_store
