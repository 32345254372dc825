// What an import makes of its files: grouping, primary image sets, versions, output records.
#include <gtest/gtest.h>

#include "image_store/internal/families.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/test_store.h"

namespace tarn::image_store {
namespace {

using jobs::JobState;

json::Value Summary(TestStore& store, const jobs::Job& job) {
  return *json::ParseValue(store.OutputOf(job, "job-output-manifest.json"))
              .value()
              .Find("jobSummary");
}
int64_t Count(const json::Value& summary, const char* name) { return *summary.Find(name)->AsInt(); }

TEST(Import, OneSeriesIsOnePrimaryImageSet) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/1", Text("1.2", "1.2.1", "aaaa,bbbb"));
  store.PutObject("in/2", Text("1.2", "1.2.2", "cccc"));
  store.PutObject("in/folder/", "");  // A marker, no file.
  const jobs::Job job = store.Import("in");
  ASSERT_EQ(job.state, JobState::kCompleted) << job.message;
  const auto sets = store.SetsOf(job);
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0].version, 1);
  EXPECT_TRUE(sets[0].is_primary);
  EXPECT_EQ(sets[0].instances, 2);
  const ImageSetProperties properties = store->Get(sets[0].id).value();
  EXPECT_EQ(properties.state, ImageSetState::kActive);
  EXPECT_EQ(properties.status, WorkflowStatus::kCreated);
  EXPECT_EQ(store.Frames(sets[0].id, "1.2", "1.2.1"), (std::vector<std::string>{"aaaa", "bbbb"}));
  EXPECT_EQ(store.Frames(sets[0].id, "1.2", "1.2.2"), std::vector<std::string>{"cccc"});
  EXPECT_EQ(ParseImportProgress(job).value().files_imported, 2u);
}

TEST(Import, WritesOneRecordPerFile) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/a", Text("1.2", "1.2.1", "aaaa", "warn=table"));
  store.PutObject("in/b", "bad");
  store.PutObject("in/c", Text("1.2", "1.2.2", "cccc"));
  const jobs::Job job = store.Import("in/");
  ASSERT_EQ(job.state, JobState::kCompleted);
  const std::string id = store.SetsOf(job).at(0).id;
  EXPECT_EQ(store.OutputOf(job, "SUCCESS/success.ndjson"),
            R"({"inputFile":"in/a","importResponse":{"imageSetId":")" + id +
                R"(","isPrimary":true}})"
                "\n"
                R"({"inputFile":"in/c","importResponse":{"imageSetId":")" +
                id + "\",\"isPrimary\":true}}\n");
  EXPECT_EQ(store.OutputOf(job, "FAILURE/failure.ndjson"),
            R"({"inputFile":"in/b","exception":{"exceptionType":"ValidationException",)"
            R"("message":"DICOM attribute SOPClassUID does not exist"}})"
            "\n");
  EXPECT_EQ(
      store.OutputOf(job, "WARNING/warning.ndjson"),
      R"({"inputFile":"in/a","importResponse":{"imageSetId":")" + id +
          R"(","imageSetVersion":1,"isPrimary":true,"warnings":[{"warning_reason_code":45330,)"
          R"("type":"InvalidOffsetTable","message":"table"}]}})"
          "\n");
  const json::Value summary = Summary(store, job);
  EXPECT_EQ(Count(summary, "numberOfScannedFiles"), 3);
  EXPECT_EQ(Count(summary, "numberOfImportedFiles"), 2);
  EXPECT_EQ(Count(summary, "numberOfFilesWithCustomerError"), 1);
  EXPECT_EQ(Count(summary, "numberOfFilesWithServerError"), 0);
  EXPECT_EQ(Count(summary, "numberOfGeneratedImageSets"), 1);
  EXPECT_EQ(summary.Find("outputS3Uri")->AsString(),
            "s3://out-bucket/out/" + std::string(kStoreId) + "-DicomImport-" + job.id + "/");
  // Nothing of the job is left behind.
  const auto snapshot = store.kv().GetSnapshot();
  EXPECT_FALSE(snapshot->Scan(11, {})->Valid());
}

TEST(Import, ConflictingInstancesAreNotPrimary) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/1", Text("1.2", "1.2.1", "aaaa"));
  store.PutObject("in/2", Text("1.2", "1.2.2", "bbbb", "accession=other"));
  store.PutObject("in/3", Text("1.2", "1.2.3", "cccc"));
  const auto first = store.SetsOf(store.Import("in"));
  ASSERT_EQ(first.size(), 2u);
  EXPECT_TRUE(first[0].is_primary);
  EXPECT_EQ(first[0].instances, 2);
  EXPECT_FALSE(first[1].is_primary);
  EXPECT_EQ(first[1].instances, 1);
  // A later job: the conflicting one makes another image set, the agreeing one a version.
  store.PutObject("late/1", Text("1.2", "1.2.4", "dddd", "accession=other"));
  store.PutObject("late/2", Text("1.2", "1.2.5", "eeee"));
  const auto second = store.SetsOf(store.Import("late"));
  ASSERT_EQ(second.size(), 2u);
  EXPECT_FALSE(second[0].is_primary);
  EXPECT_NE(second[0].id, first[1].id);
  EXPECT_EQ(second[1].id, first[0].id);
  EXPECT_EQ(second[1].version, 2);
  EXPECT_EQ(store.Tree(first[0].id).InstanceCount(), 3u);
  EXPECT_EQ(store.Tree(first[0].id, 1).InstanceCount(), 2u);
  EXPECT_EQ(store->Get(first[0].id).value().status, WorkflowStatus::kImported);
}

TEST(Import, ImportedAgainReplacesAndKeepsTheOldVersion) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/1", Text("1.2", "1.2.1", "old-frame"));
  const std::string id = store.SetsOf(store.Import("in")).at(0).id;
  store.PutObject("again/1", Text("1.2", "1.2.1", "new-frame"));
  const auto sets = store.SetsOf(store.Import("again"));
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0].id, id);
  EXPECT_EQ(sets[0].version, 2);
  EXPECT_EQ(store.Frames(id, "1.2", "1.2.1"), std::vector<std::string>{"new-frame"});
  EXPECT_EQ(store.Frames(id, "1.2", "1.2.1", 1), std::vector<std::string>{"old-frame"});
}

TEST(Import, LaterFileOfOneInstanceWinsAndTheOtherIsCollected) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/1", Text("1.2", "1.2.1", "first*1000"));
  store.PutObject("in/2", Text("1.2", "1.2.1", "last"));
  const jobs::Job job = store.Import("in");
  const auto sets = store.SetsOf(job);
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0].instances, 1);
  EXPECT_EQ(store.Frames(sets[0].id, "1.2", "1.2.1"), std::vector<std::string>{"last"});
  EXPECT_EQ(ParseImportProgress(job).value().files_imported, 2u);
  store->WaitUntilIdle();
  EXPECT_EQ(store->Frames().value().live_bytes, 4u);
}

TEST(Import, CoercedAttributesAreWarnedOf) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/1", Text("1.2", "1.2.1", "aaaa", "name=A"));
  store.PutObject("in/2", Text("1.2", "1.2.2", "bbbb", "name=B"));
  const jobs::Job job = store.Import("in");
  EXPECT_EQ(store.SetsOf(job).size(), 1u);
  const std::string warnings = store.OutputOf(job, "WARNING/warning.ndjson");
  EXPECT_NE(warnings.find(R"("inputFile":"in/2")"), std::string::npos) << warnings;
  EXPECT_NE(warnings.find("45056"), std::string::npos);
  EXPECT_NE(warnings.find("PatientName"), std::string::npos);
  EXPECT_EQ(warnings.find("in/1"), std::string::npos);
}

TEST(Import, RestartDropsFramesAndLargeInstancesHaveTheirOwnPack) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/1", Text("1.2", "1.2.1", "", "frame=dropped;restart=") + ";frame=kept");
  store.PutObject("in/2", Text("1.2", "1.2.2", "0123456789abcdef*1100000,tail"));  // 17.6 MB
  const auto sets = store.SetsOf(store.Import("in"));
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(store.Frames(sets[0].id, "1.2", "1.2.1"), std::vector<std::string>{"kept"});
  const auto frames = store.Frames(sets[0].id, "1.2", "1.2.2");
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0], TextReader::FrameBytes("0123456789abcdef*1100000"));
  EXPECT_EQ(frames[1], "tail");
  EXPECT_EQ(store->Frames().value().pack_files, 2u);
}

TEST(Import, FailsAsAWholeWithAMessage) {
  TestStore store(TestEngine::kFake);
  jobs::Job job = store.Import("nothing-here");
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_NE(job.message.find("there are no files"), std::string::npos) << job.message;
  ImportRequest elsewhere;
  elsewhere.input = {"in-bucket", "in"};
  elsewhere.output = {"lost-bucket", "out"};
  const std::string id = store->SubmitImport(elsewhere, {}).value().id;
  store.RunJobs();
  EXPECT_EQ(store->queue().Get(kImportKind, id).value().message, "there is no bucket lost-bucket");
  store.options().import_files_max = 2;
  store.Reopen();
  for (const char* key : {"in/1", "in/2", "in/3"}) store.PutObject(key, "bad");
  job = store.Import("in");
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_TRUE(job.message.starts_with("FILE_COUNTS_LIMIT_EXCEEDED")) << job.message;
  store.options().import_files_max = 3;
  store.options().import_job_bytes_max = 8;
  store.Reopen();
  EXPECT_TRUE(store.Import("in").message.starts_with("FILE_SIZES_LIMIT_EXCEEDED"));
  store.options().import_job_bytes_max = 2;
  store.Reopen();
  EXPECT_TRUE(store.Import("in/1").message.starts_with("FILE_SIZES_LIMIT_EXCEEDED"));
  store.options().import_job_bytes_max = 9;
  store.Reopen();
  EXPECT_EQ(store.Import("in").state, JobState::kCompleted);
}

TEST(Import, FailedJobGivesItsLocksAndFramesBack) {
  ImageSetsOptions options;
  options.retry_pause_ms = 1;
  TestStore store(TestEngine::kFake, options);
  store.PutObject("in/1", Text("1.2", "1.2.1", "aaaa"));
  const std::string id = store.SetsOf(store.Import("in")).at(0).id;
  store.PutObject("late/1", Text("1.2", "1.2.2", "bbbb"));
  ASSERT_TRUE(store.objects().CreateBucket("lost-bucket").ok());
  store->WaitUntilIdle();
  // Submission, claim, stage 1 and the lock are written; the image set's new version is not.
  store.fake().SetFault({.write = 5, .effect = kv::FakeEngine::Effect::kCrash});
  ImportRequest request;
  request.input = {"in-bucket", "late"};
  request.output = {"lost-bucket", ""};
  const std::string job = store->SubmitImport(request, {}).value().id;
  store.RunJobs();
  EXPECT_EQ(store->Get(id).value().state, ImageSetState::kLocked);
  EXPECT_EQ(store->Get(id).value().status, WorkflowStatus::kImporting);
  EXPECT_EQ(store.Tree(id).InstanceCount(), 1u);
  store.Reopen();
  ASSERT_TRUE(store.objects().DeleteBucket("lost-bucket").ok());
  store.RunJobs();
  EXPECT_EQ(store->queue().Get(kImportKind, job).value().state, JobState::kFailed);
  const ImageSetProperties after = store->Get(id).value();
  EXPECT_EQ(after.state, ImageSetState::kActive);
  EXPECT_EQ(after.status, WorkflowStatus::kImportFailed);
  EXPECT_NE(after.message, "");
  EXPECT_EQ(store.Tree(id).InstanceCount(), 1u);
  store->WaitUntilIdle();
  EXPECT_EQ(store->Frames().value().live_bytes, 4u);
}

// What is stored of one image set cannot be read any more: its files fail, the others do not.
TEST(Import, DamagedImageSetCostsItsOwnFilesOnly) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/1", Text("1.2", "1.2.1", "aaaa"));
  const std::string id = store.SetsOf(store.Import("in")).at(0).id;
  kv::Batch damage;
  damage.Put(kMetadata, VersionKey(PackSetId(id).value(), 1), "no gzip");
  ASSERT_TRUE(store.kv().Commit(damage).ok());
  store.PutObject("late/1", Text("1.3", "1.3.1", "bbbb"));
  store.PutObject("late/2", Text("1.2", "1.2.2", "cccc"));
  store.PutObject("late/3", Text("1.4", "1.4.1", "dddd"));
  const jobs::Job job = store.Import("late");
  ASSERT_EQ(job.state, JobState::kCompleted) << job.message;
  const auto failure = json::ParseValue(store.OutputOf(job, "FAILURE/failure.ndjson"));
  ASSERT_TRUE(failure.ok());
  EXPECT_EQ(failure.value().Find("inputFile")->AsString(), "late/2");
  const json::Value& exception = *failure.value().Find("exception");
  EXPECT_EQ(exception.Find("exceptionType")->AsString(), "InternalServerException");
  EXPECT_TRUE(exception.Find("message")->AsString().starts_with(
      "what is stored of the image set cannot be read: "));
  const ImportProgress counts = ParseImportProgress(job).value();
  EXPECT_EQ(counts.files_imported, 2u);
  EXPECT_EQ(counts.files_with_server_error, 1u);
  EXPECT_EQ(counts.files_with_customer_error, 0u);
  EXPECT_EQ(store.SetsOf(job).size(), 2u);
  // It is free again, with nothing added; the frames that nobody refers to are collected.
  EXPECT_EQ(store->Get(id).value().state, ImageSetState::kActive);
  EXPECT_EQ(store->Get(id).value().status, WorkflowStatus::kImportFailed);
  store->WaitUntilIdle();
  EXPECT_EQ(store->Frames().value().live_bytes, 12u);
}

TEST(Import, FileBeyondItsBoundFailsAlone) {
  ImageSetsOptions options;
  const std::string good = Text("1.2", "1.2.1", "aaaa");
  options.import_file_bytes_max = good.size();
  TestStore store(TestEngine::kFake, options);
  store.PutObject("in/1", good);
  store.PutObject("in/2", good + " ");
  const jobs::Job job = store.Import("in");
  EXPECT_EQ(job.state, JobState::kCompleted);
  EXPECT_EQ(ParseImportProgress(job).value().files_with_customer_error, 1u);
  EXPECT_NE(store.OutputOf(job, "FAILURE/failure.ndjson").find("in/2"), std::string::npos);
}

TEST(Import, OutputOfJobsIsNoInput) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/1", Text("1.2", "1.2.1", "aaaa"));
  ImportRequest request;
  request.input = {"in-bucket", ""};
  request.output = {"in-bucket", "in"};
  for (int i = 0; i < 2; ++i) {
    const std::string id = store->SubmitImport(request, {}).value().id;
    store.RunJobs();
    const jobs::Job job = store->queue().Get(kImportKind, id).value();
    EXPECT_EQ(ParseImportProgress(job).value().files_scanned, 1u);
  }
}

TEST(Import, SingleObjectIsOneFile) {
  TestStore store(TestEngine::kFake);
  store.PutObject("in/1", Text("1.2", "1.2.1", "aaaa"));
  store.PutObject("in/12", Text("1.2", "1.2.2", "aaaa"));
  EXPECT_EQ(ParseImportProgress(store.Import("in/1")).value().files_scanned, 1u);
}

}  // namespace
}  // namespace tarn::image_store
