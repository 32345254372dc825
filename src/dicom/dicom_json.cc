#include "dicom/dicom_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <vector>

#include "dicom/character_set.h"
#include "dicom/internal/metadata_writer.h"
#include "dicom/internal/values.h"
#include "json/writer.h"

namespace tarn::dicom {
namespace {

// Whether the text is a number as JSON writes them (RFC 8259 6).
bool IsJsonNumber(std::string_view text) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - begin;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const bool zero = i < text.size() && text[i] == '0';
  const size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

class DicomJsonWriter {
 public:
  DicomJsonWriter(const Instance& instance, std::string* out) : instance_(instance), out_(*out) {}

  // The elements [begin, end) of one data set. As deep as the parser allows.
  void DataSet(uint32_t begin, uint32_t end, const CharacterSet& set) {
    const std::vector<Element>& elements = instance_.elements();
    std::vector<uint32_t> members;
    for (uint32_t i = begin; i < end; i = elements[i].next) {
      const bool meta = elements[i].depth == 0 && GroupOf(elements[i].tag) == 2;
      if (!meta && !internal::IsLeftOut(instance_, elements[i])) members.push_back(i);
    }
    std::sort(members.begin(), members.end(),
              [&](uint32_t a, uint32_t b) { return elements[a].tag < elements[b].tag; });
    out_ += '{';
    for (const uint32_t i : members) {
      if (out_.back() != '{') out_ += ',';
      Member(i, set);
    }
    out_ += '}';
  }

 private:
  void Member(uint32_t index, const CharacterSet& set) {
    const Element& element = instance_.elements()[index];
    out_ += '"';
    out_ += TagHex(element.tag);
    out_ += R"(":{"vr":")";
    out_ += VrText(element.vr);
    out_ += '"';
    if (element.vr == Vr::kSq) {
      Sequence(index, set);
    } else if (element.tag == kSpecificCharacterSet) {
      out_ += R"(,"Value":["ISO_IR 192"])";
    } else if (element.length > 0) {
      Value(element, set);
    }
    out_ += '}';
  }

  void Sequence(uint32_t index, const CharacterSet& set) {
    const std::vector<Element>& elements = instance_.elements();
    const uint32_t end = elements[index].next;
    if (index + 1 == end) return;
    out_ += R"(,"Value":[)";
    for (uint32_t item = index + 1; item < end; item = elements[item].next) {
      if (item != index + 1) out_ += ',';
      const Element* names = instance_.FindIn(item, kSpecificCharacterSet);
      DataSet(item + 1, elements[item].next, names ? CharacterSet(instance_.Raw(*names)) : set);
    }
    out_ += ']';
  }

  void Value(const Element& element, const CharacterSet& set) {
    const std::string_view raw = instance_.Raw(element);
    if (IsBinary(element.vr)) {
      out_ += R"(,"InlineBinary":")";
      internal::AppendBase64(raw, element, &out_);
      out_ += '"';
      return;
    }
    if (IsText(element.vr)) return Texts(element, raw, set);
    const uint32_t unit = element.vr == Vr::kAt ? 4 : UnitBytes(element.vr);
    const auto count = static_cast<uint32_t>(raw.size()) / unit;
    if (count == 0) return;
    out_ += R"(,"Value":[)";
    for (uint32_t i = 0; i < count; ++i) {
      if (i > 0) out_ += ',';
      internal::AppendNumber(raw, element, i, &out_);
    }
    out_ += ']';
  }

  void Texts(const Element& element, std::string_view raw, const CharacterSet& set) {
    std::string decoded;
    if (!CharacterSet::IsPlain(raw)) {
      (HasCharacterSet(element.vr) ? set : CharacterSet()).Append(raw, element.vr, &decoded);
      raw = decoded;
    }
    raw = internal::TrimEnd(raw);
    if (raw.empty()) return;
    out_ += R"(,"Value":[)";
    if (IsSingleText(element.vr)) {
      json::AppendString(&out_, raw);
    } else {
      internal::ForEachValue(raw, [&](std::string_view part) {
        if (out_.back() != '[') out_ += ',';
        Text(element.vr, part);
      });
    }
    out_ += ']';
  }

  void Text(Vr vr, std::string_view text) {
    // Leading spaces mean something in UC only; elsewhere they are padding (PS3.5 6.2).
    text = vr == Vr::kUc ? internal::TrimEnd(text) : internal::Trim(text);
    if (text.empty()) {
      out_ += "null";
    } else if (vr == Vr::kPn) {
      Name(text);
    } else if (vr == Vr::kDs || vr == Vr::kIs) {
      Decimal(text);
    } else {
      json::AppendString(&out_, text);
    }
  }

  // As written where JSON can, else as the number that it is, else as a string.
  void Decimal(std::string_view text) {
    if (IsJsonNumber(text)) {
      out_ += text;
      return;
    }
    const std::string_view digits = text.front() == '+' ? text.substr(1) : text;
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool whole = error == std::errc() && end == digits.data() + digits.size();
    if (!whole || !std::isfinite(value)) return json::AppendString(&out_, text);
    char number[64];
    const auto [number_end, number_error] = std::to_chars(number, number + sizeof(number), value);
    out_.append(number, number_end);
  }

  void Name(std::string_view text) {
    out_ += '{';
    for (const std::string_view group : {"Alphabetic", "Ideographic", "Phonetic"}) {
      const size_t end = text.find('=');
      const std::string_view part = internal::TrimEnd(text.substr(0, end));
      if (!part.empty()) {
        if (out_.back() != '{') out_ += ',';
        json::AppendString(&out_, group);
        out_ += ':';
        json::AppendString(&out_, part);
      }
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
    }
    out_ += '}';
  }

  const Instance& instance_;
  std::string& out_;
};

}  // namespace

void AppendDicomJson(const Instance& instance, std::string* out) {
  const Element* names = instance.Find(kSpecificCharacterSet);
  DicomJsonWriter(instance, out)
      .DataSet(0, static_cast<uint32_t>(instance.elements().size()),
               names ? CharacterSet(instance.Raw(*names)) : CharacterSet());
}

}  // namespace tarn::dicom
