#include "arazzo/secrets.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "arazzo/limits.h"
#include "base/bytes.h"
#include "base/uri.h"

namespace tarn::arazzo {
namespace {

using json::Value;

constexpr std::string_view kOpen = "\xC2\xAB";   // «
constexpr std::string_view kClose = "\xC2\xBB";  // »
constexpr std::string_view kLiteral = "=";
constexpr std::string_view kPrefix = "secret ";
constexpr std::string_view kMasked = "***";

std::string FormEncode(std::string_view text) {
  std::string out = PercentEncode(text);
  for (size_t at = out.find("%20"); at != out.npos; at = out.find("%20", at + 1)) {
    out.replace(at, 3, "+");
  }
  return out;
}

std::string LowerHex(std::string text) {
  for (size_t at = text.find('%'); at != text.npos; at = text.find('%', at + 1)) {
    for (size_t i = at + 1; i < std::min(at + 3, text.size()); ++i) {
      if (text[i] >= 'A' && text[i] <= 'F') text[i] = static_cast<char>(text[i] + 32);
    }
  }
  return text;
}

// As it stands between the quotes of a JSON string.
std::string JsonEscape(std::string_view text) {
  std::string out = json::ToText(Value::String(std::string(text)));
  return out.substr(1, out.size() - 2);
}

}  // namespace

void SecretMask::Add(std::string_view name, std::string_view value) {
  if (value.empty()) return;
  Secret secret;
  secret.name = name;
  // Marks are split at blanks and end at their closing sign.
  for (char& c : secret.name) {
    if (c == ' ' || static_cast<uint8_t>(c) >= 0x80) c = '_';
  }
  secret.value = value;
  const auto add = [&](std::string_view suffix, std::string form) {
    const bool known =
        std::ranges::any_of(secret.forms, [&](const auto& other) { return other.first == form; });
    if (!known) secret.forms.emplace_back(std::move(form), suffix);
  };
  add("", std::string(value));
  add("%", PercentEncode(value));
  add("%a", LowerHex(PercentEncode(value)));
  add("+", FormEncode(value));
  add("\\", JsonEscape(value));
  add("64", Base64Encode(value));
  const MutexLock lock(mutex_);
  const auto same = [&](const Secret& other) { return other.value == value; };
  if (std::ranges::any_of(secrets_, same)) return;
  const auto taken = [&](const Secret& other) { return other.name == secret.name; };
  while (std::ranges::any_of(secrets_, taken)) secret.name += "'";
  secrets_.push_back(std::move(secret));
  // A secret that holds another one is found first.
  std::ranges::stable_sort(secrets_, std::ranges::greater(),
                           [](const Secret& s) { return s.value.size(); });
}

bool SecretMask::empty() const {
  const MutexLock lock(mutex_);
  return secrets_.empty();
}

// One walk over the text; at each byte the forms are tried, those of longer secrets first. With
// kEscape a mark of the text itself becomes «=», so that it never reads as one of ours.
template <typename Write>
std::string SecretMask::Replace(std::string_view text, Marks marks, const Write& write) const {
  std::array<bool, 256> may_begin = {};
  may_begin[static_cast<uint8_t>(kOpen[0])] = marks == Marks::kEscape;
  for (const Secret& secret : secrets_) {
    if (secret.value == text) return write(secret, std::string_view());
    if (secret.value.size() < kSecretBytesMin) continue;
    for (const auto& form : secret.forms) may_begin[static_cast<uint8_t>(form.first[0])] = true;
  }
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t next = at;
    while (next < text.size() && !may_begin[static_cast<uint8_t>(text[next])]) ++next;
    out += text.substr(at, next - at);
    at = next;
    const std::string_view rest = text.substr(at);
    if (rest.empty()) break;
    size_t taken = 0;
    for (const Secret& secret : secrets_) {
      if (secret.value.size() < kSecretBytesMin) continue;
      const auto form = std::ranges::find_if(
          secret.forms, [&](const auto& candidate) { return rest.starts_with(candidate.first); });
      if (form == secret.forms.end()) continue;
      out += write(secret, form->second);
      taken = form->first.size();
      break;
    }
    if (taken == 0 && marks == Marks::kEscape && rest.starts_with(kOpen)) {
      out.append(kOpen).append(kLiteral).append(kClose);
      taken = kOpen.size();
    }
    if (taken == 0) {
      out.push_back(rest[0]);
      taken = 1;
    }
    at += taken;
  }
  return out;
}

std::string SecretMask::Mask(std::string text) const {
  const MutexLock lock(mutex_);
  if (secrets_.empty()) return text;
  return Replace(text, Marks::kKeep,
                 [](const Secret&, std::string_view) { return std::string(kMasked); });
}

Value SecretMask::Mask(const Value& value) const {
  if (value.IsString()) return Value::String(Mask(value.AsString()));
  if (value.IsNumber()) {
    const std::string masked = Mask(value.NumberToken());
    return masked == value.NumberToken() ? value : Value::String(masked);
  }
  if (value.IsArray()) {
    Value::Array items;
    for (const Value& item : value.items()) items.push_back(Mask(item));
    return Value::MakeArray(std::move(items));
  }
  if (!value.IsObject()) return value;
  Value::Object members;
  for (const auto& [name, member] : value.members()) {
    members.emplace_back(Mask(name), Mask(member));
  }
  return Value::MakeObject(std::move(members));
}

std::string SecretMask::Seal(std::string_view bytes) const {
  const MutexLock lock(mutex_);
  return Replace(bytes, Marks::kEscape, [](const Secret& secret, std::string_view form) {
    std::string out(kOpen);
    out.append(kPrefix).append(secret.name);
    if (!form.empty()) out.append(" ").append(form);
    return out.append(kClose);
  });
}

std::string SecretMask::Unseal(std::string_view bytes) const {
  const MutexLock lock(mutex_);
  std::string out;
  for (size_t at = 0; at < bytes.size();) {
    const size_t open = std::min(bytes.find(kOpen, at), bytes.size());
    out += bytes.substr(at, open - at);
    if (open == bytes.size()) break;
    const size_t close = bytes.find(kClose, open);
    const size_t inside = open + kOpen.size();
    if (close == bytes.npos) return out.append(bytes.substr(open));
    std::string_view name = bytes.substr(inside, close - inside);
    at = close + kClose.size();
    if (name == kLiteral) {
      out += kOpen;
      continue;
    }
    const std::string_view whole = bytes.substr(open, at - open);
    if (!name.starts_with(kPrefix)) {
      out += whole;
      continue;
    }
    name.remove_prefix(kPrefix.size());
    const size_t blank = name.find(' ');
    const std::string_view form = blank == name.npos ? std::string_view() : name.substr(blank + 1);
    name = name.substr(0, blank);
    const auto secret = std::ranges::find(secrets_, name, &Secret::name);
    const std::string* value = nullptr;
    if (secret != secrets_.end()) {
      for (const auto& candidate : secret->forms) {
        if (candidate.second == form && value == nullptr) value = &candidate.first;
      }
    }
    out += value == nullptr ? whole : std::string_view(*value);
  }
  return out;
}

std::string ShowSealed(std::string_view sealed) {
  std::string out;
  for (size_t at = 0; at < sealed.size();) {
    const size_t open = std::min(sealed.find(kOpen, at), sealed.size());
    out += sealed.substr(at, open - at);
    const size_t close = open == sealed.size() ? sealed.npos : sealed.find(kClose, open);
    if (close == sealed.npos) return out.append(sealed.substr(open));
    const std::string_view name = sealed.substr(open + kOpen.size(), close - open - kOpen.size());
    out += name == kLiteral ? kOpen : name.starts_with(kPrefix) ? kMasked : std::string_view();
    at = close + kClose.size();
  }
  return out;
}

}  // namespace tarn::arazzo
