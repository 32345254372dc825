#include "dicom/instance.h"

#include <algorithm>
#include <charconv>

#include "dicom/character_set.h"
#include "dicom/internal/file_parser.h"
#include "dicom/internal/values.h"

namespace tarn::dicom {

Result<Instance> Instance::Parse(std::string_view file, const Limits& limits) {
  return FileParser(file, nullptr, limits).Run();
}

Result<Instance> Instance::ParseFrom(ByteSource* source, const Limits& limits) {
  return FileParser({}, source, limits).Run();
}

const Element* Instance::Find(Tag tag) const {
  const auto found =
      std::lower_bound(top_.begin(), top_.end(), tag,
                       [&](uint32_t index, Tag wanted) { return elements_[index].tag < wanted; });
  if (found == top_.end() || elements_[*found].tag != tag) return nullptr;
  return &elements_[*found];
}

std::vector<uint32_t> Instance::Items(const Element& sequence) const {
  std::vector<uint32_t> out;
  if (sequence.vr != Vr::kSq) return out;
  const auto index = static_cast<uint32_t>(&sequence - elements_.data());
  for (uint32_t i = index + 1; i < sequence.next; i = elements_[i].next) out.push_back(i);
  return out;
}

const Element* Instance::FindIn(uint32_t item, Tag tag) const {
  for (uint32_t i = item + 1; i < elements_[item].next; i = elements_[i].next) {
    if (elements_[i].tag == tag) return &elements_[i];
  }
  return nullptr;
}

std::optional<int64_t> Instance::Integer(Tag tag, Vr vr, uint32_t index) const {
  const Element* element = Find(tag);
  if (!element || element->vr != vr) return std::nullopt;
  return internal::IntegerAt(*this, *element, index);
}

std::optional<int64_t> Instance::IntegerString(Tag tag) const {
  const Element* element = Find(tag);
  if (!element || element->vr != Vr::kIs) return std::nullopt;
  std::string_view text = internal::Trim(Raw(*element));
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> Instance::Text(Tag tag) const {
  const Element* element = Find(tag);
  if (!element || !IsText(element->vr)) return std::nullopt;
  std::string_view raw = Raw(*element);
  std::string decoded;
  if (HasCharacterSet(element->vr) && !CharacterSet::IsPlain(raw)) {
    const Element* names = Find(kSpecificCharacterSet);
    const CharacterSet set(names ? Raw(*names) : std::string_view());
    set.Append(raw, element->vr, &decoded);
    raw = decoded;
  }
  const auto entry = FindAttribute(tag);
  const bool several = !IsSingleText(element->vr) && (!entry || entry->vm_max != 1);
  if (several) raw = raw.substr(0, raw.find('\\'));
  return std::string(internal::Trim(raw));
}

std::optional<std::string_view> Instance::Uid(Tag tag) const {
  const Element* element = Find(tag);
  if (!element || element->vr != Vr::kUi) return std::nullopt;
  return internal::Trim(Raw(*element));
}

Result<std::string_view> Instance::Bytes(ByteRange range, std::string* buffer) const {
  const uint64_t size = source_ ? source_->size() : bytes().size();
  if (range.offset > size || range.bytes > size - range.offset) {
    return Invalid("bytes beyond the end of the file");
  }
  if (!source_) return bytes().substr(range.offset, range.bytes);
  buffer->clear();
  TRY(source_->Read(range.offset, range.bytes, buffer));
  return std::string_view(*buffer);
}

Error MissingAttribute(Tag tag) {
  return Invalid("DICOM attribute " + AttributeName(tag) + " does not exist");
}

}  // namespace tarn::dicom
