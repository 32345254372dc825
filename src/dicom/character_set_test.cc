#include "dicom/character_set.h"

#include <gtest/gtest.h>

#include <string>

#include "dicom/dicom_json.h"
#include "dicom/metadata.h"
#include "dicom/test_files.h"

namespace tarn::dicom {
namespace {

std::string Decode(std::string_view set, std::string_view raw, Vr vr = Vr::kPn) {
  std::string out;
  return CharacterSet(set).Append(raw, vr, &out) ? out : out + " (broken)";
}

// Names of PS3.5 annexes H to K, and of each set.
TEST(CharacterSet, DecodesEveryDefinedTerm) {
  struct Case {
    std::string_view set, raw, text;
  };
  const Case cases[] = {
      {"", "ABC", "ABC"},
      {"", "A\xC4", "A\uFFFD (broken)"},
      {"ISO_IR 6", "ABC", "ABC"},
      {"ISO_IR 100",
       "\xC4neas^R\xFC"
       "diger",
       "Äneas^Rüdiger"},
      {"ISO_IR 101", "\xA3", "Ł"},
      {"ISO_IR 109", "\xA1", "Ħ"},
      {"ISO_IR 110", "\xA1", "Ą"},
      {"ISO_IR 144", "\xBB\xEE", "Лю"},
      {"ISO_IR 127", "\xE2\xC8\xC7\xE6\xEA", "قباني"},
      {"ISO_IR 126", "\xC4\xE9", "Δι"},
      {"ISO_IR 138", "\xF9\xF8\xE5\xEF", "שרון"},
      {"ISO_IR 148", "\xD0", "Ğ"},
      {"ISO_IR 203", "\xA4", "€"},
      {"ISO_IR 166", "\xA1", "ก"},
      {"ISO_IR 13", "\xD4\xCF\xC0\xDE", "ﾔﾏﾀﾞ"},
      {"ISO_IR 192", "王^小東", "王^小東"},
      {"ISO_IR 192", "a\xFF", "a\uFFFD (broken)"},
      {"GB18030", "Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB=", "Wang^XiaoDong=王^小东="},
      {"GB18030", "\x81\x30\x81\x30", "\u0080"},
      {"GB18030", "\x95\x32\x82\x36", "𠀀"},
      {"GB18030", "\x81\x30", "\uFFFD0 (broken)"},
      {"GBK", "\xCD\xF5\x81\x40", "王丂"},
      {"\\ISO 2022 IR 87", "Yamada=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B", "Yamada=山田^太郎"},
      {"ISO 2022 IR 13\\ISO 2022 IR 87", "\xD4\xCF\xC0\xDE=\x1B$B;3ED\x1B(J^\x1B$BB@O:\x1B(J",
       "ﾔﾏﾀﾞ=山田^太郎"},
      {"\\ISO 2022 IR 159", "\x1B$(D0!\x1B(B", "丂"},
      {"\\ISO 2022 IR 149", "Hong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7", "Hong=洪^吉洞"},
      {"\\ISO 2022 IR 58", "\x1B$)A\xD5\xC5^\x1B$)A\xD0\xA1\xB6\xAB", "张^小东"},
      {"ISO 2022 IR 100\\ISO 2022 IR 144", "\xC4\x1B-L\xBB\xEE", "ÄЛю"},
      {"ISO 2022 IR 6\\ISO 2022 IR 126", "\x1B-F\xC4", "Δ"},
      {"\\ISO 2022 IR 166", "\x1B-T\xA1", "ก"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.set));
    EXPECT_EQ(Decode(c.set, c.raw), c.text);
    EXPECT_TRUE(CharacterSet(c.set).known());
  }
  EXPECT_FALSE(CharacterSet("ISO_IR 999").known());
  EXPECT_FALSE(CharacterSet("ISO_IR 100\\KLINGON").known());
}

TEST(CharacterSet, ReturnsToTheFirstSetsAtEachDelimiter) {
  const std::string_view set = "\\ISO 2022 IR 149";
  EXPECT_EQ(Decode(set, "\x1B$)C\xFB\xF3^\xFB\xF3"), "洪^\uFFFD\uFFFD (broken)");
  EXPECT_EQ(Decode(set, "\x1B$)C\xFB\xF3^\x1B$)C\xFB\xF3", Vr::kLo), "洪^洪");
  EXPECT_EQ(Decode(set, "\x1B$)C\xFB\xF3\\\xFB\xF3", Vr::kLo), "洪\\\uFFFD\uFFFD (broken)");
  EXPECT_EQ(Decode(set, "\x1B$)C\xFB\xF3\r\n\xFB\xF3", Vr::kLt), "洪\r\n\uFFFD\uFFFD (broken)");
}

TEST(CharacterSet, BackslashesWithinCharactersDelimitNothing) {
  // The second byte of this character of JIS X 0208 is 0x5C.
  EXPECT_EQ(Decode("\\ISO 2022 IR 87", "\x1B$B%\\\x1B(B\\x", Vr::kLo), "ボ\\x");
  // In JIS X 0201 the byte is a yen sign, but for delimiting values.
  EXPECT_EQ(Decode("ISO_IR 13", "a\\b", Vr::kLo), "a\\b");
  EXPECT_EQ(Decode("ISO_IR 13", "a\\b~", Vr::kLt), "a¥b‾");
}

TEST(CharacterSet, UnknownEscapesAreBroken) {
  EXPECT_EQ(Decode("\\ISO 2022 IR 87", "\x1B$Zx"), "$Zx (broken)");
  EXPECT_EQ(Decode("\\ISO 2022 IR 87", "\x1B$B;"), "\uFFFD (broken)");
}

TEST(CharacterSet, ItemsMayHaveTheirOwn) {
  test::DataSet own;
  own.Text(kSpecificCharacterSet, "CS", "ISO_IR 144").Bytes(0x00080104, "LO", "\xBB\xEE");
  test::DataSet inherited;
  inherited.Bytes(0x00080104, "LO", "\xC4 ");
  test::DataSet sequence;
  sequence.Item(own.bytes()).Item(inherited.bytes());
  test::DataSet data;
  data.Text(kSpecificCharacterSet, "CS", "ISO_IR 100");
  data.Text(kSopClassUid, "UI", "1.2").Text(kSopInstanceUid, "UI", "1.3");
  data.Bytes(0x00082218, "SQ", sequence.bytes());
  data.Text(kStudyInstanceUid, "UI", "1.4").Text(kSeriesInstanceUid, "UI", "1.5");
  const std::string file = test::File(uid::kExplicitVrLittleEndian, data);
  const auto instance = Instance::Parse(file);
  ASSERT_TRUE(instance.ok());
  const std::string metadata = BuildMetadata(instance.value()).value().dicom;
  EXPECT_NE(metadata.find(R"([{"SpecificCharacterSet":["ISO_IR 144"],"CodeMeaning":"Лю"},)"
                          R"({"CodeMeaning":"Ä"}])"),
            std::string::npos)
      << metadata;
  std::string json;
  AppendDicomJson(instance.value(), &json);
  EXPECT_EQ(json.substr(0, json.find("\"00080018\"")),
            R"({"00080005":{"vr":"CS","Value":["ISO_IR 192"]},)"
            R"("00080016":{"vr":"UI","Value":["1.2"]},)");
}

}  // namespace
}  // namespace tarn::dicom
