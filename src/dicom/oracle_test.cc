// Our reading of the public sample files against DCMTK's (dcm2json of the package dcmtk). Each
// file is cut before its pixel data for DCMTK, which writes no JSON of encapsulated pixel data.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "dicom/dicom_json.h"
#include "dicom/instance.h"
#include "dicom/metadata.h"
#include "dicom/pixel_layout.h"
#include "dicom/warnings.h"
#include "json/value.h"

namespace tarn::dicom {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSamples = "../shared/data/dicom";
constexpr uint64_t kFileBytesMax = 1ull << 28;

std::vector<std::string> SampleFiles() {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(kSamples)) {
    const std::string path = entry.path().string();
    const std::string extension = entry.path().extension().string();
    const bool text =
        extension == ".txt" || extension == ".md" || extension == ".tsv" || extension == ".sha256";
    if (entry.is_regular_file() && !text) out.push_back(path);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string NameOf(const std::string& path) { return path.substr(kSamples.size() + 1); }

// One line of samples.tsv: what becomes of a file before its pixels are looked at.
struct Expected {
  std::string failure;   // Of parsing or of the identity; empty: imported.
  std::string warnings;  // Codes, ascending, with those of the frame layout.
};

std::map<std::string, Expected> ReadExpected() {
  std::ifstream in(std::string(TARN_TESTDATA) + "/samples.tsv");
  std::map<std::string, Expected> out;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream fields(line);
    std::string file;
    Expected expected;
    std::getline(fields, file, '\t');
    std::getline(fields, expected.failure, '\t');
    std::getline(fields, expected.warnings, '\t');
    out[file] = expected;
  }
  return out;
}

Expected Actual(const std::string& file) {
  const auto instance = Instance::Parse(file);
  if (!instance.ok()) return {instance.error().detail, ""};
  const auto metadata = BuildMetadata(instance.value());
  if (!metadata.ok()) return {metadata.error().detail, ""};
  std::set<int> codes;
  const auto add = [&](const std::vector<Warning>& warnings) {
    for (const Warning& warning : warnings) codes.insert(static_cast<int>(warning.code));
  };
  add(CheckDataSet(instance.value()));
  if (instance.value().pixel_data().tag != 0) {
    const auto pixel = ReadImagePixel(instance.value());
    if (pixel.ok()) {
      add(LayOutFrames(instance.value(), pixel.value()).value().warnings);
    } else {
      codes.insert(static_cast<int>(WarningCode::kFrameExtraction));
    }
  }
  Expected out;
  for (const int code : codes) {
    out.warnings += (out.warnings.empty() ? "" : " ") + std::to_string(code);
  }
  return out;
}

// Whose JSON DCMTK cannot write without libiconv's character sets, or writes in no UTF-8.
const std::set<std::string, std::less<>> kNotByDcmtk = {
    "charsets/chrH31.dcm",
    "charsets/chrH32.dcm",
    "charsets/chrJapMulti.dcm",
    "charsets/chrJapMultiExplicitIR6.dcm",
    "charsets/chrKoreanMulti.dcm",
    "charsets/chrSQEncoding.dcm",
    "charsets/chrSQEncoding1.dcm",
    "odd-but-valid/J2K_pixelrep_mismatch.dcm",
    "odd-but-valid/empty_charset_LEI.dcm",
    "odd-but-valid/explicit_VR-UN.dcm",
};

// The file up to its pixel data's element.
std::string WithoutPixels(const std::string& file, const Instance& instance) {
  const Element* pixels = instance.Find(instance.pixel_data().tag);
  if (!pixels || instance.transfer_syntax().deflated) return file;
  return file.substr(0, pixels->offset - (instance.transfer_syntax().explicit_vr ? 12 : 8));
}

std::string TrimCarets(std::string text) {
  while (!text.empty() && text.back() == '^') text.pop_back();
  return text;
}

// One value, told apart only where the two differ in more than spelling.
bool SameValue(const json::Value& a, const json::Value& b, std::string_view vr) {
  if (a.IsNumber() && b.IsNumber()) {
    if (vr == "FL") return static_cast<float>(a.AsDouble()) == static_cast<float>(b.AsDouble());
    // DCMTK's last digit is wrong at times.
    return std::abs(a.AsDouble() - b.AsDouble()) <= 1e-15 * std::abs(b.AsDouble());
  }
  // A NUL at the end is padding to us, whatever the value representation.
  if (b.IsString() && b.AsString().ends_with('\0')) {
    const std::string trimmed = b.AsString().substr(0, b.AsString().find('\0'));
    return (a.IsNumber() ? a.NumberToken() : a.AsString()) == trimmed;
  }
  if (vr != "PN") return a == b;
  const auto group = [](const json::Value& name, std::string_view key) {
    const json::Value* found = name.Find(key);
    return found ? TrimCarets(found->AsString()) : std::string();
  };
  return group(a, "Alphabetic") == group(b, "Alphabetic") &&
         group(a, "Ideographic") == group(b, "Ideographic") &&
         group(a, "Phonetic") == group(b, "Phonetic");
}

class Comparison {
 public:
  void DataSets(const json::Value& ours, const json::Value& theirs, const std::string& at) {
    for (const auto& [tag, value] : theirs.members()) {
      if (tag == "7FE00010" || tag == "FFFCFFFC" || tag == "00080005") continue;
      const json::Value* own = ours.Find(tag);
      if (own) {
        Members(*own, value, at + tag);
      } else {
        differences += at + tag + " is missing\n";
      }
    }
    for (const auto& [tag, value] : ours.members()) {
      if (!theirs.Find(tag) && tag < "7FE00000") differences += at + tag + " is extra\n";
    }
  }
  std::string differences;

 private:
  void Members(const json::Value& ours, const json::Value& theirs, const std::string& at) {
    const std::string& vr = theirs.Find("vr")->AsString();
    const std::string& own_vr = ours.Find("vr")->AsString();
    // DCMTK has a dictionary of private elements, and leaves UN what is written as UN.
    if ((own_vr == "UN") != (vr == "UN")) return;
    if (own_vr != vr) {
      differences += at + " has VR " + own_vr + " instead of " + vr + "\n";
      return;
    }
    Binary(ours, theirs, at);
    static const json::Value kNone = json::Value::MakeArray();
    const auto items = [](const json::Value& element) -> const json::Value& {
      const json::Value* found = element.Find("Value");
      return found ? *found : kNone;
    };
    const json::Value& a = items(ours);
    const json::Value& b = items(theirs);
    const bool only_carets = vr == "PN" && b.items().empty() && a.items().size() == 1 &&
                             SameValue(a.items()[0], json::Value::MakeObject(), vr);
    if (only_carets) return;
    if (a.items().size() != b.items().size()) {
      differences += at + " has another number of values\n";
      return;
    }
    for (size_t i = 0; i < a.items().size(); ++i) {
      const std::string name = at + "[" + std::to_string(i) + "]";
      if (vr == "SQ") {
        DataSets(a.items()[i], b.items()[i], name + ".");
      } else if (!SameValue(a.items()[i], b.items()[i], vr)) {
        differences += name + " " + ToText(a.items()[i]) + " <> " + ToText(b.items()[i]) + "\n";
      }
    }
  }

  // DCMTK pads values of odd length.
  void Binary(const json::Value& ours, const json::Value& theirs, const std::string& at) {
    const json::Value* a = ours.Find("InlineBinary");
    const json::Value* b = theirs.Find("InlineBinary");
    if (!a && !b) return;
    const bool prefix = a && b &&
                        b->AsString().substr(0, a->AsString().size() / 4 * 4) ==
                            a->AsString().substr(0, a->AsString().size() / 4 * 4);
    const bool padded = a && b && b->AsString() == a->AsString() + "AA==";
    const bool shorter = a && b && a->AsString().size() == b->AsString().size() && prefix;
    if (!prefix && !padded && !shorter) differences += at + " has other bytes\n";
  }
};

class Oracle : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kSamples)) GTEST_SKIP() << kSamples << " is not there";
  }
};

TEST_F(Oracle, SampleFilesHaveTheExpectedOutcome) {
  const std::map<std::string, Expected> expected = ReadExpected();
  EXPECT_EQ(expected.size(), 209u);
  for (const std::string& path : SampleFiles()) {
    SCOPED_TRACE(NameOf(path));
    const auto row = expected.find(NameOf(path));
    if (row == expected.end()) {
      ADD_FAILURE() << "samples.tsv does not have it";
      continue;
    }
    const auto file = ReadFile(path, kFileBytesMax);
    ASSERT_TRUE(file.ok());
    const Expected actual = Actual(file.value());
    EXPECT_EQ(actual.failure, row->second.failure);
    EXPECT_EQ(actual.warnings, row->second.warnings);
  }
}

TEST_F(Oracle, AgreesWithDcmtk) {
  if (std::system("dcm2json --version >/dev/null 2>&1") != 0) {  // NOLINT(concurrency-mt-unsafe)
    GTEST_SKIP() << "dcm2json (package dcmtk) is not installed";
  }
  const fs::path folder = fs::temp_directory_path() / ("tarn-oracle-" + std::to_string(getpid()));
  fs::create_directories(folder);
  const std::string cut = (folder / "cut.dcm").string();
  const std::string out = (folder / "out.json").string();
  size_t compared = 0;
  for (const std::string& path : SampleFiles()) {
    const std::string name = NameOf(path);
    if (kNotByDcmtk.count(name) != 0) continue;
    SCOPED_TRACE(name);
    const auto file = ReadFile(path, kFileBytesMax);
    const auto instance = Instance::Parse(file.value());
    if (!instance.ok()) continue;  // As samples.tsv says.
    ASSERT_TRUE(WriteFileAtomic(cut, WithoutPixels(file.value(), instance.value())).ok());
    const std::string command = "dcm2json " + cut + " " + out + " 2>/dev/null >&2";
    if (std::system(command.c_str()) != 0) {  // NOLINT(concurrency-mt-unsafe)
      ADD_FAILURE() << "dcm2json failed";
      continue;
    }
    const auto theirs = json::ParseValue(ReadFile(out, kFileBytesMax).value());
    ASSERT_TRUE(theirs.ok()) << theirs.error().detail;
    std::string json;
    AppendDicomJson(instance.value(), &json);
    const auto ours = json::ParseValue(json);
    ASSERT_TRUE(ours.ok()) << ours.error().detail;
    Comparison comparison;
    comparison.DataSets(ours.value(), theirs.value(), "");
    EXPECT_EQ(comparison.differences, "");
    ++compared;
  }
  fs::remove_all(folder);
  EXPECT_EQ(compared, 190u);
}

}  // namespace
}  // namespace tarn::dicom
