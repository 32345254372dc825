// Look-ups in the generated tables: one multiplication and, nearly always, one probe.
#include "dicom/dictionary.h"

#include <array>
#include <string>

#include "dicom/internal/tables.h"

namespace tarn::dicom {
namespace {

using internal::DictionaryRow;
using internal::kSlotCount;

struct VrRow {
  char text[3];
  uint8_t unit_bytes;
  bool long_length;
  bool binary;
  bool character_set;
  bool single_text;
  bool number;
  bool text_value;
  uint32_t characters_max;
};

// PS3.5 table 6.2-1, in the order of enum Vr. The limits of LT, ST and the long texts are not
// those of a field on a screen and are not warned about beyond their own.
constexpr VrRow kVrs[] = {
    {"AE", 1, false, false, false, false, false, true, 16},
    {"AS", 1, false, false, false, false, false, true, 4},
    {"AT", 2, false, false, false, false, false, false, 0},
    {"CS", 1, false, false, false, false, false, true, 16},
    {"DA", 1, false, false, false, false, false, true, 8},
    {"DS", 1, false, false, false, false, false, true, 16},
    {"DT", 1, false, false, false, false, false, true, 26},
    {"FD", 8, false, false, false, false, true, false, 0},
    {"FL", 4, false, false, false, false, true, false, 0},
    {"IS", 1, false, false, false, false, false, true, 12},
    {"LO", 1, false, false, true, false, false, true, 64},
    {"LT", 1, false, false, true, true, false, true, 10240},
    {"OB", 1, true, true, false, false, false, false, 0},
    {"OD", 8, true, true, false, false, false, false, 0},
    {"OF", 4, true, true, false, false, false, false, 0},
    {"OL", 4, true, true, false, false, false, false, 0},
    {"OV", 8, true, true, false, false, false, false, 0},
    {"OW", 2, true, true, false, false, false, false, 0},
    {"PN", 1, false, false, true, false, false, true, 64 * 3 + 2},
    {"SH", 1, false, false, true, false, false, true, 16},
    {"SL", 4, false, false, false, false, true, false, 0},
    {"SQ", 1, true, false, false, false, false, false, 0},
    {"SS", 2, false, false, false, false, true, false, 0},
    {"ST", 1, false, false, true, true, false, true, 1024},
    {"SV", 8, true, false, false, false, true, false, 0},
    {"TM", 1, false, false, false, false, false, true, 16},
    {"UC", 1, true, false, true, false, false, true, 0},
    {"UI", 1, false, false, false, false, false, true, 64},
    {"UL", 4, false, false, false, false, true, false, 0},
    {"UN", 1, true, true, false, false, false, false, 0},
    {"UR", 1, true, false, false, true, false, true, 0},
    {"US", 2, false, false, false, false, true, false, 0},
    {"UT", 1, true, false, true, true, false, true, 0},
    {"UV", 8, true, false, false, false, true, false, 0},
    {"--", 1, true, false, false, false, false, false, 0},
};
static_assert(std::size(kVrs) == static_cast<size_t>(Vr::kItem) + 1);

constexpr const VrRow& Row(Vr vr) { return kVrs[static_cast<size_t>(vr)]; }

// Two capital letters to Vr + 1.
constexpr std::array<uint8_t, 26 * 26> MakeVrIndex() {
  std::array<uint8_t, 26 * 26> out{};
  for (size_t i = 0; i < static_cast<size_t>(Vr::kItem); ++i) {
    out[(kVrs[i].text[0] - 'A') * 26 + (kVrs[i].text[1] - 'A')] = static_cast<uint8_t>(i + 1);
  }
  return out;
}
constexpr std::array<uint8_t, 26 * 26> kVrIndex = MakeVrIndex();

std::string_view KeywordOf(const DictionaryRow& row) {
  return {internal::kKeywordPool + row.keyword_begin, row.keyword_bytes};
}

DictionaryEntry ToEntry(const DictionaryRow& row) {
  return {row.tag,
          KeywordOf(row),
          static_cast<Vr>(row.vr),
          row.vm_min,
          row.vm_max,
          (row.flags & internal::kRowSigned) != 0,
          (row.flags & internal::kRowRetired) != 0,
          static_cast<Level>(row.level)};
}

// The tag under which the dictionary has it: overlays and curves repeat in even groups.
constexpr Tag FirstGroup(Tag tag) {
  const uint32_t family = tag >> 24;
  return (family == 0x50 || family == 0x60) && !IsPrivate(tag) ? tag & 0xFF00FFFF : tag;
}

}  // namespace

std::string_view VrText(Vr vr) { return {Row(vr).text, 2}; }

std::optional<Vr> ParseVr(char first, char second) {
  const unsigned a = static_cast<unsigned>(first - 'A');
  const unsigned b = static_cast<unsigned>(second - 'A');
  if (a >= 26 || b >= 26) return std::nullopt;
  const uint8_t found = kVrIndex[a * 26 + b];
  if (found == 0) return std::nullopt;
  return static_cast<Vr>(found - 1);
}

bool HasLongLength(Vr vr) { return Row(vr).long_length; }
uint32_t UnitBytes(Vr vr) { return Row(vr).unit_bytes; }
bool IsBinary(Vr vr) { return Row(vr).binary; }
bool HasCharacterSet(Vr vr) { return Row(vr).character_set; }
bool IsSingleText(Vr vr) { return Row(vr).single_text; }
bool IsNumber(Vr vr) { return Row(vr).number; }
bool IsText(Vr vr) { return Row(vr).text_value; }
uint32_t ValueCharactersMax(Vr vr) { return Row(vr).characters_max; }

std::optional<DictionaryEntry> FindAttribute(Tag tag) {
  const Tag wanted = FirstGroup(tag);
  for (uint32_t at = internal::HashSlot(wanted);; at = (at + 1) % kSlotCount) {
    const uint16_t slot = internal::kTagSlots[at];
    if (slot == 0) return std::nullopt;
    const DictionaryRow& row = internal::kDictionaryRows[slot - 1];
    if (row.tag == wanted) return ToEntry(row);
  }
}

std::optional<DictionaryEntry> FindAttribute(std::string_view keyword) {
  uint32_t hash = 2166136261u;
  for (const char c : keyword) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  for (uint32_t at = internal::HashSlot(hash);; at = (at + 1) % kSlotCount) {
    const uint16_t slot = internal::kKeywordSlots[at];
    if (slot == 0) return std::nullopt;
    const DictionaryRow& row = internal::kDictionaryRows[slot - 1];
    if (KeywordOf(row) == keyword) return ToEntry(row);
  }
}

std::string TagHex(Tag tag) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out(8, '0');
  for (int i = 7; i >= 0; --i, tag >>= 4) out[i] = kDigits[tag & 15];
  return out;
}

std::optional<Tag> ParseTagHex(std::string_view text) {
  if (text.size() != 8) return std::nullopt;
  Tag tag = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    const char lower = static_cast<char>(c | 0x20);
    if (!digit && (lower < 'a' || lower > 'f')) return std::nullopt;
    tag = tag << 4 | static_cast<uint32_t>(digit ? c - '0' : lower - 'a' + 10);
  }
  return tag;
}

std::string AttributeName(Tag tag) {
  const auto entry = FindAttribute(tag);
  if (entry && entry->tag == tag) return std::string(entry->keyword);
  const std::string hex = TagHex(tag);
  return "(" + hex.substr(0, 4) + "," + hex.substr(4) + ")";
}

}  // namespace tarn::dicom
