// Where the objects of a job go: the layout that HealthLake uses (docs/reference/).
//
//   <S3Uri>/<data store>-FHIR_IMPORT-<job>/Manifest.json
//                                         /SUCCESS/<name of the input file>
//                                         /FAILURE/<name of the input file>
//   <S3Uri>/<data store>-FHIR_EXPORT-<job>/<Type>/<Type>-<number>-<range>-<part>.ndjson
//                                         /Manifest.json
#pragma once

#include <string>
#include <string_view>

#include "objects/object_store.h"

namespace tarn::fhir_store {

// Written empty into the output location before a job begins, and left there.
inline constexpr std::string_view kAccessCheckName = ".healthlake_write_access_check_file.temp";
inline constexpr std::string_view kManifestName = "Manifest.json";
inline constexpr std::string_view kSuccessFolder = "SUCCESS/";
inline constexpr std::string_view kFailureFolder = "FAILURE/";
inline constexpr size_t kOutputKindBytesMax = 8;

// The output location as a folder: its key is empty or ends in '/'.
objects::S3Uri FolderOf(const objects::S3Uri& output);
// A job's own folder in it. `what`: "FHIR_IMPORT" or "FHIR_EXPORT".
struct JobFolderName {
  std::string_view data_store_id;
  std::string_view what;
  std::string_view job_id;
};
objects::S3Uri JobFolder(const objects::S3Uri& output, const JobFolderName& name);
// Whether this is the manifest of an import or export, of whichever data store.
bool IsManifest(std::string_view key);
objects::S3Uri Beneath(const objects::S3Uri& folder, std::string_view name);

// Whether the output location can be written to, by writing the access-check object.
Status CheckOutput(objects::ObjectStore& objects, const objects::S3Uri& output);

}  // namespace tarn::fhir_store
