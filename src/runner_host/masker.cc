#include "runner_host/masker.h"

#include <algorithm>
#include <array>

namespace tarn::runner_host {
namespace {

constexpr std::string_view kMask = "***";
constexpr std::array<std::string_view, 9> kCredentialHeaders = {
    "authorization", "proxy-authorization",  "cookie",
    "set-cookie",    "x-amz-security-token", "x-api-key",
    "api-key",       "x-auth-token",         "www-authenticate"};

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool SameIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return LowerAscii(x) == LowerAscii(y); });
}

bool IsCredentialHeader(std::string_view name) {
  return std::ranges::any_of(kCredentialHeaders,
                             [&](std::string_view known) { return SameIgnoringCase(known, name); });
}

std::string MaskHeader(const arazzo::SecretMask& mask, std::string_view name,
                       std::string_view value) {
  return IsCredentialHeader(name) ? std::string(kMask) : mask.Mask(std::string(value));
}

bool HoldsSecret(const arazzo::SecretMask& mask, const std::string& text) {
  return !mask.empty() && mask.Mask(text) != text;
}

}  // namespace tarn::runner_host
