// AWS Signature Version 4: one canonicaliser for signing and for verifying.
// Spec: AWS General Reference, "Create a signed AWS API request". Pure: no clock, no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tarn::crypto {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // Empty: none.
};

// The request as the signature sees it.
struct SigningInput {
  std::string method;
  std::string path;   // As sent, still encoded; without query.
  std::string query;  // As sent, still encoded; without '?'.
  std::vector<std::pair<std::string, std::string>> headers;  // `host` must be among them.
  std::string payload_hash;  // Hex SHA-256 of the body, "UNSIGNED-PAYLOAD" or "STREAMING-...".
};

struct SigningScope {
  std::string region;
  std::string service;  // "healthlake", "medical-imaging", "s3"
};

// S3 signs the path as sent; every other service normalises it and encodes it a second time.
enum class PathRule : uint8_t { kNormalizeAndEncode, kAsSent };
PathRule PathRuleOf(std::string_view service);

std::string CanonicalRequest(const SigningInput& input, PathRule rule,
                             const std::vector<std::string>& signed_headers);

// The header fields to add: x-amz-date, x-amz-security-token when there is one, and authorization;
// for S3 also x-amz-content-sha256. `input.headers` must not hold any of them.
std::vector<std::pair<std::string, std::string>> Sign(const SigningInput& input,
                                                      const SigningScope& scope,
                                                      const Credentials& credentials,
                                                      int64_t unix_ms);

// What an Authorization header (or the X-Amz-* query of a presigned URL) claims.
struct Claim {
  std::string access_key_id;
  std::string date;  // 20260102
  std::string region;
  std::string service;
  std::vector<std::string> signed_headers;  // Lower case, sorted.
  std::string signature;                    // 64 lower-case hex digits.
  std::string time;                         // x-amz-date, 20260102T030405Z
  uint32_t expires_s = 0;                   // Presigned only; else 0.
  bool presigned = false;
};
// Errors: kInvalid, with what is wrong.
Result<Claim> ParseClaim(const SigningInput& input);

// Checks the claim's signature over `input` with the secret that belongs to its key id, its scope,
// its age (5 minutes either way; expires_s when presigned), and that `host` and every x-amz-*
// header are signed. Errors: kUnauthenticated, with what is wrong, never with a right signature.
Status Verify(const Claim& claim, const SigningInput& input, const SigningScope& scope,
              std::string_view secret_access_key, int64_t now_unix_ms);

}  // namespace tarn::crypto
