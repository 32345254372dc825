// Warnings with which an instance is imported nevertheless, by HealthImaging's codes, and the
// checks that make it fail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dicom/instance.h"

namespace tarn::dicom {

enum class WarningCode : uint16_t {
  kCoercion = 45056,              // An attribute of the image set's value, or of unreadable text.
  kDiscarded = 45062,             // Elements that stood twice: the first one counts.
  kSopMismatch = 45063,           // Meta information and data set name another class or instance.
  kTranscodingException = 45312,  // Pixels are kept as one blob.
  kFrameExtraction = 45328,       // Whole-instance retrieval only, as the next two.
  kFrameCountMismatch = 45329,
  kOffsetTable = 45330,
  kUnsupportedSyntax = 45344,  // Pixels are kept as one blob.
  kBadUid = 45570,
  kValueTooLong = 45571,
  kOther = 47513,
};

// The record's "type" member: "InvalidOffsetTable".
std::string_view WarningType(WarningCode code);

struct Warning {
  WarningCode code = WarningCode::kOther;
  std::string message;  // Names the attribute; never a value.
};

// What identifies an instance and the image set that it belongs to. Texts are UTF-8 without
// padding; an attribute that is absent is empty.
struct InstanceIdentity {
  std::string sop_class_uid;
  std::string sop_instance_uid;
  // The seven attributes that instances of one image set share.
  std::string study_date;
  std::string accession_number;
  std::string patient_id;
  std::string study_instance_uid;
  std::string study_id;
  std::string series_instance_uid;
  std::string series_number;

  // The seven as one key: equal if and only if all seven are.
  std::string GroupingKey() const;
};

// Errors, kInvalid, as one failed file reports them: SOPClassUID, SOPInstanceUID,
// StudyInstanceUID or SeriesInstanceUID does not exist or is empty, or holds what cannot be a part
// of an identifier (path separators, control characters, ".."); one of the service's length bounds
// is passed (limits.h); the file is a DICOMDIR.
Result<InstanceIdentity> ReadIdentity(const Instance& instance);

// The warnings that follow from the data set alone: 45056, 45062, 45063, 45570, 45571; at most one
// of each code, naming the first attribute and how many more.
std::vector<Warning> CheckDataSet(const Instance& instance);

}  // namespace tarn::dicom
