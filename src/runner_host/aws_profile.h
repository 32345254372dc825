// What the real AWS services need and documents written for them do not say (--profile aws).
#pragma once

#include "arazzo/openapi.h"
#include "base/result.h"

namespace tarn::runner_host {

// - HealthLake (requests with X-Amz-Target): the media type is application/x-amz-json-1.0, and
//   parameters that the description puts into the query are members of the body.
// - HealthImaging: data operations go to the host runtime-medical-imaging...; of CopyImageSet,
//   SearchImageSets, GetImageFrame and UpdateImageSetMetadata the inner object is the body.
// Hosts are changed only below amazonaws.com. Errors: kInvalid (a body that is no JSON object).
Status ApplyAwsProfile(const arazzo::ApiOperation& operation, arazzo::OutgoingRequest* request);

bool IsAwsHost(std::string_view host);
// "us-east-1" of healthlake.us-east-1.amazonaws.com; empty when the host says none.
std::string RegionOfHost(std::string_view host);

}  // namespace tarn::runner_host
