#include "dicom/internal/metadata_writer.h"

#include "dicom/internal/values.h"
#include "json/writer.h"

namespace tarn::dicom::internal {
namespace {

// What is not in the dictionary is an array when it has several values.
constexpr uint8_t kVmUnknown = 0;

}  // namespace

bool IsLeftOut(const Instance& instance, const Element& element) {
  if (element.duplicate || ElementOf(element.tag) == 0) return true;
  if (element.tag == kDataSetTrailingPadding || element.tag == kExtendedOffsetTable ||
      element.tag == kExtendedOffsetTableLengths) {
    return true;
  }
  return element.depth == 0 && element.tag == instance.pixel_data().tag;
}

MetadataWriter::MetadataWriter(const Instance& instance) : instance_(instance) {
  const Element* names = instance.Find(kSpecificCharacterSet);
  if (names) character_set_ = CharacterSet(instance.Raw(*names));
}

void MetadataWriter::Write(InstanceMetadata* out) {
  const std::vector<Element>& elements = instance_.elements();
  out->dicom = "{";
  out->dicom.reserve(8192);
  for (uint32_t i = 0; i < elements.size(); i = elements[i].next) {
    const Element& element = elements[i];
    if (IsLeftOut(instance_, element)) continue;
    const auto entry = FindAttribute(element.tag);
    const Level level = entry && entry->tag == element.tag ? entry->level : Level::kInstance;
    if (level == Level::kInstance) {
      AppendMember(i, character_set_, &out->dicom);
      continue;
    }
    Attributes& attributes = level == Level::kPatient ? out->patient
                             : level == Level::kStudy ? out->study
                                                      : out->series;
    attributes.push_back({std::string(entry->keyword), {}});
    AppendValue(i, entry->vm_max, character_set_, &attributes.back().json);
  }
  out->dicom += '}';
  if (vrs_.empty()) return;
  out->dicom_vrs = "{";
  for (const auto& [tag, vr] : vrs_) {
    if (out->dicom_vrs.size() > 1) out->dicom_vrs += ',';
    out->dicom_vrs += '"';
    out->dicom_vrs += TagHex(tag);
    out->dicom_vrs += "\":\"";
    out->dicom_vrs += VrText(vr);
    out->dicom_vrs += '"';
  }
  out->dicom_vrs += '}';
}

void MetadataWriter::AppendMember(uint32_t index, const CharacterSet& set, std::string* out) {
  const Element& element = instance_.elements()[index];
  const auto entry = FindAttribute(element.tag);
  if (out->back() != '{') *out += ',';
  *out += '"';
  if (entry && entry->tag == element.tag) {
    *out += entry->keyword;
    *out += "\":";
    AppendValue(index, entry->vm_max, set, out);
    return;
  }
  // Overlays of a second plane, say, have the keywords of the first one: their tag tells them
  // apart.
  vrs_.emplace(element.tag, element.vr);
  *out += TagHex(element.tag);
  *out += "\":";
  AppendValue(index, entry ? entry->vm_max : kVmUnknown, set, out);
}

void MetadataWriter::AppendValue(uint32_t index, uint8_t vm_max, const CharacterSet& set,
                                 std::string* out) {
  const Element& element = instance_.elements()[index];
  if (element.vr == Vr::kSq) {
    AppendSequence(index, set, out);
  } else if (element.length == 0) {
    *out += "null";
  } else if (IsBinary(element.vr)) {
    *out += '"';
    AppendBase64(instance_.Raw(element), element, out);
    *out += '"';
  } else if (IsNumber(element.vr) || element.vr == Vr::kAt) {
    AppendNumbers(element, vm_max, out);
  } else {
    AppendText(element, vm_max, set, out);
  }
}

void MetadataWriter::AppendSequence(uint32_t index, const CharacterSet& set, std::string* out) {
  const std::vector<Element>& elements = instance_.elements();
  const uint32_t end = elements[index].next;
  if (index + 1 == end) {
    *out += "null";
    return;
  }
  *out += '[';
  for (uint32_t item = index + 1; item < end; item = elements[item].next) {
    if (item != index + 1) *out += ',';
    *out += '{';
    // An item may have a character set of its own, for itself and what is inside.
    const Element* names = instance_.FindIn(item, kSpecificCharacterSet);
    const CharacterSet own = names ? CharacterSet(instance_.Raw(*names)) : set;
    for (uint32_t i = item + 1; i < elements[item].next; i = elements[i].next) {
      if (!IsLeftOut(instance_, elements[i])) AppendMember(i, own, out);
    }
    *out += '}';
  }
  *out += ']';
}

void MetadataWriter::AppendNumbers(const Element& element, uint8_t vm_max, std::string* out) const {
  const std::string_view raw = instance_.Raw(element);
  const uint32_t unit = element.vr == Vr::kAt ? 4 : UnitBytes(element.vr);
  const uint32_t count = static_cast<uint32_t>(raw.size()) / unit;
  if (count == 0) {
    *out += "null";
    return;
  }
  const bool array = count > 1 || (vm_max != 1 && vm_max != kVmUnknown);
  if (array) *out += '[';
  for (uint32_t i = 0; i < count; ++i) {
    if (i > 0) *out += ',';
    AppendNumber(raw, element, i, out);
  }
  if (array) *out += ']';
}

std::string_view MetadataWriter::Decode(const Element& element, const CharacterSet& set) {
  const std::string_view raw = instance_.Raw(element);
  if (CharacterSet::IsPlain(raw)) return raw;
  scratch_.clear();
  // Codes are ASCII whatever the data set says; what is not is replaced.
  (HasCharacterSet(element.vr) ? set : CharacterSet()).Append(raw, element.vr, &scratch_);
  return scratch_;
}

void MetadataWriter::AppendText(const Element& element, uint8_t vm_max, const CharacterSet& set,
                                std::string* out) {
  std::string_view text = Decode(element, set);
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  if (TrimEnd(text).empty()) {
    *out += "null";
    return;
  }
  const bool keep_padding = element.vr == Vr::kDs || element.vr == Vr::kIs;
  const auto append = [&](std::string_view part) {
    const std::string_view trimmed = TrimEnd(part);
    if (trimmed.empty()) {
      *out += "null";
    } else {
      json::AppendString(out, keep_padding ? part : trimmed);
    }
  };
  if (IsSingleText(element.vr)) return append(text);
  // A backslash in a single value is wrong, but the value is one: whoever groups or compares it
  // must see all of it.
  const bool array = vm_max == kVmUnknown ? text.find('\\') != std::string_view::npos : vm_max != 1;
  if (!array) return append(text);
  *out += '[';
  ForEachValue(text, [&](std::string_view part) {
    if (out->back() != '[') *out += ',';
    append(part);
  });
  *out += ']';
}

}  // namespace tarn::dicom::internal
