#include "dicom/pixel_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dicom/test_files.h"

namespace tarn::dicom {
namespace {

using test::DataSet;

std::string LittleEndian(const std::vector<uint32_t>& numbers) {
  std::string out;
  for (const uint32_t n : numbers) {
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(n >> shift);
  }
  return out;
}

// "first+count ..." of the runs, then the warnings' codes.
std::string LayoutText(const std::string& file) {
  const auto instance = Instance::Parse(file);
  EXPECT_TRUE(instance.ok()) << instance.error().detail;
  const auto pixel = ReadImagePixel(instance.value());
  EXPECT_TRUE(pixel.ok()) << pixel.error().detail;
  const auto layout = LayOutFrames(instance.value(), pixel.value());
  std::string out = std::to_string(layout.value().frame_count) + ":";
  for (const FragmentRun& run : layout.value().fragment_runs) {
    out += " " + std::to_string(run.first) + "+" + std::to_string(run.count);
  }
  for (const Warning& warning : layout.value().warnings) {
    out += " W" + std::to_string(static_cast<int>(warning.code));
  }
  return out;
}

struct Encapsulated {
  std::string_view syntax = uid::kRleLossless;
  uint32_t frames = 1;
  std::vector<uint32_t> offsets;
  std::vector<std::string> fragments;
  bool ends = true;
};

std::string FileOf(const Encapsulated& pixels) {
  DataSet data = test::Identity();
  test::Image image;
  image.number_of_frames = pixels.frames;
  test::AddImage(image, &data);
  data.Header(kPixelData, "OB", DataSet::kUndefined).Item(LittleEndian(pixels.offsets));
  for (const std::string& fragment : pixels.fragments) data.Item(fragment);
  if (pixels.ends) data.Header(kSequenceDelimitation, "", 0);
  return test::File(pixels.syntax, data);
}

TEST(FrameLayout, FindsFramesWithoutTheOffsetTable) {
  const std::string start = "\xFF\xD8\xFF\xE0";
  struct Case {
    Encapsulated pixels;
    std::string_view layout;
  };
  const Case cases[] = {
      {{uid::kRleLossless, 1, {}, {"aaaa"}}, "1: 0+1"},
      {{uid::kRleLossless, 1, {}, {"aaaa", "bb"}}, "1: 0+2"},
      {{uid::kRleLossless, 2, {}, {"aaaa", "bb"}}, "2: 0+1 1+1"},
      {{uid::kRleLossless, 2, {0, 12}, {"aaaa", "bb"}}, "2: 0+1 1+1"},
      {{uid::kRleLossless, 2, {0, 14}, {"aaaa", "bb"}}, "2: 0+1 1+1 W45330"},
      {{uid::kRleLossless, 2, {0}, {"aaaa", "bb"}}, "2: 0+1 1+1 W45330"},
      {{uid::kRleLossless, 2, {4000000000u, 1}, {"aaaa", "bb"}}, "2: 0+1 1+1 W45330"},
      {{uid::kRleLossless, 3, {}, {"aaaa", "bb"}}, "0: W45329"},
      {{uid::kRleLossless, 2, {}, {"aa", "bb", "cc"}}, "0: W45329"},
      {{uid::kRleLossless, 2, {0, 20}, {"aa", "bb", "cc"}}, "2: 0+2 2+1"},
      {{uid::kRleLossless, 2, {0, 21}, {"aa", "bb", "cc"}}, "0: W45329"},
      {{uid::kRleLossless, 2, {20, 0}, {"aa", "bb", "cc"}}, "0: W45329"},
      {{uid::kJpegBaseline, 2, {}, {start, "bb", start}}, "2: 0+2 2+1"},
      {{uid::kJpegBaseline, 2, {0, 12}, {start, "bb", start}}, "2: 0+2 2+1 W45330"},
      {{uid::kJpeg2000, 2, {}, {"\xFF\x4F\xFF\x51", "\xFF\x4F\xFF\x51", "cc"}}, "2: 0+1 1+2"},
      {{uid::kRleLossless, 1, {}, {}}, "0: W45328"},
      {{uid::kRleLossless, 1, {}, {"aaaa"}, false}, "0: W45328"},
      {{"1.2.840.10008.1.2.4.102", 300, {}, {"aaaa", "bb"}}, "1: 0+2"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.layout);
    EXPECT_EQ(LayoutText(FileOf(c.pixels)), c.layout);
  }
}

TEST(FrameLayout, MeasuresNativeData) {
  struct Case {
    test::Image image;
    size_t bytes;
    uint32_t stated;
    std::string_view layout;
  };
  const Case cases[] = {
      {{2, 2, 16, 12, 1}, 8, 8, "1:"},
      {{2, 2, 16, 12, 3}, 24, 24, "3:"},
      {{3, 3, 8, 8, 1}, 10, 10, "1:"},       // Padded to even length.
      {{3, 3, 1, 1, 5}, 6, 6, "5:"},         // 45 bits, frames without gaps.
      {{3, 3, 1, 1, 6}, 6, 6, "0: W45329"},  // 54 bits.
      {{2, 2, 16, 12, 3}, 16, 16, "0: W45329"},
      {{2, 2, 16, 12, 1}, 16, 16, "0: W45329"},
      {{2, 2, 16, 12, 2}, 12, 12, "0: W45328"},
      {{2, 2, 16, 12, 2}, 12, 16, "0: W45328"},  // The file ends.
      {{2, 2, 16, 12, 2}, 8, 16, "0: W45328"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.layout);
    DataSet data = test::Identity();
    test::AddImage(c.image, &data);
    data.Header(kPixelData, "OW", c.stated).Raw(std::string(c.bytes, 'x'));
    EXPECT_EQ(LayoutText(test::File(uid::kExplicitVrLittleEndian, data)), c.layout);
  }
}

TEST(FrameLayout, SubsampledPixelsTakeTwoSamples) {
  DataSet data = test::Identity();
  data.Us(kSamplesPerPixel, 3).Text(kPhotometricInterpretation, "CS", "YBR_FULL_422");
  data.Us(kRows, 2).Us(kColumns, 2).Us(kBitsAllocated, 8).Us(kBitsStored, 8).Us(kHighBit, 7);
  data.Bytes(kPixelData, "OB", std::string(8, 'x'));
  EXPECT_EQ(LayoutText(test::File(uid::kExplicitVrLittleEndian, data)), "1:");
}

TEST(FrameLayout, ExtendedOffsetTablesAreCompared) {
  for (const auto& [second, layout] :
       {std::pair{10u, "2: 0+1 1+1"}, std::pair{12u, "2: 0+1 1+1 W45330"}}) {
    DataSet data = test::Identity();
    test::Image image;
    image.number_of_frames = 2;
    test::AddImage(image, &data);
    data.Bytes(kExtendedOffsetTable, "OV", LittleEndian({0, 0, second, 0}));
    data.Bytes(kExtendedOffsetTableLengths, "OV", LittleEndian({2, 0, 2, 0}));
    data.Header(kPixelData, "OB", DataSet::kUndefined).Item("").Item("aa").Item("bb");
    data.Header(kSequenceDelimitation, "", 0);
    EXPECT_EQ(LayoutText(test::File(uid::kRleLossless, data)), layout);
  }
}

TEST(FrameLayout, IconsAreNoFrames) {
  DataSet icon;
  icon.Header(kPixelData, "OB", DataSet::kUndefined).Item("").Item("icon");
  icon.Header(kSequenceDelimitation, "", 0);
  DataSet sequence;
  sequence.Item(icon.bytes());
  DataSet data = test::Identity();
  data.Bytes(0x00880200, "SQ", sequence.bytes());
  const std::string file = test::File(uid::kRleLossless, data);
  const auto instance = Instance::Parse(file);
  ASSERT_TRUE(instance.ok()) << instance.error().detail;
  EXPECT_EQ(instance.value().pixel_data().tag, 0u);
  const Element* icons = instance.value().Find(0x00880200);
  const Element* pixels = instance.value().FindIn(instance.value().Items(*icons)[0], kPixelData);
  ASSERT_NE(pixels, nullptr);
  EXPECT_EQ(pixels->length, 8u + 12 + 8);
}

}  // namespace
}  // namespace tarn::dicom
