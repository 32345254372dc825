#include "dicom/warnings.h"

#include <algorithm>
#include <map>
#include <utility>

#include "dicom/character_set.h"
#include "dicom/internal/value_check.h"
#include "dicom/internal/values.h"

namespace tarn::dicom {
namespace {

struct TypeRow {
  WarningCode code;
  std::string_view type;
};
// InvalidOffsetTable is the service's own word; the others are formed like it.
constexpr TypeRow kTypes[] = {
    {WarningCode::kCoercion, "CoercionOfDataElements"},
    {WarningCode::kDiscarded, "ElementsDiscarded"},
    {WarningCode::kSopMismatch, "SOPMismatch"},
    {WarningCode::kTranscodingException, "TranscodingException"},
    {WarningCode::kFrameExtraction, "FrameExtractionException"},
    {WarningCode::kFrameCountMismatch, "FrameCountMismatch"},
    {WarningCode::kOffsetTable, "InvalidOffsetTable"},
    {WarningCode::kUnsupportedSyntax, "UnsupportedTransferSyntax"},
    {WarningCode::kBadUid, "InvalidUID"},
    {WarningCode::kValueTooLong, "ValueTooLong"},
    {WarningCode::kOther, "Other"},
};

Error TooLong(Tag tag, uint32_t max) {
  return Invalid("DICOM attribute " + AttributeName(tag) + " is longer than " +
                 std::to_string(max) + " characters");
}

Result<std::string> ReadUid(const Instance& instance, Tag tag) {
  // The text rather than the VR: implicit or explicit, right or wrong.
  const auto text = instance.Text(tag);
  if (!text || text->empty()) return MissingAttribute(tag);
  if (text->size() > kIdentifierCharactersMax) return TooLong(tag, kIdentifierCharactersMax);
  if (!internal::IsHarmlessIdentifier(*text)) {
    return Invalid("DICOM attribute " + AttributeName(tag) + " is no UID");
  }
  return *text;
}

struct LengthRow {
  Tag tag;
  uint32_t characters_max;
};
constexpr LengthRow kLengths[] = {
    {kPatientName, kIdentifierCharactersMax},
    {kPatientId, kIdentifierCharactersMax},
    {kStudyId, kIdentifierCharactersMax},
    {kStudyDescription, kIdentifierCharactersMax},
    {kAccessionNumber, kIdentifierCharactersMax},
    {kPatientBirthDate, kDateCharactersMax},
    {kStudyDate, kDateCharactersMax},
    {kPatientSex, kSexCharactersMax},
    {kStudyTime, kStudyTimeCharactersMax},
};

Status CheckLengths(const Instance& instance) {
  for (const LengthRow& row : kLengths) {
    const Element* element = instance.Find(row.tag);
    // UTF-8 has no more characters than any of the sets has bytes.
    if (!element || element->length <= row.characters_max) continue;
    if (internal::Characters(instance.Text(row.tag).value_or("")) > row.characters_max) {
      return TooLong(row.tag, row.characters_max);
    }
  }
  for (const Tag tag : {kNumberOfStudyRelatedSeries, kNumberOfStudyRelatedInstances}) {
    const auto count = instance.IntegerString(tag);
    if (count && (*count < 0 || *count > kRelatedCountMax)) {
      return Invalid("DICOM attribute " + AttributeName(tag) + " is not within 0 and " +
                     std::to_string(kRelatedCountMax));
    }
  }
  return Ok();
}

// Counts what is wrong and remembers the first attribute.
class Findings {
 public:
  void Add(WarningCode code, Tag tag) {
    Row& row = rows_[code];
    if (row.count++ == 0) row.first = tag;
  }
  void AppendTo(std::vector<Warning>* out) const {
    for (const auto& [code, row] : rows_) {
      std::string text = "DICOM attribute " + AttributeName(row.first);
      text += Reason(code);
      if (row.count > 1) text += ", and " + std::to_string(row.count - 1) + " more";
      out->push_back({code, std::move(text)});
    }
  }

 private:
  struct Row {
    Tag first = 0;
    uint32_t count = 0;
  };
  static std::string_view Reason(WarningCode code) {
    switch (code) {
      case WarningCode::kDiscarded:
        return " stands twice, and the first one counts";
      case WarningCode::kBadUid:
        return " is no valid UID";
      case WarningCode::kValueTooLong:
        return " is longer than its value representation allows";
      default:
        return " has text that its character set does not have";
    }
  }
  std::map<WarningCode, Row> rows_;
};

// Whether one of the values has more characters than its VR allows.
bool IsTooLong(std::string_view text, Vr vr) {
  const uint32_t max = ValueCharactersMax(vr);
  for (bool more = true; more;) {
    const size_t end = IsSingleText(vr) ? std::string_view::npos : text.find('\\');
    more = end != std::string_view::npos;
    const std::string_view value = internal::TrimEnd(text.substr(0, end));
    if (value.size() > max && internal::Characters(value) > max) return true;
    if (more) text.remove_prefix(end + 1);
  }
  return false;
}

void CheckElement(const Instance& instance, const Element& element, const CharacterSet& set,
                  Findings* findings) {
  if (element.duplicate) findings->Add(WarningCode::kDiscarded, element.tag);
  if (!IsText(element.vr)) return;
  const std::string_view raw = instance.Raw(element);
  if (element.vr == Vr::kUi) {
    std::string_view rest = internal::TrimEnd(raw);
    while (!rest.empty()) {
      const std::string_view uid = rest.substr(0, rest.find('\\'));
      if (!internal::IsUid(uid)) {
        findings->Add(WarningCode::kBadUid, element.tag);
        break;
      }
      rest.remove_prefix(std::min(rest.size(), uid.size() + 1));
    }
  }
  const uint32_t max = ValueCharactersMax(element.vr);
  const bool maybe_long = max > 0 && raw.size() > max;
  const bool has_set = HasCharacterSet(element.vr);
  if (CharacterSet::IsPlain(raw) || !has_set) {
    if (maybe_long && IsTooLong(raw, element.vr)) {
      findings->Add(WarningCode::kValueTooLong, element.tag);
    }
    return;
  }
  std::string decoded;
  if (!set.Append(raw, element.vr, &decoded)) findings->Add(WarningCode::kCoercion, element.tag);
  if (maybe_long && IsTooLong(decoded, element.vr)) {
    findings->Add(WarningCode::kValueTooLong, element.tag);
  }
}

void CheckSopMismatch(const Instance& instance, std::vector<Warning>* out) {
  for (const auto& [meta, own] : {std::pair{kMediaStorageSopClassUid, kSopClassUid},
                                  std::pair{kMediaStorageSopInstanceUid, kSopInstanceUid}}) {
    const auto named = instance.Uid(meta);
    const auto actual = instance.Uid(own);
    if (!named || named->empty() || !actual || *named == *actual) continue;
    out->push_back({WarningCode::kSopMismatch, "DICOM attribute " + AttributeName(meta) +
                                                   " does not match " + AttributeName(own)});
    return;
  }
}

}  // namespace

std::string_view WarningType(WarningCode code) {
  for (const TypeRow& row : kTypes) {
    if (row.code == code) return row.type;
  }
  return "Other";
}

std::string InstanceIdentity::GroupingKey() const {
  std::string out;
  for (const std::string* part : {&study_date, &accession_number, &patient_id, &study_instance_uid,
                                  &study_id, &series_instance_uid, &series_number}) {
    out += std::to_string(part->size());
    out += ':';
    out += *part;
  }
  return out;
}

Result<InstanceIdentity> ReadIdentity(const Instance& instance) {
  const auto storage_class = instance.Uid(kMediaStorageSopClassUid);
  if (storage_class && *storage_class == uid::kMediaStorageDirectory) {
    return Invalid("the file is a DICOMDIR, which is no instance");
  }
  InstanceIdentity out;
  TRY(out.sop_class_uid, ReadUid(instance, kSopClassUid));
  TRY(out.sop_instance_uid, ReadUid(instance, kSopInstanceUid));
  TRY(out.study_instance_uid, ReadUid(instance, kStudyInstanceUid));
  TRY(out.series_instance_uid, ReadUid(instance, kSeriesInstanceUid));
  TRY(CheckLengths(instance));
  out.study_date = instance.Text(kStudyDate).value_or("");
  out.accession_number = instance.Text(kAccessionNumber).value_or("");
  out.patient_id = instance.Text(kPatientId).value_or("");
  out.study_id = instance.Text(kStudyId).value_or("");
  out.series_number = instance.Text(kSeriesNumber).value_or("");
  return out;
}

std::vector<Warning> CheckDataSet(const Instance& instance) {
  std::vector<Warning> out;
  CheckSopMismatch(instance, &out);
  Findings findings;
  const std::vector<Element>& elements = instance.elements();
  // The character sets in force: of the data set and of each item around the element.
  struct Scope {
    uint32_t end;
    CharacterSet set;
  };
  const Element* names = instance.Find(kSpecificCharacterSet);
  std::vector<Scope> scopes = {{static_cast<uint32_t>(elements.size()),
                                names ? CharacterSet(instance.Raw(*names)) : CharacterSet()}};
  if (!scopes.back().set.known()) findings.Add(WarningCode::kCoercion, kSpecificCharacterSet);
  for (uint32_t i = 0; i < elements.size(); ++i) {
    while (i >= scopes.back().end) scopes.pop_back();
    const Element& element = elements[i];
    if (element.vr == Vr::kItem) {
      const Element* own = instance.FindIn(i, kSpecificCharacterSet);
      if (own) scopes.push_back({element.next, CharacterSet(instance.Raw(*own))});
      continue;
    }
    CheckElement(instance, element, scopes.back().set, &findings);
  }
  findings.AppendTo(&out);
  const bool discarded = std::any_of(out.begin(), out.end(), [](const Warning& warning) {
    return warning.code == WarningCode::kDiscarded;
  });
  if (instance.has_trailing_bytes() && !discarded) {
    out.push_back({WarningCode::kDiscarded, "the bytes behind the data set were ignored"});
  }
  return out;
}

}  // namespace tarn::dicom
