// DICOM files end to end: generated ones, and every file of the shared collection against the
// outcome that was written down for it (testdata/expected_outcomes.tsv).
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/bytes.h"
#include "image_store/internal/test_store.h"
#include "image_store/p10_reader.h"
#include "pixels/codec_pool.h"
#include "pixels/jpeg2000.h"

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

constexpr size_t kPreambleBytes = 128;

uint32_t Le(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  while (count-- > 0) value = value << 8 | static_cast<uint8_t>(bytes[at + count]);
  return value;
}

// One element in explicit little endian at the begin of `bytes`: (tag, bytes of it), read without
// the module's parser.
std::pair<uint32_t, size_t> ElementAt(std::string_view bytes) {
  const std::string_view vr = bytes.substr(4, 2);
  const bool is_long = vr == "OB" || vr == "OW" || vr == "SQ" || vr == "UN" || vr == "UT";
  const uint32_t length = is_long ? Le(bytes, 8, 4) : Le(bytes, 6, 2);
  return {Le(bytes, 0, 2) << 16 | Le(bytes, 2, 2), (is_long ? 12 : 8) + size_t{length}};
}

// Some samples have pixels but not the identifiers that an image set needs: they get them here.
std::string WithIdentifiers(std::string file) {
  if (file.compare(kPreambleBytes, 4, "DICM") != 0) {
    file.insert(0, std::string(kPreambleBytes, '\0') + "DICM");
  }
  std::map<uint32_t, std::string> missing;
  for (const uint32_t tag : {0x00080016u, 0x00080018u, 0x0020000Du, 0x0020000Eu}) {
    std::string element;
    for (const uint32_t part : {tag >> 16, tag & 0xFFFF}) {
      element += {static_cast<char>(part & 0xFF), static_cast<char>(part >> 8)};
    }
    missing[tag] = element + std::string("UI\x06\0", 4) + "2.25.7";
  }
  size_t at = kPreambleBytes + 4;
  while (at < file.size()) {
    const auto [tag, bytes] = ElementAt(std::string_view(file).substr(at));
    missing.erase(tag);
    while (!missing.empty() && missing.begin()->first < tag && tag >> 16 > 2) {
      file.insert(at, missing.begin()->second);
      at += missing.begin()->second.size();
      missing.erase(missing.begin());
    }
    if (missing.empty() || tag >= 0x7FE00010) break;
    at += bytes;
  }
  return file;
}

// The fragments of encapsulated pixel data, joined, without the offset table: PS3.5 A.4.
std::string Fragments(const std::string& file) {
  const std::string undefined("\0\0\xFF\xFF\xFF\xFF", 6);
  const std::string pixel_data("\xE0\x7F\x10\0", 4);
  size_t head = file.rfind(pixel_data + "OB" + undefined);
  if (head == std::string::npos) head = file.rfind(pixel_data + "OW" + undefined);
  if (head == std::string::npos) return {};
  std::string joined;
  bool is_table = true;
  for (size_t at = head + 12; Le(file, at, 4) == 0xE000FFFE;) {
    const uint32_t bytes = Le(file, at + 4, 4);
    if (!is_table) joined.append(file, at + 8, bytes);
    is_table = false;
    at += 8 + bytes;
  }
  return joined;
}

// What became of the pixels of one file: the SHA-256 of all samples in the words of pixels.tsv, or
// "kept" when the frames are the file's fragments byte for byte.
std::string PixelsOf(const std::vector<std::string>& frames, const std::string& file) {
  std::string joined;
  for (const std::string& frame : frames) joined += frame;
  if (joined == Fragments(file)) return "kept";
  std::string samples;
  for (const std::string& frame : frames) {
    const auto decoded = pixels::DecodeJpeg2000(frame);
    if (!decoded.ok()) return decoded.error().detail;
    samples += decoded.value().samples;
  }
  return HexEncode(crypto::Sha256(samples));
}

// pixels.tsv: hashes of samples that were made with other programs.
TEST_F(P10Test, HashedPixelsComeBackFromTheImport) {
  std::ifstream table(std::string(kCollection) + "pixels.tsv");
  if (!table.is_open()) GTEST_SKIP() << "no " << kCollection;
  if (access(CodecPath().c_str(), X_OK) != 0) GTEST_SKIP() << "no " << CodecPath();
  std::map<std::string, int> counts;
  for (std::string line; std::getline(table, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    std::istringstream row(line);
    std::vector<std::string> columns;
    for (std::string field; std::getline(row, field, '\t');) columns.push_back(field);
    ASSERT_EQ(columns.size(), 7u) << line;
    SCOPED_TRACE(columns[0]);
    auto file = ReadFile(kCollection + columns[0], 1u << 30);
    ASSERT_TRUE(file.ok());
    const bool lacks_identifiers = columns[0].starts_with("jpegls/");
    const std::string bytes =
        lacks_identifiers ? WithIdentifiers(std::move(file).value()) : std::move(file).value();
    store_.PutObject(columns[0], bytes);
    const auto sets = store_.SetsOf(store_.Import(columns[0]));
    if (sets.empty()) {
      ++counts["refused " + columns[0]];
      continue;
    }
    const dicom::MetadataTree tree = store_.Tree(sets[0].id);
    const auto& [series, instances] = *tree.series().begin();
    const std::string& sop = instances.instances.begin()->first;
    const auto frames = store_.Frames(sets[0].id, series, sop);
    const std::string stored = tree.Pixels(series, sop).value().stored_transfer_syntax_uid;
    const std::string pixels = PixelsOf(frames, bytes);
    if (stored == kStoredSyntax) {
      EXPECT_EQ(pixels, columns[5]);
    } else {
      EXPECT_EQ(pixels, "kept") << stored;
    }
    ++counts[stored];
    ASSERT_TRUE(store_->Delete(sets[0].id).ok());
    store_->WaitUntilIdle();
  }
  // The retired JPEG processes are kept as blobs; one file has no meta information.
  const std::string jpeg = "1.2.840.10008.1.2.4.";
  EXPECT_EQ(counts, (std::map<std::string, int>{{jpeg + "202", 145},
                                                {jpeg + "50", 12},
                                                {jpeg + "53", 1},
                                                {jpeg + "55", 1},
                                                {jpeg + "91", 2},
                                                {"refused cr-dx/CR-MONO1-10-chest", 1}}));
}

}  // namespace
}  // namespace tarn::image_store
