#include "dicom/internal/values.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/bytes.h"

namespace tarn::dicom::internal {
namespace {

template <typename T>
void AppendFloat(T value, std::string* out) {
  if (std::isnan(value)) {
    *out += "\"NaN\"";
  } else if (std::isinf(value)) {
    *out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    char text[64];
    const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
    out->append(text, end);
  }
}

template <typename T>
void AppendInteger(T value, std::string* out) {
  char text[24];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  out->append(text, end);
}

}  // namespace

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  return text;
}

std::string_view Trim(std::string_view text) {
  text = TrimEnd(text);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

uint64_t UnitAt(std::string_view raw, bool big_endian, uint32_t unit_bytes, uint32_t index) {
  const auto* p = reinterpret_cast<const uint8_t*>(raw.data()) + uint64_t{index} * unit_bytes;
  uint64_t value = 0;
  for (uint32_t i = 0; i < unit_bytes; ++i) {
    value = value << 8 | p[big_endian ? i : unit_bytes - 1 - i];
  }
  return value;
}

std::optional<int64_t> IntegerAt(const Instance& instance, const Element& element, uint32_t index) {
  const std::string_view raw = instance.Raw(element);
  const uint32_t unit = UnitBytes(element.vr);
  if (raw.size() / unit <= index) return std::nullopt;
  const uint64_t bits = UnitAt(raw, element.big_endian, unit, index);
  switch (element.vr) {
    case Vr::kUs:
    case Vr::kUl:
      return static_cast<int64_t>(bits);
    case Vr::kUv:
      if (bits > INT64_MAX) return std::nullopt;
      return static_cast<int64_t>(bits);
    case Vr::kSs:
      return static_cast<int16_t>(bits);
    case Vr::kSl:
      return static_cast<int32_t>(bits);
    case Vr::kSv:
      return static_cast<int64_t>(bits);
    default:
      return std::nullopt;
  }
}

void AppendNumber(std::string_view raw, const Element& element, uint32_t index, std::string* out) {
  const auto unit = [&](uint32_t bytes, uint32_t i) {
    return UnitAt(raw, element.big_endian, bytes, i);
  };
  switch (element.vr) {
    case Vr::kAt:
      *out += '"';
      *out += TagHex(static_cast<Tag>(unit(2, index * 2) << 16 | unit(2, index * 2 + 1)));
      *out += '"';
      return;
    case Vr::kFd:
      return AppendFloat(std::bit_cast<double>(unit(8, index)), out);
    case Vr::kFl:
      return AppendFloat(std::bit_cast<float>(static_cast<uint32_t>(unit(4, index))), out);
    case Vr::kSl:
      return AppendInteger(static_cast<int32_t>(unit(4, index)), out);
    case Vr::kSs:
      return AppendInteger(static_cast<int16_t>(unit(2, index)), out);
    case Vr::kSv:
      return AppendInteger(static_cast<int64_t>(unit(8, index)), out);
    default:
      return AppendInteger(unit(UnitBytes(element.vr), index), out);
  }
}

void AppendBase64(std::string_view raw, const Element& element, std::string* out) {
  const uint32_t unit = UnitBytes(element.vr);
  if (!element.big_endian || unit == 1) {
    *out += Base64Encode(raw);
    return;
  }
  std::string swapped(raw);
  for (size_t i = 0; i + unit <= swapped.size(); i += unit) {
    std::reverse(swapped.begin() + static_cast<ptrdiff_t>(i),
                 swapped.begin() + static_cast<ptrdiff_t>(i + unit));
  }
  *out += Base64Encode(swapped);
}

}  // namespace tarn::dicom::internal
