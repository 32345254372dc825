#include "fhir_store/internal/job_layout.h"

namespace tarn::fhir_store {

objects::S3Uri FolderOf(const objects::S3Uri& output) {
  objects::S3Uri folder = output;
  if (!folder.key.empty() && !folder.key.ends_with('/')) folder.key.push_back('/');
  return folder;
}

objects::S3Uri JobFolder(const objects::S3Uri& output, const JobFolderName& name) {
  objects::S3Uri folder = FolderOf(output);
  folder.key.append(name.data_store_id).append("-").append(name.what).append("-");
  folder.key.append(name.job_id).append("/");
  return folder;
}

bool IsManifest(std::string_view key) {
  const size_t name = key.rfind('/');
  if (name == std::string_view::npos || key.substr(name + 1) != kManifestName) return false;
  const size_t slash = key.substr(0, name).rfind('/');
  const std::string_view folder =
      key.substr(0, name).substr(slash == std::string_view::npos ? 0 : slash + 1);
  return folder.find("-FHIR_EXPORT-") != std::string_view::npos ||
         folder.find("-FHIR_IMPORT-") != std::string_view::npos;
}

objects::S3Uri Beneath(const objects::S3Uri& folder, std::string_view name) {
  return {folder.bucket, folder.key + std::string(name)};
}

Status CheckOutput(objects::ObjectStore& objects, const objects::S3Uri& output) {
  TRY(objects::WriteObject(objects, Beneath(FolderOf(output), kAccessCheckName), "",
                           "application/octet-stream"));
  return Ok();
}

}  // namespace tarn::fhir_store
