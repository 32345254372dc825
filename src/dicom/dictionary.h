// The data dictionary (PS3.6, 2022b) and value representations (PS3.5 6.2).
// Threads: everything here is constant.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dicom/tag.h"

namespace tarn::dicom {

// In the order of tools/dicom_tables.py.
enum class Vr : uint8_t {
  kAe,
  kAs,
  kAt,
  kCs,
  kDa,
  kDs,
  kDt,
  kFd,
  kFl,
  kIs,
  kLo,
  kLt,
  kOb,
  kOd,
  kOf,
  kOl,
  kOv,
  kOw,
  kPn,
  kSh,
  kSl,
  kSq,
  kSs,
  kSt,
  kSv,
  kTm,
  kUc,
  kUi,
  kUl,
  kUn,
  kUr,
  kUs,
  kUt,
  kUv,
  kItem,  // No VR: an item of a sequence.
};

std::string_view VrText(Vr vr);                      // "OB"
std::optional<Vr> ParseVr(char first, char second);  // Upper case only.
// Explicit VR gives these a length of 32 bits (PS3.5 7.1.2).
bool HasLongLength(Vr vr);
// Bytes of one number (PS3.5 7.3 swaps them): 1 for texts and bytes; AT is two numbers of 2.
uint32_t UnitBytes(Vr vr);
// Raw bytes, which JSON carries as Base64: OB, OD, OF, OL, OV, OW, UN.
bool IsBinary(Vr vr);
// Texts in the data set's Specific Character Set: LO, LT, PN, SH, ST, UC, UT.
bool HasCharacterSet(Vr vr);
// Texts in which a backslash is no delimiter: LT, ST, UR, UT.
bool IsSingleText(Vr vr);
bool IsNumber(Vr vr);  // FD, FL, SL, SS, SV, UL, US, UV.
bool IsText(Vr vr);    // Everything with characters, numbers in them (DS, IS) included.
// The most characters that one value may have (PS3.5 6.2); 0 is no limit below 2^32.
uint32_t ValueCharactersMax(Vr vr);

// At which level HealthImaging's metadata keeps an attribute (levels.txt).
enum class Level : uint8_t { kInstance = 0, kPatient = 1, kStudy = 2, kSeries = 3 };

struct DictionaryEntry {
  Tag tag = 0;  // Of the first group where groups repeat (60xx).
  std::string_view keyword;
  Vr vr = Vr::kUn;  // What implicit VR means; see signed_by_pixels.
  uint8_t vm_min = 1;
  uint8_t vm_max = 1;             // 255 is "n".
  bool signed_by_pixels = false;  // US or SS: SS when Pixel Representation is 1.
  bool retired = false;
  Level level = Level::kInstance;
};
inline constexpr uint8_t kVmUnbounded = 255;

// Groups 5000 to 50FE and 6000 to 60FE find the entry of the first group.
std::optional<DictionaryEntry> FindAttribute(Tag tag);
std::optional<DictionaryEntry> FindAttribute(std::string_view keyword);

}  // namespace tarn::dicom
