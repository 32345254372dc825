#include "dicom/instance.h"

#include <gtest/gtest.h>

#include "dicom/pixel_layout.h"
#include "dicom/test_files.h"

namespace tarn::dicom {
namespace {

using test::DataSet;

// A file read by ranges; counts what is read.
class CountingSource : public ByteSource {
 public:
  explicit CountingSource(std::string_view file) : file_(file) {}
  uint64_t size() const override { return file_.size(); }
  Status Read(uint64_t offset, uint64_t bytes, std::string* out) override {
    if (offset > file_.size() || bytes > file_.size() - offset) return Invalid("out of range");
    read += bytes;
    out->append(file_.substr(offset, bytes));
    return Ok();
  }
  uint64_t read = 0;

 private:
  std::string_view file_;
};

std::string ImageFile(std::string_view syntax, DataSet::Form form) {
  DataSet data = test::Identity(form);
  test::AddImage({}, &data);
  data.Bytes(kPixelData, "OW", std::string(8, 'x'));
  return test::File(syntax, data);
}

TEST(Instance, ReadsAllByteOrdersAndForms) {
  struct Case {
    std::string_view syntax;
    DataSet::Form form;
  };
  for (const Case& c : {Case{uid::kExplicitVrLittleEndian, {true, false}},
                        Case{uid::kImplicitVrLittleEndian, {false, false}},
                        Case{uid::kExplicitVrBigEndian, {true, true}}}) {
    SCOPED_TRACE(c.syntax);
    const std::string file = ImageFile(c.syntax, c.form);
    const auto parsed = Instance::Parse(file);
    ASSERT_TRUE(parsed.ok()) << parsed.error().detail;
    const Instance& instance = parsed.value();
    EXPECT_EQ(instance.Uid(kSopInstanceUid), "1.2.3.4.5");
    EXPECT_EQ(instance.Text(kPatientName), "DOE^J");
    EXPECT_EQ(instance.Integer(kRows, Vr::kUs), 2);
    EXPECT_EQ(instance.IntegerString(kSeriesNumber), 1);
    EXPECT_EQ(instance.Find(kModality)->vr, Vr::kCs);
    const PixelData& pixels = instance.pixel_data();
    ASSERT_EQ(pixels.tag, kPixelData);
    EXPECT_FALSE(pixels.encapsulated);
    std::string buffer;
    EXPECT_EQ(instance.Bytes(pixels.native, &buffer).value(), std::string(8, 'x'));
    const auto pixel = ReadImagePixel(instance);
    ASSERT_TRUE(pixel.ok()) << pixel.error().detail;
    const auto layout = LayOutFrames(instance, pixel.value());
    EXPECT_EQ(layout.value().frame_count, 1u);
    EXPECT_TRUE(layout.value().warnings.empty());
  }
}

TEST(Instance, ReadsNoPixelsFromASource) {
  DataSet data = test::Identity();
  test::AddImage({1000, 1000}, &data);
  data.Bytes(kPixelData, "OW", std::string(2'000'000, 'x'));
  data.Bytes(kDataSetTrailingPadding, "OB", "zz");
  const std::string file = test::File(uid::kExplicitVrLittleEndian, data);
  CountingSource source(file);
  const auto parsed = Instance::ParseFrom(&source);
  ASSERT_TRUE(parsed.ok()) << parsed.error().detail;
  EXPECT_LT(source.read, 300'000u);
  const Instance& instance = parsed.value();
  ASSERT_NE(instance.Find(kDataSetTrailingPadding), nullptr);
  EXPECT_EQ(instance.Raw(*instance.Find(kDataSetTrailingPadding)), "zz");
  EXPECT_EQ(instance.Text(kPatientId), "P1");
  std::string buffer;
  EXPECT_EQ(instance.pixel_data().native.bytes, 2'000'000u);
  EXPECT_EQ(instance.Bytes({instance.pixel_data().native.offset, 3}, &buffer).value(), "xxx");
}

TEST(Instance, IgnoresWhatFillsTheFileUp) {
  const std::string file = ImageFile(uid::kExplicitVrLittleEndian, {});
  for (const std::string& padding : {std::string(512, '\0'), std::string("\n"), std::string()}) {
    const std::string padded = file + padding;
    CountingSource source(padded);
    for (const auto& parsed : {Instance::Parse(padded), Instance::ParseFrom(&source)}) {
      ASSERT_TRUE(parsed.ok()) << parsed.error().detail;
      EXPECT_EQ(parsed.value().has_trailing_bytes(), !padding.empty());
      EXPECT_EQ(CheckDataSet(parsed.value()).size(), padding.empty() ? 0u : 1u);
    }
  }
  EXPECT_FALSE(Instance::Parse(file + std::string("\x10\0\x10\0PN\xFF\0", 8)).ok());
}

TEST(Instance, MissingTransferSyntaxIsNamed) {
  const DataSet data = test::Identity();
  for (const std::string& file : {data.bytes(), std::string(128, '\0') + "DICM" + data.bytes()}) {
    const auto parsed = Instance::Parse(file);
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error().detail, "DICOM attribute TransferSyntaxUID does not exist");
  }
  EXPECT_EQ(Instance::Parse("plain text, no image").error().detail,
            "the file is not a DICOM Part 10 file");
}

}  // namespace
}  // namespace tarn::dicom
