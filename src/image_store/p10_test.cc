// DICOM files end to end: generated ones, and every file of the shared collection against the
// outcome that was written down for it (testdata/expected_outcomes.tsv).
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "image_store/internal/test_store.h"
#include "image_store/p10_reader.h"
#include "pixels/codec_pool.h"

namespace tarn::image_store {
namespace {

constexpr const char* kCollection = "../shared/data/dicom/";

// The build's tarn-codec, two folders above the test program.
std::string CodecPath() {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  return self.parent_path().parent_path().parent_path() / "tarn-codec";
}

class P10Test : public testing::Test {
 protected:
  P10Test()
      : pool_({.executable = CodecPath()}, clock_), reader_(Format(), pool_), store_(reader_) {}
  static pixels::LosslessFormat Format() { return pixels::LosslessFormat::kHtj2k; }

  // The outcome of a job with one file, in the table's words.
  std::string OutcomeOf(const jobs::Job& job) {
    if (job.state != jobs::JobState::kCompleted) return "job " + job.message;
    const std::string failure = store_.OutputOf(job, "FAILURE/failure.ndjson");
    if (!failure.empty()) {
      const auto record = json::ParseValue(failure).value();
      return "FAILURE " + record.Find("exception")->Find("exceptionType")->AsString();
    }
    const auto sets = store_.SetsOf(job);
    if (sets.size() != 1) return "no image set";
    const dicom::MetadataTree tree = store_.Tree(sets[0].id);
    std::string stored = "-";
    const auto& [series_uid, series] = *tree.series().begin();
    for (const auto& [sop, text] : series.instances) {
      const auto pixels = tree.Pixels(series_uid, sop).value();
      if (!pixels.frames.empty()) stored = pixels.stored_transfer_syntax_uid;
      CheckFrames(sets[0].id, pixels);
    }
    return stored + WarningCodes(store_.OutputOf(job, "WARNING/warning.ndjson"));
  }
  static std::string WarningCodes(const std::string& lines) {
    if (lines.empty()) return {};
    std::vector<std::string> codes;
    const auto record = json::ParseValue(lines).value();
    for (const json::Value& warning : record.Find("importResponse")->Find("warnings")->items()) {
      codes.push_back(" " + warning.Find("warning_reason_code")->NumberToken());
    }
    std::sort(codes.begin(), codes.end());
    std::string text;
    for (const std::string& code : codes) text += code;
    return text;
  }
  // Every frame reads back, and kept ones match the checksum of the metadata.
  void CheckFrames(const std::string& id, const dicom::PixelRecord& pixels) {
    for (const dicom::FrameRecord& frame : pixels.frames) {
      const std::string bytes = store_.ReadFrame(id, frame.id, {});
      EXPECT_EQ(bytes.size(), frame.frame_bytes);
      if (pixels.checksum_type == "COMPRESSED") {
        EXPECT_EQ(crypto::Crc32(0, bytes), frame.checksum);
      }
    }
  }

  SystemClock clock_;
  pixels::CodecPool pool_;
  P10Reader reader_;
  TestStore store_;
};

TEST_F(P10Test, EveryFileOfTheCollectionEndsAsWrittenDown) {
  std::ifstream table(std::string(TARN_TESTDATA) + "/expected_outcomes.tsv");
  ASSERT_TRUE(table.is_open());
  if (!std::filesystem::exists(kCollection)) GTEST_SKIP() << "no " << kCollection;
  if (access(CodecPath().c_str(), X_OK) != 0) GTEST_SKIP() << "no " << CodecPath();
  size_t files = 0;
  for (std::string line; std::getline(table, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    std::istringstream row(line);
    std::string name;
    std::string expected;
    std::getline(row, name, '\t');
    std::getline(row, expected, '\t');
    const auto bytes = ReadFile(kCollection + name, 1u << 30);
    ASSERT_TRUE(bytes.ok()) << name;
    store_.PutObject(name, bytes.value());
    SCOPED_TRACE(name);
    const std::string outcome = OutcomeOf(store_.Import(name));
    const size_t bar = expected.find('|');
    if (bar == std::string::npos || outcome != expected.substr(bar + 1)) {
      EXPECT_EQ(outcome, expected.substr(0, bar));
    }
    // The next file is alone again: several are of one series.
    for (const auto& one : store_->Search({.max = 50}).value().image_sets) {
      ASSERT_TRUE(store_->Delete(one.properties.image_set_id).ok());
    }
    store_->WaitUntilIdle();
    ++files;
  }
  EXPECT_EQ(files, 209u);
  EXPECT_EQ(store_->Frames().value().pack_files, 0u);
}

}  // namespace
}  // namespace tarn::image_store
