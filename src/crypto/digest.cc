// OpenSSL's algorithms are fetched once (EVP_*_fetch costs more than hashing a short text does),
// and each thread keeps one context for the one-shot functions.
#include "crypto/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/check.h"

namespace tarn::crypto {
namespace {

struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeDigestContext>;

struct FreeMacContext {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeMacContext>;

// The fetched algorithms live until the process ends.
const EVP_MD* Algorithm(DigestKind kind) {
  static const EVP_MD* const algorithms[] = {EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                             EVP_MD_fetch(nullptr, "SHA1", nullptr),
                                             EVP_MD_fetch(nullptr, "MD5", nullptr)};
  const EVP_MD* algorithm = algorithms[static_cast<size_t>(kind)];
  CHECK(algorithm != nullptr);
  return algorithm;
}

DigestContext NewDigestContext() {
  DigestContext context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  return context;
}

std::string FinishDigest(EVP_MD_CTX* context) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned bytes = 0;
  CHECK(EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(out.data()), &bytes) == 1);
  out.resize(bytes);
  return out;
}

std::string OneShot(DigestKind kind, std::string_view bytes) {
  thread_local const DigestContext context = NewDigestContext();
  CHECK(EVP_DigestInit_ex2(context.get(), Algorithm(kind), nullptr) == 1);
  CHECK(EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1);
  return FinishDigest(context.get());
}

MacContext NewHmacSha256Context() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  CHECK(algorithm != nullptr);
  MacContext context(EVP_MAC_CTX_new(algorithm));
  CHECK(context != nullptr);
  char name[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                   OSSL_PARAM_construct_end()};
  CHECK(EVP_MAC_CTX_set_params(context.get(), parameters) == 1);
  return context;
}

}  // namespace

std::string Sha256(std::string_view bytes) { return OneShot(DigestKind::kSha256, bytes); }
std::string Sha1(std::string_view bytes) { return OneShot(DigestKind::kSha1, bytes); }
std::string Md5(std::string_view bytes) { return OneShot(DigestKind::kMd5, bytes); }

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  thread_local const MacContext context = NewHmacSha256Context();
  // A null key would mean "keep the last one", so an empty key still needs an address.
  const char* key_data = key.empty() ? "" : key.data();
  CHECK(EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key_data), key.size(),
                     nullptr) == 1);
  CHECK(EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(bytes.data()),
                       bytes.size()) == 1);
  std::string out(32, '\0');
  size_t size = 0;
  CHECK(EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                      out.size()) == 1);
  CHECK(size == out.size());
  return out;
}

struct Digest::State {
  DigestContext context = NewDigestContext();
  bool finished = false;
};

Digest::Digest(DigestKind kind) : state_(std::make_unique<State>()) {
  CHECK(EVP_DigestInit_ex2(state_->context.get(), Algorithm(kind), nullptr) == 1);
}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::Update(std::string_view bytes) {
  CHECK(!state_->finished);
  CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

std::string Digest::Finish() {
  CHECK(!state_->finished);
  state_->finished = true;
  return FinishDigest(state_->context.get());
}

bool ConstantTimeEquals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tarn::crypto
