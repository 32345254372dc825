// Functions on Strings. Positions and lengths count characters (code points), not bytes.
// Spec: FHIRPath N1 "String Manipulation"; split, join, trim, encode, escape: the draft after it.
#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "fhir/internal/fhirpath_machine.h"
#include "fhir/internal/fhirpath_regex.h"

namespace tarn::fhir::internal {
namespace {

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

int64_t CountCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); });
}

// The byte at which the `characters`-th character begins, or the end.
size_t ByteOf(std::string_view text, int64_t characters) {
  size_t at = 0;
  while (at < text.size() && characters > 0) {
    ++at;
    while (at < text.size() && IsContinuation(text[at])) ++at;
    --characters;
  }
  return at;
}

// Simple case mapping, character by character: the sharp s stays one letter.
std::string ChangeCase(std::string_view text, bool upper) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    utf8proc_int32_t code = 0;
    const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + i,
                                        static_cast<utf8proc_ssize_t>(text.size() - i), &code);
    if (bytes <= 0) {  // Not UTF-8: hex decoding may make such texts.
      out += text[i++];
      continue;
    }
    utf8proc_uint8_t encoded[4];
    const auto size =
        utf8proc_encode_char(upper ? utf8proc_toupper(code) : utf8proc_tolower(code), encoded);
    out.append(reinterpret_cast<const char*>(encoded), static_cast<size_t>(size));
    i += static_cast<size_t>(bytes);
  }
  return out;
}

constexpr std::string_view kSpaces = " \t\r\n\f\v";

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

// ---- Encodings ----

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kHex = "0123456789abcdef";

std::string EncodeBase64(std::string_view text, std::string_view alphabet) {
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t bits = 0;
    const size_t bytes = std::min<size_t>(3, text.size() - i);
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < bytes ? static_cast<uint8_t>(text[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += k <= bytes ? alphabet[(bits >> (18 - 6 * k)) & 63] : '=';
    }
  }
  return out;
}

std::optional<std::string> DecodeBase64(std::string_view text, std::string_view alphabet) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const size_t value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>((bits >> count) & 0xFF);
  }
  return out;
}

std::string EncodeHex(std::string_view text) {
  std::string out;
  for (char c : text) {
    out += kHex[static_cast<uint8_t>(c) >> 4];
    out += kHex[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

std::optional<std::string> DecodeHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < text.size(); i += 2) {
    const std::string pair = ChangeCase(text.substr(i, 2), false);
    const size_t high = kHex.find(pair[0]);
    const size_t low = kHex.find(pair[1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

struct Escaped {
  std::string_view plain, escaped;
};
constexpr std::array<Escaped, 5> kHtml = {
    {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}}};
constexpr std::array<Escaped, 7> kJson = {{{"\\", "\\\\"},
                                           {"\"", "\\\""},
                                           {"\n", "\\n"},
                                           {"\r", "\\r"},
                                           {"\t", "\\t"},
                                           {"\f", "\\f"},
                                           {"\b", "\\b"}}};

std::string Escape(std::string_view text, std::span<const Escaped> rows, bool unescape) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const Escaped& r) {
      return text.substr(i).starts_with(unescape ? r.escaped : r.plain);
    });
    if (row == rows.end()) {
      out += text[i++];
      continue;
    }
    out += unescape ? row->plain : row->escaped;
    i += unescape ? row->escaped.size() : row->plain.size();
  }
  return out;
}

}  // namespace

bool Machine::InputText(const Call& call, std::string_view* text, bool* empty) {
  return SingleText(call.op, call.input, text, empty);
}

bool Machine::FindText(const Call& call) {
  std::string_view text;
  std::string_view part;
  bool empty = false;
  bool part_empty = false;
  if (!InputText(call, &text, &empty) || !TextArgument(call, 0, &part, &part_empty)) return false;
  if (empty || part_empty) return ReturnEmpty(call);
  const bool last = call.op.function == FunctionId::kLastIndexOf;
  const size_t at = last ? text.rfind(part) : text.find(part);
  if (at == std::string_view::npos) return Return(call, IntegerItem(-1));
  return Return(call, IntegerItem(CountCharacters(text.substr(0, at))));
}

bool Machine::Substring(const Call& call) {
  std::string_view text;
  int64_t start = 0;
  int64_t length = INT64_MAX;
  bool empty = false;
  bool start_empty = false;
  bool length_empty = true;
  Range range;
  if (!InputText(call, &text, &empty)) return false;
  if (!Argument(call, 0, &range)) return false;
  if (!SingleInteger(call.op, range, &start, &start_empty)) return false;
  if (ArgumentCount(call) > 1) {
    if (!Argument(call, 1, &range)) return false;
    if (!SingleInteger(call.op, range, &length, &length_empty)) return false;
  }
  if (length_empty) length = INT64_MAX;
  if (empty || start_empty || start < 0) return ReturnEmpty(call);
  if (start >= CountCharacters(text)) return ReturnEmpty(call);
  text.remove_prefix(ByteOf(text, start));
  if (length < 0) length = 0;
  return ReturnText(call, std::string(text.substr(0, ByteOf(text, length))));
}

bool Machine::TestText(const Call& call) {
  std::string_view text;
  std::string_view part;
  bool empty = false;
  bool part_empty = false;
  if (!InputText(call, &text, &empty) || !TextArgument(call, 0, &part, &part_empty)) return false;
  if (empty || part_empty) return ReturnEmpty(call);
  bool result = text.find(part) != std::string_view::npos;
  if (call.op.function == FunctionId::kStartsWith) result = text.starts_with(part);
  if (call.op.function == FunctionId::kEndsWith) result = text.ends_with(part);
  return Return(call, BooleanItem(result));
}

bool Machine::ChangeText(const Call& call) {
  std::string_view text;
  bool empty = false;
  if (!InputText(call, &text, &empty)) return false;
  if (empty) return ReturnEmpty(call);
  if (call.op.function == FunctionId::kTrim) return ReturnText(call, std::string(Trimmed(text)));
  return ReturnText(call, ChangeCase(text, call.op.function == FunctionId::kUpper));
}

bool Machine::ReplaceTexts(const Call& call, std::string_view* text, std::string_view* pattern,
                           std::string_view* with, bool* empty) {
  bool none[3] = {false, false, false};
  if (!InputText(call, text, &none[0]) || !TextArgument(call, 0, pattern, &none[1]) ||
      !TextArgument(call, 1, with, &none[2])) {
    return false;
  }
  *empty = none[0] || none[1] || none[2];
  return true;
}

bool Machine::Replace(const Call& call) {
  std::string_view text;
  std::string_view part;
  std::string_view with;
  bool empty = false;
  if (!ReplaceTexts(call, &text, &part, &with, &empty)) return false;
  if (empty) return ReturnEmpty(call);
  std::string out;
  // An empty pattern stands before each character and at the end.
  const auto append_character = [&](size_t* at) {
    const size_t next = *at + ByteOf(text.substr(*at), 1);
    out += text.substr(*at, next - *at);
    *at = next;
  };
  for (size_t at = 0; at < text.size();) {
    if (out.size() > limits_.text_memory_bytes_max) break;  // PushText then refuses it.
    if (part.empty()) {
      out += with;
      append_character(&at);
    } else if (text.substr(at).starts_with(part)) {
      out += with;
      at += part.size();
    } else {
      append_character(&at);
    }
  }
  if (part.empty()) out += with;
  return ReturnText(call, std::move(out));
}

bool Machine::MatchText(const Call& call) {
  std::string_view text;
  std::string_view pattern;
  bool empty = false;
  bool pattern_empty = false;
  if (!InputText(call, &text, &empty) || !TextArgument(call, 0, &pattern, &pattern_empty)) {
    return false;
  }
  if (empty || pattern_empty) return ReturnEmpty(call);
  const bool full = call.op.function == FunctionId::kMatchesFull;
  const auto matches =
      full ? regexes_->MatchesFully(text, pattern) : regexes_->Matches(text, pattern);
  if (!matches.ok()) return Fail(call.op, matches.error().kind, matches.error().detail);
  return Return(call, BooleanItem(matches.value()));
}

bool Machine::ReplaceMatches(const Call& call) {
  std::string_view text;
  std::string_view pattern;
  std::string_view with;
  bool empty = false;
  if (!ReplaceTexts(call, &text, &pattern, &with, &empty)) return false;
  if (empty) return ReturnEmpty(call);
  if (pattern.empty()) return ReturnText(call, std::string(text));
  // Before the memory is spent: every character might be a match.
  if ((text.size() + 1) * (with.size() + 1) > limits_.text_memory_bytes_max) {
    return Fail(call.op, ErrorKind::kTooLarge, "the replaced text may become too large");
  }
  auto replaced = regexes_->Replace(text, pattern, with);
  if (!replaced.ok()) return Fail(call.op, replaced.error().kind, replaced.error().detail);
  return ReturnText(call, std::move(replaced).value());
}

bool Machine::Length(const Call& call) {
  std::string_view text;
  bool empty = false;
  if (!InputText(call, &text, &empty)) return false;
  if (empty) return ReturnEmpty(call);
  return Return(call, IntegerItem(CountCharacters(text)));
}

bool Machine::ToChars(const Call& call) {
  std::string_view text;
  bool empty = false;
  if (!InputText(call, &text, &empty)) return false;
  const size_t out = Top();
  while (!empty && !text.empty()) {
    const size_t bytes = ByteOf(text, 1);
    if (!Push(TextItem(text.substr(0, bytes)))) return false;
    text.remove_prefix(bytes);
  }
  return Keep(call.base, out);
}

bool Machine::Split(const Call& call) {
  std::string_view text;
  std::string_view separator;
  bool empty = false;
  bool separator_empty = false;
  if (!InputText(call, &text, &empty) || !TextArgument(call, 0, &separator, &separator_empty)) {
    return false;
  }
  if (empty || separator_empty) return ReturnEmpty(call);
  const size_t out = Top();
  if (separator.empty()) {
    if (!ToChars({call.op, call.frame, call.input, Top()})) return false;
    return Keep(call.base, out);
  }
  for (;;) {
    const size_t at = text.find(separator);
    if (!Push(TextItem(text.substr(0, at)))) return false;
    if (at == std::string_view::npos) return Keep(call.base, out);
    text.remove_prefix(at + separator.size());
  }
}

bool Machine::Join(const Call& call) {
  std::string_view separator;
  bool empty = true;
  if (ArgumentCount(call) > 0 && !TextArgument(call, 0, &separator, &empty)) return false;
  if (call.input.empty()) return ReturnEmpty(call);
  std::string out;
  bool first = true;
  for (size_t i = call.input.begin; i < call.input.end; ++i) {
    PathItem item = stack_[i];
    if (!ToValue(&item)) return false;
    if (!HasValue(item)) continue;
    if (item.kind != PathKind::kString) return Fail(call.op, "join() takes Strings");
    if (!first) out += separator;
    first = false;
    out += TextOf(item.text);
    if (out.size() > limits_.text_memory_bytes_max) break;  // PushText then refuses it.
  }
  return ReturnText(call, std::move(out));
}

bool Machine::Encode(const Call& call) {
  std::string_view text;
  std::string_view form;
  bool empty = false;
  bool form_empty = false;
  if (!InputText(call, &text, &empty) || !TextArgument(call, 0, &form, &form_empty)) return false;
  if (empty || form_empty) return ReturnEmpty(call);
  const bool encode = call.op.function == FunctionId::kEncode;
  if (form == "hex") {
    if (encode) return ReturnText(call, EncodeHex(text));
    auto decoded = DecodeHex(text);
    return decoded ? ReturnText(call, std::move(*decoded)) : ReturnEmpty(call);
  }
  if (form != "base64" && form != "urlbase64") {
    return Fail(call.op, "encodings are 'hex', 'base64' and 'urlbase64'");
  }
  const std::string_view alphabet = form == "base64" ? kBase64 : kBase64Url;
  if (encode) return ReturnText(call, EncodeBase64(text, alphabet));
  auto decoded = DecodeBase64(text, alphabet);
  return decoded ? ReturnText(call, std::move(*decoded)) : ReturnEmpty(call);
}

bool Machine::Escape(const Call& call) {
  std::string_view text;
  std::string_view target;
  bool empty = false;
  bool target_empty = false;
  if (!InputText(call, &text, &empty) || !TextArgument(call, 0, &target, &target_empty)) {
    return false;
  }
  if (empty || target_empty) return ReturnEmpty(call);
  const bool unescape = call.op.function == FunctionId::kUnescape;
  if (target == "html") return ReturnText(call, internal::Escape(text, kHtml, unescape));
  if (target == "json") return ReturnText(call, internal::Escape(text, kJson, unescape));
  return Fail(call.op, "escapes are 'html' and 'json'");
}

}  // namespace tarn::fhir::internal
