// Multipart uploads of a folder store, kept in its hidden area: uploads/BUCKET/ID/upload says what
// is uploaded, uploads/BUCKET/ID/p00001 is a part with its record behind its bytes.
// Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "objects/internal/folder.h"
#include "objects/object_store.h"

namespace tarn::objects {

struct UploadKey {
  std::string_view bucket;
  std::string_view key;
  std::string_view upload_id;
};

class Uploads {
 public:
  explicit Uploads(Folder& folder) : folder_(folder) {}

  Result<UploadInfo> Create(std::string_view bucket, std::string_view key,
                            const ObjectMetadata& metadata);
  Result<std::unique_ptr<ObjectWriter>> PutPart(const UploadKey& upload, uint32_t part_number);
  Result<std::vector<PartInfo>> ListParts(const UploadKey& upload) const;
  Result<std::vector<UploadInfo>> List(std::string_view bucket) const;
  Result<ObjectMetadata> Metadata(const UploadKey& upload) const;
  Result<ObjectInfo> Complete(const UploadKey& upload, const CompleteRequest& request);
  Status Abort(const UploadKey& upload);

 private:
  // The upload's folder below the hidden area, when there is such an upload of this key.
  Result<std::string> Find(const UploadKey& upload, UploadRecord* record) const;
  Result<UploadRecord> ReadRecord(const std::string& path) const;

  Folder& folder_;
};

}  // namespace tarn::objects
