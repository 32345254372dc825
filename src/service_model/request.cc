#include "service_model/request.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/file.h"
#include "crypto/digest.h"

namespace tarn::service_model {
namespace {

using json::Value;

Value Canonical(const Value& value) {
  if (value.IsArray()) {
    Value out = Value::MakeArray();
    for (const Value& item : value.items()) out.Append(Canonical(item));
    return out;
  }
  if (!value.IsObject()) return value;
  Value out = Value::MakeObject();
  for (const auto& [name, member] : value.members()) {
    if (!member.IsNull()) out.members().emplace_back(name, Canonical(member));
  }
  std::sort(out.members().begin(), out.members().end(),
            [](const Value::Member& a, const Value::Member& b) { return a.first < b.first; });
  return out;
}

Error Violated(std::string_view value, std::string_view member, std::string_view constraint) {
  return Invalid("1 validation error detected: " + std::string(value) + " at '" +
                 std::string(member) + "' failed to satisfy constraint: Member " +
                 std::string(constraint));
}

}  // namespace

const Value* Present(const Value& object, std::string_view name) {
  const Value* found = object.Find(name);
  return found == nullptr || found->IsNull() ? nullptr : found;
}

std::string TextOf(const Value& object, std::string_view name) {
  const Value* found = Present(object, name);
  return found == nullptr ? "" : found->AsString();
}

bool FlagOf(const Value& object, std::string_view name) {
  const Value* found = Present(object, name);
  return found != nullptr && found->AsBool();
}

Error Violation(std::string_view member, std::string_view constraint) {
  return Violated("Value", member, constraint);
}

Error MissingMember(std::string_view member, std::string_view constraint) {
  return Violated("Value null", member, constraint);
}

std::string CanonicalText(const Value& request, const std::vector<std::string_view>& without) {
  Value canonical = Canonical(request);
  for (const std::string_view name : without) canonical.Remove(name);
  return json::ToText(canonical);
}

std::string Fingerprint(std::string_view operation, const Value& request,
                        std::string_view token_member) {
  return HexEncode(
      crypto::Sha256(std::string(operation) + "\n" + CanonicalText(request, {token_member})));
}

Result<std::string> ReadOrMakeSecret(const std::string& path, RandomSource& random) {
  auto read = ReadFile(path, kSecretBytes + 1);
  if (read.ok() && read.value().size() == kSecretBytes) return read;
  if (read.ok() || read.error().kind == ErrorKind::kTooLarge) {
    return Error{ErrorKind::kCorrupt, path + " is not a secret of this program"};
  }
  if (read.error().kind != ErrorKind::kNotFound) return read;
  std::string secret(kSecretBytes, '\0');
  random.Fill(secret);
  TRY(WriteFileAtomic(path, secret, S_IRUSR | S_IWUSR));
  return secret;
}

}  // namespace tarn::service_model
