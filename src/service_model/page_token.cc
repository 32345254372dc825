#include "service_model/page_token.h"

#include "base/bytes.h"
#include "crypto/digest.h"

namespace tarn::service_model {
namespace {

constexpr size_t kMacBytes = 16;

std::string Mac(std::string_view secret, std::string_view context, std::string_view position) {
  std::string bytes = "tarn page token 1";
  AppendBe64(&bytes, context.size());
  bytes.append(context).append(position);
  return crypto::HmacSha256(secret, bytes).substr(0, kMacBytes);
}

}  // namespace

std::string MakePageToken(std::string_view secret, std::string_view context,
                          std::string_view position) {
  return Base64UrlEncode(std::string(position) + Mac(secret, context, position));
}

Result<std::string> ReadPageToken(std::string_view secret, std::string_view context,
                                  std::string_view token) {
  const Error refused = Invalid(
      "1 validation error detected: Value at 'nextToken' failed to satisfy constraint: Member must "
      "be the NextToken of a response to the same request");
  const auto bytes = Base64UrlDecode(token);
  if (!bytes.ok() || bytes.value().size() <= kMacBytes) return refused;
  const std::string_view all = bytes.value();
  const std::string_view position = all.substr(0, all.size() - kMacBytes);
  if (!crypto::ConstantTimeEquals(all.substr(position.size()), Mac(secret, context, position))) {
    return refused;
  }
  return std::string(position);
}

}  // namespace tarn::service_model
