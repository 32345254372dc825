// Values of elements, one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dicom/instance.h"

namespace tarn::dicom::internal {

// Without leading and trailing spaces and trailing NULs.
std::string_view Trim(std::string_view text);
// Without trailing spaces and NULs, which pad values to even length (PS3.5 6.2).
std::string_view TrimEnd(std::string_view text);

// The n-th number of a numeric element: US, SS, UL, SL, SV and UV up to 2^63 - 1.
std::optional<int64_t> IntegerAt(const Instance& instance, const Element& element, uint32_t index);

// Little-endian bits of the n-th unit of `unit_bytes` (1, 2, 4, 8) bytes.
uint64_t UnitAt(std::string_view raw, bool big_endian, uint32_t unit_bytes, uint32_t index);

// Appends the JSON number, or string where JSON has no such number, at that index of a value of
// AT, FD, FL, SL, SS, SV, UL, US, UV.
void AppendNumber(std::string_view raw, const Element& element, uint32_t index, std::string* out);

// Appends Base64 of the value, its units in little endian.
void AppendBase64(std::string_view raw, const Element& element, std::string* out);

}  // namespace tarn::dicom::internal
