// Imports and changes that are cut off at every write, by refusal, full disk and crash, and taken
// up again: what is stored and written out is what an uninterrupted run leaves.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <set>

#include "base/bytes.h"
#include "base/log.h"
#include "image_store/internal/families.h"
#include "image_store/internal/keys.h"
#include "image_store/internal/records.h"
#include "image_store/internal/test_store.h"

namespace tarn::image_store {
namespace {

using Effect = kv::FakeEngine::Effect;

constexpr std::string_view kFirstJob = "00112233445566778899aabbccddeef1";
constexpr std::string_view kSecondJob = "00112233445566778899aabbccddeef2";

// What is left, without ids and times, which differ from run to run.
struct Left {
  std::map<std::string, std::string> sets;  // By series and accession: versions and frames.
  std::string counts;
  std::string failures;
  uint64_t live_bytes = 0;
  friend bool operator==(const Left&, const Left&) = default;
};

class ResumeTest : public testing::Test {
 protected:
  static void Fill(TestStore& store) {
    for (int i = 0; i < 12; ++i) {
      const std::string n = std::to_string(i);
      store.PutObject("in/" + std::to_string(100 + i),
                      Text("1." + std::to_string(2 + i % 2), "1.9." + n, "frame" + n + "*40"));
    }
    store.PutObject("in/103", "bad");
    store.PutObject("in/104", Text("1.2", "1.9.0", "again*30"));  // Replaces in/100's.
    store.PutObject("in/105", Text("1.2", "1.9.5", "other*30", "accession=other"));
    store.PutObject("late/1", Text("1.2", "1.8.1", "late*30"));
    store.PutObject("late/2", Text("1.2", "1.9.2", "replaced*30"));
  }

  // Invariants that hold at any moment.
  static void CheckWhole(TestStore& store) {
    const auto snapshot = store.kv().GetSnapshot();
    std::set<std::string> packs;
    for (auto cursor = snapshot->Scan(kPack, {}); cursor->Valid(); cursor->Next()) {
      packs.insert(HexEncode(cursor->key()) + ".pack");
    }
    for (auto cursor = snapshot->Scan(kFrame, {}); cursor->Valid(); cursor->Next()) {
      const FrameRecord frame = DecodeFrame(cursor->value()).value();
      ASSERT_TRUE(packs.contains(HexEncode(frame.pack) + ".pack"));
    }
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(store.frames_folder())) {
      files.insert(entry.path().filename());
    }
    ASSERT_EQ(files, packs);  // Called after opening: no orphan is left, nothing is missing.
  }

  static Left Look(TestStore& store) {
    store->WaitUntilIdle();
    Left left;
    std::string token;
    SearchRequest all;
    const SearchPage page = store->Search(all).value();
    for (const ImageSetSummary& one : page.image_sets) {
      const std::string id = one.properties.image_set_id;
      std::string text;
      for (uint32_t version = 1; version <= one.properties.version; ++version) {
        const dicom::MetadataTree tree = store.Tree(id, version);
        text += "v" + std::to_string(version) + " ";
        text += WorkflowStatusName(store->Get(id, version).value().status);
        for (const auto& [series, content] : tree.series()) {
          for (const auto& [sop, json] : content.instances) {
            text += " " + sop;
            for (const std::string& frame : store.Frames(id, series, sop, version)) {
              text += "=" + std::to_string(crypto::Crc32(0, frame));
            }
          }
        }
        text += dicom::AttributeText(tree.patient(), "PatientName") + "\n";
      }
      left.sets[one.tags.series_instance_uid + "/" + one.tags.accession_number +
                (one.properties.is_primary ? "" : "/other")] += text;
    }
    for (const std::string_view id : {kFirstJob, kSecondJob}) {
      const auto job = store->queue().Get(kImportKind, std::string(id));
      if (!job.ok()) continue;
      left.counts += std::string(JobStateName(job.value().state)) + job.value().progress;
      left.failures += store.OutputOf(job.value(), "FAILURE/failure.ndjson");
    }
    left.live_bytes = store->Frames().value().live_bytes;
    return left;
  }

  // All of the work, from wherever it is. False when a write failed on the way.
  static bool Drive(TestStore& store) {
    for (const auto& [id, folder] : {std::pair(kFirstJob, "in"), std::pair(kSecondJob, "late")}) {
      auto job = store->queue().Get(kImportKind, std::string(id));
      if (!job.ok()) {
        ImportRequest request;
        request.input = {"in-bucket", folder};
        request.output = {"out-bucket", "out"};
        if (!store->SubmitImport(request, {}, id).ok()) return false;
      }
      store.RunJobs();
      job = store->queue().Get(kImportKind, std::string(id));
      if (!job.ok() || !IsFinal(job.value().state)) return false;
    }
    return true;
  }

  static std::string SetOf(TestStore& store, const std::string& series, bool is_primary) {
    SearchRequest request;
    request.filters = {{.key = SearchKey::kSeriesInstanceUid,
                        .op = SearchOperator::kEqual,
                        .values = {{.text = series}}}};
    for (const auto& one : store->Search(request).value().image_sets) {
      if (one.properties.is_primary == is_primary) return one.properties.image_set_id;
    }
    return {};
  }
  // An update of one image set and the deletion of another one, each once.
  static bool Change(TestStore& store) {
    const std::string updated = SetOf(store, "1.3", true);
    if (updated.empty()) return false;
    if (store->Get(updated).value().version == 1) {
      UpdateRequest update;
      update.latest_version = 1;
      update.updatable_attributes =
          R"({"SchemaVersion":"1.1","Patient":{"DICOM":{"PatientName":"N"}}})";
      if (!store->Update(updated, update).ok()) return false;
    }
    const std::string deleted = SetOf(store, "1.2", false);
    if (!deleted.empty() && store->Get(deleted).value().state == ImageSetState::kActive &&
        !store->Delete(deleted).ok()) {
      return false;
    }
    return true;
  }

  static ImageSetsOptions SmallPacks() {
    ImageSetsOptions options;
    options.import_pack_bytes_max = 700;  // Several commits.
    options.retry_pause_ms = 1;
    return options;
  }
};

TEST_F(ResumeTest, EveryWriteMayFail) {
  Left whole;
  uint64_t writes = 0;
  {
    TestStore store(TestEngine::kFake, SmallPacks());
    Fill(store);
    ASSERT_TRUE(Drive(store));
    ASSERT_TRUE(Change(store));
    whole = Look(store);
    writes = store.fake().writes();
  }
  ASSERT_EQ(whole.sets.size(), 2u);
  ASSERT_GT(writes, 15u);
  for (const Effect effect :
       {Effect::kStop, Effect::kWriteAndStop, Effect::kCrash, Effect::kWriteAndCrash}) {
    // The short form takes every third write, another third for each effect.
    const uint64_t step = getenv("TARN_SLOW") != nullptr ? 1 : 3;  // NOLINT(concurrency-mt-unsafe)
    for (uint64_t write = 1 + static_cast<uint64_t>(effect) % step; write <= writes;
         write += step) {
      SCOPED_TRACE("effect " + std::to_string(static_cast<int>(effect)) + " write " +
                   std::to_string(write));
      TestStore store(TestEngine::kFake, SmallPacks());
      Fill(store);
      store.fake().SetFault({.write = write, .effect = effect});
      bool done = Drive(store) && Change(store);
      for (int attempt = 0; attempt < 4; ++attempt) {
        store.fake().ClearFault();
        const Status resumed = store.kv().Resume();
        store.Reopen();
        CheckWhole(store);
        done = Drive(store) && Change(store);
        if (done) break;
      }
      ASSERT_TRUE(done);
      ASSERT_EQ(Look(store).sets, whole.sets);
      ASSERT_EQ(Look(store).counts, whole.counts);
      ASSERT_EQ(Look(store).failures, whole.failures);
      ASSERT_EQ(Look(store).live_bytes, whole.live_bytes);
    }
  }
}

TEST_F(ResumeTest, StoppedJobGoesOnWhereItWas) {
  TestStore store(TestEngine::kFake, SmallPacks());
  Fill(store);
  ASSERT_TRUE(Drive(store));
  const Left whole = Look(store);
  for (int allowed = 1; allowed < 12; ++allowed) {
    TestStore stopped(TestEngine::kFake, SmallPacks());
    Fill(stopped);
    ImportRequest request;
    request.input = {"in-bucket", "in"};
    request.output = {"out-bucket", "out"};
    ASSERT_TRUE(stopped->SubmitImport(request, {}, kFirstJob).ok());
    int asked = 0;
    stopped->RunImportJobs([&] { return ++asked > allowed; }, [](const jobs::Job&) {});
    ASSERT_TRUE(Drive(stopped));
    EXPECT_EQ(Look(stopped), whole) << allowed;
  }
}

}  // namespace
}  // namespace tarn::image_store
