// Each bound of limits.h, at it and one past it; and files that lie about themselves.
#include "dicom/limits.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "dicom/instance.h"
#include "dicom/pixel_layout.h"
#include "dicom/test_files.h"

namespace tarn::dicom {
namespace {

using test::DataSet;

std::string Explicit(const DataSet& data) { return test::File(uid::kExplicitVrLittleEndian, data); }

// The kind of the error, or nullopt.
std::optional<ErrorKind> KindOf(const std::string& file, const Limits& limits = {}) {
  const auto instance = Instance::Parse(file, limits);
  if (instance.ok()) return std::nullopt;
  return instance.error().kind;
}

// Sequences within sequences, of known or of undefined lengths.
std::string Nested(uint32_t depth, bool undefined) {
  std::string inside;
  for (uint32_t i = 0; i < depth; ++i) {
    DataSet level;
    if (undefined) {
      level.Header(0x00081140, "SQ", DataSet::kUndefined);
      level.Header(kItem, "", DataSet::kUndefined).Raw(inside);
      level.Header(kItemDelimitation, "", 0).Header(kSequenceDelimitation, "", 0);
    } else {
      DataSet item;
      item.Item(inside);
      level.Bytes(0x00081140, "SQ", item.bytes());
    }
    inside = level.bytes();
  }
  DataSet data;
  data.Raw(inside);
  return Explicit(data);
}

TEST(Limits, Nesting) {
  for (const bool undefined : {false, true}) {
    EXPECT_EQ(KindOf(Nested(32, undefined)), std::nullopt);
    EXPECT_EQ(KindOf(Nested(33, undefined)), ErrorKind::kInvalid);
    EXPECT_EQ(KindOf(Nested(3000, undefined)), ErrorKind::kInvalid);
  }
}

TEST(Limits, ElementsAndValues) {
  DataSet data;
  data.Text(kModality, "CS", "CT").Bytes(kPatientName, "PN", std::string(100, 'x'));
  const std::string file = Explicit(data);
  Limits limits;
  limits.elements_max = 6;  // Four of the meta information.
  EXPECT_EQ(KindOf(file, limits), std::nullopt);
  limits.elements_max = 5;
  EXPECT_EQ(KindOf(file, limits), ErrorKind::kTooLarge);
  limits = {};
  limits.value_bytes_max = 100;
  EXPECT_EQ(KindOf(file, limits), std::nullopt);
  limits.value_bytes_max = 99;
  EXPECT_EQ(KindOf(file, limits), ErrorKind::kTooLarge);
}

TEST(Limits, Fragments) {
  DataSet data = test::Identity();
  test::AddImage({}, &data);
  data.Header(kPixelData, "OB", DataSet::kUndefined).Item("");
  data.Item("aaaa").Item("bbbb").Header(kSequenceDelimitation, "", 0);
  const std::string file = test::File(uid::kRleLossless, data);
  Limits limits;
  limits.fragments_max = 2;
  EXPECT_EQ(KindOf(file, limits), std::nullopt);
  limits.fragments_max = 1;
  EXPECT_EQ(KindOf(file, limits), ErrorKind::kTooLarge);
}

// A source that refuses to be read beyond what the header may be.
class BoundedSource : public ByteSource {
 public:
  BoundedSource(std::string_view file, uint64_t size) : file_(file), size_(size) {}
  uint64_t size() const override { return size_; }
  Status Read(uint64_t offset, uint64_t bytes, std::string* out) override {
    const size_t size = out->size();
    if (offset < file_.size()) out->append(file_.substr(offset, bytes));
    out->resize(size + bytes);
    return Ok();
  }

 private:
  std::string_view file_;
  uint64_t size_;
};

TEST(Limits, AllButThePixels) {
  DataSet data;
  data.Bytes(kPatientName, "PN", std::string(60'000, 'x'));
  data.Bytes(kPatientId, "LO", std::string(60'000, 'x'));
  const std::string file = Explicit(data);
  Limits limits;
  limits.header_bytes_max = file.size();
  BoundedSource source(file, file.size());
  EXPECT_TRUE(Instance::ParseFrom(&source, limits).ok());
  EXPECT_EQ(KindOf(file, limits), std::nullopt);
  limits.header_bytes_max = file.size() - 1;
  EXPECT_EQ(Instance::ParseFrom(&source, limits).error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(KindOf(file, limits), ErrorKind::kTooLarge);
  data.Bytes(kPixelData, "OW", std::string(1000, 'x'));
  data.Bytes(kDataSetTrailingPadding, "OB", "zz");
  limits.header_bytes_max = file.size() + 12 + 12 + 2;  // Two headers and two bytes.
  EXPECT_EQ(KindOf(Explicit(data), limits), std::nullopt);
  limits.header_bytes_max -= 1;
  EXPECT_EQ(KindOf(Explicit(data), limits), ErrorKind::kTooLarge);
}

TEST(Limits, FourGigabytesOfPixelsAreOnlyLocated) {
  DataSet data = test::Identity();
  test::AddImage({}, &data);
  data.Header(kPixelData, "OW", UINT32_MAX - 1);
  const std::string file = Explicit(data);
  BoundedSource source(file, file.size() + uint64_t{UINT32_MAX} - 1);
  const auto instance = Instance::ParseFrom(&source);
  ASSERT_TRUE(instance.ok()) << instance.error().detail;
  EXPECT_EQ(instance.value().pixel_data().native.bytes, uint64_t{UINT32_MAX} - 1);
  EXPECT_FALSE(instance.value().pixel_data().truncated);
}

std::string Deflate(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Deflated(const DataSet& data) {
  DataSet raw;
  raw.Raw(Deflate(data.bytes()));
  return test::File(uid::kDeflatedExplicitVrLittleEndian, raw);
}

TEST(Limits, InflatedBytes) {
  DataSet data = test::Identity();
  std::string noise;
  for (uint32_t i = 0, x = 1; i < 200'000; ++i)
    noise += static_cast<char>((x = x * 1664525 + 1) >> 24);
  data.Bytes(kPixelData, "OB", noise);
  const std::string file = Deflated(data);
  for (const bool from_source : {false, true}) {
    BoundedSource source(file, file.size());
    const auto parse = [&](const Limits& limits) {
      return from_source ? Instance::ParseFrom(&source, limits) : Instance::Parse(file, limits);
    };
    const auto instance = parse({});
    ASSERT_TRUE(instance.ok()) << instance.error().detail;
    std::string buffer;
    EXPECT_EQ(instance.value().Bytes(instance.value().pixel_data().native, &buffer).value(), noise);
    Limits limits;
    limits.inflated_bytes_max = data.bytes().size();
    EXPECT_TRUE(parse(limits).ok());
    --limits.inflated_bytes_max;
    EXPECT_EQ(parse(limits).error().kind, ErrorKind::kTooLarge);
  }
}

TEST(Limits, InflateRatio) {
  DataSet data = test::Identity();
  data.Bytes(kPixelData, "OB", std::string(8 << 20, '\0'));
  const std::string bomb = Deflated(data);
  EXPECT_LT(bomb.size(), 20'000u);
  EXPECT_EQ(KindOf(bomb), ErrorKind::kTooLarge);
  Limits limits;
  limits.inflate_ratio_max = 2000;
  EXPECT_EQ(KindOf(bomb, limits), std::nullopt);
  EXPECT_EQ(KindOf(bomb.substr(0, bomb.size() - 20), limits), ErrorKind::kInvalid);
}

TEST(Lies, LengthsBeyondTheFileOrTheItem) {
  DataSet beyond;
  beyond.Header(kPatientName, "PN", 60'000);
  EXPECT_EQ(Instance::Parse(Explicit(beyond)).error().detail,
            "the file ends inside DICOM attribute PatientName");
  DataSet inside;
  inside.Header(0x00081150, "UI", 100);
  DataSet item;
  item.Item(inside.bytes());
  DataSet data;
  data.Bytes(0x00081140, "SQ", item.bytes()).Bytes(kPatientName, "PN", std::string(200, 'x'));
  EXPECT_EQ(Instance::Parse(Explicit(data)).error().detail,
            "DICOM attribute ReferencedSOPClassUID is longer than the item that it is in");
  DataSet open;
  open.Header(0x00081140, "SQ", DataSet::kUndefined).Header(kItem, "", DataSet::kUndefined);
  EXPECT_EQ(KindOf(Explicit(open)), ErrorKind::kInvalid);
  DataSet stray;
  stray.Header(kSequenceDelimitation, "", 0);
  EXPECT_EQ(KindOf(Explicit(stray)), ErrorKind::kInvalid);
}

TEST(Lies, UnknownBytesThatAreNoSequenceStayBytes) {
  DataSet good;
  good.Item("");
  for (const std::string& value : {std::string("no item, 20 bytes..."), good.bytes()}) {
    DataSet data;
    data.Bytes(0x00081140, "UN", value).Text(kPatientId, "LO", "P1");
    const std::string file = Explicit(data);
    const auto instance = Instance::Parse(file);
    ASSERT_TRUE(instance.ok()) << instance.error().detail;
    const Element* element = instance.value().Find(0x00081140);
    ASSERT_NE(element, nullptr);
    EXPECT_EQ(element->vr, value == good.bytes() ? Vr::kSq : Vr::kUn);
    if (element->vr == Vr::kUn) {
      EXPECT_EQ(instance.value().Raw(*element), value);
    }
    EXPECT_EQ(instance.value().Text(kPatientId), "P1");
  }
}

TEST(Lies, RowsOnlyAsUs) {
  DataSet data = test::Identity();
  data.Bytes(kRows, "UL", std::string("\0\0\1\0", 4)).Us(kColumns, 1).Us(kBitsAllocated, 8);
  const std::string file = Explicit(data);
  const auto instance = Instance::Parse(file);
  ASSERT_TRUE(instance.ok());
  EXPECT_EQ(ReadImagePixel(instance.value()).error().detail,
            "DICOM attribute Rows is not of value representation US");
}

TEST(Lies, AbsurdDimensions) {
  for (const auto& [image, kind] :
       {std::pair{test::Image{65535, 65535, 64, 64, 1}, ErrorKind::kTooLarge},
        std::pair{test::Image{16384, 32768, 16, 16, 1'000'000}, ErrorKind::kTooLarge},
        std::pair{test::Image{2, 2, 16, 16, 1'000'001}, ErrorKind::kTooLarge},
        std::pair{test::Image{2, 2, 12, 12, 1}, ErrorKind::kInvalid},
        std::pair{test::Image{2, 2, 8, 9, 1}, ErrorKind::kInvalid},
        std::pair{test::Image{0, 2, 8, 8, 1}, ErrorKind::kInvalid}}) {
    DataSet data = test::Identity();
    test::AddImage(image, &data);
    const std::string file = Explicit(data);
    const auto instance = Instance::Parse(file);
    ASSERT_TRUE(instance.ok());
    EXPECT_EQ(ReadImagePixel(instance.value()).error().kind, kind);
  }
}

}  // namespace
}  // namespace tarn::dicom
