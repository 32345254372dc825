// Whether single values obey their value representation (PS3.5 6.2).
#pragma once

#include <string_view>

#include "dicom/dictionary.h"
#include "json/value.h"

namespace tarn::dicom::internal {

// PS3.5 9.1: at most 64 characters, components of digits without leading zeros.
bool IsUid(std::string_view uid);

// What an identifier may hold that is no UID by the standard: nothing that means something in a
// path, a URL or a key. Not empty.
bool IsHarmlessIdentifier(std::string_view uid);

// One value of a text VR, in UTF-8, without padding.
bool IsValidText(Vr vr, std::string_view text);

// One value of the metadata document, of a VR that is no sequence: text, number, or Base64. Null
// is valid for all.
bool IsValidValue(Vr vr, const json::Value& value);

// Characters of well-formed UTF-8.
size_t Characters(std::string_view utf8);

}  // namespace tarn::dicom::internal
