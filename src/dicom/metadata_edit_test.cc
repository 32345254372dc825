#include "dicom/metadata_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tarn::dicom {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kDocument = R"({"SchemaVersion":"1.1","DatastoreID":"d","ImageSetID":"i",
 "Patient":{"DICOM":{"PatientID":"P1","PatientName":"DOE^J"}},
 "Study":{"DICOM":{"StudyInstanceUID":"1.2","StudyDescription":"old","StudyID":"S"},
  "Series":{"1.2.3":{"DICOM":{"SeriesInstanceUID":"1.2.3","Modality":"CT"},
   "Instances":{
    "1.2.3.4":{"DICOM":{"SOPInstanceUID":"1.2.3.4","WindowCenter":["40"],"Rows":512}},
    "1.2.3.5":{"DICOM":{"SOPInstanceUID":"1.2.3.5","00091001":"x"},"DICOMVRs":{"00091001":"LO"}}
 }}}}})";

MetadataTree Tree() { return MetadataTree::FromJson(kDocument).value(); }

// Applies one payload; the error's text, or the document.
struct Outcome {
  std::string error;
  std::string json;
};
Outcome Apply(std::string_view updatable, std::string_view removable, EditOptions options) {
  const auto updates = ParseUpdates({updatable, removable});
  if (!updates.ok()) return {updates.error().detail, ""};
  MetadataTree tree = Tree();
  const Status status = ApplyUpdates(updates.value(), options, &tree);
  if (!status.ok()) return {status.error().detail, ""};
  return {"", tree.ToJson().value()};
}

constexpr EditOptions kPlain{false, true};
constexpr EditOptions kForce{true, false};

std::string InInstance(std::string_view members) {
  return R"({"SchemaVersion":1.1,"Study":{"Series":{"1.2.3":{"Instances":{"1.2.3.4":)" +
         std::string(members) + "}}}}}";
}

TEST(Updates, ChangeAddAndRemove) {
  const Outcome updated = Apply(R"({"SchemaVersion":1.1,"Patient":{"DICOM":{"PatientName":"ROE^R"}},
                "Study":{"DICOM":{"StudyDescription":null,"StudyDate":"20240229"},
                "Series":{"1.2.3":{"DICOM":{"BodyPartExamined":"HEAD"},
                "Instances":{"1.2.3.4":{"DICOM":{"Rows":256,"InstanceNumber":"7"}}}}}}})",
                                "", kPlain);
  EXPECT_EQ(updated.error, "");
  EXPECT_THAT(updated.json, HasSubstr(R"("PatientName":"ROE^R")"));
  EXPECT_THAT(updated.json, HasSubstr(R"("StudyDescription":null)"));
  EXPECT_THAT(updated.json, HasSubstr(R"("StudyDate":"20240229")"));
  EXPECT_THAT(updated.json, HasSubstr(R"("BodyPartExamined":"HEAD")"));
  EXPECT_THAT(updated.json, HasSubstr(R"("Rows":256,"InstanceNumber":"7")"));
  const Outcome removed =
      Apply("", R"({"SchemaVersion":"1.1","Study":{"DICOM":{"StudyDescription":"any"}}})", kPlain);
  EXPECT_EQ(removed.error, "");
  EXPECT_EQ(removed.json.find("StudyDescription"), std::string::npos);
}

TEST(Updates, AreRefusedWithoutForceAndApplyWithIt) {
  struct Case {
    std::string updatable;
    std::string_view refusal;
    std::string_view forced;  // What the document then has.
  };
  const Case cases[] = {
      {R"({"Study":{"DICOM":{"StudyInstanceUID":"1.9"}}})",
       "DICOM attribute StudyInstanceUID is a UID: it changes with force only",
       R"("StudyInstanceUID":"1.9")"},
      {R"({"Study":{"DICOM":{"StudyID":"T"}}})", "DICOM attribute StudyID changes with force only",
       R"("StudyID":"T")"},
      {R"({"Study":{"DICOM":{"ProcedureCodeSequence":[{"CodeValue":"1"}]}}})",
       "DICOM attribute ProcedureCodeSequence is a sequence: it changes with force only",
       R"("ProcedureCodeSequence":[{"CodeValue":"1"}])"},
      {InInstance(R"({"DICOM":{"WindowCenter":50}})"),
       "DICOM attribute WindowCenter may have several values: it changes with force only",
       R"("WindowCenter":["50"])"},
      {InInstance(R"({"DICOM":{"Rows":70000}})"),
       "DICOM attribute Rows does not have a value of its value representation US",
       R"("Rows":70000)"},
      {R"({"Study":{"DICOM":{"StudyDate":"20230229x"}}})",
       "DICOM attribute StudyDate does not have a value of its value representation DA",
       R"("StudyDate":"20230229x")"},
      {InInstance(R"({"DICOM":{"00091002":"y"},"DICOMVRs":{"00091002":"LO"}})"),
       "DICOM attribute 00091002 is not in the standard: it changes with force only",
       R"("DICOMVRs":{"00091002":"LO"})"},
      {R"({"Study":{"Series":{"1.2.3":{"DICOM":{"SeriesInstanceUID":"1.7"}}}}})",
       "DICOM attribute SeriesInstanceUID is a UID: it changes with force only",
       R"("Series":{"1.7":{)"},
      {InInstance(R"({"DICOM":{"SOPInstanceUID":"1.8"}})"),
       "DICOM attribute SOPInstanceUID is a UID: it changes with force only",
       R"("1.8":{"DICOM":{"SOPInstanceUID":"1.8")"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.updatable);
    EXPECT_EQ(Apply(c.updatable, "", kPlain).error, c.refusal);
    const Outcome forced = Apply(c.updatable, "", kForce);
    EXPECT_EQ(forced.error, "");
    EXPECT_THAT(forced.json, HasSubstr(std::string(c.forced)));
    EXPECT_EQ(Apply(c.updatable, "", {true, true}).error,
              "force applies to image sets that are not primary");
  }
}

TEST(Updates, AreRefusedEvenWithForce) {
  struct Case {
    std::string updatable;
    std::string_view refusal;
  };
  const Case cases[] = {
      {R"({"Patient":{"DICOM":{"StudyDate":"20240101"}}})",
       "DICOM attribute StudyDate belongs to the study level"},
      {InInstance(R"({"DICOM":{"PatientName":"X"}})"),
       "DICOM attribute PatientName belongs to the patient level"},
      {R"({"Patient":{"DICOM":{"NoSuchKeyword":"X"}}})",
       "DICOM attribute of an unknown keyword cannot be changed"},
      {R"({"Patient":{"DICOM":{"00100010":"X"}}})",
       "DICOM attribute 00100010 is named by its keyword PatientName"},
      {R"({"Patient":{"DICOM":{"00091001":"X"}}})",
       "DICOM attribute 00091001 belongs to the instance level"},
      {InInstance(R"({"DICOM":{"00091009":"X"}})"),
       "DICOM attribute 00091009 has no value representation in DICOMVRs"},
      {InInstance(R"({"DICOM":{"PixelData":"AA=="}})"),
       "DICOM attribute PixelData cannot be changed"},
      {InInstance(R"({"ImageFrames":[]})"),
       "an Instance has a member that cannot be changed: only DICOM and what is below can"},
      {R"({"ImageSetID":"x"})",
       "the document has a member that cannot be changed: only Patient and what is below can"},
      {R"({"SchemaVersion":1.2,"Patient":{"DICOM":{"PatientName":"X"}}})",
       "SchemaVersion is not 1.1"},
      {R"({"Study":{"Series":{"9":{"DICOM":{"Modality":"MR"}}}}})",
       "the image set has no such series"},
      {R"({"Study":{"Series":{"1.2.3":{"Instances":{"9":{"DICOM":{"Rows":1}}}}}}})",
       "the series has no such instance"},
      {R"({"Study":{"DICOM":{"StudyInstanceUID":"../x"}}})",
       "DICOM attribute StudyInstanceUID is no UID"},
      {InInstance(R"({"DICOM":{"SOPInstanceUID":"1.2.3.5"}})"),
       "the series has an instance of that SOPInstanceUID"},
      {R"({"Patient":{"DICOM":{"PatientName":true}}})",
       "DICOM attribute PatientName cannot be true or false"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.updatable);
    EXPECT_EQ(Apply(c.updatable, "", kForce).error, c.refusal);
  }
  EXPECT_EQ(Apply("", "", kForce).error,
            "neither updatableAttributes nor removableAttributes is given");
  EXPECT_EQ(Apply(std::string(kUpdatePayloadBytesMax + 1, ' '), "", kForce).error,
            "the payload has more than 30000 bytes");
}

TEST(Updates, RemoveInstancesWithForce) {
  const std::string one = InInstance("{}");
  EXPECT_EQ(Apply("", one, kPlain).error, "an instance is removed with force only");
  const Outcome removed = Apply("", one, kForce);
  EXPECT_EQ(removed.error, "");
  EXPECT_EQ(removed.json.find("1.2.3.4\""), std::string::npos);
  const std::string both =
      R"({"Study":{"Series":{"1.2.3":{"Instances":{"1.2.3.4":{},"1.2.3.5":{}}}}}})";
  EXPECT_THAT(Apply("", both, kForce).error, HasSubstr("the last instance"));
  const Outcome private_gone = Apply(
      "", R"({"Study":{"Series":{"1.2.3":{"Instances":{"1.2.3.5":{"DICOM":{"00091001":""}}}}}}})",
      kForce);
  EXPECT_EQ(private_gone.error, "");
  EXPECT_THAT(private_gone.json, HasSubstr(R"("DICOMVRs":{})"));
}

TEST(Updates, SayWhetherTheyAddressASeries) {
  EXPECT_FALSE(
      ParseUpdates({R"({"Patient":{"DICOM":{"PatientName":"X"}}})", ""}).value().addresses_series);
  EXPECT_TRUE(ParseUpdates({InInstance("{}"), ""}).value().addresses_series);
}

TEST(Copy, TakesAllOrASubset) {
  const MetadataTree source = Tree();
  MetadataTree all("d", "new");
  ASSERT_TRUE(CopyInstances(source, {}, {}, &all).ok());
  EXPECT_EQ(all.InstanceCount(), 2u);
  EXPECT_EQ(all.patient(), source.patient());
  const auto names = ParseCopySelection(InInstance("{}"));
  ASSERT_TRUE(names.ok());
  MetadataTree one("d", "new");
  ASSERT_TRUE(CopyInstances(source, names.value(), {}, &one).ok());
  EXPECT_EQ(one.InstanceCount(), 1u);
  EXPECT_EQ(CopyInstances(source, {{"1.2.3", "9"}}, {}, &one).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(ParseCopySelection(R"({"Study":{}})").error().kind, ErrorKind::kInvalid);
}

TEST(Copy, RefusesTheSameInstanceAndOtherPatients) {
  const MetadataTree source = Tree();
  MetadataTree destination = Tree();
  EXPECT_EQ(CopyInstances(source, {}, {true}, &destination).error().detail,
            "the destination has an instance of the same SOPInstanceUID");
  destination = Tree();
  auto& instances = destination.series().find("1.2.3")->second.instances;
  instances.erase("1.2.3.4");
  destination.patient()[1].json = R"("ROE^R")";
  MetadataTree refused = destination;
  EXPECT_EQ(CopyInstances(source, {{"1.2.3", "1.2.3.4"}}, {}, &refused).error().detail,
            "DICOM attribute PatientName is not the same in both image sets");
  ASSERT_TRUE(CopyInstances(source, {{"1.2.3", "1.2.3.4"}}, {true}, &destination).ok());
  EXPECT_EQ(destination.InstanceCount(), 2u);
  EXPECT_EQ(AttributeText(destination.patient(), "PatientName"), "ROE^R");
}

}  // namespace
}  // namespace tarn::dicom
