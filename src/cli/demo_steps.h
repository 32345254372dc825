// The steps of `tarn demo`. Each says on standard output what it did and how fast, and uses what an
// earlier session left.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace tarn::cli {

class DemoSession;

struct DemoPatients {
  std::string endpoint;  // The data store's, with a slash at the end.
  std::string first_patient_id;
};
// Synthetic patients into s3://demo/patients/, a FHIR data store, an import, an export.
Result<DemoPatients> RunPatientSteps(DemoSession* session, uint64_t patients);

struct DemoImages {
  std::string image_set_url;  // Without a slash at the end.
  std::string frame_id;       // Of one frame of that image set.
  std::string modality;
};
// Synthetic studies into s3://demo/dicom/, an image data store, an import.
Result<DemoImages> RunImageSteps(DemoSession* session, uint64_t studies);

}  // namespace tarn::cli
