// What is hidden beyond known secrets: headers that carry credentials.
#pragma once

#include <string>
#include <string_view>

#include "arazzo/secrets.h"

namespace tarn::runner_host {

// Whether a header of that name carries credentials (Authorization, Cookie, X-Api-Key, ...).
bool IsCredentialHeader(std::string_view name);

// A header's value for people: that of such a header is hidden whole.
std::string MaskHeader(const arazzo::SecretMask& mask, std::string_view name,
                       std::string_view value);

bool HoldsSecret(const arazzo::SecretMask& mask, const std::string& text);

bool SameIgnoringCase(std::string_view a, std::string_view b);

}  // namespace tarn::runner_host
