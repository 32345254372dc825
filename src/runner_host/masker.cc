#include "runner_host/masker.h"

#include <algorithm>
#include <array>

#include "base/uri.h"
#include "json/writer.h"

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

void Masker::Add(std::string secret) {
  if (secret.size() < kSecretBytesMin) return;
  std::string quoted;
  json::AppendString(&quoted, secret);
  for (std::string form : {secret, PercentEncode(secret), quoted.substr(1, quoted.size() - 2)}) {
    if (std::ranges::find(secrets_, form) == secrets_.end()) secrets_.push_back(std::move(form));
  }
  // The longest first: a secret may be part of another one.
  std::ranges::stable_sort(
      secrets_, [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
}

bool Masker::Holds(std::string_view text) const {
  return std::ranges::any_of(
      secrets_, [&](const std::string& secret) { return text.find(secret) != text.npos; });
}

std::string Masker::Text(std::string_view text) const {
  std::string out(text);
  for (const std::string& secret : secrets_) {
    for (size_t at = out.find(secret); at != out.npos; at = out.find(secret, at + kMask.size())) {
      out.replace(at, secret.size(), kMask);
    }
  }
  return out;
}

json::Value Masker::Value(const json::Value& value) const {
  if (secrets_.empty()) return value;
  if (value.IsString()) return json::Value::String(Text(value.AsString()));
  if (value.IsArray()) {
    json::Value out = json::Value::MakeArray();
    for (const json::Value& item : value.items()) out.Append(Value(item));
    return out;
  }
  if (!value.IsObject()) return value;
  json::Value::Object members;
  for (const auto& [name, member] : value.members()) members.emplace_back(name, Value(member));
  return json::Value::MakeObject(std::move(members));
}

std::string Masker::Header(std::string_view name, std::string_view value) const {
  return IsCredentialHeader(name) ? std::string(kMask) : Text(value);
}

}  // namespace tarn::runner_host
