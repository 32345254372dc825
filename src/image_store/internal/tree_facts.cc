#include "image_store/internal/tree_facts.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "image_store/internal/keys.h"

namespace tarn::image_store {
namespace {

using dicom::Attributes;
using dicom::AttributeText;

GroupAttributes GroupOfLevels(const Attributes& patient, const Attributes& study,
                              const Attributes& series) {
  GroupAttributes group;
  group.patient_id = AttributeText(patient, "PatientID");
  group.study_date = AttributeText(study, "StudyDate");
  group.accession_number = AttributeText(study, "AccessionNumber");
  group.study_instance_uid = AttributeText(study, "StudyInstanceUID");
  group.study_id = AttributeText(study, "StudyID");
  group.series_instance_uid = AttributeText(series, "SeriesInstanceUID");
  group.series_number = AttributeText(series, "SeriesNumber");
  return group;
}

const Attributes& FirstSeries(const dicom::MetadataTree& tree) {
  static const Attributes kNone;
  return tree.series().empty() ? kNone : tree.series().begin()->second.attributes;
}

// IS as a number: a sign and digits.
std::optional<int32_t> IntegerOf(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int32_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

GroupAttributes GroupOf(const dicom::InstanceMetadata& instance) {
  return GroupOfLevels(instance.patient, instance.study, instance.series);
}

GroupAttributes GroupOf(const dicom::MetadataTree& tree) {
  return GroupOfLevels(tree.patient(), tree.study(), FirstSeries(tree));
}

DicomTags TagsOf(const dicom::MetadataTree& tree) {
  const Attributes& patient = tree.patient();
  const Attributes& study = tree.study();
  const Attributes& series = FirstSeries(tree);
  DicomTags tags;
  tags.patient_id = AttributeText(patient, "PatientID");
  tags.patient_name = AttributeText(patient, "PatientName");
  tags.patient_birth_date = AttributeText(patient, "PatientBirthDate");
  tags.patient_sex = AttributeText(patient, "PatientSex");
  tags.study_instance_uid = AttributeText(study, "StudyInstanceUID");
  tags.study_id = AttributeText(study, "StudyID");
  tags.study_description = AttributeText(study, "StudyDescription");
  tags.accession_number = AttributeText(study, "AccessionNumber");
  tags.study_date = AttributeText(study, "StudyDate");
  tags.study_time = AttributeText(study, "StudyTime");
  tags.series_instance_uid = AttributeText(series, "SeriesInstanceUID");
  tags.series_modality = AttributeText(series, "Modality");
  tags.series_body_part = AttributeText(series, "BodyPartExamined");
  tags.series_number = IntegerOf(AttributeText(series, "SeriesNumber"));
  tags.study_related_series = static_cast<uint32_t>(tree.series().size());
  tags.study_related_instances = static_cast<uint32_t>(tree.InstanceCount());
  return tags;
}

Result<std::vector<std::string>> UnitsOf(const dicom::MetadataTree& tree) {
  std::vector<std::string> units;
  for (const auto& [series_uid, series] : tree.series()) {
    for (const auto& [sop_uid, text] : series.instances) {
      TRY(const dicom::PixelRecord pixels, tree.Pixels(series_uid, sop_uid));
      for (const dicom::FrameRecord& frame : pixels.frames) {
        const auto key = FrameKeyOf(frame.id);
        if (!key.ok()) return Error{ErrorKind::kCorrupt, "a frame id of the metadata"};
        units.push_back(key.value().substr(0, kUnitBytes));
      }
    }
  }
  std::sort(units.begin(), units.end());
  units.erase(std::unique(units.begin(), units.end()), units.end());
  return units;
}

}  // namespace tarn::image_store
