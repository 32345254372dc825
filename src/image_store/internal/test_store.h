// An image store over a fake or a real engine in a folder of its own, fed by a reader of small text
// files in place of DICOM, for this module's tests.
//
//   "patient=P1;study=1.1;series=1.2;sop=1.3;frame=abc;frame=def"    one instance with two frames
//   "bad"                                                            refused as invalid
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "image_store/image_sets.h"
#include "image_store/instance_reader.h"
#include "json/value.h"
#include "kv/fake_engine.h"
#include "kv/rocksdb_engine.h"
#include "objects/folder_store.h"

namespace tarn::image_store {

// SeededRandom for several threads.
class TestRandom final : public RandomSource {
 public:
  void Fill(std::span<char> out) override {
    MutexLock lock(mutex_);
    random_.Fill(out);
  }

 private:
  Mutex mutex_;
  SeededRandom random_ GUARDED_BY(mutex_){20260101};
};

inline constexpr std::string_view kStoredSyntax = "1.2.840.10008.1.2.4.202";

class TextReader final : public InstanceReader {
 public:
  Result<InstanceContent> Read(const FileBytes& file, pixels::FrameSink& frames) override {
    std::string_view text = file.memory;
    std::string read;
    if (file.source != nullptr) {
      TRY(file.source->Read(0, file.source->size(), &read));
      text = read;
    }
    InstanceContent content;
    dicom::InstanceMetadata& metadata = content.metadata;
    const auto json = [](const std::string& value) { return "\"" + value + "\""; };
    while (!text.empty()) {
      const std::string_view part = text.substr(0, text.find(';'));
      text.remove_prefix(std::min(text.size(), part.size() + 1));
      const size_t equals = part.find('=');
      if (equals == std::string_view::npos)
        return Invalid("DICOM attribute SOPClassUID does not exist");
      const std::string key(part.substr(0, equals));
      const std::string value(part.substr(equals + 1));
      if (key == "patient") metadata.patient.push_back({"PatientID", json(value)});
      if (key == "name") metadata.patient.push_back({"PatientName", json(value)});
      if (key == "date") metadata.study.push_back({"StudyDate", json(value)});
      if (key == "time") metadata.study.push_back({"StudyTime", json(value)});
      if (key == "accession") metadata.study.push_back({"AccessionNumber", json(value)});
      if (key == "study") {
        metadata.study_instance_uid = value;
        metadata.study.push_back({"StudyInstanceUID", json(value)});
      }
      if (key == "series") {
        metadata.series_instance_uid = value;
        metadata.series.push_back({"SeriesInstanceUID", json(value)});
        metadata.series.push_back({"Modality", "\"CT\""});
      }
      if (key == "number") metadata.series.push_back({"SeriesNumber", json(value + " ")});
      if (key == "sop") {
        metadata.sop_instance_uid = value;
        metadata.dicom = R"({"SOPInstanceUID":")" + value + R"(","InstanceNumber":"1 "})";
      }
      if (key == "warn") content.warnings.push_back({dicom::WarningCode::kOffsetTable, value});
      if (key == "frame") {
        ++content.frames.frames;
        TRY(frames.Add(Frame(value)));
      }
      if (key == "restart") {
        content.frames.frames = 0;
        TRY(frames.Restart());
      }
    }
    if (content.frames.frames > 0) {
      content.frames.form = pixels::FrameForm::kTranscoded;
      content.frames.stored_transfer_syntax_uid = kStoredSyntax;
      metadata.pixels.stored_transfer_syntax_uid = kStoredSyntax;
      metadata.pixels.checksum_type = "DECOMPRESSED";
    }
    return content;
  }

  // "x*N" is N times the text before it.
  static std::string FrameBytes(const std::string& value) {
    const size_t star = value.find('*');
    if (star == std::string::npos) return value;
    std::string bytes;
    const std::string unit = value.substr(0, star);
    for (int i = std::stoi(value.substr(star + 1)); i > 0; --i) bytes += unit;
    return bytes;
  }

 private:
  static pixels::StoredFrame Frame(const std::string& value) {
    pixels::StoredFrame frame;
    frame.bytes = FrameBytes(value);
    frame.width = 1;
    frame.height = static_cast<uint32_t>(frame.bytes.size());
    frame.checksum = crypto::Crc32(0, frame.bytes);
    frame.min_pixel_value = 0;
    frame.max_pixel_value = 255;
    const uint64_t size = frame.bytes.size();
    frame.resolution_ends = {size / 4, size / 2, size - std::min<uint64_t>(size, 2)};
    return frame;
  }
};

enum class TestEngine { kFake, kRocksDb };
inline constexpr std::string_view kStoreId = "0123456789abcdef0123456789abcdef";

class TestStore {
 public:
  explicit TestStore(TestEngine engine, ImageSetsOptions options = {})
      : TestStore(engine, std::move(options), nullptr) {}
  // With a reader of the test's own.
  explicit TestStore(InstanceReader& reader) : TestStore(TestEngine::kFake, {}, &reader) {}

 private:
  TestStore(TestEngine engine, ImageSetsOptions options, InstanceReader* reader)
      : options_(std::move(options)), reader_(reader == nullptr ? &text_reader_ : reader) {
    std::string pattern = testing::TempDir() + "image_store_XXXXXX";
    CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    options_.data_store_id = kStoreId;
    options_.frames_folder = folder_ + "/frames";
    if (engine == TestEngine::kFake) {
      auto fake = std::make_unique<kv::FakeEngine>();
      fake_ = fake.get();
      engine_ = std::move(fake);
    } else {
      engine_ = kv::OpenRocksDbEngine(folder_ + "/kv",
                                      {.block_cache_bytes = 8u << 20, .memtable_bytes = 8u << 20})
                    .value();
    }
    objects_ = objects::OpenFolderStore(folder_ + "/s3", clock_, random_).value();
    CHECK(objects_->CreateBucket("in-bucket").ok());
    CHECK(objects_->CreateBucket("out-bucket").ok());
    Open();
  }

 public:
  ~TestStore() {
    Close();
    objects_.reset();
    engine_.reset();
    const Status removed = RemoveFolder(folder_);
    EXPECT_TRUE(removed.ok());
  }
  TestStore(const TestStore&) = delete;
  TestStore& operator=(const TestStore&) = delete;

  void Open() {
    kv_ = engine_->Open("image-store", ImageStoreSchema()).value();
    store_ = ImageSets::Open(options_, {.kv = *kv_,
                                        .objects = *objects_,
                                        .clock = clock_,
                                        .random = random_,
                                        .metrics = metrics_,
                                        .reader = *reader_})
                 .value();
  }
  void Close() {
    store_.reset();
    kv_.reset();
  }
  void Reopen() {
    Close();
    Open();
  }

  ImageSets& operator*() { return *store_; }
  ImageSets* operator->() { return store_.get(); }
  kv::Store& kv() { return *kv_; }
  kv::FakeEngine& fake() { return *fake_; }
  FakeClock& clock() { return clock_; }
  ImageSetsOptions& options() { return options_; }  // Take effect with Reopen.
  std::string frames_folder() const { return options_.frames_folder; }
  objects::ObjectStore& objects() { return *objects_; }

  void PutObject(const std::string& key, std::string_view bytes) {
    const auto put = objects::WriteObject(*objects_, {"in-bucket", key}, bytes, "");
    ASSERT_TRUE(put.ok()) << put.error().detail;
  }
  std::string GetObject(const std::string& key) {
    auto bytes = objects::ReadObject(*objects_, {"out-bucket", key}, 1u << 30);
    return bytes.ok() ? std::move(bytes).value() : "(no object: " + bytes.error().detail + ")";
  }

  // Imports one folder in one job and gives the job.
  jobs::Job Import(const std::string& folder, std::string_view job_id = {}) {
    ImportRequest request;
    request.input = {"in-bucket", folder};
    request.output = {"out-bucket", "out"};
    const std::string id = store_->SubmitImport(request, {}, job_id).value().id;
    RunJobs();
    return store_->queue().Get(kImportKind, id).value();
  }
  void RunJobs() {
    store_->RunImportJobs([] { return false; }, [](const jobs::Job&) {});
  }
  std::string OutputOf(const jobs::Job& job, const std::string& name) {
    return GetObject("out/" + std::string(kStoreId) + "-DicomImport-" + job.id + "/" + name);
  }
  // The manifest's summary of image sets.
  struct Imported {
    std::string id;
    int64_t version = 0;
    bool is_primary = false;
    int64_t instances = 0;
  };
  std::vector<Imported> SetsOf(const jobs::Job& job) {
    std::vector<Imported> sets;
    const auto manifest = json::ParseValue(OutputOf(job, "job-output-manifest.json"));
    EXPECT_TRUE(manifest.ok());
    if (!manifest.ok()) return sets;
    for (const json::Value& one :
         manifest.value().Find("jobSummary")->Find("imageSetsSummary")->items()) {
      sets.push_back({one.Find("imageSetId")->AsString(), *one.Find("imageSetVersion")->AsInt(),
                      one.Find("isPrimary")->AsBool(),
                      *one.Find("numberOfMatchedSOPInstances")->AsInt()});
    }
    return sets;
  }

  dicom::MetadataTree Tree(const std::string& id, uint32_t version = 0) {
    return dicom::MetadataTree::FromGzip(store_->GetMetadata(id, version).value().gzip).value();
  }
  // The frames of one instance, read whole.
  std::vector<std::string> Frames(const std::string& id, const std::string& series,
                                  const std::string& sop, uint32_t version = 0) {
    std::vector<std::string> frames;
    for (const dicom::FrameRecord& frame : Tree(id, version).Pixels(series, sop).value().frames) {
      frames.push_back(ReadFrame(id, frame.id, {}));
    }
    return frames;
  }
  std::string ReadFrame(const std::string& id, const std::string& frame_id,
                        const FrameRange& range) {
    auto reader = store_->OpenFrame(id, frame_id, range);
    if (!reader.ok()) return "(" + std::string(ErrorKindName(reader.error().kind)) + ")";
    return ReadAll(*reader.value());
  }
  static std::string ReadAll(FrameReader& reader, size_t step = 1u << 20) {
    std::string bytes;
    std::string buffer(step, '\0');
    for (;;) {
      const auto count = reader.Read({buffer.data(), buffer.size()});
      if (!count.ok()) return "(" + std::string(ErrorKindName(count.error().kind)) + ")";
      if (count.value() == 0) return bytes;
      bytes.append(buffer, 0, count.value());
    }
  }

 private:
  ImageSetsOptions options_;
  std::string folder_;
  FakeClock clock_;
  TestRandom random_;
  MetricsRegistry metrics_;
  TextReader text_reader_;
  InstanceReader* const reader_;
  kv::FakeEngine* fake_ = nullptr;
  std::unique_ptr<kv::Engine> engine_;
  std::unique_ptr<objects::ObjectStore> objects_;
  std::unique_ptr<kv::Store> kv_;
  std::unique_ptr<ImageSets> store_;
};

// An instance of the series S of the study T of patient P1.
inline std::string Text(const std::string& series, const std::string& sop,
                        const std::string& frames, const std::string& more = "") {
  std::string text = "patient=P1;study=1.1;date=20240102;number=1;series=" + series + ";sop=" + sop;
  if (!more.empty()) text += ";" + more;
  size_t at = 0;
  while (at < frames.size()) {
    const size_t comma = std::min(frames.find(',', at), frames.size());
    text += ";frame=" + frames.substr(at, comma - at);
    at = comma + 1;
  }
  return text;
}

}  // namespace tarn::image_store
