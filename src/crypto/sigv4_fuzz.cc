// Claims from outside: whatever an Authorization field or a query holds, parsing ends in a claim of
// the promised form or an error, and no claim made without the secret verifies.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "crypto/sigv4.h"

namespace {

using tarn::crypto::Claim;
using tarn::crypto::SigningInput;

void CheckClaim(const SigningInput& input) {
  const tarn::Result<Claim> claim = tarn::crypto::ParseClaim(input);
  if (!claim.ok()) return;
  const Claim& value = claim.value();
  CHECK(value.signature.size() == 64);
  CHECK(value.time.size() == 16 && value.time.substr(0, 8) == value.date);
  CHECK(!value.access_key_id.empty() && !value.signed_headers.empty());
  CHECK(value.presigned ? value.expires_s > 0 : value.expires_s == 0);
  for (size_t i = 1; i < value.signed_headers.size(); ++i) {
    CHECK(value.signed_headers[i - 1] < value.signed_headers[i]);
  }
  const tarn::crypto::SigningScope scope{value.region, value.service};
  CHECK(!tarn::crypto::Verify(value, input, scope, "a secret that nobody guesses", 1440938160000)
             .ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t cut = text.find('\n');
  SigningInput input;
  input.method = "GET";
  input.path = text.substr(0, cut);
  input.payload_hash = "UNSIGNED-PAYLOAD";
  input.headers = {{"Host", "h"}, {"X-Amz-Date", "20150830T123600Z"}};
  SigningInput presigned = input;
  presigned.query = text;
  CheckClaim(presigned);
  input.headers.emplace_back("Authorization", text);
  CheckClaim(input);
  if (cut != std::string_view::npos) {
    input.headers.back().second = text.substr(cut + 1);
    input.query = text.substr(0, cut);
    CheckClaim(input);
  }
  return 0;
}
