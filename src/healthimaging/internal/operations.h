// The 18 operations, on requests that keep to the service model.
// Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "http/message.h"
#include "image_store/data_stores.h"
#include "json/value.h"
#include "service_model/validator.h"

namespace tarn::healthimaging::internal {

// One call. The references live as long as it runs.
struct Call {
  std::string_view operation;
  const json::Value& request;
  const http::Request& http;
};

class Operations {
 public:
  // The references must outlive the object.
  Operations(std::string page_token_secret, image_store::DataStores& stores, const Clock& clock,
             const service_model::Validator& validator)
      : secret_(std::move(page_token_secret)),
        stores_(stores),
        clock_(clock),
        validator_(validator) {}

  // store_operations.cc
  Result<http::Response> CreateDatastore(const Call& call) const;
  Result<http::Response> GetDatastore(const Call& call) const;
  Result<http::Response> ListDatastores(const Call& call) const;
  Result<http::Response> DeleteDatastore(const Call& call) const;
  Result<http::Response> TagResource(const Call& call) const;
  Result<http::Response> UntagResource(const Call& call) const;
  Result<http::Response> ListTagsForResource(const Call& call) const;
  // job_operations.cc
  Result<http::Response> StartDicomImportJob(const Call& call) const;
  Result<http::Response> GetDicomImportJob(const Call& call) const;
  Result<http::Response> ListDicomImportJobs(const Call& call) const;
  // image_set_operations.cc
  Result<http::Response> GetImageSet(const Call& call) const;
  Result<http::Response> ListImageSetVersions(const Call& call) const;
  Result<http::Response> UpdateImageSetMetadata(const Call& call) const;
  Result<http::Response> CopyImageSet(const Call& call) const;
  Result<http::Response> DeleteImageSet(const Call& call) const;
  // search_operations.cc
  Result<http::Response> SearchImageSets(const Call& call) const;
  // content_operations.cc
  Result<http::Response> GetImageSetMetadata(const Call& call) const;
  Result<http::Response> GetImageFrame(const Call& call) const;
  // GET .../getImageFrame?imageFrameId=, which AWS does not have: cacheable, with ranges and
  // levels.
  Result<http::Response> GetImageFrameByUrl(const Call& call) const;

 private:
  // Where a list goes on, or empty. Errors: kInvalid.
  Result<std::string> PositionOf(const Call& call) const;
  void SetNextToken(const Call& call, std::string_view position, json::Value* response) const;
  static uint32_t PageSize(const Call& call);
  Result<std::shared_ptr<const image_store::OpenDataStore>> Use(const Call& call) const;
  Result<json::Value> JobProperties(const std::string& store_id, const jobs::Job& job,
                                    bool summary) const;
  std::string_view StorageTier(const image_store::ImageSetProperties& properties) const;

  const std::string secret_;
  image_store::DataStores& stores_;
  const Clock& clock_;
  const service_model::Validator& validator_;
};

// Members that several answers have.
json::Value Text(std::string_view text);
json::Value Timestamp(int64_t unix_ms);
// A version in a request, or UINT32_MAX for one that cannot be: 0 and what does not fit.
uint32_t VersionOf(const json::Value& object, std::string_view name);

}  // namespace tarn::healthimaging::internal
