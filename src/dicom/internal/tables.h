// What tools/dicom_tables.py writes: the data dictionary and the character sets, in read-only
// memory, sorted and hashed when building, so that a process starts with nothing to load.
#pragma once

#include <cstdint>

namespace tarn::dicom::internal {

struct DictionaryRow {
  uint32_t tag;
  uint32_t keyword_begin;  // In kKeywordPool.
  uint8_t keyword_bytes;
  uint8_t vr;      // As enum Vr.
  uint8_t vm_min;  // PS3.6: values at least and at most;
  uint8_t vm_max;  // 255 is "n".
  uint8_t level;   // As enum Level.
  uint8_t flags;   // kRowSigned, kRowRetired.
};
inline constexpr uint8_t kRowSigned = 1;  // "US or SS": by Pixel Representation.
inline constexpr uint8_t kRowRetired = 2;

inline constexpr uint32_t kSlotCount = 16384;
extern const char kKeywordPool[];
extern const uint32_t kDictionaryCount;
extern const DictionaryRow kDictionaryRows[];     // Ascending tags.
extern const uint16_t kTagSlots[kSlotCount];      // Row + 1 by HashSlot(tag), linear probing.
extern const uint16_t kKeywordSlots[kSlotCount];  // The same by the keyword's FNV-1a.

inline constexpr uint32_t HashSlot(uint32_t value) { return (value * 0x9E3779B1u) >> 18; }

// Code points of the basic plane; 0 is no character.
inline constexpr uint32_t kUpperCount = 96;  // Bytes 0xA0 to 0xFF.
extern const uint16_t kUpperLatin1[kUpperCount];
extern const uint16_t kUpperLatin2[kUpperCount];
extern const uint16_t kUpperLatin3[kUpperCount];
extern const uint16_t kUpperLatin4[kUpperCount];
extern const uint16_t kUpperCyrillic[kUpperCount];
extern const uint16_t kUpperArabic[kUpperCount];
extern const uint16_t kUpperGreek[kUpperCount];
extern const uint16_t kUpperHebrew[kUpperCount];
extern const uint16_t kUpperLatin5[kUpperCount];
extern const uint16_t kUpperLatin9[kUpperCount];
extern const uint16_t kUpperTis620[kUpperCount];

inline constexpr uint32_t kCellCount = 94 * 94;  // [row 0x21..0x7E][cell 0x21..0x7E]
extern const uint16_t kJisX0208[kCellCount];
extern const uint16_t kJisX0212[kCellCount];
extern const uint16_t kKsX1001[kCellCount];
extern const uint16_t kGb2312[kCellCount];

inline constexpr uint32_t kGbkTrails = 0xFF - 0x40;  // Trail bytes 0x40 to 0xFE.
inline constexpr uint32_t kGbkCount = (0xFF - 0x81) * kGbkTrails;
extern const uint16_t kGbk[kGbkCount];
extern const uint16_t kGb18030[kGbkCount];

// A run of four-byte sequences of GB18030 and the run of code points that it stands for.
struct Gb18030Range {
  uint32_t first;       // Linear index of the first sequence.
  uint32_t code_point;  // Of the first one.
  uint32_t count;
};
extern const uint32_t kGb18030RangeCount;
extern const Gb18030Range kGb18030Ranges[];

}  // namespace tarn::dicom::internal
