// Files beyond what is held in memory: read by ranges, their frames written piece by piece, and
// read back whole and in parts.
#include <gtest/gtest.h>

#include <algorithm>

#include "dicom/test_files.h"
#include "dicom/transfer_syntax.h"
#include "image_store/internal/test_store.h"
#include "image_store/p10_reader.h"
#include "pixels/htj2k.h"

namespace tarn::image_store {
namespace {

using dicom::test::DataSet;

constexpr uint64_t kLarge = kInputInMemoryMax + kInputInMemoryMax / 4;
constexpr const char* kVideo = "1.2.840.10008.1.2.4.102";

class NoDecoder : public pixels::ForeignDecoder {
 public:
  Result<pixels::NativeFrame> Decode(const pixels::ForeignFrame&) override {
    return Internal("no decoder here");
  }
};

// Bytes that differ from place to place.
std::string Pattern(uint64_t bytes) {
  std::string out(bytes, '\0');
  uint32_t state = 7;
  for (uint64_t i = 0; i + 4 <= bytes; i += 4) {
    state = state * 1'664'525u + 1'013'904'223u;
    for (uint64_t k = 0; k < 4; ++k) out[i + k] = static_cast<char>(state >> (8 * k));
  }
  return out;
}

DataSet Head(const dicom::test::Image& image) {
  DataSet data = dicom::test::Identity();
  dicom::test::AddImage(image, &data);
  return data;
}

class LargeFiles : public testing::Test {
 protected:
  LargeFiles() : reader_(pixels::LosslessFormat::kHtj2k, decoder_), store_(reader_) {}

  // Imports one file and gives what the metadata says of its pixels.
  dicom::PixelRecord Import(const std::string& file) {
    store_.PutObject("in/large", file);
    const jobs::Job job = store_.Import("in");
    EXPECT_EQ(job.state, jobs::JobState::kCompleted) << job.message;
    failure_ = store_.OutputOf(job, "FAILURE/failure.ndjson");
    warning_ = store_.OutputOf(job, "WARNING/warning.ndjson");
    const auto sets = store_.SetsOf(job);
    if (sets.size() != 1) return {};
    set_ = sets[0].id;
    return store_.Tree(set_).Pixels("1.2.3.4", "1.2.3.4.5").value();
  }
  // In steps that fit no block.
  std::string ReadWhole(const std::string& frame) {
    auto reader = store_->OpenFrame(set_, frame, {});
    EXPECT_TRUE(reader.ok());
    return reader.ok() ? TestStore::ReadAll(*reader.value(), 300'007) : "";
  }

  NoDecoder decoder_;
  P10Reader reader_;
  TestStore store_;
  std::string set_;
  std::string failure_;
  std::string warning_;
};

TEST_F(LargeFiles, AVideoIsKeptByteForByte) {
  const std::string bytes = Pattern(kLarge);
  DataSet data = Head({16, 16, 8, 8});
  data.Header(dicom::kPixelData, "OB", DataSet::kUndefined).Item("");
  uint64_t at = 0;
  for (const uint64_t fragment : {uint64_t{2}, kLarge / 2, kLarge}) {
    const uint64_t count = std::min(fragment, kLarge - at);
    data.Item(std::string_view(bytes).substr(at, count));
    at += count;
  }
  data.Header(dicom::kSequenceDelimitation, "", 0);
  const dicom::PixelRecord pixels = Import(dicom::test::File(kVideo, data));
  ASSERT_EQ(pixels.frames.size(), 1u) << failure_;
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(pixels.stored_transfer_syntax_uid, kVideo);
  EXPECT_EQ(pixels.frames[0].frame_bytes, kLarge);
  EXPECT_EQ(pixels.frames[0].checksum, pixels::Crc32(bytes));
  EXPECT_TRUE(ReadWhole(pixels.frames[0].id) == bytes);
  FrameRange range;
  range.bytes = {kLargeBlockBytes - 3, 2 * kLargeBlockBytes + 3};
  EXPECT_TRUE(store_.ReadFrame(set_, pixels.frames[0].id, range) ==
              bytes.substr(kLargeBlockBytes - 3, kLargeBlockBytes + 7));
  range.bytes = {};
  range.suffix_bytes = 5;
  EXPECT_EQ(store_.ReadFrame(set_, pixels.frames[0].id, range), bytes.substr(kLarge - 5));
}

TEST_F(LargeFiles, ABlobOfAnUnknownSyntaxIsKeptByteForByte) {
  const std::string bytes = Pattern(kLarge);
  DataSet data = Head({16, 16, 8, 8});
  data.Header(dicom::kPixelData, "OB", DataSet::kUndefined).Item("");
  data.Item(bytes).Header(dicom::kSequenceDelimitation, "", 0);
  const dicom::PixelRecord pixels = Import(dicom::test::File("1.2.840.10008.1.2.4.53", data));
  ASSERT_EQ(pixels.frames.size(), 1u) << failure_;
  EXPECT_NE(warning_.find("45344"), std::string::npos) << warning_;
  EXPECT_TRUE(ReadWhole(pixels.frames[0].id) == bytes);
}

TEST_F(LargeFiles, FramesAreCutOutByRanges) {
  constexpr uint32_t kFrames = 40;
  constexpr uint64_t kFrameBytes = 512 * 512 * 2;
  static_assert(kFrames * kFrameBytes > kInputInMemoryMax);
  std::string native(kFrames * kFrameBytes, '\0');
  for (uint64_t i = 0; i < native.size(); i += 2) {
    native[i] = static_cast<char>(i / 64 + i / kFrameBytes);
    native[i + 1] = static_cast<char>(i / kFrameBytes % 16);
  }
  DataSet data = Head({512, 512, 16, 12, kFrames});
  data.Bytes(dicom::kPixelData, "OW", native);
  // Behind the pixel data the data set goes on.
  data.Bytes(0xFFFCFFFC, "OB", "pad!");
  const dicom::PixelRecord pixels =
      Import(dicom::test::File(dicom::uid::kExplicitVrLittleEndian, data));
  ASSERT_EQ(pixels.frames.size(), kFrames) << failure_;
  EXPECT_EQ(warning_, "");
  for (uint32_t i = 0; i < kFrames; ++i) {
    const auto decoded = pixels::DecodeOwnHtj2k(ReadWhole(pixels.frames[i].id));
    ASSERT_TRUE(decoded.ok());
    EXPECT_TRUE(decoded.value().samples == native.substr(i * kFrameBytes, kFrameBytes)) << i;
  }
}

// A reader that reads far apart, and puts another object in between.
class ReplacingReader final : public InstanceReader {
 public:
  Result<InstanceContent> Read(const FileBytes& file, pixels::FrameSink&) override {
    if (file.source == nullptr) return Internal("the file is in memory");
    std::string bytes;
    TRY(file.source->Read(10, 4, &bytes));
    TRY(file.source->Read(file.source->size() - 4, 4, &bytes));
    TRY(file.source->Read(20, 4, &bytes));
    TRY(file.source->Read(30, 2, &bytes));
    read = bytes;
    replace();
    TRY(file.source->Read(1000, 4, &bytes));    // Of what is open: the old object.
    TRY(file.source->Read(50'000, 4, &bytes));  // Far away: it is opened again.
    return Internal("the object was replaced");
  }
  std::string read;
  std::function<void()> replace;
};

TEST(LargeInput, AnotherObjectUnderTheKeyFailsTheFile) {
  ReplacingReader reader;
  TestStore store(reader);
  const std::string bytes = Pattern(kLarge);
  store.PutObject("in/large", bytes);
  reader.replace = [&] { store.PutObject("in/large", Pattern(kLarge + 4)); };
  const jobs::Job job = store.Import("in");
  EXPECT_EQ(reader.read, bytes.substr(10, 4) + bytes.substr(kLarge - 4) + bytes.substr(20, 4) +
                             bytes.substr(30, 2));
  const std::string failure = store.OutputOf(job, "FAILURE/failure.ndjson");
  EXPECT_NE(failure.find("ResourceNotFoundException"), std::string::npos) << failure;
  EXPECT_NE(failure.find("changed"), std::string::npos) << failure;
}

}  // namespace
}  // namespace tarn::image_store
