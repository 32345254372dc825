// DICOM import jobs: what is asked for, what is counted, where results go.
// Spec: HealthImaging API, StartDICOMImportJob; Developer Guide, "Understanding import jobs".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "jobs/queue.h"
#include "objects/object_store.h"

namespace tarn::image_store {

inline constexpr std::string_view kImportKind = "dicom-import";

struct ImportRequest {
  std::string job_name;
  objects::S3Uri input;   // An object, or the folder of that name; empty key: the whole bucket.
  objects::S3Uri output;  // A folder.
  std::string data_access_role_arn;
  std::string input_owner_account_id;
};

// The members of the manifest's jobSummary; as of the last checkpoint while the job runs.
struct ImportProgress {
  uint64_t files_scanned = 0;
  uint64_t files_done = 0;
  uint64_t files_imported = 0;
  uint64_t files_with_customer_error = 0;
  uint64_t files_with_server_error = 0;
  uint64_t image_sets = 0;
  uint64_t bytes_read = 0;
};

// Job::request of a queued job. Its member "JobName" is what jobs::JobFilter::name compares.
// Errors: kCorrupt.
Result<ImportRequest> ParseImportRequest(const jobs::Job& job);
// Job::progress. Errors: kCorrupt.
Result<ImportProgress> ParseImportProgress(const jobs::Job& job);

// The folder that all objects of the job go to, as GetDICOMImportJob shows it; ends in '/':
// <output>/<data store>-DicomImport-<job>/
objects::S3Uri JobOutputFolder(const ImportRequest& request, std::string_view data_store_id,
                               std::string_view job_id);

}  // namespace tarn::image_store
