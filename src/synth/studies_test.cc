#include "synth/studies.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace tarn::synth {
namespace {

std::map<std::string, std::string> Generate(const StudiesOptions& options) {
  std::map<std::string, std::string> files;
  StudyGenerator generator(options);
  while (generator.Next([&](std::string_view path, std::string_view file) {
    EXPECT_TRUE(files.emplace(path, file).second) << path;
    return true;
  })) {
  }
  EXPECT_EQ(generator.studies_done(), options.studies);
  return files;
}

// FNV-1a over all files in the order of their paths.
uint64_t HashOf(const std::map<std::string, std::string>& files) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const auto& [path, file] : files) {
    for (const char c : path + file) {
      hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
    }
  }
  return hash;
}

TEST(Studies, TheSameSeedGivesTheSameBytes) {
  const auto files = Generate({.seed = 1, .studies = 4, .slices = 2});
  // Two CT slices, two series of two MR slices, a radiograph and an ultrasound loop.
  EXPECT_EQ(files.size(), 2u + 4u + 1u + 1u);
  EXPECT_EQ(HashOf(files), 0xf1f4585b45639eebu) << std::hex << HashOf(files);
}

TEST(Studies, AStudyDoesNotDependOnHowManyThereAre) {
  const auto many = Generate({.seed = 5, .studies = 4, .slices = 2});
  const auto one = Generate({.seed = 5, .studies = 1, .slices = 2, .first_study = 2});
  ASSERT_EQ(one.size(), 1u);
  const auto& [path, file] = *one.begin();
  EXPECT_EQ(path, "study-0003-CR/1/0001.dcm");
  ASSERT_TRUE(many.count(path));
  EXPECT_TRUE(many.at(path) == file);
  EXPECT_NE(HashOf(many), HashOf(Generate({.seed = 6, .studies = 4, .slices = 2})));
}

TEST(Studies, FilesAreOfTheSizeThatTheirPicturesAre) {
  struct Case {
    Modality modality;
    uint64_t pixel_bytes;
  };
  for (const Case& c :
       {Case{Modality::kCt, 512 * 512 * 2}, Case{Modality::kMr, 256 * 256 * 2},
        Case{Modality::kCr, 1024 * 1216 * 2}, Case{Modality::kUs, 320 * 240 * 3 * 8}}) {
    SCOPED_TRACE(ModalityName(c.modality));
    const auto files = Generate({.seed = 2,
                                 .studies = 1,
                                 .slices = 1,
                                 .modalities = 1u << static_cast<uint32_t>(c.modality)});
    ASSERT_FALSE(files.empty());
    for (const auto& [path, file] : files) {
      EXPECT_NE(path.find(ModalityName(c.modality)), std::string::npos);
      EXPECT_EQ(file.substr(128, 4), "DICM");
      EXPECT_GT(file.size(), c.pixel_bytes + 500);
      EXPECT_LT(file.size(), c.pixel_bytes + 2000);
      EXPECT_NE(file.find("Synthetic: nobody real"), std::string::npos);
    }
  }
}

TEST(Studies, TheSinkMayStop) {
  StudyGenerator generator({.studies = 2, .slices = 3});
  int files = 0;
  EXPECT_FALSE(generator.Next([&](std::string_view, std::string_view) { return ++files < 2; }));
  EXPECT_EQ(files, 2);
}

}  // namespace
}  // namespace tarn::synth
