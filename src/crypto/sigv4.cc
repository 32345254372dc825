// Both sides use one canonicaliser, so what the signer sends is what the verifier accepts. It works
// on the request as sent: escapes are read and written again in one form, so that a client which
// leaves '(' as it is and one that writes %28 sign the same text, while two requests with different
// meanings never do. (A '+' in a query is therefore a space here, as ParseQuery reads it.)
#include "crypto/sigv4.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/uri.h"
#include "crypto/digest.h"

namespace tarn::crypto {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";
constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
constexpr int64_t kSkewMaxMs = 5 * 60'000;
constexpr int64_t kSkewMaxS3Ms = 15 * 60'000;
constexpr uint32_t kExpiresMaxS = 604'800;       // A week. Beyond: kInvalid.
constexpr size_t kAuthorizationBytesMax = 8192;  // kInvalid
constexpr size_t kSignedHeadersMax = 100;        // kInvalid

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Without space at the ends, and with one space for each run of it inside: line folds too.
std::string CanonicalValue(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  bool pending = false;
  for (const char c : value) {
    if (IsSpace(c)) {
      pending = !out.empty();
      continue;
    }
    if (pending) out.push_back(' ');
    pending = false;
    out.push_back(c);
  }
  return out;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

enum class Part : uint8_t { kPath, kQuery };

// Reads escapes and writes them in the one form. In a path '/' separates and %2F does not.
std::string Recode(std::string_view text, Part part) {
  std::string out;
  out.reserve(text.size() + 16);
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    const int high = c == '%' && i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    if (low >= 0) {
      c = static_cast<char>(high << 4 | low);
      i += 2;
    } else if (c == '/' && part == Part::kPath) {
      out.push_back('/');
      continue;
    } else if (c == '+' && part == Part::kQuery) {
      c = ' ';
    }
    out += PercentEncode(std::string_view(&c, 1));
  }
  return out;
}

// RFC 3986 5.2.4, with empty segments dropped.
std::string NormalizePath(std::string_view path) {
  std::vector<std::string_view> segments;
  std::string_view rest = path;
  while (!rest.empty()) {
    const size_t size = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, size);
    rest.remove_prefix(std::min(rest.size(), size + 1));
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
      continue;
    }
    segments.push_back(segment);
  }
  std::string out;
  for (const std::string_view segment : segments) out.append("/").append(segment);
  if (out.empty() || path.ends_with('/')) out.push_back('/');
  return out;
}

std::string CanonicalPath(std::string_view path, PathRule rule) {
  if (path.empty()) return "/";
  if (rule == PathRule::kAsSent) return Recode(path, Part::kPath);
  return PercentEncode(NormalizePath(path), Slash::kKeep);
}

std::string CanonicalQuery(std::string_view query) {
  Fields pairs;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    std::string name = Recode(pair.substr(0, equals), Part::kQuery);
    if (name == "X-Amz-Signature") continue;
    const std::string_view value = pair.substr(std::min(pair.size(), equals + 1));
    pairs.emplace_back(std::move(name), Recode(value, Part::kQuery));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out.push_back('&');
    out.append(name).append("=").append(value);
  }
  return out;
}

std::string JoinNames(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out.push_back(';');
    out += name;
  }
  return out;
}

std::string StringToSign(std::string_view time, std::string_view scope,
                         std::string_view canonical_request) {
  return std::string(kAlgorithm) + "\n" + std::string(time) + "\n" + std::string(scope) + "\n" +
         HexEncode(Sha256(canonical_request));
}

std::string Signature(std::string_view secret, std::string_view date, const SigningScope& scope,
                      std::string_view string_to_sign) {
  std::string key = "AWS4" + std::string(secret);
  for (const std::string_view part :
       {date, std::string_view(scope.region), std::string_view(scope.service), kTerminator}) {
    key = HmacSha256(key, part);
  }
  return HexEncode(HmacSha256(key, string_to_sign));
}

std::string ScopeText(std::string_view date, const SigningScope& scope) {
  return std::string(date) + "/" + scope.region + "/" + scope.service + "/" +
         std::string(kTerminator);
}

// Fields that proxies and client libraries change or add after signing.
bool IsSignable(std::string_view lower_name) {
  static constexpr std::array<std::string_view, 13> kUnsignable = {
      "authorization",  "cache-control",
      "connection",     "expect",
      "keep-alive",     "pragma",
      "referer",        "te",
      "trailer",        "transfer-encoding",
      "upgrade",        "user-agent",
      "x-amzn-trace-id"};
  return std::find(kUnsignable.begin(), kUnsignable.end(), lower_name) == kUnsignable.end();
}

struct Counted {
  std::string value;
  size_t count = 0;
};
Counted FindField(const Fields& headers, std::string_view lower_name) {
  Counted found;
  for (const auto& [name, value] : headers) {
    if (Lower(name) != lower_name) continue;
    if (found.count++ == 0) found.value = value;
  }
  return found;
}

Status ParseCredential(std::string_view text, Claim* claim) {
  // From the end, because a key id may hold a slash.
  std::array<std::string, 4> parts;
  for (size_t i = parts.size(); i-- > 0;) {
    const size_t slash = text.rfind('/');
    if (slash == std::string_view::npos) return Invalid("the credential has no scope");
    parts[i] = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  if (parts[3] != kTerminator) return Invalid("the credential's scope does not end right");
  if (text.empty()) return Invalid("the credential has no key id");
  claim->access_key_id = text;
  claim->date = parts[0];
  claim->region = parts[1];
  claim->service = parts[2];
  return Ok();
}

Status ParseSignedHeaders(std::string_view text, Claim* claim) {
  while (!text.empty()) {
    const size_t size = std::min(text.find(';'), text.size());
    const std::string name(text.substr(0, size));
    text.remove_prefix(std::min(text.size(), size + 1));
    if (name.empty() || Lower(name) != name ||
        (!claim->signed_headers.empty() && name <= claim->signed_headers.back())) {
      return Invalid("the signed headers are not lower-case, sorted and different");
    }
    if (claim->signed_headers.size() == kSignedHeadersMax)
      return Invalid("too many signed headers");
    claim->signed_headers.push_back(name);
  }
  if (claim->signed_headers.empty()) return Invalid("no signed headers");
  return Ok();
}

Status ParseSignature(std::string_view text, Claim* claim) {
  const bool hex = text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
                     return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                   });
  if (!hex) return Invalid("the signature is not 64 lower-case hexadecimal digits");
  claim->signature = text;
  return Ok();
}

Status ParseTime(std::string_view text, Claim* claim) {
  if (text.size() != 16 || !ParseAwsBasicTime(text).ok()) {
    return Invalid("x-amz-date is not like 20260102T030405Z");
  }
  claim->time = text;
  if (claim->time.substr(0, 8) != claim->date) {
    return Invalid("the credential's date is not that of x-amz-date");
  }
  return Ok();
}

Result<Claim> ParseHeaderClaim(const SigningInput& input, std::string_view value) {
  if (value.size() > kAuthorizationBytesMax) return Invalid("the authorization field is too long");
  if (!value.starts_with(kAlgorithm) || value.size() == kAlgorithm.size() ||
      value[kAlgorithm.size()] != ' ') {
    return Invalid("the authorization is not " + std::string(kAlgorithm));
  }
  value.remove_prefix(kAlgorithm.size());
  std::optional<std::string_view> credential;
  std::optional<std::string_view> signed_headers;
  std::optional<std::string_view> signature;
  while (!value.empty()) {
    while (!value.empty() && (value.front() == ' ' || value.front() == ',')) value.remove_prefix(1);
    if (value.empty()) break;
    const size_t size = std::min(value.find_first_of(", "), value.size());
    const std::string_view part = value.substr(0, size);
    value.remove_prefix(size);
    const size_t equals = std::min(part.find('='), part.size());
    const std::string_view name = part.substr(0, equals);
    auto* target = name == "Credential"      ? &credential
                   : name == "SignedHeaders" ? &signed_headers
                   : name == "Signature"     ? &signature
                                             : nullptr;
    if (target == nullptr || target->has_value() || equals == part.size()) {
      return Invalid("the authorization field has an unknown or repeated part");
    }
    *target = part.substr(equals + 1);
  }
  if (!credential || !signed_headers || !signature) {
    return Invalid("the authorization field lacks Credential, SignedHeaders or Signature");
  }
  Claim claim;
  TRY(ParseCredential(*credential, &claim));
  TRY(ParseSignedHeaders(*signed_headers, &claim));
  TRY(ParseSignature(*signature, &claim));
  const Counted time = FindField(input.headers, "x-amz-date");
  if (time.count != 1) return Invalid("x-amz-date is missing or repeated");
  TRY(ParseTime(time.value, &claim));
  return claim;
}

Result<Claim> ParseQueryClaim(const QueryParameters& query) {
  Claim claim;
  claim.presigned = true;
  std::array<std::string, 6> values;
  static constexpr std::array<std::string_view, 6> kNames = {
      "X-Amz-Algorithm", "X-Amz-Credential",    "X-Amz-Date",
      "X-Amz-Expires",   "X-Amz-SignedHeaders", "X-Amz-Signature"};
  for (size_t i = 0; i < kNames.size(); ++i) {
    size_t count = 0;
    for (const auto& [name, value] : query) {
      if (name != kNames[i]) continue;
      values[i] = value;
      ++count;
    }
    if (count != 1) return Invalid(std::string(kNames[i]) + " is missing or repeated");
  }
  if (values[0] != kAlgorithm) return Invalid("X-Amz-Algorithm is not " + std::string(kAlgorithm));
  TRY(ParseCredential(values[1], &claim));
  TRY(ParseTime(values[2], &claim));
  const std::string& expires = values[3];
  const auto [end, error] =
      std::from_chars(expires.data(), expires.data() + expires.size(), claim.expires_s);
  if (error != std::errc() || end != expires.data() + expires.size() || claim.expires_s == 0 ||
      claim.expires_s > kExpiresMaxS) {
    return Invalid("X-Amz-Expires is not 1 to " + std::to_string(kExpiresMaxS));
  }
  TRY(ParseSignedHeaders(values[4], &claim));
  TRY(ParseSignature(values[5], &claim));
  return claim;
}

Error Refused(std::string detail) { return {ErrorKind::kUnauthenticated, std::move(detail)}; }

Status CheckTime(const Claim& claim, const SigningScope& scope, int64_t now_unix_ms) {
  TRY(const int64_t signed_ms, ParseAwsBasicTime(claim.time));
  const int64_t skew = scope.service == "s3" ? kSkewMaxS3Ms : kSkewMaxMs;
  if (signed_ms > now_unix_ms + skew) return Refused("the request is signed in the future");
  const int64_t valid_ms = claim.presigned ? int64_t{claim.expires_s} * 1000 : skew;
  if (now_unix_ms > signed_ms + valid_ms) return Refused("the request has expired");
  return Ok();
}

// What decides about the request must be signed, and be there once.
Status CheckSignedHeaders(const Claim& claim, const SigningInput& input) {
  const auto is_signed = [&](std::string_view name) {
    return std::binary_search(claim.signed_headers.begin(), claim.signed_headers.end(), name);
  };
  if (!is_signed("host")) return Refused("the host field is not signed");
  for (const std::string& name : claim.signed_headers) {
    const size_t count = FindField(input.headers, name).count;
    if (count == 0) return Refused("a signed field is missing: " + name);
    if (count > 1 && (name == "host" || name.starts_with("x-amz-"))) {
      return Refused("a field is repeated: " + name);
    }
  }
  for (const auto& field : input.headers) {
    const std::string name = Lower(field.first);
    // Some services take the session token behind the signature; it says by itself whose it is.
    if (name.starts_with("x-amz-") && name != "x-amz-security-token" && !is_signed(name)) {
      return Refused("a field is not signed: " + name);
    }
  }
  const Counted hash = FindField(input.headers, "x-amz-content-sha256");
  if (hash.count > 0 && hash.value != input.payload_hash) {
    return Refused("x-amz-content-sha256 is not that of the body");
  }
  return Ok();
}

}  // namespace

PathRule PathRuleOf(std::string_view service) {
  return service == "s3" ? PathRule::kAsSent : PathRule::kNormalizeAndEncode;
}

std::string CanonicalRequest(const SigningInput& input, PathRule rule,
                             const std::vector<std::string>& signed_headers) {
  std::string out = input.method + "\n" + CanonicalPath(input.path, rule) + "\n" +
                    CanonicalQuery(input.query) + "\n";
  for (const std::string& name : signed_headers) {
    out.append(name).push_back(':');
    bool first = true;
    for (const auto& [field, value] : input.headers) {
      if (Lower(field) != name) continue;
      if (!first) out.push_back(',');
      first = false;
      out += CanonicalValue(value);
    }
    out.push_back('\n');
  }
  return out + "\n" + JoinNames(signed_headers) + "\n" + input.payload_hash;
}

std::vector<std::pair<std::string, std::string>> Sign(const SigningInput& input,
                                                      const SigningScope& scope,
                                                      const Credentials& credentials,
                                                      int64_t unix_ms) {
  SigningInput signed_input = input;
  Fields added;
  const std::string time = FormatAwsBasicTime(unix_ms);
  added.emplace_back("x-amz-date", time);
  if (scope.service == "s3") added.emplace_back("x-amz-content-sha256", input.payload_hash);
  if (!credentials.session_token.empty()) {
    added.emplace_back("x-amz-security-token", credentials.session_token);
  }
  signed_input.headers.insert(signed_input.headers.end(), added.begin(), added.end());
  std::vector<std::string> names;
  for (const auto& field : signed_input.headers) {
    std::string name = Lower(field.first);
    if (IsSignable(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  CHECK(std::binary_search(names.begin(), names.end(), "host"));
  const std::string date = time.substr(0, 8);
  const std::string scope_text = ScopeText(date, scope);
  const std::string signature =
      Signature(credentials.secret_access_key, date, scope,
                StringToSign(time, scope_text,
                             CanonicalRequest(signed_input, PathRuleOf(scope.service), names)));
  added.emplace_back("authorization", std::string(kAlgorithm) +
                                          " Credential=" + credentials.access_key_id + "/" +
                                          scope_text + ", SignedHeaders=" + JoinNames(names) +
                                          ", Signature=" + signature);
  return added;
}

Result<Claim> ParseClaim(const SigningInput& input) {
  TRY(const QueryParameters query, ParseQuery(input.query));
  const bool in_query = std::any_of(query.begin(), query.end(), [](const auto& parameter) {
    return parameter.first == "X-Amz-Signature" || parameter.first == "X-Amz-Algorithm" ||
           parameter.first == "X-Amz-Credential";
  });
  const Counted authorization = FindField(input.headers, "authorization");
  if (in_query && authorization.count > 0) {
    return Invalid("the request is signed both in its fields and in its query");
  }
  if (in_query) return ParseQueryClaim(query);
  if (authorization.count == 0) return Invalid("the request is not signed");
  if (authorization.count > 1) return Invalid("the authorization field is repeated");
  return ParseHeaderClaim(input, authorization.value);
}

Status Verify(const Claim& claim, const SigningInput& input, const SigningScope& scope,
              std::string_view secret_access_key, int64_t now_unix_ms) {
  if (claim.region != scope.region) return Refused("signed for region " + claim.region);
  if (claim.service != scope.service) return Refused("signed for service " + claim.service);
  TRY(CheckTime(claim, scope, now_unix_ms));
  TRY(CheckSignedHeaders(claim, input));
  SigningInput seen = input;
  // S3's presigned URLs do not cover a body unless they say its hash.
  if (claim.presigned && scope.service == "s3" &&
      FindField(input.headers, "x-amz-content-sha256").count == 0) {
    seen.payload_hash = kUnsignedPayload;
  }
  const std::string expected = Signature(
      secret_access_key, claim.date, scope,
      StringToSign(claim.time, ScopeText(claim.date, scope),
                   CanonicalRequest(seen, PathRuleOf(scope.service), claim.signed_headers)));
  if (!ConstantTimeEquals(expected, claim.signature)) {
    return Refused("the signature does not match the request and the secret");
  }
  return Ok();
}

}  // namespace tarn::crypto
