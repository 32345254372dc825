#include "dicom/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dicom/test_files.h"
#include "dicom/warnings.h"
#include "json/value.h"

namespace tarn::dicom {
namespace {

using test::DataSet;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

InstanceMetadata Build(const DataSet& data,
                       std::string_view syntax = uid::kExplicitVrLittleEndian) {
  const std::string file = test::File(syntax, data);
  const auto instance = Instance::Parse(file);
  EXPECT_TRUE(instance.ok()) << instance.error().detail;
  auto metadata = BuildMetadata(instance.value());
  EXPECT_TRUE(metadata.ok()) << metadata.error().detail;
  return std::move(metadata).value();
}

// The instance's "DICOM" object of a data set with one element more than it must have. The element
// has to stand behind Series Number, as all of group 0020 from 0x0012 do.
std::string Member(Tag tag, std::string_view vr, std::string_view value, DataSet::Form form = {}) {
  DataSet data = test::Identity(form);
  data.Bytes(tag, vr, value);
  const std::string_view syntax = form.big_endian    ? uid::kExplicitVrBigEndian
                                  : form.explicit_vr ? uid::kExplicitVrLittleEndian
                                                     : uid::kImplicitVrLittleEndian;
  const std::string json = Build(data, syntax).dicom;
  const auto parsed = json::ParseValue(json);
  EXPECT_TRUE(parsed.ok()) << json;
  const std::string name(AttributeName(tag).front() == '(' ? TagHex(tag) : AttributeName(tag));
  const json::Value* found = parsed.value().Find(name);
  return found ? ToText(*found) : "(absent)";
}

TEST(Metadata, WritesEachKindOfValueAsTheServiceDoes) {
  struct Case {
    Tag tag;
    std::string_view vr;
    std::string_view value;
    std::string_view json;
  };
  const std::string_view nul("\0", 1);
  const Case cases[] = {
      {0x00200013, "IS", "7 ", R"("7 ")"},                   // Padding kept in IS...
      {0x00280030, "DS", "0.7\\0.7 ", R"(["0.7","0.7 "])"},  // ...and in DS.
      {0x00281050, "DS", "40", R"(["40"])"},                 // VM 1-n: always an array.
      {0x00281053, "DS", "1 ", R"("1 ")"},                   // VM 1: a scalar.
      {0x00204000, "LT", "a\\b ", R"("a\\b")"},              // No delimiter in LT.
      {0x00280004, "CS", "MONOCHROME2 ", R"("MONOCHROME2")"},
      {0x00280004, "CS", "", "null"},
      {0x00280004, "CS", "A\\B ", R"("A\\B")"},  // VM 1 is one value.
      {0x00280010, "US", std::string_view("\0\2", 2), "512"},
      {0x00280106, "SS", std::string_view("\xFF\xFF", 2), "-1"},
      {0x00283002, "US", std::string_view("\0\1\0\0\x10\0", 6), "[256,0,16]"},
      {0x00189073, "FD", std::string_view("\0\0\0\0\0\0\xF8\x3F", 8), "1.5"},
      {0x00189073, "FD", std::string_view("\0\0\0\0\0\0\xF8\x7F", 8), R"("NaN")"},
      {0x00280009, "AT", std::string_view("\x18\0\x63\x10", 4), R"(["00181063"])"},
      {0x00282000, "OB", "abcd", R"("YWJjZA==")"},
      {0x00286010, "US", "", "null"},
      {0x00290010, "LO", "ACME", R"("ACME")"},  // A private creator, by its tag.
      {0x00291001, "UN", "xy", R"("eHk=")"},
      {0x00291002, "DS", "1\\2 ", R"(["1","2 "])"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(AttributeName(c.tag) + " " + std::string(c.value));
    EXPECT_EQ(Member(c.tag, c.vr, c.value), c.json);
  }
}

TEST(Metadata, BigEndianBytesBecomeLittleEndian) {
  EXPECT_EQ(Member(0x00283006, "OW", std::string_view("\1\2\3\4", 4), {true, true}),
            R"("AgEEAw==")");
  EXPECT_EQ(Member(0x00280010, "US", std::string_view("\2\0", 2), {true, true}), "512");
}

TEST(Metadata, DistributesLevels) {
  DataSet data = test::Identity();
  data.Us(kRows, 512).Bytes(0x00291001, "LO", "x ");
  const InstanceMetadata metadata = Build(data);
  EXPECT_EQ(metadata.sop_instance_uid, "1.2.3.4.5");
  EXPECT_EQ(metadata.series_instance_uid, "1.2.3.4");
  EXPECT_EQ(metadata.study_instance_uid, "1.2.3");
  EXPECT_EQ(metadata.patient,
            (Attributes{{"PatientName", R"("DOE^J")"}, {"PatientID", R"("P1")"}}));
  EXPECT_EQ(AttributeText(metadata.study, "StudyDate"), "20240102");
  EXPECT_EQ(AttributeText(metadata.series, "Modality"), "CT");
  EXPECT_EQ(AttributeText(metadata.series, "SeriesNumber"), "1");
  EXPECT_THAT(metadata.dicom, HasSubstr(R"("TransferSyntaxUID":"1.2.840.10008.1.2.1")"));
  EXPECT_THAT(metadata.dicom, HasSubstr(R"("FileMetaInformationVersion":"AAE=")"));
  EXPECT_THAT(metadata.dicom, HasSubstr(R"("Rows":512)"));
  EXPECT_EQ(metadata.dicom_vrs, R"({"00291001":"LO"})");
}

TEST(Metadata, SequencesAreArraysAndEmptyOnesNull) {
  DataSet item;
  item.Text(0x00081150, "UI", "1.2").Bytes(0x00291001, "SH", "p ");
  DataSet sequence;
  sequence.Item(item.bytes()).Item("");
  DataSet data = test::Identity();
  data.Bytes(0x00209222, "SQ", sequence.bytes())
      .Bytes(0x00280303, "CS", "")
      .Bytes(0x00289110, "SQ", "");
  const InstanceMetadata metadata = Build(data);
  EXPECT_THAT(metadata.dicom,
              HasSubstr(R"("DimensionIndexSequence":[{"ReferencedSOPClassUID":"1.2",)"
                        R"("00291001":"p"},{}])"));
  EXPECT_THAT(metadata.dicom, HasSubstr(R"("PixelMeasuresSequence":null)"));
  EXPECT_EQ(metadata.dicom_vrs, R"({"00291001":"SH"})");
}

TEST(Metadata, LeavesOutPixelDataGroupLengthsAndPadding) {
  DataSet data = test::Identity();
  data.Bytes(0x00280000, "UL", std::string(4, '\0'));
  data.Bytes(kPixelData, "OW", "abcd").Bytes(kDataSetTrailingPadding, "OB", "zz");
  const std::string json = Build(data).dicom;
  for (const std::string_view name : {"PixelData", "00280000", "Padding", "FFFCFFFC"}) {
    EXPECT_EQ(json.find(name), std::string::npos) << name;
  }
}

PixelRecord TwoFrames() {
  PixelRecord out;
  out.stored_transfer_syntax_uid = uid::kHtj2kLosslessRpcl;
  out.checksum_type = "DECOMPRESSED";
  out.frames = {{"0123456789abcdef0123456789abcdef", 512, 512, 2510355201u, -1024, 2025, 168371},
                {"1123456789abcdef0123456789abcdef", 512, 512, 1, std::nullopt, std::nullopt, 2}};
  return out;
}

TEST(MetadataTree, WritesTheDocumentAndReadsItAgain) {
  MetadataTree tree("d", "i");
  InstanceMetadata metadata = Build(test::Identity());
  metadata.pixels = TwoFrames();
  const auto added = tree.Add(metadata);
  ASSERT_TRUE(added.ok());
  EXPECT_FALSE(added.value().replaced);
  const std::string json = tree.ToJson().value();
  EXPECT_THAT(json,
              testing::StartsWith(R"({"SchemaVersion":"1.1","DatastoreID":"d","ImageSetID":"i",)"
                                  R"("Patient":{"DICOM":{"PatientName":"DOE^J","PatientID":"P1"}},)"
                                  R"("Study":{"DICOM":{"StudyDate":"20240102")"));
  EXPECT_THAT(json, HasSubstr(R"("StoredTransferSyntaxUID":"1.2.840.10008.1.2.4.202",)"
                              R"("ChecksumType":"DECOMPRESSED","ImageFrames":[{"ID":)"
                              R"("0123456789abcdef0123456789abcdef",)"
                              R"("PixelDataChecksumFromBaseToFullResolution":[{"Width":512,)"
                              R"("Height":512,"Checksum":2510355201}],"MinPixelValue":-1024,)"
                              R"("MaxPixelValue":2025,"FrameSizeInBytes":168371})"));
  ASSERT_TRUE(json::ParseValue(json).ok());
  const auto again = MetadataTree::FromGzip(tree.ToGzip().value());
  ASSERT_TRUE(again.ok()) << again.error().detail;
  EXPECT_EQ(again.value().ToJson().value(), json);
  EXPECT_EQ(again.value().Pixels("1.2.3.4", "1.2.3.4.5").value(), TwoFrames());
  EXPECT_TRUE(again.value().Pixels("1.2.3.4", "9").value().frames.empty());
  EXPECT_EQ(MetadataTree::FromGzip("no gzip").error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(MetadataTree::FromJson("{}").error().kind, ErrorKind::kCorrupt);
}

TEST(MetadataTree, LaterInstancesAddAndAreCoerced) {
  MetadataTree tree("d", "i");
  const InstanceMetadata first = Build(test::Identity());
  ASSERT_TRUE(tree.Add(first).ok());
  InstanceMetadata second = first;
  second.sop_instance_uid = "1.2.3.4.6";
  second.patient = {
      {"PatientName", R"("ROE^R")"}, {"PatientID", R"("P1 ")"}, {"PatientSex", R"("M")"}};
  const auto added = tree.Add(second);
  ASSERT_TRUE(added.ok());
  EXPECT_THAT(added.value().coerced, ElementsAre("PatientName"));
  EXPECT_EQ(AttributeText(tree.patient(), "PatientName"), "DOE^J");
  EXPECT_EQ(AttributeText(tree.patient(), "PatientSex"), "M");
  EXPECT_EQ(tree.InstanceCount(), 2u);
  EXPECT_TRUE(tree.Add(second).value().replaced);
  EXPECT_EQ(tree.InstanceCount(), 2u);
  second.study_instance_uid = "9";
  EXPECT_EQ(tree.Add(second).error().kind, ErrorKind::kConflict);
}

TEST(MetadataTree, AnOnlyInstanceBringsItsOwnAttributes) {
  MetadataTree tree("d", "i");
  InstanceMetadata metadata = Build(test::Identity());
  ASSERT_TRUE(tree.Add(metadata).ok());
  metadata.patient[0].json = R"("ROE^R")";
  const auto added = tree.Add(metadata);
  EXPECT_TRUE(added.value().replaced);
  EXPECT_TRUE(added.value().coerced.empty());
  EXPECT_EQ(AttributeText(tree.patient(), "PatientName"), "ROE^R");
}

TEST(Identity, NamesWhatIsMissing) {
  for (const Tag tag : {kSopClassUid, kSopInstanceUid, kStudyInstanceUid, kSeriesInstanceUid}) {
    DataSet data;
    for (const Tag other : {kSopClassUid, kSopInstanceUid, kStudyInstanceUid, kSeriesInstanceUid}) {
      if (other != tag) data.Text(other, "UI", "1.2");
    }
    const std::string file = test::File(uid::kExplicitVrLittleEndian, data);
    const auto instance = Instance::Parse(file);
    ASSERT_TRUE(instance.ok());
    const auto identity = ReadIdentity(instance.value());
    ASSERT_FALSE(identity.ok());
    EXPECT_EQ(identity.error().detail, "DICOM attribute " + AttributeName(tag) + " does not exist");
  }
}

TEST(Identity, RefusesPathsAndWhatIsTooLong) {
  struct Case {
    Tag tag;
    std::string_view vr;
    std::string value;
    std::string_view detail;  // Empty: accepted.
  };
  const Case cases[] = {
      {kStudyInstanceUid, "UI", "../../etc/passwd", "DICOM attribute StudyInstanceUID is no UID"},
      {kStudyInstanceUid, "UI", "1..2", "DICOM attribute StudyInstanceUID is no UID"},
      {kStudyInstanceUid, "UI", "1/2", "DICOM attribute StudyInstanceUID is no UID"},
      {kStudyInstanceUid, "UI", "abc-1", ""},
      {kStudyInstanceUid, "UI", std::string(256, '1'), ""},
      {kStudyInstanceUid, "UI", std::string(257, '1'),
       "DICOM attribute StudyInstanceUID is longer than 256 characters"},
      {kPatientName, "PN", std::string(256, 'x'), ""},
      {kPatientName, "PN", std::string(257, 'x'),
       "DICOM attribute PatientName is longer than 256 characters"},
      {kPatientSex, "CS", std::string(17, 'M'),
       "DICOM attribute PatientSex is longer than 16 characters"},
      {kStudyTime, "TM", std::string(29, '1'),
       "DICOM attribute StudyTime is longer than 28 characters"},
      {kStudyDate, "DA", std::string(19, '1'),
       "DICOM attribute StudyDate is longer than 18 characters"},
      {kNumberOfStudyRelatedInstances, "IS", "1000001",
       "DICOM attribute NumberOfStudyRelatedInstances is not within 0 and 1000000"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.value);
    DataSet data;
    for (const Tag other : {kSopClassUid, kSopInstanceUid, kStudyInstanceUid, kSeriesInstanceUid}) {
      if (other != c.tag) data.Text(other, "UI", "1.2");
    }
    data.Text(c.tag, c.vr, c.value);
    const std::string file = test::File(uid::kExplicitVrLittleEndian, data);
    const auto instance = Instance::Parse(file);
    ASSERT_TRUE(instance.ok());
    const auto identity = ReadIdentity(instance.value());
    EXPECT_EQ(identity.ok() ? "" : identity.error().detail, c.detail);
  }
}

TEST(Identity, GroupingKeyTellsSevenAttributesApart) {
  InstanceIdentity a;
  a.study_id = "1";
  InstanceIdentity b;
  b.series_number = "1";
  EXPECT_NE(a.GroupingKey(), b.GroupingKey());
  a.sop_instance_uid = "x";
  InstanceIdentity c;
  c.study_id = "1";
  EXPECT_EQ(a.GroupingKey(), c.GroupingKey());
}

TEST(Warnings, NameTheFirstAttribute) {
  DataSet data;
  data.Text(kSopClassUid, "UI", "1.2.840.10008.5.1.4.1.1.2").Text(kSopInstanceUid, "UI", "1.02");
  data.Text(kModality, "CS", "SEVENTEEN_LETTERS").Text(kPatientId, "LO", "a\xFF");
  data.Text(kStudyInstanceUid, "UI", "x").Text(kStudyId, "SH", "1").Text(kStudyId, "SH", "2");
  const std::string file = test::File(uid::kExplicitVrLittleEndian, data);
  const auto instance = Instance::Parse(file);
  ASSERT_TRUE(instance.ok());
  EXPECT_EQ(instance.value().Text(kStudyId), "1");
  std::vector<std::string> got;
  for (const Warning& warning : CheckDataSet(instance.value())) {
    got.push_back(std::to_string(static_cast<int>(warning.code)) + " " + warning.message);
  }
  EXPECT_THAT(
      got, ElementsAre("45063 DICOM attribute MediaStorageSOPInstanceUID does not match "
                       "SOPInstanceUID",
                       "45056 DICOM attribute PatientID has text that its character set does not "
                       "have",
                       "45062 DICOM attribute StudyID stands twice, and the first one counts",
                       "45570 DICOM attribute SOPInstanceUID is no valid UID, and 1 more",
                       "45571 DICOM attribute Modality is longer than its value representation "
                       "allows"));
}

}  // namespace
}  // namespace tarn::dicom
