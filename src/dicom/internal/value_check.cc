#include "dicom/internal/value_check.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "dicom/internal/values.h"
#include "dicom/tag.h"

namespace tarn::dicom::internal {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool AllDigits(std::string_view text) { return std::all_of(text.begin(), text.end(), IsDigit); }

uint32_t TwoDigits(std::string_view text, size_t at) {
  return static_cast<uint32_t>(text[at] - '0') * 10 + static_cast<uint32_t>(text[at + 1] - '0');
}

// YYYYMMDD, or a part of it from the left of 4, 6 or 8 digits when `partial`.
bool IsDate(std::string_view text, size_t bytes_min) {
  if (text.size() < bytes_min || text.size() > 8 || text.size() % 2 != 0 || !AllDigits(text)) {
    return false;
  }
  if (text.size() >= 6 && (TwoDigits(text, 4) < 1 || TwoDigits(text, 4) > 12)) return false;
  if (text.size() < 8) return true;
  static constexpr uint32_t kDays[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const uint32_t day = TwoDigits(text, 6);
  return day >= 1 && day <= kDays[TwoDigits(text, 4) - 1];
}

// HH, HHMM, HHMMSS, HHMMSS.F{1,6}; empty is none.
bool IsTime(std::string_view text) {
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  if (point != std::string_view::npos) {
    const std::string_view fraction = text.substr(point + 1);
    if (whole.size() != 6 || fraction.empty() || fraction.size() > 6 || !AllDigits(fraction)) {
      return false;
    }
  }
  if (whole.empty() || whole.size() > 6 || whole.size() % 2 != 0 || !AllDigits(whole)) return false;
  if (TwoDigits(whole, 0) > 23) return false;
  if (whole.size() >= 4 && TwoDigits(whole, 2) > 59) return false;
  return whole.size() < 6 || TwoDigits(whole, 4) <= 60;
}

// YYYY[MM[DD[HH[MM[SS[.F]]]]]][&ZZZZ]
bool IsDateTime(std::string_view text) {
  const size_t zone = text.find_first_of("+-");
  if (zone != std::string_view::npos) {
    const std::string_view offset = text.substr(zone + 1);
    if (offset.size() != 4 || !AllDigits(offset)) return false;
    text = text.substr(0, zone);
  }
  if (text.size() <= 8) return IsDate(text, 4);
  return IsDate(text.substr(0, 8), 8) && IsTime(text.substr(8));
}

bool IsAge(std::string_view text) {
  return text.size() == 4 && AllDigits(text.substr(0, 3)) &&
         std::string_view("DWMY").find(text[3]) != std::string_view::npos;
}

bool IsIntegerString(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool IsDecimalString(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) {
    return false;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool IsCode(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return IsDigit(c) || (c >= 'A' && c <= 'Z') || c == ' ' || c == '_';
  });
}

// At most three component groups of 64 characters, each of at most five components.
bool IsPersonName(std::string_view text) {
  size_t groups = 0;
  for (bool more = true; more; ++groups) {
    const size_t end = text.find('=');
    more = end != std::string_view::npos;
    const std::string_view group = text.substr(0, end);
    if (Characters(group) > 64 || std::count(group.begin(), group.end(), '^') > 4) return false;
    if (more) text.remove_prefix(end + 1);
  }
  return groups <= 3;
}

bool HasControl(std::string_view text, std::string_view allowed) {
  return std::any_of(text.begin(), text.end(), [&](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return (byte < 0x20 || byte == 0x7F) && allowed.find(c) == std::string_view::npos;
  });
}

bool IsIntegerWithin(const json::Value& value, int64_t low, int64_t high) {
  const auto number = value.AsInt();
  return number && *number >= low && *number <= high;
}

}  // namespace

size_t Characters(std::string_view utf8) {
  return static_cast<size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool IsUid(std::string_view uid) {
  if (uid.empty() || uid.size() > 64) return false;
  size_t begin = 0;
  for (size_t i = 0; i <= uid.size(); ++i) {
    if (i < uid.size() && IsDigit(uid[i])) continue;
    if (i < uid.size() && uid[i] != '.') return false;
    if (i == begin || (uid[begin] == '0' && i - begin > 1)) return false;
    begin = i + 1;
  }
  return true;
}

bool IsHarmlessIdentifier(std::string_view uid) {
  if (uid.empty() || uid.find("..") != std::string_view::npos || uid.front() == '.' ||
      uid.back() == '.') {
    return false;
  }
  return std::all_of(uid.begin(), uid.end(), [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
  });
}

bool IsValidText(Vr vr, std::string_view text) {
  const uint32_t max = ValueCharactersMax(vr);
  if (max > 0 && Characters(text) > max) return false;
  if (!IsSingleText(vr) && text.find('\\') != std::string_view::npos) return false;
  if (HasControl(text, IsSingleText(vr) ? "\t\n\f\r" : "")) return false;
  switch (vr) {
    case Vr::kAs:
      return IsAge(text);
    case Vr::kCs:
      return IsCode(text);
    case Vr::kDa:
      return IsDate(text, 8);
    case Vr::kDs:
      return IsDecimalString(Trim(text));
    case Vr::kDt:
      return IsDateTime(text);
    case Vr::kIs:
      return IsIntegerString(Trim(text));
    case Vr::kPn:
      return IsPersonName(text);
    case Vr::kTm:
      return IsTime(text);
    case Vr::kUi:
      return IsUid(text);
    default:
      return true;
  }
}

bool IsValidValue(Vr vr, const json::Value& value) {
  if (value.IsNull()) return true;
  if (IsText(vr)) {
    // DS and IS are strings in the document; a number says the same.
    const bool number = value.IsNumber() && (vr == Vr::kDs || vr == Vr::kIs);
    if (number) return IsValidText(vr, value.NumberToken());
    return value.IsString() && IsValidText(vr, value.AsString());
  }
  if (IsBinary(vr)) return value.IsString() && Base64Decode(value.AsString()).ok();
  switch (vr) {
    case Vr::kAt:
      return value.IsString() && ParseTagHex(value.AsString()).has_value();
    case Vr::kUs:
      return IsIntegerWithin(value, 0, UINT16_MAX);
    case Vr::kSs:
      return IsIntegerWithin(value, INT16_MIN, INT16_MAX);
    case Vr::kUl:
      return IsIntegerWithin(value, 0, UINT32_MAX);
    case Vr::kSl:
      return IsIntegerWithin(value, INT32_MIN, INT32_MAX);
    case Vr::kUv:
      return IsIntegerWithin(value, 0, INT64_MAX);
    case Vr::kSv:
      return value.AsInt().has_value();
    case Vr::kFd:
    case Vr::kFl:
      return value.IsNumber();
    default:
      return false;
  }
}

}  // namespace tarn::dicom::internal
