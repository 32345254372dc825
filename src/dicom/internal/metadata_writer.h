// Elements to the values of HealthImaging's metadata.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "dicom/character_set.h"
#include "dicom/instance.h"
#include "dicom/metadata.h"

namespace tarn::dicom::internal {

// Splits a text value and appends each part as a JSON string: calls `append(part)` for each.
template <typename Append>
void ForEachValue(std::string_view text, const Append& append) {
  for (;;) {
    const size_t end = text.find('\\');
    append(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// True for what no metadata carries: group lengths, padding, offset tables and duplicates; the
// instance's own pixel data when `depth` is 0.
bool IsLeftOut(const Instance& instance, const Element& element);

class MetadataWriter {
 public:
  explicit MetadataWriter(const Instance& instance);

  // Distributes the data set over the levels. The instance's level is written to out->dicom.
  void Write(InstanceMetadata* out);

 private:
  void AppendMember(uint32_t index, const CharacterSet& set, std::string* out);
  // Recursion is as deep as the parser allows (Limits::depth_max).
  void AppendSequence(uint32_t index, const CharacterSet& set, std::string* out);
  void AppendValue(uint32_t index, uint8_t vm_max, const CharacterSet& set, std::string* out);
  void AppendNumbers(const Element& element, uint8_t vm_max, std::string* out) const;
  void AppendText(const Element& element, uint8_t vm_max, const CharacterSet& set,
                  std::string* out);
  // The element's text in UTF-8: a view of the file or of scratch_.
  std::string_view Decode(const Element& element, const CharacterSet& set);

  const Instance& instance_;
  CharacterSet character_set_;
  std::map<Tag, Vr> vrs_;  // Of attributes without keyword.
  std::string scratch_;
};

}  // namespace tarn::dicom::internal
