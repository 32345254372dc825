// Files with wrong bytes: 2,000 of them, always the same ones. Each is refused with a text or read,
// in bounded memory; what is read has metadata that is JSON.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "dicom/dicom_json.h"
#include "dicom/instance.h"
#include "dicom/metadata.h"
#include "dicom/pixel_layout.h"
#include "dicom/test_files.h"
#include "json/value.h"

namespace tarn::dicom {
namespace {

using test::DataSet;

DataSet Rich(DataSet::Form form) {
  DataSet inner(form);
  inner.Text(0x00081150, "UI", "1.2").Text(0x00081155, "UI", "1.3");
  DataSet items(form);
  items.Item(inner.bytes()).Header(kItem, "", DataSet::kUndefined).Raw(inner.bytes());
  items.Header(kItemDelimitation, "", 0);
  DataSet data(form);
  data.Text(kSpecificCharacterSet, "CS", "\\ISO 2022 IR 87");
  data.Text(kSopClassUid, "UI", "1.2").Text(kSopInstanceUid, "UI", "1.3");
  data.Bytes(0x00081140, "SQ", items.bytes());
  data.Header(0x00082112, "SQ", DataSet::kUndefined).Raw(items.bytes());
  data.Header(kSequenceDelimitation, "", 0);
  data.Text(kPatientName, "PN", "Yamada=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B");
  data.Text(kStudyInstanceUid, "UI", "1.4").Text(kSeriesInstanceUid, "UI", "1.5");
  test::AddImage({4, 4, 16, 12, 2}, &data);
  data.Text(0x00291001, "LO", "private");
  return data;
}

std::vector<std::string> Files() {
  std::vector<std::string> out;
  const std::string pixels(64, 'p');
  out.push_back(test::File(uid::kExplicitVrLittleEndian, Rich({}).Bytes(kPixelData, "OW", pixels)));
  out.push_back(test::File(uid::kImplicitVrLittleEndian,
                           Rich({false, false}).Bytes(kPixelData, "OW", pixels)));
  out.push_back(
      test::File(uid::kExplicitVrBigEndian, Rich({true, true}).Bytes(kPixelData, "OW", pixels)));
  DataSet encapsulated = Rich({});
  encapsulated.Header(kPixelData, "OB", DataSet::kUndefined).Item(std::string(8, '\0'));
  encapsulated.Item("one ").Item("two ").Header(kSequenceDelimitation, "", 0);
  out.push_back(test::File(uid::kRleLossless, encapsulated));
  return out;
}

// One to eight changes: a byte, a bit, a length of ones, a cut, a doubled piece.
std::string Mutate(std::string file, std::mt19937* random) {
  const auto below = [&](size_t bound) { return (*random)() % bound; };
  const size_t changes = 1 + below(8);
  for (size_t i = 0; i < changes && file.size() > 200; ++i) {
    const size_t at = 128 + below(file.size() - 128);
    switch (below(6)) {
      case 0:
        file[at] = static_cast<char>(below(256));
        break;
      case 1:
        file[at] = static_cast<char>(file[at] ^ (1 << below(8)));
        break;
      case 2:
        for (size_t j = at; j < std::min(at + 4, file.size()); ++j) file[j] = '\xFF';
        break;
      case 3:
        if (below(4) == 0) file.resize(at);
        break;
      case 4:
        file.insert(at, file.substr(128 + below(file.size() - 128), below(40)));
        break;
      default:
        file.erase(at, below(12));
        break;
    }
  }
  return file;
}

TEST(Mutations, AreReadOrRefused) {
  const std::vector<std::string> files = Files();
  for (const std::string& file : files) {
    const auto instance = Instance::Parse(file);
    ASSERT_TRUE(instance.ok()) << instance.error().detail;
    ASSERT_TRUE(BuildMetadata(instance.value()).ok());
  }
  json::Limits limits;
  limits.depth_max = 200;
  size_t read = 0;
  size_t refused = 0;
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const std::string file = Mutate(files[seed % files.size()], &random);
    const auto instance = Instance::Parse(file);
    if (!instance.ok()) {
      EXPECT_FALSE(instance.error().detail.empty());
      ++refused;
      continue;
    }
    ++read;
    EXPECT_LE(instance.value().elements().size(), file.size() / 8);
    const auto pixel = ReadImagePixel(instance.value());
    if (pixel.ok()) {
      EXPECT_TRUE(LayOutFrames(instance.value(), pixel.value()).ok());
    }
    CheckDataSet(instance.value());
    std::string json;
    AppendDicomJson(instance.value(), &json);
    EXPECT_TRUE(json::ParseValue(json, limits).ok());
    const auto metadata = BuildMetadata(instance.value());
    if (metadata.ok()) {
      EXPECT_TRUE(json::ParseValue(metadata.value().dicom, limits).ok());
    }
  }
  EXPECT_GT(read, 100u);
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace tarn::dicom
