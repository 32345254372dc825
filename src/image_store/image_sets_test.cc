// Versions, updates, copies and deletions of image sets, and frames by ranges.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/bytes.h"
#include "image_store/internal/test_store.h"

namespace tarn::image_store {
namespace {

class ImageSetsTest : public testing::Test {
 protected:
  void SetUp() override {
    store_.PutObject("in/1", Text("1.2", "1.2.1", "frame-one"));
    store_.PutObject("in/2", Text("1.2", "1.2.2", "frame-two"));
    store_.PutObject("in/3", Text("1.2", "1.2.3", "frame-three", "accession=other"));
    const auto sets = store_.SetsOf(store_.Import("in"));
    ASSERT_EQ(sets.size(), 2u);
    primary_ = sets[0].id;
    other_ = sets[1].id;
  }
  // Does the change and gives the properties after it.
  ImageSetProperties Settled(const std::string& id) {
    store_->WaitUntilIdle();
    return store_->Get(id).value();
  }
  static UpdateRequest Rename(uint32_t version, const std::string& name) {
    UpdateRequest request;
    request.latest_version = version;
    request.updatable_attributes =
        R"({"SchemaVersion":1.1,"Patient":{"DICOM":{"PatientName":")" + name + R"("}}})";
    return request;
  }
  std::string NameIn(const std::string& id, uint32_t version = 0) {
    return dicom::AttributeText(store_.Tree(id, version).patient(), "PatientName");
  }

  TestStore store_{TestEngine::kFake};
  std::string primary_;
  std::string other_;
};

TEST_F(ImageSetsTest, UpdateMakesTheNextVersionAndKeepsTheOld) {
  const auto answer = store_->Update(primary_, Rename(1, "NEW"));
  ASSERT_TRUE(answer.ok()) << answer.error().detail;
  EXPECT_EQ(answer.value().version, 2u);
  EXPECT_EQ(answer.value().state, ImageSetState::kLocked);
  EXPECT_EQ(answer.value().status, WorkflowStatus::kUpdating);
  const ImageSetProperties after = Settled(primary_);
  EXPECT_EQ(after.state, ImageSetState::kActive);
  EXPECT_EQ(after.status, WorkflowStatus::kUpdated);
  EXPECT_EQ(after.version, 2u);
  EXPECT_EQ(NameIn(primary_), "NEW");
  EXPECT_EQ(NameIn(primary_, 1), "");
  EXPECT_EQ(store_.Frames(primary_, "1.2", "1.2.1"), std::vector<std::string>{"frame-one"});
  const VersionPage versions = store_->ListVersions(primary_, 0, 1).value();
  ASSERT_EQ(versions.versions.size(), 1u);
  EXPECT_EQ(versions.versions[0].version, 2u);
  EXPECT_EQ(store_->ListVersions(primary_, versions.next_before, 5).value().versions[0].status,
            WorkflowStatus::kCreated);
}

TEST_F(ImageSetsTest, OnlyTheLatestVersionCanBeChanged) {
  const auto stale = store_->Update(primary_, Rename(7, "X"));
  EXPECT_EQ(stale.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(stale.error().detail, kNotLatestMessage);
  EXPECT_EQ(store_->Update(std::string(32, 'a'), Rename(1, "X")).error().kind,
            ErrorKind::kNotFound);
  CopyRequest copy;
  copy.source_id = primary_;
  copy.source_latest_version = 2;
  EXPECT_EQ(store_->Copy(copy).error().detail, kNotLatestMessage);
}

TEST_F(ImageSetsTest, RefusedContentEndsAsUpdateFailed) {
  UpdateRequest request;
  request.latest_version = 1;
  request.updatable_attributes =
      R"({"SchemaVersion":"1.1","Patient":{"DICOM":{"StudyDate":"20240101"}}})";  // Wrong level.
  ASSERT_TRUE(store_->Update(primary_, request).ok());
  const ImageSetProperties after = Settled(primary_);
  EXPECT_EQ(after.state, ImageSetState::kActive);
  EXPECT_EQ(after.status, WorkflowStatus::kUpdateFailed);
  EXPECT_EQ(after.version, 2u);
  EXPECT_TRUE(after.message.starts_with("INVALID_REQUEST: ")) << after.message;
  EXPECT_EQ(store_.Tree(primary_).InstanceCount(), 2u);
  // The next one uses the version that failed as the latest.
  ASSERT_TRUE(store_->Update(primary_, Rename(2, "Z")).ok());
  EXPECT_EQ(Settled(primary_).version, 3u);
  EXPECT_EQ(NameIn(primary_), "Z");
}

TEST_F(ImageSetsTest, RequestsThatContradictThemselves) {
  UpdateRequest both = Rename(1, "X");
  both.revert_to_version = 1;
  EXPECT_EQ(store_->Update(primary_, both).error().kind, ErrorKind::kInvalid);
  UpdateRequest none;
  none.latest_version = 1;
  EXPECT_EQ(store_->Update(primary_, none).error().kind, ErrorKind::kInvalid);
  UpdateRequest study;
  study.latest_version = 1;
  study.revert_to_version = 1;
  study.include_study_image_sets = true;
  EXPECT_EQ(store_->Update(primary_, study).error().kind, ErrorKind::kInvalid);
  UpdateRequest forced = Rename(1, "X");
  forced.force = true;
  EXPECT_EQ(store_->Update(primary_, forced).error().kind, ErrorKind::kInvalid);
  UpdateRequest other_study = Rename(1, "X");
  other_study.include_study_image_sets = true;
  EXPECT_EQ(store_->Update(other_, other_study).error().kind, ErrorKind::kInvalid);
  UpdateRequest garbage = Rename(1, "X");
  garbage.updatable_attributes = "{";
  EXPECT_EQ(store_->Update(primary_, garbage).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(store_->Get(primary_).value().version, 1u);
}

TEST_F(ImageSetsTest, RevertGivesAnOldContentANewVersion) {
  ASSERT_TRUE(store_->Update(primary_, Rename(1, "NEW")).ok());
  Settled(primary_);
  UpdateRequest revert;
  revert.latest_version = 2;
  revert.revert_to_version = 1;
  ASSERT_TRUE(store_->Update(primary_, revert).ok());
  EXPECT_EQ(Settled(primary_).version, 3u);
  EXPECT_EQ(NameIn(primary_), "");
  EXPECT_EQ(NameIn(primary_, 2), "NEW");
  revert.latest_version = 3;
  revert.revert_to_version = 9;
  EXPECT_EQ(store_->Update(primary_, revert).error().kind, ErrorKind::kNotFound);
}

TEST_F(ImageSetsTest, StudyWideUpdateChangesAllPrimaries) {
  store_.PutObject("more/1", Text("1.3", "1.3.1", "x"));
  const std::string second = store_.SetsOf(store_.Import("more")).at(0).id;
  UpdateRequest request = Rename(1, "ALL");
  request.include_study_image_sets = true;
  ASSERT_TRUE(store_->Update(primary_, request).ok());
  Settled(primary_);
  EXPECT_EQ(NameIn(primary_), "ALL");
  EXPECT_EQ(NameIn(second), "ALL");
  EXPECT_EQ(store_->Get(second).value().version, 2u);
  EXPECT_EQ(store_->Get(other_).value().version, 1u);
  EXPECT_EQ(NameIn(other_), "");
}

TEST_F(ImageSetsTest, CopyToANewImageSetSharesFrames) {
  const uint64_t bytes = store_->Frames().value().file_bytes;
  CopyRequest request;
  request.source_id = primary_;
  request.source_latest_version = 1;
  const auto answer = store_->Copy(request);
  ASSERT_TRUE(answer.ok()) << answer.error().detail;
  EXPECT_EQ(answer.value().source.status, WorkflowStatus::kCopyingWithReadOnlyAccess);
  EXPECT_EQ(answer.value().destination.status, WorkflowStatus::kCopying);
  EXPECT_EQ(answer.value().destination.state, ImageSetState::kLocked);
  const std::string copy = answer.value().destination.image_set_id;
  EXPECT_EQ(Settled(copy).status, WorkflowStatus::kCopied);
  EXPECT_EQ(store_->Get(primary_).value().state, ImageSetState::kActive);
  EXPECT_FALSE(store_->Get(copy).value().is_primary);
  EXPECT_EQ(store_.Tree(copy).image_set_id(), copy);
  EXPECT_EQ(store_.Frames(copy, "1.2", "1.2.1"), std::vector<std::string>{"frame-one"});
  EXPECT_EQ(store_->Frames().value().file_bytes, bytes);
  // The frames outlive the image set that they came with.
  ASSERT_TRUE(store_->Delete(primary_).ok());
  EXPECT_EQ(Settled(primary_).state, ImageSetState::kDeleted);
  EXPECT_EQ(store_.Frames(copy, "1.2", "1.2.2"), std::vector<std::string>{"frame-two"});
}

TEST_F(ImageSetsTest, CopyOfASubsetIntoAnExistingImageSet) {
  CopyRequest request;
  request.source_id = other_;
  request.source_latest_version = 1;
  request.destination_id = primary_;
  request.destination_latest_version = 1;
  request.copiable_attributes =
      R"({"SchemaVersion":"1.1","Study":{"Series":{"1.2":{"Instances":{"1.2.3":{}}}}}})";
  ASSERT_TRUE(store_->Copy(request).ok());
  ImageSetProperties after = Settled(primary_);  // Accession numbers differ.
  EXPECT_EQ(after.status, WorkflowStatus::kCopyFailed);
  EXPECT_EQ(after.state, ImageSetState::kActive);
  EXPECT_NE(after.message, "");
  EXPECT_EQ(store_->Get(other_).value().status, WorkflowStatus::kCopyFailed);
  EXPECT_EQ(store_.Tree(primary_).InstanceCount(), 2u);
  request.destination_latest_version = 2;
  request.force = true;
  ASSERT_TRUE(store_->Copy(request).ok());
  after = Settled(primary_);
  EXPECT_EQ(after.status, WorkflowStatus::kCopied) << after.message;
  EXPECT_EQ(store_->Get(other_).value().message, "");  // That was of the copy that failed.
  EXPECT_EQ(after.version, 3u);
  EXPECT_TRUE(after.forced);
  EXPECT_EQ(store_.Tree(primary_).InstanceCount(), 3u);
  EXPECT_EQ(store_.Frames(primary_, "1.2", "1.2.3"), std::vector<std::string>{"frame-three"});
}

TEST_F(ImageSetsTest, CopiesAreBoundedInFrames) {
  store_.options().copy_frames_max = 2;
  store_.Reopen();
  CopyRequest request;
  request.source_id = primary_;
  request.source_latest_version = 1;
  EXPECT_EQ(Settled(store_->Copy(request).value().destination.image_set_id).status,
            WorkflowStatus::kCopied);
  store_.PutObject("late/1", Text("1.2", "1.2.7", "third"));
  store_.Import("late");
  request.source_latest_version = 2;
  const std::string made = store_->Copy(request).value().destination.image_set_id;
  EXPECT_EQ(Settled(made).status, WorkflowStatus::kCopyFailed);
  EXPECT_NE(store_->Get(primary_).value().message, "");
}

TEST_F(ImageSetsTest, PromotionNeedsASeriesWithoutPrimary) {
  CopyRequest request;
  request.source_id = other_;
  request.source_latest_version = 1;
  request.promote_to_primary = true;
  auto answer = store_->Copy(request);
  ASSERT_TRUE(answer.ok());
  std::string made = answer.value().destination.image_set_id;
  EXPECT_EQ(Settled(made).status, WorkflowStatus::kCopyFailed);
  EXPECT_EQ(store_->Get(made).value().state, ImageSetState::kDeleted);
  ASSERT_TRUE(store_->Delete(primary_).ok());
  Settled(primary_);
  answer = store_->Copy(request);
  made = answer.value().destination.image_set_id;
  EXPECT_EQ(Settled(made).status, WorkflowStatus::kCopied);
  EXPECT_TRUE(store_->Get(made).value().is_primary);
  request.source_id = made;
  EXPECT_EQ(store_->Copy(request).error().kind, ErrorKind::kInvalid);
}

TEST_F(ImageSetsTest, DeletionLeavesATombstoneAndNoFrames) {
  const std::string frame = store_.Tree(primary_).Pixels("1.2", "1.2.1").value().frames.at(0).id;
  auto reader = store_->OpenFrame(primary_, frame, {});
  ASSERT_TRUE(reader.ok());
  const auto answer = store_->Delete(primary_);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().status, WorkflowStatus::kDeleting);
  const ImageSetProperties after = Settled(primary_);
  EXPECT_EQ(after.state, ImageSetState::kDeleted);
  EXPECT_EQ(after.status, WorkflowStatus::kDeleted);
  EXPECT_NE(after.deleted_unix_ms, 0);
  EXPECT_EQ(store_->GetMetadata(primary_).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store_->GetMetadata(primary_, 1).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store_.ReadFrame(primary_, frame, {}), "(not-found)");
  EXPECT_EQ(store_->Delete(primary_).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store_->ListVersions(primary_, 0, 9).value().versions.size(), 1u);
  EXPECT_EQ(store_->Count(9).value(), 1u);
  EXPECT_EQ(store_->Frames().value().live_bytes, 11u);  // The other image set's.
  // A reader that was open gives the frame, or says that it is gone; never other bytes.
  const std::string late = TestStore::ReadAll(*reader.value());
  EXPECT_TRUE(late == "frame-one" || late == "(not-found)") << late;
  ASSERT_TRUE(store_->Delete(other_).ok());
  Settled(other_);
  EXPECT_EQ(store_->Frames().value().pack_files, 0u);
  EXPECT_TRUE(std::filesystem::is_empty(store_.frames_folder()));
}

TEST_F(ImageSetsTest, LockedImageSetsRefuseChangesAndReadAsBefore) {
  // The work cannot be done while writes fail.
  store_.fake().SetFault({.write = 2, .effect = kv::FakeEngine::Effect::kStop});
  ASSERT_TRUE(store_->Update(primary_, Rename(1, "NEW")).ok());
  EXPECT_EQ(store_->Get(primary_).value().state, ImageSetState::kLocked);
  EXPECT_EQ(store_->Update(primary_, Rename(2, "X")).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(store_->Delete(primary_).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(NameIn(primary_), "");
  store_.fake().ClearFault();
  ASSERT_TRUE(store_.kv().Resume().ok());
  store_.Reopen();
  EXPECT_EQ(Settled(primary_).status, WorkflowStatus::kUpdated);
  EXPECT_EQ(NameIn(primary_), "NEW");
}

TEST_F(ImageSetsTest, FramesByRangesAndLevels) {
  const std::string frame = store_.Tree(primary_).Pixels("1.2", "1.2.1").value().frames.at(0).id;
  struct Case {
    FrameRange range;
    std::string expected;
  };
  const auto bytes = [](uint64_t first, uint64_t last) {
    FrameRange range;
    range.bytes = {first, last};
    return range;
  };
  const auto levels = [](uint32_t first, uint32_t last) {
    FrameRange range;
    range.levels = {first, last};
    return range;
  };
  FrameRange suffix;
  suffix.suffix_bytes = 3;
  FrameRange both = bytes(0, 1);
  both.suffix_bytes = 3;
  // "frame-one": levels end at 2, 4, 7.
  const std::vector<Case> cases = {{{}, "frame-one"},
                                   {bytes(0, 4), "frame"},
                                   {bytes(6, 100), "one"},
                                   {bytes(8, UINT64_MAX), "e"},
                                   {bytes(9, 9), "(precondition-failed)"},
                                   {bytes(3, 2), "(invalid)"},
                                   {suffix, "one"},
                                   {both, "(invalid)"},
                                   {levels(0, 0), "fr"},
                                   {levels(0, 1), "fram"},
                                   {levels(1, 1), "am"},
                                   {levels(0, 2), "frame-one"},
                                   {levels(2, 2), "e-one"},
                                   {levels(2, 1), "(invalid)"},
                                   {levels(0, 3), "(invalid)"}};
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(store_.ReadFrame(primary_, frame, cases[i].range), cases[i].expected) << i;
  }
  EXPECT_EQ(store_.ReadFrame(other_, frame, {}), "(not-found)");
  const auto reader = store_->OpenFrame(primary_, frame, levels(1, 1));
  EXPECT_EQ(reader.value()->info().offset, 2u);
  EXPECT_EQ(reader.value()->info().frame_bytes, 9u);
  EXPECT_EQ(reader.value()->info().stored_transfer_syntax_uid, kStoredSyntax);
}

TEST_F(ImageSetsTest, LargeFramesAreReadInAnySteps) {
  store_.PutObject("big/1", Text("1.9", "1.9.1", "0123456789abcde*20000"));  // 300,000 bytes.
  const std::string id = store_.SetsOf(store_.Import("big")).at(0).id;
  const std::string whole = TextReader::FrameBytes("0123456789abcde*20000");
  const std::string frame = store_.Tree(id).Pixels("1.9", "1.9.1").value().frames.at(0).id;
  for (const size_t step : {size_t{1000}, size_t{65536}, size_t{100'000}, size_t{1} << 20}) {
    const auto reader = store_->OpenFrame(id, frame, {});
    EXPECT_EQ(TestStore::ReadAll(*reader.value(), step), whole) << step;
  }
  FrameRange range;
  range.bytes = {65'530, 131'080};
  EXPECT_EQ(store_.ReadFrame(id, frame, range), whole.substr(65'530, 65'551));
}

// What is in memory is read without waiting; what might have to wait says so.
TEST_F(ImageSetsTest, ReadersThatMayNotWait) {
  const std::string frame = store_.Tree(primary_).Pixels("1.2", "1.2.1").value().frames[0].id;
  const auto refused = store_->OpenFrame(primary_, frame, {}, Waiting::kRefused);
  ASSERT_FALSE(refused.ok());  // Its file is not open yet.
  EXPECT_EQ(refused.error().kind, ErrorKind::kBusy);
  EXPECT_EQ(store_.ReadFrame(primary_, frame, {}), "frame-one");
  const auto reader = store_->OpenFrame(primary_, frame, {}, Waiting::kRefused);
  ASSERT_TRUE(reader.ok());
  const std::string bytes = TestStore::ReadAll(*reader.value());
  // A file system that cannot say whether it would wait is asked by a worker.
  EXPECT_TRUE(bytes == "frame-one" || bytes == "(busy)") << bytes;
}

TEST_F(ImageSetsTest, DamageIsFoundAndNotServed) {
  store_.PutObject("big/1", Text("1.9", "1.9.1", "0123456789abcde*20000"));
  const std::string id = store_.SetsOf(store_.Import("big")).at(0).id;
  const std::string frame = store_.Tree(id).Pixels("1.9", "1.9.1").value().frames.at(0).id;
  for (const auto& entry : std::filesystem::directory_iterator(store_.frames_folder())) {
    if (entry.file_size() < 200'000) continue;
    std::string bytes = ReadFile(entry.path(), 1u << 20).value();
    bytes[150'000] = static_cast<char>(bytes[150'000] ^ 4);
    ASSERT_TRUE(WriteFileAtomic(entry.path(), bytes).ok());
  }
  EXPECT_EQ(store_.ReadFrame(id, frame, {}), "(corrupt)");
  FrameRange untouched;
  untouched.bytes = {0, 100};
  EXPECT_EQ(store_.ReadFrame(id, frame, untouched).size(), 101u);
}

TEST_F(ImageSetsTest, AccessesAreRemembered) {
  EXPECT_EQ(store_->Get(primary_).value().last_accessed_unix_ms, 0);
  store_.clock().AdvanceMs(5'000);
  const int64_t now = store_.clock().UnixMs();
  ASSERT_TRUE(store_->GetMetadata(primary_).ok());
  EXPECT_EQ(store_->Get(primary_).value().last_accessed_unix_ms, now);
  store_.Reopen();
  EXPECT_EQ(store_->Get(primary_).value().last_accessed_unix_ms, now);
  EXPECT_EQ(store_->Get(other_).value().last_accessed_unix_ms, 0);
}

}  // namespace
}  // namespace tarn::image_store
