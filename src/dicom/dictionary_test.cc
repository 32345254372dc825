#include "dicom/dictionary.h"

#include <gtest/gtest.h>

#include "dicom/internal/tables.h"

namespace tarn::dicom {
namespace {

TEST(Dictionary, FindsEveryRowBothWays) {
  ASSERT_GT(internal::kDictionaryCount, 4500u);
  for (uint32_t i = 0; i < internal::kDictionaryCount; ++i) {
    const internal::DictionaryRow& row = internal::kDictionaryRows[i];
    const auto by_tag = FindAttribute(row.tag);
    ASSERT_TRUE(by_tag) << TagHex(row.tag);
    EXPECT_EQ(by_tag->tag, row.tag);
    const auto by_keyword = FindAttribute(by_tag->keyword);
    ASSERT_TRUE(by_keyword) << by_tag->keyword;
    EXPECT_EQ(by_keyword->tag, row.tag);
  }
  EXPECT_FALSE(FindAttribute(Tag{0x00091001}));
  EXPECT_FALSE(FindAttribute("NoSuchKeyword"));
}

TEST(Dictionary, HasVrVmAndLevel) {
  struct Case {
    std::string_view keyword;
    Tag tag;
    Vr vr;
    uint8_t vm_min, vm_max;
    Level level;
  };
  for (const Case& c : {
           Case{"PatientName", kPatientName, Vr::kPn, 1, 1, Level::kPatient},
           Case{"StudyDate", kStudyDate, Vr::kDa, 1, 1, Level::kStudy},
           Case{"Modality", kModality, Vr::kCs, 1, 1, Level::kSeries},
           Case{"SoftwareVersions", 0x00181020, Vr::kLo, 1, kVmUnbounded, Level::kSeries},
           Case{"Rows", kRows, Vr::kUs, 1, 1, Level::kInstance},
           Case{"PixelSpacing", 0x00280030, Vr::kDs, 2, 2, Level::kInstance},
           Case{"ImageType", 0x00080008, Vr::kCs, 2, kVmUnbounded, Level::kInstance},
           Case{"PixelData", kPixelData, Vr::kOw, 1, 1, Level::kInstance},
           Case{"FileMetaInformationVersion", 0x00020001, Vr::kOb, 1, 1, Level::kInstance},
       }) {
    SCOPED_TRACE(c.keyword);
    const auto entry = FindAttribute(c.keyword);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->tag, c.tag);
    EXPECT_EQ(entry->vr, c.vr);
    EXPECT_EQ(entry->vm_min, c.vm_min);
    EXPECT_EQ(entry->vm_max, c.vm_max);
    EXPECT_EQ(entry->level, c.level);
  }
  EXPECT_TRUE(FindAttribute("SmallestImagePixelValue")->signed_by_pixels);
}

TEST(Dictionary, RepeatingGroupsHaveTheFirstOnesEntry) {
  EXPECT_EQ(FindAttribute(Tag{0x60020010})->keyword, "OverlayRows");
  EXPECT_EQ(FindAttribute(Tag{0x60020010})->tag, 0x60000010u);
  EXPECT_FALSE(FindAttribute(Tag{0x60010010}));
  EXPECT_EQ(AttributeName(0x60020010), "(6002,0010)");
  EXPECT_EQ(AttributeName(0x60000010), "OverlayRows");
}

TEST(Dictionary, TagsAndVrsAsText) {
  EXPECT_EQ(TagHex(0x0010ABCD), "0010ABCD");
  EXPECT_EQ(ParseTagHex("0010abCD"), 0x0010ABCDu);
  for (const std::string_view bad : {"", "0010ABC", "0010ABCG", "0010ABCDE", "0010 BCD"}) {
    EXPECT_FALSE(ParseTagHex(bad)) << bad;
  }
  for (uint8_t i = 0; i < static_cast<uint8_t>(Vr::kItem); ++i) {
    const std::string_view text = VrText(static_cast<Vr>(i));
    EXPECT_EQ(ParseVr(text[0], text[1]), static_cast<Vr>(i));
  }
  EXPECT_FALSE(ParseVr('Z', 'Z'));
  EXPECT_FALSE(ParseVr('a', 's'));
  EXPECT_FALSE(ParseVr('\0', '\xFF'));
}

}  // namespace
}  // namespace tarn::dicom
