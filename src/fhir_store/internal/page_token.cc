#include "fhir_store/internal/page_token.h"

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/digest.h"

namespace tarn::fhir_store {
namespace {

constexpr uint8_t kForm = 1;
constexpr size_t kDigestBytes = 8;
constexpr size_t kMacBytes = 16;
constexpr size_t kTokenBytesMax = 1024;

Error BadToken() { return Invalid("Invalid pagination token."); }

std::string MacOf(std::string_view secret, std::string_view bytes) {
  return crypto::HmacSha256(secret, bytes).substr(0, kMacBytes);
}

}  // namespace

std::string QueryDigest(const fhir::SearchQuery& query) {
  std::string text;
  for (const fhir::TypeId type : query.types) AppendBe16(&text, type);
  text.push_back(query.system_level ? 's' : 't');
  if (query.compartment.has_value()) {
    AppendBe16(&text, query.compartment->type);
    text.append(query.compartment->id);
  }
  text.push_back('?');
  text.append(fhir::SearchQueryText(query));
  return crypto::Sha256(text).substr(0, kDigestBytes);
}

std::string EncodePageToken(const PageToken& token, std::string_view query_digest,
                            std::string_view secret) {
  std::string bytes(1, static_cast<char>(kForm));
  AppendBe64(&bytes, token.sequence);
  bytes.append(query_digest);
  AppendBe16(&bytes, token.after.type);
  AppendBe32(&bytes, token.after.ordinal);
  for (const auto& value : token.after.values) {
    bytes.push_back(value.has_value() ? 1 : 0);
    if (!value.has_value()) continue;
    CHECK(value->size() <= UINT8_MAX);
    bytes.push_back(static_cast<char>(value->size()));
    bytes.append(*value);
  }
  bytes.append(MacOf(secret, bytes));
  return Base64UrlEncode(bytes);
}

Result<PageToken> DecodePageToken(std::string_view text, std::string_view query_digest,
                                  size_t sort_keys, std::string_view secret) {
  if (text.size() > kTokenBytesMax) return BadToken();
  const auto decoded = Base64UrlDecode(text);
  if (!decoded.ok() || decoded.value().size() < kMacBytes) return BadToken();
  const std::string_view all = decoded.value();
  const std::string_view signed_part = all.substr(0, all.size() - kMacBytes);
  if (!crypto::ConstantTimeEquals(MacOf(secret, signed_part), all.substr(signed_part.size()))) {
    return BadToken();
  }
  ByteReader reader(signed_part);
  PageToken token;
  const uint8_t form = reader.U8();
  token.sequence = reader.Be64();
  const std::string_view digest = reader.Take(kDigestBytes);
  token.after.type = reader.Be16();
  token.after.ordinal = reader.Be32();
  for (size_t i = 0; i < sort_keys; ++i) {
    std::optional<std::string> value;
    if (reader.U8() != 0) value = std::string(reader.Take(reader.U8()));
    token.after.values.push_back(std::move(value));
  }
  if (form != kForm || digest != query_digest || !reader.AtEnd()) return BadToken();
  return token;
}

}  // namespace tarn::fhir_store
