// Our reading of the public sample files against DCMTK's (dcm2json of the package dcmtk). Each
// file is cut before its pixel data for DCMTK, which writes no JSON of encapsulated pixel data.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "dicom/dicom_json.h"
#include "dicom/instance.h"
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

// Files that are refused, and why; DCMTK's reading of them is not ours to compare.
struct Refusal {
  std::string_view file;
  std::string_view detail;
};
constexpr std::string_view kNoSyntax = "DICOM attribute TransferSyntaxUID does not exist";
constexpr Refusal kRefused[] = {
    {"cr-dx/CR-MONO1-10-chest", kNoSyntax},
    {"malformed/ExplVR_BigEndNoMeta.dcm", kNoSyntax},
    {"malformed/ExplVR_LitEndNoMeta.dcm", kNoSyntax},
    {"malformed/GH179B.dcm", "the file ends inside DICOM attribute (2031,0028)"},
    {"malformed/SC_rgb_jpeg.dcm", "the file ends inside DICOM attribute (4544,4952)"},
    {"malformed/meta_missing_tsyntax.dcm", kNoSyntax},
    {"malformed/no_meta.dcm", "the file is not a DICOM Part 10 file"},
    {"malformed/rtplan_truncated.dcm", "the file ends inside DICOM attribute BeamSequence"},
    {"seg-float-rt/rtstruct.dcm", kNoSyntax},
};

const Refusal* FindRefusal(const std::string& name) {
  const auto* found = std::find_if(std::begin(kRefused), std::end(kRefused),
                                   [&](const Refusal& row) { return row.file == name; });
  return found == std::end(kRefused) ? nullptr : found;
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

TEST_F(Oracle, SampleFilesAreReadOrRefusedByName) {
  size_t read = 0;
  for (const std::string& path : SampleFiles()) {
    const auto file = ReadFile(path, kFileBytesMax);
    ASSERT_TRUE(file.ok());
    const auto instance = Instance::Parse(file.value());
    const Refusal* refusal = FindRefusal(NameOf(path));
    EXPECT_EQ(instance.ok() ? "" : instance.error().detail, refusal ? refusal->detail : "")
        << NameOf(path);
    read += instance.ok() ? 1 : 0;
  }
  EXPECT_EQ(read, 200u);
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
    if (FindRefusal(name) || kNotByDcmtk.count(name) != 0) continue;
    SCOPED_TRACE(name);
    const auto file = ReadFile(path, kFileBytesMax);
    const auto instance = Instance::Parse(file.value());
    ASSERT_TRUE(instance.ok());
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
