// Credentials and region from where the AWS tools look for them.
// Spec: AWS SDKs and Tools Reference Guide, "Shared config and credentials files" and
// "Environment variables".
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "crypto/sigv4.h"
#include "runner_host/environment.h"

namespace tarn::runner_host {

struct AwsSettings {
  std::optional<crypto::Credentials> credentials;
  std::string region;   // Empty: none is configured.
  std::string missing;  // Without credentials: where they were looked for.
};

// In this order: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; the profile
// named by AWS_PROFILE (else AWS_DEFAULT_PROFILE, else "default") in AWS_SHARED_CREDENTIALS_FILE
// (~/.aws/credentials), then in AWS_CONFIG_FILE (~/.aws/config). The region: AWS_REGION,
// AWS_DEFAULT_REGION, the profile's. Having none is no error.
// Errors: kInvalid (half a key pair, a line that is none, a named profile that is nowhere),
// kUnsupported (a profile that gets its credentials from a process, from SSO or by a role),
// kTooLarge.
Result<AwsSettings> FindAwsSettings(const Environment& environment);

}  // namespace tarn::runner_host
