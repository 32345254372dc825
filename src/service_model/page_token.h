// NextToken: opaque, URL-safe and authenticated, so that a client can neither read nor make one,
// and cannot use one with another operation or other filters than it was given for.
//
//   base64url( position | HMAC-SHA256(secret, context | position)[0, 16) )
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tarn::service_model {

// `context`: all that the token is bound to (operation, filters), in one form for equal requests.
// The same position gives the same token.
std::string MakePageToken(std::string_view secret, std::string_view context,
                          std::string_view position);

// The position. Errors: kInvalid.
Result<std::string> ReadPageToken(std::string_view secret, std::string_view context,
                                  std::string_view token);

}  // namespace tarn::service_model
